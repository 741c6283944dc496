//! `axme backup` and `axme restore`: copies of a data folder with SQLite, made on the machine that has it.

use std::path::{Path, PathBuf};

use axme_intent::Time;
use clap::{Args, Subcommand};
use serde_json::json;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;
use crate::server::backup::{self as files, BackupError, Decryption, Encryption, Manifest, NeededKey, Object};
use crate::server::now;
use crate::settings::{ServerFlags, Settings};
use crate::{folders, hidden_input, program_for, text_file};

/// Write a backup of a data folder to a file or a bucket, while its server runs
///
/// The backup holds the database as it is at one moment, the uploaded files and the administrator's key. It holds every
/// secret of the server: encrypt it before it leaves the machine. With PostgreSQL, use the tools of the database.
///
/// The endpoint and the credentials of a bucket are those of the setting media, else those of the environment
/// (AWS_ACCESS_KEY_ID and so on).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  axme --data /var/lib/axme backup /backup/axme.tar\n  axme backup key backup-key.txt\n  axme --data /var/lib/axme backup s3://backups/axme.tar --public-key age1…\n  axme backup verify s3://backups/axme.tar --identity backup-key.txt",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Backup {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    /// The file to write, or s3://bucket/name; it must not exist
    #[arg(required = true, value_name = "FILE|URL")]
    target: Option<String>,
    /// Encrypt for the holder of this public key (age1…); may be given several times
    #[arg(long, value_name = "KEY", conflicts_with_all = ["passphrase_file", "passphrase"])]
    public_key: Vec<String>,
    /// Encrypt with the passphrase in this file, or - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase")]
    passphrase_file: Option<PathBuf>,
    /// Encrypt with a passphrase that you type at the terminal
    #[arg(long)]
    passphrase: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Check that a backup is complete and undamaged
    Verify {
        /// The backup: a file or s3://bucket/name
        #[arg(value_name = "FILE|URL")]
        source: String,
        #[command(flatten)]
        keys: Keys,
    },
    /// Make a key for encrypted backups: the private half goes to a file, the public half is printed
    ///
    /// Keep the file apart from the server. Its holder can read the backups that are made for it; nobody else can.
    Key {
        /// The file to write; it must not exist
        file: PathBuf,
    },
}

/// The key of an encrypted backup. Without one, the command asks for it at the terminal.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// The file with the private key of an encrypted backup
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    identity: Option<PathBuf>,
    /// The file with the passphrase of an encrypted backup, or - for stdin
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Keys {
    /// Reads the key of a backup. Asks for a missing one if a person can answer.
    fn read(&self, backup: &Path) -> Result<Decryption, Failure> {
        match (&self.identity, &self.passphrase_file) {
            (Some(file), _) => return Ok(Decryption::with_private_keys(&text_file::read(file)?)?),
            (None, Some(file)) => return Ok(Decryption::with_passphrase(&text_file::read(file)?)?),
            (None, None) => {}
        }
        match files::needed_key(backup)?.filter(|_| hidden_input::is_possible()) {
            None => Ok(Decryption::None),
            Some(NeededKey::Passphrase) => {
                Ok(Decryption::with_passphrase(&hidden_input::ask("Passphrase of the backup")?)?)
            }
            Some(NeededKey::PrivateKey) => {
                Ok(Decryption::with_private_keys(&hidden_input::ask("Private key (AGE-SECRET-KEY-…)")?)?)
            }
        }
    }
}

/// Restore a backup into an empty data folder
///
/// Sessions, grants and unused links of the backup end, and tokens are signed with a new key. The command lists the API
/// keys that are valid again, also those revoked since the backup: revoke them anew.
///
/// A server on the restored folder delivers nothing, sends nothing and fires no timer, so that you can look first. Then
/// run the command again with --resume.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  axme --data /var/lib/axme restore /backup/axme.tar\n  axme --data /var/lib/axme restore --resume"
)]
pub(crate) struct Restore {
    /// The backup to restore: a file or s3://bucket/name
    #[arg(required_unless_present = "resume", value_name = "FILE|URL")]
    source: Option<String>,
    #[command(flatten)]
    keys: Keys,
    /// Let the server of a restored folder deliver
    #[arg(long)]
    resume: bool,
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Failure {
        match error {
            BackupError::Refused(why) => Failure::usage(why),
            other => Failure::new(other),
        }
    }
}

