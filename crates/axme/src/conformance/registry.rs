//! What a workspace keeps beside intents: approvals, capabilities, invites, files, schemas, webhooks (contract `wire.md`
//! §2.12 to §2.15, §2.17).

use reqwest::Method;
use serde_json::{Value, json};

use super::checks::{OWNER, Suite, fresh};
use super::wire::{Part, Seen};

pub async fn approvals_decision(suite: &mut Suite) -> Seen {
    let approval = fresh();
    let body = json!({ "decision": "approve", "comment": "fine" });
    let answer = suite.wire.post(&format!("/v1/approvals/{approval}/decision"), &body).await?;
    let decided = answer.success()?.get("approval");
    decided.get("approval_id").is_text(&approval)?;
    decided.get("decision").is_text("approve")?;
    decided.get("comment").is_text("fine")?;
    decided.get("decided_at").text().map(|_| ())
}

pub async fn capabilities_get(suite: &mut Suite) -> Seen {
    let answer = suite.wire.get("/v1/capabilities", &[]).await?;
    let body = answer.success()?;
    for name in body.get("capabilities").some_items()? {
        if name.text()?.chars().count() < 3 {
            return Err(name.wrong("a name of 3 characters or more"));
        }
    }
    for name in body.get("supported_intent_types").some_items()? {
        if !name.text()?.starts_with("intent.") || !name.text()?.ends_with(".v1") {
            return Err(name.wrong("a name from intent. to .v1"));
        }
    }
    Ok(())
}

pub async fn invites_create(suite: &mut Suite) -> Seen {
    let body = json!({ "owner_agent": OWNER, "recipient_hint": "Conformance User", "ttl_seconds": 3600 });
    let answer = suite.wire.post("/v1/invites/create", &body).await?;
    let invite = answer.success()?;
    let (token, url) = (invite.get("token"), invite.get("invite_url"));
    if token.text()?.chars().count() < 12 {
        return Err(token.wrong("12 characters or more"));
    }
    if !url.text()?.starts_with("http") {
        return Err(url.wrong("a link that begins with http"));
    }
    is_invite(&invite)?;
    invite.get("status").is_text("pending")?;
    suite.invite = token.text()?.to_owned();
    Ok(())
}

fn is_invite(invite: &Part<'_>) -> Seen {
    invite.get("owner_agent").is_text(OWNER)?;
    invite.get("recipient_hint").is_text("Conformance User")?;
    invite.get("created_at").text()?;
    invite.get("expires_at").text().map(|_| ())
}

pub async fn invites_get(suite: &mut Suite) -> Seen {
    let answer = suite.wire.get(&format!("/v1/invites/{}", suite.invite), &[]).await?;
    let invite = answer.success()?;
    invite.get("token").is_text(&suite.invite)?;
    is_invite(&invite)?;
    invite.get("status").is_text("pending")
}

/// The nick is the same in every run, so a second run must not meet a conflict.
pub async fn invites_accept(suite: &mut Suite) -> Seen {
    let nick = "@Invite.Conformance.User";
    let body = json!({ "nick": nick, "display_name": "Invited User" });
    let answer = suite.wire.post(&format!("/v1/invites/{}/accept", suite.invite), &body).await?;
    let accepted = answer.success()?;
    accepted.get("token").is_text(&suite.invite)?;
    accepted.get("status").is_text("accepted")?;
    accepted.get("invite_owner_agent").is_text(OWNER)?;
    accepted.get("nick").is_text(nick)?;
    let user_id = accepted.get("user_id").uuid()?;
    accepted.get("owner_agent").is_text(&format!("agent://user/{user_id}"))?;
    accepted.get("public_address").text()?;
    accepted.get("accepted_at").text()?;
    let bound = ["propagated", "failed", "disabled", "skipped_no_hint"];
    accepted.get("registry_bind_status").is_one_of(&bound)
}

const FILE_BYTES: u64 = 12;

pub async fn media_create_upload(suite: &mut Suite) -> Seen {
    let body = json!({
        "owner_agent": OWNER, "filename": "conformance.txt", "mime_type": "text/plain", "size_bytes": FILE_BYTES,
    });
    let answer = suite.wire.post("/v1/media/create-upload", &body).await?;
    let upload = answer.success()?;
    let upload_id = upload.get("upload_id").uuid()?;
    upload.get("owner_agent").is_text(OWNER)?;
    for name in ["bucket", "object_path", "upload_url", "expires_at"] {
        upload.get(name).text()?;
    }
    upload.get("status").is_text("pending")?;
    upload.get("max_size_bytes").count()?;
    suite.upload_id = upload_id.to_owned();
    Ok(())
}

