//! Selects intents: by the filters that commands share, or by a person's choice from a list.
//!
//! The server filters by status, receiver and attribute. The rest is filtered here, page by page, and `MAX_SEEN` intents are read
//! at most.

use axme_client::api::intents::{self, IntentSummary, ListIntents, StatusList};
use axme_client::{Id, Timestamp};
use clap::Args;

use crate::failure::Failure;
use crate::lifecycle::outcome_label;
use crate::moments;
use crate::output::{age, now, truncate};
use crate::picker::{self, Choice, MAX_CHOICES};
use crate::session::Session;

const PAGE: u64 = 500;
/// A search that found too little after this many intents ends, and says where to go on.
const MAX_SEEN: usize = 20_000;
/// A live intent is stuck if nothing has changed for this long.
const STUCK_SECONDS: i64 = 3_600;

/// Filters of intents. All that are given must match.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Selection {
    /// Only intents with one of these statuses, separated by commas
    #[arg(long, value_parser = StatusList::parse)]
    pub(crate) status: Option<StatusList>,
    /// Only intents to this address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<String>,
    /// Only intents from this address, or from addresses that contain this text
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Option<String>,
    /// Only intents of this type; a type that ends with * matches its beginning
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) intent_type: Option<String>,
    /// Only intents with this value of a field that their schema marks as searchable
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) attribute: Option<String>,
    /// Only intents created since then: a time, a day, or an age such as 2h
    #[arg(long, value_name = "TIME", value_parser = moments::read)]
    pub(crate) since: Option<Timestamp>,
    /// Only intents created before then: a time, a day, or an age such as 2h
    #[arg(long, value_name = "TIME", value_parser = moments::read)]
    pub(crate) until: Option<Timestamp>,
    /// Only intents with this outcome, such as approved, rejected or completed
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<String>,
    /// Only live intents that nobody receives, or that have not changed for an hour
    #[arg(long)]
    pub(crate) stuck: bool,
}

/// Selected intents, newest first.
pub(crate) struct Selected {
    pub(crate) intents: Vec<IntentSummary>,
    /// The id after which the search goes on, if there may be more.
    pub(crate) next_before: Option<Id>,
}

impl Selection {
    /// Whether any filter is given.
    pub(crate) fn is_given(&self) -> bool {
        let Selection { status, to, from, intent_type, attribute, since, until, outcome, stuck } = self;
        let texts = [to, from, intent_type, attribute, outcome].iter().any(|text| text.is_some());
        status.is_some() || texts || since.is_some() || until.is_some() || *stuck
    }

    /// Returns up to `limit` intents older than `before`.
    pub(crate) async fn find(&self, session: &Session, limit: usize, before: Option<Id>) -> Result<Selected, Failure> {
        let (mut intents, mut before, mut seen) = (Vec::new(), before.or_else(|| self.first_id()), 0);
        let page = if self.is_filtered_here() { PAGE } else { PAGE.min(limit as u64).max(1) };
        loop {
            let input = ListIntents {
                status: self.status.clone(),
                to_agent: self.to.clone(),
                attribute: self.attribute.clone(),
                limit: page.into(),
                before: before.clone(),
                ..ListIntents::default()
            };
            let list = session.call(&intents::LIST, &input).await?;
            seen += list.intents.len();
            for intent in list.intents {
                if self.since.is_some_and(|since| intent.created_at < since) {
                    return Ok(Selected { intents, next_before: None });
                }
                if intents.len() == limit {
                    return Ok(Selected {
                        next_before: intents.last().map(|last: &IntentSummary| last.intent_id.clone()),
                        intents,
                    });
                }
                if self.matches(&intent) {
                    intents.push(intent);
                }
            }
            before = list.next_before;
            if before.is_none() || intents.len() == limit || seen >= MAX_SEEN {
                return Ok(Selected { intents, next_before: before });
            }
        }
    }

    /// Whether the server cannot filter by all of this.
    fn is_filtered_here(&self) -> bool {
        self.from.is_some() || self.intent_type.is_some() || self.outcome.is_some() || self.stuck
    }

