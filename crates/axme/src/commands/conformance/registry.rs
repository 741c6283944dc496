//! Checks of approvals, capabilities, invites, files, schemas and webhooks
//! (`spec/protocol.md` §2.5, §2.7, §2.9, §2.10, §2.11, §2.13).

use reqwest::Method;
use serde_json::{Value, json};

use super::http::{COUNT, CheckResult, FLAG, Field, OBJECT, PRESENT, TEXT, TEXT_OR_NULL, UUID};
use super::suite::{OWNER, Suite, new_uuid};

pub(crate) async fn approvals_decision(suite: &mut Suite) -> CheckResult {
    let approval = new_uuid();
    let body = json!({ "decision": "approve", "comment": "fine" });
    let response = suite.http.post(&format!("/v1/approvals/{approval}/decision"), &body).await?;
    let expected = json!({ "approval_id": approval, "decision": "approve", "comment": "fine", "decided_at": TEXT });
    response.success()?.get("approval").matches(&expected)
}

pub(crate) async fn capabilities_get(suite: &mut Suite) -> CheckResult {
    let response = suite.http.get("/v1/capabilities", &[]).await?;
    let body = response.success()?;
    for name in body.get("capabilities").some_items()? {
        if name.text()?.chars().count() < 3 {
            return Err(name.mismatch("a name of 3 characters or more"));
        }
    }
    for name in body.get("supported_intent_types").some_items()? {
        if !name.text()?.starts_with("intent.") || !name.text()?.ends_with(".v1") {
            return Err(name.mismatch("a name that begins with intent. and ends with .v1"));
        }
    }
    Ok(())
}

/// A pending invite.
fn invite() -> Value {
    json!({
        "owner_agent": OWNER, "recipient_hint": "Conformance User", "created_at": TEXT, "expires_at": TEXT, "status": "pending",
    })
}

pub(crate) async fn invites_create(suite: &mut Suite) -> CheckResult {
    let body = json!({ "owner_agent": OWNER, "recipient_hint": "Conformance User", "ttl_seconds": 3600 });
    let response = suite.http.post("/v1/invites/create", &body).await?;
    let created = response.success()?;
    let (token, url) = (created.get("token"), created.get("invite_url"));
    if token.text()?.chars().count() < 12 {
        return Err(token.mismatch("12 characters or more"));
    }
    if !url.text()?.starts_with("http") {
        return Err(url.mismatch("a link that begins with http"));
    }
    created.matches(&invite())?;
    suite.invite = token.text()?.to_owned();
    Ok(())
}

pub(crate) async fn invites_get(suite: &mut Suite) -> CheckResult {
    let response = suite.http.get(&format!("/v1/invites/{}", suite.invite), &[]).await?;
    response.success()?.get("token").is_text(&suite.invite)?;
    response.success()?.matches(&invite())
}

/// The nick is the same in every run, and a second run must not return a conflict.
pub(crate) async fn invites_accept(suite: &mut Suite) -> CheckResult {
    let nick = "@Invite.Conformance.User";
    let body = json!({ "nick": nick, "display_name": "Invited User" });
    let response = suite.http.post(&format!("/v1/invites/{}/accept", suite.invite), &body).await?;
    let accepted = response.success()?;
    accepted.get("token").is_text(&suite.invite)?;
    let user_id = accepted.get("user_id").uuid()?;
    accepted.matches(&json!({
        "status": "accepted", "invite_owner_agent": OWNER, "nick": nick, "owner_agent": format!("agent://user/{user_id}"),
        "public_address": TEXT, "accepted_at": TEXT,
        "registry_bind_status": "#propagated|failed|disabled|skipped_no_hint",
    }))
}

const FILE_BYTES: u64 = 12;

pub(crate) async fn media_create_upload(suite: &mut Suite) -> CheckResult {
    let body = json!({
        "owner_agent": OWNER, "filename": "conformance.txt", "mime_type": "text/plain", "size_bytes": FILE_BYTES,
    });
    let response = suite.http.post("/v1/media/create-upload", &body).await?;
    let upload = response.success()?;
    upload.matches(&json!({
        "upload_id": UUID, "owner_agent": OWNER, "bucket": TEXT, "object_path": TEXT, "upload_url": TEXT, "expires_at": TEXT,
        "status": "pending", "max_size_bytes": COUNT,
    }))?;
    suite.upload_id = upload.get("upload_id").uuid()?.to_owned();
    Ok(())
}

