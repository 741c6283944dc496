//! Web push: the key that names this server to push services (RFC 8292), and the encryption of a message for one
//! browser. RFC 8291 and RFC 8188 define it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use axme_intent::Time;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use url::Url;

use crate::error::{Result, StoreError};
use axme_store::web_push::{self as store, PushSubscription};
use axme_store::{Shard, Store, Tx};

/// The longest message in bytes. Push services accept requests of 4,096 bytes (RFC 8030 §7.2).
pub const MAX_MESSAGE_BYTES: usize = 3_000;
/// The bytes of a point, of the secret of a browser, and of the salt of a message.
pub const POINT_BYTES: usize = 65;
pub const AUTH_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
/// The size that the header of an encrypted message gives its only record.
const RECORD_BYTES: u32 = 4_096;
/// How long an authorization is valid; push services refuse more than a day.
const VALID_SECONDS: u64 = 12 * 3_600;

/// The use of web push, if the operator wants it.
pub struct WebPush {
    /// Where push services reach the operator: `mailto:` or `https:`.
    contact: String,
    key: Mutex<Option<Arc<PushKey>>>,
}

impl WebPush {
    pub fn new(contact: String) -> WebPush {
        WebPush { contact, key: Mutex::default() }
    }

    /// Returns the public half of the server's key, as browsers take it.
    pub async fn public_key(&self, store: &Store) -> Result<String> {
        Ok(self.key(store).await?.public.clone())
    }

    /// Returns the headers and the body of a request that brings a message to a browser.
    pub async fn request(
        &self,
        store: &Store,
        now: Time,
        to: &PushSubscription,
        message: &[u8],
    ) -> Result<(Vec<(&'static str, String)>, Vec<u8>)> {
        let fault = |why: &str| StoreError::Fault(format!("a web push could not be made: {why}"));
        let key = self.key(store).await?;
        let origin = Url::parse(&to.endpoint).map_err(|error| fault(&error.to_string()))?.origin();
        let expires = now.micros() / 1_000_000 + VALID_SECONDS.cast_signed();
        let claims = json!({ "aud": origin.ascii_serialization(), "exp": expires, "sub": self.contact });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &key.signs);
        let token = token.map_err(|error| fault(&error.to_string()))?;
        let body = encrypt(to, message).map_err(|Unspecified| fault("the keys of the browser do not fit"))?;
        let headers = vec![
            ("authorization", format!("vapid t={token}, k={}", key.public)),
            ("content-type", "application/octet-stream".to_owned()),
            ("content-encoding", "aes128gcm".to_owned()),
        ];
        Ok((headers, body))
    }

    async fn key(&self, store: &Store) -> Result<Arc<PushKey>> {
        if let Some(key) = self.key.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(key);
        }
        let pkcs8 = match store.read(store::find_key).await? {
            Some(pkcs8) => pkcs8,
            None => {
                let fresh = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
                let fresh = fresh.map_err(|_| StoreError::Fault("no key for web push could be made".to_owned()))?;
                // Another node may store its key at the same time: the first one counts.
                let job = move |tx: &mut Tx<'_>| {
                    store::put_key(tx, fresh.as_ref())?;
                    store::find_key(tx)
                };
                store.write(Shard::CONTROL, job).await?.unwrap_or_default()
            }
        };
        let key = Arc::new(PushKey::read(&pkcs8)?);
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(key)
    }
}

/// The key of this server.
struct PushKey {
    /// The point of the public half, in base64url.
    public: String,
    signs: EncodingKey,
}

impl PushKey {
    fn read(pkcs8: &[u8]) -> Result<PushKey, StoreError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8);
        let pair = pair.map_err(|error| StoreError::Fault(format!("the key for web push cannot be read: {error}")))?;
        let public = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Ok(PushKey { public, signs: EncodingKey::from_ec_der(pkcs8) })
    }
}

/// Encrypts a message for a browser with a key and a salt that are used once.
fn encrypt(to: &PushSubscription, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let salt: [u8; SALT_BYTES] = {
        let mut salt = [0; SALT_BYTES];
        aws_lc_rs::rand::fill(&mut salt)?;
        salt
    };
    encrypt_with(&PrivateKey::generate(&ECDH_P256)?, salt, (&to.public_key, &to.auth_secret), message)
}

fn encrypt_with(
    own: &PrivateKey,
    salt: [u8; SALT_BYTES],
    (point, auth): (&[u8], &[u8]),
    message: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    let own_point = own.compute_public_key()?;
    let info = [b"WebPush: info\0", point, own_point.as_ref()];
    let input: [u8; 32] = agree(own, UnparsedPublicKey::new(&ECDH_P256, point), Unspecified, |shared| {
        derive(&Salt::new(HKDF_SHA256, auth).extract(shared), &info)
    })?;
    let keys = Salt::new(HKDF_SHA256, &salt).extract(&input);
    let key: [u8; 16] = derive(&keys, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = derive(&keys, &[b"Content-Encoding: nonce\0"])?;
    // The last byte says that this is the last record.
    let mut record = [message, &[2]].concat();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?);
    cipher.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)?;
    let size = RECORD_BYTES.to_be_bytes();
    Ok([salt.as_slice(), &size, &[POINT_BYTES as u8], own_point.as_ref(), &record].concat())
}

/// The length of a derived key.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive<const N: usize>(from: &Prk, info: &[&[u8]]) -> Result<[u8; N], Unspecified> {
    let mut key = [0; N];
    from.expand(info, Length(N))?.fill(&mut key)?;
    Ok(key)
}

/// Reads base64url as browsers write it; empty if it is none.
pub fn read_bytes(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default()
}

/// Returns true for the point of a browser's key.
pub fn is_point(bytes: &[u8]) -> bool {
    let fits = || {
        let probe = PrivateKey::generate(&ECDH_P256)?;
        agree(&probe, UnparsedPublicKey::new(&ECDH_P256, bytes), Unspecified, |_| Ok(()))
    };
    bytes.len() == POINT_BYTES && fits().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 8291, appendix A.
    #[test]
    fn a_message_is_encrypted_as_the_standard_shows() {
        let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = PrivateKey::from_private_key(&ECDH_P256, &own).unwrap();
        let point = bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let auth = bytes("BTBZMqHH6r4Tts7J_aSIgg");
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let sealed = encrypt_with(&own, salt, (&point, &auth), b"When I grow up, I want to be a watermelon").unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(sealed), expected);
        assert!(is_point(&point) && !is_point(&point[1..]) && !is_point(&[4; 65]));
    }
}
