//! Sealing of texts that hold a secret: answers to calls, and drafts of people's answers. The caller's own credential
//! encrypts them. A repeated call with that
//! credential gets the same answer; without it, not even the operator of the database can read the secret.

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use sha2::{Digest, Sha256};

use axme_store::Rng;

const NONCE_BYTES: usize = 12;

/// Encrypts `text` under a token. `place` binds it to the row in which it is stored.
pub(crate) fn seal(rng: &Rng, token: &str, place: &str, text: &str) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE_BYTES] = rng.bytes();
    let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
    let sealed = cipher(token).encrypt(&Nonce::from(nonce), payload).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

/// Decrypts the output of [`seal`]. `None` with another token or from another place.
pub fn open(token: &str, place: &str, sealed: &[u8]) -> Option<String> {
    let (nonce, text) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let text = cipher(token).decrypt(&Nonce::from(nonce), Payload { msg: text, aad: place.as_bytes() }).ok()?;
    String::from_utf8(text).ok()
}

/// Derives the cipher key by one hash, since a key or a signed token cannot be guessed. The prefix makes it differ from
/// the stored hash.
fn cipher(token: &str) -> Aes256GcmSiv {
    let key: [u8; 32] = Sha256::new().chain_update(b"axme sealed reply v1\0").chain_update(token).finalize().into();
    Aes256GcmSiv::new(&key.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_opens_it_and_only_in_its_place() {
        let sealed = seal(&Rng::seeded(1), "token", "place", "secret").unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"secret"));
        assert_eq!(open("token", "place", &sealed).as_deref(), Some("secret"));
        assert_eq!(open("other", "place", &sealed), None);
        assert_eq!(open("token", "elsewhere", &sealed), None);
    }
}
