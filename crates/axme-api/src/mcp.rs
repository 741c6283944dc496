//! The operations of the table as tools of the Model Context Protocol (`spec/protocol.md` §7).
//!
//! This file has the tools of the AXME SDKs, which speak a dialect of their own. [`tools`] has those of other hosts.

mod official;
mod plain;
pub mod selection;
pub mod tools;

pub use official::{Hints, Listing};

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::op::{Access, Input, OpInfo, Route};
use crate::openapi::{Field, inlined, input_fields};

/// The plain routes of this family.
pub const ROUTES: &[Route] = &[ENDPOINT];

/// Answers JSON-RPC 2.0: `initialize`, `ping`, `tools/list`, `tools/call`, `resources/list`, `prompts/list`,
/// notifications, and batches of them.
pub const ENDPOINT: Route = Route::post("mcp.call", "/mcp")
    .about("Call operations as tools of the Model Context Protocol, with JSON-RPC 2.0 over plain JSON.");

/// The prefix of the names of all tools. The id of the operation follows it.
pub const PREFIX: &str = "axme.";

/// The name of the tool that checks whether the name of an agent is free. It is not an operation of the table.
pub const CHECK_NICK: &str = "axme.check_nick";

/// A tool of the Model Context Protocol.
pub struct Tool {
    /// The name of the tool: [`PREFIX`] and the id of its operation.
    pub name: String,
    /// The description of the tool for people and models.
    pub about: &'static str,
    /// The callers who may call the tool. `tools/list` hides it from others.
    pub access: Access,
    /// A JSON Schema of the arguments, which are an object.
    pub input_schema: Value,
}

impl Tool {
    /// Returns true if the operation itself has a field of this name.
    pub fn takes(&self, field: &str) -> bool {
        self.input_schema["properties"][field].get("x-axme").is_none()
            && self.input_schema["properties"].get(field).is_some()
    }
}

/// Returns all tools, `axme.check_nick` first. Public operations are not tools.
pub fn tools() -> &'static [Tool] {
    static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
        let nick = Tool {
            name: CHECK_NICK.to_owned(),
            about: "Check whether the name of an agent is free in this workspace.",
            access: Access::Key,
            input_schema: json!({
                "type": "object", "required": ["nick"], "properties": { "nick": { "type": "string", "description": "The name of an agent." } },
            }),
        };
        // A caller of tools has signed in, and so needs no public operation.
        let table = crate::table().into_iter().map(|op| op.info()).filter(|info| info.access != Access::Public);
        std::iter::once(nick).chain(table.map(tool)).collect()
    });
    &TOOLS
}

fn tool(info: &OpInfo) -> Tool {
    let fields = match info.input {
        Input::Flat => input_fields(info),
        // All arguments together are the body.
        Input::RawBody => Vec::new(),
    };
    let required: Vec<&str> = fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    let mut properties: Map<String, Value> =
        fields.iter().map(|Field { name, schema, .. }| ((*name).to_owned(), inlined(schema))).collect();
    // These may accompany any call and are not part of its input.
    for (name, about) in [
        ("owner_agent", "The address that the caller acts for; its own by default."),
        ("idempotency_key", "A repeated call with the same key gets the first answer."),
    ] {
        properties.entry(name).or_insert_with(|| json!({ "type": "string", "description": about, "x-axme": true }));
    }
    Tool {
        name: format!("{PREFIX}{}", info.id),
        about: info.about,
        access: info.access,
        input_schema: json!({ "type": "object", "required": required, "properties": properties }),
    }
}
