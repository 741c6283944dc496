//! `axme audit verify`: checks that audit trails are as they were written, without the server.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;
use crate::server::audit::{self, AuditError, Statement, TrailReport};
use crate::{folders, text_file};

/// Verify that nobody changed or cut the audit trails of a database or an export
///
/// Without files, the trails of the database are verified: that of AXME_DATABASE_URL, else that of the data folder. The
/// server may run. Give the checkpoints that were kept outside: the folder of audit.checkpoints, a mail, or the log of the server. Without one, the command can only say
/// that a trail is consistent: the owner of the database could have written it anew.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  axme --data /var/lib/axme audit verify --checkpoint /var/log/axme.log\n  axme audit verify export/audit-*.jsonl --checkpoint kept.txt"
)]
pub(crate) struct Verify {
    /// Files of an export, instead of the database
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A file with kept checkpoints, or a folder of such files: a log, an export, a mail or a bare statement
    #[arg(long, value_name = "PATH")]
    checkpoint: Option<PathBuf>,
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Failure {
        match error {
            AuditError::NoDatabase(_) => Failure::usage(error),
            other => Failure::new(other),
        }
    }
}

impl Verify {
    pub(super) async fn run(mut self, flags: &Flags) -> Result<(), Failure> {
        let kept = match &self.checkpoint {
            Some(place) => Some(kept_in(place)?),
            None => None,
        };
        if let (Some(file), Some([])) = (&self.checkpoint, kept.as_deref()) {
            return Err(Failure::usage(format!("{} has no checkpoint of an audit trail", file.display())));
        }
        let kept = kept.unwrap_or_default();
        let reports = if self.files.is_empty() {
            let (data, url) = (folders::data(flags.data.as_deref())?, folders::environment("AXME_DATABASE_URL"));
            audit::verify_database(&data, url.as_deref(), &kept).await?
        } else {
            // The names have the days, so their order is that of the lines.
            self.files.sort();
            audit::verify_export(&self.files, &kept)?
        };
        let is_useless = !kept.is_empty() && reports.iter().all(|report| report.anchored_to.is_none());
        report(flags, &reports, is_useless)
    }
}

/// Returns the checkpoints in a file, or in the files of a folder.
fn kept_in(place: &Path) -> Result<Vec<Statement>, Failure> {
    if !place.is_dir() {
        return Ok(Statement::find_all(&text_file::read(place)?));
    }
    let unreadable = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", place.display()));
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(place).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() {
            kept.extend(Statement::find_all(&text_file::read(&file)?));
        }
    }
    Ok(kept)
}

/// Prints the findings. `is_useless` is true if no given checkpoint anchors anything.
fn report(flags: &Flags, reports: &[TrailReport], is_useless: bool) -> Result<(), Failure> {
    let is_proven = |report: &&TrailReport| report.broken.is_none() && !lacks_anchor(report);
    let unproven = reports.len() - reports.iter().filter(is_proven).count();
    let is_well = unproven == 0 && !is_useless;
    if flags.format().is_json() {
        flags.format().print_json(&json!({ "ok": is_well, "trails": reports }))?;
    } else if reports.is_empty() {
        line("No audit trails.")?;
    } else {
        reports.iter().map(sentence).try_for_each(line)?;
    }
    match (is_well, flags.format().is_json()) {
        (true, _) => Ok(()),
        (false, true) => Err(Failure::quiet(Ending::Failed)),
        (false, false) if unproven == 0 => {
            Err(Failure::new("no given checkpoint is about these trails, so none of them is anchored"))
        }
        (false, false) => {
            Err(Failure::new(format!("{unproven} of {} audit trails are not as they should be", reports.len())))
        }
    }
}

/// Whether checkpoints of the trail were given, and none of them could be compared.
fn lacks_anchor(report: &TrailReport) -> bool {
    report.anchored_to.is_none() && !report.not_compared.is_empty()
}

fn sentence(report: &TrailReport) -> String {
    let TrailReport { trail, first, last, lines, .. } = report;
    if let Some((seq, why)) = report.broken {
        return format!("✗ {trail}: broken at line {seq}: {why}");
    }
    if *lines == 0 && report.anchored_to.is_none() {
        return format!("✓ {trail}: no lines are kept; {last} were swept");
    }
    match report.anchored_to {
        Some(seq) if seq >= *last => format!("✓ {trail}: lines {first} to {last}: nothing was changed or cut"),
        Some(seq) => format!(
            "✓ {trail}: lines {first} to {last}: nothing was changed or cut up to line {seq}; the later ones are consistent"
        ),
        None if lacks_anchor(report) => {
            format!(
                "✗ {trail}: lines {first} to {last} are consistent, not anchored: no given checkpoint is about them"
            )
        }
        None if report.is_first_unproven => format!(
            "✓ {trail}: lines {first} to {last} are consistent, not anchored; the line before {first} is in an earlier export"
        ),
        None => format!("✓ {trail}: lines {first} to {last} are consistent, not anchored"),
    }
}
