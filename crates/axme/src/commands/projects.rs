//! `axme init` and `axme run`: a file with an example intent, and submitting such a file.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use axme_client::JsonFields;
use axme_client::api::intents::CreateIntent;
use clap::Args;
use serde_json::json;

use super::intents::create;
use crate::connection::ConnectionSettings;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;
use crate::session::Session;
use crate::text_file;

/// The examples, each an intent.
const EXAMPLES: [(&str, &str); 2] = [
    (
        "approval-resume",
        r#"{
  "intent_type": "intent.approval.demo.v1",
  "payload": {"service": "billing-api", "version": "2.4.0", "risk": "low"},
  "human_task": {"title": "Approve the release of billing-api 2.4.0?", "task_type": "approval"}
}
"#,
    ),
    (
        "tool-waiting",
        r#"{
  "intent_type": "intent.tool.demo.v1",
  "to_agent": "tool-runner",
  "payload": {"tool": "report.build", "arguments": {"month": "2026-04"}}
}
"#,
    ),
];

/// Write axme.yaml and an example intent into this folder
#[derive(Debug, Args)]
#[command(after_help = "Example: axme init --example tool-waiting && axme run tool-waiting")]
pub(crate) struct Init {
    /// Which example to write
    #[arg(long, value_name = "EXAMPLE", default_value = "approval-resume", value_parser = EXAMPLES.map(|(name, _)| name))]
    example: String,
    /// Overwrite files that exist
    #[arg(long)]
    force: bool,
}

/// Submit the intent in a file, or one of the examples of `axme init`
#[derive(Debug, Args)]
#[command(after_help = "Example: axme run approval-resume\n         axme run examples/approval-resume.json")]
pub(crate) struct Run {
    /// Name of an example, a JSON file, or - for stdin
    #[arg(value_name = "EXAMPLE|FILE")]
    what: String,
}

impl Init {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let settings = ConnectionSettings::find(flags).await?;
        let workspace = settings.workspace();
        let (_, intent) = find(&self.example).expect("the parser accepts the examples only");
        let id = |id: Option<axme_client::Id>| id.map(|id| id.to_string()).unwrap_or_default();
        let config = format!(
            "base_url: {}\norg_id: {}\nworkspace_id: {}\n",
            settings.base_url.value,
            id(workspace.org_id),
            id(workspace.workspace_id)
        );
        let intent_file = PathBuf::from("examples").join(format!("{}.json", self.example));
        fs::create_dir_all("examples").map_err(|e| Failure::new(format!("cannot create the folder examples: {e}")))?;
        let files = [(PathBuf::from("axme.yaml"), config.as_str()), (intent_file, intent)];
        if !self.force
            && let Some((file, _)) = files.iter().find(|(file, _)| file.exists())
        {
            return Err(Failure::new(format!("{} already exists; --force overwrites it", file.display())));
        }
        for (file, text) in &files {
            fs::write(file, text).map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))?;
        }
        let names: Vec<String> = files.iter().map(|(file, _)| file.display().to_string()).collect();
        if settings.output.is_json() {
            return settings.output.print_json(&json!({ "ok": true, "files": names }));
        }
        line(format!("✓ wrote {}", names.join(" and ")))?;
        line(format!("  Submit it:  {} run {}", settings.command, self.example))
    }
}

impl Run {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let file = Path::new(&self.what);
        let text = match find(&self.what).filter(|_| !file.exists()) {
            Some((name, built_in)) => {
                // A file that `axme init` wrote may have been changed.
                let written = Path::new("examples").join(format!("{name}.json"));
                match fs::metadata(&written) {
                    Err(error) if error.kind() == ErrorKind::NotFound => (*built_in).to_owned(),
                    _ => text_file::read(&written)?,
                }
            }
            None => text_file::read(file)?,
        };
        let wrong = |e: serde_json::Error| Failure::usage(format!("{} is not an intent: {e}", self.what));
        let mut fields: JsonFields = serde_json::from_str(&text).map_err(wrong)?;
        if fields.string("correlation_id").is_none() {
            fields.set("correlation_id", axme_client::fresh_key().as_str());
        }
        let intent: CreateIntent = axme_client::Json::from(fields).read().map_err(wrong)?;
        let session = Session::open(flags).await?;
        let to = intent.to_agent.clone().unwrap_or_default();
        create(&session, &intent, &to).await
    }
}

fn find(name: &str) -> Option<&'static (&'static str, &'static str)> {
    EXAMPLES.iter().find(|(known, _)| *known == name)
}
