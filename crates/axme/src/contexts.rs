//! Named sets of connection settings: `config.json`, and their credentials in `secrets.json` beside it, both only for the
//! owner's eyes (contract `wire.md` §3.3). Fields that other programs keep there are kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use axme_client::{Object, TokenStore, Tokens};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::folders;

pub const DEFAULT: &str = "default";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Context {
    #[serde(default)]
    pub base_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The data folder of the `axme dev` that wrote it, until something else does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev_data: Option<PathBuf>,
    #[serde(flatten)]
    pub rest: Object,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Secrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    #[serde(flatten)]
    pub rest: Object,
}

/// Both files.
#[derive(Debug, Clone, Default)]
pub struct Contexts {
    folder: PathBuf,
    config: ConfigFile,
    secrets: BTreeMap<String, Secrets>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ConfigFile {
    #[serde(default)]
    active_context: String,
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_login_email: Option<String>,
    #[serde(flatten)]
    rest: Object,
}

impl Contexts {
    /// Reads both files; what does not exist is empty.
    pub fn load() -> Result<Contexts, Failure> {
        Contexts::load_from(&folders::config()?)
    }

    pub fn load_from(folder: &Path) -> Result<Contexts, Failure> {
        let mut contexts = Contexts {
            folder: folder.to_owned(),
            config: read(&folder.join("config.json"))?,
            secrets: read(&folder.join("secrets.json"))?,
        };
        contexts.move_secrets();
        Ok(contexts)
    }

    /// The one that is used when none is named.
    pub fn active(&self) -> &str {
        if self.config.active_context.is_empty() { DEFAULT } else { &self.config.active_context }
    }

    pub fn activate(&mut self, name: &str) {
        self.config.active_context = name.to_owned();
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.config.contexts.keys().map(String::as_str)
    }

    pub fn get(&self, name: &str) -> Option<(&Context, Secrets)> {
        Some((self.config.contexts.get(name)?, self.secrets.get(name).cloned().unwrap_or_default()))
    }

    pub fn put(&mut self, name: &str, context: Context, secrets: Secrets) {
        self.config.contexts.insert(name.to_owned(), context);
        self.secrets.insert(name.to_owned(), secrets);
    }

    /// Who signed in last, in whatever context.
    pub fn last_login_email(&self) -> Option<&str> {
        self.config.last_login_email.as_deref()
    }

    pub fn remember_login(&mut self, email: &str) {
        self.config.last_login_email = Some(email.to_owned());
    }

    /// Writes both files, each replaced as a whole.
    pub fn save(&mut self) -> Result<(), Failure> {
        if self.config.active_context.is_empty() {
            self.config.active_context = DEFAULT.to_owned();
        }
        self.secrets.retain(|_, s| s.api_key.is_some() || s.actor_token.is_some() || s.refresh_token.is_some());
        let write = |name: &str, text: String| {
            let path = self.folder.join(name);
            replace(&path, &text).map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))
        };
        write("secrets.json", serde_json::to_string_pretty(&self.secrets)? + "\n")?;
        write("config.json", serde_json::to_string_pretty(&self.config)? + "\n")
    }

    /// Older programs kept credentials in `config.json`. They are used, but never written back there.
    fn move_secrets(&mut self) {
        for (name, context) in &mut self.config.contexts {
            let mut take = |field: &str| match context.rest.remove(field) {
                Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text),
                _ => None,
            };
            let (key, actor, bearer) = (take("api_key"), take("actor_token"), take("bearer_token"));
            if key.is_some() || actor.is_some() || bearer.is_some() {
                let secrets = self.secrets.entry(name.clone()).or_default();
                secrets.api_key = secrets.api_key.take().or(key);
                secrets.actor_token = secrets.actor_token.take().or(actor).or(bearer);
            }
        }
    }
}

/// The tokens of a person, kept in a context.
pub struct Kept {
    pub context: String,
}

impl TokenStore for Kept {
    fn read(&self) -> Option<Tokens> {
        let contexts = Contexts::load().ok()?;
        let (_, secrets) = contexts.get(&self.context)?;
        Some(Tokens { access: secrets.actor_token?, refresh: secrets.refresh_token? })
    }

    fn write(&self, tokens: &Tokens) {
        let written = Contexts::load().and_then(|mut contexts| {
            // A context that was deleted meanwhile stays so.
            let Some((context, secrets)) = contexts.get(&self.context).map(|(c, s)| (c.clone(), s)) else {
                return Ok(());
            };
            let (access, refresh) = (Some(tokens.access.clone()), Some(tokens.refresh.clone()));
            contexts.put(&self.context, context, Secrets { actor_token: access, refresh_token: refresh, ..secrets });
            contexts.save()
        });
        if let Err(failure) = written {
            // The command goes on with the new tokens; only the next one would be signed out.
            eprintln!("axme: the new tokens of your session are not kept: {}", failure.message);
        }
    }
}

fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Failure> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(error) => return Err(Failure::new(format!("cannot read {}: {error}", path.display()))),
    };
    serde_json::from_slice(&bytes).map_err(|e| Failure::new(format!("{} is damaged: {e}", path.display())))
}

/// Writes a new file for the owner only and puts it in the place of the old one: there is always a whole file.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&new).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&new, path)).inspect_err(|_| {
        // The old file is still in place, and the half-written one is of no use.
        let _ = fs::remove_file(&new);
    })
}
