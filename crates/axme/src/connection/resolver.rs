//! The resolver of connection settings. It knows the sources and their order, and sends the secrets of a server to no
//! other.

use std::path::Path;

use super::{ConnectionSettings, DEFAULT_BASE_URL, SettingValue, is_same_server};
use crate::contexts::{Context, Contexts, Secrets};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::local::{self, LocalServer};
use crate::output::OutputFormat;

const DEFAULT_ORIGIN: &str = "the default";
const BASE_URL_VARIABLES: [&str; 3] = ["AXME_PORTAL_BASE_URL", "AXME_GATEWAY_BASE_URL", "AXME_BASE_URL"];
const API_KEY_VARIABLES: [&str; 2] = ["AXME_GATEWAY_API_KEY", "AXME_API_KEY"];

/// The rank of the local server among the sources: first if a data folder is named, else the fallback.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum LocalPriority {
    First,
    Fallback,
}

/// The sources of settings.
pub(crate) struct Resolver {
    flags: Flags,
    name: String,
    context: Context,
    secrets: Secrets,
    output: OutputFormat,
    environment: fn(&str) -> Option<String>,
}

impl Resolver {
    pub(crate) fn new(flags: &Flags) -> Result<Resolver, Failure> {
        // Without a home folder there are no contexts, and everything else still works.
        let contexts = if folders::config().is_ok() { Contexts::load()? } else { Contexts::default() };
        let name = flags.context_name.as_deref().unwrap_or(contexts.active());
        if flags.context_name.is_some() && contexts.get(name).is_none() {
            return Err(Failure::usage(format!("there is no context \"{name}\"; see `axme context list`")));
        }
        Ok(Resolver::of(flags, &contexts, name))
    }

    pub(crate) fn of(flags: &Flags, contexts: &Contexts, name: &str) -> Resolver {
        let found = contexts.get(name).map(|(context, secrets)| (context.clone(), secrets));
        let (context, secrets) = found.unwrap_or_default();
        Resolver {
            flags: flags.clone(),
            name: name.to_owned(),
            context,
            secrets,
            output: flags.output(),
            environment: folders::environment,
        }
    }

    pub(crate) async fn find(&self, data: Option<&Path>) -> Result<ConnectionSettings, Failure> {
        let folder = folders::data(data);
        if let Some(named) = data {
            let Some(live) = local::find(named).await else {
                return Err(Failure::new(format!(
                    "no server runs on {}; start one with `axme serve --data {0}`",
                    named.display()
                )));
            };
            return Ok(self.resolve(Some(live), LocalPriority::First));
        }
        let settings = self.resolve(None, LocalPriority::Fallback);
        let Ok(folder) = folder else { return Ok(settings) };
        let is_anonymous = settings.api_key.is_none() && settings.actor_token.is_none();
        if is_anonymous || settings.base_url.source == DEFAULT_ORIGIN {
            return Ok(self.resolve(local::find(&folder).await, LocalPriority::Fallback));
        }
        if self.flags.base_url.is_none()
            && settings.has_admin_key_of(&folder)
            && let Some(live) = local::find(&folder).await
        {
            // An earlier `axme dev` wrote the context, and the server now has another port.
            let source = format!("the server of {}", folder.display());
            return Ok(ConnectionSettings { base_url: SettingValue { value: live.base_url, source }, ..settings });
        }
        Ok(settings)
    }

