//! Replaces the values in an example that differ in each run, or that look like secrets.
//!
//! Ids become `0191b2a0-0000-7000-8000-000000000001` and so on, in the order of their first appearance. Keys, tokens,
//! codes and passwords become words that nobody can mistake for real ones. Times stay: the clock of the tests is not that
//! of the machine, and times that belong together still fit.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

/// The digits of a UUID without hyphens, and the fewest digits of a secret.
const ID_DIGITS: usize = 32;
const SECRET_DIGITS: usize = 48;

/// The least length of a secret that is also replaced inside other texts.
const LEAST_INSIDE: usize = 8;

/// Where the receivers of the tests listen, and what an example says instead.
const LOCAL: &str = "http://127.0.0.1:";
const REMOTE: &str = "https://receiver.example.com";

#[derive(Default)]
pub struct Disguise {
    ids: Vec<Uuid>,
    /// Each secret with its replacement.
    secrets: BTreeMap<String, String>,
}

impl Disguise {
    /// Returns a disguise that knows the secrets among the fields of a path.
    pub fn of(path_fields: &[(&str, &str)]) -> Disguise {
        let mut disguise = Disguise::default();
        path_fields.iter().for_each(|(name, value)| disguise.learn(name, value));
        disguise
    }

    /// Replaces the values in an example.
    pub fn apply(mut self, example: &mut Value) {
        self.collect("", example);
        self.replace("", example);
    }

    fn collect(&mut self, name: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| self.collect(name, value)),
            Value::Array(items) => items.iter().for_each(|item| self.collect(name, item)),
            Value::String(text) => self.learn(name, text),
            _ => {}
        }
    }

    fn learn(&mut self, name: &str, value: &str) {
        let is_code = |text: &str| text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        let fake = match name {
            "code" if is_code(value) => "123456".to_owned(),
            "user_code" => "WDJB-MJHT".to_owned(),
            "secret" | "webhook_secret" => "an example of a shared secret".to_owned(),
            _ if name.ends_with("password") => "correct horse battery staple".to_owned(),
            _ if name.ends_with("token") || name.ends_with("api_key") || name.ends_with("device_code") => fake(value),
            _ => return,
        };
        if !value.is_empty() {
            self.secrets.insert(value.to_owned(), fake);
        }
    }

    fn replace(&mut self, name: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| self.replace(name, value)),
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace(name, item)),
            // A hash of a known content is the same in each run.
            Value::String(_) if name.ends_with("sha256") || name.ends_with("_hash") => {}
            Value::String(text) => *text = self.text(text),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) -> String {
        if let Some(fake) = self.secrets.get(text) {
            return fake.clone();
        }
        let mut text = text.to_owned();
        for (secret, fake) in self.secrets.iter().filter(|(secret, _)| secret.len() >= LEAST_INSIDE) {
            text = text.replace(secret, fake);
        }
        if let Some((before, after)) = text.split_once(LOCAL) {
            text = format!("{before}{REMOTE}{}", after.trim_start_matches(|digit: char| digit.is_ascii_digit()));
        }
        if let Some((before, _)) = text.split_once("_...") {
            text = format!("{before}_...0000");
        }
        self.digits(&text)
    }

    /// Replaces ids and other long numbers in base 16.
    fn digits(&mut self, text: &str) -> String {
        let mut replaced = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let hyphenated = rest.get(..36).and_then(|id| Uuid::try_parse(id).ok());
            let run = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).count();
            let taken = match hyphenated {
                Some(id) => {
                    replaced.push_str(&self.id(id).to_string());
                    36
                }
                None if run == ID_DIGITS => {
                    let id = Uuid::try_parse(&rest[..run]).unwrap_or_default();
                    replaced.push_str(&self.id(id).simple().to_string());
                    run
                }
                None if run >= SECRET_DIGITS => {
                    replaced.push('…');
                    run
                }
                None => {
                    let taken = run.max(rest.chars().next().map_or(0, char::len_utf8));
                    replaced.push_str(&rest[..taken]);
                    taken
                }
            };
            rest = &rest[taken..];
        }
        replaced
    }

    fn id(&mut self, id: Uuid) -> Uuid {
        let known = self.ids.iter().position(|known| *known == id);
        let number = known.unwrap_or_else(|| {
            self.ids.push(id);
            self.ids.len() - 1
        });
        Uuid::from_u128(0x0191_b2a0_0000_7000_8000_0000_0000_0001 + number as u128)
    }
}

/// Returns the readable beginning of a secret, or words instead of it.
fn fake(secret: &str) -> String {
    let beginning = ["axme_sa_", "eyJ"].into_iter().find(|beginning| secret.starts_with(beginning));
    let beginning = beginning.or_else(|| {
        let (before, rest) = secret.rsplit_once('_')?;
        rest.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(&secret[..=before.len()])
    });
    beginning.map_or_else(|| "an-example-of-a-token".to_owned(), |beginning| format!("{beginning}…"))
}

#[test]
fn an_example_has_no_ids_and_secrets_of_a_run() {
    let (id, other) = ("0b5a1c9e-7d1f-4c52-9a53-0a4f3ad9c111", "5a1c9e0b7d1f4c529a530a4f3ad9c111");
    let secret = "0a".repeat(32);
    let mut example = serde_json::json!({
        "request": { "path": format!("/v1/things/{id}"), "body": { "password": "hunter2", "code": "204811" } },
        "answer": {
            "thing_id": id, "other_id": format!("sa_{other}"), "api_key": format!("axme_sa_sa_{other}_{secret}"),
            "hint": format!("axme_sa_sa_{other}_...0a0a"), "url": format!("https://a.example/t?token=axu_{secret}"),
            "callback_url": "http://127.0.0.1:40123/hook", "token": format!("eyJh.{secret}"), "sha256": secret,
            "code": "not_found", "at": "2026-01-01T00:00:00.000Z",
        },
    });
    Disguise::of(&[]).apply(&mut example);
    let (id, other) = ("0191b2a0-0000-7000-8000-000000000001", "0191b2a0000070008000000000000002");
    let expected = serde_json::json!({
        "request": {
            "path": format!("/v1/things/{id}"),
            "body": { "password": "correct horse battery staple", "code": "123456" },
        },
        "answer": {
            "thing_id": id, "other_id": format!("sa_{other}"), "api_key": "axme_sa_…",
            "hint": format!("axme_sa_sa_{other}_...0000"), "url": "https://a.example/t?token=axu_…",
            "callback_url": "https://receiver.example.com/hook", "token": "eyJ…", "sha256": secret,
            "code": "not_found", "at": "2026-01-01T00:00:00.000Z",
        },
    });
    assert_eq!(example, expected);
}
