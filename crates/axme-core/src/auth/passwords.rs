//! Passwords: hashed with Argon2id on blocking threads, a few at a time. A [`HashPermit`] bounds both the work and the
//! waiting.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use axme_api::ApiError;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use crate::error::{Result, StoreError};
use axme_store::Rng;

/// Hashes at a time. Each takes 19 MiB and a core for a while.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// Calls that wait or hash. Further ones are refused, because clients repeat a call that takes seconds anyway.
static WAITING: Semaphore = Semaphore::const_new(32);

/// A hash that no known password fits. An unknown name is checked against it, so that the answer takes as long.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$ZTwjP0pJyy6pYo3BqTyqcVSqkVyWEYnEYJkMYJrVuNE";

/// The permit to hash a password. Acquire it before an attempt is counted: a refused call is not an attempt.
pub struct HashPermit {
    _waiting: SemaphorePermit<'static>,
    _at_once: SemaphorePermit<'static>,
}

impl HashPermit {
    pub(crate) async fn acquire() -> Result<HashPermit> {
        let busy = |_| ApiError::unavailable("too many password sign-ins at once: try again in a few seconds");
        let waiting = WAITING.try_acquire().map_err(busy)?;
        let closed = |error: AcquireError| StoreError::Fault(format!("password hashing has stopped: {error}"));
        Ok(HashPermit { _waiting: waiting, _at_once: AT_ONCE.acquire().await.map_err(closed)? })
    }

    /// Hashes a password to a PHC string.
    pub async fn hash(&self, rng: &Rng, password: String) -> Result<String> {
        let salt = rng.bytes::<16>();
        work(move || {
            let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hashed.map(|hash: PasswordHash| hash.to_string()).map_err(|error| error.to_string())
        })
        .await
    }

    /// Returns true if a password fits its hash. Without a hash the answer is false, and takes as long.
    pub async fn fits(&self, hash: Option<String>, password: String) -> Result<bool> {
        let has_account = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
        let fits = work(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
            Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(fits.await? && has_account)
    }
}

async fn work<T: Send + 'static>(job: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T> {
    let fault = |why: String| StoreError::Fault(format!("a password could not be hashed: {why}"));
    let done = tokio::task::spawn_blocking(job).await.map_err(|error| fault(error.to_string()))?;
    Ok(done.map_err(fault)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let rng = Rng::system();
        let permit = HashPermit::acquire().await.unwrap();
        let hash = permit.hash(&rng, "correct horse battery".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(permit.fits(Some(hash.clone()), "correct horse battery".to_owned()).await.unwrap());
        assert!(!permit.fits(Some(hash), "correct horse batterx".to_owned()).await.unwrap());
        assert!(!permit.fits(None, "nobody".to_owned()).await.unwrap());
    }
}
