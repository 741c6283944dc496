//! The table of checks, in the order in which they run (contract `wire.md` §10).

use std::pin::Pin;

use super::http::CheckResult;
use super::suite::Suite;
use super::{inbox, intents, registry, tools, users};

type CheckFuture<'a> = Pin<Box<dyn Future<Output = CheckResult> + Send + 'a>>;

pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// One sentence.
    pub(crate) asserts: &'static str,
    /// The checks whose findings it uses.
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
    health() intents: "GET /health needs no key and says ok"
    trace_header() intents: "a call with X-Trace-Id is answered"
    intent_create() intents: "a new intent has a UUID"
    intent_create_idempotency() intents: "the same key gives the same intent; with another payload it is 409"
    intents_get(intent_create) intents: "an intent can be read, with type and payload"
    intents_events(intent_create) intents: "two events are there at once, ascending; since is exclusive"
    intents_stream_resume(intent_create) intents: "a stream from since=1 brings later events in whole frames and ends"
    intents_resolve(intent_create) intents: "an intent is completed once; a second end is 409"
    intent_completion_delivery() intents: "a result goes to the inbox of reply_to"
    inbox_list() inbox: "an intent opens a thread at its receiver"
    inbox_thread(inbox_list) inbox: "a thread can be read"
    inbox_reply(inbox_list) inbox: "a thread takes a reply"
    inbox_delegate(inbox_list) inbox: "a thread that is delegated stays with its owner too"
    inbox_decision(inbox_list) inbox: "a thread that is approved stays listed"
    inbox_messages_delete(inbox_list) inbox: "messages are deleted, the timeline is not"
    inbox_changes_pagination() inbox: "changes come in pages, and the cursor leads on"
    approvals_decision() registry: "a decision about an unknown approval is recorded"
    capabilities_get() registry: "capabilities and intent types are named"
    invites_create() registry: "an invite has a token and a link"
    invites_get(invites_create) registry: "an invite can be read by its token"
    invites_accept(invites_create) registry: "an invite makes a user; the same nick again does too"
    media_create_upload() registry: "a file is announced"
    media_get(media_create_upload) registry: "an announced file can be read"
    media_finalize_upload(media_create_upload) registry: "a file is finished, also without its bytes"
    schemas_upsert() registry: "a schema is kept, also when it is sent again"
    schemas_get(schemas_upsert) registry: "a schema can be read"
    users_check_nick() users: "whether a nick is free is said, and the nick echoed"
    users_register_nick() users: "a nick is registered to a new user"
    users_rename_nick(users_register_nick) users: "a user takes another nick"
    users_profile_get(users_register_nick) users: "a user can be read"
    users_profile_update(users_register_nick) users: "what is known of a user changes"
    webhooks_subscriptions() registry: "subscriptions are made, listed and deleted"
    webhooks_events() registry: "an event is published and replayed, with counters"
    mcp_initialize() tools: "POST /mcp says which protocol it speaks"
    mcp_tools_list() tools: "tools are listed by name"
    mcp_tools_call() tools: "axme.check_nick answers with tool and status"
    intents_continuation_autonomy() intents: "events and stream go on without a GET of the intent"
};
