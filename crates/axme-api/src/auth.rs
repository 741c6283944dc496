//! How people sign in and stay signed in (`spec/protocol.md` §1.3, §2.29).

use serde::{Deserialize, Serialize};

use crate::capabilities::Nothing;
use crate::lenient;
use crate::op::{Access, AnyOp, Op, Route};

pub const OPERATIONS: &[&dyn AnyOp] = &[
    &LOGIN_INTENT,
    &VERIFY,
    &GRANT,
    &POLL,
    &REFRESH,
    &LOGIN,
    &REGISTER_PASSWORD,
    &LOGOUT,
    &LOGOUT_ALL,
    &SESSIONS,
    &REVOKE,
    &ASSISTANT_LINKS,
    &DASHBOARD,
    &EXCHANGE,
    &INTROSPECT,
];

pub const ROUTES: &[Route] = &[
    KEYS,
    MAIL_PAGE,
    MAIL_PAGE_ANSWER,
    CALLBACK,
    DEVICE_PAGE,
    DEVICE_PAGE_ANSWER,
    PROVIDER,
    PROVIDER_ANSWER,
    PROVIDER_CONFIRM,
];

pub static LOGIN_INTENT: Op<LoginIntent, LoginIntended> =
    Op::post("auth.login_intent", "/v1/auth/login-intent").access(Access::Public).about(
        "Ask for a mail with a code and a link to sign in with. Whether anybody is known by the address is not told.",
    );
pub static VERIFY: Op<VerifyCode, SignedIn> =
    Op::post("auth.login_intent.verify", "/v1/auth/login-intent/{intent_id}/verify")
        .access(Access::Public)
        .secret()
        .about("Sign in with the code of the mail.");
pub static GRANT: Op<AskGrant, Grant> = Op::post("auth.cli_grants.create", "/v1/auth/cli-grants")
    .access(Access::Public)
    .about("Begin to sign in on another device: somebody opens the approval page and compares the code.");
pub static POLL: Op<PollGrant, GrantState> = Op::get("auth.cli_grants.get", "/v1/auth/cli-grants/{grant_id}")
    .writing()
    .access(Access::Public)
    .secret()
    .about("Whether a sign-in was approved; once approved, the credentials of it, once.");
pub static REFRESH: Op<RefreshToken, Refreshed> = Op::post("auth.refresh", "/v1/auth/refresh")
    .access(Access::Public)
    .secret()
    .about("A new access token, and the refresh token for the time after. A refresh token is good once.");
pub static LOGIN: Op<PasswordLogin, SignedIn> =
    Op::post("auth.login", "/v1/auth/login").access(Access::Public).secret().about("Sign in with a password.");
pub static REGISTER_PASSWORD: Op<RegisterPassword, PasswordRegistered> =
    Op::post("auth.register_password", "/v1/auth/register-password")
        .access(Access::Person)
        .about("Set the password of the person who is signed in, and a name to sign in with.");
pub static LOGOUT: Op<Nothing, SessionRevoked> =
    Op::post("auth.logout", "/v1/auth/logout").access(Access::Person).about("End the session of the token.");
pub static LOGOUT_ALL: Op<Nothing, LoggedOut> =
    Op::post("auth.logout_all", "/v1/auth/logout-all").access(Access::Person).about("End every session of the person.");
pub static SESSIONS: Op<ListLogins, LoginList> =
    Op::get("auth.sessions.list", "/v1/auth/sessions").access(Access::Person).about("Where the person is signed in.");
pub static REVOKE: Op<RevokeSession, SessionRevoked> = Op::post("auth.sessions.revoke", "/v1/auth/sessions/revoke")
    .access(Access::Person)
    .about("End a session of the person.");
pub static ASSISTANT_LINKS: Op<ListLogins, AssistantLinks> =
    Op::get("auth.assistant_links.list", "/v1/auth/assistant-links")
        .access(Access::Person)
        .about("The sessions of the person that an assistant signed in to.");
pub static DASHBOARD: Op<Nothing, DashboardToken> = Op::post("auth.dashboard_token", "/v1/auth/dashboard-token")
    .access(Access::Admin)
    .secret()
    .about("A token that a dashboard is opened with: good once, for five minutes.");
pub static EXCHANGE: Op<Exchange, SignedIn> = Op::post("auth.exchange", "/v1/auth/exchange")
    .access(Access::Public)
    .secret()
    .about("Sign a dashboard in with the token it was opened with.");
pub static INTROSPECT: Op<Introspect, Introspection> = Op::ask("auth.introspect", "/v1/auth/introspect")
    .access(Access::Admin)
    .about("Whether an access token counts, and whose it is.");

/// The public halves of the keys that sign access tokens, as a JSON Web Key Set.
pub const KEYS: Route =
    Route::get("/.well-known/jwks.json").access(Access::Public).about("The keys that access tokens are signed with.");
