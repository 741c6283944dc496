//! Identification of callers: by a key in either header, which is looked up by its hash, and by a person's token.
//!
//! Look-ups are cached for a second. So the write path does not pay for them, and a revocation takes effect within a
//! second on every node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axme_api::{ApiError, ErrorCode, Scope};
use axme_intent::human::{is_same_person, person_key};
use axme_intent::{Address, Time};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::caller::{Bearer, Caller, Role, role_of_account};
use super::grants::Grant;
use super::key_uses::KeyUses;
use super::membership;
use super::receipt_keys::ReceiptSigner;
use super::refusals::{invalid_key, missing_key};
use super::tokens::{GrantClaims, Person, Signer, TokenFault};
use crate::error::{Error, Result};
use crate::request::Credentials;
use axme_store::organizations::{OrganizationStatus, WorkspaceStatus};
use axme_store::person_accounts::{Account, Membership};
use axme_store::service_accounts::{AccountRole, AccountStatus, KeyBounds, KeyScope};
use axme_store::{Clock, Rng, Store, Tx, absences, groups, oauth, person_accounts as records, service_accounts};

/// How long a look-up is cached.
const TRUST: Duration = Duration::from_secs(1);
type Hash = [u8; 32];

/// A cached look-up.
struct Known {
    caller: Arc<Caller>,
    /// Until when it is cached, by the time that the clock has been running: the time of day may be set back.
    trusted_until: Duration,
    /// The end of the key or the token.
    ends_at: Time,
}

pub struct Keys {
    known: Mutex<HashMap<Hash, Known>>,
    clock: Arc<dyn Clock>,
    most: usize,
    pub signer: Signer,
    pub receipts: ReceiptSigner,
    pub uses: KeyUses,
}

/// A person with a valid token, and the person's memberships.
struct PersonSession {
    person: Arc<Person>,
    account: Account,
    memberships: Vec<Membership>,
    until: Time,
}

impl Keys {
    pub fn new(most: usize, issuer: &str, clock: Arc<dyn Clock>) -> Keys {
        Keys {
            known: Mutex::default(),
            clock,
            most,
            signer: Signer::new(issuer),
            receipts: ReceiptSigner::new(issuer),
            uses: KeyUses::default(),
        }
    }

    /// Identifies the caller. The key selects the workspace; the token identifies the person. Without a key, the call
    /// acts in the person's own workspace.
    pub async fn identify(&self, store: &Store, credentials: &Credentials, now: Time) -> Result<Arc<Caller>> {
        let (key, token) = credentials.presented()?;
        let hash = match (key, token) {
            (Some(key), None) | (None, Some(key)) => hash(key),
            (Some(key), Some(token)) => hash(&format!("{key} {token}")),
            (None, None) => return Err(missing_key().into()),
        };
        self.remembered(hash, now, self.look_up(store, (key, token), now)).await
    }

    /// Identifies the caller at the endpoint of the Model Context Protocol. Only there, a token may be that of a grant.
    pub(crate) async fn identify_client(
        &self,
        store: &Store,
        credentials: &Credentials,
        now: Time,
    ) -> Result<Arc<Caller>> {
        if let (None, Some(token)) = credentials.presented()? {
            match self.signer.read_grant(store, token, now).await? {
                // Remembered apart from the tokens of people, which other endpoints accept.
                Ok(claims) => {
                    let hash = hash(&format!("grant {token}"));
                    return self.remembered(hash, now, self.of_grant(store, claims, now)).await;
                }
                Err(TokenFault::Expired) => return Err(bad_token(TokenFault::Expired).into()),
                Err(TokenFault::Invalid) => {}
            }
        }
        self.identify(store, credentials, now).await
    }

