//! The signature of a post: `sha256=` and the HMAC-SHA256 of its body under a secret, in hexadecimal digits.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header that carries the signature.
pub(crate) const HEADER: &str = "x-axme-signature";
const PREFIX: &str = "sha256=";

/// Whether `header` is the signature of the body.
pub(crate) fn is_signed(secret: &str, body: &[u8], header: &str) -> bool {
    let Some(signature) = header.strip_prefix(PREFIX).and_then(decode_hex) else { return false };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    mac.verify_slice(&signature).is_ok()
}

fn decode_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HMAC test vector 2 of RFC 4231.
    #[test]
    fn only_a_signed_body_is_accepted() {
        let good = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(is_signed("Jefe", b"what do ya want for nothing?", good));
        assert!(!is_signed("Jefe", b"what do ya want for nothing!", good));
        assert!(!is_signed("jefe", b"what do ya want for nothing?", good));
        for wrong in ["", "sha256=", "sha256=5b", "5bdcc146", "sha256=zz", "sha256=123"] {
            assert!(!is_signed("Jefe", b"what do ya want for nothing?", wrong), "{wrong}");
        }
    }
}
