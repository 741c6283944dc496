//! Sign-in of people, and their sessions (`spec/protocol.md` §1.3, §2.29).

use axme_types::text_enum;
use serde::{Deserialize, Serialize};

use crate::capabilities::EmptyInput;
use crate::op::{Access, AnyOp, Op, Route};
use crate::{ErrorCode, Id, Timestamp, lenient};

/// The operations of this family, in the order of the documentation.
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

/// The plain routes of this family.
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

/// Mails a code and a link to sign in with.
pub static LOGIN_INTENT: Op<LoginIntent, LoginIntentAnswer> = Op::post("auth.login_intent", "/v1/auth/login-intent")
    .is_async()
    .access(Access::Public)
    .about("Request a mail with a code and a link to sign in with. The answer is the same if the address is unknown.");
/// Signs in with the code of a mail.
pub static VERIFY: Op<VerifyCode, SignInAnswer> =
    Op::post("auth.login_intent.verify", "/v1/auth/login-intent/{intent_id}/verify")
        .is_async()
        .access(Access::Public)
        .secret()
        .errors(&[ErrorCode::CodeAlreadyUsed, ErrorCode::CodeExpired, ErrorCode::InvalidCode, ErrorCode::SignUpClosed])
        .about("Sign in with the code of the mail.");
/// Begins a sign-in that a person approves on another device.
pub static GRANT: Op<CreateGrant, CreateGrantAnswer> = Op::post("auth.cli_grants.create", "/v1/auth/cli-grants")
    .is_async()
    .access(Access::Public)
    .about("Begin a sign-in on this device. The person opens the approval page on any device and compares the code.");
/// Polls a sign-in until it is approved.
pub static POLL: Op<PollGrant, PollGrantAnswer> = Op::get("auth.cli_grants.get", "/v1/auth/cli-grants/{grant_id}")
    .writing()
    .is_async()
    .access(Access::Public)
    .secret()
    .errors(&[ErrorCode::GrantExpired, ErrorCode::SignUpClosed])
    .about("Poll a sign-in. Once it is approved, the next answer has its credentials, and no later one.");
/// Exchanges a refresh token for a new access token.
pub static REFRESH: Op<RefreshToken, RefreshAnswer> = Op::post("auth.refresh", "/v1/auth/refresh")
    .is_async()
    .access(Access::Public)
    .secret()
    .errors(&[ErrorCode::InvalidRefreshToken, ErrorCode::RefreshTokenReused])
    .about("Exchange a refresh token for a new access token and a new refresh token.");
/// Signs in with a password.
pub static LOGIN: Op<PasswordLogin, SignInAnswer> = Op::post("auth.login", "/v1/auth/login")
    .is_async()
    .access(Access::Public)
    .secret()
    .errors(&[ErrorCode::AccountLocked, ErrorCode::InvalidCredentials, ErrorCode::SignUpClosed])
    .about("Sign in with a password.");
/// Sets the password of the person, or makes the account of a new one.
pub static REGISTER_PASSWORD: Op<RegisterPassword, RegisterPasswordAnswer> =
    Op::post("auth.register_password", "/v1/auth/register-password")
        .is_async()
        .access(Access::Newcomer)
        .errors(&[
            ErrorCode::AccountLocked,
            ErrorCode::NickTaken,
            ErrorCode::NotFound,
            ErrorCode::PasswordChanged,
            ErrorCode::SignInAgain,
            ErrorCode::SignUpClosed,
            ErrorCode::WeakPassword,
            ErrorCode::WrongCurrentPassword,
        ])
        .about(
            "Set the person's own password, and a name to sign in with; all other sessions end. Without a token and if \
             sign-up is open, make an account with a new name and its own workspace.",
        );
/// Ends the session of the token.
pub static LOGOUT: Op<EmptyInput, RevokeSessionAnswer> = Op::post("auth.logout", "/v1/auth/logout")
    .access(Access::Person)
    .errors(&[ErrorCode::NotFound])
    .about("End the session of the token.");
/// Ends every session of the person.
pub static LOGOUT_ALL: Op<EmptyInput, LogoutAllAnswer> = Op::post("auth.logout_all", "/v1/auth/logout-all")
    .access(Access::Person)
    .errors(&[ErrorCode::NotFound])
    .about("End every session of the person, and the keys of the person's sign-ins.");