    pub(crate) fn resolve(&self, live: Option<LocalServer>, priority: LocalPriority) -> ConnectionSettings {
        let bootstrap = live.as_ref().and_then(|live| live.bootstrap.as_ref());
        let from = live.as_ref().map(|live| format!("the server of {}", live.folder.display())).unwrap_or_default();
        let from_live = |value: Option<&String>| Some(SettingValue { value: value?.clone(), source: from.clone() });
        let live_url = from_live(live.as_ref().map(|live| &live.base_url));
        // A named data folder overrides the context.
        let of_context = |value: Option<&String>| match priority {
            LocalPriority::First => None,
            LocalPriority::Fallback => {
                Some(SettingValue { value: value?.clone(), source: format!("context \"{}\"", self.name) })
            }
        };
        let pick = |flag: (&str, &Option<String>),
                    live: Option<SettingValue>,
                    context: Option<&String>,
                    variables: &[&str]| {
            let (first, last) = if priority == LocalPriority::First { (live, None) } else { (None, live) };
            let given = flag.1.as_ref().map(|value| SettingValue { value: value.clone(), source: flag.0.to_owned() });
            let variable =
                |name: &&str| Some(SettingValue { value: (self.environment)(name)?, source: (*name).to_owned() });
            given.or(first).or(of_context(context)).or_else(|| variables.iter().find_map(variable)).or(last)
        };

        let (flags, context) = (&self.flags, &self.context);
        let base_url = pick(("--base-url", &flags.base_url), live_url.clone(), self.context_url(), &BASE_URL_VARIABLES)
            .unwrap_or(SettingValue { value: DEFAULT_BASE_URL.to_owned(), source: DEFAULT_ORIGIN.to_owned() });
        // The ids of one server are not valid on another.
        let is_other_server = self.flags.base_url.as_ref().is_some_and(|url| !is_same_server(url, &context.base_url));
        let is_other_server = is_other_server && !context.base_url.is_empty();
        let withholds_secrets = priority == LocalPriority::Fallback && is_other_server && self.guards_secrets();
        let nothing = Secrets::default();
        let secrets = if withholds_secrets { &nothing } else { &self.secrets };
        let names_credentials = flags.api_key.is_some() || flags.actor_token.is_some();
        // The key of the local server is sent to that server only.
        let is_local = live_url.is_some_and(|url| is_same_server(&url.value, &base_url.value));
        let own = |value: Option<&String>| if is_local { from_live(value) } else { None };
        let actor_token = pick(
            ("--actor-token", &flags.actor_token),
            None,
            secrets.actor_token.as_ref(),
            &["AXME_ACTOR_TOKEN", "AXME_PORTAL_SCOPED_BEARER_TOKEN"],
        );
        // A refresh token is sent only to the server that issued it.
        let is_own = actor_token.as_ref().map(|token| &token.value) == secrets.actor_token.as_ref()
            && is_same_server(&base_url.value, &context.base_url);
        ConnectionSettings {
            refresh_token: secrets.refresh_token.clone().filter(|_| is_own),
            actor_token,
            api_key: pick(
                ("--api-key", &flags.api_key),
                own(bootstrap.map(|b| &b.api_key)),
                secrets.api_key.as_ref(),
                &API_KEY_VARIABLES,
            ),
            org_id: pick(
                ("--org-id", &flags.org_id),
                own(bootstrap.map(|b| &b.org_id)),
                context.org_id.as_ref().filter(|_| !is_other_server),
                &["AXME_ORG_ID"],
            ),
            workspace_id: pick(
                ("--workspace-id", &flags.workspace_id),
                own(bootstrap.map(|b| &b.workspace_id)),
                context.workspace_id.as_ref().filter(|_| !is_other_server),
                &["AXME_WORKSPACE_ID"],
            ),
            owner_agent: pick(
                ("--owner-agent", &flags.owner_agent),
                None,
                context.owner_agent.as_ref(),
                &["AXME_OWNER_AGENT"],
            ),
            environment: pick(
                ("--environment", &flags.environment),
                None,
                context.environment.as_ref(),
                &["AXME_ENVIRONMENT"],
            ),
            own_server: Some(context.base_url.clone()).filter(|_| withholds_secrets && !names_credentials),
            context: self.name.clone(),
            base_url,
            output: self.output,
            command: crate::program_for(flags.data.as_deref()),
        }
    }

    /// Whether the context has secrets for a server of its own.
    fn guards_secrets(&self) -> bool {
        let has_secrets = self.secrets.api_key.is_some() || self.secrets.actor_token.is_some();
        has_secrets && !is_same_server(&self.context.base_url, DEFAULT_BASE_URL)
    }

