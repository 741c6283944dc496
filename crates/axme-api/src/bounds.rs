//! The greatest values of the numbers in answers. No answer has an integer above [`MAX_INTEGER`], so that the schema of
//! each one has that maximum, unless its type names a smaller one. Inputs are not touched: their types name what the
//! server enforces.

use std::collections::BTreeSet;

use axme_types::limits::MAX_INTEGER;
use serde_json::{Map, Value};

/// Gives each integer inside a schema a maximum, unless it has one.
pub(crate) fn bound_integers(schema: &mut Value) {
    match schema {
        Value::Object(words) => {
            if words.get("type").is_some_and(is_integer) && !words.contains_key("maximum") {
                let is_small = words.get("format").is_some_and(|format| format == "uint32");
                let most = if is_small { u64::from(u32::MAX) } else { MAX_INTEGER };
                words.insert("maximum".to_owned(), most.into());
            }
            words.values_mut().for_each(bound_integers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_integers),
        _ => {}
    }
}

/// Bounds the types that only answers have.
pub(crate) fn bound_answers(paths: &Map<String, Value>, types: &mut Map<String, Value>) {
    let (mut sent, mut answered) = (BTreeSet::new(), BTreeSet::new());
    let operations = paths.values().filter_map(Value::as_object).flat_map(|methods| methods.values());
    for (part, described) in operations.filter_map(Value::as_object).flatten() {
        collect_types(described, types, if part == "responses" { &mut answered } else { &mut sent });
    }
    for name in answered.difference(&sent) {
        types.get_mut(name).into_iter().for_each(bound_integers);
    }
}

/// Collects the names of the types to which a value refers, and those to which these refer.
fn collect_types(value: &Value, types: &Map<String, Value>, names: &mut BTreeSet<String>) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(words) => {
                let target = words.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
                let target = target.and_then(|name| Some((name, types.get(name)?)));
                if let Some((name, schema)) = target
                    && names.insert(name.to_owned())
                {
                    open.push(schema);
                }
                open.extend(words.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
}

fn is_integer(types: &Value) -> bool {
    types == "integer" || types.as_array().is_some_and(|types| types.iter().any(|name| name == "integer"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::bound_answers;

    #[test]
    fn numbers_of_answers_alone_get_a_maximum() {
        let number = || json!({ "properties": { "n": { "type": ["integer", "null"] } } });
        let types = json!({ "Sent": number(), "Both": number(), "Answer": number() });
        let to = |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
        let paths = json!({ "/a": { "post": {
            "requestBody": [to("Sent"), to("Both")], "responses": { "200": [to("Both"), to("Answer")] },
        } } });
        let fields = |value: Value| -> Map<String, Value> { value.as_object().cloned().unwrap_or_default() };
        let (paths, mut types) = (fields(paths), fields(types));
        bound_answers(&paths, &mut types);
        let bounded = types.iter().filter(|(_, schema)| schema["properties"]["n"]["maximum"] == 1_u64 << 53);
        assert_eq!(bounded.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["Answer"]);
    }
}
