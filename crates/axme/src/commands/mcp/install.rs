//! `axme mcp install`: writes the configuration of an assistant, so that it starts `axme mcp`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;

/// Write the configuration of an assistant
///
/// The assistant then starts `axme mcp` with the connection flags of this command. The command keeps other entries of the file.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme mcp install claude-desktop --print")]
pub(crate) struct Install {
    /// The assistant
    #[arg(value_enum, value_name = "HOST")]
    host: Host,
    /// Show the configuration instead of writing it
    #[arg(long)]
    print: bool,
    /// Tools to list: default, official, all, or toolsets such as tasks,intents
    #[arg(long, value_name = "NAMES")]
    tools: Option<String>,
    /// File to write [default: the assistant's own]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Host {
    ClaudeDesktop,
    ClaudeCode,
    Cursor,
    Vscode,
    Gemini,
    Windsurf,
}

impl Host {
    /// Returns the key of the file under which the servers are.
    fn key(self) -> &'static str {
        match self {
            Host::Vscode => "servers",
            _ => "mcpServers",
        }
    }

    /// Returns the file of the assistant. Some keep it in the project, which is the current folder.
    fn file(self) -> Result<PathBuf, Failure> {
        let home = std::env::home_dir().ok_or_else(|| Failure::new("the home folder is not known: pass --file"))?;
        let settings = match std::env::consts::OS {
            "macos" => home.join("Library/Application Support"),
            "windows" => home.join("AppData/Roaming"),
            _ => home.join(".config"),
        };
        Ok(match self {
            Host::ClaudeDesktop => settings.join("Claude/claude_desktop_config.json"),
            Host::ClaudeCode => PathBuf::from(".mcp.json"),
            Host::Cursor => home.join(".cursor/mcp.json"),
            Host::Vscode => PathBuf::from(".vscode/mcp.json"),
            Host::Gemini => home.join(".gemini/settings.json"),
            Host::Windsurf => home.join(".codeium/windsurf/mcp_config.json"),
        })
    }
}

impl Install {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let program = std::env::current_exe()?.to_string_lossy().into_owned();
        let entry = json!({ "command": program, "args": arguments(flags, self.tools.as_deref())? });
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.host.file()?,
        };
        let known = read(&file)?;
        let text = format!("{:#}\n", with_entry(known, self.host.key(), entry)?);
        if self.print {
            return line(text.trim_end());
        }
        write(&file, &text)?;
        line(format!("✓ Wrote {}. Restart the assistant.", file.display()))
    }
}

/// Returns the arguments with which the assistant starts this program. Secrets stay out of the file: a context has them.
fn arguments(flags: &Flags, tools: Option<&str>) -> Result<Vec<String>, Failure> {
    if flags.api_key.is_some() || flags.actor_token.is_some() {
        return Err(Failure::usage(
            "a key does not belong into the file of an assistant: save it with `axme context set`, and pass --context-name",
        ));
    }
    let data = flags.data.as_ref().map(std::path::absolute).transpose()?;
    let data = data.map(|data| data.to_string_lossy().into_owned());
    let given = [
        ("--data", &data),
        ("--context-name", &flags.context_name),
        ("--base-url", &flags.base_url),
        ("--owner-agent", &flags.owner_agent),
    ];
    let given = given.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]));
    let tools = tools.map(|tools| ["--tools".to_owned(), tools.to_owned()]);
    Ok(given.flatten().chain(["mcp".to_owned()]).chain(tools.into_iter().flatten()).collect())
}

/// Reads the file of an assistant; a missing one is empty.
fn read(file: &Path) -> Result<Map<String, Value>, Failure> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => return Ok(Map::new()),
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(Failure::new(format!("cannot read {}: {error}", file.display()))),
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::new(format!(
            "{} is not a JSON object ({error}): add the entry yourself, --print shows it",
            file.display()
        ))
    })
}

/// Adds the entry `axme` to the servers, or replaces it.
fn with_entry(mut known: Map<String, Value>, key: &str, entry: Value) -> Result<Value, Failure> {
    let servers = known.entry(key).or_insert_with(|| json!({}));
    let Some(servers) = servers.as_object_mut() else {
        return Err(Failure::new(format!("\"{key}\" in the file is not an object")));
    };
    servers.insert("axme".to_owned(), entry);
    Ok(known.into())
}

/// Writes the file through a new one beside it, so that it is never half written.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::new(format!("cannot write {}: {error}", file.display()));
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let fresh = file.with_extension("json.axme-new");
    std::fs::write(&fresh, text).map_err(cannot)?;
    std::fs::rename(&fresh, file).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_entries_stay() {
        let known = json!({ "theme": "dark", "mcpServers": { "other": { "command": "x" } } });
        let known = known.as_object().unwrap().clone();
        let whole = with_entry(known, "mcpServers", json!({ "command": "axme" })).unwrap();
        let expected =
            json!({ "theme": "dark", "mcpServers": { "other": { "command": "x" }, "axme": { "command": "axme" } } });
        assert_eq!(whole, expected);
        assert!(with_entry(json!({ "servers": 1 }).as_object().unwrap().clone(), "servers", json!({})).is_err());
    }

    #[test]
    fn no_secret_is_written() {
        let flags = Flags { context_name: Some("work".to_owned()), ..Flags::default() };
        assert_eq!(arguments(&flags, Some("tasks")).unwrap(), ["--context-name", "work", "mcp", "--tools", "tasks"]);
        let secret = Flags { api_key: Some("axme_sa_x".to_owned()), ..Flags::default() };
        assert!(arguments(&secret, None).is_err());
    }
}
