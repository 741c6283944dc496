//! `axme api`: calls any operation of the table by its id.

use std::path::Path;

use axme_client::Object;
use axme_client::api::openapi::input_fields;
use axme_client::api::{Effect, OpInfo, table};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::print_table;
use crate::session::Session;
use crate::text_file;

/// Call any operation by its id
///
/// The input is one flat JSON object with the fields of the path, the query and the body. Operations that accept any
/// body (intents.resume, scenarios.apply) take it in the field "body".
#[derive(Debug, Args)]
#[command(after_help = "Example: axme api intents.get --input '{\"intent_id\": \"0197…\"}'\n         axme api --list")]
pub(crate) struct Api {
    /// Id of the operation, such as intents.get
    #[arg(value_name = "OPERATION", required_unless_present = "list")]
    operation: Option<String>,
    /// Input of the operation: JSON, @FILE, or @- for stdin
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// Key that makes retries safe: the server executes the call once per key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// List the operations instead of calling one
    #[arg(long)]
    list: bool,
}

impl Api {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Some(id) = self.operation.as_ref().filter(|_| !self.list) else { return list(flags) };
        let Some(op) = table().into_iter().find(|op| op.info().id == id) else {
            return Err(Failure::usage(format!("there is no operation \"{id}\"; see `axme api --list`")));
        };
        let input = read(&self.input)?;
        check_fields(op.info(), &input)?;
        let session = Session::open(flags).await?;
        session.show(op.info(), &Value::Object(input), self.idempotency_key.as_deref()).await
    }
}

fn list(flags: &Flags) -> Result<(), Failure> {
    let table = table();
    let infos = table.iter().map(|op| op.info());
    if flags.json {
        let described = infos.map(|info| {
            json!({ "id": info.id, "method": info.method.as_str(), "path": info.path, "effect": effect(info), "about": info.about })
        });
        return flags.output().print_json(&described.collect());
    }
    let rows = infos.map(|info| {
        vec![info.id.to_owned(), info.method.as_str().to_owned(), info.path.to_owned(), info.about.to_owned()]
    });
    print_table(&["OPERATION", "METHOD", "PATH", "ABOUT"], rows)
}

fn effect(info: &OpInfo) -> &'static str {
    match info.effect {
        Effect::Read => "read",
        Effect::Write => "write",
    }
}

/// Refuses unknown fields: a server ignores them, and a misspelled field would change the meaning of the call.
fn check_fields(info: &OpInfo, input: &Object) -> Result<(), Failure> {
    let known: Vec<&str> = input_fields(info).iter().map(|field| field.name).collect();
    // Every operation takes `owner_agent`.
    let is_unknown = |field: &&str| !known.contains(field) && *field != "owner_agent";
    let unknown: Vec<&str> = input.keys().map(String::as_str).filter(is_unknown).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let takes = match known.is_empty() {
        true => "no fields".to_owned(),
        false => known.join(", "),
    };
    Err(Failure::usage(format!("{} has no field \"{}\"; it takes {takes}", info.id, unknown.join("\", \""))))
}

fn read(input: &str) -> Result<Object, Failure> {
    let text = match input.strip_prefix('@') {
        None => input.to_owned(),
        Some(file) => text_file::read(Path::new(file))?,
    };
    serde_json::from_str(&text).map_err(|e| Failure::usage(format!("--input takes a JSON object: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, input: Value) -> Result<(), Failure> {
        let table = table();
        let op = table.iter().find(|op| op.info().id == id).unwrap();
        check_fields(op.info(), input.as_object().unwrap())
    }

    #[test]
    fn fields_that_an_operation_does_not_have_are_refused() {
        for (id, input) in [
            ("intents.bulk_cancel", json!({ "dry_run": false, "owner_agent": "agent://a" })),
            ("intents.resume", json!({ "intent_id": "i", "body": { "anything": 1 } })),
            ("me.get", json!({})),
        ] {
            check(id, input).unwrap();
        }
        let wrapped = check("intents.bulk_cancel", json!({ "body": { "dry_run": false } })).unwrap_err();
        assert!(wrapped.code == 2 && wrapped.message.contains("has no field \"body\"; it takes "), "{wrapped:?}");
        assert!(wrapped.message.contains("dry_run"), "{wrapped:?}");
        assert!(
            check("me.get", json!({ "x": 1 }))
                .unwrap_err()
                .message
                .ends_with("has no field \"x\"; it takes owner_agent")
        );
    }
}
