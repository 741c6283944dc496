//! Sign-in by the code or the link of a mail, and on another device by a grant that a person approves.
//!
//! A program polls a grant, whose id is a secret. A mail's link, its code typed on the approval page, or a sign-in
//! elsewhere approves the grant for an account. The next poll returns the credentials, once. Only the reader of an
//! address's mail learns whether the address is known.

use axme_api::auth::{
    CreateGrant, CreateGrantAnswer, GrantState, LoginDelivery, LoginIntent as AskLogin, LoginIntentAnswer, PollGrant,
    PollGrantAnswer, SignInAnswer, VerifyCode,
};
use axme_api::organizations::CreateOrganization;
use axme_api::{ApiError, ErrorCode};
use axme_intent::Time;
use axme_intent::human::is_email;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::organizations;
use crate::auth;
use crate::auth::sign_in::{Client, NewSession, SessionOrigin, SignInRules, enter, outside, signed_in};
use crate::auth::{Caller, membership};
use crate::call::{AsyncContext, Binding, BoxFuture, async_handler};
use crate::context::CallContext;
use crate::error::{Error, Result, StoreError};
use crate::input::read_id;
use crate::state::AppState;
use axme_store::logins::{Grant, LoginIntent};
use axme_store::notices::Notice;
use axme_store::organizations::{Environment, Workspace};
use axme_store::person_accounts::Account;
use axme_store::{
    Rng, Shard, Signal, Tx, logins as store, notices, organizations as tenants, person_accounts as records,
};

/// Binds each operation of this family to its handler.
pub static BINDINGS: &[Binding] = &[
    Binding::Async(&async_handler(&axme_api::auth::LOGIN_INTENT, ask)),
    Binding::Async(&async_handler(&axme_api::auth::VERIFY, verify)),
    Binding::Async(&async_handler(&axme_api::auth::GRANT, grant)),
    Binding::Async(&async_handler(&axme_api::auth::POLL, poll)),
];

/// How long a mail's code and link are valid.
const INTENT_SECONDS: u64 = 300;
const GRANT_SECONDS: u64 = 600;
const POLL_SECONDS: u64 = 3;
/// How long a program may fetch the same session again: the first answer may be lost.
const REPEAT_SECONDS: u64 = 30;
/// Maximum wrong codes per mail, and per address and day: a code has only a million values.
const MAX_WRONG_CODES: i64 = 5;
const MAX_WRONG_CODES_A_DAY: i64 = 20;
/// Maximum mails per address and hour.
const MAX_MAILS_AN_HOUR: i64 = 10;
const HOUR_MILLIS: u64 = 3_600_000;
/// Letters that are hard to confuse and form no words.
const USER_CODE_LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_CHARS: usize = 8;

pub fn ask(context: AsyncContext, input: AskLogin) -> BoxFuture<LoginIntentAnswer> {
    Box::pin(async move {
        let grant_id = fresh_grant_id(&context.app.system.rng);
        let intent_id = begin(&context.app, &input.email, GrantQuery::New(grant_id.clone())).await?;
        Ok(LoginIntentAnswer {
            ok: true,
            intent_id: intent_id.into(),
            grant_id,
            delivery: LoginDelivery::Email,
            expires_in: INTENT_SECONDS,
        })
    })
}

/// The grant that a mail is to approve.
pub enum GrantQuery {
    /// A new grant, by its id.
    New(String),
    /// An existing grant, by its hash.
    Known(Vec<u8>),
}

