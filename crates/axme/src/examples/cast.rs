//! The agents of an example: registered, given keys, put to work.

use std::time::Duration;

use axme_client::api::service_accounts::{self, CreateKey, CreateServiceAccount, RevokeKey, UpdateServiceAccount};
use axme_client::{Client, Object};
use axme_intent::DeliveryBinding;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::agents::Agent;
use super::catalogue::{Example, Manner};
use super::receiver::Receiver;
use crate::failure::Failure;
use crate::session::Session;

/// How long agents may take to finish what they have begun.
const FINISH: Duration = Duration::from_secs(2);

/// How an agent gets its intents.
enum Ear {
    Stream,
    Poll,
    Http(Receiver),
}

/// An agent that is ready to be played.
pub struct Hired {
    /// As the bundle or the example writes it.
    name: String,
    pub address: String,
    account_id: String,
    key_id: String,
    key: String,
    ear: Ear,
}

/// Registers the agents of an example and makes a key for each. Those that are servers get a place of their own to be called
/// at, which `opening` then names.
pub async fn hire(session: &Session, example: &Example, opening: &mut Object) -> Result<Vec<Hired>, Failure> {
    let mut hired = Vec::new();
    match opening.get_mut("agents") {
        Some(Value::Array(declared)) => {
            for agent in declared {
                hired.push(hire_one(session, agent).await?);
            }
        }
        // An intent without a scenario declares nobody.
        _ => {
            for part in example.agents {
                let mut agent =
                    serde_json::json!({ "address": part.address, "delivery_mode": DeliveryBinding::Stream.as_str() });
                hired.push(hire_one(session, &mut agent).await?);
            }
        }
    }
    Ok(hired)
}

async fn hire_one(session: &Session, agent: &mut Value) -> Result<Hired, Failure> {
    let text = |agent: &Value, key: &str| agent[key].as_str().map(str::to_owned);
    let name = text(agent, "address").unwrap_or_default();
    let ear = match agent["delivery_mode"].as_str().and_then(DeliveryBinding::parse) {
        Some(DeliveryBinding::Http) => Ear::Http(Receiver::bind().await.map_err(Failure::new)?),
        Some(DeliveryBinding::Poll) => Ear::Poll,
        _ => Ear::Stream,
    };
    if let Ear::Http(receiver) = &ear {
        agent["callback_url"] = receiver.callback_url.as_str().into();
    }
    let account = CreateServiceAccount {
        name: name.clone(),
        org_id: session.setting.org_id.as_ref().map(|given| given.value.clone()),
        workspace_id: session.setting.workspace_id.as_ref().map(|given| given.value.clone()),
        display_name: text(agent, "display_name"),
        delivery_mode: text(agent, "delivery_mode"),
        callback_url: text(agent, "callback_url"),
        ..CreateServiceAccount::default()
    };
    let account = session.call(&service_accounts::CREATE, &account).await?.service_account;
    if let Ear::Http(receiver) = &ear {
        // The account may be left from another run, with the place and the secret of that one.
        let update = UpdateServiceAccount {
            service_account_id: account.service_account_id.clone(),
            delivery_mode: Some(DeliveryBinding::Http.as_str().to_owned()),
            callback_url: Some(receiver.callback_url.clone()),
            webhook_secret: Some(receiver.secret.clone()),
        };
        session.call(&service_accounts::UPDATE, &update).await?;
    }
    let input = CreateKey {
        service_account_id: account.service_account_id.clone(),
        expires_at: None,
        created_by_actor_id: None,
    };
    let key = session.call(&service_accounts::CREATE_KEY, &input).await?.key;
    let address = account.address.unwrap_or_else(|| name.clone());
    Ok(Hired { name, address, account_id: account.service_account_id, key_id: key.key_id, key: key.token, ear })
}

/// What it takes to end the key of an agent.
pub fn dismissals(hired: &[Hired]) -> Vec<RevokeKey> {
    let dismissal =
        |agent: &Hired| RevokeKey { service_account_id: agent.account_id.clone(), key_id: agent.key_id.clone() };
    hired.iter().map(dismissal).collect()
}

/// Agents at work, until this is dropped.
pub struct Cast {
    playing: JoinSet<()>,
    /// Dropped to tell them that it is over.
    stop: watch::Sender<()>,
}

impl Cast {
    /// Puts those to work that the program plays.
    pub fn play(session: &Session, example: &Example, hired: Vec<Hired>) -> Result<Cast, Failure> {
        let form = session.form();
        let mut playing = JoinSet::new();
        let (stop, stopped) = watch::channel(());
        for hired in hired {
            let Some(part) = example.part(&hired.name) else { continue };
            form.say(format!("  [step 3] Starting agent {} ({})", hired.name, hired.address))?;
            let client = Client::new(session.client.base_url(), &hired.key).map_err(Failure::new)?;
            let work = match part.manner {
                Manner::Slow(work) => work,
                Manner::Prompt | Manner::Broken => Duration::ZERO,
            };
            let agent = Agent { client, address: hired.address, rules: part.rules, work, stop: stopped.clone() };
            match (hired.ear, &part.manner) {
                (Ear::Http(receiver), Manner::Broken) => playing.spawn(receiver.break_down(stopped.clone())),
                (Ear::Http(receiver), _) => playing.spawn(receiver.serve(agent)),
                (Ear::Poll, _) => playing.spawn(agent.poll()),
                (Ear::Stream, _) => playing.spawn(agent.listen()),
            };
        }
        if playing.is_empty() {
            form.say("  [step 3] No agent is started")?;
        }
        Ok(Cast { playing, stop })
    }

    /// Lets them finish what they have begun.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = tokio::time::timeout(FINISH, self.playing.join_all()).await;
    }
}
