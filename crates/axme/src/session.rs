//! Whom a command talks to, and as whom. Each setting comes from the first place that has it: a flag, the context, the
//! environment, the live server of the data folder, the default (contract `wire.md` §3.2, §3.4).

use std::path::{Path, PathBuf};

use axme_client::api::{Op, OpInfo, WorkspaceRef};
use axme_client::{Client, ClientError, Tokens};
use clap::Args;
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::contexts::{self, Context, Contexts, Secrets};
use crate::failure::Failure;
use crate::folders;
use crate::local::{self, Live};
use crate::screen::{Form, line};

pub const DEFAULT_BASE_URL: &str = "http://127.0.0.1:8100";

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Flags {
    /// Print JSON for programs
    #[arg(long, global = true)]
    pub json: bool,
    /// Use this context instead of the active one
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection", hide_short_help = true)]
    pub context_name: Option<String>,
    /// Where the server is
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection", hide_short_help = true)]
    pub base_url: Option<String>,
    /// The key to present
    #[arg(long, global = true, value_name = "KEY", help_heading = "Connection", hide_short_help = true)]
    pub api_key: Option<String>,
    /// The token of a person to present beside the key
    #[arg(
        long,
        alias = "bearer-token",
        global = true,
        value_name = "TOKEN",
        help_heading = "Connection",
        hide_short_help = true
    )]
    pub actor_token: Option<String>,
    /// The organization, where a command needs one
    #[arg(long, global = true, value_name = "ID", help_heading = "Connection", hide_short_help = true)]
    pub org_id: Option<String>,
    /// The workspace, where a command needs one
    #[arg(long, global = true, value_name = "ID", help_heading = "Connection", hide_short_help = true)]
    pub workspace_id: Option<String>,
    /// The agent in whose name calls are made
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Connection", hide_short_help = true)]
    pub owner_agent: Option<String>,
    /// A name for where this is: staging, production
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection", hide_short_help = true)]
    pub environment: Option<String>,
    /// Talk to the server of this data folder (before the command: axme --data DIR tasks list)
    #[arg(long, value_name = "DIR", help_heading = "Connection", hide_short_help = true)]
    pub data: Option<PathBuf>,
}

impl Flags {
    pub fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Human }
    }
}

/// A value and where it came from, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    pub value: String,
    pub from: String,
}

/// Everything a command needs to know before it connects.
#[derive(Debug, Clone)]
pub struct Setting {
    pub context: String,
    pub base_url: Given,
    pub api_key: Option<Given>,
    pub actor_token: Option<Given>,
    /// What the actor token is refreshed with, when both are the context's and so is the server.
    pub refresh_token: Option<String>,
    pub org_id: Option<Given>,
    pub workspace_id: Option<Given>,
    pub owner_agent: Option<Given>,
    pub environment: Option<Given>,
    /// Where the context's own server is, when the context has secrets and `--base-url` leads elsewhere: they stay here.
    pub own_server: Option<String>,
    pub form: Form,
    /// How this program is called, for another terminal, so that it finds the same server.
    pub command: String,
}

impl Setting {
    pub async fn find(flags: &Flags) -> Result<Setting, Failure> {
        let finder = Finder::new(flags)?;
        let setting = finder.find(flags.data.as_deref()).await?;
        finder.note_unused(&setting);
        Ok(setting)
    }

    /// What a context has that is about to be signed in, if there is one of that name.
    pub async fn to_sign_in(flags: &Flags, name: &str) -> Result<Setting, Failure> {
        let finder = Finder::of(flags, &Contexts::load()?, name);
        let setting = finder.find(flags.data.as_deref()).await?;
        // No key has a part in that.
        finder.note_unused(&setting.clone().anonymous());
        Ok(setting)
    }

    /// What a context has in which somebody has just signed in.
    pub async fn signed_in(flags: &Flags, name: &str) -> Result<Setting, Failure> {
        Finder::of(flags, &Contexts::load()?, name).find(flags.data.as_deref()).await
    }

