//! `axme agents`: the registered agents of the workspace and their keys (`spec/protocol.md` §3.7, §2.14, §2.20).

mod new;

use axme_client::Timestamp;
use axme_client::api::agents::{self, AgentQueue, GetAgent, ListAgents};
use axme_client::api::service_accounts::{
    self, AcknowledgedSeconds, CreateKey, CreateServiceAccount, KeyScope, RevokeKey, ServiceAccountAnswer,
};
use axme_intent::DeliveryBinding;
use axme_intent::address::{Home, NameFit, NearestName, nearest_name};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::policies::{ReceiveOverride, SendPolicy};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::key_bounds::KeyBounds;
use crate::limit;
use crate::output::{age, line, local, print_list};
use crate::picker::confirm;
use crate::session::{Session, Shape};

/// The delivery modes of agents that run outside the server.
const MODES: [&str; 3] =
    [DeliveryBinding::Stream.as_str(), DeliveryBinding::Poll.as_str(), DeliveryBinding::Http.as_str()];

/// Register agents and manage their keys
#[derive(Debug, Subcommand)]
pub(crate) enum Agents {
    List(List),
    /// Show an agent
    Show {
        /// Address: a name, org/workspace/name or agent://…
        #[arg(value_name = "ADDRESS")]
        address: String,
    },
    Register(Register),
    New(new::New),
    Delete(Delete),
    #[command(subcommand)]
    Keys(Keys),
    #[command(subcommand)]
    Policy(SendPolicy),
    #[command(subcommand)]
    ReceiveOverride(ReceiveOverride),
}

/// Delete an agent and revoke its keys
///
/// Registering the address again restores the agent without its keys.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme agents delete my-agent --yes")]
pub(crate) struct Delete {
    /// Address of the agent, or id of its service account
    #[arg(value_name = "AGENT")]
    agent: String,
    /// Delete without asking
    #[arg(short, long)]
    yes: bool,
}

/// List the registered agents, by address
///
/// WAITING counts the intents that the agent has not answered, and OLDEST is the age of the oldest one. SEEN is the last
/// heartbeat, use of a key, or sign of a worker with a name.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Maximum number of agents
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = limit::read::<u64>)]
    limit: u64,
}

/// Register an agent, or change a registered one
///
/// A registered agent gets the values that are given and keeps the others. A deleted one is registered again.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme agents register --name my-agent --display-name \"My Agent\"")]
pub(crate) struct Register {
    /// Name of the agent, the last part of its address: lower-case letters, digits, '.', '_' and '-'
    #[arg(long)]
    name: String,
    /// Name shown to people
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Purpose of the agent
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How intents reach the agent [default: stream]
    #[arg(long, value_name = "MODE", value_parser = MODES)]
    delivery_mode: Option<String>,
    /// URL to post intents to, with --delivery-mode http
    #[arg(long, visible_alias = "endpoint-url", value_name = "URL")]
    callback_url: Option<String>,
    /// Secret that signs the posts [with --callback-url also env: AXME_WEBHOOK_SECRET] [default: a new one, printed once]
    #[arg(long, value_name = "SECRET")]
    webhook_secret: Option<String>,
    /// Seconds for which an intent that a worker without a name has read is not offered to others, up to a week
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    acknowledged_seconds: Option<u64>,
    /// Whether a worker without a name that starts anew is shown what others hold
    #[arg(long, value_name = "BOOL")]
    replay_claimed: Option<bool>,
}

/// Create and revoke the keys of agents
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    Create(CreateKeyArgs),
    Revoke(RevokeKeyArgs),
}

/// Create a key; it is printed only once
#[derive(Debug, Args)]
#[command(after_help = "Example: axme agents keys create --agent-id my-agent")]
pub(crate) struct CreateKeyArgs {
    /// Service account id, or address of the agent
    #[arg(long, value_name = "ID")]
    agent_id: String,
    /// Time at which the key expires, such as 2027-01-31T00:00:00Z [default: never]
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    expires_at: Option<Timestamp>,
    #[command(flatten)]
    bounds: KeyBounds,
}

