//! Passwords: people set their own and sign in with it.

use axme_api::auth::{PasswordLogin, RegisterPassword, RegisterPasswordAnswer, SignInAnswer};
use axme_api::{ApiError, ErrorCode};
use axme_intent::Time;
use axme_intent::human::is_email;
use serde_json::json;

use super::logins::{found, mail};
use crate::auth;
use crate::auth::membership;
use crate::auth::passwords::HashPermit;
use crate::auth::sign_in::{Client, DASHBOARD, SessionOrigin, SignInRules, audit, enter, signed_in};
use crate::call::{AsyncContext, Binding, BoxFuture, async_handler};
use crate::error::{Error, Result, StoreError};
use crate::input::check_chars;
use axme_store::person_accounts::Account;
use axme_store::{Shard, Tx, logins, person_accounts as store, service_accounts};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Async(&async_handler(&axme_api::auth::LOGIN, login)),
    Binding::Async(&async_handler(&axme_api::auth::REGISTER_PASSWORD, register)),
];

const LEAST_CHARS: usize = 12;
const MAX_CHARS: usize = 1_024;
/// Minimum different characters: a password with fewer is as weak as a short one.
const LEAST_DIFFERENT: usize = 5;
/// A name is locked for a while after this many wrong passwords, even if no account has it.
const MAX_FAILURES: i64 = 5;
const LOCK_SECONDS: u64 = 900;
/// How recent a sign-in must be to set a first password.
const FRESH_SECONDS: u64 = 900;

pub fn register(context: AsyncContext, input: RegisterPassword) -> BoxFuture<RegisterPasswordAnswer> {
    Box::pin(async move {
        let nick = input.nick.as_deref().map(bare_nick);
        check_nick(nick)?;
        if context.caller.is_anonymous() {
            let nick = nick.map(str::to_lowercase);
            return sign_up(&context, nick, input.password).await;
        }
        let person = auth::check_person(&context.caller)?.clone();
        let session_id = person.session_id;
        let find = move |tx: &mut Tx<'_>| -> Result<_> {
            Ok(store::find(tx, person.account_id)?.zip(store::find_session(tx, session_id)?))
        };
        let (account, session) = context.app.store.read(find).await?.ok_or_else(|| ApiError::not_found("account"))?;
        check_strength(&input.password, &account.email, nick.or(account.nick.as_deref()))?;
        let permit = HashPermit::acquire().await?;
        match account.password_hash.clone() {
            Some(known) => {
                let name = auth::hash(&account.email);
                let tries = reserve(&context, name).await?;
                let given = input.current_password.clone().unwrap_or_default();
                if !permit.fits(Some(known), given).await? {
                    let why = "current_password: does not match the current password";
                    return Err(refuse(&context, name, tries, ErrorCode::WrongCurrentPassword, why).await);
                }
            }
            // A stolen token or key must not be enough to set a password, which outlives both.
            None if session.client_type == DASHBOARD
                || session.created_at.plus_seconds(FRESH_SECONDS) <= context.now =>
            {
                let message = "a first password takes a recent sign-in; sign in again by mail or at your provider, \
                               and set the password within 15 minutes";
                return Err(ApiError::new(ErrorCode::SignInAgain, message).into());
            }
            None => {}
        }
        let hashed = permit.hash(&context.app.system.rng, input.password.clone()).await?;
        let (now, workspace) = (context.now, context.caller.workspace);
        let (nick, before) = (nick.map(str::to_lowercase), account.password_hash);
        let base_url = context.app.site.base_url.clone();
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let gone = || ApiError::not_found("account");
            let known = store::lock(tx, account.account_id)?.ok_or_else(gone)?;
            if known.password_hash != before {
                let message = "the password was changed at the same time; this call changed nothing";
                return Err(ApiError::new(ErrorCode::PasswordChanged, message).into());
            }
            let changed =
                Account { nick: nick.clone().or(known.nick.clone()), password_hash: Some(hashed.clone()), ..known };
            if !store::set_password(tx, &changed)? {
                return Err(nick_taken().into());
            }
            for name in [Some(&changed.email), changed.nick.as_ref()].into_iter().flatten() {
                logins::forget_failures(tx, &auth::hash(name))?;
            }
            // One of the other sessions, or a key, may be in the hands of the intruder that the new password must keep out.
            store::revoke_others(tx, changed.account_id, session_id, now)?;
            service_accounts::revoke_login_keys(tx, &changed.email, now)?;
            tell(tx, &changed.email, &base_url)?;
            audit(tx, workspace, &changed.email, "auth.password", &json!({ "nick": changed.nick }))?;
            Ok(RegisterPasswordAnswer {
                ok: true,
                email: Some(changed.email).filter(|email| is_email(email)),
                nick: changed.nick,
            })
        };
        context.app.store.write(Shard::CONTROL, job).await
    })
}

