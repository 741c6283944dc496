//! Health and intents (contract `wire.md` §2.1, §2.2, §1.7, §1.10, §0.2).

use axme_client::Object;
use reqwest::Method;
use serde_json::{Value, json};

use super::checks::{Suite, fresh};
use super::wire::{Answer, Part, Seen, Wire};

const RECEIVER: &str = "agent://conformance/receiver";
const REPLY_TARGET: &str = "agent://conformance/reply-target";

pub async fn health(suite: &mut Suite) -> Seen {
    suite.wire.get("/health", &[]).await?.success().map(|_| ())
}

pub async fn trace_header(suite: &mut Suite) -> Seen {
    let trace = fresh();
    let answer = suite.wire.send(Method::GET, "/health", &[], &[("X-Trace-Id", &trace)], None).await?;
    answer.success().map(|_| ())
}

pub fn message(to: &str) -> Value {
    json!({
        "intent_type": "notify.message.v1",
        "correlation_id": fresh(),
        "from_agent": "agent://conformance/sender",
        "to_agent": to,
        "payload": { "text": "hello" },
    })
}

/// Creates an intent and says its id.
pub async fn create(wire: &Wire, body: &Value) -> Seen<String> {
    let answer = wire.post("/v1/intents", body).await?;
    let intent_id = answer.success()?.get("intent_id").uuid()?;
    Ok(intent_id.to_owned())
}

pub async fn intent_create(suite: &mut Suite) -> Seen {
    suite.intent_id = create(&suite.wire, &message(RECEIVER)).await?;
    Ok(())
}

pub async fn intent_create_idempotency(suite: &mut Suite) -> Seen {
    let (key, mut body) = (fresh(), message(RECEIVER));
    let headers = [("Idempotency-Key", key.as_str())];
    let send = async |body: &Value| suite.wire.send(Method::POST, "/v1/intents", &[], &headers, Some(body)).await;
    let first = send(&body).await?;
    let intent_id = first.success()?.get("intent_id").uuid()?;
    send(&body).await?.success()?.get("intent_id").is_text(intent_id)?;
    body["payload"] = json!({ "text": "something else" });
    send(&body).await?.refused(409)
}

pub async fn intents_get(suite: &mut Suite) -> Seen {
    let answer = suite.wire.get(&format!("/v1/intents/{}", suite.intent_id), &[]).await?;
    let intent = answer.success()?.get("intent");
    intent.get("intent_id").is_text(&suite.intent_id)?;
    intent.get("intent_type").text()?;
    intent.get("payload").fields()?;
    Ok(())
}

pub async fn intents_events(suite: &mut Suite) -> Seen {
    let all = events(&suite.wire, &suite.intent_id, None).await?;
    let numbers = numbers(&all)?;
    let [first, _, ..] = numbers[..] else { return Err(all.wrong("two events or more")) };
    let later = events(&suite.wire, &suite.intent_id, Some(first)).await?;
    for event in later.success()?.get("events").some_items()? {
        if event.get("seq").count()? <= first {
            return Err(event.get("seq").wrong(format!("greater than since={first}")));
        }
    }
    Ok(())
}

async fn events(wire: &Wire, intent_id: &str, since: Option<u64>) -> Seen<Answer> {
    let path = format!("/v1/intents/{intent_id}/events");
    match since {
        None => wire.get(&path, &[]).await,
        Some(since) => wire.get(&path, &[("since", &since.to_string())]).await,
    }
}

/// The numbers of the events, which are events and in order.
fn numbers(answer: &Answer) -> Seen<Vec<u64>> {
    let mut numbers = Vec::new();
    let mut last = 0;
    for event in answer.success()?.get("events").items()? {
        let name = event.get("event_type");
        if !name.text()?.starts_with("intent.") {
            return Err(name.wrong("a name that begins with intent."));
        }
        let seq = event.get("seq");
        if seq.count()? <= last {
            return Err(seq.wrong(format!("greater than {last}")));
        }
        last = seq.count()?;
        numbers.push(last);
    }
    Ok(numbers)
}

pub async fn intents_stream_resume(suite: &mut Suite) -> Seen {
    let answer = window(&suite.wire, &suite.intent_id, 1).await?;
    seen_in(&answer, 1).map(|_| ())
}

