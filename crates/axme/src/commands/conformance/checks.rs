//! The table of checks, in the order in which they run (`spec/protocol.md` §10).

use std::pin::Pin;

use super::http::CheckResult;
use super::suite::Suite;
use super::{inbox, intents, registry, tools, users};

type CheckFuture<'a> = Pin<Box<dyn Future<Output = CheckResult> + Send + 'a>>;

pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// The assertion in one sentence.
    pub(crate) asserts: &'static str,
    /// The checks that it depends on.
    pub(crate) needs: &'static [&'static str],
    pub(crate) run: for<'a> fn(&'a mut Suite) -> CheckFuture<'a>,
}

macro_rules! checks {
    ($($name:ident $needs:tt $module:ident: $asserts:literal)*) => {
        [$(Check {
            name: stringify!($name),
            asserts: $asserts,
            needs: &checks!(@names $needs),
            run: |suite| Box::pin($module::$name(suite)),
        }),*]
    };
    (@names ($($need:ident)*)) => { [$(stringify!($need)),*] };
}

#[rustfmt::skip]
pub(crate) static CHECKS: [Check; 37] = checks! {
    health() intents: "GET /health returns ok"
    trace_header() intents: "a call with X-Trace-Id succeeds"
    intent_create() intents: "a new intent has a UUID"
    intent_create_idempotency() intents: "a repeated key returns the same intent; with another payload, 409"
    intents_get(intent_create) intents: "an intent is returned with its type and payload"
    intents_events(intent_create) intents: "a new intent has two ascending events; since is exclusive"
    intents_stream_resume(intent_create) intents: "a stream from since=1 sends later events in whole frames and ends"
    intents_resolve(intent_create) intents: "an intent completes once; ending it again returns 409"
    intent_completion_delivery() intents: "a result is delivered to the inbox of reply_to"
    inbox_list() inbox: "an intent opens a thread in the inbox of its receiver"
    inbox_thread(inbox_list) inbox: "a thread can be read"
    inbox_reply(inbox_list) inbox: "a thread accepts a reply"
    inbox_delegate(inbox_list) inbox: "a delegated thread stays in the inbox of its owner"
    inbox_decision(inbox_list) inbox: "an approved thread stays in the inbox"
    inbox_messages_delete(inbox_list) inbox: "messages are deleted, but not the timeline"
    inbox_changes_pagination() inbox: "changes come in pages, linked by a cursor"
    approvals_decision() registry: "a decision on an unknown approval is recorded"
    capabilities_get() registry: "capabilities and intent types are listed"
    invites_create() registry: "an invite has a token and a link"
    invites_get(invites_create) registry: "an invite can be read by its token"
    invites_accept(invites_create) registry: "accepting an invite returns a user, also for a nick of an earlier run"
    media_create_upload() registry: "an upload is created"
    media_get(media_create_upload) registry: "a created upload can be read"
    media_finalize_upload(media_create_upload) registry: "an upload is finalized, even without its bytes"
    schemas_upsert() registry: "a schema is stored, also if it is sent twice"
    schemas_get(schemas_upsert) registry: "a schema can be read"
    users_check_nick() users: "the answer says whether a nick is available, and echoes it"
    users_register_nick() users: "a nick is registered for a new user"
    users_rename_nick(users_register_nick) users: "a user changes the nick"
    users_profile_get(users_register_nick) users: "a user profile can be read"
    users_profile_update(users_register_nick) users: "a user profile can be changed"
    webhooks_subscriptions() registry: "subscriptions are created, listed and deleted"
    webhooks_events() registry: "an event is published and replayed, with counters"
    mcp_initialize() tools: "POST /mcp returns its protocol version"
    mcp_tools_list() tools: "tools are listed by name"
    mcp_tools_call() tools: "axme.check_nick returns tool and status"
    intents_continuation_autonomy() intents: "events and stream continue without a GET of the intent"
};
