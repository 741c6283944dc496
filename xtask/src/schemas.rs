//! `cargo xtask schemas`: writes the input and the answer of each operation as JSON Schemas, one per file.

use std::path::{Path, PathBuf};

use anyhow::Context;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The folder to write to; spec/schemas by default. Other files in it stay.
    folder: Option<PathBuf>,
}

pub(crate) fn write(options: Options) -> anyhow::Result<()> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/schemas");
    let folder = options.folder.unwrap_or_else(usual);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let files = axme_api::schema_files::schema_files();
    for (name, schema) in &files {
        let file = folder.join(name);
        std::fs::write(&file, format!("{schema:#}\n")).with_context(|| file.display().to_string())?;
    }
    println!("wrote {} files to {}", files.len(), folder.display());
    Ok(())
}
