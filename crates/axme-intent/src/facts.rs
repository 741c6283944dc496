//! The facts that a task shows to a person: each a label and a value, as people write such values.
//!
//! The author of a task names them in `summary`, from most to least important. Without a `summary`, every field of the
//! payload is a fact. No fact loses a digit: what has no usual form is shown as it was sent.

use axme_words::{Language, say};

use crate::fields::words;
use crate::human::SummaryField;
use crate::{HumanTask, Json, JsonFields, Time};

/// The longest value, in characters.
const MAX_VALUE_CHARS: usize = 2_000;

/// A label and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    pub label: String,
    pub value: FactValue,
}

/// A value, by how it is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum FactValue {
    /// Text of one or more lines.
    Text(String),
    /// An amount of money with its currency: `EUR 12,000.00`, as the language writes it.
    Amount(String),
    Time(Time),
    /// An address of a page on the web. A page shows its host beside it, so that a person sees where it leads.
    Link {
        url: String,
        host: String,
    },
}

impl FactValue {
    /// Returns the value as plain text.
    pub fn text(&self, language: Language) -> String {
        match self {
            FactValue::Text(text) | FactValue::Amount(text) => text.clone(),
            FactValue::Time(time) => axme_words::time(language, *time),
            FactValue::Link { url, .. } => url.clone(),
        }
    }
}

/// Returns the key facts that the author has chosen; empty without a `summary`. A field that is absent is left out.
pub fn chosen(task: &HumanTask, payload: &Json, results: &JsonFields, language: Language) -> Vec<Fact> {
    let payload = payload.fields().unwrap_or_default();
    let fact = |field: &SummaryField| {
        let (root, path) = match field.field.split_once('.') {
            Some(("payload", path)) => (&payload, path),
            Some(("results", path)) => (results, path),
            _ => (&payload, field.field.as_str()),
        };
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
        let around = at(root, parents)?;
        let value = around.get(name).filter(|value| !value.is_null())?;
        let label = field.label.clone().unwrap_or_else(|| words(name));
        Some(Fact { label, value: read(name, value, &around, language) })
    };
    task.summary.iter().flatten().filter_map(fact).collect()
}

/// Returns every field of an object as a fact.
pub fn every(object: &JsonFields, language: Language) -> Vec<Fact> {
    let fact =
        |(name, value): (&String, &Json)| Fact { label: words(name), value: read(name, value, object, language) };
    object.iter().map(fact).collect()
}

fn at(root: &JsonFields, path: &str) -> Option<JsonFields> {
    let inside = |fields: JsonFields, name: &str| fields.get(name)?.fields();
    path.split('.').filter(|name| !name.is_empty()).try_fold(root.clone(), inside)
}

/// Returns a value as people write it. `around` is the object that has the field.
fn read(name: &str, value: &Json, around: &JsonFields, language: Language) -> FactValue {
    let code = |fields: &JsonFields, key: &str| fields.get(key).and_then(Json::string).filter(|text| is_currency(text));
    if let Some(fields) = value.fields().filter(|fields| fields.len() == 2) {
        let amount = fields.get("amount").or_else(|| fields.get("value")).map(digits);
        if let Some(money) =
            code(&fields, "currency").zip(amount).and_then(|(code, amount)| money(&amount, &code, language))
        {
            return FactValue::Amount(money);
        }
    }
    if is_amount(name) {
        let currency = code(around, &format!("{name}_currency")).or_else(|| code(around, "currency"));
        if let Some(money) = currency.and_then(|code| money(&digits(value), &code, language)) {
            return FactValue::Amount(money);
        }
    }
    let Some(text) = value.string() else { return FactValue::Text(cut(&readable(value, language))) };
    let is_moment = text.len() >= 17 && text.contains('T');
    match (Time::parse(&text).filter(|_| is_moment), link(&text)) {
        (Some(time), _) => FactValue::Time(time),
        (_, Some((url, host))) => FactValue::Link { url, host },
        _ => FactValue::Text(cut(&text)),
    }
}

/// True for the name of a field that has an amount of money, if a currency stands beside it.
fn is_amount(name: &str) -> bool {
    const NAMES: [&str; 9] = ["amount", "total", "sum", "price", "cost", "budget", "fee", "value", "limit"];
    name.split(['_', '-']).any(|part| NAMES.iter().any(|known| part.eq_ignore_ascii_case(known)))
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase())
}

