//! The examples in `spec/examples`: for each operation one call that the tests of the server recorded.
//!
//! Only the chores and the tests read them, from the source tree. `spec/openapi.json` has them inside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::op::OpInfo;

/// A recorded call.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The HTTP method.
    pub method: String,
    /// The path, percent-encoded.
    pub path: String,
    /// The parameters of the query, with values of their documented types.
    pub query: Map<String, Value>,
    /// The body; `None` if the request has none.
    pub body: Option<Value>,
    /// The answer. Its lists are cut.
    pub answer: Value,
}

/// Returns the folder of the examples.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/examples")
}

/// Reads all examples, by the id of the operation. Fails if the folder or a file cannot be read, or has another form.
pub fn read() -> Result<BTreeMap<String, Example>, String> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut examples = BTreeMap::new();
    for entry in entries {
        let file = entry.map_err(|error| error.to_string())?.path();
        let fault = |fault: &dyn std::fmt::Display| format!("{}: {fault}", file.display());
        let text = std::fs::read_to_string(&file).map_err(|error| fault(&error))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| fault(&error))?;
        let example = Example::of(&value).ok_or_else(|| fault(&"not an example"))?;
        let id = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        examples.insert(id, example);
    }
    Ok(examples)
}

impl Example {
    fn of(value: &Value) -> Option<Example> {
        let request = value.get("request")?;
        let text = |name: &str| Some(request.get(name)?.as_str()?.to_owned());
        Some(Example {
            method: text("method")?,
            path: text("path")?,
            query: request.get("query").and_then(Value::as_object).cloned().unwrap_or_default(),
            body: request.get("body").cloned(),
            answer: value.get("answer")?.clone(),
        })
    }

    /// Returns the fields in the path of the example, percent-decoded; `None` if the path is not that of the operation.
    pub fn path_fields(&self, info: &OpInfo) -> Option<Vec<(&'static str, String)>> {
        info.path_values(&self.path)?.into_iter().map(|(name, value)| Some((name, decoded(value)?))).collect()
    }
}

/// Decodes the escapes of a path. Returns `None` if the result is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
