//! `axme examples`: whole stories that run on a machine where nothing is configured. Where there is no server to talk to, an
//! example brings its own and stops it when it is over.

mod agents;
mod catalogue;

use std::path::{Path, PathBuf};
use std::time::Duration;

use axme_client::api::service_accounts::{self, CreateKey, CreateServiceAccount, RevokeKey};
use axme_client::{Client, Object};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::follow::{Answerer, Reply, follow};
use crate::lifecycle::ending;
use crate::screen::{Form, divider, line, table};
use crate::serve::Stop;
use crate::session::{Flags, Session, Setting};
use crate::settings::LogFormat;
use crate::{folders, local, logs, server};
use catalogue::{EXAMPLES, Example, failed_with};

/// Run whole examples: a server, agents and people
#[derive(Debug, Subcommand)]
pub enum Examples {
    /// List the examples
    List,
    Run(Run),
}

/// Run an example from beginning to end
///
/// Without a key from a flag, a context or the environment it uses the server of the data folder, or starts one of its own
/// there and stops it at the end. The agents are part of this program. Exits with 0 when the example ends as it should.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme examples run human/cli\n         axme examples run human/cli --answer approved")]
pub struct Run {
    /// Which one: delivery/stream, human/cli, internal/timeout
    #[arg(value_name = "EXAMPLE")]
    id: String,
    /// Answer for the person who is asked
    #[arg(long)]
    answer: Option<Answer>,
    /// Use the server of this data folder, or start one there
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Answer {
    Approved,
    Rejected,
}

impl Examples {
    pub async fn run(self, flags: Flags) -> Result<(), Failure> {
        match self {
            Examples::List => list(flags.form()),
            Examples::Run(run) => {
                let data = run.data.clone().or(flags.data.clone());
                run.run(Flags { data, ..flags }).await
            }
        }
    }
}

fn list(form: Form) -> Result<(), Failure> {
    if form.is_json() {
        let listed =
            EXAMPLES.iter().map(|example| json!({ "id": example.id, "about": example.about, "ends": example.ends }));
        return form.value(&listed.collect());
    }
    let rows =
        EXAMPLES.iter().map(|example| vec![example.id.to_owned(), example.about.to_owned(), example.ends.to_owned()]);
    table(&["ID", "WHAT HAPPENS", "ENDS"], &rows.collect::<Vec<Vec<String>>>()).iter().try_for_each(line)
}

/// How long another server on the same folder may take to start or to stop.
const OTHER_SERVER: Duration = Duration::from_secs(3);

/// The server that an example talks to.
struct Stage {
    session: Session,
    /// The server that was started for the example.
    own: Option<server::Running>,
}

impl Run {
    async fn run(self, flags: Flags) -> Result<(), Failure> {
        let Some(example) = Example::find(&self.id) else {
            let ids: Vec<&str> = EXAMPLES.iter().map(|example| example.id).collect();
            return Err(Failure::usage(format!("there is no example \"{}\"; there are {}", self.id, ids.join(", "))));
        };
        let filter = folders::environment("AXME_LOG");
        logs::start(filter.as_deref().unwrap_or("warn"), LogFormat::Text)?;
        let mut stop = Stop::new()?;
        let stage = Stage::set(&flags).await?;
        let outcome = self.play(example, &stage, &mut stop).await;
        if let Some(own) = stage.own {
            own.stop().await;
        }
        outcome
    }

    async fn play(&self, example: &Example, stage: &Stage, stop: &mut Stop) -> Result<(), Failure> {
        let session = &stage.session;
        let form = session.form();
        let bundle = example.bundle();
        form.say(divider())?;
        form.say(format!("  axme examples run  ·  {}", example.id))?;
        form.say(divider())?;
        form.say(format!("  {}", bundle["title"].as_str().unwrap_or(example.about)))?;
        form.say(format!("\n  [step 1] Server: {}", stage.about()))?;

        form.say("  [step 2] Provisioning agents...")?;
        let hired = hire(session, &bundle).await?;
        let outcome = tokio::select! {
            outcome = self.play_with(&hired, example, stage, bundle) => outcome,
            _ = stop.told() => form.say("").and(Err(stage.interrupted())),
        };
        // The keys were for this run only. If this fails they are merely keys that nobody has.
        for agent in &hired {
            let revoke = RevokeKey { service_account_id: agent.account_id.clone(), key_id: agent.key_id.clone() };
            let _ = session.client.call(&service_accounts::REVOKE_KEY, &revoke).await;
        }
        outcome
    }

