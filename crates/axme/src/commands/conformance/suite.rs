//! The state of a run: the client, and the ids that checks leave for the checks that depend on them.

use super::http::HttpClient;

pub(crate) struct Suite {
    pub(crate) http: HttpClient,
    /// The check that creates an object sets its id here; empty until then.
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

/// The owner on whose behalf the checks of inboxes, invites, files and webhooks act.
pub(crate) const OWNER: &str = "agent://conformance/owner";

/// Returns a new UUID, so that a run does not collide with the data of an earlier one.
#[expect(clippy::disallowed_methods, reason = "this speaks to real servers; nothing here is replayed")]
pub(crate) fn new_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}
