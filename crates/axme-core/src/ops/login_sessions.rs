//! Login sessions: refreshing, listing and ending them, and opening a dashboard.

use axme_api::auth::{
    AssistantLinkList, AssistantLinkView, DashboardTokenAnswer, Exchange, Introspect, Introspection, ListLogins,
    LoginList, LoginView, LogoutAllAnswer, RefreshAnswer, RefreshToken, RevokeSession, RevokeSessionAnswer,
    SignInAnswer, TokenType,
};
use axme_api::capabilities::EmptyInput;
use axme_api::{ApiError, ErrorCode};
use axme_intent::{Address, Home, Time};
use serde_json::json;
use uuid::Uuid;

use super::webhooks;
use crate::auth;
use crate::auth::browser;
use crate::auth::membership;
use crate::auth::sign_in::{Client, SessionOrigin, SignInRules, audit, enter, next_refresh, refresh_after, signed_in};
use crate::auth::tokens::{Person, TOKEN_SECONDS};
use crate::call::{AsyncContext, Binding, BoxFuture, PrepareContext, async_handler, handler};
use crate::context::CallContext;
use crate::error::{Error, Result};
use crate::input::read_id;
use crate::state::AppState;
use axme_store::person_accounts::Session;
use axme_store::webhooks::EventSource;
use axme_store::{Shard, Tx, oauth, person_accounts as store, service_accounts};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Transaction(&handler(&axme_api::auth::LOGOUT, prepare_nothing, logout)),
    Binding::Transaction(&handler(&axme_api::auth::LOGOUT_ALL, prepare_nothing, logout_all)),
    Binding::Transaction(&handler(&axme_api::auth::SESSIONS, prepare_list, list)),
    Binding::Transaction(&handler(&axme_api::auth::REVOKE, prepare_revoke, revoke)),
    Binding::Transaction(&handler(&axme_api::auth::ASSISTANT_LINKS, prepare_list, assistant_links)),
    Binding::Async(&async_handler(&axme_api::auth::REFRESH, refresh)),
    Binding::Async(&async_handler(&axme_api::auth::DASHBOARD, dashboard)),
    Binding::Async(&async_handler(&axme_api::auth::EXCHANGE, exchange)),
    Binding::Async(&async_handler(&axme_api::auth::INTROSPECT, introspect)),
];

/// How long a used refresh token may be repeated: the program may not have received the first answer.
const REPEAT_SECONDS: u64 = 10;
const EXCHANGE_SECONDS: u64 = 300;
const MAX_SESSIONS: i64 = 500;
/// The `client_type` of a session that was opened with a key.
pub(super) const DASHBOARD: &str = "dashboard";
/// The prefix of the `client_type` of an assistant's session.
pub(crate) const ASSISTANT: &str = "assistant:";

pub fn refresh(context: AsyncContext, input: RefreshToken) -> BoxFuture<RefreshAnswer> {
    Box::pin(async move {
        // The token of a client's grant gives no token of the person.
        let is_own = |tx: &mut Tx<'_>, session| Ok(oauth::find_grant(tx, session)?.is_none().then_some(()));
        let (person, refresh_token, ()) = rotate(&context.app, &input.refresh_token, is_own).await?;
        let access_token =
            context.app.keys.signer.sign(&context.app.store, &context.app.system.rng, context.now, &person).await?;
        Ok(RefreshAnswer {
            ok: true,
            account_session_token: access_token.clone(),
            access_token,
            refresh_token,
            expires_in: TOKEN_SECONDS,
            token_type: TokenType::Bearer,
            session_id: person.session_id.into(),
        })
    })
}

