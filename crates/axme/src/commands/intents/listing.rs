//! `axme intents list`.

use std::collections::HashMap;
use std::time::Duration;

use axme_client::Id;
use axme_client::api::intents::IntentSummary;
use clap::Args;
use serde_json::{Value, json};

use super::is_for_people;
use super::selection::Selection;
use crate::failure::Failure;
use crate::lifecycle::outcome_label;
use crate::limit;
use crate::output::{age, line, print_list, print_table};
use crate::session::Session;

const HEADER: [&str; 5] = ["ID", "STATUS", "AGE", "LAST_STEP", "OWNER"];
/// How often `--watch` looks.
const PAUSE: Duration = Duration::from_secs(2);

/// List intents, newest first
///
/// LAST_STEP says how an intent ended, that nobody receives it, or what type it has. OWNER is its receiver.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme intents list --status WAITING,DELIVERED\n         axme intents list --to my-agent --since 2h --stuck"
)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Maximum number of intents
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit::read::<u64>)]
    limit: u64,
    /// Only intents older than this id: the next page
    #[arg(long, value_name = "INTENT_ID")]
    before: Option<String>,
    /// Keep watching, and print intents that are new or have changed
    #[arg(short, long)]
    watch: bool,
}

impl List {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let selected = self.selection.find(session, limit, self.before.clone().map(Id::from)).await?;
        let format = session.output();
        if !self.watch {
            if !is_for_people(format) {
                return format.print_json(&selected.intents.iter().map(record).collect::<Vec<Value>>());
            }
            print_list("intents", &HEADER, selected.intents.iter().map(row))?;
            return match selected.next_before {
                Some(id) => line(format!("\nThere may be more: add --before {id}")),
                None => Ok(()),
            };
        }
        let mut known: HashMap<Id, axme_client::Timestamp> = HashMap::new();
        let mut page = selected.intents;
        let mut is_first = true;
        loop {
            page.retain(|intent| {
                let before = known.insert(intent.intent_id.clone(), intent.updated_at);
                before != Some(intent.updated_at)
            });
            page.reverse();
            match is_for_people(format) {
                true if is_first => print_table(&HEADER, page.iter().map(row))?,
                true => page.iter().try_for_each(|intent| line(row(intent).join("  ")))?,
                false => page.iter().try_for_each(|intent| format.print_json(&record(intent)))?,
            }
            is_first = false;
            tokio::time::sleep(PAUSE).await;
            page = self.selection.find(session, limit, None).await?.intents;
        }
    }
}

/// Returns an intent as programs read it.
fn record(intent: &IntentSummary) -> Value {
    json!({
        "id": intent.intent_id, "status": intent.status, "age": age(intent.created_at), "last_step": last_step(intent),
        "owner": intent.to_agent, "updated_at": intent.updated_at, "created_at": intent.created_at,
        "type": intent.intent_type, "from": intent.from_agent, "outcome": intent.outcome.outcome,
        "outcome_text": intent.outcome.outcome_text, "nobody_listens": intent.nobody_listens,
    })
}

fn row(intent: &IntentSummary) -> Vec<String> {
    vec![
        intent.intent_id.to_string(),
        intent.status.to_string(),
        age(intent.created_at),
        last_step(intent),
        intent.to_agent.clone(),
    ]
}

/// Returns how an intent ended; else that nobody listens, or its type.
fn last_step(intent: &IntentSummary) -> String {
    let nobody = || intent.nobody_listens.then(|| "nobody listens".to_owned());
    outcome_label(&intent.outcome).or_else(nobody).unwrap_or_else(|| intent.intent_type.clone())
}