    /// The server that somebody runs from `live.folder`, with its own key.
    pub fn of_local(flags: &Flags, live: Live) -> Result<Setting, Failure> {
        Ok(Finder::new(flags)?.setting(Some(live), Local::First))
    }

    /// Whether the key is the administrator's of the server that keeps its data in `folder`.
    pub fn is_of(&self, folder: &Path) -> bool {
        let own = local::bootstrap(folder).map(|bootstrap| bootstrap.api_key);
        own.is_some() && own.as_ref() == self.api_key.as_ref().map(|key| &key.value)
    }

    /// The workspace that calls are about, where one was chosen.
    pub fn workspace(&self) -> WorkspaceRef {
        let value = |given: &Option<Given>| given.as_ref().map(|given| given.value.clone());
        WorkspaceRef { org_id: value(&self.org_id), workspace_id: value(&self.workspace_id) }
    }

    /// With nothing that says who is calling.
    pub fn anonymous(self) -> Setting {
        Setting { api_key: None, actor_token: None, refresh_token: None, own_server: None, ..self }
    }

    /// As the person alone, where one is signed in: a key that has ended is no hindrance then.
    pub fn in_person(self) -> Setting {
        let api_key = self.api_key.filter(|_| self.actor_token.is_none());
        Setting { api_key, ..self }
    }

    /// A context's secrets are for its own server. Whoever means another one says with what to go there.
    pub fn check_server(&self) -> Result<(), Failure> {
        match &self.own_server {
            Some(own) => Err(Failure::usage(format!(
                "the credentials of context \"{}\" are for {own}, so {} does not get them: give yours for it with --api-key or \
                 --actor-token, or name its context with --context-name",
                self.context, self.base_url.value
            ))),
            None => Ok(()),
        }
    }

    pub fn connect(self) -> Result<Session, Failure> {
        self.check_server()?;
        let mut client = Client::builder(&self.base_url.value).program(concat!("axme-cli/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = &self.api_key {
            client = client.api_key(&key.value);
        }
        match (&self.actor_token, &self.refresh_token) {
            (Some(access), Some(refresh)) => {
                let tokens = Tokens { access: access.value.clone(), refresh: refresh.clone() };
                client = client.signed_in(tokens, contexts::Kept { context: self.context.clone() });
            }
            (Some(access), None) => client = client.bearer(&access.value),
            (None, _) => {}
        }
        if let Some(owner) = &self.owner_agent {
            client = client.owner_agent(&owner.value);
        }
        let client = client.build().map_err(Failure::usage)?;
        Ok(Session { client, setting: self })
    }
}

/// A connection to a server.
pub struct Session {
    pub client: Client,
    pub setting: Setting,
}

impl Session {
    pub async fn open(flags: &Flags) -> Result<Session, Failure> {
        Setting::find(flags).await?.connect()
    }

    pub fn form(&self) -> Form {
        self.setting.form
    }

    /// Calls an operation; a failure is explained.
    pub async fn call<I: Serialize, O: DeserializeOwned>(&self, op: &Op<I, O>, input: &I) -> Result<O, Failure> {
        self.client.call(op, input).await.map_err(|error| self.explain(&error))
    }

    /// Calls an operation and prints its answer as it came. For programs a refusal is an answer too, and no failure of
    /// the command (contract `wire.md` §3.1).
    pub async fn show(&self, info: &OpInfo, input: &impl Serialize, key: Option<&str>) -> Result<(), Failure> {
        self.print(self.client.call_json(info, input, key).await)
    }

    pub fn print(&self, answer: Result<Value, ClientError>) -> Result<(), Failure> {
        let (ok, status, body) = match (answer, self.form()) {
            (Ok(body), Form::Human) => return self.form().value(&body),
            (Ok(body), Form::Json) => (true, 200, body),
            (Err(ClientError::Refused(refusal)), Form::Json) => (false, refusal.status, refusal.body),
            (Err(error), _) => return Err(self.explain(&error)),
        };
        line(json!({ "body": body, "ok": ok, "status_code": status }).to_string())
    }