/// Where the link of a mail leads.
pub const MAIL_PAGE: Route = Route::get("/app/login/{intent_id}")
    .access(Access::Public)
    .about("The page behind the link of a mail: who wants to sign in, and a button.");
pub const MAIL_PAGE_ANSWER: Route =
    Route::post("/app/login/{intent_id}").access(Access::Public).about("Sign in by the link of a mail.");
/// The same page where clients know it.
pub const CALLBACK: Route = Route::get("/v1/auth/login-intent/{intent_id}/callback")
    .access(Access::Public)
    .about("Leads to the page behind the link of a mail.");
/// Where somebody approves what another device asks for.
pub const DEVICE_PAGE: Route = Route::get("/app/login/cli")
    .access(Access::Public)
    .about("The page on which a sign-in on another device is approved.");
pub const DEVICE_PAGE_ANSWER: Route =
    Route::post("/app/login/cli").access(Access::Public).about("One step of approving a sign-in on another device.");

/// Where the button of the approval page leads, when a provider of OpenID Connect is set.
pub const PROVIDER: Route =
    Route::get("/app/login/provider").access(Access::Public).about("Leads to the provider of OpenID Connect.");
pub const PROVIDER_ANSWER: Route = Route::get("/app/login/provider-callback")
    .access(Access::Public)
    .about("Where the provider of OpenID Connect leads back to: the page on which the sign-in is confirmed.");
pub const PROVIDER_CONFIRM: Route = Route::post("/app/login/provider-callback")
    .access(Access::Public)
    .about("Sign in as whom the provider of OpenID Connect has said.");

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginIntent {
    /// An address for mail.
    pub email: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginIntended {
    pub ok: bool,
    pub intent_id: String,
    /// To be polled for the case that the link is opened.
    pub grant_id: String,
    /// `email`.
    pub delivery: String,
    /// Seconds.
    pub expires_in: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyCode {
    pub intent_id: String,
    /// The six digits of the mail; spaces and hyphens do not matter.
    pub code: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub device_label: Option<String>,
}

/// What somebody has who has signed in. `api_key` is theirs in the workspace that is named; it is left out where a password
/// or a dashboard signed in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedIn {
    pub ok: bool,
    pub access_token: String,
    /// The same again.
    pub account_session_token: String,
    pub refresh_token: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// `Bearer`.
    pub token_type: String,
    pub session_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// Absent for somebody who belongs nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AskGrant {}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    pub ok: bool,
    pub grant_id: String,
    /// What the person compares with the page.
    pub user_code: String,
    pub approval_url: String,
    /// Seconds between polls.
    pub poll_interval: u64,
    /// Seconds.
    pub expires_in: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PollGrant {
    pub grant_id: String,
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub device_label: Option<String>,
}

/// The state of a grant; with the credentials once it is approved.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GrantState {
    pub ok: bool,
    /// `pending` or `approved`.
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_session_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefreshToken {
    pub refresh_token: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refreshed {
    pub ok: bool,
    pub access_token: String,
    /// The same again.
    pub account_session_token: String,
    pub refresh_token: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// `Bearer`.
    pub token_type: String,
    pub session_id: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordLogin {
    /// The name that was set with the password, or the address for mail.
    #[serde(alias = "email")]
    pub nick: String,
    pub password: String,
    /// Which program signs in, such as `cli` or `web`. At most 32 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
    /// What the person recognises the device by. At most 120 characters.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub device_label: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterPassword {
    /// 12 to 1024 characters, and not what everybody tries first.
    pub password: String,
    /// A name to sign in with, beside the address for mail: 3 to 32 letters, digits, `.`, `-` or `_`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub nick: Option<String>,
    /// Needed when there is a password already.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub current_password: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordRegistered {
    pub ok: bool,
    pub email: String,
    pub nick: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListLogins {
    /// With those that have ended.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub include_revoked: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Login {
    pub session_id: String,
    /// True for the session of the token that is presented.
    pub is_current: bool,
    pub client_type: String,
    pub device_label: Option<String>,
    pub created_at: String,
    pub last_seen_at: String,
    pub expires_at: String,
    pub revoked: bool,
    pub revoked_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginList {
    pub ok: bool,
    pub sessions: Vec<Login>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssistantLink {
    pub session_id: String,
    /// Which assistant: what follows `assistant:` in the session's `client_type`.
    pub provider: String,
    pub device_label: Option<String>,
    pub created_at: String,
    pub last_seen_at: String,
    pub revoked_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssistantLinks {
    pub ok: bool,
    pub links: Vec<AssistantLink>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeSession {
    pub session_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionRevoked {
    pub ok: bool,
    pub revoked: bool,
    pub session_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoggedOut {
    pub ok: bool,
    /// Sessions that this call ended.
    pub revoked_sessions: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DashboardToken {
    pub ok: bool,
    pub token: String,
    /// Seconds.
    pub expires_in: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exchange {
    pub token: String,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Introspect {
    pub token: String,
}

/// What a token says, when it counts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Introspection {
    pub ok: bool,
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
}