    pub(crate) fn warn_about_ignored(&self, settings: &ConnectionSettings) {
        // A named data folder is an explicit choice.
        if self.flags.data.is_none()
            && let Some(note) = self.ignored_variables(settings)
        {
            eprintln!("axme: {note}");
        }
    }

    /// Returns a note about variables that are set but overridden by another source.
    fn ignored_variables(&self, settings: &ConnectionSettings) -> Option<String> {
        let ignored = |chosen: Option<&SettingValue>, flag: &Option<String>, variables: &[&'static str]| {
            let (chosen, is_flag) = (chosen?, flag.is_some());
            let set = variables.iter().find_map(|name| Some((*name, (self.environment)(name)?)));
            let (name, value) =
                set.filter(|(name, value)| !is_flag && *name != chosen.source && *value != chosen.value)?;
            let is_url = variables == BASE_URL_VARIABLES;
            (!is_url || !is_same_server(&value, &chosen.value)).then(|| (name, chosen.source.clone()))
        };
        let url = ignored(Some(&settings.base_url), &self.flags.base_url, &BASE_URL_VARIABLES);
        let key = ignored(settings.api_key.as_ref(), &self.flags.api_key, &API_KEY_VARIABLES);
        let (flags, names, from) = match (url, key) {
            (Some((url, from)), Some((key, _))) => ("--base-url and --api-key", format!("{url} and {key} are"), from),
            (Some((url, from)), None) => ("--base-url", format!("{url} is"), from),
            (None, Some((key, from))) => ("--api-key", format!("{key} is"), from),
            (None, None) => return None,
        };
        Some(format!(
            "{names} ignored: {from} takes precedence; override it with {flags}, or see `axme context --help`"
        ))
    }