    /// One sentence about what went wrong and what to do about it.
    pub fn explain(&self, error: &ClientError) -> Failure {
        let base_url = &self.setting.base_url;
        match error {
            ClientError::Refused(refusal) if refusal.status == 401 && NO_PERSON.contains(&refusal.code.as_str()) => {
                Failure::usage(match &self.setting.actor_token {
                    None => format!("this is for a person who is signed in at {}: `axme login`", base_url.value),
                    Some(_) => format!("your session at {} has ended; sign in again: `axme login`", base_url.value),
                })
            }
            ClientError::Refused(refusal) if refusal.status == 401 => {
                let Setting { api_key, actor_token, .. } = &self.setting;
                let mut presented =
                    api_key.iter().map(|key| ("key", key)).chain(actor_token.iter().map(|t| ("token", t)));
                Failure::new(match presented.next() {
                    None => format!(
                        "no key to present to {}: start a server with `axme dev`, or give one with --api-key, AXME_API_KEY \
                         or `axme context set`",
                        base_url.value
                    ),
                    Some((what, given)) => {
                        format!("{} does not take the {what} from {}: {}", base_url.value, given.from, refusal.message)
                    }
                })
            }
            ClientError::Refused(refusal) => Failure::new(refusal),
            ClientError::Transport(_) => Failure::new(format!(
                "{error} (address from {}); `axme dev` starts a server on this machine",
                base_url.from
            )),
            ClientError::Input(_) => Failure::usage(error),
            ClientError::Answer(_) | ClientError::StillRunning { .. } => Failure::new(error),
        }
    }
}

/// The server says so when it wants a person and sees none (contract `wire.md` §1.4).
const NO_PERSON: [&str; 3] = ["missing_actor_token", "token_expired", "invalid_actor_token"];

/// Whether the server of the data folder was asked for, or is only what is left.
#[derive(Clone, Copy, PartialEq)]
enum Local {
    First,
    Last,
}

/// The places where settings come from.
struct Finder {
    flags: Flags,
    name: String,
    context: Context,
    secrets: Secrets,
    form: Form,
    environment: fn(&str) -> Option<String>,
}

impl Finder {
    fn new(flags: &Flags) -> Result<Finder, Failure> {
        // Without a home folder there are no contexts, and everything else still works.
        let contexts = if folders::config().is_ok() { Contexts::load()? } else { Contexts::default() };
        let name = flags.context_name.as_deref().unwrap_or(contexts.active());
        if flags.context_name.is_some() && contexts.get(name).is_none() {
            return Err(Failure::usage(format!("there is no context \"{name}\"; see `axme context list`")));
        }
        Ok(Finder::of(flags, &contexts, name))
    }

    fn of(flags: &Flags, contexts: &Contexts, name: &str) -> Finder {
        let found = contexts.get(name).map(|(context, secrets)| (context.clone(), secrets));
        let (context, secrets) = found.unwrap_or_default();
        Finder {
            flags: flags.clone(),
            name: name.to_owned(),
            context,
            secrets,
            form: flags.form(),
            environment: folders::environment,
        }
    }

    async fn find(&self, data: Option<&Path>) -> Result<Setting, Failure> {
        let folder = folders::data(data);
        if let Some(asked) = data {
            let Some(live) = local::find(asked).await else {
                return Err(Failure::new(format!(
                    "no server runs on {}; start one with `axme serve --data {0}`",
                    asked.display()
                )));
            };
            return Ok(self.setting(Some(live), Local::First));
        }
        let setting = self.setting(None, Local::Last);
        let Ok(folder) = folder else { return Ok(setting) };
        let is_nobody = setting.api_key.is_none() && setting.actor_token.is_none();
        if is_nobody || setting.base_url.from == DEFAULT_ORIGIN {
            return Ok(self.setting(local::find(&folder).await, Local::Last));
        }
        if self.flags.base_url.is_none()
            && setting.is_of(&folder)
            && let Some(live) = local::find(&folder).await
        {
            // The context is from an earlier `axme dev` here, and the server has another port by now.
            let from = format!("the server of {}", folder.display());
            return Ok(Setting { base_url: Given { value: live.base_url, from }, ..setting });
        }
        Ok(setting)
    }