pub async fn media_get(suite: &mut Suite) -> Seen {
    let answer = suite.wire.get(&format!("/v1/media/{}", suite.upload_id), &[]).await?;
    let upload = answer.success()?.get("upload");
    upload.get("upload_id").is_text(&suite.upload_id)?;
    upload.get("owner_agent").is_text(OWNER)?;
    upload.get("filename").is_text("conformance.txt")?;
    upload.get("mime_type").is_text("text/plain")?;
    upload.get("size_bytes").is(&json!(FILE_BYTES))?;
    upload.get("status").is_one_of(&["pending", "ready"])
}

pub async fn media_finalize_upload(suite: &mut Suite) -> Seen {
    let body = json!({ "upload_id": suite.upload_id, "size_bytes": FILE_BYTES });
    let answer = suite.wire.post("/v1/media/finalize-upload", &body).await?;
    let upload = answer.success()?;
    upload.get("upload_id").is_text(&suite.upload_id)?;
    upload.get("size_bytes").is(&json!(FILE_BYTES))?;
    upload.get("status").is_text("ready")?;
    upload.get("finalized_at").text().map(|_| ())
}

const SEMANTIC_TYPE: &str = "axme.calendar.schedule.v1";

pub async fn schemas_upsert(suite: &mut Suite) -> Seen {
    let body = json!({
        "semantic_type": SEMANTIC_TYPE,
        "schema_json": { "type": "object", "properties": { "date": { "type": "string" } }, "required": ["date"] },
        "compatibility_mode": "strict",
    });
    for _ in 0..2 {
        is_schema(&suite.wire.post("/v1/schemas", &body).await?.success()?.get("schema"))?;
    }
    Ok(())
}

pub async fn schemas_get(suite: &mut Suite) -> Seen {
    let answer = suite.wire.get(&format!("/v1/schemas/{SEMANTIC_TYPE}"), &[]).await?;
    let schema = answer.success()?.get("schema");
    is_schema(&schema)?;
    schema.get("schema_json").fields().map(|_| ())
}

fn is_schema(schema: &Part<'_>) -> Seen {
    schema.get("semantic_type").is_text(SEMANTIC_TYPE)?;
    schema.get("compatibility_mode").is_text("strict")?;
    schema.get("scope").text()?;
    schema.get("active").flag()?;
    let hash = schema.get("schema_hash");
    if hash.text()?.len() == 64 { Ok(()) } else { Err(hash.wrong("64 characters long")) }
}

/// The subscription names no owner, and is listed and deleted in the name of one: neither may be refused.
pub async fn webhooks_subscriptions(suite: &mut Suite) -> Seen {
    let body = json!({
        "callback_url": "https://hooks.example.com/axme/conformance",
        "event_types": ["inbox.thread_created"],
        "description": "conformance",
    });
    let answer = suite.wire.post("/v1/webhooks/subscriptions", &body).await?;
    let made = answer.success()?.get("subscription");
    let id = made.get("subscription_id").uuid()?;
    made.get("owner_agent").exists()?;
    made.get("callback_url").is(&body["callback_url"])?;
    made.get("event_types").is(&body["event_types"])?;
    made.get("active").is(&Value::Bool(true))?;
    made.get("created_at").text()?;
    made.get("updated_at").text()?;
    // Both keys are there, whatever they hold.
    made.get("revoked_at").text_or_null()?;
    made.get("secret_hint").text_or_null()?;
    let owner = [("owner_agent", OWNER)];
    let listed = suite.wire.get("/v1/webhooks/subscriptions", &owner).await?;
    listed.success()?.get("subscriptions").items()?;
    let path = format!("/v1/webhooks/subscriptions/{id}");
    let deleted = suite.wire.send(Method::DELETE, &path, &owner, &[], None).await?;
    let deleted = deleted.success()?;
    deleted.get("subscription_id").is_text(id)?;
    deleted.get("revoked_at").text().map(|_| ())
}

pub async fn webhooks_events(suite: &mut Suite) -> Seen {
    let body = json!({
        "event_type": "inbox.thread_created", "source": "conformance", "payload": { "thread_id": fresh() },
    });
    let answer = suite.wire.post_as(OWNER, "/v1/webhooks/events", &body).await?;
    let published = answer.success()?;
    let event_id = published.get("event_id").uuid()?;
    published.get("accepted_at").text()?;
    published.get("source").is_text("conformance")?;
    has_counters(&published)?;
    let path = format!("/v1/webhooks/events/{event_id}/replay");
    let answer = suite.wire.send(Method::POST, &path, &[("owner_agent", OWNER)], &[], None).await?;
    let replayed = answer.success()?;
    replayed.get("event_id").is_text(event_id)?;
    replayed.get("replayed_at").text()?;
    has_counters(&replayed)
}

fn has_counters(answer: &Part<'_>) -> Seen {
    answer.get("event_type").is_text("inbox.thread_created")?;
    for name in ["queued_deliveries", "processed_deliveries", "delivered", "pending", "dead_lettered"] {
        answer.get(name).count()?;
    }
    Ok(())
}
