//! The shape of a form for the values that are filled in. It has the properties and required fields of the schema, and those
//! of the branches that apply (`allOf`, `if`, `dependentRequired`, `dependentSchemas`).
//!
//! It decides what a page shows. It does not check an answer: the schema itself does.

use serde_json::{Value, json};

use super::{compile, resolve};
use crate::Object;

/// The deepest nesting of branches and references that is followed.
const MAX_DEPTH: usize = 8;

/// Returns the shape of an object's schema for `data`: an object with `properties` and `required`.
pub fn effective(schema: &Value, root: &Value, data: &Object) -> Value {
    let mut shape = Shape { root, data, properties: Object::new(), required: Vec::new() };
    shape.merge(schema, 0);
    json!({ "properties": shape.properties, "required": shape.required })
}

/// Returns a property with its reference followed, and without a `null` that only makes it optional.
pub fn resolved(property: &Value, root: &Value) -> Value {
    let mut property = property.clone();
    for _ in 0..MAX_DEPTH {
        let part = match (property["$ref"].as_str().and_then(|target| resolve(root, target)), nullable(&property)) {
            (Some(target), _) => target.clone(),
            (None, Some(part)) => part,
            (None, None) => break,
        };
        let Value::Object(mut fields) = property else { break };
        fields.retain(|key, _| !matches!(key.as_str(), "$ref" | "anyOf" | "oneOf"));
        for (key, value) in part.as_object().into_iter().flatten() {
            fields.entry(key.clone()).or_insert_with(|| value.clone());
        }
        property = Value::Object(fields);
    }
    property
}

/// Returns the other member of a choice between one schema and `null`.
fn nullable(property: &Value) -> Option<Value> {
    let members = property.get("anyOf").or_else(|| property.get("oneOf")).and_then(Value::as_array)?;
    let is_null = |member: &&Value| member["type"] == "null";
    let mut others = members.iter().filter(|member| !is_null(member));
    match (others.next(), others.next()) {
        (Some(only), None) if members.len() == 2 => Some(only.clone()),
        _ => None,
    }
}

struct Shape<'a> {
    root: &'a Value,
    data: &'a Object,
    properties: Object,
    required: Vec<String>,
}

impl Shape<'_> {
    fn merge(&mut self, part: &Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if let Some(target) = part["$ref"].as_str().and_then(|target| resolve(self.root, target)) {
            self.merge(target, depth + 1);
        }
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            match (self.properties.get_mut(name), property) {
                (Some(Value::Object(known)), Value::Object(more)) => {
                    for (key, value) in more {
                        known.entry(key.clone()).or_insert_with(|| value.clone());
                    }
                }
                (Some(_), _) => {}
                (None, property) => {
                    self.properties.insert(name.clone(), property.clone());
                }
            }
        }
        self.require(&part["required"]);
        for member in part["allOf"].as_array().into_iter().flatten() {
            self.merge(member, depth + 1);
        }
        if let Some(condition) = part.get("if") {
            let branch = if self.holds(condition) { "then" } else { "else" };
            self.merge(&part[branch], depth + 1);
        }
        for (name, others) in part["dependentRequired"].as_object().into_iter().flatten() {
            if self.data.contains_key(name) {
                self.require(others);
            }
        }
        for (name, schema) in part["dependentSchemas"].as_object().into_iter().flatten() {
            if self.data.contains_key(name) {
                self.merge(schema, depth + 1);
            }
        }
    }

    fn require(&mut self, names: &Value) {
        for name in names.as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !self.required.iter().any(|known| known == name) {
                self.required.push(name.to_owned());
            }
        }
    }

    /// True if the data meets a condition. A condition may refer to the definitions of the whole schema.
    fn holds(&self, condition: &Value) -> bool {
        let mut schema = json!({ "allOf": [condition] });
        for key in ["$defs", "definitions"] {
            if let Some(known) = self.root.get(key) {
                schema[key] = known.clone();
            }
        }
        compile(&schema).is_ok_and(|validator| validator.is_valid(&Value::Object(self.data.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(schema: &Value, data: Value) -> (Vec<String>, Value) {
        let shape = effective(schema, schema, data.as_object().unwrap());
        (shape["properties"].as_object().unwrap().keys().cloned().collect(), shape["required"].clone())
    }

    #[test]
    fn a_branch_applies_where_its_condition_holds() {
        let schema = json!({
            "properties": { "pay_by": { "enum": ["card", "transfer"] } }, "required": ["pay_by"],
            "if": { "properties": { "pay_by": { "const": "transfer" } } },
            "then": { "properties": { "iban": { "type": "string" } }, "required": ["iban"] },
            "else": { "properties": { "card": { "type": "string" } } },
            "allOf": [{ "if": { "required": ["iban"] }, "then": { "properties": { "bic": {} } } }],
            "dependentRequired": { "iban": ["owner"] },
        });
        assert_eq!(
            names(&schema, json!({ "pay_by": "transfer" })),
            (vec!["pay_by".into(), "iban".into()], json!(["pay_by", "iban"]))
        );
        let both = names(&schema, json!({ "pay_by": "transfer", "iban": "x" }));
        assert_eq!(both, (vec!["pay_by".into(), "bic".into(), "iban".into()], json!(["pay_by", "iban", "owner"])));
        assert_eq!(names(&schema, json!({ "pay_by": "card" })).0, ["pay_by", "card"]);
    }

    #[test]
    fn references_are_followed_and_an_optional_null_is_left_out() {
        let root = json!({ "$defs": { "name": { "type": "string", "title": "Name" } } });
        let property = json!({ "anyOf": [{ "$ref": "#/$defs/name" }, { "type": "null" }], "description": "d" });
        assert_eq!(resolved(&property, &root), json!({ "description": "d", "type": "string", "title": "Name" }));
    }

    #[test]
    fn only_a_choice_between_one_schema_and_null_makes_a_field_optional() {
        let text = json!({ "type": "string" });
        let nothing = json!({ "type": "null" });
        assert_eq!(nullable(&json!({ "anyOf": [text, nothing] })), Some(text.clone()));
        for members in [json!([text]), json!([text, text]), json!([nothing, nothing]), json!([text, nothing, nothing])]
        {
            assert_eq!(nullable(&json!({ "oneOf": members })), None, "{members}");
        }
    }

    #[test]
    fn branches_are_followed_to_the_deepest_level_and_no_further() {
        let deep = |wrap: fn(Value) -> Value, levels: usize| {
            let schema = (0..levels).fold(json!({ "properties": { "deep": {} } }), |schema, _| wrap(schema));
            names(&schema, json!({ "set": 1 })).0
        };
        let wraps: [fn(Value) -> Value; 3] = [
            |schema| json!({ "allOf": [schema] }),
            |schema| json!({ "if": {}, "then": schema }),
            |schema| json!({ "dependentSchemas": { "set": schema } }),
        ];
        for wrap in wraps {
            assert_eq!(deep(wrap, MAX_DEPTH), ["deep"]);
            assert!(deep(wrap, MAX_DEPTH + 1).is_empty());
        }
        // The check of a schema refuses references in a circle; this does not rely on it.
        for schema in [
            json!({ "$ref": "#", "properties": { "a": {} } }),
            json!({ "allOf": [{ "$ref": "#" }], "properties": { "a": {} } }),
            json!({ "dependentSchemas": { "set": { "$ref": "#" } }, "properties": { "a": {} } }),
        ] {
            assert_eq!(names(&schema, json!({ "set": 1 })).0, ["a"]);
        }
    }
}
