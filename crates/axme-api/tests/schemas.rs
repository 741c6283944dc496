//! The JSON Schemas of operations, as `cargo xtask schemas` writes them, are valid and stand alone.

#[test]
fn the_schemas_of_operations_are_valid_and_need_nothing_outside() {
    let files = axme_api::schema_files::schema_files();
    assert_eq!(files.len(), 2 * axme_api::table().len());
    for (name, schema) in &files {
        jsonschema::validator_for(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