    fn setting(&self, live: Option<Live>, local: Local) -> Setting {
        let bootstrap = live.as_ref().and_then(|live| live.bootstrap.as_ref());
        let from = live.as_ref().map(|live| format!("the server of {}", live.folder.display())).unwrap_or_default();
        let here = |value: Option<&String>| Some(Given { value: value?.clone(), from: from.clone() });
        let live_url = here(live.as_ref().map(|live| &live.base_url));
        // Somebody who names a data folder does not mean the context.
        let of_context = |value: Option<&String>| match local {
            Local::First => None,
            Local::Last => Some(Given { value: value?.clone(), from: format!("context \"{}\"", self.name) }),
        };
        let pick =
            |flag: (&str, &Option<String>), live: Option<Given>, context: Option<&String>, variables: &[&str]| {
                let (first, last) = if local == Local::First { (live, None) } else { (None, live) };
                let given = flag.1.as_ref().map(|value| Given { value: value.clone(), from: flag.0.to_owned() });
                let variable = |name: &&str| Some(Given { value: (self.environment)(name)?, from: (*name).to_owned() });
                given.or(first).or(of_context(context)).or_else(|| variables.iter().find_map(variable)).or(last)
            };

        let (flags, context) = (&self.flags, &self.context);
        let base_url = pick(("--base-url", &flags.base_url), live_url.clone(), self.context_url(), &BASE_URL_VARIABLES)
            .unwrap_or(Given { value: DEFAULT_BASE_URL.to_owned(), from: DEFAULT_ORIGIN.to_owned() });
        // The ids of one server mean nothing at another.
        let is_abroad = self.flags.base_url.as_ref().is_some_and(|url| !is_same_server(url, &context.base_url));
        let is_abroad = is_abroad && !context.base_url.is_empty();
        let is_elsewhere = local == Local::Last && is_abroad && self.guards_secrets();
        let nothing = Secrets::default();
        let secrets = if is_elsewhere { &nothing } else { &self.secrets };
        let names_credentials = flags.api_key.is_some() || flags.actor_token.is_some();
        // The key of the local server is for that server only.
        let at_home = live_url.is_some_and(|url| is_same_server(&url.value, &base_url.value));
        let own = |value: Option<&String>| if at_home { here(value) } else { None };
        let actor_token = pick(
            ("--actor-token", &flags.actor_token),
            None,
            secrets.actor_token.as_ref(),
            &["AXME_ACTOR_TOKEN", "AXME_PORTAL_SCOPED_BEARER_TOKEN"],
        );
        // A refresh token is shown to nobody but the server that gave it.
        let is_own = actor_token.as_ref().map(|token| &token.value) == secrets.actor_token.as_ref()
            && is_same_server(&base_url.value, &context.base_url);
        Setting {
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
                context.org_id.as_ref().filter(|_| !is_abroad),
                &["AXME_ORG_ID"],
            ),
            workspace_id: pick(
                ("--workspace-id", &flags.workspace_id),
                own(bootstrap.map(|b| &b.workspace_id)),
                context.workspace_id.as_ref().filter(|_| !is_abroad),
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
            own_server: Some(context.base_url.clone()).filter(|_| is_elsewhere && !names_credentials),
            context: self.name.clone(),
            base_url,
            form: self.form,
            command: crate::program_for(flags.data.as_deref()),
        }
    }

    /// Whether the context has secrets, and a server of its own that they are for.
    fn guards_secrets(&self) -> bool {
        let has_secrets = self.secrets.api_key.is_some() || self.secrets.actor_token.is_some();
        has_secrets && !is_same_server(&self.context.base_url, DEFAULT_BASE_URL)
    }