/// Revoke a key
#[derive(Debug, Args)]
#[command(after_help = "Example: axme agents keys revoke --agent-id my-agent --key-id KEY_ID")]
pub(crate) struct RevokeKeyArgs {
    /// Service account id, or address of the agent
    #[arg(long, value_name = "ID")]
    agent_id: String,
    /// Id of the key, which `axme agents keys create` prints
    #[arg(long, value_name = "KEY_ID")]
    key_id: String,
}

impl Agents {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            Agents::List(list) => list.run(&session).await,
            Agents::Show { address } => session.show(&agents::GET.info, &GetAgent { address }, None).await,
            Agents::Register(register) => register.run(&session).await,
            Agents::New(new) => new.run(&session).await,
            Agents::Delete(delete) => delete.run(&session).await,
            Agents::Policy(policy) => policy.run(&session).await,
            Agents::ReceiveOverride(set) => set.run(&session).await,
            Agents::Keys(Keys::Create(args)) => {
                let service_account_id = account_id(&session, args.agent_id).await?;
                let input = CreateKey { service_account_id, expires_at: args.expires_at, ..CreateKey::default() };
                let input = args.bounds.apply(input);
                session.tell(&service_accounts::CREATE_KEY, &input, Shape::Wrapped, print_new_key).await
            }
            Agents::Keys(Keys::Revoke(args)) => {
                let service_account_id = account_id(&session, args.agent_id).await?;
                let input = RevokeKey { service_account_id, key_id: args.key_id };
                let show =
                    |answer: service_accounts::RevokeKeyAnswer| line(format!("✓ Key {} is revoked", answer.key.key_id));
                session.tell(&service_accounts::REVOKE_KEY, &input, Shape::Wrapped, show).await
            }
        }
    }
}

impl List {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let input = ListAgents {
            workspace: session.settings.workspace(),
            limit: self.limit.into(),
            queues: Some(true),
            after: None,
        };
        if session.output().is_json() {
            return session.show(&agents::LIST.info, &input, None).await;
        }
        let listed =
            session.call(&agents::LIST, &input).await.map_err(|failure| with_org_hint(session, failure))?.agents;
        let rows = listed.iter().map(|agent| {
            // Other servers do not report the queue.
            let queue = |show: fn(&AgentQueue) -> String| agent.queue.as_ref().map(show).unwrap_or_default();
            vec![
                agent.address.clone(),
                agent.display_name.clone().unwrap_or_else(|| agent.service_account_name.clone()),
                agent.delivery_mode.to_string(),
                agent.status.to_string(),
                queue(|queue| waiting(queue.unanswered)),
                queue(|queue| queue.oldest_at.map(age).unwrap_or_default()),
                queue(|queue| queue.last_seen_at.map_or("never".to_owned(), |at| format!("{} ago", age(at)))),
            ]
        });
        print_list("agents", &["ADDRESS", "NAME", "DELIVERY", "STATUS", "WAITING", "OLDEST", "SEEN"], rows)
    }
}

/// The server ends the count here.
const MAX_COUNTED: u64 = 1_000;

fn waiting(count: u64) -> String {
    if count >= MAX_COUNTED { format!("{MAX_COUNTED}+") } else { count.to_string() }
}

impl Register {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        check_name("--name", &self.name)?;
        // A secret in the environment is for the agents that are pushed to.
        let of_environment = || folders::environment("AXME_WEBHOOK_SECRET").filter(|_| self.callback_url.is_some());
        let input = CreateServiceAccount {
            webhook_secret: self.webhook_secret.or_else(of_environment),
            name: self.name,
            workspace: session.settings.workspace(),
            display_name: self.display_name,
            description: self.description,
            delivery_mode: self.delivery_mode.as_deref().and_then(DeliveryBinding::parse),
            callback_url: self.callback_url,
            acknowledged_seconds: self.acknowledged_seconds.and_then(AcknowledgedSeconds::new),
            replay_claimed: self.replay_claimed,
            ..CreateServiceAccount::default()
        };
        let show = |answer| registration(&answer).iter().try_for_each(line);
        let outcome = session.tell(&service_accounts::CREATE, &input, Shape::Bare, show).await;
        outcome.map_err(|failure| with_org_hint(session, failure))
    }
}