    /// Returns the cached caller of a hash, or looks it up and caches it.
    async fn remembered(
        &self,
        hash: Hash,
        now: Time,
        look_up: impl Future<Output = Result<(Caller, Time)>>,
    ) -> Result<Arc<Caller>> {
        let running = self.clock.running();
        let is_valid = |known: &Known| running < known.trusted_until && now < known.ends_at;
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&hash)
            && is_valid(known)
        {
            return Ok(known.caller.clone());
        }
        let (caller, ends_at) = match look_up.await {
            Ok(found) => found,
            Err(error) => {
                self.forget(&hash);
                return Err(error);
            }
        };
        let caller = Arc::new(caller);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most {
            known.retain(|_, known| is_valid(known));
            if known.len() >= self.most {
                known.clear();
            }
        }
        known.insert(hash, Known { caller: caller.clone(), trusted_until: running + TRUST, ends_at });
        Ok(caller)
    }

    /// Authenticates a person for an operation about themselves. Ignores an invalid key beside a valid token.
    pub(crate) async fn identify_person(
        &self,
        store: &Store,
        credentials: &Credentials,
        now: Time,
    ) -> Result<Arc<Caller>> {
        match (self.identify(store, credentials, now).await, credentials.token_alone()) {
            (Err(Error::Api(_)), Some(alone)) => self.identify(store, &alone, now).await,
            (found, _) => found,
        }
    }

    /// Looks up the caller, and the latest time until which the result may be cached.
    async fn look_up(
        &self,
        store: &Store,
        (key, token): (Option<&str>, Option<&str>),
        now: Time,
    ) -> Result<(Caller, Time)> {
        let (caller, until) = self.find_caller(store, (key, token), now).await?;
        Ok((with_groups(store, caller).await?, until))
    }

    /// Looks up the person of a grant, who acts in its workspace through its client.
    async fn of_grant(&self, store: &Store, claims: GrantClaims, now: Time) -> Result<(Caller, Time)> {
        let invalid = || bad_token(TokenFault::Invalid);
        let live = self.live_session(store, (claims.sid, claims.sub, claims.exp), now).await?;
        let mut signed_in = live.map_err(bad_token)?;
        let session = claims.sid;
        let grant = store.read(move |tx| oauth::find_grant(tx, session)).await?.ok_or_else(invalid)?;
        signed_in.account.selected_workspace = Some(grant.workspace);
        let (mut caller, until) = of_person(store, signed_in).await?;
        // The person has left the workspace, or it is closed.
        if caller.workspace != grant.workspace {
            return Err(invalid().into());
        }
        let scopes = grant.scopes.split(' ').filter_map(Scope::parse).collect();
        caller.grant = Some(Arc::new(Grant { client: grant.client_id, scopes }));
        Ok((with_groups(store, caller).await?, until))
    }

    /// Returns the caller of a person's browser session, which its cookie has shown.
    pub(super) async fn of_browser(
        &self,
        store: &Store,
        account: Account,
        session_id: Uuid,
        now: Time,
    ) -> Result<Arc<Caller>> {
        let email = account.email.clone();
        let memberships = store.read(move |tx| records::memberships(tx, &email)).await?;
        let person = Person { account_id: account.account_id, session_id, email: account.email.clone() };
        let signed_in = PersonSession { person: Arc::new(person), account, memberships, until: now };
        let (caller, _) = of_person(store, signed_in).await?;
        Ok(Arc::new(with_groups(store, caller).await?))
    }

    /// Returns the caller of a key that a browser session began with.
    pub(super) async fn of_key_hash(&self, store: &Store, hash: &[u8], now: Time) -> Result<Arc<Caller>> {
        let hash: Hash = hash.try_into().map_err(|_| invalid_key())?;
        let (caller, _) = of_key(store, hash, now, &self.uses).await?;
        Ok(Arc::new(with_groups(store, caller).await?))
    }

    async fn find_caller(
        &self,
        store: &Store,
        (key, token): (Option<&str>, Option<&str>),
        now: Time,
    ) -> Result<(Caller, Time)> {
        let Some(key) = key else {
            return match self.signed_in(store, token.unwrap_or_default(), now).await? {
                Ok(signed_in) => of_person(store, signed_in).await,
                Err(bad) => Err(bad_token(bad).into()),
            };
        };
        let (mut caller, mut until) = of_key(store, hash(key), now, &self.uses).await?;
        match token {
            None => {}
            // An invalid token must not block a call that the key alone allows.
            Some(token) => match self.signed_in(store, token, now).await? {
                Err(fault) => caller.bearer = Bearer::Bad(fault),
                Ok(signed_in) => {
                    let theirs = membership::role_in(&signed_in.memberships, caller.org, caller.workspace);
                    caller.person_role = theirs;
                    let of_key = std::mem::replace(&mut caller.owner, signed_in.person.email.clone());
                    caller.key_owner = Some(of_key).filter(|owner| !is_same_person(owner, &caller.owner));
                    caller.bearer = Bearer::Person(signed_in.person);
                    // The wider of the two roles.
                    match (theirs, caller.role) {
                        (Some(Role::WorkspaceAdmin), _) => caller.role = Role::WorkspaceAdmin,
                        (Some(role), Role::Visitor) => caller.role = role,
                        _ => {}
                    }
                    name_member(&mut caller);
                    until = until.min(signed_in.until);
                }
            },
        }
        Ok((caller, until))
    }

    async fn signed_in(
        &self,
        store: &Store,
        token: &str,
        now: Time,
    ) -> Result<std::result::Result<PersonSession, TokenFault>> {
        let claims = match self.signer.read(store, token, now).await? {
            Ok(claims) => claims,
            Err(bad) => return Ok(Err(bad)),
        };
        self.live_session(store, (claims.sid, claims.sub, claims.exp), now).await
    }

    /// Loads the person of a session that has not ended. `ends_at` is the end of the token, in seconds since 1970.
    async fn live_session(
        &self,
        store: &Store,
        (session, account, ends_at): (Uuid, Uuid, u64),
        now: Time,
    ) -> Result<std::result::Result<PersonSession, TokenFault>> {
        let look = move |tx: &mut Tx<'_>| -> Result<_> {
            let Some(session) = records::find_session(tx, session)?.filter(|s| s.account_id == account) else {
                return Ok(None);
            };
            let Some(account) = records::find(tx, account)? else { return Ok(None) };
            let memberships = records::memberships(tx, &account.email)?;
            Ok(Some((session, account, memberships)))
        };
        let Some((session, account, memberships)) = store.read(look).await? else {
            return Ok(Err(TokenFault::Invalid));
        };
        if session.revoked_at.is_some() || session.expires_at <= now {
            return Ok(Err(TokenFault::Invalid));
        }
        let person =
            Person { account_id: account.account_id, session_id: session.session_id, email: account.email.clone() };
        let until = Time::from_micros(i64::try_from(ends_at.saturating_mul(1_000_000)).unwrap_or(i64::MAX));
        Ok(Ok(PersonSession { person: Arc::new(person), account, memberships, until }))
    }

    fn forget(&self, hash: &Hash) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}

