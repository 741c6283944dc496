//! The tools for hosts of the Model Context Protocol, each described once for all callers (`spec/protocol.md` §7.4).
//!
//! The tools of [`official`](super::official) come first. Every other operation of the table is a tool under its id, with
//! `_` for `.`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::official::{Argument, Does, ENTRIES, Entry, Hints, Listing};
use super::plain;
use crate::Scope;
use crate::op::{Access, Effect, Input, Method, OpInfo};
use crate::openapi::{document, input_fields};

/// A tool for hosts.
pub struct HostTool {
    /// The name: lower-case words with `_` between them.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// The description for a model.
    pub about: String,
    /// The group that `tools=` names.
    pub toolset: &'static str,
    /// The lists that show the tool.
    pub listing: Listing,
    /// The callers who may call the tool.
    pub access: Access,
    /// The work that the server does for it.
    pub work: Work,
    /// The effects that a host may rely on.
    pub hints: Hints,
    /// True if the tool records the decision of a person.
    pub decides: bool,
    /// True if a call can become a task that the host follows for days.
    pub can_be_task: bool,
    /// The schema of the arguments.
    pub input_schema: Value,
    /// The schema of the structured result.
    pub output_schema: Value,
}

impl HostTool {
    /// The right that a client needs to call the tool in the name of a person.
    pub fn scope(&self) -> Scope {
        match (self.decides, self.hints.reads, self.access) {
            (true, ..) => Scope::TasksDecide,
            (_, true, _) => Scope::Read,
            (_, _, Access::Admin) => Scope::Admin,
            _ => Scope::Write,
        }
    }
}

/// The work that the server does for a tool.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// It calls one operation with fixed fields.
    Operation(&'static OpInfo, &'static [(&'static str, &'static str)]),
    /// It calls one operation whose whole body is the argument of this name.
    Body(&'static OpInfo, &'static str),
    /// It makes several calls.
    Composed,
}

/// Operations under another name, because the official server uses the name for something else.
const RENAMED: [(&str, &str); 1] = [("intents.resume", "intents_answer")];

/// Families of operations whose input or answer holds secrets.
const SECRET_FAMILIES: [&str; 1] = ["auth"];

/// The tools whose calls can become tasks.
const TASKS: [&str; 3] = ["intents_send", "scenarios_apply", "tasks_create"];

/// The operations that record decisions of people.
const DECISIONS: [&str; 3] = ["approvals.decide", "inbox.approve", "inbox.reject"];

/// The fields that default to the caller's own organization and workspace.
pub const PLACEMENT: [&str; 2] = ["org_id", "workspace_id"];

/// Returns the tools, the official ones first.
pub fn host_tools() -> &'static [HostTool] {
    static TOOLS: LazyLock<Vec<HostTool>> = LazyLock::new(|| {
        let table: Vec<&'static OpInfo> = crate::table().into_iter().map(|op| op.info()).collect();
        let official = ENTRIES.iter().map(|entry| of_entry(entry, &table)).collect::<Vec<_>>();
        let known: BTreeSet<String> = official.iter().map(|tool| tool.name.clone()).collect();
        let rest = table.iter().filter(|info| info.access != Access::Public).map(|info| of_operation(info));
        official.into_iter().chain(rest.filter(|tool| !known.contains(&tool.name))).collect()
    });
    &TOOLS
}

/// Finds a tool by its name. Accepts the official spellings too: `axme.` before the name, and `.` for `_`.
pub fn find_host_tool(name: &str) -> Option<&'static HostTool> {
    let plain = name.strip_prefix(super::PREFIX).unwrap_or(name).replace('.', "_");
    host_tools().iter().find(|tool| tool.name == plain)
}

/// Returns the names of all toolsets, sorted.
pub fn toolsets() -> Vec<&'static str> {
    host_tools().iter().map(|tool| tool.toolset).collect::<BTreeSet<_>>().into_iter().collect()
}