async fn window(wire: &Wire, intent_id: &str, since: u64) -> Seen<Answer> {
    let query = [("since", since.to_string()), ("wait_seconds", "2".to_owned())];
    let query = query.each_ref().map(|(name, value)| (*name, value.as_str()));
    wire.get(&format!("/v1/intents/{intent_id}/events/stream"), &query).await
}

/// The events in a window, of which there are some, all after `since`.
fn seen_in(answer: &Answer, since: u64) -> Seen<Vec<Object>> {
    let mut seen = Vec::new();
    for frame in answer.frames()?.into_iter().filter(|frame| frame.event.starts_with("intent.")) {
        match frame.data {
            Value::Object(event) if event.get("seq").and_then(Value::as_u64).is_some_and(|seq| seq > since) => {
                seen.push(event);
            }
            other => return Err(answer.wrong(format!("data with a seq greater than {since} (it is {other})"))),
        }
    }
    if seen.is_empty() { Err(answer.wrong("at least one intent.* frame")) } else { Ok(seen) }
}

pub async fn intents_resolve(suite: &mut Suite) -> Seen {
    let path = format!("/v1/intents/{}/resolve", suite.intent_id);
    let answer = suite.wire.post(&path, &json!({ "status": "COMPLETED", "result": { "answer": 42 } })).await?;
    completed(&answer.success()?)?;
    let again = json!({ "status": "CANCELED", "reason": "too late" });
    suite.wire.post(&path, &again).await?.refused(409)
}

fn completed(answer: &Part<'_>) -> Seen {
    answer.get("event").get("event_type").is_text("intent.completed")?;
    answer.get("event").get("status").is_text("COMPLETED")?;
    answer.get("intent").get("status").is_text("COMPLETED")
}

pub async fn intent_completion_delivery(suite: &mut Suite) -> Seen {
    let mut body = message(RECEIVER);
    body["reply_to"] = REPLY_TARGET.into();
    let intent_id = create(&suite.wire, &body).await?;
    let path = format!("/v1/intents/{intent_id}/resolve");
    let answer = suite.wire.post(&path, &json!({ "status": "COMPLETED", "result": { "answer": 42 } })).await?;
    let delivery = answer.success()?.get("completion_delivery");
    delivery.get("delivered").is(&Value::Bool(true))?;
    delivery.get("reply_to").is_text(REPLY_TARGET)?;
    let inbox = suite.wire.get("/v1/inbox", &[("owner_agent", REPLY_TARGET)]).await?;
    let threads = inbox.success()?.get("threads").some_items()?;
    if threads.iter().any(|thread| thread.get("thread_id").is_text(&intent_id).is_ok()) {
        return Ok(());
    }
    Err(inbox.wrong(format!("a thread with the id of the intent, {intent_id}")))
}

/// Nothing may depend on somebody reading the intent.
pub async fn intents_continuation_autonomy(suite: &mut Suite) -> Seen {
    let wire = &suite.wire;
    let intent_id = create(wire, &message(RECEIVER)).await?;
    seen_in(&window(wire, &intent_id, 0).await?, 0)?;
    let before = events(wire, &intent_id, None).await?;
    let Some(&last) = numbers(&before)?.last() else { return Err(before.wrong("events")) };
    let path = format!("/v1/intents/{intent_id}/resolve");
    let resolved = wire.post(&path, &json!({ "status": "COMPLETED", "result": {} })).await?;
    completed(&resolved.success()?)?;
    let is_end = |name: Option<&Value>| name.and_then(Value::as_str) == Some("intent.completed");
    let after = events(wire, &intent_id, Some(last)).await?;
    let listed = after.success()?.get("events").some_items()?;
    if !listed.iter().any(|event| event.get("event_type").is_text("intent.completed").is_ok()) {
        return Err(after.wrong("intent.completed among the events"));
    }
    let stream = window(wire, &intent_id, last).await?;
    if seen_in(&stream, last)?.iter().any(|event| is_end(event.get("event_type"))) {
        return Ok(());
    }
    Err(stream.wrong("intent.completed in the stream"))
}
