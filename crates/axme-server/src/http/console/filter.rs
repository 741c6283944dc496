//! The filter of the list of intents. It is in the address of the page, so a bookmark is a saved view, and bulk actions
//! take the same filter.

use axme_api::intents::{ListIntents, StatusList};
use axme_api::{ApiError, Id, Number, OutcomeKind, Timestamp, WaitingReason};
use axme_intent::Time;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The parameters of the filter, in the order of the form.
const NAMES: [&str; 12] = [
    "status",
    "waiting_reason",
    "outcome_kind",
    "intent_type",
    "scenario_id",
    "attribute",
    "from_agent",
    "to_agent",
    "holder",
    "intent_ids",
    "since",
    "stuck",
];

/// The characters that a query keeps unchanged.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b',').remove(b':').remove(b'@');

/// Every live status, for a filter.
pub(super) const RUNNING: &str = "CREATED,SUBMITTED,DELIVERED,ACKNOWLEDGED,IN_PROGRESS,WAITING";

/// The live statuses of an intent that an agent has to work on.
pub(super) const WITH_AGENTS: &str = "SUBMITTED,DELIVERED,ACKNOWLEDGED,IN_PROGRESS";

/// A filter as it was asked for: parameters with a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter(Vec<(&'static str, String)>);

impl Filter {
    /// Reads the parameters of a page or of a form.
    pub fn read(value_of: impl Fn(&str) -> String) -> Filter {
        let given = NAMES.iter().map(|name| (*name, value_of(name).trim().to_owned()));
        Filter(given.filter(|(_, value)| !value.is_empty()).collect())
    }

    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn pairs(&self) -> &[(&'static str, String)] {
        &self.0
    }

    /// Returns the filter as a query, with `more` at its end.
    pub fn query(&self, more: &[(&str, &str)]) -> String {
        let own = self.0.iter().map(|(name, value)| (*name, value.as_str()));
        query(own.chain(more.iter().copied()))
    }

    /// Returns the input of `intents.list` for a page of `limit` intents.
    pub fn input(&self, now: Time, before: Option<&str>, limit: u64) -> Result<ListIntents, ApiError> {
        let text = |name: &str| Some(self.get(name).to_owned()).filter(|value| !value.is_empty());
        let outcome = |word: String| {
            OutcomeKind::parse(&word).ok_or_else(|| ApiError::invalid(format!("outcome_kind: \"{word}\" is unknown")))
        };
        let reason = |word: String| {
            let wrong = || ApiError::invalid(format!("waiting_reason: \"{word}\" is unknown"));
            WaitingReason::parse(&word).ok_or_else(wrong)
        };
        let status =
            |words: String| StatusList::parse(&words).map_err(|why| ApiError::invalid(format!("status: {why}")));
        let stuck = text("stuck").map(|span| seconds("stuck", &span)).transpose()?;
        Ok(ListIntents {
            status: text("status").map(status).transpose()?,
            waiting_reason: text("waiting_reason").map(reason).transpose()?,
            outcome_kind: text("outcome_kind").map(outcome).transpose()?,
            intent_type: text("intent_type"),
            scenario_id: text("scenario_id"),
            attribute: text("attribute"),
            // People paste ids one below another.
            intent_ids: text("intent_ids").map(|ids| ids.split_whitespace().collect::<Vec<&str>>().join(",")),
            from_agent: text("from_agent"),
            to_agent: text("to_agent"),
            holder: text("holder"),
            created_after: text("since").map(|since| start(&since, now)).transpose()?,
            created_before: None,
            unchanged_seconds: stuck.and_then(Number::new),
            limit: limit.into(),
            before: before.filter(|id| !id.is_empty()).map(Id::from),
        })
    }
}

/// Joins parameters to a query.
pub(super) fn query<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let parts = pairs.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, KEPT)));
    parts.collect::<Vec<String>>().join("&")
}

/// Reads the beginning of a period: `today`, or a span such as `24h` before now.
fn start(text: &str, now: Time) -> Result<Timestamp, ApiError> {
    if text == "today" {
        return Ok(now.midnight().into());
    }
    Ok(now.minus_millis(seconds("since", text)?.saturating_mul(1_000)).into())
}

/// Reads a span of time: a number, and `m`, `h` or `d`.
pub(super) fn seconds(name: &str, text: &str) -> Result<u64, ApiError> {
    let wrong = || ApiError::invalid(format!("{name}: write a span such as 30m, 24h or 7d"));
    let unit = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    // Ten years: this server has no older intents.
    number.checked_mul(unit).filter(|span| (1..=315_360_000).contains(span)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(pairs: &[(&str, &str)]) -> Filter {
        Filter::read(|name| pairs.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value).to_owned())
    }

    #[test]
    fn a_filter_is_a_query_and_the_input_of_the_operation() {
        let now = Time::parse("2026-01-02T10:00:00Z").unwrap();
        let asked =
            filter(&[("status", "WAITING,FAILED"), ("holder", "ann&bob@x"), ("since", "24h"), ("stuck", "30m")]);
        assert_eq!(
            asked.query(&[("before", "1")]),
            "status=WAITING,FAILED&holder=ann%26bob@x&since=24h&stuck=30m&before=1"
        );
        let input = asked.input(now, None, 7).unwrap();
        assert_eq!(input.unchanged_seconds.map(Number::get), Some(1_800));
        assert_eq!(input.created_after, Some(Time::parse("2026-01-01T10:00:00Z").unwrap().into()));
        let today = filter(&[("since", "today")]).input(now, None, 7).unwrap();
        assert_eq!(today.created_after, Some(Time::parse("2026-01-02T00:00:00Z").unwrap().into()));
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        let now = Time::parse("2026-01-02T10:00:00Z").unwrap();
        for (name, value) in [
            ("status", "gone"),
            ("outcome_kind", "perhaps"),
            ("since", "ä"),
            ("since", "99999999999999999999d"),
            ("stuck", "h"),
        ] {
            assert!(filter(&[(name, value)]).input(now, None, 7).is_err(), "{name}={value}");
        }
    }
}