/// Mails a code and a link to an address if it is a member's or sign-up is open. The answer is the same in every case.
pub async fn begin(app: &AppState, email: &str, wanted: GrantQuery) -> Result<Uuid> {
    let email = membership::address(email);
    if !is_email(&email) {
        return Err(ApiError::invalid("email: must be an email address, such as ann@example.com").into());
    }
    let (rng, now) = (app.system.rng.clone(), app.system.clock.now());
    let job = move |tx: &mut Tx<'_>| -> Result<_> {
        let (mails, _) = store::count_since(tx, &email, now.minus_millis(HOUR_MILLIS))?;
        if mails >= MAX_MAILS_AN_HOUR {
            return Err(too_many("too many sign-ins for this email address; try again in an hour", 3_600));
        }
        let grant_hash = match &wanted {
            GrantQuery::Known(hash) => hash.clone(),
            GrantQuery::New(id) => put_grant(tx, id, INTENT_SECONDS, false)?.hash,
        };
        let intent = LoginIntent {
            id: rng.uuid(),
            email: email.clone(),
            grant_hash,
            code_hash: None,
            link_hash: None,
            wrong_codes: 0,
            created_at: now,
            expires_at: now.plus_seconds(INTENT_SECONDS),
            used_at: None,
        };
        store::insert(tx, &intent)?;
        // Every address causes the same work here. The worker decides whether it gets a mail.
        mail(tx, &email, json!({ "login": intent.id }))?;
        Ok(intent.id)
    };
    app.store.write(Shard::CONTROL, job).await
}

/// Queues a mail about a person's own account. A separate queue keeps sign-in codes from waiting for other mail.
pub(super) fn mail(tx: &mut Tx<'_>, to: &str, content: Value) -> Result<(), StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let notice = Notice {
        workspace: Uuid::nil(),
        id: rng.uuid_at(now),
        intent: None,
        queue: "login".to_owned(),
        channel: "email".to_owned(),
        recipient: to.to_owned(),
        content,
        created_at: now,
    };
    notices::insert(tx, &notice)?;
    tx.signal(Signal::notices());
    Ok(())
}

/// The contents of a sign-in mail.
pub struct Secrets {
    pub email: String,
    pub code: String,
    pub link_token: String,
    pub expires_at: Time,
}

/// Draws the code and the link for a mail that is about to be sent, and invalidates those of earlier mails. `None` if
/// the sign-in was used or has expired, or if the address may not sign in.
pub fn draw(tx: &mut Tx<'_>, id: Uuid, may_anybody: bool) -> Result<Option<Secrets>, StoreError> {
    let rng = tx.rng;
    let now = tx.now;
    let Some(intent) = store::lock(tx, id)?.filter(|intent| intent.used_at.is_none() && now < intent.expires_at) else {
        return Ok(None);
    };
    if !may_anybody && !records::is_member(tx, &intent.email)? {
        return Ok(None);
    }
    // A million is so far below 2⁶⁴ that the bias of the remainder is negligible.
    let code = format!("{:06}", u64::from_be_bytes(rng.bytes()) % 1_000_000);
    let link_token = rng.hex::<32>();
    store::set_secrets(tx, id, &code_hash(id, &code), &auth::hash(&link_token))?;
    Ok(Some(Secrets { email: intent.email, code, link_token, expires_at: intent.expires_at }))
}

fn code_hash(id: Uuid, code: &str) -> [u8; 32] {
    auth::hash(&format!("{id} {code}"))
}

pub fn verify(context: AsyncContext, input: VerifyCode) -> BoxFuture<SignInAnswer> {
    Box::pin(async move {
        let id = read_id("sign-in", &input.intent_id)?;
        let client = Client::read(input.client_type, input.device_label, &context.client)?;
        let (now, rules) = (context.now, SignInRules::of(&context.app));
        let code = input.code;
        // An unknown or ended sign-in must not occupy the writer.
        context.app.store.read(move |tx| check_open(store::find(tx, id)?, "sign-in", now)).await?;
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let email = use_code(tx, id, &code)?;
            let account = admit(tx, rules, &email)?;
            enter(tx, rules, &account, &client, SessionOrigin::HomeWithKey)
        };
        let entered = context.app.store.write(Shard::CONTROL, job).await?;
        signed_in(&context.app, context.now, entered).await
    })
}

