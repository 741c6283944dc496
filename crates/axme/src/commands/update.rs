//! `axme update`: replaces this program by one from a release archive, after its signature and its checksum were verified.
//! Without a named source it contacts nobody.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use flate2::read::GzDecoder;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;
use crate::text_file;

/// The key that release builds trust: the 32 bytes of an Ed25519 key in Base64.
const RELEASE_KEY: Option<&str> = option_env!("AXME_RELEASE_KEY");
const SUMS: &str = "SHA256SUMS";
/// A larger archive is not one of ours.
const MAX_BYTES: u64 = 1 << 30;

/// Replace this program by a newer one from a release archive
///
/// SHA256SUMS and SHA256SUMS.sig must be beside the archive. The signature is verified with the key of this build, or with
/// --public-key. Then the checksum of the archive is verified, and the new program is run once before it replaces this one. A
/// running server goes on with the old program until it is restarted. Without --from, nobody is contacted.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme update --from axme-0.2.0-x86_64-unknown-linux-gnu.tar.gz --public-key release-key.txt"
)]
pub(crate) struct Update {
    /// The archive: a file or an https:// URL
    #[arg(long, value_name = "FILE|URL")]
    from: Option<String>,
    /// The file with the public key that signs releases (Ed25519, 32 bytes in Base64)
    #[arg(long, value_name = "FILE", requires = "from")]
    public_key: Option<PathBuf>,
}

impl Update {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Some(from) = self.from else {
            return Err(Failure::new(
                "no source of updates is configured, and nobody was contacted: name an archive with --from",
            ));
        };
        let key = match &self.public_key {
            Some(file) => text_file::read(file)?,
            None => RELEASE_KEY.map(str::to_owned).ok_or_else(|| {
                Failure::usage("this build trusts no release key: pass --public-key with the key of the release")
            })?,
        };
        let (folder, name) = from.rsplit_once('/').map_or((".", from.as_str()), |(folder, name)| (folder, name));
        let sums = fetch(&format!("{folder}/{SUMS}")).await?;
        check_signature(&sums, &fetch(&format!("{folder}/{SUMS}.sig")).await?, &key)?;
        let archive = fetch(&from).await?;
        check_sum(&sums, name, &archive)?;
        let program = unpack(&archive)?;
        let here =
            std::env::current_exe().map_err(|error| Failure::new(format!("cannot find this program: {error}")))?;
        let version = replace(&here, &program)?;
        if flags.format().is_json() {
            return flags.format().print_json(&json!({ "ok": true, "program": here, "version": version }));
        }
        line(format!("✓ {} is {version} now. Restart a running server to use it.", here.display()))
    }
}

/// Reads a file, or fetches it from an `https://` URL.
async fn fetch(from: &str) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| Failure::new(format!("cannot read {from}: {why}"));
    if !from.contains("://") {
        let file = std::fs::File::open(from).map_err(|error| failed(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        return Ok(bytes);
    }
    if !from.starts_with("https://") {
        return Err(Failure::usage("only https:// URLs are fetched"));
    }
    let client = reqwest::Client::builder().https_only(true).build().map_err(|error| failed(error.to_string()))?;
    let answer = client.get(from).send().await.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| failed(error.to_string()))? {
        bytes.extend_from_slice(&part);
        if bytes.len() as u64 > MAX_BYTES {
            return Err(failed("it is too large for a release".to_owned()));
        }
    }
    Ok(bytes)
}

fn check_signature(sums: &[u8], signature: &[u8], key: &str) -> Result<(), Failure> {
    let decode = |text: &[u8]| BASE64_STANDARD.decode(text.trim_ascii());
    let key = decode(key.as_bytes()).ok().filter(|key| key.len() == 32);
    let key = key.ok_or_else(|| Failure::usage("the public key must be 32 bytes in Base64"))?;
    let signature = decode(signature).map_err(|_| Failure::new(format!("{SUMS}.sig is not a signature in Base64")))?;
    UnparsedPublicKey::new(&ED25519, key)
        .verify(sums, &signature)
        .map_err(|_| Failure::new(format!("the signature of {SUMS} is wrong: it is not by the holder of the key")))
}

fn check_sum(sums: &[u8], name: &str, archive: &[u8]) -> Result<(), Failure> {
    let sums = String::from_utf8_lossy(sums);
    let listed = sums.lines().filter_map(|line| line.split_once("  ")).find(|(_, listed)| *listed == name);
    let (expected, _) = listed.ok_or_else(|| Failure::new(format!("{SUMS} does not list {name}")))?;
    let found: String = Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the checksum of {name} is wrong: the archive is damaged, or not the one that was released"
    )))
}

/// Returns the program in an archive.
fn unpack(archive: &[u8]) -> Result<Vec<u8>, Failure> {
    let damaged = |error: std::io::Error| Failure::new(format!("the archive cannot be read: {error}"));
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let is_program = entry.path().map_err(damaged)?.file_name().is_some_and(|name| name == "axme");
        if is_program && entry.header().entry_type().is_file() {
            let mut program = Vec::new();
            entry.take(MAX_BYTES).read_to_end(&mut program).map_err(damaged)?;
            return Ok(program);
        }
    }
    Err(Failure::new("the archive has no program axme"))
}

/// Replaces a program, once the new one has said its version. Returns the version.
fn replace(here: &Path, program: &[u8]) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot replace {}: {error}", here.display()));
    let folder = here.parent().unwrap_or(Path::new("."));
    let mut draft = tempfile::Builder::new().prefix(".axme-").tempfile_in(folder).map_err(failed)?;
    draft.write_all(program).and_then(|()| draft.as_file().sync_all()).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(here).map_err(failed)?.permissions().mode();
        std::fs::set_permissions(draft.path(), PermissionsExt::from_mode(mode)).map_err(failed)?;
    }
    // A file that is open for writing cannot be run.
    let draft = draft.into_temp_path();
    let said = Command::new(&draft).arg("--version").output();
    let said = said.map_err(|error| Failure::new(format!("the new program does not run here: {error}")))?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !said.status.success() || !version.starts_with("axme ") {
        return Err(Failure::new("the new program does not run here: it does not say its version"));
    }
    draft.persist(here).map_err(|error| failed(error.error))?;
    Ok(version)
}