/// Lists the sessions of the person.
pub static SESSIONS: Op<ListLogins, LoginList> = Op::get("auth.sessions.list", "/v1/auth/sessions")
    .access(Access::Person)
    .about("List the sessions of the person, newest first; at most 500.");
/// Ends a session of the person.
pub static REVOKE: Op<RevokeSession, RevokeSessionAnswer> =
    Op::post("auth.sessions.revoke", "/v1/auth/sessions/revoke")
        .access(Access::Person)
        .errors(&[ErrorCode::NotFound])
        .about("End a session of the person.");
/// Lists the sessions that an assistant began.
pub static ASSISTANT_LINKS: Op<ListLogins, AssistantLinkList> =
    Op::get("auth.assistant_links.list", "/v1/auth/assistant-links")
        .access(Access::Person)
        .about("List the sessions of the person that an assistant began, newest first.");
/// Creates a token that opens a dashboard.
pub static DASHBOARD: Op<EmptyInput, DashboardTokenAnswer> =
    Op::post("auth.dashboard_token", "/v1/auth/dashboard-token")
        .is_async()
        .access(Access::Admin)
        .secret()
        .errors(&[ErrorCode::NoAccount])
        .about("Create a token that opens a dashboard once, within five minutes.");
/// Signs a dashboard in with its token.
pub static EXCHANGE: Op<Exchange, SignInAnswer> = Op::post("auth.exchange", "/v1/auth/exchange")
    .is_async()
    .access(Access::Public)
    .secret()
    .errors(&[ErrorCode::InvalidExchangeToken, ErrorCode::SignUpClosed])
    .about("Sign a dashboard in with the token that opened it.");
/// Reports whether an access token is valid, and its owner.
pub static INTROSPECT: Op<Introspect, Introspection> = Op::ask("auth.introspect", "/v1/auth/introspect")
    .is_async()
    .access(Access::Admin)
    .about("Check whether an access token is valid, and get its claims.");

/// Returns the public keys of access tokens, as a JSON Web Key Set.
pub const KEYS: Route = Route::get("auth.keys", "/.well-known/jwks.json")
    .access(Access::Public)
    .about("Get the public keys that verify access tokens, as a JSON Web Key Set.");
/// Shows the page of a mailed sign-in link.
pub const MAIL_PAGE: Route = Route::get("auth.mail_page", "/app/login/{intent_id}")
    .access(Access::Public)
    .about("Show the page of a mailed sign-in link, with a button that signs in.");
/// Signs in from the page of a mailed link.
pub const MAIL_PAGE_ANSWER: Route = Route::post("auth.confirm_by_link", "/app/login/{intent_id}")
    .access(Access::Public)
    .about("Sign in by a mailed link.");
/// Redirects from the path that clients know to [`MAIL_PAGE`].
pub const CALLBACK: Route = Route::get("auth.callback", "/v1/auth/login-intent/{intent_id}/callback")
    .access(Access::Public)
    .about("Redirect to the page of a mailed sign-in link.");
/// Shows the page on which a person approves a sign-in on another device.
pub const DEVICE_PAGE: Route = Route::get("auth.device_page", "/app/login/cli")
    .access(Access::Public)
    .about("Show the page that approves a sign-in on another device.");
/// Takes one step of that approval: the email address, then the mailed code.
pub const DEVICE_PAGE_ANSWER: Route = Route::post("auth.confirm_device", "/app/login/cli")
    .access(Access::Public)
    .about("Approve a sign-in on another device, one step at a time: the email address, then the mailed code.");
/// Redirects to the provider of OpenID Connect, if the settings name one.
pub const PROVIDER: Route = Route::get("auth.provider", "/app/login/provider")
    .access(Access::Public)
    .about("Redirect to the provider of OpenID Connect.");
/// Shows the page on which a person confirms the sign-in at the provider.
pub const PROVIDER_ANSWER: Route = Route::get("auth.provider_page", "/app/login/provider-callback")
    .access(Access::Public)
    .about("Show the page that confirms a sign-in at the provider of OpenID Connect, which redirects here.");
/// Signs in as the person that the provider has identified.
pub const PROVIDER_CONFIRM: Route = Route::post("auth.confirm_by_provider", "/app/login/provider-callback")
    .access(Access::Public)
    .about("Sign in as the person that the provider of OpenID Connect has identified.");

/// A sign-in by mail.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginIntent {
    /// The email address of the person. It gets at most ten mails an hour.
    pub email: String,
}

