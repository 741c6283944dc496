//! Checks of health and intents (`spec/protocol.md` §1.7, §1.10, §2.1, §2.32, §4.3).

use axme_client::Object;
use reqwest::Method;
use serde_json::{Value, json};

use super::http::{CheckResult, Field, HttpClient, OBJECT, Response, TEXT};
use super::suite::{Suite, new_uuid};

const RECEIVER: &str = "agent://conformance/receiver";
const REPLY_TARGET: &str = "agent://conformance/reply-target";

pub(crate) async fn health(suite: &mut Suite) -> CheckResult {
    suite.http.get("/health", &[]).await?.success().map(|_| ())
}

pub(crate) async fn trace_header(suite: &mut Suite) -> CheckResult {
    let trace = new_uuid();
    let response = suite.http.send(Method::GET, "/health", &[], &[("X-Trace-Id", &trace)], None).await?;
    response.success().map(|_| ())
}

pub(crate) fn message(to: &str) -> Value {
    json!({
        "intent_type": "notify.message.v1",
        "correlation_id": new_uuid(),
        "from_agent": "agent://conformance/sender",
        "to_agent": to,
        "payload": { "text": "hello" },
    })
}

/// Creates an intent and returns its id.
pub(crate) async fn create(http: &HttpClient, body: &Value) -> CheckResult<String> {
    let response = http.post("/v1/intents", body).await?;
    let intent_id = response.success()?.get("intent_id").uuid()?;
    Ok(intent_id.to_owned())
}

/// Completes an intent.
async fn complete(http: &HttpClient, intent_id: &str) -> CheckResult<Response> {
    let body = json!({ "status": "COMPLETED", "result": { "answer": 42 } });
    http.post(&format!("/v1/intents/{intent_id}/resolve"), &body).await
}

fn is_completed(body: &Field<'_>) -> CheckResult {
    let event = json!({ "event_type": "intent.completed", "status": "COMPLETED" });
    body.matches(&json!({ "event": event, "intent": { "status": "COMPLETED" } }))
}

pub(crate) async fn intent_create(suite: &mut Suite) -> CheckResult {
    suite.intent_id = create(&suite.http, &message(RECEIVER)).await?;
    Ok(())
}

pub(crate) async fn intent_create_idempotency(suite: &mut Suite) -> CheckResult {
    let (key, mut body) = (new_uuid(), message(RECEIVER));
    let headers = [("Idempotency-Key", key.as_str())];
    let send = async |body: &Value| suite.http.send(Method::POST, "/v1/intents", &[], &headers, Some(body)).await;
    let first = send(&body).await?;
    let intent_id = first.success()?.get("intent_id").uuid()?;
    send(&body).await?.success()?.get("intent_id").is_text(intent_id)?;
    body["payload"] = json!({ "text": "something else" });
    send(&body).await?.is_refused(409)
}

pub(crate) async fn intents_get(suite: &mut Suite) -> CheckResult {
    let response = suite.http.get(&format!("/v1/intents/{}", suite.intent_id), &[]).await?;
    let intent = json!({ "intent_id": suite.intent_id, "intent_type": TEXT, "payload": OBJECT });
    response.success()?.get("intent").matches(&intent)
}

pub(crate) async fn intents_events(suite: &mut Suite) -> CheckResult {
    let all = events(&suite.http, &suite.intent_id, None).await?;
    let numbers = numbers(&all)?;
    let [first, _, ..] = numbers[..] else { return Err(all.mismatch("two events or more")) };
    let later = events(&suite.http, &suite.intent_id, Some(first)).await?;
    for event in later.success()?.get("events").some_items()? {
        if event.get("seq").count()? <= first {
            return Err(event.get("seq").mismatch(format!("greater than since={first}")));
        }
    }
    Ok(())
}

