//! `axme mail`: the mail of a workspace, and how far each got.

use axme_client::Id;
use axme_client::api::deliveries::{DeliveryFilter, DeliveryTransport, ListDeliveries};
use clap::Args;
use serde_json::json;

use super::deliveries::{find, print_deliveries};
use super::word;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::limit;
use crate::session::Session;

/// List the mail of the workspace, newest first: what waits, what was sent, and what was given up
///
/// The status is "submitted" before the first attempt and "pending" after a failed one. It is "delivered" once the mail server
/// has the mail, and "dead_lettered" once the mail is given up. `axme deliveries replay` sends such a mail again. Mail is listed for 30 days.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  axme mail --status dead_lettered\n  axme mail --intent 0197…")]
pub(crate) struct Mail {
    /// Only mail about this intent
    #[arg(long, value_name = "INTENT_ID")]
    intent: Option<String>,
    /// Only mail with this status
    #[arg(long, value_parser = word::<DeliveryFilter>)]
    status: Option<DeliveryFilter>,
    /// Only mail to people whose address contains this text
    #[arg(long, value_name = "TEXT")]
    to: Option<String>,
    /// Maximum number of mails
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = limit::read::<usize>)]
    limit: usize,
}

impl Mail {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        let wanted = ListDeliveries {
            intent_id: self.intent.map(Id::from),
            status: self.status,
            transport_type: Some(DeliveryTransport::Email),
            ..ListDeliveries::default()
        };
        let found = find(&session, &wanted, self.limit, |mail| {
            let is_to = |to: &String| mail.recipient.as_ref().is_some_and(|person| person.contains(to.as_str()));
            self.to.as_ref().is_none_or(is_to)
        });
        let found = found.await?;
        if session.output().is_json() {
            return session.output().print_json(&json!({ "mail": found }));
        }
        print_deliveries("mail", &found)
    }
}
