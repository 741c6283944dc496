//! `axme update`: a signed release replaces the program, and nothing else does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::{Home, stderr, stdout};

const ARCHIVE: &str = "axme-9.9.9.tar.gz";

/// Writes a release whose program says a version: an archive, its checksum, and the signature.
fn release(folder: &Path, program: &str, signer: &Ed25519KeyPair) {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    archive.append_data(&mut header, "axme-9.9.9/axme", program.as_bytes()).unwrap();
    let archive = archive.into_inner().unwrap().finish().unwrap();
    let sum: String = Sha256::digest(&archive).iter().map(|byte| format!("{byte:02x}")).collect();
    let sums = format!("{sum}  {ARCHIVE}\n");
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(ARCHIVE), archive).unwrap();
    fs::write(folder.join("SHA256SUMS.sig"), BASE64_STANDARD.encode(signer.sign(sums.as_bytes()))).unwrap();
    fs::write(folder.join("SHA256SUMS"), sums).unwrap();
}

#[test]
fn a_signed_release_replaces_the_program_and_nothing_else_does() {
    let home = Home::new();
    let said = home.fails(&["update"], 1);
    assert!(said.contains("no source of updates is configured, and nobody was contacted"), "{said}");
    assert!(
        home.fails(&["update", "--from", "http://127.0.0.1:9/x", "--public-key", "no"], 1).contains("cannot read no")
    );

    let (signer, stranger) = (Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap());
    let key = |pair: &Ed25519KeyPair, name: &str| {
        fs::write(home.path(name), BASE64_STANDARD.encode(pair.public_key().as_ref()) + "\n").unwrap();
    };
    key(&signer, "key.txt");
    key(&stranger, "other.txt");
    let program = home.path("axme");
    fs::copy(env!("CARGO_BIN_EXE_axme"), &program).unwrap();
    let update = |key: &str| -> Output {
        let mut command = Command::new(&program);
        command.args(["update", "--from", &format!("release/{ARCHIVE}"), "--public-key", key]);
        command.env_clear().env("HOME", home.path("")).current_dir(home.path("")).output().unwrap()
    };
    let is_refused = |key: &str, why: &str| {
        let output = update(key);
        assert!(!output.status.success() && stderr(&output).contains(why), "{why}: {}", stderr(&output));
        assert!(fs::metadata(&program).unwrap().len() > 1_000_000, "the program is still the old one");
    };
    let folder = home.path("release");
    release(&folder, "#!/bin/sh\necho axme 9.9.9\n", &signer);
    is_refused("other.txt", "the signature of SHA256SUMS is wrong");
    let archive = fs::read(folder.join(ARCHIVE)).unwrap();
    fs::write(folder.join(ARCHIVE), [&archive[..], b"x"].concat()).unwrap();
    is_refused("key.txt", "the checksum of axme-9.9.9.tar.gz is wrong");
    release(&folder, "#!/bin/sh\nexit 1\n", &signer);
    is_refused("key.txt", "the new program does not run here");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    fs::write(folder.join("SHA256SUMS"), sums.replace("9.9.9", "9.9.8")).unwrap();
    is_refused("key.txt", "the signature of SHA256SUMS is wrong");

    release(&folder, "#!/bin/sh\necho axme 9.9.9\n", &signer);
    let output = update("key.txt");
    assert!(output.status.success() && stdout(&output).contains("is axme 9.9.9 now"), "{}", stderr(&output));
    let said = Command::new(&program).arg("--version").output().unwrap();
    assert_eq!(stdout(&said), "axme 9.9.9\n");
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
    let left = fs::read_dir(home.path(""))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(".axme-"));
    assert_eq!(left.count(), 0, "no draft is left");
}
