//! `axme api`: every operation of the table, by its id.

use axme_client::Object;
use axme_client::api::{Effect, OpInfo, table};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::screen::{line, table as columns};
use crate::session::{Flags, Session};

/// Call any operation by its id
///
/// The input is one flat JSON object with the fields of the path, the query and the body. Operations that take their body as
/// it is (intents.resume, scenarios.apply) have it in the field "body".
#[derive(Debug, Args)]
#[command(after_help = "Example: axme api intents.get --input '{\"intent_id\": \"0197…\"}'\n         axme api --list")]
pub struct Api {
    /// As in intents.get
    #[arg(value_name = "OPERATION", required_unless_present = "list")]
    operation: Option<String>,
    /// The input: JSON, @FILE, or @- for stdin
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// However often the call is made under this key, it happens once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// List the operations
    #[arg(long)]
    list: bool,
}

impl Api {
    pub async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let Some(id) = self.operation.as_ref().filter(|_| !self.list) else { return list(flags) };
        let Some(op) = table().into_iter().find(|op| op.info().id == id) else {
            return Err(Failure::usage(format!("there is no operation \"{id}\"; see `axme api --list`")));
        };
        let input = read(&self.input)?;
        let session = Session::open(flags).await?;
        session.show(op.info(), &input, self.idempotency_key.as_deref()).await
    }
}

fn list(flags: &Flags) -> Result<(), Failure> {
    let table = table();
    let infos = table.iter().map(|op| op.info());
    if flags.json {
        let described = infos.map(|info| {
            json!({ "id": info.id, "method": info.method.as_str(), "path": info.path, "effect": effect(info), "about": info.about })
        });
        return flags.form().value(&described.collect());
    }
    let rows = infos.map(|info| {
        vec![info.id.to_owned(), info.method.as_str().to_owned(), info.path.to_owned(), info.about.to_owned()]
    });
    columns(&["OPERATION", "METHOD", "PATH", "ABOUT"], &rows.collect::<Vec<Vec<String>>>()).iter().try_for_each(line)
}

fn effect(info: &OpInfo) -> &'static str {
    match info.effect {
        Effect::Read => "read",
        Effect::Write => "write",
    }
}

fn read(input: &str) -> Result<Value, Failure> {
    let text = match input.strip_prefix('@') {
        None => Ok(input.to_owned()),
        Some("-") => std::io::read_to_string(std::io::stdin()),
        Some(file) => std::fs::read_to_string(file),
    };
    let text = text.map_err(|e| Failure::new(format!("cannot read {}: {e}", &input[1..])))?;
    let object: Object =
        serde_json::from_str(&text).map_err(|e| Failure::usage(format!("--input takes a JSON object: {e}")))?;
    Ok(Value::Object(object))
}