async fn events(http: &HttpClient, intent_id: &str, since: Option<u64>) -> CheckResult<Response> {
    let path = format!("/v1/intents/{intent_id}/events");
    match since {
        None => http.get(&path, &[]).await,
        Some(since) => http.get(&path, &[("since", &since.to_string())]).await,
    }
}

/// Returns the numbers of the events, which must ascend.
fn numbers(response: &Response) -> CheckResult<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut last = 0;
    for event in response.success()?.get("events").items()? {
        let name = event.get("event_type");
        if !name.text()?.starts_with("intent.") {
            return Err(name.mismatch("a name that begins with intent."));
        }
        let seq = event.get("seq");
        if seq.count()? <= last {
            return Err(seq.mismatch(format!("greater than {last}")));
        }
        last = seq.count()?;
        numbers.push(last);
    }
    Ok(numbers)
}

pub(crate) async fn intents_stream_resume(suite: &mut Suite) -> CheckResult {
    let response = stream(&suite.http, &suite.intent_id, 1).await?;
    stream_events(&response, 1).map(|_| ())
}

async fn stream(http: &HttpClient, intent_id: &str, since: u64) -> CheckResult<Response> {
    let query = [("since", since.to_string()), ("wait_seconds", "2".to_owned())];
    let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
    http.get(&format!("/v1/intents/{intent_id}/events/stream"), &query).await
}

/// Returns the events of a stream: at least one, all after `since`.
fn stream_events(response: &Response, since: u64) -> CheckResult<Vec<Object>> {
    let mut events = Vec::new();
    for frame in response.frames()?.into_iter().filter(|frame| frame.event.starts_with("intent.")) {
        match frame.data {
            Value::Object(event) if event.get("seq").and_then(Value::as_u64).is_some_and(|seq| seq > since) => {
                events.push(event);
            }
            other => return Err(response.mismatch(format!("data with a seq greater than {since} (not {other})"))),
        }
    }
    if events.is_empty() { Err(response.mismatch("at least one intent.* frame")) } else { Ok(events) }
}

pub(crate) async fn intents_resolve(suite: &mut Suite) -> CheckResult {
    is_completed(&complete(&suite.http, &suite.intent_id).await?.success()?)?;
    let path = format!("/v1/intents/{}/resolve", suite.intent_id);
    suite.http.post(&path, &json!({ "status": "CANCELED", "reason": "too late" })).await?.is_refused(409)
}

pub(crate) async fn intent_completion_delivery(suite: &mut Suite) -> CheckResult {
    let mut body = message(RECEIVER);
    body["reply_to"] = REPLY_TARGET.into();
    let intent_id = create(&suite.http, &body).await?;
    let response = complete(&suite.http, &intent_id).await?;
    let delivery = json!({ "delivered": true, "reply_to": REPLY_TARGET });
    response.success()?.get("completion_delivery").matches(&delivery)?;
    let inbox = suite.http.get("/v1/inbox", &[("owner_agent", REPLY_TARGET)]).await?;
    inbox.success()?.get("threads").find("thread_id", &intent_id).map(|_| ())
}

/// Events and streams must continue although no client reads the intent.
pub(crate) async fn intents_continuation_autonomy(suite: &mut Suite) -> CheckResult {
    let http = &suite.http;
    let intent_id = create(http, &message(RECEIVER)).await?;
    stream_events(&stream(http, &intent_id, 0).await?, 0)?;
    let before = events(http, &intent_id, None).await?;
    let Some(&last) = numbers(&before)?.last() else { return Err(before.mismatch("events")) };
    is_completed(&complete(http, &intent_id).await?.success()?)?;
    let after = events(http, &intent_id, Some(last)).await?;
    after.success()?.get("events").find("event_type", "intent.completed")?;
    let stream = stream(http, &intent_id, last).await?;
    if stream_events(&stream, last)?.iter().any(|event| event.get("event_type") == Some(&json!("intent.completed"))) {
        return Ok(());
    }
    Err(stream.mismatch("intent.completed in the stream"))
}
