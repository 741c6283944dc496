//! Named sets of connection settings in `config.json`, with their credentials in `secrets.json` beside it
//! (`spec/protocol.md` §3.3). Only the owner can read the files. Unknown fields are preserved.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use axme_client::{Object, TokenStore, Tokens};
use axme_server::private_file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::folders;
use crate::text_file;

pub(crate) const DEFAULT: &str = "default";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Context {
    #[serde(default)]
    pub(crate) base_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) org_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workspace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    /// The data folder of the `axme dev` that wrote the context last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dev_data: Option<PathBuf>,
    #[serde(flatten)]
    pub(crate) rest: Object,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Secrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) api_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) actor_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    #[serde(flatten)]
    pub(crate) rest: Object,
}

/// The contents of both files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contexts {
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
    /// Reads both files; a missing one is empty.
    pub(crate) fn load() -> Result<Contexts, Failure> {
        Contexts::load_from(&folders::config()?)
    }

    fn load_from(folder: &Path) -> Result<Contexts, Failure> {
        let mut contexts = Contexts {
            folder: folder.to_owned(),
            config: read(&folder.join("config.json"))?,
            secrets: read(&folder.join("secrets.json"))?,
        };
        contexts.move_secrets();
        Ok(contexts)
    }

    /// The context to use if no other is named.
    pub(crate) fn active(&self) -> &str {
        if self.config.active_context.is_empty() { DEFAULT } else { &self.config.active_context }
    }

    pub(crate) fn activate(&mut self, name: &str) {
        self.config.active_context = name.to_owned();
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.config.contexts.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<(&Context, Secrets)> {
        Some((self.config.contexts.get(name)?, self.secrets.get(name).cloned().unwrap_or_default()))
    }

    pub(crate) fn put(&mut self, name: &str, context: Context, secrets: Secrets) {
        self.config.contexts.insert(name.to_owned(), context);
        self.secrets.insert(name.to_owned(), secrets);
    }

    /// Sets the organization and the workspace of a context, if it exists.
    pub(crate) fn set_place(&mut self, name: &str, org_id: &str, workspace_id: &str) {
        if let Some(context) = self.config.contexts.get_mut(name) {
            context.org_id = Some(org_id.to_owned());
            context.workspace_id = Some(workspace_id.to_owned());
        }
    }

    /// The email address of the last sign-in in any context.
    pub(crate) fn last_login_email(&self) -> Option<&str> {
        self.config.last_login_email.as_deref()
    }

    pub(crate) fn remember_login(&mut self, email: &str) {
        self.config.last_login_email = Some(email.to_owned());
    }

    /// Replaces both files, each atomically.
    pub(crate) fn save(&mut self) -> Result<(), Failure> {
        if self.config.active_context.is_empty() {
            self.config.active_context = DEFAULT.to_owned();
        }
        self.secrets.retain(|_, s| s.api_key.is_some() || s.actor_token.is_some() || s.refresh_token.is_some());
        let write = |name: &str, text: String| {
            let path = self.folder.join(name);
            private_file::write(&path, text.as_bytes())
                .map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))
        };
        write("secrets.json", serde_json::to_string_pretty(&self.secrets)? + "\n")?;
        write("config.json", serde_json::to_string_pretty(&self.config)? + "\n")
    }

    /// Moves credentials that older programs stored in `config.json` to the secrets.
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

/// Stores the tokens of a person in a context.
pub(crate) struct ContextTokens {
    pub(crate) context: String,
}

impl TokenStore for ContextTokens {
    fn read(&self) -> Option<Tokens> {
        let contexts = Contexts::load().ok()?;
        let (_, secrets) = contexts.get(&self.context)?;
        Some(Tokens { access: secrets.actor_token?, refresh: secrets.refresh_token? })
    }

    fn write(&self, tokens: &Tokens) {
        let written = Contexts::load().and_then(|mut contexts| {
            // The context was deleted meanwhile.
            let Some((context, secrets)) = contexts.get(&self.context).map(|(c, s)| (c.clone(), s)) else {
                return Ok(());
            };
            let (access, refresh) = (Some(tokens.access.clone()), Some(tokens.refresh.clone()));
            contexts.put(&self.context, context, Secrets { actor_token: access, refresh_token: refresh, ..secrets });
            contexts.save()
        });
        if let Err(failure) = written {
            // This command continues with the new tokens; the next one finds only the old ones.
            eprintln!(
                "axme: cannot save the new tokens of your session; sign in again with `axme login`: {}",
                failure.message
            );
        }
    }
}

fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T, Failure> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(error) => return Err(Failure::new(format!("cannot read {}: {error}", path.display()))),
    };
    serde_json::from_str(&text_file::decode(&path.display().to_string(), bytes)?)
        .map_err(|e| Failure::new(format!("cannot parse {}; correct or delete the file: {e}", path.display())))
}