/// Adds the groups of a person, and the absent people whose deputy the person is.
async fn with_groups(store: &Store, mut caller: Caller) -> Result<Caller> {
    if caller.is_person() && !caller.workspace.is_nil() {
        let (workspace, person) = (caller.workspace, caller.owner.clone());
        let look = move |tx: &mut Tx<'_>| -> Result<_> {
            Ok((groups::addresses_of(tx, workspace, &person)?, absences::absent_people(tx, &person_key(&person))?))
        };
        (caller.groups, caller.deputy_for) = store.read(look).await?;
    }
    Ok(caller)
}

/// Loads the caller that a key identifies.
async fn of_key(store: &Store, hash: Hash, now: Time, uses: &KeyUses) -> Result<(Caller, Time)> {
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let Some(holder) = service_accounts::find_key_holder(tx, &hash)? else { return Ok(None) };
        // The key of a sign-in has the current role of its person.
        let role = match role_of_account(holder.role) {
            Some(role) => Some(role),
            None => {
                let memberships = records::memberships(tx, &holder.created_by)?;
                membership::role_in(&memberships, holder.org_id, holder.workspace_id)
            }
        };
        Ok(Some((holder, role)))
    };
    let found = store.read(look).await?;
    let (holder, role) = found.filter(|(holder, _)| bool::from(holder.hash.ct_eq(&hash))).ok_or_else(invalid_key)?;
    let is_live = holder.revoked_at.is_none()
        && holder.expires_at.is_none_or(|at| now < at)
        && holder.account_status == AccountStatus::Active;
    if !is_live {
        return Err(invalid_key().into());
    }
    if holder.workspace_status != WorkspaceStatus::Active || holder.org_status != OrganizationStatus::Active {
        let message = format!("workspace {}/{} is not active", holder.org_slug, holder.workspace_slug);
        return Err(ApiError::new(ErrorCode::WorkspaceNotActive, message).into());
    }
    let Some(role) = role else { return Err(outside().into()) };
    uses.note(holder.workspace_id, &holder.key_id, now);
    let mut caller = Caller {
        workspace: holder.workspace_id,
        workspace_slug: holder.workspace_slug,
        org: holder.org_id,
        org_slug: holder.org_slug,
        service_account_id: holder.service_account_id,
        key_id: Some(holder.key_id),
        role,
        address: holder.address,
        owner: holder.created_by,
        bearer: Bearer::None,
        person_role: None,
        key_owner: None,
        groups: Vec::new(),
        deputy_for: Vec::new(),
        grant: None,
        is_link: false,
        is_login: holder.role == AccountRole::Login,
        key_bounds: Some(holder.bounds).filter(|bounds| *bounds != KeyBounds::default()).map(Arc::new),
    };
    name_member(&mut caller);
    bound(&mut caller);
    Ok((caller, holder.expires_at.unwrap_or(Time::from_micros(i64::MAX))))
}

