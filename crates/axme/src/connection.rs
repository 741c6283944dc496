//! The server that a command calls, and the credentials that it sends. Each setting comes from the first source that
//! has it: flag, environment, context, running server of the data folder, default (`spec/protocol.md` §3.2, §3.4).

mod resolver;

use std::path::Path;

use axme_client::Id;
use axme_client::api::WorkspaceRef;
use reqwest::Url;

use crate::contexts::Contexts;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::local::{self, LocalServer};
use crate::output::OutputFormat;
use resolver::{LocalPriority, Resolver};

pub(crate) const DEFAULT_BASE_URL: &str = "http://127.0.0.1:8100";

/// A setting and its source, as shown to people.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettingValue {
    pub(crate) value: String,
    pub(crate) source: String,
}

impl SettingValue {
    /// The bare value.
    pub(crate) fn text(setting: &Option<SettingValue>) -> Option<String> {
        setting.as_ref().map(|setting| setting.value.clone())
    }
}

/// The settings of a connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) context: String,
    pub(crate) base_url: SettingValue,
    pub(crate) api_key: Option<SettingValue>,
    pub(crate) actor_token: Option<SettingValue>,
    /// Refreshes the actor token. Set only when both tokens and the server are the context's.
    pub(crate) refresh_token: Option<String>,
    pub(crate) org_id: Option<SettingValue>,
    pub(crate) workspace_id: Option<SettingValue>,
    pub(crate) owner_agent: Option<SettingValue>,
    pub(crate) environment: Option<SettingValue>,
    /// Why credentials are withheld: they are not for this server.
    pub(crate) withheld: Option<String>,
    pub(crate) output: OutputFormat,
    /// The command that calls this program from another terminal with the same server.
    pub(crate) command: String,
}

impl ConnectionSettings {
    /// The workspace that calls are about, if one is set.
    pub(crate) fn workspace(&self) -> WorkspaceRef {
        let id = |setting| SettingValue::text(setting).map(Id::from);
        WorkspaceRef { org_id: id(&self.org_id), workspace_id: id(&self.workspace_id) }
    }

    pub(crate) async fn find(flags: &Flags) -> Result<ConnectionSettings, Failure> {
        let resolver = Resolver::new(flags)?;
        let settings = resolver.find(flags.data.as_deref()).await?;
        resolver.warn_about_variables(&settings);
        Ok(settings)
    }

    /// The settings for a sign-in into a context, which may be new.
    pub(crate) async fn for_sign_in(flags: &Flags, name: &str) -> Result<ConnectionSettings, Failure> {
        let resolver = Resolver::of(flags, &Contexts::load()?, name);
        let settings = resolver.find(flags.data.as_deref()).await?;
        // A sign-in sends no key, so an ignored key needs no warning.
        resolver.warn_about_variables(&settings.clone().anonymous());
        Ok(settings)
    }

    /// The settings of a context after a sign-in.
    pub(crate) async fn after_sign_in(flags: &Flags, name: &str) -> Result<ConnectionSettings, Failure> {
        Resolver::of(flags, &Contexts::load()?, name).find(flags.data.as_deref()).await
    }

    /// The settings of a running local server, with the key of its administrator.
    pub(crate) fn of_local(flags: &Flags, live: LocalServer) -> Result<ConnectionSettings, Failure> {
        Ok(Resolver::new(flags)?.resolve(Some(live), LocalPriority::First))
    }

    /// Whether the key is the administrator's key of the server with this data folder.
    pub(crate) fn has_admin_key_of(&self, folder: &Path) -> bool {
        let own = local::bootstrap(folder).map(|bootstrap| bootstrap.api_key);
        own.is_some() && own.as_ref() == self.api_key.as_ref().map(|key| &key.value)
    }

    /// Removes the credentials.
    pub(crate) fn anonymous(self) -> ConnectionSettings {
        ConnectionSettings { api_key: None, actor_token: None, refresh_token: None, withheld: None, ..self }
    }

    /// Removes the key if a person is signed in, so that a revoked key does no harm.
    pub(crate) fn person_only(self) -> ConnectionSettings {
        let api_key = self.api_key.filter(|_| self.actor_token.is_none());
        ConnectionSettings { api_key, ..self }
    }

    /// Fails if credentials are withheld because they are for another server.
    pub(crate) fn check_server(&self) -> Result<(), Failure> {
        self.withheld.as_ref().map_or(Ok(()), |why| Err(Failure::usage(why)))
    }
}

/// Whether two addresses have the same scheme, host and port.
pub(crate) fn is_same_server(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin().is_tuple() && one.origin() == other.origin(),
        _ => one == other,
    }
}
