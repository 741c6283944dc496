//! `axme deliveries`: what could not be delivered, and sending it again.

use std::collections::BTreeSet;

use axme_client::api::deliveries::{
    self, DeliveryAnswer, DeliveryFilter, DeliveryStatus, DeliveryTransport, DeliveryView, GetDelivery, ListDeliveries,
    ReplayDelivery,
};
use axme_client::{Id, Timestamp};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::word;
use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::limit;
use crate::moments;
use crate::output::{day_time, line, print_list};
use crate::picker::confirm;
use crate::session::{Session, Shape};

const PAGE: u64 = 1_000;
/// How many dead letters one call replays at most.
const MAX_REPLAYS: usize = 1_000;

/// List what could not be delivered, and send it again
#[derive(Debug, Subcommand)]
pub(crate) enum Deliveries {
    List(List),
    /// Show a delivery
    Get {
        /// Id of the delivery
        #[arg(value_name = "DELIVERY_ID")]
        delivery_id: String,
    },
    Replay(Replay),
}

/// List dead letters, newest first; with --status, routed deliveries too
#[derive(Debug, Args)]
#[command(visible_alias = "ls", after_help = "Example: axme deliveries list --to my-agent --since 1d")]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Only deliveries with this status
    #[arg(long, default_value = "dead_lettered", value_parser = word::<DeliveryFilter>)]
    status: DeliveryFilter,
    /// Maximum number of deliveries
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = limit::read::<usize>)]
    limit: usize,
}

/// Send a delivery again, or all dead letters that the filters select
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme deliveries replay 0197…\n         axme deliveries replay --to my-agent --since 1d --yes"
)]
pub(crate) struct Replay {
    /// Id of the delivery
    #[arg(value_name = "DELIVERY_ID")]
    delivery_id: Option<String>,
    /// All dead letters, if no filter is given
    #[arg(long, conflicts_with = "delivery_id")]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// Send all selected dead letters without asking
    #[arg(short, long)]
    yes: bool,
}

/// Filters of deliveries. All that are given must match.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Filter {
    /// Only what was sent to addresses or people that contain this text
    #[arg(long, value_name = "TEXT")]
    to: Option<String>,
    /// Only what could not be delivered for this intent
    #[arg(long, value_name = "INTENT_ID")]
    intent: Option<String>,
    /// Only what was sent in this way
    #[arg(long, value_parser = word::<DeliveryTransport>)]
    transport: Option<DeliveryTransport>,
    /// Only what was given up since then: a time, a day, or an age such as 2h
    #[arg(long, value_name = "TIME", value_parser = moments::read)]
    since: Option<Timestamp>,
}

impl Deliveries {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            Deliveries::List(list) => list.run(&session).await,
            Deliveries::Get { delivery_id } => {
                let workspace = session.settings.workspace();
                let input = GetDelivery { delivery_id: delivery_id.into(), workspace };
                session.show(&deliveries::GET.info, &input, None).await
            }
            Deliveries::Replay(replay) => replay.run(&session).await,
        }
    }
}

impl Filter {
    fn is_given(&self) -> bool {
        self.to.is_some() || self.intent.is_some() || self.transport.is_some() || self.since.is_some()
    }

    fn matches(&self, delivery: &DeliveryView) -> bool {
        self.to.as_ref().is_none_or(|to| receiver(delivery).contains(to.as_str()))
            && self.transport.is_none_or(|transport| delivery.transport_type == transport)
            && self.since.is_none_or(|since| delivery.updated_at >= since)
    }