/// Uses a refresh token up and creates the next one. `check` says what the session is, or `None` if the token is not for
/// the caller.
pub(crate) async fn rotate<T: Send + 'static>(
    app: &AppState,
    refresh_token: &str,
    check: impl Fn(&mut Tx<'_>, Uuid) -> Result<Option<T>> + Clone + Send + 'static,
) -> Result<(Person, String, T)> {
    let (now, rules) = (app.system.clock.now(), SignInRules::of(app));
    let (hash, presented) = (auth::hash(refresh_token), refresh_token.to_owned());
    // An invalid token, or one of an ended session, must not occupy the writer.
    let checked = check.clone();
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let known = store::find_refresh(tx, &hash)?.ok_or_else(unknown)?;
        checked(tx, known.session_id)?.ok_or_else(unknown)?;
        check_live(store::find_session(tx, known.session_id)?, &known, now).map(|_| ())
    };
    app.store.read(look).await?;
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let known = store::find_refresh(tx, &hash)?.ok_or_else(unknown)?;
        let session = check_live(store::lock_session(tx, known.session_id)?, &known, now)?;
        let account = store::find(tx, session.account_id)?.ok_or_else(unknown)?;
        let checked = check(tx, session.session_id)?.ok_or_else(unknown)?;
        // Read the token again under the lock: it may have been used meanwhile.
        let known = store::find_refresh(tx, &hash)?.ok_or_else(unknown)?;
        let token = match known.used_at {
            Some(at) if at.plus_seconds(REPEAT_SECONDS) <= now => {
                // Two parties hold the token. End the session; the rightful one can sign in again.
                store::revoke_session(tx, session.account_id, session.session_id, now)?;
                tell_ended(tx, &account, &[session.session_id], "refresh_token_reused")?;
                let message = "this refresh token was already used, so its session was ended; sign in again";
                return Err(Error::kept(ApiError::new(ErrorCode::RefreshTokenReused, message)));
            }
            // The first answer may be lost, or two windows of one browser ask at once: all get the same token.
            Some(_) => last_refresh(tx, &presented)?,
            None => {
                let expires_at = now.plus_seconds(rules.session_days * 86_400);
                let session = Session { refreshed_at: now, expires_at, ..session.clone() };
                store::extend_session(tx, &session)?;
                next_refresh(tx, &presented, &session)?
            }
        };
        let person = Person { account_id: account.account_id, session_id: session.session_id, email: account.email };
        Ok((person, token, checked))
    };
    app.store.write(Shard::CONTROL, job).await
}

/// Maximum number of refreshes that are followed after a repeated token.
const MAX_FOLLOWED: usize = 20;

/// Follows the tokens that came after a used one, and returns the last, which is not used yet.
fn last_refresh(tx: &mut Tx<'_>, used: &str) -> Result<String> {
    let mut token = used.to_owned();
    for _ in 0..MAX_FOLLOWED {
        let known = store::find_refresh(tx, &auth::hash(&token))?.ok_or_else(unknown)?;
        match (known.used_at, known.next_nonce) {
            (None, _) => return Ok(token),
            (Some(_), Some(nonce)) => token = refresh_after(&token, &nonce),
            // A token from before nonces were stored.
            (Some(_), None) => return Err(unknown().into()),
        }
    }
    Err(unknown().into())
}

/// Returns the session of a refresh token if both are valid.
fn check_live(session: Option<Session>, token: &store::RefreshToken, now: Time) -> Result<Session> {
    let is_live = |session: &Session| session.revoked_at.is_none() && now < session.expires_at.min(token.expires_at);
    session.filter(is_live).ok_or_else(|| unknown().into())
}

fn unknown() -> ApiError {
    let message = "the refresh token is unknown, expired or revoked; sign in again";
    ApiError::new(ErrorCode::InvalidRefreshToken, message)
}

fn no_account() -> ApiError {
    ApiError::not_found("account")
}

pub(crate) fn prepare_list(_: &PrepareContext<'_>, input: ListLogins) -> Result<bool> {
    Ok(input.include_revoked.unwrap_or(false))
}

/// Returns the id of the caller's session and all their sessions; ended ones only `with_revoked`.
fn own(cx: &mut CallContext<'_, '_>, with_revoked: bool) -> Result<(Uuid, Vec<Session>)> {
    let person = auth::check_person(cx.caller)?;
    let sessions = if with_revoked {
        store::list_sessions(cx.tx, person.account_id, MAX_SESSIONS)?
    } else {
        store::list_live_sessions(cx.tx, person.account_id, cx.now, MAX_SESSIONS)?
    };
    Ok((person.session_id, sessions))
}

pub fn list(cx: &mut CallContext<'_, '_>, with_revoked: &bool) -> Result<LoginList> {
    let (current, sessions) = own(cx, *with_revoked)?;
    let view = |session: Session| LoginView {
        session_id: session.session_id.into(),
        is_current: session.session_id == current,
        client_type: session.client_type,
        device_label: session.device_label,
        created_at: session.created_at.into(),
        last_seen_at: session.refreshed_at.into(),
        expires_at: session.expires_at.into(),
        revoked: session.revoked_at.is_some(),
        revoked_at: session.revoked_at.map(Into::into),
    };
    Ok(LoginList { ok: true, sessions: sessions.into_iter().map(view).collect() })
}