/// Makes the account of a new person, who proves no address. Its name is drawn, so that nothing that exists can belong to
/// it: no membership, no task, no mail. It owns a new organization.
async fn sign_up(context: &AsyncContext, nick: Option<String>, password: String) -> Result<RegisterPasswordAnswer> {
    if !context.app.site.sign_up {
        let message = "sign-up is closed on this server: ask an admin to add your email address, sign in by mail, and then \
                       set a password";
        return Err(ApiError::new(ErrorCode::SignUpClosed, message).into());
    }
    let nick =
        nick.ok_or_else(|| ApiError::invalid("nick: required without a token; choose a name to sign in with"))?;
    check_strength(&password, &nick, Some(&nick))?;
    // A taken nick takes the same work.
    let hashed = HashPermit::acquire().await?.hash(&context.app.system.rng, password).await?;
    let id = context.app.system.rng.uuid_at(context.now);
    let account = Account {
        account_id: id,
        email: format!("{}{id}", membership::NAMELESS_OWNER),
        nick: Some(nick.clone()),
        display_name: None,
        company: None,
        password_hash: Some(hashed),
        selected_workspace: None,
        created_at: context.now,
        verified_at: None,
    };
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        if !store::insert_named(tx, &account)? {
            return Err(nick_taken().into());
        }
        let workspace = found(tx, &account.email, &nick)?;
        audit(tx, workspace.workspace_id, &account.email, "auth.password", &json!({ "nick": nick }))?;
        Ok(RegisterPasswordAnswer { ok: true, email: None, nick: Some(nick.clone()) })
    };
    context.app.store.write(Shard::CONTROL, job).await
}

fn nick_taken() -> ApiError {
    ApiError::new(ErrorCode::NickTaken, "nick: already taken; choose another")
}

/// Returns a nick without the `@` that people write before it.
fn bare_nick(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('@').unwrap_or(text)
}

/// Mails the owner of the account, who may not have made the change. An account without an address gets no mail.
fn tell(tx: &mut Tx<'_>, email: &str, base_url: &str) -> Result<(), StoreError> {
    if !is_email(email) {
        return Ok(());
    }
    let body = format!(
        "The password of {email} at {base_url} was set, and all other sessions and keys of sign-ins were ended. If it was not you, sign in by mail, set \
         another password, and tell whoever runs the server."
    );
    mail(tx, email, json!({ "subject": "Your AXME password was set", "body": body }))
}

fn check_nick(nick: Option<&str>) -> Result<()> {
    check_chars("nick", nick, 3, 32)?;
    let is_plain = |nick: &str| nick.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    match nick {
        Some(nick) if !is_plain(nick) => {
            Err(ApiError::invalid("nick: letters without accents, digits, \".\", \"-\" and \"_\" only").into())
        }
        _ => Ok(()),
    }
}

/// Refuses a password that is short, has few different characters, or is the person's own name.
fn check_strength(password: &str, email: &str, nick: Option<&str>) -> Result<()> {
    check_chars("password", Some(password), LEAST_CHARS, MAX_CHARS)?;
    let mut different: Vec<char> = password.to_lowercase().chars().collect();
    different.sort_unstable();
    different.dedup();
    let lower = password.to_lowercase();
    let holds_name = lower.contains(&email.to_lowercase()) || nick.is_some_and(|nick| lower == nick.to_lowercase());
    if different.len() < LEAST_DIFFERENT || holds_name {
        let message = format!(
            "password: too easy to guess; use at least {LEAST_DIFFERENT} different characters, and not your own name"
        );
        return Err(ApiError::new(ErrorCode::WeakPassword, message).into());
    }
    Ok(())
}

