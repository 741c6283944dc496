//! Passwords: Argon2id, on a thread of its own each, and few at a time.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::error::{Result, StoreError};
use crate::world::Dice;

/// Each takes 19 MiB and a core for a while.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A hash of no password that anybody has: what a name that nobody has is checked against, so that it takes as long.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$ZTwjP0pJyy6pYo3BqTyqcVSqkVyWEYnEYJkMYJrVuNE";

/// The hash to keep, as a PHC string.
pub async fn hash(dice: &Dice, password: String) -> Result<String> {
    let salt = dice.bytes::<16>();
    work(move || {
        let hashed = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
        hashed.map(|hash: PasswordHash| hash.to_string()).map_err(|error| error.to_string())
    })
    .await
}

/// Whether a password fits its hash. Without a hash nothing fits, and it takes as long to say so.
pub async fn fits(hash: Option<String>, password: String) -> Result<bool> {
    let is_somebodys = hash.is_some();
    let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
    let fits = work(move || {
        let hash = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    });
    Ok(fits.await? && is_somebodys)
}

async fn work<T: Send + 'static>(job: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T> {
    let fault = |why: String| StoreError::Fault(format!("a password could not be hashed: {why}"));
    let _turn = AT_ONCE.acquire().await.map_err(|error| fault(error.to_string()))?;
    let done = tokio::task::spawn_blocking(job).await.map_err(|error| fault(error.to_string()))?;
    Ok(done.map_err(fault)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let dice = Dice::real();
        let hash = hash(&dice, "correct horse battery".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(fits(Some(hash.clone()), "correct horse battery".to_owned()).await.unwrap());
        assert!(!fits(Some(hash), "correct horse batterx".to_owned()).await.unwrap());
        assert!(!fits(None, "nobody".to_owned()).await.unwrap());
    }
}