/// Says what a registration did.
fn registration(answer: &ServiceAccountAnswer) -> Vec<String> {
    let address = answer.address.as_deref().unwrap_or(&answer.service_account_id);
    let changed: Vec<&str> = answer.changed.iter().flatten().map(|field| field.as_str()).collect();
    let mut lines = vec![match (answer.created, changed.is_empty()) {
        (Some(true), _) => format!("✓ Registered {address}"),
        (_, true) => format!("{address} is registered already; nothing changed"),
        (_, false) => format!("✓ Changed {} of {address}", changed.join(", ")),
    }];
    lines.push(format!("  Service account: {}", answer.service_account_id));
    if let Some(secret) = &answer.webhook_secret {
        lines.push(format!("  Webhook secret, not shown again: {secret}"));
    }
    lines.extend(answer.warnings.iter().map(|warning| format!("  Warning: {warning}")));
    lines
}

/// Refuses a name that the address would spell differently. The server checks addresses.
fn check_name(flag: &str, name: &str) -> Result<(), Failure> {
    let is_address = name.contains("://") || name.starts_with("agent:/") || name.matches('/').count() == 2;
    let nearest = nearest_name(name, Home { org: "", workspace: "" }).filter(|_| !is_address);
    match nearest {
        Some(NearestName { name: nearest, fit: NameFit::Respelled | NameFit::Lossy }) => Err(Failure::usage(format!(
            "{flag}: \"{name}\" cannot be kept as typed; use \"{nearest}\", and --display-name for the text that people see"
        ))),
        _ => Ok(()),
    }
}

/// Reads the time at which a key expires.
pub(super) fn read_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "this is not a time: write it like 2027-01-31T00:00:00Z".to_owned())
}

/// Shows a new key, which is never shown again.
pub(super) fn print_new_key(answer: service_accounts::CreateKeyAnswer) -> Result<(), Failure> {
    let key = &answer.key;
    line(format!("✓ Key {} of {}", key.key_id, key.service_account_id))?;
    line(format!("  API key, not shown again: {}", answer.api_key))?;
    if key.scope != KeyScope::Full {
        line(format!("  Scope: {}", key.scope))?;
    }
    if !key.addresses.is_empty() {
        line(format!("  Works with: {}", key.addresses.join(", ")))?;
    }
    key.expires_at.map_or(Ok(()), |at| line(format!("  Expires: {}", local(at))))
}

impl Delete {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let id = account_id(session, self.agent.clone()).await?;
        if !self.yes {
            let question = format!("This will delete {} and revoke its keys. Go on?", self.agent);
            confirm(session.output(), &question, "--yes")?;
        }
        let input = service_accounts::GetServiceAccount { service_account_id: id };
        let show = |answer: service_accounts::DeleteServiceAccountAnswer| {
            let name = answer.address.unwrap_or(answer.service_account_id);
            line(format!("✓ Deleted {name}; {} key(s) revoked", answer.revoked_keys))
        };
        session.tell(&service_accounts::DELETE, &input, Shape::Bare, show).await
    }
}

/// Adds a hint to a failure if the organization and the key come from different sources.
fn with_org_hint(session: &Session, failure: Failure) -> Failure {
    let (Some(org), Some(key)) = (&session.settings.org_id, &session.settings.api_key) else { return failure };
    if org.source == key.source || org.source.starts_with("--") {
        return failure;
    }
    let hint = "if they do not belong together, pass --org-id and --workspace-id";
    let message =
        format!("{}; the organization is from {}, the key from {}: {hint}", failure.message, org.source, key.source);
    Failure { message, ..failure }
}

/// Returns the id of a service account, given its id or an agent address.
async fn account_id(session: &Session, agent: String) -> Result<String, Failure> {
    if agent.starts_with("sa_") {
        return Ok(agent);
    }
    let input = GetAgent { address: agent };
    let answer = session.check(session.client.call_json(&agents::GET.info, &input, None).await)?;
    match &answer["agent"]["service_account_id"] {
        Value::String(id) => Ok(id.clone()),
        _ => Err(Failure::new("the agent has no service account, so it cannot have keys")),
    }
}
