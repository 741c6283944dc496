//! The inbox (contract `wire.md` §2.11, §9.2). A fresh server has no thread for the owner of these checks, so the first of
//! them sends the owner an intent.

use serde_json::json;

use super::checks::{OWNER, Suite};
use super::intents::{create, message};
use super::wire::{Answer, Part, Seen, Wire};

/// Of every thread, beside its timeline.
const TEXTS: [&str; 5] = ["owner_agent", "from_agent", "to_agent", "created_at", "updated_at"];

async fn threads(wire: &Wire) -> Seen<Answer> {
    wire.get("/v1/inbox", &[("owner_agent", OWNER)]).await
}

/// All nine keys.
fn whole(thread: &Part<'_>) -> Seen {
    thread.get("thread_id").uuid()?;
    thread.get("intent_id").uuid()?;
    thread.get("status").is_one_of(&["pending", "active", "done"])?;
    for name in TEXTS {
        thread.get(name).text()?;
    }
    for entry in thread.get("timeline").some_items()? {
        entry.get("event_id").uuid()?;
        entry.get("event_type").text()?;
        entry.get("at").text()?;
    }
    Ok(())
}

/// The answer is the thread, whole.
fn is_thread(answer: &Answer, thread_id: &str) -> Seen {
    let thread = answer.success()?.get("thread");
    thread.get("thread_id").is_text(thread_id)?;
    whole(&thread)
}

async fn is_listed(suite: &Suite) -> Seen {
    let answer = threads(&suite.wire).await?;
    let listed = answer.success()?.get("threads").some_items()?;
    if listed.iter().any(|thread| thread.get("thread_id").is_text(&suite.thread_id).is_ok()) {
        return Ok(());
    }
    Err(answer.wrong(format!("the thread {} to be listed still", suite.thread_id)))
}

pub async fn inbox_list(suite: &mut Suite) -> Seen {
    let intent_id = create(&suite.wire, &message(OWNER)).await?;
    let answer = threads(&suite.wire).await?;
    let listed = answer.success()?.get("threads").some_items()?;
    whole(&listed[0])?;
    let own = listed.iter().find(|thread| thread.get("intent_id").is_text(&intent_id).is_ok());
    let Some(own) = own else { return Err(answer.wrong(format!("a thread of the new intent, {intent_id}"))) };
    whole(own)?;
    own.get("owner_agent").is_text(OWNER)?;
    own.get("status").is_text("pending")?;
    suite.thread_id = own.get("thread_id").uuid()?.to_owned();
    Ok(())
}

pub async fn inbox_thread(suite: &mut Suite) -> Seen {
    let path = format!("/v1/inbox/{}", suite.thread_id);
    is_thread(&suite.wire.get(&path, &[("owner_agent", OWNER)]).await?, &suite.thread_id)
}

pub async fn inbox_reply(suite: &mut Suite) -> Seen {
    let path = format!("/v1/inbox/{}/reply", suite.thread_id);
    let answer = suite.wire.post_as(OWNER, &path, &json!({ "message": "understood" })).await?;
    is_thread(&answer, &suite.thread_id)
}

pub async fn inbox_delegate(suite: &mut Suite) -> Seen {
    let path = format!("/v1/inbox/{}/delegate", suite.thread_id);
    let body = json!({ "delegate_to": "agent://conformance/delegate", "note": "please take over" });
    is_thread(&suite.wire.post_as(OWNER, &path, &body).await?, &suite.thread_id)?;
    is_listed(suite).await
}

pub async fn inbox_decision(suite: &mut Suite) -> Seen {
    let path = format!("/v1/inbox/{}/approve", suite.thread_id);
    let answer = suite.wire.post_as(OWNER, &path, &json!({ "comment": "fine" })).await?;
    is_thread(&answer, &suite.thread_id)?;
    is_listed(suite).await
}

pub async fn inbox_messages_delete(suite: &mut Suite) -> Seen {
    let path = format!("/v1/inbox/{}/messages/delete", suite.thread_id);
    let answer = suite.wire.post_as(OWNER, &path, &json!({ "mode": "self", "limit": 1 })).await?;
    is_thread(&answer, &suite.thread_id)?;
    let answer = answer.success()?;
    answer.get("mode").is_text("self")?;
    answer.get("deleted_count").count()?;
    answer.get("message_ids").items()?.iter().try_for_each(|id| id.text().map(|_| ()))
}

pub async fn inbox_changes_pagination(suite: &mut Suite) -> Seen {
    let owner = ("owner_agent", OWNER);
    let first = suite.wire.get("/v1/inbox/changes", &[owner, ("limit", "1")]).await?;
    let Some(cursor) = page(&first)? else { return Ok(()) };
    let second = suite.wire.get("/v1/inbox/changes", &[owner, ("limit", "1"), ("cursor", cursor)]).await?;
    page(&second).map(|_| ())
}

/// A page of changes; says where it goes on.
fn page(answer: &Answer) -> Seen<Option<&str>> {
    let body = answer.success()?;
    for change in body.get("changes").items()? {
        change.get("cursor").text()?;
        whole(&change.get("thread"))?;
    }
    let (has_more, next) = (body.get("has_more"), body.get("next_cursor"));
    let cursor = next.text_or_null()?;
    if has_more.flag()? && cursor.is_none_or(|cursor| cursor.len() < 3) {
        return Err(next.wrong("a cursor of 3 characters or more, as there is more"));
    }
    Ok(cursor)
}
