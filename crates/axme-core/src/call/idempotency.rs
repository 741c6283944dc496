//! Idempotency keys: a repeated call with the same key gets the stored reply of the first. A reply that holds a secret
//! is sealed under the caller's own credential.

use axme_api::{ApiError, ErrorCode, Json, JsonFields};
use axme_store::replies::{Reply, ReplyKey};
use axme_store::{Rng, hex};
use sha2::{Digest, Sha256};

use super::decode::body_fields;
use super::handler::ErasedHandler;
use super::{EncodedReply, encode};
use crate::auth::{Caller, hash};
use crate::error::{Result, StoreError};
use crate::request::{KeyHeader, Request};
use crate::seal;
use crate::state::AppState;

/// A call with an idempotency key.
pub(super) struct Repeat {
    pub key: ReplyKey,
    pub fingerprint: [u8; 32],
    /// The caller's own key or token, under which secret answers are sealed.
    token: String,
}

impl Repeat {
    pub fn of(
        app: &AppState,
        handler: &dyn ErasedHandler,
        request: &Request,
        caller: &Caller,
    ) -> Result<Option<Repeat>> {
        let in_body = handler.key_field();
        if handler.info().effect == axme_api::Effect::Read {
            return Ok(None);
        }
        let header = match &request.meta.idempotency_key {
            KeyHeader::Absent => None,
            KeyHeader::Text(text) => Some(text.trim().to_owned()).filter(|key| !key.is_empty()),
            KeyHeader::Unreadable => {
                return Err(ApiError::invalid("Idempotency-Key must be plain ASCII text").into());
            }
        };
        if header.is_none() && in_body.is_none() {
            return Ok(None);
        }
        let mut fields = body_fields(&request.body)?;
        // A key in the body identifies the change. It overrides the header, which clients may generate anew on each
        // try.
        let own = in_body.and_then(|field| fields.remove(field.field)).filter(|own| !own.is_null());
        let text = own.as_ref().and_then(Json::string);
        if let (Some(field), Some(_), None) = (in_body, &own, &text) {
            return Err(ApiError::invalid(format!("{}: must be a string", field.field)).into());
        }
        let own = text.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let Some(key) = own.or(header) else { return Ok(None) };
        let most = app.limits.idempotency_key_chars;
        if key.chars().count() > most {
            return Err(ApiError::invalid(format!("the idempotency key is longer than {most} characters")).into());
        }
        let key = ReplyKey {
            workspace: caller.workspace,
            caller: caller.service_account_id.clone(),
            endpoint: endpoint(request),
            key,
        };
        let token = request.meta.credentials.secret()?.to_owned();
        Ok(Some(Repeat { key, fingerprint: fingerprint(fields, &request.query), token }))
    }

    fn binding(&self) -> String {
        format!("{} {} {} {}", self.key.workspace, self.key.caller, self.key.endpoint, self.key.key)
    }

    pub fn reply(&self, rng: &Rng, status: u16, body: &[u8], secret: bool) -> Result<Reply> {
        let text = String::from_utf8(body.to_vec()).map_err(|e| StoreError::Fault(e.to_string()))?;
        let (answer, sealed) = if secret {
            let sealed = seal::seal(rng, &self.token, &self.binding(), &text);
            (None, Some(sealed.ok_or_else(|| StoreError::Fault("an answer could not be sealed".to_owned()))?))
        } else {
            (Some(text), None)
        };
        Ok(Reply { fingerprint: self.fingerprint.to_vec(), status, answer, sealed })
    }

    pub fn replay(&self, reply: Reply, mark: Option<fn(&mut JsonFields)>) -> Result<EncodedReply> {
        if reply.fingerprint != self.fingerprint {
            let text = "idempotency key reused with different payload";
            return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, text).into());
        }
        let text = match (reply.answer, reply.sealed) {
            (Some(answer), _) => answer,
            (None, Some(sealed)) => seal::open(&self.token, &self.binding(), &sealed).ok_or_else(|| {
                ApiError::new(
                    ErrorCode::SecretNotShownAgain,
                    "the first call used another api key or token; repeat the call with that one to get its secret",
                )
            })?,
            (None, None) => return Err(StoreError::Fault("a stored reply is empty".to_owned()).into()),
        };
        let mut body = text.into_bytes();
        if let (Some(mark), 200) = (mark, reply.status) {
            let fault = |_| StoreError::Fault("a stored reply is not a JSON object".to_owned());
            let mut fields: JsonFields = serde_json::from_slice(&body).map_err(fault)?;
            mark(&mut fields);
            body = encode(&fields)?;
        }
        Ok(EncodedReply { status: reply.status, body })
    }
}

/// Returns the endpoint as stored with the reply: method and path. A path that contains a token is hashed.
fn endpoint(request: &Request) -> String {
    let path = &request.path;
    let has_token = request.path_fields.iter().any(|(name, _)| *name == "token");
    let path = if has_token { hex(&hash(path)) } else { path.clone() };
    format!("{} {path}", request.method)
}

/// Computes the fingerprint of a call: the canonical text of its body and query, without fields that clients generate
/// anew on each try.
fn fingerprint(mut fields: JsonFields, query: &[(String, String)]) -> [u8; 32] {
    for drawn in ["correlation_id", "correlationId", "from_agent", "fromAgent"] {
        fields.remove(drawn);
    }
    let mut query: Vec<_> = query.to_vec();
    query.sort();
    let mut call = JsonFields::new();
    call.set("body", fields);
    call.set("query", Json::of(&query));
    Sha256::digest(Json::from(call).canonical()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(body: &str) -> [u8; 32] {
        fingerprint(body_fields(body.as_bytes()).unwrap(), &[])
    }

    #[test]
    fn fingerprints_ignore_order_and_what_is_drawn_anew() {
        let a = print(r#"{"payload":{"a":1,"b":[1,2]},"correlation_id":"x"}"#);
        let b = print(r#"{"correlation_id":"y","payload":{"b":[1,2],"\u0061":1},"from_agent":"z"}"#);
        assert_eq!(a, b);
        assert_ne!(a, print(r#"{"payload":{"a":1,"b":[2,1]}}"#));
    }

    #[test]
    fn fingerprints_differ_in_every_digit() {
        let of = |number: &str| print(&format!(r#"{{"payload":{{"n":{number}}}}}"#));
        assert_ne!(of("1234567890123456789012345"), of("1234567890123456789012346"));
        assert_ne!(of("1"), of("1.0"));
        assert_eq!(of("1E400"), of("1E400"));
    }

    /// Replies that an older server stored are found by requests with ordinary numbers.
    #[test]
    fn fingerprints_are_those_of_sorted_text() {
        let text = r#"{"body":{"payload":{"a":[1,-2,0.5,true,null,"é\n"]}},"query":[["k","v"]]}"#;
        let fields = body_fields(r#"{"payload":{"a":[1,-2,0.5,true,null,"\u00e9\n"]}}"#.as_bytes()).unwrap();
        let expected: [u8; 32] = Sha256::digest(text).into();
        assert_eq!(fingerprint(fields, &[("k".to_owned(), "v".to_owned())]), expected);
    }
}
