//! Access tokens of people: JSON Web Tokens that are valid for minutes. All nodes of a database share the Ed25519 keys
//! that sign them. A key signs for thirty days; its public half stays published while one of its tokens may be valid.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axme_api::auth::TokenScope;
use axme_intent::Time;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::oauth::resource;
use crate::error::{Result, StoreError};
use axme_store::person_accounts::Seed;
use axme_store::{Rng, Shard, Store, Tx, person_accounts};

/// How long a token is valid.
pub(crate) const TOKEN_SECONDS: u64 = 900;
/// How long a key signs.
const SIGNS_DAYS: u64 = 30;
/// How long a key verifies: a day longer than it signs, because the clocks of nodes differ.
const KNOWN_DAYS: u64 = SIGNS_DAYS + 1;
const AUDIENCE: &str = "axme";
/// How long a token of a routed delivery is valid.
const DELIVERY_TOKEN_SECONDS: u64 = 300;
/// The prefix of an Ed25519 seed in PKCS #8.
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The claims of a token (`spec/protocol.md` §1.3).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: Uuid,
    pub iss: String,
    pub aud: String,
    /// Seconds since 1970.
    pub exp: u64,
    pub iat: u64,
    pub jti: Uuid,
    /// The session.
    pub sid: Uuid,
    pub scope: TokenScope,
    pub owner_agent: String,
}

/// The claims of a token with which a delivery is sent (`spec/protocol.md` §12.7). Its audience is the receiver, so that
/// this server refuses it as a token of a person.
#[derive(Debug, Serialize)]
struct DeliveryClaims<'a> {
    /// The principal.
    sub: Uuid,
    iss: &'a str,
    /// The origin of the endpoint.
    aud: &'a str,
    exp: u64,
    iat: u64,
    /// The delivery.
    jti: Uuid,
}

/// The claims of a checkpoint of an audit trail. It has no audience, so the server refuses it as a token of a
/// person.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CheckpointClaims {
    /// The trail.
    pub(crate) sub: Uuid,
    iss: String,
    iat: u64,
    /// The number and the hash of the line.
    pub(crate) seq: i64,
    pub(crate) hash: String,
}

/// The claims of the token of a grant (`spec/protocol.md` §1.3). Its audience is the endpoint of the Model Context
/// Protocol, so that it is refused everywhere else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GrantClaims {
    /// The account of the person.
    pub sub: Uuid,
    pub iss: String,
    pub aud: String,
    /// Seconds since 1970.
    pub exp: u64,
    pub iat: u64,
    pub jti: Uuid,
    /// The session of the grant.
    pub sid: Uuid,
    pub client_id: String,
    pub scope: String,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    Expired,
    Invalid,
}

pub struct Signer {
    issuer: String,
    /// Newest first.
    keys: Mutex<Vec<Arc<Key>>>,
}

/// An Ed25519 key that signs.
pub(super) struct Key {
    pub id: String,
    created_at: Time,
    pub signs: EncodingKey,
    checks: DecodingKey,
    /// The public half.
    x: String,
}

impl Key {
    pub fn read(seed: &Seed) -> Result<Key, StoreError> {
        let fault = |what: &str| StoreError::Fault(format!("signing key {}: {what}", seed.key_id));
        let pair =
            Ed25519KeyPair::from_seed_unchecked(&seed.seed).map_err(|_| fault("the seed does not have 32 bytes"))?;
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let checks = DecodingKey::from_ed_components(&x).map_err(|_| fault("the public half is invalid"))?;
        let signs = EncodingKey::from_ed_der(&[&PKCS8[..], &seed.seed].concat());
        Ok(Key { id: seed.key_id.clone(), created_at: seed.created_at, signs, checks, x })
    }

    /// Returns the public half as a JSON Web Key.
    pub fn published(&self) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": self.x })
    }

    fn sign(&self, claims: &impl Serialize) -> Result<String> {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::EdDSA) };
        let signed = jsonwebtoken::encode(&header, claims, &self.signs);
        Ok(signed.map_err(|error| StoreError::Fault(format!("a token could not be signed: {error}")))?)
    }
}

/// Returns true if a text looks like a token, not like a key.
pub(crate) fn is_token(text: &str) -> bool {
    text.starts_with("ey") && text.split('.').count() == 3
}

impl Signer {
    pub fn new(issuer: &str) -> Signer {
        Signer { issuer: issuer.to_owned(), keys: Mutex::default() }
    }

    /// Signs a token for a session.
    pub async fn sign(&self, store: &Store, rng: &Rng, now: Time, person: &Person) -> Result<String> {
        let key = self.current(store, rng, now).await?;
        let iat = now.millis() / 1_000;
        let claims = Claims {
            sub: person.account_id,
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            exp: iat + TOKEN_SECONDS,
            iat,
            jti: rng.uuid(),
            sid: person.session_id,
            scope: TokenScope::Api,
            owner_agent: format!("user://{}", person.email),
        };
        key.sign(&claims)
    }

    /// Signs a token for the client of a grant.
    pub async fn sign_grant(
        &self,
        store: &Store,
        rng: &Rng,
        now: Time,
        person: &Person,
        grant: &axme_store::oauth::Grant,
    ) -> Result<String> {
        let key = self.current(store, rng, now).await?;
        let iat = now.millis() / 1_000;
        let claims = GrantClaims {
            sub: person.account_id,
            iss: self.issuer.clone(),
            aud: resource(&self.issuer),
            exp: iat + TOKEN_SECONDS,
            iat,
            jti: rng.uuid(),
            sid: grant.session_id,
            client_id: grant.client_id.clone(),
            scope: grant.scopes.clone(),
        };
        key.sign(&claims)
    }

