//! The command and the call of the API that do what a page does, to copy into a terminal.

use axme_api::{Input, Json, Method, Op};
use serde::Serialize;

use super::filter::query;

/// A command of `axme`, and a call with curl.
pub(super) struct Same {
    pub command: String,
    pub call: String,
}

impl Same {
    /// Returns what calls an operation with this input.
    pub fn of<I: Serialize, O>(base_url: &str, op: &Op<I, O>, input: &I) -> Same {
        let info = &op.info;
        let fields = Json::of(input).fields().unwrap_or_default();
        let all = Json::from(fields.clone());
        let given = if fields.is_empty() { String::new() } else { format!(" --input {}", quoted(all.text())) };
        let command = format!("axme api {}{given}", info.id);
        let mut rest = fields;
        let mut path = info.path.to_owned();
        for name in info.path_fields() {
            let value = rest.remove(name).and_then(|value| value.string()).unwrap_or_default();
            path = path.replace(&format!("{{{name}}}"), &value).replace(&format!("{{*{name}}}"), &value);
        }
        let key = "-H \"x-api-key: $AXME_API_KEY\"";
        let is_in_query = matches!(info.method, Method::Get | Method::Delete);
        let method = if info.method == Method::Get { String::new() } else { format!("-X {} ", info.method.as_str()) };
        let body = match info.input {
            Input::RawBody => rest.remove("body").unwrap_or_default(),
            Input::Flat => Json::from(rest.clone()),
        };
        let call = if is_in_query {
            let pairs: Vec<(String, String)> = rest
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name, value.string().unwrap_or_else(|| value.text().to_owned())))
                .collect();
            let asked = query(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let mark = if asked.is_empty() { "" } else { "?" };
            format!("curl {method}{key} {}", quoted(&format!("{base_url}{path}{mark}{asked}")))
        } else {
            let kind = "-H \"content-type: application/json\"";
            format!("curl {method}{key} {kind} -d {} {}", quoted(body.text()), quoted(&format!("{base_url}{path}")))
        };
        Same { command, call }
    }
}

/// Returns a text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use axme_api::intents;

    use super::*;

    #[test]
    fn a_call_is_one_line_that_a_shell_reads() {
        let input =
            intents::ListIntents { intent_type: Some("it's".to_owned()), limit: 50.into(), ..Default::default() };
        let same = Same::of("https://axme.example", &intents::LIST, &input);
        assert_eq!(same.command, r#"axme api intents.list --input '{"intent_type":"it'\''s","limit":50}'"#);
        let url = r"'https://axme.example/v1/intents?intent_type=it%27s&limit=50'";
        assert_eq!(same.call, format!(r#"curl -H "x-api-key: $AXME_API_KEY" {url}"#));
    }

    #[test]
    fn a_change_has_its_body() {
        let input = intents::ResumeIntent {
            intent_id: "i-1".into(),
            body: Some(axme_api::JsonFields::new().with("approved", serde_json::json!(true))),
            ..Default::default()
        };
        let same = Same::of("http://h", &intents::RESUME, &input);
        assert!(same.call.ends_with(r#"-d '{"approved":true}' 'http://h/v1/intents/i-1/resume'"#), "{}", same.call);
    }
}
