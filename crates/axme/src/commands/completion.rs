//! `axme completion` and `axme man`: completions for shells and manual pages, generated from the definition of the
//! commands.

use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::definition;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example: axme completion bash > ~/.local/share/bash-completion/completions/axme\n         \
                        axme completion zsh > ~/.zfunc/_axme\n         \
                        axme completion fish > ~/.config/fish/completions/axme.fish")]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Write the manual pages into a folder
#[derive(Debug, Args)]
#[command(after_help = "Example: axme man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Folder for the pages, created if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Completion {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut definition(), "axme", &mut text);
        Ok(stdout().write_all(&text)?)
    }
}

impl Man {
    pub(crate) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let place = self.folder.display();
        let wrong = |e: std::io::Error| Failure::new(format!("cannot write to {place}: {e}"));
        fs::create_dir_all(&self.folder).map_err(wrong)?;
        clap_mangen::generate_to(definition(), &self.folder).map_err(wrong)?;
        let pages = fs::read_dir(&self.folder).map_err(wrong)?.count();
        match flags.format().is_json() {
            true => {
                flags.format().print_json(&serde_json::json!({ "ok": true, "folder": self.folder, "pages": pages }))
            }
            false => line(format!("✓ wrote {pages} pages to {place}")),
        }
    }
}