pub(crate) async fn media_get(suite: &mut Suite) -> CheckResult {
    let response = suite.http.get(&format!("/v1/media/{}", suite.upload_id), &[]).await?;
    response.success()?.get("upload").matches(&json!({
        "upload_id": suite.upload_id, "owner_agent": OWNER, "filename": "conformance.txt", "mime_type": "text/plain",
        "size_bytes": FILE_BYTES, "status": "#pending|ready",
    }))
}

pub(crate) async fn media_finalize_upload(suite: &mut Suite) -> CheckResult {
    let body = json!({ "upload_id": suite.upload_id, "size_bytes": FILE_BYTES });
    let response = suite.http.post("/v1/media/finalize-upload", &body).await?;
    response.success()?.matches(&json!({
        "upload_id": suite.upload_id, "size_bytes": FILE_BYTES, "status": "ready", "finalized_at": TEXT,
    }))
}

const SEMANTIC_TYPE: &str = "axme.calendar.schedule.v1";

pub(crate) async fn schemas_upsert(suite: &mut Suite) -> CheckResult {
    let body = json!({
        "semantic_type": SEMANTIC_TYPE,
        "schema_json": { "type": "object", "properties": { "date": { "type": "string" } }, "required": ["date"] },
        "compatibility_mode": "strict",
    });
    for _ in 0..2 {
        is_schema(&suite.http.post("/v1/schemas", &body).await?.success()?.get("schema"))?;
    }
    Ok(())
}

pub(crate) async fn schemas_get(suite: &mut Suite) -> CheckResult {
    let response = suite.http.get(&format!("/v1/schemas/{SEMANTIC_TYPE}"), &[]).await?;
    let schema = response.success()?.get("schema");
    is_schema(&schema)?;
    schema.matches(&json!({ "schema_json": OBJECT }))
}

fn is_schema(schema: &Field<'_>) -> CheckResult {
    schema.matches(&json!({
        "semantic_type": SEMANTIC_TYPE, "compatibility_mode": "strict", "scope": TEXT, "active": FLAG,
    }))?;
    let hash = schema.get("schema_hash");
    if hash.text()?.len() == 64 { Ok(()) } else { Err(hash.mismatch("64 characters long")) }
}

/// The subscription names no owner, but is listed and deleted on behalf of one: the server must accept both.
pub(crate) async fn webhooks_subscriptions(suite: &mut Suite) -> CheckResult {
    let body = json!({
        "callback_url": "https://hooks.example.com/axme/conformance",
        "event_types": ["inbox.thread_created"],
        "description": "conformance",
    });
    let response = suite.http.post("/v1/webhooks/subscriptions", &body).await?;
    let subscription = response.success()?.get("subscription");
    subscription.matches(&json!({
        "subscription_id": UUID, "owner_agent": PRESENT, "callback_url": body["callback_url"], "active": true,
        "created_at": TEXT, "updated_at": TEXT, "revoked_at": TEXT_OR_NULL, "secret_hint": TEXT_OR_NULL,
    }))?;
    subscription.get("event_types").is(&body["event_types"])?;
    let owner = [("owner_agent", OWNER)];
    let listed = suite.http.get("/v1/webhooks/subscriptions", &owner).await?;
    listed.success()?.get("subscriptions").items()?;
    let id = subscription.get("subscription_id").uuid()?;
    let path = format!("/v1/webhooks/subscriptions/{id}");
    let deleted = suite.http.send(Method::DELETE, &path, &owner, &[], None).await?;
    deleted.success()?.matches(&json!({ "subscription_id": id, "revoked_at": TEXT }))
}

pub(crate) async fn webhooks_events(suite: &mut Suite) -> CheckResult {
    let body = json!({
        "event_type": "inbox.thread_created", "source": "conformance", "payload": { "thread_id": new_uuid() },
    });
    let counters = json!({
        "event_type": "inbox.thread_created", "queued_deliveries": COUNT, "processed_deliveries": COUNT, "delivered": COUNT,
        "pending": COUNT, "dead_lettered": COUNT,
    });
    let response = suite.http.post_as(OWNER, "/v1/webhooks/events", &body).await?;
    let published = response.success()?;
    published.matches(&json!({ "event_id": UUID, "accepted_at": TEXT, "source": "conformance" }))?;
    published.matches(&counters)?;
    let event_id = published.get("event_id").uuid()?;
    let path = format!("/v1/webhooks/events/{event_id}/replay");
    let response = suite.http.send(Method::POST, &path, &[("owner_agent", OWNER)], &[], None).await?;
    response.success()?.matches(&json!({ "event_id": event_id, "replayed_at": TEXT }))?;
    response.success()?.matches(&counters)
}
