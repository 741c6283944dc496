//! Binds each operation of the table to what it does.

use axme_api::{
    access_requests, agents, alpha, approvals, audit, auth, billing, capabilities, deliveries, inbox, intents, invites,
    macros, me, media, members, mesh, organizations, personal, policies, portal, principals, quotas, routing,
    scenarios, schemas, service_accounts, sessions, tasks, users, webhooks,
};

use crate::call::{AsyncHandler, BodyKey, Handler};
use crate::http::mount::Mount;
use crate::ops;

/// Mounts every operation. The compiler checks each function against the types of its operation; a test checks that none
/// is missing.
pub fn mount(mount: &mut Mount) {
    macro_rules! bind {
        ($op:expr, $prepare:expr, $run:expr) => {
            mount.op(Handler { op: &$op, prepare: $prepare, run: $run, in_body: None })
        };
    }
    bind!(intents::CREATE, ops::intents::prepare_create, ops::intents::create);
    bind!(intents::LIST, ops::intents::prepare_list, ops::intents::list);
    bind!(intents::EVENTS, ops::intents::prepare_events, ops::intents::events);
    bind!(intents::RESOLVE, ops::intents::prepare_resolve, ops::intents::resolve);
    bind!(intents::RESUME, ops::resume::prepare_resume, ops::resume::resume);
    bind!(intents::CONTROLS, ops::control::prepare_controls, ops::control::change);
    bind!(intents::POLICY, ops::control::prepare_policy, ops::control::change);
    bind!(intents::BULK_CANCEL, ops::control::prepare_bulk_cancel, ops::control::bulk_cancel);
    bind!(scenarios::VALIDATE, ops::scenarios::prepare_validate, ops::scenarios::validate);
    bind!(macros::LIST, ops::macros::prepare_list, ops::macros::list);
    bind!(macros::GET, ops::macros::prepare_get, ops::macros::get);
    bind!(tasks::LIST, ops::tasks::prepare_list, ops::tasks::list);
    bind!(tasks::REASSIGN, ops::tasks::prepare_reassign, ops::tasks::reassign);
    bind!(tasks::LINK, ops::tasks::prepare_link, ops::tasks::link);
    bind!(approvals::DECIDE, ops::approvals::prepare_decide, ops::approvals::decide);
    bind!(inbox::LIST, ops::inbox::prepare_list, ops::inbox::list);
    bind!(inbox::CHANGES, ops::inbox::prepare_changes, ops::inbox::changes);
    bind!(inbox::GET, ops::inbox::prepare_get, ops::inbox::get);
    bind!(inbox::REPLY, ops::threads::prepare_reply, ops::threads::reply);
    bind!(inbox::DELEGATE, ops::threads::prepare_delegate, ops::threads::delegate);
    bind!(inbox::APPROVE, ops::threads::prepare_approve, ops::threads::decide);
    bind!(inbox::REJECT, ops::threads::prepare_reject, ops::threads::decide);
    bind!(inbox::READ, ops::threads::prepare_read, ops::threads::read);
    bind!(inbox::DELETE_MESSAGES, ops::threads::prepare_delete, ops::threads::delete);
    bind!(inbox::DELETE_ALL_MESSAGES, ops::threads::prepare_delete, ops::threads::delete);
    bind!(webhooks::UPSERT, ops::webhooks::prepare_upsert, ops::webhooks::upsert);
    bind!(webhooks::LIST, ops::webhooks::prepare_list, ops::webhooks::list);
    bind!(webhooks::DELETE, ops::webhooks::prepare_delete, ops::webhooks::delete);
    bind!(webhooks::PUBLISH, ops::webhooks::prepare_publish, ops::webhooks::publish);
    bind!(webhooks::REPLAY, ops::webhooks::prepare_replay, ops::webhooks::replay);
    bind!(users::CHECK_NICK, ops::users::prepare_nick, ops::users::check_nick);
    bind!(users::RESOLVE_NICK, ops::users::prepare_nick, ops::users::resolve_nick);
    bind!(users::REGISTER_NICK, ops::users::prepare_register, ops::users::register);
    bind!(users::RENAME_NICK, ops::users::prepare_rename, ops::users::rename);
    bind!(users::PROFILE, ops::users::prepare_profile, ops::users::profile);
    bind!(users::UPDATE_PROFILE, ops::users::prepare_update, ops::users::update);
    bind!(invites::CREATE, ops::invites::prepare_create, ops::invites::create);
    bind!(invites::GET, ops::invites::prepare_get, ops::invites::get);
    bind!(invites::ACCEPT, ops::invites::prepare_accept, ops::invites::accept);
    bind!(schemas::UPSERT, ops::schemas::prepare_upsert, ops::schemas::upsert);
    bind!(schemas::GET, ops::schemas::prepare_get, ops::schemas::get);
    bind!(media::CREATE_UPLOAD, ops::media::prepare_create, ops::media::create);
    bind!(media::FINALIZE_UPLOAD, ops::media::prepare_finalize, ops::media::finalize);
    bind!(media::GET, ops::media::prepare_get, ops::media::get);
    bind!(me::GET, ops::me::prepare_get, ops::me::get);
    bind!(capabilities::GET, ops::capabilities::prepare_get, ops::capabilities::get);
    bind!(agents::LIST, ops::agents::prepare_list, ops::agents::list);
    bind!(principals::CREATE, ops::principals::prepare_create, ops::principals::create);
    bind!(principals::GET, ops::principals::prepare_get, ops::principals::get);
    bind!(principals::BIND_ALIAS, ops::principals::prepare_bind, ops::principals::bind);
    bind!(principals::LIST_ALIASES, ops::principals::prepare_list, ops::principals::list);
    bind!(principals::RESOLVE_ALIAS, ops::principals::prepare_resolve, ops::principals::resolve);
    bind!(principals::REVOKE_ALIAS, ops::principals::prepare_revoke, ops::principals::revoke);
    bind!(routing::REGISTER, ops::routing::prepare_register, ops::routing::register);
    bind!(routing::LIST, ops::routing::prepare_list, ops::routing::list);
    bind!(routing::UPDATE, ops::routing::prepare_update, ops::routing::update);
    bind!(routing::REMOVE, ops::routing::prepare_remove, ops::routing::remove);
    bind!(routing::RESOLVE, ops::routing::prepare_resolve, ops::routing::resolve);
    bind!(routing::BIND, ops::routing::prepare_bind, ops::routing::bind);
    bind!(routing::LIST_BINDINGS, ops::routing::prepare_list, ops::routing::list_bindings);
    bind!(routing::UNBIND, ops::routing::prepare_unbind, ops::routing::unbind);
    bind!(deliveries::GET, ops::deliveries::prepare_get, ops::deliveries::get);
    bind!(deliveries::OPERATIONS, ops::routed_deliveries::prepare_operations, ops::routed_deliveries::operations);
    bind!(deliveries::RECONCILE, ops::routed_deliveries::prepare_reconcile, ops::routed_deliveries::reconcile);
    mount.op(Handler {
        op: &deliveries::SUBMIT,
        prepare: ops::routed_deliveries::prepare_submit,
        run: ops::routed_deliveries::submit,
        in_body: Some(BodyKey { field: "idempotency_key", mark: |_| {} }),
    });
    bind!(deliveries::LIST, ops::deliveries::prepare_list, ops::deliveries::list);
    bind!(deliveries::REPLAY, ops::deliveries::prepare_replay, ops::deliveries::replay);
    bind!(service_accounts::CREATE, ops::service_accounts::prepare_create, ops::service_accounts::create);
    bind!(service_accounts::LIST, ops::service_accounts::prepare_list, ops::service_accounts::list);
    bind!(service_accounts::GET, ops::service_accounts::prepare_get, ops::service_accounts::get);
    bind!(service_accounts::UPDATE, ops::service_accounts::prepare_update, ops::service_accounts::update);
    bind!(service_accounts::CREATE_KEY, ops::service_accounts::prepare_create_key, ops::service_accounts::create_key);
    bind!(service_accounts::REVOKE_KEY, ops::service_accounts::prepare_revoke_key, ops::service_accounts::revoke_key);
    bind!(service_accounts::DELETE, ops::service_accounts::prepare_get, ops::service_accounts::delete);
    bind!(organizations::CREATE, ops::organizations::prepare_create, ops::organizations::create);
    bind!(organizations::GET, ops::organizations::prepare_get, ops::organizations::get);
    bind!(organizations::UPDATE, ops::organizations::prepare_update, ops::organizations::update);
    bind!(organizations::CREATE_WORKSPACE, ops::workspaces::prepare_create, ops::workspaces::create);
    bind!(organizations::LIST_WORKSPACES, ops::workspaces::prepare_list, ops::workspaces::list);
    bind!(organizations::UPDATE_WORKSPACE, ops::workspaces::prepare_update, ops::workspaces::update);
    bind!(members::LIST, ops::members::prepare_list, ops::members::list);
    bind!(members::ADD, ops::members::prepare_add, ops::members::add);
    bind!(members::UPDATE, ops::members::prepare_update, ops::members::update);
    bind!(members::REMOVE, ops::members::prepare_remove, ops::members::remove);
    bind!(members::INCLUDE, ops::members::prepare_include, ops::members::include);
    bind!(members::EXCLUDE, ops::members::prepare_exclude, ops::members::exclude);
    bind!(access_requests::CREATE, ops::access_requests::prepare_create, ops::access_requests::create);
    bind!(access_requests::LIST, ops::access_requests::prepare_list, ops::access_requests::list);
    bind!(access_requests::GET, ops::access_requests::prepare_get, ops::access_requests::get);
    bind!(access_requests::REVIEW, ops::access_requests::prepare_review, ops::access_requests::review);
    bind!(quotas::GET, ops::quotas::prepare_get, ops::quotas::get);
    bind!(quotas::UPDATE, ops::quotas::prepare_update, ops::quotas::update);
    bind!(quotas::SUMMARY, ops::quotas::prepare_summary, ops::quotas::summary);
    bind!(quotas::TIMESERIES, ops::quotas::prepare_series, ops::quotas::series);
    bind!(quotas::ROLLUPS, ops::quotas::prepare_rollups, ops::quotas::series);
    bind!(billing::PLAN, ops::billing::prepare_get, ops::billing::get);
    bind!(billing::UPDATE_PLAN, ops::billing::prepare_update, ops::billing::update);
    bind!(billing::INVOICES, ops::invoices::prepare_list, ops::invoices::list);
    bind!(billing::INVOICE, ops::invoices::prepare_get, ops::invoices::get);
    bind!(audit::LIST, ops::audit::prepare_list, ops::audit::list);
    bind!(portal::OVERVIEW, ops::portal::prepare, ops::portal::overview);
    bind!(portal::NAVIGATION, ops::portal::prepare, ops::portal::navigation);
    bind!(portal::REQUEST_QUEUE, ops::portal::prepare_queue, ops::portal::queue);
    bind!(portal::ACCESS_REQUESTS, ops::access_requests::prepare_list, ops::access_requests::list);
    bind!(policies::RECEIVE_GET, ops::policies::prepare_get_receive, ops::policies::get);
    bind!(policies::RECEIVE_PUT, ops::policies::prepare_put_receive, ops::policies::put);
    bind!(policies::RECEIVE_ADD, ops::policies::prepare_add_receive, ops::policies::add);
    bind!(policies::RECEIVE_REMOVE, ops::policies::prepare_remove_receive, ops::policies::remove);
    bind!(policies::OVERRIDE_GET, ops::policies::prepare_get_override, ops::policies::get_override);
    bind!(policies::OVERRIDE_PUT, ops::policies::prepare_put_override, ops::policies::put_override);
    bind!(policies::OVERRIDE_ADD, ops::policies::prepare_add_override, ops::policies::add);
    bind!(policies::OVERRIDE_REMOVE, ops::policies::prepare_remove_override, ops::policies::remove);
    bind!(policies::SEND_GET, ops::policies::prepare_get_send, ops::policies::get);
    bind!(policies::SEND_PUT, ops::policies::prepare_put_send, ops::policies::put);
    bind!(policies::SEND_ADD, ops::policies::prepare_add_send, ops::policies::add);
    bind!(policies::SEND_REMOVE, ops::policies::prepare_remove_send, ops::policies::remove);
    bind!(sessions::CREATE, ops::sessions::prepare_create, ops::sessions::create);
    bind!(sessions::LIST, ops::sessions::prepare_list, ops::sessions::list);
    bind!(sessions::GET, ops::sessions::prepare_get, ops::sessions::get);
    bind!(sessions::POST_MESSAGE, ops::sessions::prepare_message, ops::sessions::post_message);
    bind!(sessions::MESSAGES, ops::sessions::prepare_messages, ops::sessions::messages);
    bind!(sessions::FEED, ops::sessions::prepare_messages, ops::sessions::feed);
    bind!(sessions::COMPLETE, ops::sessions::prepare_complete, ops::sessions::complete);
    bind!(mesh::HEARTBEAT, ops::mesh::prepare_heartbeat, ops::mesh::heartbeat);
    bind!(mesh::LIST, ops::mesh::prepare_list, ops::mesh::list);
    bind!(mesh::GET, ops::mesh::prepare_named, ops::mesh::get);
    bind!(mesh::KILL, ops::mesh::prepare_named, ops::mesh::kill);
    bind!(mesh::RESUME, ops::mesh::prepare_named, ops::mesh::resume);
    bind!(mesh::EVENTS, ops::mesh::prepare_events, ops::mesh::events);
    bind!(mesh::GET_COST, ops::mesh::prepare_named, ops::admission::get_cost);
    bind!(mesh::PUT_COST, ops::admission::prepare_put_cost, ops::admission::put_cost);
    bind!(mesh::DELETE_COST, ops::mesh::prepare_named, ops::admission::delete_cost);
    bind!(mesh::GET_ACTION, ops::mesh::prepare_named, ops::admission::get_action);
    bind!(mesh::PUT_ACTION, ops::admission::prepare_put_action, ops::admission::change_action);
    bind!(mesh::DELETE_ACTION, ops::admission::prepare_delete_action, ops::admission::change_action);
    mount.served(AsyncHandler { op: &auth::LOGIN_INTENT, run: ops::logins::ask });
    mount.served(AsyncHandler { op: &auth::VERIFY, run: ops::logins::verify });
    mount.served(AsyncHandler { op: &auth::GRANT, run: ops::logins::grant });
    mount.served(AsyncHandler { op: &auth::POLL, run: ops::logins::poll });
    mount.served(AsyncHandler { op: &auth::REFRESH, run: ops::login_sessions::refresh });
    mount.served(AsyncHandler { op: &auth::LOGIN, run: ops::passwords::login });
    mount.served(AsyncHandler { op: &auth::REGISTER_PASSWORD, run: ops::passwords::register });
    mount.served(AsyncHandler { op: &auth::DASHBOARD, run: ops::login_sessions::dashboard });
    mount.served(AsyncHandler { op: &auth::EXCHANGE, run: ops::login_sessions::exchange });
    mount.served(AsyncHandler { op: &auth::INTROSPECT, run: ops::login_sessions::introspect });
    mount.served(AsyncHandler { op: &alpha::BOOTSTRAP, run: ops::alpha::bootstrap });
    mount.served(AsyncHandler { op: &alpha::VERIFY, run: ops::alpha::verify });
    mount.served(AsyncHandler { op: &alpha::RESEND, run: ops::alpha::resend });
    bind!(auth::LOGOUT, ops::login_sessions::prepare_nothing, ops::login_sessions::logout);
    bind!(auth::LOGOUT_ALL, ops::login_sessions::prepare_nothing, ops::login_sessions::logout_all);
    bind!(auth::SESSIONS, ops::login_sessions::prepare_list, ops::login_sessions::list);
    bind!(auth::REVOKE, ops::login_sessions::prepare_revoke, ops::login_sessions::revoke);
    bind!(auth::ASSISTANT_LINKS, ops::login_sessions::prepare_list, ops::login_sessions::assistant_links);
    bind!(personal::CONTEXT, ops::personal::prepare_context, ops::personal::context);
    bind!(personal::SELECT, ops::personal::prepare_select, ops::personal::select);
    bind!(personal::PROFILE, ops::personal::prepare_profile, ops::personal::profile);
    bind!(personal::OVERVIEW, ops::personal::prepare_overview, ops::personal::overview);
    mount.op(Handler {
        op: &scenarios::APPLY,
        prepare: ops::scenarios::prepare_apply,
        run: ops::scenarios::apply,
        in_body: Some(BodyKey { field: "idempotency_key", mark: ops::scenarios::mark_repeated }),
    });
    mount.acknowledging_get(Handler {
        op: &intents::GET,
        prepare: ops::intents::prepare_get,
        run: ops::intents::get,
        in_body: None,
    });
    bind!(agents::GET, ops::agents::prepare_get, ops::agents::get);
    mount.stream(agents::STREAM.path);
}
