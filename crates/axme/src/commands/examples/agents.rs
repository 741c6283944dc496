//! The agents that the program runs for an example. Like any agent, each has its own key, receives intents over its
//! transport and answers them by its rules.

use std::time::Duration;

use axme_client::api::intents::{self, ListIntents, StatusList};
use axme_client::api::service_accounts::{
    self, CreateKey, CreateServiceAccount, ListServiceAccounts, RevokeKey, ServiceAccount,
};
use axme_client::{Client, ClientError, Object, Status, fresh_key};
use axme_intent::DeliveryBinding;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::warn;

use super::callback::CallbackServer;
use super::catalog::{Behavior, Example};
use super::rules::Rules;
use crate::failure::Failure;
use crate::session::Session;

/// The attempts to answer an intent, and the pause between them.
const MAX_ATTEMPTS: u32 = 30;
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const POLL_INTERVAL: Duration = Duration::from_secs(1);
const POLL_PAGE: u64 = 20;
/// The description by which later runs recognize the agents of examples.
const MADE_BY_EXAMPLES: &str = "Registered by `axme examples run`";

/// The ids of the intents that an agent receives.
type IntentIds = BoxStream<'static, Result<String, ClientError>>;

/// The running agents of an example. Dropping it stops them at once.
pub(crate) struct RunningAgents {
    tasks: JoinSet<()>,
    /// Dropped to stop the agents.
    stop: watch::Sender<()>,
    keys: Vec<RevokeKey>,
}

impl RunningAgents {
    /// Registers the agents that the submission declares, and runs those of the example. An agent in http mode gets a
    /// callback server, whose URL is written into the submission.
    pub(crate) async fn start(
        session: &Session,
        example: &Example,
        submission: &mut Object,
    ) -> Result<RunningAgents, Failure> {
        // An intent without a scenario declares no agents.
        let stream = DeliveryBinding::Stream.as_str();
        let mut undeclared: Vec<Value> =
            example.agents.iter().map(|agent| json!({ "address": agent.address, "delivery_mode": stream })).collect();
        let declared = match submission.get_mut("agents") {
            Some(Value::Array(agents)) => agents,
            _ => &mut undeclared,
        };
        let mut running = RunningAgents { tasks: JoinSet::new(), stop: watch::channel(()).0, keys: Vec::new() };
        for agent in declared {
            running.add(session, example, agent).await?;
        }
        if running.tasks.is_empty() {
            session.output().print("  [step 3] No agents to start")?;
        }
        Ok(running)
    }

    async fn add(&mut self, session: &Session, example: &Example, declared: &mut Value) -> Result<(), Failure> {
        let transport = match declared["delivery_mode"].as_str().and_then(DeliveryBinding::parse) {
            Some(DeliveryBinding::Http) => Transport::Http(CallbackServer::bind().await?),
            Some(DeliveryBinding::Poll) => Transport::Poll,
            _ => Transport::Stream,
        };
        let account = register(session, &transport, declared).await?;
        let name = declared["address"].as_str().unwrap_or_default();
        let Some(example_agent) = example.agent(name) else { return Ok(()) };
        let service_account_id = account.service_account_id;
        let input = CreateKey { service_account_id: service_account_id.clone(), ..CreateKey::default() };
        let key = session.call(&service_accounts::CREATE_KEY, &input).await?.key;
        self.keys.push(RevokeKey { service_account_id, key_id: key.key_id });
        let address = account.address.unwrap_or_else(|| name.to_owned());
        session.output().print(format!("  [step 3] Starting agent {name} ({address})"))?;
        // Example agents that share an address do not do each other's work.
        let client = Client::builder(session.client.base_url()).api_key(&key.token);
        let client = client.consumer(&format!("axme-example-{}", fresh_key())).build().map_err(Failure::new)?;
        let stop = self.stop.subscribe();
        let intents = match transport {
            Transport::Stream => client.listen(&address).map_ok(|delivery| delivery.intent_id.into()).boxed(),
            Transport::Poll => poll(client.clone(), address.clone()),
            Transport::Http(server) if matches!(example_agent.behavior, Behavior::Failing) => {
                self.tasks.spawn(server.fail(stop));
                return Ok(());
            }
            Transport::Http(server) => {
                let (sender, queue) = mpsc::unbounded_channel();
                self.tasks.spawn(server.serve(sender, stop.clone()));
                stream::unfold(queue, async |mut queue| Some((Ok(queue.recv().await?), queue))).boxed()
            }
        };
        let work = match example_agent.behavior {
            Behavior::Slow(work) => work,
            Behavior::Normal | Behavior::Failing => Duration::ZERO,
        };
        self.tasks.spawn(Agent { client, address, rules: example_agent.rules, work }.run(intents, stop));
        Ok(())
    }

    /// Stops the agents and revokes their keys. Each agent has at most `patience` to finish its current intent.
    pub(crate) async fn stop(self, session: &Session, patience: Duration) {
        drop(self.stop);
        let _ = tokio::time::timeout(patience, self.tasks.join_all()).await;
        for key in &self.keys {
            // A failure does no harm: the key is known only to this process.
            let _ = session.client.call(&service_accounts::REVOKE_KEY, key).await;
        }
    }
}

