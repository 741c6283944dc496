//! The schema of an intent type: shown, set and switched off.

use axme_api::schemas::{self as api, GetSchema, SchemaView};
use axme_core::error::Result;
use axme_intent::Time;

use super::filter::query;
use super::form::{Form, FormField, Kind};
use super::frame::{Section, short};
use super::same::Same;
use super::table::{Cell, Field, Table, TablePage, draw_with};
use super::visit::{Answer, Guest};

/// The schema that the form of a type without one begins with.
const FIRST: &str = "{\n  \"type\": \"object\",\n  \"required\": [],\n  \"properties\": {}\n}";

pub(super) async fn page(guest: Guest) -> Result<Answer> {
    let now = guest.app.system.clock.now();
    let (semantic_type, owner) = (guest.asked("semantic_type"), guest.asked("owner_agent"));
    let input = GetSchema {
        semantic_type: semantic_type.clone(),
        owner_agent: Some(owner.clone()).filter(|owner| !owner.is_empty()),
    };
    let found = match semantic_type.is_empty() {
        true => None,
        false => match guest.call(&api::GET, &input).await.map_err(|error| error.into_api()) {
            Ok(answer) => Some(answer.schema),
            Err(error) if error.kind() == axme_api::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        },
    };
    let field = |label, name, value: &str| Field { label, name, value: value.to_owned(), choices: Vec::new() };
    let page = TablePage {
        section: Section::Schemas,
        title: "Payload schemas".to_owned(),
        path: "/app/schemas",
        fields: vec![
            field("Intent type", "semantic_type", &semantic_type),
            field("Only for the receiver", "owner_agent", &owner),
        ],
        tables: vec![Table {
            title: "",
            about: "A schema says which payloads the intents of a type may have.".to_owned(),
            columns: vec!["Fact", "Value"],
            rows: found.iter().flat_map(|schema| facts(schema, now)).collect(),
            empty: if semantic_type.is_empty() {
                "Name the type of the intents."
            } else {
                "This type has no schema: every payload is accepted."
            },
        }],
        next: String::new(),
        links: Vec::new(),
        same: Same::of(&guest.app.site.base_url, &api::GET, &input),
    };
    let forms = if semantic_type.is_empty() { Vec::new() } else { vec![set(&input, found.as_ref())] };
    let back = query([("semantic_type", semantic_type.as_str()), ("owner_agent", owner.as_str())].into_iter());
    draw_with(&guest, page, forms, &back)
}

fn facts(schema: &SchemaView, now: Time) -> Vec<Vec<Cell>> {
    let row = |name: &str, cell: Cell| vec![Cell::text(name), cell];
    let owner = schema.owner_agent.as_deref().map_or("all intents of the workspace".to_owned(), short);
    let active = if schema.active { Cell::badge("checked", "good") } else { Cell::badge("off", "plain") };
    vec![
        row("Applies to", Cell::text(owner)),
        row("Mode", Cell::text(schema.compatibility_mode.to_string())),
        row("State", active),
        row("Changed", Cell::time(now, Some(schema.updated_at.into()))),
        row("SHA-256", Cell::Code(schema.schema_hash.clone())),
    ]
}

fn set(input: &GetSchema, known: Option<&SchemaView>) -> Form {
    let modes = [
        ("strict", "strict: refuse any difference"),
        ("backward", "backward: accept unknown fields"),
        ("warn", "warn: accept, and tell the sender"),
    ];
    let active = [("true", "yes"), ("false", "no")];
    let text = known.and_then(|schema| serde_json::to_string_pretty(schema.schema_json.as_ref()?).ok());
    let mode = known.map_or("strict".to_owned(), |schema| schema.compatibility_mode.to_string());
    let is_active = known.is_none_or(|schema| schema.active);
    let schema = FormField { kind: Kind::Area, ..FormField::text("JSON Schema", "schema_json:json") };
    let form =
        Form::new(api::UPSERT.info.id, if known.is_some() { "Change the schema" } else { "Set a schema" }, "Set…")
            .hidden("semantic_type", input.semantic_type.as_str())
            .hidden("what", format!("The schema of {}", input.semantic_type));
    let form = match &input.owner_agent {
        Some(owner) => form.hidden("owner_agent", owner.as_str()),
        None => form,
    };
    form.field(schema.with(text.unwrap_or_else(|| FIRST.to_owned())).required())
        .field(FormField::choice("Mode", "compatibility_mode", &modes, &mode))
        .field(FormField::choice("Check payloads", "active:flag", &active, if is_active { "true" } else { "false" }))
}
