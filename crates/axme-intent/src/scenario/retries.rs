//! Agents' steps in a bundle that are tried again.

use serde_json::Value;

use super::known;
use super::reader::Reader;
use crate::Object;
use crate::workflow::Retry;

/// How long a failed step rests before it is tried again, when the bundle does not say.
const USUAL_RETRY_DELAY_SECONDS: u64 = 30;

/// More tries than anybody needs; a workflow's steps are limited as well.
const MOST_RETRIES: u64 = 100;

impl Reader<'_> {
    /// How often an agent's step that failed is tried again.
    pub(super) fn retry(&mut self, step: &Object, place: &str) -> Option<Retry> {
        let place = format!("{place}.retry");
        let source = match step.get("retry") {
            None | Some(Value::Null) => return None,
            Some(Value::Object(source)) => source,
            Some(_) => {
                self.error(&place, "must be an object");
                return None;
            }
        };
        self.known(source, &place, &known::RETRY);
        let max_retries = self.count(source, "max_retries", &format!("{place}.max_retries"))?;
        if max_retries > MOST_RETRIES {
            self.error(&format!("{place}.max_retries"), format!("at most {MOST_RETRIES}"));
            return None;
        }
        let delay = self.count(source, "retry_delay_seconds", &format!("{place}.retry_delay_seconds"));
        let is_zero = source.get("retry_delay_seconds").and_then(Value::as_u64) == Some(0);
        let delay_seconds = if is_zero { 0 } else { delay.unwrap_or(USUAL_RETRY_DELAY_SECONDS) };
        Some(Retry { max_retries: u32::try_from(max_retries).unwrap_or(u32::MAX), delay_seconds })
    }
}
