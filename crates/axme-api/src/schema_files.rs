//! The input and the answer of each operation as JSON Schemas (draft 2020-12) that stand alone, for programs in any language.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::bounds;

/// Names of files, as in `users.check_nick.input.json`, and what is in them; by operation, in the order of the table.
pub fn schema_files() -> Vec<(String, Value)> {
    let mut files = Vec::new();
    for op in crate::table() {
        let info = op.info();
        let input = alone(|generator| op.input_schema(generator));
        let mut answer = alone(|generator| op.output_schema(generator));
        answer.values_mut().for_each(bounds::bound_integers);
        for (kind, schema) in [("input", input), ("answer", answer)] {
            let mut file = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": format!("{} {kind}", info.id),
                "description": info.about,
            });
            for (name, value) in schema {
                file[name] = value;
            }
            files.push((format!("{}.{kind}.json", info.id), file));
        }
    }
    files
}

/// The schema with everything that it refers to.
fn alone(schema: impl FnOnce(&mut SchemaGenerator) -> schemars::Schema) -> Map<String, Value> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut whole = match schema(&mut generator).to_value() {
        Value::Object(whole) => whole,
        other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
    };
    let mut definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        definitions.sort_keys();
        whole.insert("$defs".to_owned(), Value::Object(definitions));
    }
    whole
}
