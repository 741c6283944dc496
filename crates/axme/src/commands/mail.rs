//! `axme mail`: mail that did not arrive.

use axme_client::api::deliveries::{DeliveryFilter, DeliveryTransport};
use clap::Args;
use serde_json::json;

use super::deliveries::{find, print_deliveries};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::session::Session;

/// List mail that was given up; with --intent, also mail that is tried again
///
/// `axme deliveries replay` sends one again. Mail that has arrived is not listed.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme mail --intent 0197…")]
pub(crate) struct Mail {
    /// Only mail about this intent
    #[arg(long, value_name = "INTENT_ID")]
    intent: Option<String>,
    /// Only mail to people whose address contains this text
    #[arg(long, value_name = "TEXT")]
    to: Option<String>,
    /// Maximum number of mails
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

impl Mail {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        // The server lists mail that is tried again for one intent only.
        let status = self.intent.is_none().then_some(DeliveryFilter::DeadLettered);
        let found = find(&session, self.intent, status, self.limit, |delivery| {
            let is_to = |to: &String| delivery.recipient.as_ref().is_some_and(|person| person.contains(to.as_str()));
            delivery.transport_type == DeliveryTransport::Email && self.to.as_ref().is_none_or(is_to)
        });
        let found = found.await?;
        if session.output().is_json() {
            return session.output().print_json(&json!({ "mail": found }));
        }
        print_deliveries("undelivered mail", &found)
    }
}
