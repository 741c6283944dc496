//! The settings in force, each with its value and its source, for `axme serve --check`. Secrets are masked.

use std::path::Path;

use config::{Config, Value};

use super::{ServerFlags, names};
use crate::server::{self, Setting};

/// Lists the settings in force by name.
pub(super) fn list(flags: &ServerFlags, file: Option<&Path>, merged: &Config, server: &server::Config) -> Vec<Setting> {
    let setting = |(name, value): (String, serde_json::Value)| {
        let (value, source) = (shown(&name, &value), source(flags, file, merged, &name));
        Setting { name, value, source }
    };
    names::flat(server).into_iter().map(setting).collect()
}

/// Brings a list up to date after the program itself has changed settings.
pub(super) fn update(list: &mut [Setting], server: &server::Config, source: &str) {
    let now = names::flat(server);
    for setting in list {
        let Some(value) = now.get(&setting.name).map(|value| shown(&setting.name, value)) else { continue };
        if value != setting.value {
            setting.value = value;
            setting.source = source.to_owned();
        }
    }
}

fn shown(name: &str, value: &serde_json::Value) -> String {
    let is_secret = names::SECRETS.contains(&name);
    match value {
        serde_json::Value::Null => "none".to_owned(),
        serde_json::Value::String(text) if is_secret => masked(text),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) if items.is_empty() => "none".to_owned(),
        serde_json::Value::Array(_) if is_secret => "(set)".to_owned(),
        serde_json::Value::Array(items) => {
            let text = |item: &serde_json::Value| item.as_str().map_or(item.to_string(), str::to_owned);
            items.iter().map(text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn source(flags: &ServerFlags, file: Option<&Path>, merged: &Config, name: &str) -> String {
    let by_flag = match name {
        "listen" => flags.listen.is_some(),
        "data" => flags.data.is_some(),
        "database_url" => flags.database_url.is_some(),
        "owner_email" => flags.owner_email.is_some(),
        "public_url" => flags.public_url.is_some(),
        _ => false,
    };
    if by_flag {
        return format!("--{}", name.replace('_', "-"));
    }
    // The entries of a list have no origin.
    let variable = format!("AXME_{}", name.to_uppercase().replace('.', "__"));
    if std::env::var_os(&variable).is_some() {
        return format!("the environment variable {variable}");
    }
    // Another variable for the same setting names itself. Values of the file have no origin.
    match (merged.get::<Value>(name).ok(), file) {
        (None, _) => "default".to_owned(),
        (Some(value), file) => match (value.origin(), file) {
            (Some(variable), _) => variable.to_owned(),
            (None, Some(file)) => file.display().to_string(),
            (None, None) => "default".to_owned(),
        },
    }
}

/// Shows a URL without its password and its parameters, and nothing of any other secret.
fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return "(set)".to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?…"));
    match rest.rsplit_once('@') {
        Some((user, place)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:…@{place}{query}")
        }
        None => format!("{scheme}://{rest}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_changes_has_another_source() {
        let mut config = server::Config::default();
        let merged = Config::builder().build().unwrap();
        let mut all = list(&ServerFlags::default(), None, &merged, &config);
        config.sign_up = !config.sign_up;
        config.database_url = Some("postgres://app:hunter2@db/axme".to_owned());
        update(&mut all, &config, "axme dev");
        let changed: Vec<&Setting> = all.iter().filter(|setting| setting.source == "axme dev").collect();
        let names: Vec<(&str, &str)> = changed.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect();
        assert_eq!(names, [("database_url", "postgres://app:…@db/axme"), ("sign_up", "true")]);
    }

    #[test]
    fn a_mask_hides_every_part_of_a_secret() {
        for (secret, shown) in [
            ("postgres://app:hunter2@db/axme", "postgres://app:…@db/axme"),
            ("postgres://app:hunt@er2@db/axme?password=hunter2", "postgres://app:…@db/axme?…"),
            ("smtp://127.0.0.1:25", "smtp://127.0.0.1:25"),
            ("hunter2", "(set)"),
        ] {
            assert_eq!(masked(secret), shown);
        }
    }
}