/// Loads the caller for a person without a key.
async fn of_person(store: &Store, signed_in: PersonSession) -> Result<(Caller, Time)> {
    let PersonSession { person, account, memberships, until } = signed_in;
    let look = move |tx: &mut Tx<'_>| -> Result<_> {
        let home = membership::home(tx, &account, &memberships)?;
        let role = home
            .as_ref()
            .and_then(|(org, workspace)| membership::role_in(&memberships, org.org_id, workspace.workspace_id));
        Ok((home, role))
    };
    let (home, role) = store.read(look).await?;
    let mut caller = Caller {
        service_account_id: format!("acct_{}", person.account_id.simple()),
        role: role.unwrap_or(Role::Visitor),
        person_role: role,
        owner: person.email.clone(),
        bearer: Bearer::Person(person),
        ..Caller::anonymous()
    };
    if let Some((org, workspace)) = home {
        (caller.org, caller.org_slug) = (org.org_id, org.slug);
        (caller.workspace, caller.workspace_slug) = (workspace.workspace_id, workspace.slug);
    }
    name_member(&mut caller);
    Ok((caller, until))
}

/// Takes the rights of an admin from a key that may only submit. It acts under the address that it sends from.
fn bound(caller: &mut Caller) {
    if caller.key_bounds.as_ref().is_some_and(|limits| limits.scope == KeyScope::Submit) {
        caller.role = Role::Agent;
        let own = Address::resolve(&format!("user://{}", caller.owner), caller.home());
        caller.address.get_or_insert(own);
    }
}

/// Gives a member an address of their own.
fn name_member(caller: &mut Caller) {
    if caller.role == Role::Member && caller.address.is_none() {
        caller.address = Some(Address::resolve(&format!("user://{}", caller.owner), caller.home()));
    }
}

/// Refuses a caller without a valid person's token. The command line refreshes its token at these codes
/// (`spec/protocol.md` §1.3).
pub(crate) fn check_person(caller: &Caller) -> Result<&Person> {
    match &caller.bearer {
        Bearer::Person(person) => Ok(person),
        Bearer::Bad(bad) => Err(bad_token(*bad).into()),
        Bearer::None => {
            let message = "missing actor token: sign in, and send Authorization: Bearer <access token>";
            Err(ApiError::new(ErrorCode::MissingActorToken, message).into())
        }
    }
}

fn bad_token(bad: TokenFault) -> ApiError {
    let (code, message) = match bad {
        TokenFault::Expired => (ErrorCode::TokenExpired, "the access token has expired: refresh it"),
        TokenFault::Invalid => (ErrorCode::InvalidActorToken, "invalid actor token: sign in again"),
    };
    ApiError::new(code, message)
}

/// The error for a sign-in key whose person is no longer a member of its workspace.
fn outside() -> ApiError {
    let message =
        "this workspace is outside actor membership scope: the person who signed in for this key is no longer a member";
    ApiError::new(ErrorCode::InvalidActorScope, message)
}

pub fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// A new key. Its token is shown once.
pub struct FreshKey {
    pub token: String,
    pub hash: Hash,
    pub hint: String,
}

/// Generates a key for a service account: a readable prefix and 256 random bits.
pub fn fresh_key(rng: &Rng, service_account_id: &str) -> FreshKey {
    let secret = rng.hex::<32>();
    let token = format!("axme_sa_{service_account_id}_{secret}");
    let hint = format!("axme_sa_{service_account_id}_...{}", &secret[secret.len() - 4..]);
    FreshKey { hash: hash(&token), token, hint }
}
