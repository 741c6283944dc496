//! The resolver of connection settings. It knows the sources and their order, and sends the secrets of a server to no
//! other.

use std::path::Path;

use super::{ConnectionSettings, DEFAULT_BASE_URL, SettingValue, is_same_server};
use crate::compatibility;
use crate::contexts::{Context, Contexts, Secrets};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::local::{self, LocalServer};
use crate::output::OutputFormat;

const DEFAULT_ORIGIN: &str = "the default";
const BASE_URL_VARIABLES: [&str; 3] = ["AXME_PORTAL_BASE_URL", "AXME_GATEWAY_BASE_URL", "AXME_BASE_URL"];
const API_KEY_VARIABLES: [&str; 2] = ["AXME_GATEWAY_API_KEY", "AXME_API_KEY"];
const ACTOR_TOKEN_VARIABLES: [&str; 2] = ["AXME_ACTOR_TOKEN", "AXME_PORTAL_SCOPED_BEARER_TOKEN"];

/// The order of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// Flag, environment, context, running server.
    Ours,
    /// Flag, context, environment, running server.
    Official,
}

/// Where the base URL comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UrlOrigin {
    Flag,
    Variable,
    Context,
    LocalServer,
    Default,
}

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
    order: Precedence,
}

/// The sources of one resolution.
struct Sources<'a> {
    resolver: &'a Resolver,
    live: Option<&'a LocalServer>,
    priority: LocalPriority,
}