/// How an agent receives intents.
enum Transport {
    Stream,
    Poll,
    Http(CallbackServer),
}

/// Registers the service account of a declared agent, unless the name belongs to an agent that no example registered.
async fn register(session: &Session, transport: &Transport, declared: &mut Value) -> Result<ServiceAccount, Failure> {
    let name = declared["address"].as_str().unwrap_or_default().to_owned();
    let known = find_account(session, &name).await?;
    if known.is_some_and(|account| account.description.as_deref() != Some(MADE_BY_EXAMPLES)) {
        return Err(Failure::new(format!(
            "the workspace has an agent \"{name}\" that no example registered; delete that agent or use another workspace"
        )));
    }
    // An account of an earlier run still has the callback of that run.
    let secret = if let Transport::Http(server) = transport {
        declared["callback_url"] = server.url.as_str().into();
        Some(server.secret.clone())
    } else {
        None
    };
    let text = |key: &str| declared[key].as_str().map(str::to_owned);
    let input = CreateServiceAccount {
        name,
        workspace: session.settings.workspace(),
        display_name: text("display_name"),
        description: Some(MADE_BY_EXAMPLES.to_owned()),
        delivery_mode: declared["delivery_mode"].as_str().and_then(DeliveryBinding::parse),
        callback_url: text("callback_url"),
        webhook_secret: secret,
        ..CreateServiceAccount::default()
    };
    Ok(session.call(&service_accounts::CREATE, &input).await?.service_account)
}

/// Finds the account of an agent in the workspace of the session.
async fn find_account(session: &Session, name: &str) -> Result<Option<ServiceAccount>, Failure> {
    let mut input = ListServiceAccounts { workspace: session.settings.workspace(), ..ListServiceAccounts::default() };
    loop {
        let page = session.call(&service_accounts::LIST, &input).await?.service_accounts;
        input.after = page.last().map(|last| last.service_account_id.clone());
        let is_wanted = |account: &ServiceAccount| {
            account.address.as_deref().is_some_and(|address| address.rsplit('/').next() == Some(name))
        };
        let is_last = page.is_empty();
        let found = page.into_iter().find(is_wanted);
        if found.is_some() || is_last {
            return Ok(found);
        }
    }
}

/// Polls for open intents to an address.
fn poll(client: Client, address: String) -> IntentIds {
    let input = ListIntents {
        // An intent that the agent has read and not answered is ACKNOWLEDGED.
        status: Some(StatusList(vec![Status::Delivered, Status::Acknowledged])),
        to_agent: Some(address),
        limit: POLL_PAGE.into(),
        ..ListIntents::default()
    };
    let pages = stream::unfold(tokio::time::interval(POLL_INTERVAL), move |mut interval| {
        let (client, input) = (client.clone(), input.clone());
        async move {
            interval.tick().await;
            Some((client.call(&intents::LIST, &input).await, interval))
        }
    });
    let ids = pages.flat_map(|page| {
        stream::iter(match page {
            Ok(page) => page.intents.into_iter().map(|intent| Ok(intent.intent_id.into())).collect(),
            Err(error) if error.is_transient() => Vec::new(),
            Err(error) => vec![Err(error)],
        })
    });
    ids.boxed()
}

struct Agent {
    client: Client,
    address: String,
    rules: Rules,
    /// The time that the agent works on each intent.
    work: Duration,
}

impl Agent {
    /// Answers intents until the agent is stopped or refused. It finishes its current intent: an acknowledged intent is
    /// not offered to other agents on the same address for a long time.
    async fn run(self, mut intents: IntentIds, mut stop: watch::Receiver<()>) {
        loop {
            let next = tokio::select! {
                biased;
                _ = stop.changed() => return,
                next = intents.next() => next,
            };
            match next {
                Some(Ok(intent_id)) => self.answer(&intent_id).await,
                Some(Err(error)) => return warn!(self.address, %error, "the agent cannot receive intents"),
                None => return,
            }
        }
    }

    async fn answer(&self, intent_id: &str) {
        for _ in 0..MAX_ATTEMPTS {
            let Err(error) = self.try_answer(intent_id).await else { return };
            warn!(self.address, intent_id, %error, "the agent could not answer");
            if !error.is_transient() {
                return;
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn try_answer(&self, intent_id: &str) -> Result<(), ClientError> {
        let intent = self.client.get_intent(intent_id).await?.intent;
        if intent.status.is_terminal() {
            return Ok(());
        }
        tokio::time::sleep(self.work).await;
        // A step of a workflow has the payload of the workflow in `parent_payload`.
        let payload = intent.payload.value();
        let payload = payload.get("parent_payload").filter(|value| value.is_object()).unwrap_or(&payload);
        let Value::Object(answer) = (self.rules)(payload) else { return Ok(()) };
        match self.client.resume(intent_id, answer).await {
            // The intent was answered by another delivery, or has timed out.
            Err(ClientError::Refused(refusal)) if refusal.status == 409 => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }
}
