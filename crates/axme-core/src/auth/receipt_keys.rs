//! The keys that sign receipts of decisions. They sign nothing else, and no token is signed with them. The public half of
//! each key stays published for ever, since receipts are kept for years.

use std::sync::{Arc, Mutex, PoisonError};

use axme_intent::{Time, receipt};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use super::tokens::Key;
use crate::error::{Result, StoreError};
use axme_store::person_accounts::Seed;
use axme_store::{Rng, Shard, Store, Tx, receipts};

pub struct ReceiptSigner {
    issuer: String,
    /// The key that signs, once it is known.
    key: Mutex<Option<Arc<Key>>>,
}

impl ReceiptSigner {
    pub fn new(issuer: &str) -> ReceiptSigner {
        ReceiptSigner { issuer: issuer.to_owned(), key: Mutex::default() }
    }

    /// Signs the body of a receipt as a compact JWS, and adds this server as its issuer.
    pub async fn sign(&self, store: &Store, rng: &Rng, now: Time, body: &str) -> Result<String> {
        let key = self.current(store, rng, now).await?;
        let fault =
            |error: &dyn std::fmt::Display| StoreError::Fault(format!("a receipt could not be signed: {error}"));
        let mut claims: Value = serde_json::from_str(body).map_err(|error| fault(&error))?;
        claims["iss"] = self.issuer.clone().into();
        let header =
            Header { typ: Some(receipt::TYPE.to_owned()), kid: Some(key.id.clone()), ..Header::new(Algorithm::EdDSA) };
        Ok(jsonwebtoken::encode(&header, &claims, &key.signs).map_err(|error| fault(&error))?)
    }

    /// Returns the public halves of all keys as a JSON Web Key Set.
    pub async fn published(&self, store: &Store) -> Result<Value> {
        let seeds = store.read(receipts::keys).await?;
        let keys: Result<Vec<Value>, StoreError> = seeds.iter().map(|seed| Ok(Key::read(seed)?.published())).collect();
        Ok(json!({ "keys": keys? }))
    }

    async fn current(&self, store: &Store, rng: &Rng, now: Time) -> Result<Arc<Key>> {
        let known = || self.key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(key) = known() {
            return Ok(key);
        }
        let seed = match store.read(receipts::keys).await?.into_iter().next() {
            Some(seed) => seed,
            None => {
                // Two nodes may each create one at the same time. Both are published.
                let seed = Seed { key_id: rng.uuid().to_string(), seed: rng.bytes::<32>().to_vec(), created_at: now };
                let kept = seed.clone();
                store.write(Shard::CONTROL, move |tx: &mut Tx<'_>| receipts::insert_key(tx, &kept)).await?;
                seed
            }
        };
        let key = Arc::new(Key::read(&seed)?);
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(key)
    }
}
