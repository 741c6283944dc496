//! `axme api`: calls any operation of the table by its id.

use axme_client::Object;
use axme_client::api::openapi::{inlined, input_fields};
use axme_client::api::{Effect, OpInfo, table};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{line, print_table};
use crate::session::Session;
use crate::text_file;

/// Call any operation by its id
///
/// The input is one flat JSON object with the fields of the path, the query and the body. Operations that accept any
/// body (intents.resume, scenarios.apply) take it in the field "body".
#[derive(Debug, Args)]
#[command(
    disable_help_flag = true,
    after_help = "Example: axme api intents.get --input '{\"intent_id\": \"0197…\"}'\n         axme api --list"
)]
pub(crate) struct Api {
    /// Id of the operation, such as intents.get
    #[arg(value_name = "OPERATION", required_unless_present_any = ["list", "help"])]
    operation: Option<String>,
    /// Input of the operation: JSON, @FILE, or @- for stdin
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// Key that makes retries safe: the server executes the call once per key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Show this help; with an operation, its fields
    #[arg(short, long)]
    help: bool,
    /// List the operations instead of calling one
    #[arg(long)]
    list: bool,
}

impl Api {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Some(id) = self.operation.as_ref().filter(|_| !self.list) else {
            return if self.help { help() } else { list(flags) };
        };
        let Some(op) = table().into_iter().find(|op| op.info().id == id) else {
            return Err(Failure::usage(format!("there is no operation \"{id}\"; see `axme api --list`")));
        };
        if self.help {
            return describe(op.info(), flags);
        }
        let input = text_file::json_argument("--input", &self.input)?;
        check_fields(op.info(), &input)?;
        let session = Session::open(flags).await?;
        session.show(op.info(), &Value::Object(input), self.idempotency_key.as_deref()).await
    }
}

fn list(flags: &Flags) -> Result<(), Failure> {
    let table = table();
    let infos = table.iter().map(|op| op.info());
    if flags.format().is_json() {
        let described = infos.map(|info| {
            json!({ "id": info.id, "method": info.method.as_str(), "path": info.path, "effect": effect(info), "about": info.about })
        });
        return flags.format().print_json(&described.collect::<Vec<Value>>());
    }
    let rows = infos.map(|info| {
        vec![info.id.to_owned(), info.method.as_str().to_owned(), info.path.to_owned(), info.about.to_owned()]
    });
    print_table(&["OPERATION", "METHOD", "PATH", "ABOUT"], rows)
}

/// Prints the help of the command itself.
fn help() -> Result<(), Failure> {
    let mut definition = super::definition();
    definition.build();
    let own = definition.find_subcommand_mut("api").expect("this is one of the commands");
    Ok(own.print_long_help()?)
}

/// Says what an operation does and which fields it takes.
fn describe(info: &OpInfo, flags: &Flags) -> Result<(), Failure> {
    let fields = input_fields(info);
    if flags.format().is_json() {
        let fields: Vec<Value> = fields
            .iter()
            .map(|field| json!({ "name": field.name, "required": field.is_required, "schema": inlined(field.schema) }))
            .collect();
        return flags.format().print_json(&json!({
            "id": info.id, "method": info.method.as_str(), "path": info.path, "effect": effect(info),
            "about": info.about, "fields": fields,
        }));
    }
    line(format!("{}: {} {}\n\n{}\n", info.id, info.method.as_str(), info.path, info.about))?;
    if fields.is_empty() {
        return line("It takes no fields.");
    }
    let rows = fields.iter().map(|field| {
        let schema = inlined(field.schema);
        let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        vec![field.name.to_owned(), kind(&schema), if field.is_required { "yes" } else { "" }.to_owned(), about]
    });
    print_table(&["FIELD", "TYPE", "REQUIRED", "ABOUT"], rows)
}

/// Returns the type of a value in a few words.
fn kind(schema: &Value) -> String {
    let one = |word: &Value| word.as_str().map(str::to_owned);
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().filter_map(one).collect::<Vec<String>>().join("|");
    }
    match &schema["type"] {
        Value::String(word) => word.clone(),
        Value::Array(words) => {
            words.iter().filter_map(one).filter(|word| word != "null").collect::<Vec<String>>().join("|")
        }
        _ => "any".to_owned(),
    }
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
        assert!(
            wrapped.ending == crate::exit::Ending::Usage
                && wrapped.message.contains("has no field \"body\"; it takes "),
            "{wrapped:?}"
        );
        assert!(wrapped.message.contains("dry_run"), "{wrapped:?}");
        assert!(
            check("me.get", json!({ "x": 1 }))
                .unwrap_err()
                .message
                .ends_with("has no field \"x\"; it takes owner_agent")
        );
    }
}
