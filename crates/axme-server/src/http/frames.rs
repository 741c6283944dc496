//! Frames of server-sent events, byte for byte as clients parse them (`spec/protocol.md` §11.1). A frame has one `data`
//! line, one space after each colon, LF endings, and a blank line at its end. Its data has no character at which a
//! line reader of any language splits.

use axme_api::Json;
use axme_api::intents::{EventType, EventView};
use axme_api::sessions::FeedEntry;
use axme_core::claims::Offer;
use axum::body::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

fn frame(event: &str, id: Option<u64>, data: &str) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {event}\ndata: {data}\n\n"))
}

/// The end of a window; `next` is the number that the client continues from.
pub fn timeout(next: u64) -> Bytes {
    frame("stream.timeout", None, &one_line(&json!({ "ok": true, "next_seq": next })))
}

/// A comment that keeps the connection alive.
pub(crate) fn keep_alive() -> Bytes {
    Bytes::from_static(b": keep-alive\n\n")
}

/// An event, without its long parts if its data exceeds `most` bytes.
pub fn event(view: &EventView, most: usize) -> Bytes {
    let mut text = one_line(view);
    if text.len() > most {
        let mut short = view.clone();
        (short.result, short.data, short.error, short.human_task) = (None, None, None, None);
        short.details.clear();
        short.truncated = Some(true);
        text = one_line(&short);
    }
    frame(view.event_type.as_str(), Some(view.seq), &text)
}

/// An entry of a session's feed, without its content if its data exceeds `most` bytes.
pub fn entry(mut entry: FeedEntry, most: usize) -> Bytes {
    let mut text = one_line(&entry);
    if text.len() > most {
        (entry.content, entry.truncated) = (None, Some(true));
        text = one_line(&entry);
    }
    frame(entry.kind.as_str(), Some(entry.seq), &text)
}

/// The description of a delivery without its payload.
fn heading(offer: &Offer) -> Value {
    let intent = &offer.intent;
    json!({
        "seq": offer.number,
        "intent_id": intent.id.to_string(),
        "event_type": EventType::Delivered,
        // Agents act on this status; the intent itself may already have another.
        "status": "DELIVERED",
        "intent_type": intent.intent_type,
        "from_agent": intent.from,
        "to_agent": intent.to,
        "at": intent.created_at.to_string(),
        "offer": offer.offers,
    })
}

/// Adds a field, whose value is JSON text, to the text of an object that has fields.
fn with_field(object: &Value, name: &str, value: &str) -> String {
    let mut text = object.to_string();
    text.pop();
    text.extend([",\"", name, "\":", value, "}"]);
    text
}

/// The JSON text of a push.
pub fn envelope(offer: &Offer, delivery_id: &str) -> String {
    let mut heading = heading(offer);
    heading["delivery_id"] = delivery_id.into();
    with_field(&heading, "payload", &offer.intent.payload)
}

/// A delivery, without its payload if its data exceeds `most` bytes.
pub fn delivery(offer: &Offer, most: usize) -> Bytes {
    shortened(&heading(offer), &offer.intent.payload, offer.number, most)
}

fn shortened(heading: &Value, payload: &str, number: u64, most: usize) -> Bytes {
    let mut text = in_one_line(with_field(heading, "payload", payload));
    if text.len() > most {
        text = in_one_line(with_field(heading, "truncated", "true"));
    }
    frame("intent.delivered", Some(number), &text)
}

fn one_line(data: &impl Serialize) -> String {
    in_one_line(Json::of(data).text().to_owned())
}

/// Escapes the line separators in JSON text. JSON escapes those below U+0020 itself; the other ones may be in it
/// unescaped, and Python's `splitlines` splits at them.
fn in_one_line(text: String) -> String {
    // The first check is the quick one.
    if text.is_ascii() || !text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return text;
    }
    // They can only be inside strings, where an escape means the same.
    text.replace('\u{85}', "\\u0085").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_what_clients_parse() {
        assert_eq!(frame("intent.waiting", Some(8), "{}"), "id: 8\nevent: intent.waiting\ndata: {}\n\n");
        assert_eq!(timeout(8), "event: stream.timeout\ndata: {\"ok\":true,\"next_seq\":8}\n\n");
    }

    #[test]
    fn data_is_one_line_for_every_line_reader() {
        let separators = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
        let data = json!({ separators: [format!("a{separators}b")] });
        let text = one_line(&data);
        assert!(!text.contains(|c| separators.contains(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), data, "clients read what was sent");
        let frame = shortened(&json!({ "n": 1 }), &json!("\u{85}".repeat(50)).to_string(), 2, 200);
        assert!(std::str::from_utf8(&frame).unwrap().contains("truncated"), "the limit is for the bytes that are sent");
    }

    #[test]
    fn a_long_payload_is_left_out() {
        let (heading, payload) = (json!({ "intent_id": "x" }), json!({ "text": "y".repeat(100) }).to_string());
        let frame = shortened(&heading, &payload, 2, 80);
        assert_eq!(frame, "id: 2\nevent: intent.delivered\ndata: {\"intent_id\":\"x\",\"truncated\":true}\n\n");
        let whole = shortened(&heading, "{\"n\":1}", 4, 80);
        assert_eq!(whole, "id: 4\nevent: intent.delivered\ndata: {\"intent_id\":\"x\",\"payload\":{\"n\":1}}\n\n");
    }
}