/// Consumes the code of a mail and returns the email address.
pub fn use_code(tx: &mut Tx<'_>, id: Uuid, code: &str) -> Result<String> {
    let now = tx.now;
    let intent = check_open(store::lock(tx, id)?, "sign-in", now)?;
    let (_, wrong_today) = store::count_since(tx, &intent.email, now.minus_millis(24 * HOUR_MILLIS))?;
    if wrong_today >= MAX_WRONG_CODES_A_DAY {
        let message = "too many wrong codes for this email address today; use the link in the mail instead";
        return Err(too_many(message, 3_600));
    }
    let code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    // A sign-in without a mail has no code. It takes the same work.
    let (typed, known) = (code_hash(id, &code), intent.code_hash.clone().unwrap_or_else(|| vec![0; 32]));
    let fits = bool::from(known.ct_eq(&typed)) && intent.code_hash.is_some();
    if fits {
        store::mark_used(tx, id, now)?;
        return Ok(intent.email);
    }
    store::count_wrong_code(tx, id)?;
    let left = MAX_WRONG_CODES - intent.wrong_codes - 1;
    let message = match left {
        0 => "invalid code, and that was the last try; request a new code".to_owned(),
        1 => "invalid code: one try is left".to_owned(),
        left => format!("invalid code: {left} tries are left"),
    };
    // Commit in spite of the refusal, or the count would be lost.
    Err(Error::kept(ApiError::new(ErrorCode::InvalidCode, message)))
}

fn check_open(intent: Option<LoginIntent>, name: &str, now: Time) -> Result<LoginIntent> {
    let intent = intent.ok_or_else(|| ApiError::not_found(name))?;
    if intent.used_at.is_some() {
        let message = "this sign-in was already used; start a new one";
        return Err(ApiError::new(ErrorCode::CodeAlreadyUsed, message).into());
    }
    if intent.expires_at <= now || intent.wrong_codes >= MAX_WRONG_CODES {
        return Err(ApiError::new(ErrorCode::CodeExpired, "this sign-in has expired; start a new one").into());
    }
    Ok(intent)
}

pub(super) fn too_many(message: &str, seconds: u64) -> Error {
    ApiError::new(ErrorCode::RateLimitExceeded, message).with("retry_after_seconds", seconds).into()
}

/// The sign-in that the link of a mail leads to.
pub struct LinkedSignIn {
    pub intent: LoginIntent,
    /// The code on the waiting device; `None` for a waiting program that shows no code.
    pub user_code: Option<String>,
}

/// Returns the open sign-in that the link of a mail leads to, or the reason that there is none.
pub fn look_at_link(tx: &mut Tx<'_>, id: Uuid, token: &str) -> Result<LinkedSignIn> {
    let now = tx.now;
    let intent = check_link(store::find(tx, id)?, now, token)?;
    let grant = store::find_grant(tx, &intent.grant_hash)?;
    let user_code = grant.filter(|grant| grant.is_device).map(|grant| grant.user_code);
    Ok(LinkedSignIn { intent, user_code })
}

fn check_link(intent: Option<LoginIntent>, now: Time, token: &str) -> Result<LoginIntent> {
    let hash = auth::hash(token);
    let leads = |i: &LoginIntent| i.link_hash.as_ref().is_some_and(|known| bool::from(known.ct_eq(&hash)));
    check_open(intent.filter(leads), "this link", now)
}

/// Signs in by the link of a mail: approves the waiting grant. Returns the email address.
pub fn use_link(tx: &mut Tx<'_>, rules: SignInRules, id: Uuid, token: &str) -> Result<String> {
    let now = tx.now;
    let intent = check_link(store::lock(tx, id)?, now, token)?;
    let account = admit(tx, rules, &intent.email)?;
    store::mark_used(tx, id, now)?;
    approve(tx, &intent.grant_hash, &account)?;
    Ok(intent.email)
}

/// Approves a grant for an account.
pub fn approve(tx: &mut Tx<'_>, grant: &[u8], account: &Account) -> Result<()> {
    let now = tx.now;
    if store::approve(tx, grant, account.account_id, now)? {
        return Ok(());
    }
    let message = "the device has stopped waiting; start again on the device";
    Err(ApiError::new(ErrorCode::GrantExpired, message).into())
}

