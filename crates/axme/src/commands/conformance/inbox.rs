//! Checks of the inbox (`spec/protocol.md` §2.6, §9.2). A new server has no thread for the owner of these checks, so
//! the first check sends the owner an intent.

use serde_json::{Value, json};

use super::http::{CheckResult, Response, TEXT, UUID};
use super::intents::{create, message};
use super::suite::{OWNER, Suite};

/// The nine keys of every thread.
fn thread() -> Value {
    json!({
        "thread_id": UUID, "intent_id": UUID, "status": "#pending|active|done", "owner_agent": TEXT, "from_agent": TEXT,
        "to_agent": TEXT, "created_at": TEXT, "updated_at": TEXT,
        "timeline": [{ "event_id": UUID, "event_type": TEXT, "at": TEXT }],
    })
}

async fn threads(suite: &Suite) -> CheckResult<Response> {
    suite.http.get("/v1/inbox", &[("owner_agent", OWNER)]).await
}

/// Posts to the thread on behalf of its owner. The answer must be the thread.
async fn post(suite: &Suite, action: &str, body: &Value) -> CheckResult<Response> {
    let path = format!("/v1/inbox/{}/{action}", suite.thread_id);
    let response = suite.http.post_as(OWNER, &path, body).await?;
    is_thread(suite, &response)?;
    Ok(response)
}

fn is_thread(suite: &Suite, response: &Response) -> CheckResult {
    let mut expected = thread();
    expected["thread_id"] = suite.thread_id.as_str().into();
    response.success()?.get("thread").matches(&expected)
}

async fn is_listed(suite: &Suite) -> CheckResult {
    let response = threads(suite).await?;
    response.success()?.get("threads").find("thread_id", &suite.thread_id).map(|_| ())
}

pub(crate) async fn inbox_list(suite: &mut Suite) -> CheckResult {
    let intent_id = create(&suite.http, &message(OWNER)).await?;
    let response = threads(suite).await?;
    let listed = response.success()?.get("threads");
    listed.some_items()?[0].matches(&thread())?;
    let own = listed.find("intent_id", &intent_id)?;
    own.matches(&thread())?;
    own.matches(&json!({ "owner_agent": OWNER, "status": "pending" }))?;
    suite.thread_id = own.get("thread_id").uuid()?.to_owned();
    Ok(())
}

pub(crate) async fn inbox_thread(suite: &mut Suite) -> CheckResult {
    let path = format!("/v1/inbox/{}", suite.thread_id);
    is_thread(suite, &suite.http.get(&path, &[("owner_agent", OWNER)]).await?)
}

pub(crate) async fn inbox_reply(suite: &mut Suite) -> CheckResult {
    post(suite, "reply", &json!({ "message": "understood" })).await.map(|_| ())
}

pub(crate) async fn inbox_delegate(suite: &mut Suite) -> CheckResult {
    let body = json!({ "delegate_to": "agent://conformance/delegate", "note": "please take over" });
    post(suite, "delegate", &body).await?;
    is_listed(suite).await
}

pub(crate) async fn inbox_decision(suite: &mut Suite) -> CheckResult {
    post(suite, "approve", &json!({ "comment": "fine" })).await?;
    is_listed(suite).await
}

pub(crate) async fn inbox_messages_delete(suite: &mut Suite) -> CheckResult {
    let response = post(suite, "messages/delete", &json!({ "mode": "self", "limit": 1 })).await?;
    let body = response.success()?;
    body.get("mode").is_text("self")?;
    body.get("deleted_count").count()?;
    body.get("message_ids").items()?.iter().try_for_each(|id| id.text().map(|_| ()))
}

pub(crate) async fn inbox_changes_pagination(suite: &mut Suite) -> CheckResult {
    let owner = ("owner_agent", OWNER);
    let first = suite.http.get("/v1/inbox/changes", &[owner, ("limit", "1")]).await?;
    let Some(cursor) = page(&first)? else { return Ok(()) };
    let second = suite.http.get("/v1/inbox/changes", &[owner, ("limit", "1"), ("cursor", cursor)]).await?;
    page(&second).map(|_| ())
}

/// Checks a page of changes and returns the cursor of the next one.
fn page(response: &Response) -> CheckResult<Option<&str>> {
    let body = response.success()?;
    for change in body.get("changes").items()? {
        change.matches(&json!({ "cursor": TEXT, "thread": thread() }))?;
    }
    let (has_more, next) = (body.get("has_more"), body.get("next_cursor"));
    let cursor = next.text_or_null()?;
    if has_more.flag()? && cursor.is_none_or(|cursor| cursor.len() < 3) {
        return Err(next.mismatch("a cursor of 3 characters or more, because has_more is true"));
    }
    Ok(cursor)
}
