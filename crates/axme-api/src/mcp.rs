//! The table as tools of the Model Context Protocol, plain JSON (`spec/protocol.md` §7).

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::op::{Access, Input, OpInfo, Route};
use crate::openapi::{Field, inlined, input_fields};

pub const ROUTES: &[Route] = &[ENDPOINT];

/// JSON-RPC 2.0: initialize, ping, tools/list, tools/call, resources/list, prompts/list, notifications, and batches of them.
pub const ENDPOINT: Route = Route::post("/mcp")
    .about("The operations as tools of the Model Context Protocol, as JSON-RPC 2.0 over plain JSON.");

/// What the names of all tools begin with; the id of the operation follows.
pub const PREFIX: &str = "axme.";

/// Asks whether a name is free; no operation of its own.
pub const CHECK_NICK: &str = "axme.check_nick";

pub struct Tool {
    pub name: String,
    pub about: &'static str,
    pub access: Access,
    /// A JSON schema of an object.
    pub input_schema: Value,
}

impl Tool {
    /// True when the operation itself has a field of this name.
    pub fn takes(&self, field: &str) -> bool {
        self.input_schema["properties"][field].get("x-axme").is_none()
            && self.input_schema["properties"].get(field).is_some()
    }
}

/// All tools, `axme.check_nick` first.
pub fn tools() -> &'static [Tool] {
    static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
        let nick = Tool {
            name: CHECK_NICK.to_owned(),
            about: "Ask whether a name is free in this workspace.",
            access: Access::Key,
            input_schema: json!({
                "type": "object", "required": ["nick"], "properties": { "nick": { "type": "string" } },
            }),
        };
        // Whoever calls tools has signed in.
        let table = crate::table().into_iter().map(|op| op.info()).filter(|info| info.access != Access::Public);
        std::iter::once(nick).chain(table.map(tool)).collect()
    });
    &TOOLS
}

fn tool(info: &OpInfo) -> Tool {
    let fields = match info.input {
        Input::Flat => input_fields(info),
        // The whole of the arguments is the body.
        Input::RawBody => Vec::new(),
    };
    let required: Vec<&str> = fields.iter().filter(|field| field.is_required).map(|field| field.name).collect();
    let mut properties: Map<String, Value> =
        fields.iter().map(|Field { name, schema, .. }| ((*name).to_owned(), inlined(schema))).collect();
    // What may come with any call, and is not part of it.
    for (name, about) in [
        ("owner_agent", "Whose work it is; the caller's own unless given."),
        ("idempotency_key", "The same key again gets the first answer again."),
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