    async fn find(
        &self,
        session: &Session,
        status: DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<DeliveryView>, Failure> {
        let wanted = ListDeliveries {
            intent_id: self.intent.clone().map(Id::from),
            status: Some(status),
            ..ListDeliveries::default()
        };
        find(session, &wanted, limit, |delivery| self.matches(delivery)).await
    }
}

/// Returns deliveries that match, newest first, over all pages.
pub(super) async fn find(
    session: &Session,
    wanted: &ListDeliveries,
    limit: usize,
    matches: impl Fn(&DeliveryView) -> bool,
) -> Result<Vec<DeliveryView>, Failure> {
    let (mut found, mut before): (Vec<DeliveryView>, Option<Id>) = (Vec::new(), None);
    loop {
        let input =
            ListDeliveries { workspace: session.settings.workspace(), limit: PAGE.into(), before, ..wanted.clone() };
        let page = session.call(&deliveries::LIST, &input).await?;
        found.extend(page.deliveries.into_iter().filter(|delivery| matches(delivery)));
        before = page.next_before;
        if before.is_none() || found.len() >= limit {
            found.truncate(limit);
            return Ok(found);
        }
    }
}

/// Returns to whom a delivery goes.
pub(super) fn receiver(delivery: &DeliveryView) -> &str {
    let names = [&delivery.recipient, &delivery.to_agent, &delivery.alias];
    names.into_iter().find_map(|name| name.as_deref()).unwrap_or_default()
}

pub(super) fn print_deliveries(what: &str, found: &[DeliveryView]) -> Result<(), Failure> {
    let rows = found.iter().map(|delivery| {
        vec![
            delivery.delivery_id.to_string(),
            delivery.status.to_string(),
            delivery.transport_type.to_string(),
            receiver(delivery).to_owned(),
            day_time(delivery.updated_at),
            delivery.error_detail.clone().unwrap_or_default(),
        ]
    });
    print_list(what, &["DELIVERY_ID", "STATUS", "BY", "TO", "SINCE", "WHY"], rows)
}

impl List {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let found = self.filter.find(session, self.status, self.limit).await?;
        if session.output().is_json() {
            return session.output().print_json(&json!({ "deliveries": found }));
        }
        let what = if self.status == DeliveryFilter::DeadLettered { "dead letters" } else { "deliveries" };
        print_deliveries(what, &found)
    }
}

impl Replay {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        if let Some(id) = self.delivery_id {
            if self.filter.is_given() {
                return Err(Failure::usage("give an id or filters, not both"));
            }
            let input = ReplayDelivery { delivery_id: id.into(), workspace: session.settings.workspace() };
            let show = |answer: DeliveryAnswer| {
                line(format!("✓ Sent again: {} ({})", answer.delivery.delivery_id, answer.delivery.status))
            };
            return session.tell(&deliveries::REPLAY, &input, Shape::Wrapped, show).await;
        }
        if !self.filter.is_given() && !self.all {
            return Err(Failure::usage("name a delivery, give a filter, or pass --all; see `axme deliveries list`"));
        }
        let mut found = self.filter.find(session, DeliveryFilter::DeadLettered, MAX_REPLAYS).await?;
        found.retain(|delivery| delivery.status == DeliveryStatus::DeadLettered);
        // One call replays all dead letters under an id.
        let ids: BTreeSet<String> = found.iter().map(|delivery| delivery.delivery_id.to_string()).collect();
        if ids.is_empty() {
            return match session.output().is_json() {
                true => session.output().print_json(&json!({ "ok": true, "deliveries": [] })),
                false => line("No dead letters to send again."),
            };
        }
        if !self.yes {
            let question = format!("This will send {} dead letter(s) again. Go on?", found.len());
            confirm(session.output(), &question, "--yes")?;
        }
        let (mut done, mut refused): (Vec<Value>, usize) = (Vec::new(), 0);
        for id in &ids {
            let input = ReplayDelivery { delivery_id: id.as_str().into(), workspace: session.settings.workspace() };
            let answer = session.client.call(&deliveries::REPLAY, &input).await;
            let error = answer.err().map(|error| session.explain(&error).message);
            refused += usize::from(error.is_some());
            session.output().print(match &error {
                None => format!("✓ {id}"),
                Some(why) => format!("✗ {id}: {why}"),
            })?;
            done.push(json!({ "delivery_id": id, "error": error }));
        }
        if session.output().is_json() {
            session.output().print_json(&json!({ "ok": refused == 0, "deliveries": done }))?;
        }
        match refused {
            0 => Ok(()),
            _ if session.output().is_json() => Err(Failure::quiet(Ending::Failed)),
            _ => Err(Failure::new(format!("{refused} of {} were not sent", ids.len()))),
        }
    }
}
