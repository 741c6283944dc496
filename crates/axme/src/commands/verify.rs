//! `axme verify`: checks the signed receipt of a decision, without a server if its keys are in a file.
//!
//! Only keys of the file or of the named server are trusted, never one inside the receipt.

use std::path::PathBuf;

use axme_client::api::receipts as api;
use axme_intent::Json;
use axme_intent::receipt::{self, Receipt};
use clap::Args;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{OutputFormat, line};
use crate::text_file;

/// Check the signed receipt of a decision
#[derive(Args)]
#[command(after_help = "Example: axme verify receipt.jws --keys receipt-keys.json --payload payload.json")]
pub(crate) struct Verify {
    /// The file with the receipt, or - for stdin
    receipt: PathBuf,
    /// The file with the keys of the server (a JSON Web Key Set); nothing is fetched
    #[arg(long, value_name = "FILE", required_unless_present = "issuer", conflicts_with = "issuer")]
    keys: Option<PathBuf>,
    /// The address of the server that signed the receipt; its keys are fetched
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// The file with the payload that was decided about; it must be the one in the receipt
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
}

/// The claims of a receipt.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    #[serde(flatten)]
    receipt: Receipt,
}

impl Verify {
    pub(crate) async fn run(&self, flags: &Flags) -> Result<(), Failure> {
        let text = text_file::read(&self.receipt)?;
        let keys = match (&self.keys, &self.issuer) {
            (Some(file), _) => text_file::read(file)?,
            (None, Some(issuer)) => fetch(issuer).await?,
            (None, None) => return Err(Failure::usage("give --keys or --issuer")),
        };
        let claims = verify(text.trim(), &keys).map_err(|why| Failure::new(format!("not verified: {why}")))?;
        if let Some(issuer) = self.issuer.as_deref().filter(|issuer| issuer.trim_end_matches('/') != claims.iss) {
            return Err(Failure::new(format!("not verified: the receipt is from {}, not from {issuer}", claims.iss)));
        }
        let payload = self.payload.as_deref().map(text_file::read).transpose()?;
        if let Some(payload) = &payload {
            let payload =
                Json::parse(payload).map_err(|error| Failure::new(format!("the payload is not JSON: {error}")))?;
            if receipt::sha256(&payload) != claims.receipt.payload_sha256 {
                return Err(Failure::new("not verified: the payload is not the one that was decided about"));
            }
        }
        report(flags, &claims, payload.is_some())
    }
}

fn report(flags: &Flags, claims: &Claims, has_payload: bool) -> Result<(), Failure> {
    let Claims { iss, receipt } = claims;
    if flags.format() == OutputFormat::Json {
        let payload = has_payload.then_some("verified");
        return flags
            .format()
            .print_json(&json!({ "verified": true, "iss": iss, "receipt": receipt, "payload": payload }));
    }
    let mut lines = vec![
        format!("Verified: signed by {iss}"),
        format!("{} decided \"{}\" at {}", receipt.decided_by, receipt.outcome, receipt.decided_at),
        format!("about: {} (intent {})", receipt.title, receipt.intent_id),
    ];
    lines.extend(receipt.comment.as_ref().map(|comment| format!("comment: {comment}")));
    if !receipt.on_behalf_of.is_empty() {
        lines.push(format!("on behalf of: {}", receipt.on_behalf_of.join(", ")));
    }
    if receipt.policy.quorum > 1 {
        let before = receipt.policy.yes_before.len();
        lines.push(format!("quorum: {}, with {before} yes before this decision", receipt.policy.quorum));
    }
    let payload = if has_payload { "is the one that was decided about" } else { "was not checked: give --payload" };
    lines.push(format!("the payload {payload}"));
    lines.iter().try_for_each(line)
}

/// Verifies a receipt with a set of keys. The error says why not.
fn verify(signed: &str, keys: &str) -> Result<Claims, String> {
    let header =
        jsonwebtoken::decode_header(signed).map_err(|error| format!("the file has no signed receipt: {error}"))?;
    if header.typ.as_deref() != Some(receipt::TYPE) {
        return Err(format!("its type is {}, not {}", header.typ.unwrap_or_default(), receipt::TYPE));
    }
    let id = header.kid.unwrap_or_default();
    let keys: JwkSet =
        serde_json::from_str(keys).map_err(|error| format!("the keys must be a JSON Web Key Set: {error}"))?;
    let key = keys.find(&id).ok_or_else(|| format!("the keys do not contain key {id}"))?;
    let key = DecodingKey::from_jwk(key).map_err(|error| format!("key {id} cannot be used: {error}"))?;
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let read = jsonwebtoken::decode::<Claims>(signed, &key, &rules);
    read.map(|token| token.claims).map_err(|error| error.to_string())
}

async fn fetch(issuer: &str) -> Result<String, Failure> {
    let url = format!("{}{}", issuer.trim_end_matches('/'), api::KEYS.path);
    let failed = |error: reqwest::Error| Failure::new(format!("cannot fetch the keys from {url}: {error}"));
    let answer = reqwest::get(&url).await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    answer.json::<Value>().await.map(|keys| keys.to_string()).map_err(failed)
}
