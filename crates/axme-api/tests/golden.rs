//! The generated documents in `spec/` and `docs/` as they were last looked at. `UPDATE=1` writes them anew.

use std::path::Path;

/// Compares a document with its committed text, or writes it.
fn compare(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    if std::env::var("UPDATE").is_ok_and(|update| update == "1") {
        std::fs::write(&file, text).expect("the document can be written");
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = known.lines().zip(text.lines()).position(|(a, b)| a != b);
    let line = differs.unwrap_or_else(|| known.lines().count().min(text.lines().count())) + 1;
    assert!(known == text, "{name} differs from line {line} on: look at it, then run with UPDATE=1");
}

#[test]
fn the_description_is_the_one_that_was_looked_at() {
    let examples = axme_api::examples::read().unwrap();
    compare("spec/openapi.json", &format!("{:#}\n", axme_api::generate::document(&examples)));
}

#[test]
fn the_errors_are_documented_as_the_registry_has_them() {
    compare("docs/errors.md", &axme_api::errors_page::errors_page());
}

#[test]
fn the_tools_for_hosts_are_the_ones_that_were_looked_at() {
    let tools: Vec<_> = axme_api::mcp::tools::host_tools().iter().map(axme_api::mcp::tools::described).collect();
    compare("spec/mcp-tools.json", &format!("{:#}\n", serde_json::Value::from(tools)));
}
