//! Who calls: keys in either header, looked up by their hash.
//!
//! What a key opens is remembered for a second, so that the write path does not pay for it and a revocation is felt within
//! that second on every node.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axme_api::{ApiError, ErrorKind};
use axme_intent::Time;
use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::cx::{Caller, Role};
use crate::error::Result;
use crate::store::{Store, accounts};
use crate::workers::key_uses::KeyUses;
use crate::world::Dice;

/// How long a looked-up key is trusted.
const TRUST_MILLIS: u64 = 1_000;
/// Longer tokens are refused unread.
const MAX_TOKEN_BYTES: usize = 512;

type Hash = [u8; 32];

pub struct Keys {
    known: Mutex<HashMap<Hash, (Arc<Caller>, Time)>>,
    most: usize,
    pub uses: KeyUses,
}

impl Keys {
    pub fn new(most: usize) -> Keys {
        Keys { known: Mutex::default(), most, uses: KeyUses::default() }
    }

    /// Identifies the caller. `x-api-key` is the machine's credential; a key may also come as bearer.
    pub async fn identify(&self, store: &Store, headers: &HeaderMap, now: Time) -> Result<Arc<Caller>> {
        let token = credential(headers)?;
        let hash = hash(token);
        if let Some((caller, until)) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&hash)
            && now < *until
        {
            return Ok(caller.clone());
        }
        let found = store.read(move |tx| Ok(accounts::find_key_holder(tx, &hash)?)).await?;
        let holder = found.filter(|h| bool::from(h.hash.ct_eq(&hash))).ok_or_else(invalid_key)?;
        let is_live = holder.revoked_at.is_none()
            && holder.expires_at.is_none_or(|at| now < at)
            && holder.account_status == "active";
        if !is_live {
            self.forget(&hash);
            return Err(invalid_key().into());
        }
        if holder.workspace_status != "active" || holder.org_status != "active" {
            let message = format!("workspace {}/{} is not active", holder.org_slug, holder.workspace_slug);
            return Err(ApiError::new(ErrorKind::Forbidden, "workspace_not_active", message).into());
        }
        self.uses.note(holder.workspace_id, &holder.key_id, now);
        let caller = Arc::new(Caller {
            workspace: holder.workspace_id,
            workspace_slug: holder.workspace_slug,
            org: holder.org_id,
            org_slug: holder.org_slug,
            service_account_id: holder.service_account_id,
            role: if holder.role == Role::WorkspaceAdmin.as_str() { Role::WorkspaceAdmin } else { Role::Agent },
            address: holder.address,
            owner: holder.created_by,
        });
        let until = now.plus_millis(TRUST_MILLIS).min(holder.expires_at.unwrap_or(Time::from_micros(i64::MAX)));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most {
            known.retain(|_, (_, until)| now < *until);
            if known.len() >= self.most {
                known.clear();
            }
        }
        known.insert(hash, (caller.clone(), until));
        Ok(caller)
    }

    /// Drops everything that is remembered: a key was just revoked here.
    pub fn forget_all(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn forget(&self, hash: &Hash) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(hash);
    }
}

/// The token that is presented.
pub fn credential(headers: &HeaderMap) -> Result<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let token = match text("x-api-key").filter(|key| !key.is_empty()) {
        Some(key) => key,
        None => {
            let header = text("authorization").unwrap_or_default();
            let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
            if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
                return Err(ApiError::new(
                    ErrorKind::Unauthenticated,
                    "missing_platform_api_key",
                    "missing platform api key: send x-api-key, or Authorization: Bearer <key>",
                )
                .into());
            }
            token.trim()
        }
    };
    if token.len() > MAX_TOKEN_BYTES { Err(invalid_key().into()) } else { Ok(token) }
}

fn invalid_key() -> ApiError {
    ApiError::new(ErrorKind::Unauthenticated, "invalid_platform_api_key", "the api key is unknown, expired or revoked")
}

pub fn hash(token: &str) -> Hash {
    Sha256::digest(token.as_bytes()).into()
}

/// A key as it is shown once.
pub struct FreshKey {
    pub token: String,
    pub hash: Hash,
    pub hint: String,
}

/// Makes a key of a service account: 256 random bits behind a readable prefix.
pub fn fresh_key(dice: &Dice, service_account_id: &str) -> FreshKey {
    let secret = dice.hex::<32>();
    let token = format!("axme_sa_{service_account_id}_{secret}");
    let hint = format!("axme_sa_{service_account_id}_...{}", &secret[secret.len() - 4..]);
    FreshKey { hash: hash(&token), token, hint }
}