    /// Signs a token for one attempt to send a routed delivery to an endpoint.
    pub async fn sign_delivery(
        &self,
        store: &Store,
        rng: &Rng,
        now: Time,
        (principal, delivery, endpoint): (Uuid, Uuid, &str),
    ) -> Result<String> {
        let key = self.current(store, rng, now).await?;
        let iat = now.millis() / 1_000;
        let origin = url::Url::parse(endpoint).map(|url| url.origin().ascii_serialization());
        let aud = &origin.unwrap_or_else(|_| endpoint.to_owned());
        let exp = iat + DELIVERY_TOKEN_SECONDS;
        let claims = DeliveryClaims { sub: principal, iss: &self.issuer, aud, exp, iat, jti: delivery };
        key.sign(&claims)
    }

    /// Signs a statement about a line of an audit trail. Returns it with the public half of the key.
    pub async fn sign_checkpoint(
        &self,
        store: &Store,
        rng: &Rng,
        now: Time,
        (trail, seq, hash): (Uuid, i64, &str),
    ) -> Result<(String, String)> {
        let key = self.current(store, rng, now).await?;
        let (iss, hash) = (self.issuer.clone(), hash.to_owned());
        let claims = CheckpointClaims { sub: trail, iss, iat: now.millis() / 1_000, seq, hash };
        Ok((key.sign(&claims)?, key.x.clone()))
    }

    /// Verifies a token of a person. The inner error says why it is invalid.
    pub async fn read(&self, store: &Store, token: &str, now: Time) -> Result<std::result::Result<Claims, TokenFault>> {
        let claims: std::result::Result<Claims, _> = self.verified(store, token, now, AUDIENCE).await?;
        Ok(claims.and_then(|claims| fresh(claims.exp, now).map(|()| claims)))
    }

    /// Verifies a token of a grant. The inner error says why it is invalid.
    pub async fn read_grant(
        &self,
        store: &Store,
        token: &str,
        now: Time,
    ) -> Result<std::result::Result<GrantClaims, TokenFault>> {
        let audience = resource(&self.issuer);
        let claims: std::result::Result<GrantClaims, _> = self.verified(store, token, now, &audience).await?;
        Ok(claims.and_then(|claims| fresh(claims.exp, now).map(|()| claims)))
    }

    /// Verifies the signature, the issuer and the audience of a token.
    async fn verified<C: DeserializeOwned>(
        &self,
        store: &Store,
        token: &str,
        now: Time,
        audience: &str,
    ) -> Result<std::result::Result<C, TokenFault>> {
        let Ok(header) = jsonwebtoken::decode_header(token) else { return Ok(Err(TokenFault::Invalid)) };
        let (Algorithm::EdDSA, Some(id)) = (header.alg, header.kid) else { return Ok(Err(TokenFault::Invalid)) };
        let Some(key) = self.named(store, &id, now).await? else { return Ok(Err(TokenFault::Invalid)) };
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Expiry is checked with our own clock.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        validation.set_audience(&[audience]);
        validation.set_issuer(&[&self.issuer]);
        let decoded = jsonwebtoken::decode::<C>(token, &key.checks, &validation);
        Ok(decoded.map(|token| token.claims).map_err(|_| TokenFault::Invalid))
    }

    /// Returns the public halves as a JSON Web Key Set.
    pub async fn published(&self, store: &Store, now: Time) -> Result<Value> {
        self.load(store, now).await?;
        Ok(json!({ "keys": self.keys().iter().map(|key| key.published()).collect::<Vec<_>>() }))
    }

    fn keys(&self) -> Vec<Arc<Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the current signing key. Creates a new one when the last one has signed long enough.
    async fn current(&self, store: &Store, rng: &Rng, now: Time) -> Result<Arc<Key>> {
        let signs = |keys: Vec<Arc<Key>>| {
            keys.into_iter().next().filter(|key| now < key.created_at.plus_seconds(SIGNS_DAYS * 86_400))
        };
        if let Some(key) = signs(self.keys()) {
            return Ok(key);
        }
        self.load(store, now).await?;
        if let Some(key) = signs(self.keys()) {
            return Ok(key);
        }
        // Two nodes may each create one at the same time. Both are valid.
        let seed = Seed { key_id: rng.uuid().to_string(), seed: rng.bytes::<32>().to_vec(), created_at: now };
        let (kept, key) = (seed.clone(), Arc::new(Key::read(&seed)?));
        store.write(Shard::CONTROL, move |tx: &mut Tx<'_>| person_accounts::insert_signing_key(tx, &kept)).await?;
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).insert(0, key.clone());
        Ok(key)
    }

    async fn named(&self, store: &Store, id: &str, now: Time) -> Result<Option<Arc<Key>>> {
        let find = |keys: Vec<Arc<Key>>| keys.into_iter().find(|key| key.id == id);
        if let Some(key) = find(self.keys()) {
            return Ok(Some(key));
        }
        // Another node may have created it.
        self.load(store, now).await?;
        Ok(find(self.keys()))
    }

    async fn load(&self, store: &Store, now: Time) -> Result<()> {
        let since = now.minus_millis(KNOWN_DAYS * 86_400_000);
        let seeds = store.read(move |tx| person_accounts::signing_keys(tx, since)).await?;
        let keys: Result<Vec<_>, StoreError> = seeds.iter().map(|seed| Key::read(seed).map(Arc::new)).collect();
        *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys?;
        Ok(())
    }
}

/// Refuses a token after its end, in seconds since 1970.
fn fresh(ends_at: u64, now: Time) -> std::result::Result<(), TokenFault> {
    if ends_at <= now.millis() / 1_000 { Err(TokenFault::Expired) } else { Ok(()) }
}

/// A person who has signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub account_id: Uuid,
    pub session_id: Uuid,
    /// In lower case.
    pub email: String,
}