    fn note_unused(&self, setting: &Setting) {
        // Whoever names a data folder means its server.
        if self.flags.data.is_none()
            && let Some(note) = self.unused(setting)
        {
            eprintln!("axme: {note}");
        }
    }

    /// Variables that are set and give way to something else, so that nobody wonders.
    fn unused(&self, setting: &Setting) -> Option<String> {
        let gives_way = |chosen: Option<&Given>, flag: &Option<String>, variables: &[&'static str]| {
            let (chosen, is_flag) = (chosen?, flag.is_some());
            let set = variables.iter().find_map(|name| Some((*name, (self.environment)(name)?)));
            let (name, value) =
                set.filter(|(name, value)| !is_flag && *name != chosen.from && *value != chosen.value)?;
            let is_url = variables == BASE_URL_VARIABLES;
            (!is_url || !is_same_server(&value, &chosen.value)).then(|| (name, chosen.from.clone()))
        };
        let url = gives_way(Some(&setting.base_url), &self.flags.base_url, &BASE_URL_VARIABLES);
        let key = gives_way(setting.api_key.as_ref(), &self.flags.api_key, &API_KEY_VARIABLES);
        let (flags, names, from) = match (url, key) {
            (Some((url, from)), Some((key, _))) => ("--base-url and --api-key", format!("{url} and {key} are"), from),
            (Some((url, from)), None) => ("--base-url", format!("{url} is"), from),
            (None, Some((key, from))) => ("--api-key", format!("{key} is"), from),
            (None, None) => return None,
        };
        Some(format!("{names} not used, {from} comes first; say otherwise with {flags}, or see `axme context -h`"))
    }

    /// The context's address. The default one beside no credential was never chosen by anybody.
    fn context_url(&self) -> Option<&String> {
        let url = &self.context.base_url;
        let is_used = self.secrets.api_key.is_some() || self.secrets.actor_token.is_some();
        (!url.is_empty() && (url != DEFAULT_BASE_URL || is_used)).then_some(url)
    }
}

/// Whether two addresses have the same scheme, host and port.
pub fn is_same_server(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin().is_tuple() && one.origin() == other.origin(),
        _ => one == other,
    }
}