    /// Ids begin with the time of the creation, so the search begins at `until`.
    fn first_id(&self) -> Option<Id> {
        let millis = u64::try_from(self.until?.unix_seconds()).ok()?.checked_mul(1_000)?;
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
        Some(id.to_string().into())
    }

    fn matches(&self, intent: &IntentSummary) -> bool {
        let is_type = |wanted: &String| match wanted.strip_suffix('*') {
            Some(beginning) => intent.intent_type.starts_with(beginning),
            None => intent.intent_type == *wanted,
        };
        let is_outcome = |wanted: &String| intent.outcome.outcome.as_deref() == Some(wanted.as_str());
        self.from.as_ref().is_none_or(|from| intent.from_agent.contains(from.as_str()))
            && self.intent_type.as_ref().is_none_or(is_type)
            && self.outcome.as_ref().is_none_or(is_outcome)
            && self.until.is_none_or(|until| intent.created_at < until)
            && (!self.stuck || is_stuck(intent, now().as_second()))
    }
}

fn is_stuck(intent: &IntentSummary, now: i64) -> bool {
    let is_idle = now - intent.updated_at.unix_seconds() >= STUCK_SECONDS;
    !intent.status.is_terminal() && (intent.nobody_listens || is_idle)
}

/// Lets a person choose one of the newest intents.
pub(crate) async fn choose(session: &Session) -> Result<String, Failure> {
    if !picker::is_possible(session.output()) {
        return Err(Failure::usage("the id of the intent is missing; see `axme intents list`"));
    }
    let newest = Selection::default().find(session, MAX_CHOICES, None).await?.intents;
    let about = |intent: &IntentSummary| Choice {
        id: intent.intent_id.to_string(),
        about: format!(
            "{}  {:9}  {:>3}  {}",
            intent.intent_id,
            intent.status,
            age(intent.created_at),
            truncate(&outcome_label(&intent.outcome).unwrap_or_else(|| intent.intent_type.clone()), 24)
        ),
    };
    picker::pick("intent", &newest.iter().map(about).collect::<Vec<Choice>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary(status: &str, more: serde_json::Value) -> IntentSummary {
        let mut summary = json!({
            "intent_id": "i", "intent_type": "intent.pay.v1", "status": status, "lifecycle_status": status,
            "from_agent": "agent://local/default/shop", "to_agent": "agent://local/default/bank",
            "created_at": "2026-04-05T10:00:00.000Z", "updated_at": "2026-04-05T10:00:00.000Z",
        });
        summary.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(summary).unwrap()
    }

    #[test]
    fn all_filters_must_match() {
        let paid = summary("COMPLETED", json!({ "outcome": "approved" }));
        let some = |text: &str| Some(text.to_owned());
        let of = |selection: Selection| selection.matches(&paid);
        assert!(of(Selection { intent_type: some("intent.pay.*"), from: some("shop"), ..Selection::default() }));
        assert!(!of(Selection { intent_type: some("intent.pay"), ..Selection::default() }));
        assert!(of(Selection { outcome: some("approved"), ..Selection::default() }));
        assert!(!of(Selection { outcome: some("approved"), from: some("bank"), ..Selection::default() }));
        assert!(!of(Selection { until: Timestamp::parse("2026-04-05T10:00:00Z"), ..Selection::default() }));
        assert!(!Selection::default().is_given() && Selection { stuck: true, ..Selection::default() }.is_given());
    }

    #[test]
    fn an_intent_is_stuck_if_nobody_takes_it_or_nothing_happens() {
        let at = summary("WAITING", json!({})).updated_at.unix_seconds();
        assert!(!is_stuck(&summary("WAITING", json!({})), at + 60));
        assert!(is_stuck(&summary("WAITING", json!({})), at + STUCK_SECONDS));
        assert!(is_stuck(&summary("DELIVERED", json!({ "nobody_listens": true })), at));
        assert!(!is_stuck(&summary("COMPLETED", json!({})), at + STUCK_SECONDS));
    }

    #[test]
    fn a_search_begins_at_the_id_of_its_time() {
        let until = Timestamp::parse("2026-04-05T10:00:00Z");
        let id = Selection { until, ..Selection::default() }.first_id().unwrap().to_string();
        assert!(id.starts_with("019d5d0a-") || id.starts_with("019d"), "{id}");
    }
}