/// Creates a grant for a page of this server that waits like a program. Returns its secret id and its user code.
pub async fn begin_grant(app: &AppState) -> Result<(String, String)> {
    let grant_id = fresh_grant_id(&app.system.rng);
    let id = grant_id.clone();
    let job = move |tx: &mut Tx<'_>| put_grant(tx, &id, GRANT_SECONDS, true);
    let user_code = app.store.write(Shard::CONTROL, job).await?.user_code;
    Ok((grant_id, user_code))
}

/// Uses up a grant for a page that holds its secret id. Returns the account that approved it; `None` while it is pending.
pub fn approver(tx: &mut Tx<'_>, grant_id: &str) -> Result<Option<Account>> {
    let (hash, now) = (auth::hash(grant_id), tx.now);
    let Some(account) = check_grant(store::lock_grant(tx, &hash)?, now)? else { return Ok(None) };
    store::mark_delivered(tx, &hash, now, &[])?;
    Ok(records::find(tx, account)?)
}

pub fn fresh_grant_id(rng: &Rng) -> String {
    format!("grant_{}", rng.hex::<32>())
}

fn put_grant(tx: &mut Tx<'_>, id: &str, seconds: u64, is_device: bool) -> Result<Grant> {
    let rng = tx.rng;
    let now = tx.now;
    let draw = || {
        let letters = rng.bytes::<USER_CODE_CHARS>();
        letters.iter().map(|byte| char::from(USER_CODE_LETTERS[usize::from(*byte) % USER_CODE_LETTERS.len()])).collect()
    };
    let mut grant = Grant {
        hash: auth::hash(id).to_vec(),
        user_code: draw(),
        is_device,
        account_id: None,
        created_at: now,
        expires_at: now.plus_seconds(seconds),
        delivered_at: None,
        sealed: None,
    };
    while !store::insert_grant(tx, &grant)? {
        grant.user_code = draw();
    }
    Ok(grant)
}

pub fn grant(context: AsyncContext, _: CreateGrant) -> BoxFuture<CreateGrantAnswer> {
    Box::pin(async move {
        let (grant_id, user_code) = begin_grant(&context.app).await?;
        Ok(CreateGrantAnswer {
            ok: true,
            grant_id,
            approval_url: format!("{}/app/login/cli?code={user_code}", context.app.site.base_url),
            user_code,
            poll_interval: POLL_SECONDS,
            expires_in: GRANT_SECONDS,
        })
    })
}

/// Polls a grant. Programs poll often, so only an approved grant uses the writer.
pub fn poll(context: AsyncContext, input: PollGrant) -> BoxFuture<PollGrantAnswer> {
    Box::pin(async move {
        let (app, now) = (&context.app, context.now);
        let client = Client::read(None, input.device_label, &context.client)?;
        let hash = auth::hash(&input.grant_id).to_vec();
        let looked_for = hash.clone();
        let grant = app.store.read(move |tx| store::find_grant(tx, &looked_for)).await?;
        if check_grant(grant, now)?.is_none() {
            return Ok(poll_answer(GrantState::Pending, None));
        }
        let (rules, grant_id) = (SignInRules::of(app), input.grant_id);
        let job = move |tx: &mut Tx<'_>| -> Result<_> {
            let message = "the account that approved this sign-in is gone; start again";
            let gone = || ApiError::new(ErrorCode::GrantExpired, message);
            let grant = store::lock_grant(tx, &hash)?;
            let sealed = grant.as_ref().and_then(|grant| grant.sealed.clone());
            let account = check_grant(grant, now)?.ok_or_else(gone)?;
            if let Some(sealed) = sealed {
                // The program polls again because it did not receive the answer.
                return NewSession::open(&grant_id, &sealed).ok_or_else(|| gone().into());
            }
            let account = records::find(tx, account)?.ok_or_else(gone)?;
            let session = enter(tx, rules, &account, &client, SessionOrigin::HomeWithKey)?;
            let sealed = session.seal(tx.rng, &grant_id);
            let sealed = sealed.ok_or_else(|| StoreError::Fault("a session could not be sealed".to_owned()))?;
            store::mark_delivered(tx, &hash, now, &sealed)?;
            Ok(session)
        };
        let entered = app.store.write(Shard::CONTROL, job).await?;
        Ok(poll_answer(GrantState::Approved, Some(signed_in(app, now, entered).await?)))
    })
}

