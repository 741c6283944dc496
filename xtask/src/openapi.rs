//! `cargo xtask openapi`: writes the table of operations as the committed OpenAPI document.

use std::path::Path;

use anyhow::Context;

pub(crate) fn write() -> anyhow::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/openapi.json");
    let examples = axme_api::examples::read().map_err(anyhow::Error::msg)?;
    let text = format!("{:#}\n", axme_api::generate::document(&examples));
    std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    println!("wrote spec/openapi.json");
    Ok(())
}