text_enum! {
    /// The way in which a sign-in reaches the person.
    pub enum LoginDelivery {
        /// By mail.
        Email = "email",
    }
}

/// The sign-in by mail that has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginIntentAnswer {
    /// Always true.
    pub ok: bool,
    /// The id of the sign-in.
    pub intent_id: Id,
    /// A secret: poll it for a person who opens the link instead of typing the code.
    pub grant_id: String,
    /// The way in which the code and the link are sent.
    pub delivery: LoginDelivery,
    /// Seconds until the code and the link expire.
    pub expires_in: u64,
}

/// The code of a mail.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyCode {
    /// The id of the sign-in.
    pub intent_id: Id,
    /// The six digits of the mail. Blanks and hyphens are ignored. A sign-in accepts five tries.
    pub code: String,
    /// The program that signs in, such as `cli` or `web`; by default `cli`, `sdk` or `api`, from `x-axme-client`.
    /// `dashboard` is reserved.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 32)))]
    pub client_type: Option<String>,
    /// The name by which the person recognizes the device.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 120)))]
    pub device_label: Option<String>,
}

text_enum! {
    /// The type of an access token.
    pub enum TokenType {
        /// It is sent in the header `Authorization`, after `Bearer`.
        Bearer = "Bearer",
    }
}

/// The credentials of a new session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignInAnswer {
    /// Always true.
    pub ok: bool,
    /// The access token: a JSON Web Token.
    pub access_token: String,
    /// The same as `access_token`.
    pub account_session_token: String,
    /// The refresh token, for `auth.refresh`. It is valid once.
    pub refresh_token: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// The type of the access token.
    pub token_type: TokenType,
    /// The id of the session.
    pub session_id: Id,
    /// The person's own key in the workspace. Absent after a sign-in with a password or by a dashboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The id of the organization of the workspace. Absent for a person without a membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<Id>,
    /// The id of the workspace that the person works in. Absent for a person without a membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
}

/// A sign-in on a device. It has no parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateGrant {}

/// The sign-in that waits for approval.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateGrantAnswer {
    /// Always true.
    pub ok: bool,
    /// A secret: poll it until the sign-in is approved.
    pub grant_id: String,
    /// The eight letters that the device shows, and that the person compares with the approval page.
    pub user_code: String,
    /// The URL of the approval page. It already has a query.
    pub approval_url: String,
    /// Seconds between polls.
    pub poll_interval: u64,
    /// Seconds until the sign-in expires.
    pub expires_in: u64,
}

/// Which sign-in to poll.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PollGrant {
    /// The secret id of the sign-in.
    pub grant_id: String,
    /// The name by which the person recognizes the device.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 120)))]
    pub device_label: Option<String>,
}

text_enum! {
    /// The state of a sign-in that waits for approval.
    pub enum GrantState {
        /// No person has approved it yet.
        Pending = "pending",
        /// A person has approved it.
        Approved = "approved",
    }
}

/// The state of a sign-in, with the credentials once it is approved. They are absent before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PollGrantAnswer {
    /// Always true.
    pub ok: bool,
    /// The state of the sign-in.
    pub state: GrantState,
    /// The person's own key in the workspace. Absent for a person without a membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The access token: a JSON Web Token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// The same as `access_token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_session_token: Option<String>,
    /// The refresh token, for `auth.refresh`. It is valid once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds until the access token expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// The id of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Id>,
    /// The id of the organization of the workspace. Absent for a person without a membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<Id>,
    /// The id of the workspace that the person works in. Absent for a person without a membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Id>,
}

/// A refresh token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefreshToken {
    /// The refresh token. A repetition within ten seconds succeeds; a later one ends the session.
    pub refresh_token: String,
}

/// New tokens of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefreshAnswer {
    /// Always true.
    pub ok: bool,
    /// The access token: a JSON Web Token.
    pub access_token: String,
    /// The same as `access_token`.
    pub account_session_token: String,
    /// The refresh token for the next refresh. It is valid once.
    pub refresh_token: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// The type of the access token.
    pub token_type: TokenType,
    /// The id of the session.
    pub session_id: Id,
}