fn poll_answer(state: GrantState, session: Option<SignInAnswer>) -> PollGrantAnswer {
    let session = session.as_ref();
    PollGrantAnswer {
        ok: true,
        state,
        api_key: session.and_then(|session| session.api_key.clone()),
        access_token: session.map(|session| session.access_token.clone()),
        account_session_token: session.map(|session| session.account_session_token.clone()),
        refresh_token: session.map(|session| session.refresh_token.clone()),
        expires_in: session.map(|session| session.expires_in),
        session_id: session.map(|session| session.session_id.clone()),
        org_id: session.and_then(|session| session.org_id.clone()),
        workspace_id: session.and_then(|session| session.workspace_id.clone()),
    }
}

/// Returns the account that approved a grant; `None` while it is pending.
fn check_grant(grant: Option<Grant>, now: Time) -> Result<Option<Uuid>> {
    let grant = grant.ok_or_else(|| ApiError::not_found("grant"))?;
    let gone = |message: &str| Err(ApiError::new(ErrorCode::GrantExpired, message).into());
    if grant.delivered_at.is_some_and(|at| at.plus_seconds(REPEAT_SECONDS) <= now) {
        return gone("the credentials of this sign-in were already fetched; start again");
    }
    if grant.expires_at <= now {
        return gone("this sign-in was not approved in time; start again");
    }
    Ok(grant.account_id)
}

/// Returns the account of a person who has proved to read the mail of an address, and activates pending memberships. A
/// person without memberships gets an organization of their own if sign-up is open.
pub fn admit(tx: &mut Tx<'_>, rules: SignInRules, email: &str) -> Result<Account> {
    let rng = tx.rng;
    let now = tx.now;
    let is_member = records::take_up(tx, email, now)?;
    if !is_member && !rules.may_anybody {
        return Err(outside(email));
    }
    records::insert(tx, rng.uuid(), email, now)?;
    let account = records::find_by_email(tx, email)?;
    let mut account = account.ok_or_else(|| StoreError::Fault("the account just created is missing".to_owned()))?;
    if account.verified_at.is_none() {
        account.verified_at = Some(now);
        records::mark_verified(tx, account.account_id, now)?;
    }
    // A concurrent sign-in of the same person has waited until here, so look again.
    if !is_member && !records::is_member(tx, email)? {
        let name = email.split_once('@').map_or(email, |(name, _)| name);
        found(tx, email, if name.chars().count() < 2 { email } else { name })?;
    }
    Ok(account)
}

/// Creates an organization for an owner, with a sandbox workspace.
pub fn found(tx: &mut Tx<'_>, owner: &str, name: &str) -> Result<Workspace> {
    let rng = tx.rng;
    let now = tx.now;
    let caller = Caller { owner: owner.to_owned(), ..Caller::anonymous() };
    let mut cx = CallContext::new(tx, &caller, axme_intent::human::Via::Api);
    let name = name.chars().take(120).collect();
    let made = organizations::found(&mut cx, &CreateOrganization { name, ..CreateOrganization::default() }, owner)?;
    let workspace = Workspace::new(rng.uuid_at(now), made.org_id, "sandbox", "Sandbox", now);
    let workspace = Workspace { environment: Environment::Sandbox, ..workspace };
    if !tenants::insert_workspace(cx.tx, &workspace)? {
        return Err(StoreError::Conflict("a new organization already has a workspace".to_owned()).into());
    }
    cx.audit_in(workspace.workspace_id, "auth.sign_up", owner, &json!({ "org_id": made.org_id }))?;
    Ok(workspace)
}