    async fn play_with(
        &self,
        hired: &[Hired],
        example: &Example,
        stage: &Stage,
        bundle: Object,
    ) -> Result<(), Failure> {
        let session = &stage.session;
        let form = session.form();
        let mut playing = JoinSet::new();
        for agent in hired {
            let Some((_, rules)) = example.agents.iter().find(|(name, _)| *name == agent.name) else { continue };
            form.say(format!("  [step 3] Starting agent {} ({})", agent.name, agent.address))?;
            let client = Client::new(session.client.base_url(), &agent.key).map_err(Failure::new)?;
            playing.spawn(agents::play(client, agent.address.clone(), *rules));
        }
        if playing.is_empty() {
            form.say("  [step 3] No agent is started: nobody will answer")?;
        }
        form.say("  [step 4] Submitting the scenario...\n")?;
        let applied = session.client.apply_scenario(bundle).await.map_err(|error| session.explain(&error))?;
        crate::scenarios::show_applied(form, &applied)?;

        let answerer = match self.answer {
            Some(Answer::Approved) => Answerer::Given(Reply { outcome: "approved".to_owned(), ..Reply::default() }),
            Some(Answer::Rejected) => Answerer::Given(Reply { outcome: "rejected".to_owned(), ..Reply::default() }),
            None => Answerer::Prompt(Object::new()),
        };
        let intent = follow(session, &applied.intent_id, &answerer).await?;
        ending(&intent).iter().try_for_each(|text| form.say(text))?;
        let expected = match self.answer {
            Some(Answer::Approved) if example.asks => intent.status == "COMPLETED",
            Some(Answer::Rejected) if example.asks => failed_with(&intent, "rejected"),
            _ => (example.promised)(&intent),
        };
        if form.is_json() {
            form.value(&json!({ "ok": expected, "example": example.id, "intent": intent }))?;
        }
        if expected { Ok(()) } else { Err(Failure::new(format!("the example should have ended {}", example.ends))) }
    }
}

impl Stage {
    /// The server that settings lead to; failing that the one of the data folder; failing that a new one.
    async fn set(flags: &Flags) -> Result<Stage, Failure> {
        let folder = folders::data(flags.data.as_deref());
        if flags.data.is_none() {
            let setting = Setting::find(flags).await?;
            // A key that `axme dev` left behind leads to this folder too, whether or not its server still runs.
            let ours = flags.base_url.is_none() && folder.as_ref().is_ok_and(|folder| setting.is_of(folder));
            if setting.api_key.is_some() && !ours {
                return Ok(Stage { session: setting.connect()?, own: None });
            }
            if flags.base_url.is_some() {
                return Err(Failure::usage(
                    "--base-url names a server, but there is no key for it; give one with --api-key",
                ));
            }
        }
        let folder = folder?;
        let (own, live) = Stage::find_or_start(&folder).await?;
        let setting = Setting::of_local(flags, live)?;
        let session = Setting { command: command_for(&folder), ..setting }.connect()?;
        Ok(Stage { session, own })
    }

    /// The server of `folder`, or a new one. Another one may just be starting or stopping there: it holds the folder and
    /// cannot be found.
    async fn find_or_start(folder: &Path) -> Result<(Option<server::Running>, local::Live), Failure> {
        let patience = Instant::now() + OTHER_SERVER;
        loop {
            if let Some(live) = local::find(folder).await {
                return Ok((None, live));
            }
            let config = server::Config {
                listen: ([127, 0, 0, 1], 0).into(),
                data: folder.to_owned(),
                ..server::Config::default()
            };
            match server::start(config).await {
                Ok(running) => {
                    let base_url = running.base_url().to_owned();
                    let bootstrap = local::bootstrap(folder);
                    return Ok((Some(running), local::Live { folder: folder.to_owned(), base_url, bootstrap }));
                }
                Err(error) if server::is_taken(&error) && Instant::now() < patience => {
                    tokio::time::sleep(OTHER_SERVER / 20).await;
                }
                Err(error) => return Err(Failure::new(error)),
            }
        }
    }

    fn interrupted(&self) -> Failure {
        let program = crate::program();
        let message = match &self.own {
            Some(own) => {
                format!("stopped; what was submitted is kept in {} (`{program} dev` serves it)", own.data().display())
            }
            None => "stopped; what was submitted goes on without the agents of the example".to_owned(),
        };
        Failure { code: 130, message }
    }

    fn about(&self) -> String {
        let base_url = &self.session.setting.base_url;
        match &self.own {
            Some(own) => format!("{}, started for this example on {}", base_url.value, own.data().display()),
            None => format!("{} ({})", base_url.value, base_url.from),
        }
    }
}

/// How to call this program so that it finds the server of `folder`.
fn command_for(folder: &Path) -> String {
    let usual = folders::default_data().is_ok_and(|usual| usual == folder);
    crate::program_for(if usual { None } else { Some(folder) })
}

/// An agent that is ready to be played.
struct Hired {
    /// As the bundle writes it.
    name: String,
    address: String,
    account_id: String,
    key_id: String,
    key: String,
}

/// Registers the agents of a bundle and makes a key for each.
async fn hire(session: &Session, bundle: &Object) -> Result<Vec<Hired>, Failure> {
    let mut hired = Vec::new();
    for agent in bundle.get("agents").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| agent[key].as_str().map(str::to_owned);
        let name = text("address").unwrap_or_default();
        let account = CreateServiceAccount {
            name: name.clone(),
            org_id: session.setting.org_id.as_ref().map(|given| given.value.clone()),
            workspace_id: session.setting.workspace_id.as_ref().map(|given| given.value.clone()),
            display_name: text("display_name"),
            delivery_mode: text("delivery_mode"),
            callback_url: text("callback_url").filter(|_| agent["delivery_mode"] == "http"),
            ..CreateServiceAccount::default()
        };
        let account = session.call(&service_accounts::CREATE, &account).await?.service_account;
        let input = CreateKey {
            service_account_id: account.service_account_id.clone(),
            expires_at: None,
            created_by_actor_id: None,
        };
        let key = session.call(&service_accounts::CREATE_KEY, &input).await?.key;
        let address = account.address.unwrap_or_else(|| name.clone());
        hired.push(Hired { name, address, account_id: account.service_account_id, key_id: key.key_id, key: key.token });
    }
    Ok(hired)
}