/// A sign-in with a password.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordLogin {
    /// The name that was set with the password, or the email address.
    #[serde(alias = "email")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255)))]
    pub nick: String,
    /// The password. Five wrong ones lock the name for 15 minutes.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1_024)))]
    pub password: String,
    /// The program that signs in, such as `cli` or `web`; by default `cli`, `sdk` or `api`, from `x-axme-client`.
    /// `dashboard` is reserved.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 32)))]
    pub client_type: Option<String>,
    /// The name by which the person recognizes the device.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 120)))]
    pub device_label: Option<String>,
}

/// A new password.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterPassword {
    /// The new password: at least five different characters, without the email address of the person.
    #[cfg_attr(feature = "schema", schemars(length(min = 12, max = 1_024)))]
    pub password: String,
    /// A name to sign in with, beside the email address: letters without accents, digits, `.`, `-` and `_`. A new account
    /// needs one. A leading `@` does not count.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 3, max = 32)))]
    pub nick: Option<String>,
    /// The current password. Required if the person has one.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub current_password: Option<String>,
}

/// The names that the person signs in with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegisterPasswordAnswer {
    /// Always true.
    pub ok: bool,
    /// The email address of the person; null for an account without one.
    pub email: Option<String>,
    /// The other name to sign in with, in lower case; null without one.
    pub nick: Option<String>,
}

/// Which sessions to list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListLogins {
    /// True to list sessions that have ended too; false by default.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "Option::is_none")]
    pub include_revoked: Option<bool>,
}

/// A session of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginView {
    /// The id of the session.
    pub session_id: Id,
    /// True for the session of the presented token.
    pub is_current: bool,
    /// The program that signed in, such as `cli`, `web` or `dashboard`.
    pub client_type: String,
    /// The name of the device; null if the program sent none.
    pub device_label: Option<String>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When the tokens of the session were last refreshed.
    pub last_seen_at: Timestamp,
    /// When the session expires unless it is refreshed.
    pub expires_at: Timestamp,
    /// True if the session was ended.
    pub revoked: bool,
    /// When the session was ended; null otherwise.
    pub revoked_at: Option<Timestamp>,
}

/// Sessions of the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoginList {
    /// Always true.
    pub ok: bool,
    /// The sessions, newest first.
    pub sessions: Vec<LoginView>,
}

/// A session that an assistant began.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssistantLinkView {
    /// The id of the session.
    pub session_id: Id,
    /// The name of the assistant: the part of the session's `client_type` after `assistant:`.
    pub provider: String,
    /// The name of the device; null if the assistant sent none.
    pub device_label: Option<String>,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When the tokens of the session were last refreshed.
    pub last_seen_at: Timestamp,
    /// When the session was ended; null otherwise.
    pub revoked_at: Option<Timestamp>,
}

/// Sessions that assistants began.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssistantLinkList {
    /// Always true.
    pub ok: bool,
    /// The sessions, newest first.
    pub links: Vec<AssistantLinkView>,
}

/// Which session to end.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeSession {
    /// The id of the session.
    pub session_id: Id,
}

/// The end of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RevokeSessionAnswer {
    /// Always true.
    pub ok: bool,
    /// Always true.
    pub revoked: bool,
    /// The id of the session.
    pub session_id: Id,
}

/// The end of every session of the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogoutAllAnswer {
    /// Always true.
    pub ok: bool,
    /// How many sessions the call ended.
    pub revoked_sessions: u64,
    /// How many keys of sign-ins the call ended.
    pub revoked_keys: u64,
}

/// A token that opens a dashboard.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DashboardTokenAnswer {
    /// Always true.
    pub ok: bool,
    /// The token: `axme_dx_…`. It is valid once.
    pub token: String,
    /// Seconds until the token expires.
    pub expires_in: u64,
}

/// A token that opens a dashboard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exchange {
    /// The token: `axme_dx_…`.
    pub token: String,
}

/// An access token to check.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Introspect {
    /// The access token.
    pub token: String,
}

text_enum! {
    /// The scope of a token.
    pub enum TokenScope {
        /// The whole API, with the rights of the person.
        Api = "axme.api",
    }
}

/// The claims of a valid access token. The answer about any other token has only `ok` and `active`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Introspection {
    /// Always true.
    pub ok: bool,
    /// True if the token is valid and its session has not ended.
    pub active: bool,
    /// The id of the person's account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<Id>,
    /// The email address of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The id of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Id>,
    /// The scope of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<TokenScope>,
    /// The address of the person: `user://` and the email address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    /// When the token expires, in seconds since 1970-01-01 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
}