    /// The context's base URL. The default one without credentials is skipped, because it is not a choice.
    fn context_url(&self) -> Option<&String> {
        let url = &self.context.base_url;
        let is_used = self.secrets.api_key.is_some() || self.secrets.actor_token.is_some();
        (!url.is_empty() && (url != DEFAULT_BASE_URL || is_used)).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Bootstrap;

    fn resolver(context_url: &str, key: Option<&str>, environment: fn(&str) -> Option<String>) -> Resolver {
        Resolver {
            flags: Flags::default(),
            name: "work".to_owned(),
            context: Context { base_url: context_url.to_owned(), ..Context::default() },
            secrets: Secrets { api_key: key.map(str::to_owned), ..Secrets::default() },
            output: OutputFormat::Text,
            environment,
        }
    }

    fn live() -> Option<LocalServer> {
        let bootstrap = Bootstrap {
            base_url: "http://127.0.0.1:1".to_owned(),
            api_key: "live-key".to_owned(),
            org_id: "live-org".to_owned(),
            workspace_id: "live-ws".to_owned(),
            owner_email: "owner@local".to_owned(),
        };
        Some(LocalServer {
            folder: "/data".into(),
            base_url: "http://127.0.0.1:7".to_owned(),
            bootstrap: Some(bootstrap),
        })
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn variables(name: &str) -> Option<String> {
        let value = match name {
            "AXME_BASE_URL" => "http://env",
            "AXME_API_KEY" => "env-key",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn url_and_key(settings: &ConnectionSettings) -> (&str, Option<&str>) {
        (&settings.base_url.value, settings.api_key.as_ref().map(|key| key.value.as_str()))
    }

    #[test]
    fn the_first_place_that_has_a_value_gives_it() {
        let mut resolver = resolver("http://context", Some("context-key"), variables);
        assert_eq!(
            url_and_key(&resolver.resolve(live(), LocalPriority::Fallback)),
            ("http://context", Some("context-key"))
        );
        resolver.flags.api_key = Some("flag-key".to_owned());
        assert_eq!(url_and_key(&resolver.resolve(None, LocalPriority::Fallback)), ("http://context", Some("flag-key")));
        resolver.flags.base_url = Some("http://flag".to_owned());
        assert_eq!(url_and_key(&resolver.resolve(None, LocalPriority::Fallback)), ("http://flag", Some("flag-key")));
    }

    #[test]
    fn an_address_that_nobody_chose_gives_way() {
        assert_eq!(
            url_and_key(&resolver("", None, nothing).resolve(None, LocalPriority::Fallback)),
            (DEFAULT_BASE_URL, None)
        );
        let untouched = resolver(DEFAULT_BASE_URL, None, variables);
        assert_eq!(url_and_key(&untouched.resolve(None, LocalPriority::Fallback)), ("http://env", Some("env-key")));
        let made_by_dev = resolver(DEFAULT_BASE_URL, Some("dev-key"), variables);
        assert_eq!(
            url_and_key(&made_by_dev.resolve(None, LocalPriority::Fallback)),
            (DEFAULT_BASE_URL, Some("dev-key"))
        );
    }

    #[test]
    fn the_key_of_the_local_server_stays_there() {
        let settings = resolver("", None, nothing).resolve(live(), LocalPriority::Fallback);
        assert_eq!(url_and_key(&settings), ("http://127.0.0.1:7", Some("live-key")));
        assert_eq!(settings.org_id.unwrap().value, "live-org");
        let elsewhere = resolver("http://context", None, nothing).resolve(live(), LocalPriority::Fallback);
        assert_eq!(url_and_key(&elsewhere), ("http://context", None));
    }

    #[test]
    fn a_refresh_token_goes_to_its_own_server_only() {
        let mut resolver = resolver("http://context/", Some("key"), nothing);
        resolver.secrets.actor_token = Some("access".to_owned());
        resolver.secrets.refresh_token = Some("refresh".to_owned());
        assert_eq!(resolver.resolve(None, LocalPriority::Fallback).refresh_token.as_deref(), Some("refresh"));
        resolver.flags.base_url = Some("http://other".to_owned());
        assert_eq!(resolver.resolve(None, LocalPriority::Fallback).refresh_token, None);
        resolver.flags = Flags { actor_token: Some("another".to_owned()), ..Flags::default() };
        assert_eq!(resolver.resolve(None, LocalPriority::Fallback).refresh_token, None);
    }

    #[test]
    fn secrets_of_a_context_stay_with_its_server() {
        let abroad = |url: &str, flags: Flags| {
            let mut resolver = resolver(url, Some("key"), nothing);
            resolver.context.org_id = Some("org".to_owned());
            resolver.flags = Flags { base_url: Some("http://other:8100".to_owned()), ..flags };
            resolver.resolve(None, LocalPriority::Fallback)
        };
        let refused = abroad("http://context", Flags::default());
        assert_eq!((refused.api_key.as_ref(), refused.org_id.as_ref()), (None, None));
        assert_eq!(refused.connect().err().map(|failure| failure.code), Some(2));
        let own = abroad("http://context", Flags { api_key: Some("mine".to_owned()), ..Flags::default() });
        assert_eq!(url_and_key(&own), ("http://other:8100", Some("mine")));
        assert!(own.connect().is_ok());
        // The same server with a path, and contexts without a chosen server.
        for url in ["http://other:8100/path", "", DEFAULT_BASE_URL] {
            assert_eq!(url_and_key(&abroad(url, Flags::default())), ("http://other:8100", Some("key")), "{url}");
        }
        assert!(!is_same_server("http://a", "https://a") && is_same_server("http://a/", "http://a:80"));
    }

    #[test]
    fn a_named_data_folder_comes_before_context_and_environment() {
        let settings = resolver("http://context", Some("context-key"), variables).resolve(live(), LocalPriority::First);
        assert_eq!(url_and_key(&settings), ("http://127.0.0.1:7", Some("live-key")));
        let mut unreadable = live();
        unreadable.as_mut().unwrap().bootstrap = None;
        let settings =
            resolver("http://context", Some("context-key"), nothing).resolve(unreadable, LocalPriority::First);
        assert_eq!(url_and_key(&settings), ("http://127.0.0.1:7", None));
    }
}
