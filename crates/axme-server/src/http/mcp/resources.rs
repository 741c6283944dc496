//! Resources: the tasks of the caller, and intents. A host can read them and be told of changes.

use std::collections::HashMap;
use std::time::Duration;

use axme_api::JsonFields;
use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, Resource, ResourceContents, ResourceTemplate, SubscriptionFilter};
use rmcp::service::SubscriptionContext;

use super::calls::HostCall;
use super::waits;

const TASKS: &str = "axme://tasks";
const INTENTS: &str = "axme://intents/";
const KIND: &str = "application/json";

/// How often the server looks for changes of what a host follows.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The most resources that one subscription follows.
const MAX_FOLLOWED: usize = 20;

pub(super) fn all() -> Vec<Resource> {
    let tasks = Resource::new(TASKS, "tasks").with_title("My tasks").with_mime_type(KIND);
    vec![tasks.with_description("The tasks that wait for an answer of the caller.")]
}

pub(super) fn templates() -> Vec<ResourceTemplate> {
    let intents = ResourceTemplate::new(format!("{INTENTS}{{intent_id}}"), "intent").with_title("An intent");
    vec![intents.with_description("One intent: status, payload and result.").with_mime_type(KIND)]
}

/// Reads a resource.
pub(super) async fn read(call: &HostCall, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let text = text(call, uri).await.map_err(|why| ErrorData::resource_not_found(why, None))?;
    let contents = ResourceContents::TextResourceContents {
        uri: uri.to_owned(),
        mime_type: Some(KIND.to_owned()),
        text,
        meta: None,
    };
    Ok(ReadResourceResult::new(vec![contents]))
}

async fn text(call: &HostCall, uri: &str) -> Result<String, String> {
    let answer = match uri.strip_prefix(INTENTS) {
        Some(id) => waits::intent(call, id).await,
        None if uri == TASKS => call.operate("tasks.list", JsonFields::new()).await,
        None => return Err(format!("there is no resource {uri}")),
    };
    answer.map(|answer| answer.text().to_owned()).map_err(|error| error.message)
}

/// Returns the part of a subscription that the server can keep.
pub(super) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let is_ours = |uri: &&String| uri.as_str() == TASKS || uri.starts_with(INTENTS);
    let uris = requested.resource_subscriptions.iter().flatten().filter(is_ours).take(MAX_FOLLOWED);
    SubscriptionFilter::builder().resource_subscriptions(uris.cloned()).build()
}

/// Tells a host of changes until it leaves, its credential ends, or the server stops.
pub(super) async fn listen(call: &HostCall, context: &SubscriptionContext) -> Result<(), ErrorData> {
    let refused = |error: axme_core::error::Error| ErrorData::invalid_request(error.into_api().message, None);
    let _place = call.app.open_stream(call.caller()).await.map_err(refused)?;
    let uris = context.accepted().resource_subscriptions.clone().unwrap_or_default();
    let mut known: HashMap<&str, Result<String, String>> = HashMap::new();
    for uri in &uris {
        known.insert(uri, text(call, uri).await);
    }
    loop {
        tokio::select! {
            () = context.cancelled() => return Ok(()),
            () = call.app.stopped() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if !call.is_still_valid().await {
            return Ok(());
        }
        for uri in &uris {
            let now = text(call, uri).await;
            if known.get(uri.as_str()) == Some(&now) {
                continue;
            }
            known.insert(uri, now);
            if context.sink().notify_resource_updated(uri.clone()).await.is_err() {
                return Ok(());
            }
        }
    }
}
