//! Passwords: setting one's own, and signing in with it.

use axme_api::auth::{PasswordLogin, PasswordRegistered, RegisterPassword, SignedIn};
use axme_api::{ApiError, ErrorKind};
use axme_intent::Time;
use serde_json::json;

use super::logins::{Client, Place, Rules, audit, enter, signed_in};
use super::{COMMON_LANE, check_chars, people};
use crate::auth;
use crate::call::{Later, Visit};
use crate::error::{Error, Result};
use crate::passwords;
use crate::store::Tx;
use crate::store::logins;
use crate::store::people::{self as store, Account};

const LEAST_CHARS: usize = 12;
const MOST_CHARS: usize = 1_024;
/// A password of fewer different characters than this is no better than a short one.
const LEAST_DIFFERENT: usize = 5;
/// After so many wrong passwords a name is locked for a while, whether anybody has it or not.
const MOST_FAILURES: i64 = 5;
const LOCK_SECONDS: u64 = 900;

pub fn register(visit: Visit, input: RegisterPassword) -> Later<PasswordRegistered> {
    Box::pin(async move {
        let person = auth::check_person(&visit.caller)?.clone();
        check_nick(input.nick.as_deref())?;
        let find = move |tx: &mut Tx<'_>| Ok(store::find(tx, person.account_id)?);
        let account = visit.app.store.read(find).await?.ok_or_else(|| ApiError::not_found("account"))?;
        check_strength(&input.password, &account.email, input.nick.as_deref().or(account.nick.as_deref()))?;
        if let Some(known) = account.password_hash.clone() {
            let name = auth::hash(&account.email);
            check_unlocked(&visit, name).await?;
            let given = input.current_password.clone().unwrap_or_default();
            if !passwords::fits(Some(known), given).await? {
                let why = "current_password: not the password that is set now";
                return Err(refuse(&visit, name, ErrorKind::Forbidden, "wrong_current_password", why).await);
            }
        }
        let hashed = passwords::hash(&visit.app.world.dice, input.password.clone()).await?;
        let (dice, now, workspace) = (visit.app.world.dice.clone(), visit.now, visit.caller.workspace);
        let (nick, before) = (input.nick.map(|nick| nick.to_lowercase()), account.password_hash);
        let job = move |tx: &mut Tx<'_>| {
            let gone = || ApiError::not_found("account");
            let known = store::find(tx, account.account_id)?.ok_or_else(gone)?;
            if known.password_hash != before {
                let message = "the password was changed at the same time; nothing was changed by this call";
                return Err(ApiError::new(ErrorKind::Conflict, "password_changed", message).into());
            }
            let changed =
                Account { nick: nick.clone().or(known.nick.clone()), password_hash: Some(hashed.clone()), ..known };
            if !store::update(tx, &changed)? {
                return Err(ApiError::new(ErrorKind::Conflict, "nick_taken", "nick: somebody has it").into());
            }
            audit(tx, &dice, now, workspace, &changed.email, "auth.password", &json!({ "nick": changed.nick }))?;
            Ok(PasswordRegistered { ok: true, email: changed.email, nick: changed.nick })
        };
        visit.app.store.write(COMMON_LANE, job).await
    })
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

/// Long, of more than a few characters, and not one's own name.
fn check_strength(password: &str, email: &str, nick: Option<&str>) -> Result<()> {
    check_chars("password", Some(password), LEAST_CHARS, MOST_CHARS)?;
    let mut different: Vec<char> = password.to_lowercase().chars().collect();
    different.sort_unstable();
    different.dedup();
    let lower = password.to_lowercase();
    let holds_name = lower.contains(&email.to_lowercase()) || nick.is_some_and(|nick| lower == nick.to_lowercase());
    if different.len() < LEAST_DIFFERENT || holds_name {
        let message = format!(
            "password: too easy to guess; use at least {LEAST_DIFFERENT} different characters, and not your own name"
        );
        return Err(ApiError::new(ErrorKind::Invalid, "weak_password", message).into());
    }
    Ok(())
}

/// Takes as long, and says the same, for a name that nobody has.
pub fn login(visit: Visit, input: PasswordLogin) -> Later<SignedIn> {
    Box::pin(async move {
        let client = Client::read(input.client_type, input.device_label, &visit.headers)?;
        check_chars("nick", Some(&input.nick), 1, 255)?;
        check_chars("password", Some(&input.password), 1, MOST_CHARS)?;
        let given = people::address(&input.nick);
        let find = move |tx: &mut Tx<'_>| {
            let by_email = store::find_by_email(tx, &given)?;
            let account = if by_email.is_some() { by_email } else { store::find_by_nick(tx, &given)? };
            Ok((account, given.clone()))
        };
        let (account, given) = visit.app.store.read(find).await?;
        // One person is locked by both their names.
        let name = auth::hash(account.as_ref().map_or(&given, |account| &account.email));
        check_unlocked(&visit, name).await?;
        let known = account.as_ref().and_then(|account| account.password_hash.clone());
        let fits = passwords::fits(known, input.password).await?;
        let Some(account) = account.filter(|_| fits) else {
            let why = "the name or the password is wrong";
            return Err(refuse(&visit, name, ErrorKind::Unauthenticated, "invalid_credentials", why).await);
        };
        let (dice, now, rules) = (visit.app.world.dice.clone(), visit.now, Rules::of(&visit.app));
        let job = move |tx: &mut Tx<'_>| {
            logins::forget_failures(tx, &name)?;
            let known = store::find(tx, account.account_id)?;
            // Whoever changed the password meanwhile did so to keep others out.
            if known.is_none_or(|known| known.password_hash != account.password_hash) {
                let message = "the password was changed at the same time: try again";
                return Err(ApiError::new(ErrorKind::Unauthenticated, "invalid_credentials", message).into());
            }
            Ok(enter(tx, &dice, now, rules, &account, &client, Place::Home)?)
        };
        let entered = visit.app.store.write(COMMON_LANE, job).await?;
        signed_in(&visit.app, visit.now, entered).await
    })
}

/// Refuses a name that is locked, before any time goes into its password.
async fn check_unlocked(visit: &Visit, name: [u8; 32]) -> Result<()> {
    let known = visit.app.store.read(move |tx| Ok(logins::failures(tx, &name)?)).await?;
    match known.locked_until.filter(|until| visit.now < *until) {
        Some(until) => Err(locked(visit.now, until).into()),
        None => Ok(()),
    }
}

fn locked(now: Time, until: Time) -> ApiError {
    let seconds = until.since(now).as_secs().max(1);
    let message = format!("too many wrong passwords: this name is locked for {seconds} s");
    ApiError::new(ErrorKind::RateLimited, "account_locked", message).with("retry_after_seconds", seconds)
}

/// Counts a wrong password, and says what is wrong.
async fn refuse(visit: &Visit, name: [u8; 32], kind: ErrorKind, code: &'static str, why: &'static str) -> Error {
    let now = visit.now;
    let count = move |tx: &mut Tx<'_>| -> Result<Option<Time>, Error> {
        let failures = logins::count_failure(tx, &name, now, now.minus_millis(LOCK_SECONDS * 1_000))?;
        if failures < MOST_FAILURES {
            return Ok(None);
        }
        let until = now.plus_seconds(LOCK_SECONDS);
        logins::lock_name(tx, &name, until)?;
        Ok(Some(until))
    };
    match visit.app.store.write(COMMON_LANE, count).await {
        Ok(None) => ApiError::new(kind, code, why).into(),
        Ok(Some(until)) => locked(now, until).into(),
        Err(error) => error,
    }
}
