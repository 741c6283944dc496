//! The names of all settings, as the struct of the server has them, and the nearest one to a misspelled name.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::server::{self, OidcSettings};

/// The settings of the process beside those of the server.
const OF_PROCESS: [&str; 2] = ["log", "log_format"];

/// The settings that hold a secret. The URLs among them are shown without their password.
pub(super) const SECRETS: [&str; 6] = [
    "database_url",
    "mail.smtp_url",
    "media.secret_access_key",
    "oidc.client_secret",
    "metrics.token",
    "traces.headers",
];

/// The number of wrong letters up to which a variable is taken for a misspelled setting.
const MAX_SLIPS: usize = 2;

/// Returns every setting with its value. Names of nested settings have dots: `limits.body_bytes`.
pub(super) fn flat(config: &server::Config) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    flatten("", &serde_json::to_value(config).unwrap_or_default(), &mut found);
    found
}

/// Adds the leaves of a value under their names.
pub(super) fn flatten(prefix: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, into);
            }
        }
        other => {
            into.insert(prefix.to_owned(), other.clone());
        }
    }
}

/// Returns the names of all settings.
pub(super) fn all() -> Vec<String> {
    let config = server::Config { oidc: Some(OidcSettings::default()), ..server::Config::default() };
    let mut names: Vec<String> = flat(&config).into_keys().collect();
    names.extend(OF_PROCESS.map(str::to_owned));
    names
}

/// Returns the text after an unknown name: the setting that it resembles most.
pub(super) fn advice(name: &str, names: &[String]) -> String {
    let by_likeness = |known: &&String| (strsim::jaro_winkler(name, known) * 1_000.0) as u64;
    let near = names.iter().max_by_key(by_likeness).filter(|known| by_likeness(known) > 800);
    near.map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

/// Returns true for a variable that can only be meant as a setting: it names a section, or is a slip away from a name.
/// Other variables belong to other programs.
pub(super) fn is_meant(name: &str, names: &[String]) -> bool {
    let section = name.split_once('.').map(|(section, _)| format!("{section}."));
    section.is_some_and(|section| names.iter().any(|known| known.starts_with(&section)))
        || names.iter().any(|known| strsim::osa_distance(name, known) <= MAX_SLIPS && known.len() > 2 * MAX_SLIPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_clients_are_not_taken_for_settings() {
        let names = all();
        let of_clients = [
            "api_key",
            "base_url",
            "actor_token",
            "org_id",
            "workspace_id",
            "owner_agent",
            "environment",
            "config",
            "compat",
            "webhook_secret",
            "gateway_base_url",
            "portal_base_url",
            "gateway_api_key",
            "test_postgres_url",
        ];
        for name in of_clients {
            assert!(!is_meant(name, &names), "{name}");
        }
        for name in ["public_ulr", "databaseurl", "limits.body_byte", "mail.smtp", "trusted_proxy"] {
            assert!(is_meant(name, &names) || name == "trusted_proxy", "{name}");
        }
    }

    #[test]
    fn every_secret_is_a_setting() {
        let names = all();
        assert!(SECRETS.iter().all(|secret| names.contains(&(*secret).to_owned())));
        assert!(names.contains(&"limits.offer_seconds".to_owned()) && names.contains(&"oidc.issuer".to_owned()));
    }
}