/// Signs in with a password. An unknown name takes as long and gets the same error.
pub fn login(context: AsyncContext, input: PasswordLogin) -> BoxFuture<SignInAnswer> {
    Box::pin(async move {
        let client = Client::read(input.client_type, input.device_label, &context.client)?;
        check_chars("nick", Some(&input.nick), 1, 255)?;
        check_chars("password", Some(&input.password), 1, MAX_CHARS)?;
        let given = membership::address(bare_nick(&input.nick));
        let find = move |tx: &mut Tx<'_>| -> Result<_> {
            // Both, for every name: the time of the answer must not tell which names exist.
            let (by_email, by_nick) = (store::find_by_email(tx, &given)?, store::find_by_nick(tx, &given)?);
            Ok((by_email.or(by_nick), given.clone()))
        };
        let (account, given) = context.app.store.read(find).await?;
        // The name as it was typed: one lock for an address and its nick would tell whose nick it is.
        let name = auth::hash(&given);
        let permit = HashPermit::acquire().await?;
        let tries = reserve(&context, name).await?;
        let known = account.as_ref().and_then(|account| account.password_hash.clone());
        let fits = permit.fits(known, input.password).await?;
        let Some(account) = account.filter(|_| fits) else {
            let why = "the name or the password is wrong";
            return Err(refuse(&context, name, tries, ErrorCode::InvalidCredentials, why).await);
        };
        let rules = SignInRules::of(&context.app);
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            logins::forget_failures(tx, &name)?;
            let known = store::lock(tx, account.account_id)?;
            // A password that was changed meanwhile must not sign in any more.
            if known.is_none_or(|known| known.password_hash != account.password_hash) {
                let message = "the password was changed at the same time; try again";
                return Err(ApiError::new(ErrorCode::InvalidCredentials, message).into());
            }
            enter(tx, rules, &account, &client, SessionOrigin::Home)
        };
        let entered = context.app.store.write(Shard::CONTROL, job).await?;
        signed_in(&context.app, context.now, entered).await
    })
}

/// Counts a try before it is made, so that parallel tries cannot exceed the limit. Refuses a locked name. Returns the
/// number of tries.
async fn reserve(context: &AsyncContext, name: [u8; 32]) -> Result<i64> {
    let now = context.now;
    let count = move |tx: &mut Tx<'_>| -> Result<_> {
        let tries = logins::count_failure(tx, &name, now, now.minus_millis(LOCK_SECONDS * 1_000))?;
        // The transaction holds the row's lock now, so its state is current.
        if let Some(until) = logins::failures(tx, &name)?.locked_until.filter(|until| now < *until) {
            return Err(locked(now, until).into());
        }
        if tries > MAX_FAILURES {
            return Err(locked(now, now.plus_seconds(LOCK_SECONDS)).into());
        }
        Ok(tries)
    };
    context.app.store.write(Shard::CONTROL, count).await
}

fn locked(now: Time, until: Time) -> ApiError {
    let seconds = until.since(now).as_secs().max(1);
    let message = format!("too many wrong passwords; this name is locked for {seconds} s");
    ApiError::new(ErrorCode::AccountLocked, message).with("retry_after_seconds", seconds)
}

/// Returns the error for a wrong password. The last wrong try locks the name.
async fn refuse(context: &AsyncContext, name: [u8; 32], tries: i64, code: ErrorCode, why: &'static str) -> Error {
    if tries < MAX_FAILURES {
        return ApiError::new(code, why).into();
    }
    let (now, until) = (context.now, context.now.plus_seconds(LOCK_SECONDS));
    match context.app.store.write(Shard::CONTROL, move |tx| logins::lock_name(tx, &name, until)).await {
        Ok(()) => locked(now, until).into(),
        Err(error) => Error::Store(error),
    }
}
