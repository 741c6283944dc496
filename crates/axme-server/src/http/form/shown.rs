//! The words beside the fields of a form: values of an answer, defaults as people type them, and help.

use axme_intent::facts;
use axme_words::{Language, decimal, grouped, say};
use serde_json::Value;

use super::{Choice, Kind, number, plain, text};

/// Returns the value of an answer for people.
pub(super) fn shown(kind: &Kind, data: Option<&Value>, language: Language) -> String {
    let Some(value) = data else { return String::new() };
    let label = |choices: &[Choice], value: &Value| {
        choices.iter().find(|choice| choice.value == *value).map_or_else(|| plain(value), |choice| choice.label.clone())
    };
    match kind {
        Kind::Choice(choices) => label(choices, value),
        Kind::Checks(choices) => {
            let labels = value.as_array().into_iter().flatten().map(|value| label(choices, value));
            labels.collect::<Vec<String>>().join(", ")
        }
        Kind::Input("password") => "••••••••".to_owned(),
        Kind::Number { .. } => {
            let text = plain(value);
            let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
            let (whole, decimals) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
            if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
                return text;
            }
            let decimals = decimals.map(|decimals| decimal(language, &format!(".{decimals}"))).unwrap_or_default();
            format!("{sign}{}{decimals}", grouped(language, whole))
        }
        Kind::DateTime => plain(value).replacen('T', " ", 1).replace('Z', " UTC"),
        _ => facts::readable(&value.clone().into(), language),
    }
}

/// Returns a default value as a person would type it. A number never has two readings.
pub(super) fn typed(kind: &Kind, value: &Value, language: Language) -> String {
    let text = plain(value);
    let Kind::Number { is_whole } = kind else { return text };
    let is_ambiguous = matches!(number::read(&text, *is_whole), number::Typed::Ambiguous { .. });
    decimal(language, &if is_ambiguous { format!("{text}0") } else { text })
}

/// Returns the help text of a field: its description and its limits.
pub(super) fn help(property: &Value, kind: &Kind, language: Language) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(text(property, "description").map(str::to_owned));
    let number =
        |key: &str| property.get(key).filter(|value| value.is_number()).map(|limit| decimal(language, &plain(limit)));
    let least = |least: String| String::from(say(language, "help-least").with("least", least));
    let most = |most: String| String::from(say(language, "help-most").with("most", most));
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => {
            parts.push(say(language, "help-between").with("least", least).with("most", most).into());
        }
        (Some(limit), None) => parts.push(least(limit)),
        (None, Some(limit)) => parts.push(most(limit)),
        (None, None) => {}
    }
    parts.extend(number("exclusiveMinimum").map(|least| say(language, "help-more").with("least", least).into()));
    parts.extend(number("exclusiveMaximum").map(|most| say(language, "help-less").with("most", most).into()));
    match kind {
        Kind::Checks(_) | Kind::List(_) => {
            parts.extend(number("minItems").filter(|limit| limit != "0").map(least));
            parts.extend(number("maxItems").map(most));
        }
        Kind::Lines => parts.push(say(language, "help-lines").into()),
        Kind::File(rule) => {
            let most = size(rule.max_bytes);
            parts.push(match rule.types.is_empty() {
                true => say(language, "help-file").with("most", most).into(),
                false => {
                    say(language, "help-file-types").with("types", rule.types.join(", ")).with("most", most).into()
                }
            });
        }
        _ => parts.extend(number("maxLength").map(|most| say(language, "help-characters").with("most", most).into())),
    }
    parts.join(" ")
}

/// Returns a number of bytes for people.
pub(in crate::http) fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KB", bytes / 1_024),
        _ => format!("{} MB", bytes / 1_048_576),
    }
}

pub(super) fn limits(property: &Value, kind: &Kind) -> Vec<(&'static str, String)> {
    let most = property.get("maxLength").filter(|value| value.is_number()).map(plain);
    match kind {
        Kind::Number { is_whole } => {
            vec![
                ("inputmode", if *is_whole { "numeric" } else { "decimal" }.to_owned()),
                ("autocomplete", "off".to_owned()),
            ]
        }
        Kind::Input("password") => vec![("autocomplete", "off".to_owned())],
        Kind::File(rule) if !rule.types.is_empty() => vec![("accept", rule.types.join(","))],
        Kind::Input(_) | Kind::Text => most.map(|most| ("maxlength", most)).into_iter().collect(),
        _ => Vec::new(),
    }
}
