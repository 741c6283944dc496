//! The state of a run: the client, and what checks find for those that build on them.

use super::http::HttpClient;

pub(crate) struct Suite {
    pub(crate) http: HttpClient,
    /// Each of these is set by the check that finds it.
    pub(crate) intent_id: String,
    pub(crate) thread_id: String,
    pub(crate) invite: String,
    pub(crate) upload_id: String,
    /// The address of the registered user.
    pub(crate) user: String,
    /// The nick that the run registers.
    pub(crate) nick: String,
}

impl Suite {
    pub(crate) fn new(http: HttpClient) -> Suite {
        let [intent_id, thread_id, invite, upload_id, user] = Default::default();
        let nick = format!("@conf.{}", &new_uuid().replace('-', "")[..16]);
        Suite { http, intent_id, thread_id, invite, upload_id, user, nick }
    }
}

/// The owner in whose name the checks of inboxes, invites, files and webhooks act.
pub(crate) const OWNER: &str = "agent://conformance/owner";

/// A new UUID, so that a run does not meet the data of an earlier one.
#[expect(clippy::disallowed_methods, reason = "this speaks to real servers; nothing here is replayed")]
pub(crate) fn new_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}