/// Returns the digits of a number as they were sent, or of a text that is one.
fn digits(value: &Json) -> String {
    value.string().map_or_else(|| value.text().to_owned(), |text| text.trim().to_owned())
}

/// Returns an amount with its currency, or `None` for text other than a plain number. Digits are added up to the usual
/// number of decimals, and never removed.
pub fn money(amount: &str, currency: &str, language: Language) -> Option<String> {
    let (sign, plain) = amount.strip_prefix('-').map_or(("", amount), |plain| ("-", plain));
    let (whole, decimals) = plain.split_once('.').unwrap_or((plain, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) || (plain.contains('.') && decimals.is_empty()) {
        return None;
    }
    let usual = match currency {
        "JPY" | "KRW" | "VND" | "CLP" | "ISK" | "PYG" | "UGX" | "XAF" | "XOF" | "XPF" | "RWF" | "KMF" | "GNF" => 0,
        "KWD" | "BHD" | "OMR" | "JOD" | "TND" | "LYD" | "IQD" => 3,
        _ => 2,
    };
    let mut decimals = decimals.to_owned();
    while decimals.len() < usual {
        decimals.push('0');
    }
    Some(axme_words::money(language, currency, sign, whole, &decimals))
}

/// Returns the URL and its host, if the text is one URL of the web. A URL with a user name is none: its host is not what
/// it seems.
pub fn link(text: &str) -> Option<(String, String)> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    if !is_web || text.chars().any(char::is_whitespace) {
        return None;
    }
    let url = url::Url::parse(text).ok()?;
    let host = url.host_str().filter(|_| url.username().is_empty() && url.password().is_none())?;
    Some((url.as_str().to_owned(), host.to_owned()))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Formats a value for people: nested values are indented on their own lines.
pub fn readable(value: &Json, language: Language) -> String {
    let inside = |mark: &str, value: &Json, is_list: bool| {
        let text = readable(value, language);
        if is_list || value.fields().is_some_and(|fields| !fields.is_empty()) {
            format!("{mark}\n  {}", text.replace('\n', "\n  "))
        } else {
            format!("{mark} {text}").trim_end().to_owned()
        }
    };
    let is_nested = |items: &[Json]| items.iter().any(|item| item.text().starts_with(['[', '{']));
    let is_list = |value: &Json| value.read::<Vec<Json>>().is_ok_and(|items| is_nested(&items));
    if let Some(fields) = value.fields() {
        let lines = fields.iter().map(|(name, value)| inside(&format!("{}:", words(name)), value, is_list(value)));
        return lines.collect::<Vec<String>>().join("\n");
    }
    match value.read::<Vec<Json>>() {
        Ok(items) if is_nested(&items) => {
            let lines =
                items.iter().enumerate().map(|(index, item)| inside(&format!("{}.", index + 1), item, is_list(item)));
            lines.collect::<Vec<String>>().join("\n")
        }
        Ok(items) => {
            // A comma is the decimal mark in German.
            let mark = if language == Language::German { "; " } else { ", " };
            items.iter().map(|item| readable(item, language)).collect::<Vec<String>>().join(mark)
        }
        Err(_) => match value.text() {
            "true" => say(language, "form-yes").to_string(),
            "false" => say(language, "form-no").to_string(),
            "null" => String::new(),
            // No digit of a number is added or lost.
            number => value.string().unwrap_or_else(|| axme_words::decimal(language, number)),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(summary: serde_json::Value) -> HumanTask {
        let (task, wrong) = HumanTask::read(json!({ "summary": summary }).as_object().unwrap());
        assert_eq!(wrong, Vec::<String>::new());
        task
    }

    fn text(facts: Vec<Fact>) -> Vec<(String, String)> {
        facts.into_iter().map(|fact| (fact.label, fact.value.text(Language::English))).collect()
    }

    #[test]
    fn the_author_chooses_the_key_facts() {
        let payload = Json::from(json!({
            "amount": 1_234_567.5, "currency": "EUR", "payee": { "iban": "DE89 3704 0044" }, "due": "2026-12-01T09:30:00+01:00",
            "invoice": "https://erp.example.com/i/5", "note": "n",
        }));
        let results = JsonFields::of(json!({ "check": { "score": 0.5 } }));
        let chosen = chosen(
            &task(json!([
                "amount", { "field": "payload.payee.iban", "label": "Account" }, "results.check.score", "payload.due",
                "invoice", "payload.absent",
            ])),
            &payload,
            &results,
            Language::English,
        );
        assert!(matches!(&chosen[4].value, FactValue::Link { host, .. } if host == "erp.example.com"));
        let expected = [
            ("Amount", "EUR 1,234,567.50"),
            ("Account", "DE89 3704 0044"),
            ("Score", "0.5"),
            ("Due", "2026-12-01 08:30 UTC"),
            ("Invoice", "https://erp.example.com/i/5"),
        ];
        assert_eq!(text(chosen), expected.map(|(label, value)| (label.to_owned(), value.to_owned())));
    }

    #[test]
    fn an_amount_keeps_every_digit() {
        for (amount, currency, expected) in [
            ("12000", "EUR", Some("EUR 12,000.00")),
            ("-0.125", "USD", Some("USD -0.125")),
            ("1234567", "JPY", Some("JPY 1,234,567")),
            ("1.5", "KWD", Some("KWD 1.500")),
            ("123456789012345678901.99", "EUR", Some("EUR 123,456,789,012,345,678,901.99")),
            ("1e9", "EUR", None),
            ("12.", "EUR", None),
            ("", "EUR", None),
            ("twelve", "EUR", None),
        ] {
            assert_eq!(money(amount, currency, Language::English).as_deref(), expected, "{amount}");
        }
        let sent: JsonFields = serde_json::from_str(r#"{"total":123456789012345678.10,"currency":"EUR"}"#).unwrap();
        assert_eq!(
            every(&sent, Language::English)[0].value,
            FactValue::Amount("EUR 123,456,789,012,345,678.10".to_owned())
        );
        let in_german = every(&sent, Language::German);
        assert_eq!(in_german[0].value, FactValue::Amount("123.456.789.012.345.678,10 EUR".to_owned()));
    }

    #[test]
    fn a_link_shows_where_it_leads() {
        assert_eq!(link("https://bank.example@evil.example/x"), None, "the host is not what it seems");
        assert_eq!(link("javascript:alert(1)"), None);
        assert_eq!(link("see https://example.com"), None);
        assert_eq!(link("https://bücher.example/").map(|(_, host)| host).as_deref(), Some("xn--bcher-kva.example"));
    }

    #[test]
    fn values_are_written_for_people() {
        let value =
            json!({ "is_new": true, "tags": ["a", 2], "at": { "x_y": 1.5 }, "rows": [{ "n": null }, []], "no": {} });
        let lines = ["Is new: Yes", "Tags: a, 2", "At:", "  X y: 1.5", "Rows:", "  1.", "    N:", "  2.", "No:"];
        assert_eq!(readable(&value.clone().into(), Language::English), lines.join("\n"));
        let in_german = readable(&value.into(), Language::German);
        assert!(in_german.contains("Is new: Ja") && in_german.contains("Tags: a; 2") && in_german.contains("X y: 1,5"));
    }

    #[test]
    fn only_a_number_with_a_currency_is_an_amount() {
        let shown = |value: serde_json::Value| text(every(&JsonFields::of(value), Language::English))[0].1.clone();
        assert_eq!(shown(json!({ "paid": { "amount": 5, "currency": "EUR" } })), "EUR 5.00");
        assert_ne!(shown(json!({ "paid": { "amount": 5, "currency": "EUR", "note": "n" } })), "EUR 5.00");
        assert_eq!(shown(json!({ "count": 5, "currency": "EUR" })), "5");
        for no_currency in ["eur", "EURO", "EU", "E1R"] {
            assert_eq!(shown(json!({ "amount": 5, "currency": no_currency })), "5", "{no_currency}");
        }
    }

    #[test]
    fn a_time_has_its_usual_form_and_a_link_is_one_url_of_the_web() {
        let read = |text: &str| every(&JsonFields::of(json!({ "at": text })), Language::English)[0].value.clone();
        assert!(matches!(read("2026-12-01T09:30:00Z"), FactValue::Time(_)));
        for text in ["2026-12-01 09:30:00Z", "20261201T0930Z", "T", "The year of 2026"] {
            assert_eq!(read(text), FactValue::Text(text.to_owned()));
        }
        assert!(link("https://example.com/a").is_some() && link("http://example.com").is_some());
        for text in ["ftp://example.com/a", "https://example.com/a b", "https://example.com/a\nb", "example.com"] {
            assert_eq!(link(text), None, "{text}");
        }
    }
}