fn of_entry(entry: &Entry, table: &[&'static OpInfo]) -> HostTool {
    let find = |id: &str| *table.iter().find(|info| info.id == id).expect("a tool names an operation of the table");
    let (work, access, hints, input_schema, data) = match entry.does {
        Does::Operation { id, fixed } => {
            let info = find(id);
            (Work::Operation(info, fixed), info.access, hints(info), arguments_of(info, fixed), answer_of(info))
        }
        Does::Bundle { id } => {
            let info = find(id);
            let fields = input_fields(info);
            let bundle = fields.iter().find(|field| field.name == "body").expect("the whole body is one field");
            let properties = [("bundle".to_owned(), plain::outline(bundle.schema))].into_iter().collect();
            (Work::Body(info, "bundle"), info.access, hints(info), object(properties, &["bundle"]), answer_of(info))
        }
        Does::Composed { arguments, access, hints } => {
            (Work::Composed, access, hints, declared(arguments), json!({ "type": "object" }))
        }
        Does::Answer { arguments } => {
            (Work::Composed, Access::Key, Hints::CHANGES, declared(arguments), json!({ "type": "object" }))
        }
    };
    HostTool {
        name: entry.name.to_owned(),
        title: entry.title.to_owned(),
        about: entry.about.to_owned(),
        toolset: entry.toolset,
        listing: entry.listing,
        access,
        work,
        hints,
        decides: matches!(entry.does, Does::Answer { .. }),
        can_be_task: TASKS.contains(&entry.name),
        input_schema,
        output_schema: result_schema(data),
    }
}

fn of_operation(info: &'static OpInfo) -> HostTool {
    let family = info.id.split('.').next().unwrap_or_default();
    let is_secret = info.secret || SECRET_FAMILIES.contains(&family);
    let renamed = RENAMED.iter().find(|(id, _)| *id == info.id).map(|(_, name)| (*name).to_owned());
    let (work, input_schema) = match info.input {
        Input::Flat => (Work::Operation(info, &[]), arguments_of(info, &[])),
        Input::RawBody => (Work::Body(info, "body"), arguments_of(info, &[])),
    };
    HostTool {
        name: renamed.unwrap_or_else(|| info.id.replace('.', "_")),
        title: title(info.id),
        about: info.about.to_owned(),
        toolset: family,
        listing: if is_secret { Listing::Secret } else { Listing::Toolset },
        access: info.access,
        work,
        hints: hints(info),
        decides: DECISIONS.contains(&info.id),
        can_be_task: false,
        input_schema,
        output_schema: result_schema(answer_of(info)),
    }
}

/// Returns an id as a title: `mesh.agents.kill` becomes `Mesh agents: kill`.
fn title(id: &str) -> String {
    let (subject, verb) = id.rsplit_once('.').unwrap_or((id, ""));
    let words = format!("{}: {}", subject.replace(['.', '_'], " "), verb.replace('_', " "));
    let mut letters = words.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn hints(info: &OpInfo) -> Hints {
    let words = ["delete", "remove", "revoke", "kill", "exclude", "bulk_cancel", "resolve", "logout", "logout_all"];
    let reads = info.effect == Effect::Read;
    let last = info.id.rsplit('.').next().unwrap_or_default();
    Hints {
        reads,
        destroys: !reads && (info.method == Method::Delete || words.contains(&last)),
        repeats: reads || matches!(info.method, Method::Put | Method::Delete) || words.contains(&last),
        reaches_others: info.submits,
    }
}

fn arguments_of(info: &OpInfo, fixed: &[(&str, &str)]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in input_fields(info) {
        // The server sets these itself.
        let is_noise = matches!(field.name, "owner_agent" | "idempotency_key" | "consumer");
        if fixed.iter().any(|(name, _)| *name == field.name) || (is_noise && !field.is_required) {
            continue;
        }
        let mut schema = plain::argument(field.schema);
        if PLACEMENT.contains(&field.name) {
            schema["description"] = format!("{} By default your own.", text(&schema["description"])).trim().into();
        } else if field.is_required {
            required.push(field.name);
        }
        if schema["description"].is_null() {
            schema["description"] = format!("The {}.", field.name.replace('_', " ")).into();
        }
        properties.insert(field.name.to_owned(), schema);
    }
    object(properties, &required)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn declared(arguments: &[Argument]) -> Value {
    let describe = |argument: &Argument| {
        let mut schema = json!({ "type": argument.kind, "description": argument.about });
        if argument.kind == "array" {
            schema["items"] = json!({ "type": "string" });
        }
        (argument.name.to_owned(), schema)
    };
    let required: Vec<&str> = arguments.iter().filter(|one| one.is_required).map(|one| one.name).collect();
    object(arguments.iter().map(describe).collect(), &required)
}

fn object(properties: Map<String, Value>, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Returns the schema of an operation's answer.
fn answer_of(info: &OpInfo) -> Value {
    let method = info.method.as_str().to_ascii_lowercase();
    let answer = &document()["paths"][info.path.replace("{*", "{")][method]["responses"]["200"];
    plain::result(&answer["content"]["application/json"]["schema"])
}

/// Returns the schema of a structured result: the words of the official server around the answer.
fn result_schema(data: Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "ok": { "type": "boolean", "description": "True unless the call was refused." },
            "tool": { "type": "string", "description": "The name of the tool." },
            "message": { "type": "string", "description": "The result in one sentence." },
            "data": data,
        },
        "required": ["ok", "tool", "message"],
    })
}

/// Returns the description of a tool as hosts read it in `tools/list`.
pub fn described(tool: &HostTool) -> Value {
    json!({
        "name": tool.name,
        "title": tool.title,
        "description": tool.about,
        "inputSchema": tool.input_schema,
        "outputSchema": tool.output_schema,
        "annotations": {
            "title": tool.title,
            "readOnlyHint": tool.hints.reads,
            "destructiveHint": tool.hints.destroys,
            "idempotentHint": tool.hints.repeats,
            "openWorldHint": tool.hints.reaches_others,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keywords that the strictest host accepts.
    const KEYWORDS: [&str; 12] = [
        "type",
        "description",
        "properties",
        "required",
        "items",
        "enum",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
    ];

    /// Returns what a strict host would refuse in a schema.
    fn faults(schema: &Value, place: &str) -> Vec<String> {
        let Some(words) = schema.as_object() else { return vec![format!("{place} is not an object: {schema}")] };
        let mut found: Vec<String> = words
            .keys()
            .filter(|word| !KEYWORDS.contains(&word.as_str()))
            .map(|word| format!("{place} has the keyword {word}"))
            .collect();
        if !schema["type"].is_string() {
            found.push(format!("{place} has not one type: {schema}"));
        }
        let fields = schema["properties"].as_object();
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if fields.is_none_or(|fields| !fields.contains_key(name)) {
                found.push(format!("{place} requires {name} without describing it"));
            }
        }
        let inner = fields.into_iter().flatten().map(|(name, inner)| (format!("{place}.{name}"), inner));
        let items = schema.get("items").map(|items| (format!("{place}[]"), items));
        found.extend(inner.chain(items).flat_map(|(place, inner)| faults(inner, &place)));
        found
    }

    #[test]
    fn the_strictest_host_accepts_every_tool() {
        for tool in host_tools() {
            let name = &tool.name;
            let is_plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            assert!(is_plain && (1..=64).contains(&name.len()), "{name}");
            assert!(!tool.title.is_empty() && tool.about.len() >= 10, "{name}");
            assert_eq!(faults(&tool.input_schema, name), Vec::<String>::new());
            let (info, fixed): (_, &[(&str, &str)]) = match tool.work {
                Work::Operation(info, fixed) => (info, fixed),
                Work::Body(info, _) => (info, &[]),
                Work::Composed => continue,
            };
            let fields = &tool.input_schema["properties"];
            let required = tool.input_schema["required"].as_array().cloned().unwrap_or_default();
            for field in info.path_fields().filter(|field| fixed.iter().all(|(name, _)| name != field)) {
                let is_required = PLACEMENT.contains(&field) || required.iter().any(|name| name == field);
                assert!(fields[field].is_object() && is_required, "{name} does not declare {field}");
            }
        }
    }
}
