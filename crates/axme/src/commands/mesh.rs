//! `axme mesh`: the health of agents, the kill switch, and the dashboard (`spec/protocol.md` §2.26).

use axme_client::api::mesh::{self, AgentHealth, AgentRef, HealthFilter, ListMeshAgents, ListMeshEvents, SwitchAnswer};
use clap::{Args, Subcommand};
use reqwest::Url;

use super::console::open_console;
use super::word;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::limit;
use crate::output::{age, day_time, line, print_list};
use crate::session::{Session, Shape};

/// Show the health of agents, stop them and let them continue
#[derive(Debug, Subcommand)]
pub(crate) enum Mesh {
    List(List),
    /// Show an agent: its health, numbers, policies and latest events
    Show(AgentArgs),
    /// Stop an agent: nothing is delivered to it, and nothing is accepted from it
    Kill(AgentArgs),
    /// Let a stopped agent continue
    Resume(AgentArgs),
    Events(Events),
    Dashboard(Dashboard),
}

/// List the agents with their health
#[derive(Debug, Args)]
#[command(visible_alias = "ls")]
pub(crate) struct List {
    /// Only agents with this health
    #[arg(long, value_parser = word::<HealthFilter>)]
    health: Option<HealthFilter>,
    /// Maximum number of agents
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = limit::read::<u64>)]
    limit: u64,
}

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// Address of the agent, or its id in the mesh (addr_…)
    #[arg(value_name = "AGENT")]
    agent: String,
}

/// List kills, resumes, and changes of health and of policies, newest first
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only events of this type
    #[arg(long, value_name = "TYPE")]
    event_type: Option<String>,
    /// Maximum number of events
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = limit::read::<u64>)]
    limit: u64,
}

/// Open the console, or another dashboard, signed in with your key
///
/// By default it is the console of the server.
#[derive(Debug, Args)]
pub(crate) struct Dashboard {
    /// Print the address without opening a browser
    #[arg(long)]
    no_browser: bool,
    /// Address of another dashboard [env: AXME_MESH_DASHBOARD_URL]
    #[arg(long, value_name = "URL")]
    dashboard_url: Option<String>,
}

/// The dashboard of the hosted platform, which accepts tokens of that platform only.
const HOSTED_DASHBOARD: &str = "https://mesh.axme.ai";
const HOSTED_GATEWAY: &str = "api.cloud.axme.ai";

impl Mesh {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        match self {
            Mesh::List(list) => list.run(&session).await,
            Mesh::Show(args) => session.show(&mesh::GET.info, &args.reference(), None).await,
            Mesh::Kill(args) => {
                session.tell(&mesh::KILL, &args.reference(), Shape::Wrapped, |answer| report("Stopped", &answer)).await
            }
            Mesh::Resume(args) => {
                let show = |answer| report("Continues", &answer);
                session.tell(&mesh::RESUME, &args.reference(), Shape::Wrapped, show).await
            }
            Mesh::Events(events) => events.run(&session).await,
            Mesh::Dashboard(dashboard) => dashboard.run(&session).await,
        }
    }
}

impl AgentArgs {
    fn reference(self) -> AgentRef {
        AgentRef { address_id: self.agent, window: None }
    }
}

fn report(what: &str, answer: &SwitchAnswer) -> Result<(), Failure> {
    line(format!("✓ {what}: {} ({})", answer.address, answer.health_status))
}

impl List {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let input = ListMeshAgents { limit: self.limit.into(), health: self.health, window: None, after: None };
        let show = |list: mesh::MeshAgentList| {
            let rows = list.agents.iter().map(|agent| {
                vec![
                    agent.address.clone(),
                    agent.health_status.to_string(),
                    agent.last_heartbeat_at.map_or("never".to_owned(), |at| format!("{} ago", age(at))),
                    agent.intents_period.to_string(),
                    format!("{:.2}", agent.cost_period),
                ]
            });
            print_list("agents", &["ADDRESS", "HEALTH", "HEARTBEAT", "INTENTS TODAY", "USD TODAY"], rows)?;
            let killed = list.agents.iter().filter(|agent| agent.health_status == AgentHealth::Killed).count();
            if killed > 0 { line(format!("{killed} agent(s) are stopped: `axme mesh resume AGENT`")) } else { Ok(()) }
        };
        session.tell(&mesh::LIST, &input, Shape::Wrapped, show).await
    }
}

impl Events {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let input = ListMeshEvents { limit: self.limit.into(), event_type: self.event_type };
        let show = |list: mesh::MeshEventList| {
            let rows = list.events.iter().map(|event| {
                vec![
                    day_time(event.created_at),
                    event.event_type.to_string(),
                    event.address.clone(),
                    event.actor_id.clone().unwrap_or_default(),
                ]
            });
            print_list("events", &["AT", "EVENT", "ADDRESS", "BY"], rows)
        };
        session.tell(&mesh::EVENTS, &input, Shape::Wrapped, show).await
    }
}

impl Dashboard {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let gateway = &session.settings.base_url.value;
        let is_hosted = Url::parse(gateway).is_ok_and(|url| url.host_str() == Some(HOSTED_GATEWAY));
        let named = self.dashboard_url.or_else(|| folders::environment("AXME_MESH_DASHBOARD_URL"));
        let dashboard = match named {
            Some(url) => url,
            None if is_hosted => HOSTED_DASHBOARD.to_owned(),
            None => gateway.clone(),
        };
        open_console(session, &dashboard, self.no_browser).await
    }
}