pub(crate) fn assistant_links(cx: &mut CallContext<'_, '_>, with_revoked: &bool) -> Result<AssistantLinkList> {
    let (_, sessions) = own(cx, *with_revoked)?;
    let view = |session: Session| {
        Some(AssistantLinkView {
            session_id: session.session_id.into(),
            provider: session.client_type.strip_prefix(ASSISTANT)?.to_owned(),
            device_label: session.device_label,
            created_at: session.created_at.into(),
            last_seen_at: session.refreshed_at.into(),
            revoked_at: session.revoked_at.map(Into::into),
        })
    };
    Ok(AssistantLinkList { ok: true, links: sessions.into_iter().filter_map(view).collect() })
}

pub(crate) fn prepare_revoke(_: &PrepareContext<'_>, input: RevokeSession) -> Result<Uuid> {
    read_id("session", &input.session_id)
}

/// Ends a session. A repeat has no effect.
pub fn revoke(cx: &mut CallContext<'_, '_>, id: &Uuid) -> Result<RevokeSessionAnswer> {
    let person = auth::check_person(cx.caller)?;
    let known = store::find_session(cx.tx, *id)?.filter(|session| session.account_id == person.account_id);
    let known = known.ok_or_else(|| ApiError::not_found(format!("session {id}")))?;
    store::revoke_session(cx.tx, person.account_id, *id, cx.now)?;
    if known.revoked_at.is_none() {
        let account = store::find(cx.tx, person.account_id)?.ok_or_else(no_account)?;
        tell_ended(cx.tx, &account, &[*id], "revoked")?;
    }
    Ok(RevokeSessionAnswer { ok: true, revoked: true, session_id: (*id).into() })
}

/// Ends one session of a person, or all but `current`. A session of another person is not found.
pub fn end(tx: &mut Tx<'_>, account: &store::Account, current: Uuid, chosen: Option<Uuid>) -> Result<()> {
    let now = tx.now;
    let live = store::list_live_sessions(tx, account.account_id, now, MAX_SESSIONS)?;
    let is_meant = |session: &&Session| chosen.map_or(session.session_id != current, |id| session.session_id == id);
    let ended: Vec<Uuid> = live.iter().filter(is_meant).map(|session| session.session_id).collect();
    if ended.is_empty() && chosen.is_some() {
        return Err(ApiError::not_found("session").into());
    }
    for session in &ended {
        store::revoke_session(tx, account.account_id, *session, now)?;
    }
    tell_ended(tx, account, &ended, "revoked")
}

pub(crate) fn prepare_nothing(_: &PrepareContext<'_>, _: EmptyInput) -> Result<()> {
    Ok(())
}

pub fn logout(cx: &mut CallContext<'_, '_>, (): &()) -> Result<RevokeSessionAnswer> {
    let current = auth::check_person(cx.caller)?.session_id;
    revoke(cx, &current)
}

pub fn logout_all(cx: &mut CallContext<'_, '_>, (): &()) -> Result<LogoutAllAnswer> {
    let person = auth::check_person(cx.caller)?;
    let ended = store::revoke_all(cx.tx, person.account_id, cx.now)?;
    let account = store::find(cx.tx, person.account_id)?.ok_or_else(no_account)?;
    tell_ended(cx.tx, &account, &ended, "logout_all")?;
    let revoked_keys = service_accounts::revoke_login_keys(cx.tx, &account.email, cx.now)?;
    Ok(LogoutAllAnswer { ok: true, revoked_sessions: ended.len() as u64, revoked_keys })
}

pub fn dashboard(context: AsyncContext, _: EmptyInput) -> BoxFuture<DashboardTokenAnswer> {
    Box::pin(async move {
        let (rng, now, caller) = (context.app.system.rng.clone(), context.now, context.caller.clone());
        let token = format!("axme_dx_{}", rng.hex::<32>());
        let hash = auth::hash(&token);
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let account = store::find_by_email(tx, &membership::address(&caller.owner))?;
            let account = account.ok_or_else(|| {
                let message = format!(
                    "the owner of this key, {}, has no account; use the key of a person who has signed in",
                    caller.owner
                );
                ApiError::new(ErrorCode::NoAccount, message)
            })?;
            let until = now.plus_seconds(EXCHANGE_SECONDS);
            // If the caller's session ends with a key, the new one must end with it too.
            let session =
                caller.person().map(|person| store::find_session(tx, person.session_id)).transpose()?.flatten();
            let own_key = caller.key_id.clone().map(|key| (caller.workspace, key));
            let key = session.and_then(|session| session.key).or(own_key);
            store::insert_exchange(tx, &hash, account.account_id, caller.workspace, key.as_ref(), until)?;
            let (workspace, actor) = (caller.workspace, caller.actor());
            let line = json!({ "service_account_id": caller.service_account_id });
            audit(tx, workspace, &actor, "auth.dashboard_token", &line)?;
            Ok(())
        };
        context.app.store.write(Shard::CONTROL, job).await?;
        Ok(DashboardTokenAnswer { ok: true, token, expires_in: EXCHANGE_SECONDS })
    })
}

