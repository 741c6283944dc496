//! `axme context`: named sets of connection settings (`spec/protocol.md` §3.3, §3.7).

use std::time::Duration;

use axme_client::api::capabilities::EmptyInput;
use axme_client::api::me;
use axme_client::api::personal::{self, WorkspaceSelection};
use axme_intent::visible::visible;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::connection::{ConnectionSettings, SettingValue};
use crate::contexts::{Context, Contexts, Secrets};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{line, print_list};

/// Keep settings for several servers and switch between them
///
/// A context is a named set of settings, such as address, key and organization. Each setting comes from the first
/// source that has it: flag, environment variable, context, running server of the data folder, default.
///
/// A key of a context goes to the address of that context only. A key of the environment goes to the address of the
/// flag or of the environment, else to that of the context.
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// List the contexts
    List,
    Show(Show),
    /// Make a context the active one
    ///
    /// If a person is signed in there, the context gets the workspace that the server has selected for them.
    Use {
        /// Name of the context
        #[arg(value_name = "NAME")]
        name: String,
    },
    Set(Set),
}

/// Show the settings in effect and their sources
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Include the key
    #[arg(long)]
    show_key: bool,
}

/// Create or change a context from the connection flags
#[derive(Debug, Args)]
#[command(after_help = "Example: axme context set work --base-url https://axme.example.com --api-key axme_sa_…")]
pub(crate) struct Set {
    /// Name of the context
    #[arg(value_name = "NAME")]
    name: String,
}

impl ContextCommand {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self {
            ContextCommand::List => list(flags),
            ContextCommand::Show(show) => show.run(flags).await,
            ContextCommand::Use { name } => activate(flags, &name).await,
            ContextCommand::Set(set) => set.run(flags),
        }
    }
}

fn list(flags: &Flags) -> Result<(), Failure> {
    let contexts = Contexts::load()?;
    let listed: Vec<_> = contexts.names().filter_map(|name| Some((name, contexts.get(name)?))).collect();
    if flags.format().is_json() {
        let listed = listed.iter().map(|(name, (context, secrets))| {
            json!({
                "name": name, "active": *name == contexts.active(), "base_url": context.base_url, "org_id": context.org_id,
                "workspace_id": context.workspace_id, "owner_agent": context.owner_agent, "environment": context.environment,
                "has_api_key": secrets.api_key.is_some(), "has_actor": secrets.actor_token.is_some(),
                "has_bearer": secrets.actor_token.is_some(), "secret_error": null,
            })
        });
        return flags.format().print_json(&listed.collect::<Vec<Value>>());
    }
    let rows = listed.iter().map(|(name, (context, secrets))| {
        let active = if *name == contexts.active() { "*" } else { "" };
        let key = if secrets.api_key.is_some() { "yes" } else { "no" };
        vec![active.to_owned(), (*name).to_owned(), context.base_url.clone(), key.to_owned()]
    });
    print_list("contexts", &["ACTIVE", "NAME", "BASE_URL", "KEY"], rows)
}

impl Show {
    async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let settings = ConnectionSettings::find(flags).await?;
        let mut object = json!({
            "context": settings.context,
            "base_url": settings.base_url.value,
            "base_url_from": settings.base_url.source,
            "org_id": SettingValue::text(&settings.org_id),
            "workspace_id": SettingValue::text(&settings.workspace_id),
            "owner_agent": SettingValue::text(&settings.owner_agent),
            "environment": SettingValue::text(&settings.environment),
            "has_api_key": settings.api_key.is_some(),
            "api_key_from": settings.api_key.as_ref().map(|key| key.source.clone()),
            "has_actor": settings.actor_token.is_some(),
        });
        if self.show_key {
            object["api_key"] = SettingValue::text(&settings.api_key).map_or(Value::Null, Value::from);
        }
        if flags.format().is_json() {
            // The server may be away; the settings are shown even so.
            let known = tokio::time::timeout(PATIENCE, ask_server(settings)).await.unwrap_or_default();
            object["agent_addresses"] = json!(known.addresses);
            object["server_context"] = json!(known.selected);
            return flags.format().print_json(&object);
        }
        let fields = object.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        for (name, value) in fields {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line(format!("{:16}{value}", format!("{name}:")))?;
        }
        Ok(())
    }
}

