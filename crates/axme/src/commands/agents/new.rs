//! `axme agents new`: registers an agent, and writes its program and its key into files.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use axme_client::api::service_accounts::{self, CreateKey, CreateServiceAccount};
use clap::Args;
use serde_json::json;

use super::{check_name, registration, with_org_hint};
use crate::failure::Failure;
use crate::output::line;
use crate::session::Session;

/// The program. It has three gaps: `{name}`, `{base_url}` and `{key_file}`.
const PROGRAM: &str = include_str!("agent.py");

/// Write a small agent in Python, with a key of its own
///
/// Registers the agent if it is not registered, creates a key, and writes NAME.py and NAME.key. The agent asks a person
/// about each intent and answers with the decision: change its function `work`. It needs the package axme of PyPI.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme agents new refunds && python refunds.py")]
pub(crate) struct New {
    /// Name of the agent, the last part of its address: lower-case letters, digits, '.', '_' and '-'
    #[arg(value_name = "NAME")]
    name: String,
    /// Folder for the two files, which must not exist in it [default: this folder]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl New {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        check_name("NAME", &self.name)?;
        if self.name.contains('/') {
            return Err(Failure::usage(format!("NAME: \"{}\" is an address; give the name at its end", self.name)));
        }
        let folder = self.folder.unwrap_or_default();
        let program = NewFile::create(folder.join(format!("{}.py", self.name)))?;
        let key = NewFile::create(folder.join(format!("{}.key", self.name)))?;

        let input = CreateServiceAccount {
            name: self.name.clone(),
            workspace: session.settings.workspace(),
            ..CreateServiceAccount::default()
        };
        let registered = session.call(&service_accounts::CREATE, &input).await;
        let registered = registered.map_err(|failure| with_org_hint(session, failure))?;
        let of_account =
            CreateKey { service_account_id: registered.service_account_id.clone(), ..CreateKey::default() };
        let made = session.call(&service_accounts::CREATE_KEY, &of_account).await?;

        let key_file = key.path.file_name().unwrap_or_default().to_string_lossy();
        let text = PROGRAM
            .replace("{name}", &self.name)
            .replace("{base_url}", &session.settings.base_url.value)
            .replace("{key_file}", &key_file);
        let names = [program.path.display().to_string(), key.path.display().to_string()];
        // First the key: it cannot be had again.
        key.write(&format!("{}\n", made.api_key))?;
        program.write(&text)?;

        if session.output().is_json() {
            let address = registered.address.as_deref();
            return session
                .output()
                .print_json(&json!({ "ok": true, "address": address, "key_id": made.key.key_id, "files": names }));
        }
        line(&registration(&registered)[0])?;
        line(format!("✓ Wrote {} and its key {}", names[0], names[1]))?;
        line("\nStart it, with Python 3.10 or newer:")?;
        line("  pip install axme")?;
        line(format!("  python {}", names[0]))?;
        line("\nIn another terminal, send it an intent and answer its question:")?;
        let command = crate::program();
        line(format!("  {command} intents send --to {} --data-json '{{\"amount\": 250}}'", self.name))?;
        line(format!("  {command} tasks approve"))
    }
}

/// A file that this command made. It is removed again if the command fails before it has written it.
struct NewFile {
    path: PathBuf,
    file: fs::File,
    is_written: bool,
}

impl NewFile {
    /// Creates a file that only its owner can read; fails if it exists.
    fn create(path: PathBuf) -> Result<NewFile, Failure> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(file) => Ok(NewFile { path, file, is_written: false }),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(Failure::new(format!(
                "{} already exists: move it away, or give the agent another name",
                path.display()
            ))),
            Err(e) => Err(cannot_write(&path, &e)),
        }
    }

    fn write(mut self, text: &str) -> Result<(), Failure> {
        self.file.write_all(text.as_bytes()).map_err(|e| cannot_write(&self.path, &e))?;
        self.is_written = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_written {
            // The failure that ends the command is reported already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display()))
}
