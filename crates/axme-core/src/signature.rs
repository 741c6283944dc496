//! Signatures of pushes: `X-Axme-Signature`, and the Standard Webhooks headers. The latter also let a receiver refuse
//! old copies.

use axme_intent::Time;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use axme_store::{Rng, hex};

const PREFIX: &str = "whsec_";

/// Generates a secret in the format of Standard Webhooks.
pub(crate) fn fresh_secret(rng: &Rng) -> String {
    format!("{PREFIX}{}", STANDARD.encode(rng.bytes::<24>()))
}

/// Returns the form of a secret that the libraries of Standard Webhooks accept. It verifies `webhook-signature`.
pub(crate) fn standard_secret(secret: &str) -> String {
    format!("{PREFIX}{}", STANDARD.encode(standard_key(secret)))
}

/// Returns the key of `webhook-signature`: the bytes that the secret encodes, or else its characters.
fn standard_key(secret: &str) -> Vec<u8> {
    let encoded = secret.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
    encoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// Returns the signature headers of a push. `id` is the same for every attempt.
pub fn headers(secret: &str, id: &str, at: Time, body: &[u8]) -> Vec<(&'static str, String)> {
    let seconds = (at.millis() / 1_000).to_string();
    let signed = mac(&standard_key(secret), &[id.as_bytes(), b".", seconds.as_bytes(), b".", body]);
    vec![
        ("x-axme-signature", format!("sha256={}", hex(&mac(secret.as_bytes(), &[body])))),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", format!("v1,{}", STANDARD.encode(signed))),
    ]
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length will do");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification, and HMAC test vector 2 of RFC 4231.
    #[test]
    fn signatures_are_those_of_the_specifications() {
        let at = Time::from_micros(1_614_265_330_000_000);
        let body = br#"{"test": 2432232314}"#;
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let found = headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body);
        assert_eq!(found[3].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(&mac(b"Jefe", &[b"what do ya ", b"want for nothing?"])), known);
    }

    /// A library decodes the base64 after the prefix, and uses the bytes as its key.
    #[test]
    fn any_secret_has_a_form_that_libraries_verify_with() {
        for secret in
            ["a secret of my own", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64!", "sécret très long"]
        {
            let standard = standard_secret(secret);
            let key = STANDARD.decode(standard.strip_prefix(PREFIX).expect("a prefix")).expect("base64");
            let headers = headers(secret, "id", Time::from_micros(1_000_000), b"{}");
            assert_eq!(headers[3].1, format!("v1,{}", STANDARD.encode(mac(&key, &[b"id.1.{}"]))), "{secret}");
            assert_eq!(standard_secret(&standard), standard);
        }
    }
}