/// How long the command waits for a server that only adds to its answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The parts of an identity that only the server knows.
#[derive(Default)]
struct Known {
    addresses: Vec<String>,
    /// The organization and workspace that the server has selected for the signed-in person.
    selected: Option<WorkspaceSelection>,
}

async fn ask_server(settings: ConnectionSettings) -> Known {
    let mut known = Known::default();
    if settings.api_key.is_some()
        && let Ok(session) = settings.clone().connect()
        && let Ok(me) = session.client.call(&me::GET, &EmptyInput::default()).await
    {
        known.addresses.extend(me.address);
    }
    if settings.actor_token.is_some()
        && let Ok(session) = settings.person_only().connect()
        && let Ok(portal) = session.client.call(&personal::CONTEXT, &EmptyInput::default()).await
    {
        known.selected = Some(portal.context);
    }
    known
}

/// Returns the workspace that the server has selected for the person of a context, if one is signed in.
async fn selected_place(flags: &Flags, name: &str) -> Option<(String, String)> {
    let settings = ConnectionSettings::after_sign_in(flags, name).await.ok()?;
    settings.actor_token.as_ref()?;
    let session = settings.person_only().connect().ok()?;
    let input = EmptyInput::default();
    let asked = session.client.call(&personal::CONTEXT, &input);
    let place = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(portal)) => portal.context,
        Ok(Err(error)) => {
            eprintln!("axme: cannot read the account: {}", visible(&session.explain(&error).message));
            return None;
        }
        Err(_) => {
            eprintln!("axme: cannot read the account: {} does not answer", session.settings.base_url.value);
            return None;
        }
    };
    Some((place.org_id, place.workspace_id)).filter(|(org, workspace)| !org.is_empty() && !workspace.is_empty())
}

async fn activate(flags: &Flags, name: &str) -> Result<(), Failure> {
    let mut contexts = Contexts::load()?;
    if contexts.get(name).is_none() {
        return Err(Failure::usage(format!("there is no context \"{name}\"; see `axme context list`")));
    }
    contexts.activate(name);
    contexts.save()?;
    let place = selected_place(flags, name).await;
    if let Some((org_id, workspace_id)) = &place {
        // The call may have stored new tokens.
        let mut contexts = Contexts::load()?;
        contexts.set_place(name, org_id, workspace_id);
        contexts.save()?;
    }
    if flags.format().is_json() {
        let (org_id, workspace_id) = place.clone().unzip();
        return flags.format().print_json(&json!({
            "ok": true, "context": name, "hydrated": place.is_some(), "org_id": org_id, "workspace_id": workspace_id,
        }));
    }
    report(flags, name, "is active")
}

impl Set {
    fn run(self, flags: &Flags) -> Result<(), Failure> {
        if let Some(base_url) = &flags.base_url {
            axme_client::check_base_url(base_url.trim()).map_err(Failure::usage)?;
        }
        let mut contexts = Contexts::load()?;
        let first = contexts.names().next().is_none();
        let found = contexts.get(&self.name).map(|(context, secrets)| (context.clone(), secrets));
        let (old, old_secrets) = found.unwrap_or_default();
        let context = Context {
            base_url: flags.base_url.clone().unwrap_or(old.base_url),
            owner_agent: flags.owner_agent.clone().or(old.owner_agent),
            org_id: flags.org_id.clone().or(old.org_id),
            workspace_id: flags.workspace_id.clone().or(old.workspace_id),
            environment: flags.environment.clone().or(old.environment),
            dev_data: None,
            rest: old.rest,
        };
        let secrets = Secrets {
            api_key: flags.api_key.clone().or(old_secrets.api_key),
            actor_token: flags.actor_token.clone().or(old_secrets.actor_token),
            ..old_secrets
        };
        contexts.put(&self.name, context, secrets);
        if first {
            contexts.activate(&self.name);
        }
        contexts.save()?;
        report(flags, &self.name, "is saved")
    }
}

fn report(flags: &Flags, name: &str, what: &str) -> Result<(), Failure> {
    match flags.format().is_json() {
        true => flags.format().print_json(&json!({ "ok": true, "context": name })),
        false => line(format!("Context \"{name}\" {what}.")),
    }
}
