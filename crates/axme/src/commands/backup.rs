//! `axme backup` and `axme restore`: copies of a data folder with SQLite, on the machine that has it.

use std::path::{Path, PathBuf};

use axme_intent::Time;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;
use crate::server::backup::{self as files, BackupError, Manifest};
use crate::server::now;
use crate::{folders, program_for};

/// Write a backup of a data folder to a file, while its server runs
///
/// The file holds the database as it is at one moment, the uploaded files and the administrator's key. Only you can read
/// it: keep it that way, because it holds every secret of the server. With PostgreSQL, use the tools of the database.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  axme --data /var/lib/axme backup /backup/axme.tar\n  axme backup verify /backup/axme.tar",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Backup {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    /// The file to write; it must not exist
    #[arg(required = true)]
    file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Check that a backup is complete and undamaged
    Verify {
        /// The backup
        file: PathBuf,
    },
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
    /// The backup to restore
    #[arg(required_unless_present = "resume")]
    file: Option<PathBuf>,
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
    pub(crate) fn run(self, flags: &Flags) -> Result<(), Failure> {
        if let Some(BackupCommand::Verify { file }) = self.command {
            let manifest = files::verify(&file)?;
            return tell(&file, &manifest, "complete and undamaged", flags);
        }
        let file = self.file.unwrap_or_default();
        if folders::environment("AXME_DATABASE_URL").is_some() {
            return Err(Failure::usage("AXME_DATABASE_URL is set: back up PostgreSQL with its own tools"));
        }
        let manifest = files::write(&folders::data(flags.data.as_deref())?, &file, now())?;
        tell(&file, &manifest, "written", flags)
    }
}

fn tell(file: &Path, manifest: &Manifest, what: &str, flags: &Flags) -> Result<(), Failure> {
    if flags.format().is_json() {
        return flags.format().print_json(&json!({ "ok": true, "file": file, "manifest": manifest }));
    }
    let bytes: u64 = manifest.entries.iter().map(|entry| entry.bytes).sum();
    let count = manifest.entries.len();
    line(format!("{}: {what}, {count} entries, {bytes} bytes, from {}", file.display(), manifest.created_at))?;
    if manifest.missing_files > 0 {
        line(format!(
            "{} files are not in it: they are in a bucket, or were deleted meanwhile",
            manifest.missing_files
        ))?;
    }
    Ok(())
}

impl Restore {
    pub(crate) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let data = folders::data(flags.data.as_deref())?;
        let Some(file) = self.file else { return resume(&data, flags) };
        let restored = files::restore(&file, &data, now())?;
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
