//! The documents in `spec/` as they were last looked at. `UPDATE=1` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[test]
fn the_description_is_the_one_that_was_looked_at() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/openapi.json");
    let text = format!("{:#}\n", axme_api::generate::document());
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        std::fs::write(&file, &text).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = known.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| known.lines().count().min(text.lines().count())) + 1;
    assert!(known == text, "spec/openapi.json differs from line {line} on: look at it, then run with UPDATE=1");
}

/// One JSON Schema per operation, for programs that check what they send and receive.
#[test]
fn the_schemas_of_operations_are_those_that_were_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/schemas");
    let files = axme_api::schema_files::schema_files();
    for (name, schema) in &files {
        // Valid, and in need of nothing outside.
        jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let fresh: BTreeMap<String, String> =
        files.into_iter().map(|(name, schema)| (name, format!("{schema:#}\n"))).collect();
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &fresh {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    let entries = std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap());
    let known: BTreeMap<String, String> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()))
        .collect();
    let names: BTreeSet<&String> = known.keys().chain(fresh.keys()).collect();
    let stale: Vec<&String> = names.into_iter().filter(|name| known.get(*name) != fresh.get(*name)).collect();
    assert!(stale.is_empty(), "in spec/schemas: look at {stale:?}, then run with UPDATE=1");
}
