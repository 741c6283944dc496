//! The retries of agents' steps in a bundle.

use serde_json::Value;

use super::known;
use super::reader::Reader;
use crate::Object;
use crate::fields::shown;
use crate::workflow::Retry;
use axme_types::limits::MAX_SPAN_SECONDS;

/// The default pause before a failed step is retried.
const USUAL_RETRY_DELAY_SECONDS: u64 = 30;

/// More retries than anybody needs. The steps of a workflow are limited as well.
const MAX_RETRIES: u64 = 100;

impl Reader<'_> {
    /// Reads how often and when a failed step of an agent is retried.
    pub(super) fn retry(&mut self, step: &Object, place: &str) -> Option<Retry> {
        let place = format!("{place}.retry");
        let source = match step.get("retry") {
            None | Some(Value::Null) => return None,
            Some(Value::Object(source)) => source,
            Some(other) => {
                self.error(&place, format!("must be an object, not {}", shown(other)));
                return None;
            }
        };
        self.known(source, &place, &known::RETRY);
        let max_retries = self.count(source, "max_retries", &format!("{place}.max_retries"), MAX_RETRIES)?;
        let delay =
            self.count(source, "retry_delay_seconds", &format!("{place}.retry_delay_seconds"), MAX_SPAN_SECONDS);
        let is_zero = source.get("retry_delay_seconds").and_then(Value::as_u64) == Some(0);
        let delay_seconds = if is_zero { 0 } else { delay.unwrap_or(USUAL_RETRY_DELAY_SECONDS) };
        Some(Retry { max_retries: u32::try_from(max_retries).unwrap_or(u32::MAX), delay_seconds })
    }
}
