//! `axme retention`: how long the workspace keeps its data, and holds by the operators of the server.

use axme_client::api::retention::{
    self, ChangeHold, Days, GetRetention, Hours, Retention as Rules, RetentionAnswer, UpdateRetention,
};
use clap::{Args, Subcommand};

use super::word;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{day_time, line, print_list};
use crate::session::{Session, Shape};

/// Show and set how long the workspace keeps its data
#[derive(Debug, Subcommand)]
pub(crate) enum Retention {
    /// Show the rules of the workspace, and whether it is on hold
    Show,
    Set(Set),
    /// Stop all deletions of old data of the workspace; for operators of the server
    Hold(Reason),
    /// End the hold of the workspace; for operators of the server
    Release(Reason),
}

/// Set the rules of the workspace; a rule that is left out follows the setting of the server
#[derive(Debug, Args)]
#[command(after_help = "Example: axme retention set --intents-days 90 --audit-days 730")]
pub(crate) struct Set {
    /// Days that an intent is kept after its end
    #[arg(long, value_name = "DAYS", value_parser = days)]
    intents_days: Option<Days>,
    /// Days that a finished file is kept
    #[arg(long, value_name = "DAYS", value_parser = days)]
    files_days: Option<Days>,
    /// Days that a line of the audit trail is kept
    #[arg(long, value_name = "DAYS", value_parser = days)]
    audit_days: Option<Days>,
    /// Days that an event for subscribers is kept
    #[arg(long, value_name = "DAYS", value_parser = days)]
    events_days: Option<Days>,
    /// Hours that the answer to a call with an idempotency key is kept
    #[arg(long, value_name = "HOURS", value_parser = word::<Hours>)]
    reply_hours: Option<Hours>,
}

#[derive(Debug, Args)]
pub(crate) struct Reason {
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

fn days(text: &str) -> Result<Days, String> {
    word(text)
}

impl Retention {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        let workspace = session.settings.workspace();
        let show = |answer: RetentionAnswer| show(&answer.retention);
        match self {
            Retention::Show => session.tell(&retention::GET, &GetRetention { workspace }, Shape::Bare, show).await,
            Retention::Set(Set { intents_days, files_days, audit_days, events_days, reply_hours }) => {
                let input =
                    UpdateRetention { workspace, intents_days, files_days, audit_days, events_days, reply_hours };
                session.tell(&retention::UPDATE, &input, Shape::Bare, show).await
            }
            Retention::Hold(Reason { reason }) => {
                session.tell(&retention::HOLD, &ChangeHold { workspace, reason }, Shape::Bare, show).await
            }
            Retention::Release(Reason { reason }) => {
                session.tell(&retention::RELEASE, &ChangeHold { workspace, reason }, Shape::Bare, show).await
            }
        }
    }
}

fn show(shown: &Rules) -> Result<(), Failure> {
    let time = |number: Option<u64>, unit: &str, none: &str| {
        number.map_or(none.to_owned(), |number| format!("{number} {unit}"))
    };
    let row_in = |unit: &str, name: &str, own: Option<u64>, now: Option<u64>| {
        vec![name.to_owned(), time(own, unit, "as the server"), time(now, unit, "forever")]
    };
    let row = |name: &str, own: Option<u64>, now: Option<u64>| row_in("days", name, own, now);
    let (own, now) = (&shown.rules, &shown.effective);
    let rows = [
        row("ended intents", own.intents_days, now.intents_days),
        row("files", own.files_days, now.files_days),
        row("audit trail", own.audit_days, now.audit_days),
        row("events for subscribers", own.events_days, now.events_days),
        row_in("hours", "replies", own.reply_hours, now.reply_hours),
    ];
    print_list("rules", &["DATA", "RULE", "KEPT"], rows.into_iter())?;
    line(format!("A rule may be {} to {} days, for replies at least 24 hours.", shown.min_days, shown.max_days))?;
    match (&shown.hold, shown.held) {
        (Some(hold), _) => line(format!(
            "On hold since {} by {}: {}. Nothing is deleted.",
            day_time(hold.held_at),
            hold.held_by_actor_id,
            hold.reason.trim_end_matches('.')
        )),
        (None, true) => line("On hold. Nothing is deleted."),
        (None, false) => line("Not on hold."),
    }
}