const DEFAULT_ORIGIN: &str = "the default";
const BASE_URL_VARIABLES: [&str; 3] = ["AXME_PORTAL_BASE_URL", "AXME_GATEWAY_BASE_URL", "AXME_BASE_URL"];
const API_KEY_VARIABLES: [&str; 2] = ["AXME_GATEWAY_API_KEY", "AXME_API_KEY"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Bootstrap;

    fn finder(context_url: &str, key: Option<&str>, environment: fn(&str) -> Option<String>) -> Finder {
        Finder {
            flags: Flags::default(),
            name: "work".to_owned(),
            context: Context { base_url: context_url.to_owned(), ..Context::default() },
            secrets: Secrets { api_key: key.map(str::to_owned), ..Secrets::default() },
            form: Form::Human,
            environment,
        }
    }

    fn live() -> Option<Live> {
        let bootstrap = Bootstrap {
            base_url: "http://127.0.0.1:1".to_owned(),
            api_key: "live-key".to_owned(),
            org_id: "live-org".to_owned(),
            workspace_id: "live-ws".to_owned(),
            owner_email: "owner@local".to_owned(),
        };
        Some(Live { folder: "/data".into(), base_url: "http://127.0.0.1:7".to_owned(), bootstrap: Some(bootstrap) })
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

    fn url_and_key(setting: &Setting) -> (&str, Option<&str>) {
        (&setting.base_url.value, setting.api_key.as_ref().map(|key| key.value.as_str()))
    }

    #[test]
    fn the_first_place_that_has_a_value_gives_it() {
        let mut finder = finder("http://context", Some("context-key"), variables);
        assert_eq!(url_and_key(&finder.setting(live(), Local::Last)), ("http://context", Some("context-key")));
        finder.flags.api_key = Some("flag-key".to_owned());
        assert_eq!(url_and_key(&finder.setting(None, Local::Last)), ("http://context", Some("flag-key")));
        finder.flags.base_url = Some("http://flag".to_owned());
        assert_eq!(url_and_key(&finder.setting(None, Local::Last)), ("http://flag", Some("flag-key")));
    }

    #[test]
    fn an_address_that_nobody_chose_gives_way() {
        assert_eq!(url_and_key(&finder("", None, nothing).setting(None, Local::Last)), (DEFAULT_BASE_URL, None));
        let untouched = finder(DEFAULT_BASE_URL, None, variables);
        assert_eq!(url_and_key(&untouched.setting(None, Local::Last)), ("http://env", Some("env-key")));
        let made_by_dev = finder(DEFAULT_BASE_URL, Some("dev-key"), variables);
        assert_eq!(url_and_key(&made_by_dev.setting(None, Local::Last)), (DEFAULT_BASE_URL, Some("dev-key")));
    }

    #[test]
    fn the_key_of_the_local_server_stays_there() {
        let setting = finder("", None, nothing).setting(live(), Local::Last);
        assert_eq!(url_and_key(&setting), ("http://127.0.0.1:7", Some("live-key")));
        assert_eq!(setting.org_id.unwrap().value, "live-org");
        let elsewhere = finder("http://context", None, nothing).setting(live(), Local::Last);
        assert_eq!(url_and_key(&elsewhere), ("http://context", None));
    }

    #[test]
    fn a_refresh_token_goes_to_its_own_server_only() {
        let mut finder = finder("http://context/", Some("key"), nothing);
        finder.secrets.actor_token = Some("access".to_owned());
        finder.secrets.refresh_token = Some("refresh".to_owned());
        assert_eq!(finder.setting(None, Local::Last).refresh_token.as_deref(), Some("refresh"));
        finder.flags.base_url = Some("http://other".to_owned());
        assert_eq!(finder.setting(None, Local::Last).refresh_token, None);
        finder.flags = Flags { actor_token: Some("another".to_owned()), ..Flags::default() };
        assert_eq!(finder.setting(None, Local::Last).refresh_token, None);
    }

    #[test]
    fn secrets_of_a_context_stay_with_its_server() {
        let abroad = |url: &str, flags: Flags| {
            let mut finder = finder(url, Some("key"), nothing);
            finder.context.org_id = Some("org".to_owned());
            finder.flags = Flags { base_url: Some("http://other:8100".to_owned()), ..flags };
            finder.setting(None, Local::Last)
        };
        let refused = abroad("http://context", Flags::default());
        assert_eq!((refused.api_key.as_ref(), refused.org_id.as_ref()), (None, None));
        assert_eq!(refused.connect().err().map(|failure| failure.code), Some(2));
        let own = abroad("http://context", Flags { api_key: Some("mine".to_owned()), ..Flags::default() });
        assert_eq!(url_and_key(&own), ("http://other:8100", Some("mine")));
        assert!(own.connect().is_ok());
        // The same server with a path, and contexts that never chose one.
        for url in ["http://other:8100/path", "", DEFAULT_BASE_URL] {
            assert_eq!(url_and_key(&abroad(url, Flags::default())), ("http://other:8100", Some("key")), "{url}");
        }
        assert!(!is_same_server("http://a", "https://a") && is_same_server("http://a/", "http://a:80"));
    }

    #[test]
    fn a_named_data_folder_comes_before_context_and_environment() {
        let setting = finder("http://context", Some("context-key"), variables).setting(live(), Local::First);
        assert_eq!(url_and_key(&setting), ("http://127.0.0.1:7", Some("live-key")));
        let mut unreadable = live();
        unreadable.as_mut().unwrap().bootstrap = None;
        let setting = finder("http://context", Some("context-key"), nothing).setting(unreadable, Local::First);
        assert_eq!(url_and_key(&setting), ("http://127.0.0.1:7", None));
    }
}
