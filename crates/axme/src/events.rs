//! The events of an intent, read page by page.

use axme_client::api::Limit;
use axme_client::api::intents::{self, EventView, ListEvents};

use crate::failure::Failure;
use crate::session::Session;

/// Reads all events so far after number `since`.
pub(crate) async fn all_events(session: &Session, intent_id: &str, since: u64) -> Result<Vec<EventView>, Failure> {
    let mut events: Vec<EventView> = Vec::new();
    loop {
        let since = events.last().map_or(since, |last| last.seq);
        let input = ListEvents { intent_id: intent_id.into(), since: Some(since), limit: Limit::default() };
        let page = session.call(&intents::EVENTS, &input).await?.events;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}