pub fn exchange(context: AsyncContext, input: Exchange) -> BoxFuture<SignInAnswer> {
    Box::pin(async move {
        let (now, rules) = (context.now, SignInRules::of(&context.app));
        let hash = auth::hash(&input.token);
        let client = Client { kind: DASHBOARD.to_owned(), label: None };
        let wrong = || {
            let message = "the token is unknown, used or expired; open the dashboard again";
            ApiError::new(ErrorCode::InvalidExchangeToken, message)
        };
        if !context.app.store.read(move |tx| store::is_exchange(tx, &hash, now)).await? {
            return Err(wrong().into());
        }
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let (account, workspace, key) = store::take_exchange(tx, &hash, now)?.ok_or_else(wrong)?;
            let account = store::find(tx, account)?.ok_or_else(wrong)?;
            enter(tx, rules, &account, &client, SessionOrigin::OfKey(workspace, key))
        };
        let entered = context.app.store.write(Shard::CONTROL, job).await?;
        signed_in(&context.app, context.now, entered).await
    })
}

/// Uses up an exchange token for a session of this browser. Returns the token for its cookie.
pub async fn exchange_in_browser(app: &AppState, token: &str) -> Result<String> {
    let (now, rules, hash) = (app.system.clock.now(), SignInRules::of(app), auth::hash(token));
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let wrong = || {
            let message = "the link is unknown, used or expired: open the console again";
            ApiError::new(ErrorCode::InvalidExchangeToken, message)
        };
        let (account, workspace, key) = store::take_exchange(tx, &hash, now)?.ok_or_else(wrong)?;
        let account = store::find(tx, account)?.ok_or_else(wrong)?;
        browser::begin_in(tx, rules, &account, workspace, key)
    };
    app.store.write(Shard::CONTROL, job).await
}

/// Reports whether a token is active. For an invalid, expired or revoked token, the answer holds nothing else.
pub fn introspect(context: AsyncContext, input: Introspect) -> BoxFuture<Introspection> {
    Box::pin(async move {
        let inactive = Introspection { ok: true, ..Introspection::default() };
        let app = &context.app;
        let Ok(claims) = app.keys.signer.read(&app.store, &input.token, context.now).await? else {
            return Ok(inactive);
        };
        let (session, account) = (claims.sid, claims.sub);
        let look = move |tx: &mut Tx<'_>| -> Result<_> {
            let session = store::find_session(tx, session)?.filter(|session| session.account_id == account);
            Ok(session.zip(store::find(tx, account)?))
        };
        let found = app.store.read(look).await?;
        let is_live = |session: &Session| session.revoked_at.is_none() && context.now < session.expires_at;
        let Some((session, account)) = found.filter(|(session, _)| is_live(session)) else { return Ok(inactive) };
        Ok(Introspection {
            ok: true,
            active: true,
            sub: Some(account.account_id.into()),
            email: Some(account.email),
            session_id: Some(session.session_id.into()),
            scope: Some(claims.scope),
            owner_agent: Some(claims.owner_agent),
            exp: Some(claims.exp),
        })
    })
}

/// Records the end of sessions in the audit trail of the person's home workspace, and publishes an event to subscribers
/// there.
fn tell_ended(tx: &mut Tx<'_>, account: &store::Account, sessions: &[Uuid], why: &str) -> Result<()> {
    let memberships = store::memberships(tx, &account.email)?;
    let Some((org, workspace)) = membership::home(tx, account, &memberships)? else { return Ok(()) };
    let home = Home { org: &org.slug, workspace: &workspace.slug };
    for session in sessions {
        let line = json!({ "session_id": session, "why": why });
        audit(tx, workspace.workspace_id, &account.email, "auth.sign_out", &line)?;
        let payload =
            json!({ "session_id": session, "account_id": account.account_id, "email": account.email, "reason": why });
        let owner = Address::resolve(&format!("user://{}", account.email), home);
        let event = webhooks::event(tx, owner, "auth.session_revoked", EventSource::Auth, payload);
        webhooks::tell_in(tx, workspace.workspace_id, event)?;
    }
    Ok(())
}