impl Backup {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self.command {
            Some(BackupCommand::Verify { source, keys }) => {
                let fetched = Fetched::get(&source, flags).await?;
                let manifest = files::verify(&fetched.file, &keys.read(&fetched.file)?)?;
                return tell(&source, &manifest, "complete and undamaged", flags);
            }
            Some(BackupCommand::Key { file }) => return make_key(&file, flags),
            None => {}
        }
        if folders::environment("AXME_DATABASE_URL").is_some() {
            return Err(Failure::usage("AXME_DATABASE_URL is set: back up PostgreSQL with its own tools"));
        }
        let encryption = match &self.passphrase_file {
            _ if self.passphrase => Encryption::with_passphrase(&hidden_input::ask_twice("Passphrase of the backup")?)?,
            Some(file) => Encryption::with_passphrase(&text_file::read(file)?)?,
            None if self.public_key.is_empty() => Encryption::None,
            None => Encryption::for_public_keys(&self.public_key)?,
        };
        let (data, target) = (folders::data(flags.data.as_deref())?, self.target.unwrap_or_default());
        let manifest = match object(&target, flags)? {
            None => files::write(&data, Path::new(&target), &encryption, now())?,
            Some(object) => {
                object.check_free().await?;
                let work = files::work_folder(&data)?;
                let draft = work.path().join("axme.tar");
                let manifest = files::write(&data, &draft, &encryption, now())?;
                object.upload(&draft).await?;
                manifest
            }
        };
        tell(&target, &manifest, "written", flags)
    }
}

/// Returns the place in a bucket that a text names; `None` for a file.
fn object(text: &str, flags: &Flags) -> Result<Option<Object>, Failure> {
    if !Object::is_url(text) {
        return Ok(None);
    }
    let server = ServerFlags { data: flags.data.clone(), ..ServerFlags::default() };
    Ok(Some(Object::open(text, &Settings::load(&server)?.server.media)?))
}

/// A backup on the disk. One from a bucket is deleted when this is dropped.
struct Fetched {
    file: PathBuf,
    _work: Option<TempDir>,
}

impl Fetched {
    async fn get(source: &str, flags: &Flags) -> Result<Fetched, Failure> {
        let Some(object) = object(source, flags)? else { return Ok(Fetched { file: source.into(), _work: None }) };
        let work = files::work_folder(&std::env::temp_dir())?;
        let file = work.path().join("axme.tar");
        object.download(&file).await?;
        Ok(Fetched { file, _work: Some(work) })
    }
}

fn make_key(file: &Path, flags: &Flags) -> Result<(), Failure> {
    let public_key = files::make_key(file)?;
    if flags.format().is_json() {
        return flags.format().print_json(&json!({ "ok": true, "file": file, "public_key": public_key }));
    }
    line(format!("✓ wrote {}: keep it apart from the server", file.display()))?;
    line(format!("  Encrypt backups with --public-key {public_key}"))
}

fn tell(file: &str, manifest: &Manifest, what: &str, flags: &Flags) -> Result<(), Failure> {
    if flags.format().is_json() {
        return flags.format().print_json(&json!({ "ok": true, "file": file, "manifest": manifest }));
    }
    let bytes: u64 = manifest.entries.iter().map(|entry| entry.bytes).sum();
    let count = manifest.entries.len();
    line(format!("{file}: {what}, {count} entries, {bytes} bytes, from {}", manifest.created_at))?;
    if manifest.missing_files > 0 {
        line(format!(
            "{} files are not in it: they are in a bucket, or were deleted meanwhile",
            manifest.missing_files
        ))?;
    }
    Ok(())
}

impl Restore {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let data = folders::data(flags.data.as_deref())?;
        let Some(source) = self.source else { return resume(&data, flags) };
        let fetched = Fetched::get(&source, flags).await?;
        let restored = files::restore(&fetched.file, &self.keys.read(&fetched.file)?, &data, now())?;
        if self.resume {
            files::resume(&data)?;
        }
        let time = |at: Option<Time>| at.map_or("never".to_owned(), |at| at.to_string());
        if flags.format().is_json() {
            let keys = restored.keys.iter().map(|key| {
                json!({ "workspace": key.workspace, "key_id": key.key_id, "account": key.account, "hint": key.hint,
                    "created_at": key.created_at.to_string(), "last_used_at": key.last_used_at.map(|at| at.to_string()) })
            });
            let keys = keys.collect::<Vec<_>>();
            return flags
                .format()
                .print_json(&json!({ "ok": true, "data": data, "keys": keys, "paused": !self.resume }));
        }
        let ended = restored.ended;
        line(format!("Restored the backup from {} into {}.", restored.manifest.created_at, data.display()))?;
        line(format!(
            "Ended: {} sessions, {} grants of sign-ins, {} unused links. Tokens get a new signing key.",
            ended.sessions, ended.grants, ended.links
        ))?;
        line("\nThese API keys are valid again. Revoke those that were revoked since the backup:")?;
        for key in &restored.keys {
            line(format!(
                "  {}  {}  {}  …{}  made {}, last used {}",
                key.workspace,
                key.account,
                key.key_id,
                key.hint,
                key.created_at,
                time(key.last_used_at)
            ))?;
        }
        if !self.resume {
            line("\nA server on this folder delivers nothing yet. When all is well:")?;
            line(format!("  {} restore --resume", program_for(Some(&data))))?;
        }
        Ok(())
    }
}

fn resume(data: &Path, flags: &Flags) -> Result<(), Failure> {
    let was_paused = files::resume(data)?;
    if flags.format().is_json() {
        return flags.format().print_json(&json!({ "ok": true, "was_paused": was_paused }));
    }
    line(if was_paused { "The server of this folder delivers from now on." } else { "It was not paused." })
}