impl Sources<'_> {
    /// Returns the base URL and its origin.
    fn base_url(&self) -> (SettingValue, UrlOrigin) {
        let resolver = self.resolver;
        let live = self.live.map(|live| &live.base_url);
        let flag = ("--base-url", &resolver.flags.base_url);
        let context = resolver.context_url();
        let Some(url) = self.pick(flag, live, context, &BASE_URL_VARIABLES) else {
            let default = SettingValue { value: DEFAULT_BASE_URL.to_owned(), source: DEFAULT_ORIGIN.to_owned() };
            return (default, UrlOrigin::Default);
        };
        let origin = match url.source.as_str() {
            "--base-url" => UrlOrigin::Flag,
            source if BASE_URL_VARIABLES.contains(&source) => UrlOrigin::Variable,
            source if source == resolver.source_of_context() => UrlOrigin::Context,
            _ => UrlOrigin::LocalServer,
        };
        (url, origin)
    }

    /// Returns the value of the first source that has one.
    fn pick(
        &self,
        flag: (&str, &Option<String>),
        live: Option<&String>,
        context: Option<&String>,
        variables: &[&str],
    ) -> Option<SettingValue> {
        let resolver = self.resolver;
        let setting = |value: &String, source: String| SettingValue { value: value.clone(), source };
        let folder = self.live.map(|live| live.folder.display().to_string()).unwrap_or_default();
        let live = live.map(|value| setting(value, format!("the server of {folder}")));
        let given = flag.1.as_ref().map(|value| setting(value, flag.0.to_owned()));
        // A named data folder overrides the context.
        let of_context = context.filter(|_| self.priority == LocalPriority::Fallback);
        let of_context = of_context.map(|value| setting(value, resolver.source_of_context()));
        let variable = |name: &&str| Some(setting(&(resolver.environment)(name)?, (*name).to_owned()));
        let variable = variables.iter().find_map(variable);
        let (first, last) = if self.priority == LocalPriority::First { (live, None) } else { (None, live) };
        let between = match resolver.order {
            Precedence::Ours => variable.or(of_context),
            Precedence::Official => of_context.or(variable),
        };
        given.or(first).or(between).or(last)
    }
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
            output: flags.format(),
            environment: folders::environment,
            order: if compatibility::is_official() { Precedence::Official } else { Precedence::Ours },
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
        if settings.base_url.source == self.source_of_context()
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
        let sources = Sources { resolver: self, live: live.as_ref(), priority };
        let (base_url, origin) = sources.base_url();
        let (flags, context) = (&self.flags, &self.context);
        // The ids of one server are not valid on another.
        let is_own_server = context.base_url.is_empty() || is_same_server(&base_url.value, &context.base_url);
        let keeps_ids = is_own_server || (self.order == Precedence::Official && flags.base_url.is_none());
        let id = |value: &Option<String>| value.clone().filter(|_| keeps_ids);
        let keeps_secrets = priority == LocalPriority::First || self.may_send_secrets(&base_url.value);
        let secrets = if keeps_secrets { self.secrets.clone() } else { Secrets::default() };
        // A variable says for which server it is, or it goes to the server of the context.
        let may_send_variables = self.order == Precedence::Official
            || matches!(origin, UrlOrigin::Flag | UrlOrigin::Variable | UrlOrigin::Context);
        let secret_variables = |names: &'static [&'static str]| if may_send_variables { names } else { &[] };
        // The key of the local server is sent to that server only.
        let bootstrap = live.as_ref().filter(|live| is_same_server(&live.base_url, &base_url.value));
        let bootstrap = bootstrap.and_then(|live| live.bootstrap.as_ref());
        let api_key = sources.pick(
            ("--api-key", &flags.api_key),
            bootstrap.map(|b| &b.api_key),
            secrets.api_key.as_ref(),
            secret_variables(&API_KEY_VARIABLES),
        );
        let actor_token = sources.pick(
            ("--actor-token", &flags.actor_token),
            None,
            secrets.actor_token.as_ref(),
            secret_variables(&ACTOR_TOKEN_VARIABLES),
        );
        // A refresh token is sent only to the server that issued it.
        let is_own_token = actor_token.as_ref().map(|token| &token.value) == secrets.actor_token.as_ref()
            && is_same_server(&base_url.value, &context.base_url);
        let has_credential = api_key.is_some() || actor_token.is_some();
        let withheld_variable = (!may_send_variables && flags.api_key.is_none() && flags.actor_token.is_none())
            .then(|| self.withheld_variable(api_key.as_ref(), &base_url, priority))
            .flatten();
        let withheld_context = (!keeps_secrets && !has_credential).then(|| {
            let own = if context.base_url.is_empty() { DEFAULT_BASE_URL } else { &context.base_url };
            format!(
                "the credentials of context \"{}\" are for {own}, not for {}: pass --api-key or --actor-token, set \
                 AXME_API_KEY, or choose another context with --context-name",
                self.name, base_url.value
            )
        });
        ConnectionSettings {
            refresh_token: secrets.refresh_token.clone().filter(|_| is_own_token),
            actor_token,
            api_key,
            org_id: sources.pick(
                ("--org-id", &flags.org_id),
                bootstrap.map(|b| &b.org_id),
                id(&context.org_id).as_ref(),
                &["AXME_ORG_ID"],
            ),
            workspace_id: sources.pick(
                ("--workspace-id", &flags.workspace_id),
                bootstrap.map(|b| &b.workspace_id),
                id(&context.workspace_id).as_ref(),
                &["AXME_WORKSPACE_ID"],
            ),
            owner_agent: sources.pick(
                ("--owner-agent", &flags.owner_agent),
                None,
                context.owner_agent.as_ref(),
                &["AXME_OWNER_AGENT"],
            ),
            environment: sources.pick(
                ("--environment", &flags.environment),
                None,
                context.environment.as_ref(),
                &["AXME_ENVIRONMENT"],
            ),
            withheld: withheld_variable.or(withheld_context),
            context: self.name.clone(),
            base_url,
            output: self.output,
            command: crate::program_for(flags.data.as_deref()),
        }
    }

    /// Whether the secrets of the context are for this server.
    fn may_send_secrets(&self, base_url: &str) -> bool {
        if self.secrets.api_key.is_none() && self.secrets.actor_token.is_none() {
            return true;
        }
        let own = if self.context.base_url.is_empty() { DEFAULT_BASE_URL } else { &self.context.base_url };
        // The official command line may have made the context with the default address, whatever the server is.
        let is_unchosen = self.order == Precedence::Official && is_same_server(own, DEFAULT_BASE_URL);
        is_unchosen || is_same_server(own, base_url)
    }

    /// Says that a key in the environment is not sent, because nothing says for which server it is.
    fn withheld_variable(
        &self,
        chosen: Option<&SettingValue>,
        base_url: &SettingValue,
        priority: LocalPriority,
    ) -> Option<String> {
        let find = |name: &&'static str| Some((*name, (self.environment)(name)?));
        let (name, value) = API_KEY_VARIABLES.iter().chain(&ACTOR_TOKEN_VARIABLES).find_map(find)?;
        // A named data folder is an explicit choice, and the same key needs no choice.
        if priority == LocalPriority::First || chosen.is_some_and(|key| key.value == value) {
            return None;
        }
        Some(format!(
            "{name} is set, but nothing says for which server it is: set AXME_BASE_URL={}, or unset {name}",
            base_url.value
        ))
    }

    /// Says on stderr which variables have a surprising effect.
    pub(crate) fn warn_about_variables(&self, settings: &ConnectionSettings) {
        // A named data folder is an explicit choice.
        if self.flags.data.is_some() {
            return;
        }
        let note = match self.order {
            Precedence::Official => self.ignored_variables(settings),
            Precedence::Ours => self.redirected_key(settings),
        };
        if let Some(note) = note {
            eprintln!("axme: {note}");
        }
    }

    /// Returns a note about a key of the environment that goes to the server of the context.
    fn redirected_key(&self, settings: &ConnectionSettings) -> Option<String> {
        let key = settings.api_key.as_ref().filter(|key| API_KEY_VARIABLES.contains(&key.source.as_str()))?;
        let is_of_context = settings.base_url.source == self.source_of_context();
        let is_another = self.secrets.api_key.as_ref() != Some(&key.value);
        (is_of_context && is_another).then(|| {
            format!(
                "{} goes to {}, the server of context \"{}\"; set AXME_BASE_URL if it is for another one",
                key.source, settings.base_url.value, self.name
            )
        })
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

    fn source_of_context(&self) -> String {
        format!("context \"{}\"", self.name)
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
            order: Precedence::Ours,
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
        assert_eq!(url_and_key(&resolver.resolve(live(), LocalPriority::Fallback)), ("http://env", Some("env-key")));
        resolver.order = Precedence::Official;
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
        let made_by_dev = resolver(DEFAULT_BASE_URL, Some("dev-key"), nothing);
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
        assert_eq!(refused.connect().err().map(|failure| failure.ending), Some(crate::exit::Ending::Usage));
        let own = abroad("http://context", Flags { api_key: Some("mine".to_owned()), ..Flags::default() });
        assert_eq!(url_and_key(&own), ("http://other:8100", Some("mine")));
        assert!(own.connect().is_ok());
        assert_eq!(
            url_and_key(&abroad("http://other:8100/path", Flags::default())),
            ("http://other:8100", Some("key"))
        );
        for url in ["", DEFAULT_BASE_URL] {
            assert_eq!(url_and_key(&abroad(url, Flags::default())), ("http://other:8100", None), "{url}");
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

    fn only_key(name: &str) -> Option<String> {
        (name == "AXME_API_KEY").then(|| "env-key".to_owned())
    }

    fn only_url(name: &str) -> Option<String> {
        (name == "AXME_BASE_URL").then(|| "http://env".to_owned())
    }

    #[test]
    fn a_key_goes_to_its_own_server_only() {
        // A key of the environment alone goes to the server of the context, and that is said.
        let redirected = resolver("http://context", Some("context-key"), only_key);
        let settings = redirected.resolve(None, LocalPriority::Fallback);
        assert_eq!(url_and_key(&settings), ("http://context", Some("env-key")));
        assert!(redirected.redirected_key(&settings).unwrap().contains("AXME_API_KEY goes to http://context"));
        // It goes neither to a server that happens to run, nor to the default address.
        for live in [live(), None] {
            let settings = resolver("", None, only_key).resolve(live, LocalPriority::Fallback);
            assert_ne!(settings.api_key.as_ref().map(|key| key.value.as_str()), Some("env-key"));
            assert!(settings.check_server().unwrap_err().message.contains("set AXME_BASE_URL="), "{settings:?}");
        }
        // The key of a context does not go to the server of the environment.
        let settings =
            resolver("http://context", Some("context-key"), only_url).resolve(live(), LocalPriority::Fallback);
        assert_eq!(url_and_key(&settings), ("http://env", None));
        assert!(settings.check_server().unwrap_err().message.contains("are for http://context, not for http://env"));
        // A key of the environment goes to the server of a flag.
        let mut flagged = resolver("http://context", Some("context-key"), only_key);
        flagged.flags.base_url = Some("http://flag".to_owned());
        let settings = flagged.resolve(live(), LocalPriority::Fallback);
        assert_eq!(url_and_key(&settings), ("http://flag", Some("env-key")));
        assert!(settings.check_server().is_ok() && flagged.redirected_key(&settings).is_none());
    }
}
