//! The commands: one file per family. Each reads its arguments, makes a few calls and prints the answer. The parts
//! that they share (connections, output, exit codes) are outside this folder.

mod about;
mod absence;
mod agents;
mod api;
mod audit;
mod backup;
mod completion;
mod conformance;
mod console;
mod context;
mod deliveries;
mod doctor;
mod examples;
mod intents;
mod login;
mod login_sessions;
mod mail;
mod mcp;
mod members;
mod mesh;
mod migrate;
mod organizations;
mod policies;
mod projects;
mod quotas;
mod retention;
mod scenarios;
mod serve;
mod service_accounts;
mod tasks;
mod templates;
mod update;
mod verify;
mod webhooks;
mod workspaces;

use std::process::{Command as Process, Stdio};

use axme_client::api::roles::OrgRole;
use clap::{CommandFactory, Parser, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;
use crate::flags::Flags;

/// Submit an intent once, get its result later.
///
/// AXME carries intents between programs, agents and people, and keeps each of them until it ends. This program is both
/// the server and the command line.
#[derive(Parser)]
#[command(name = "axme", version, max_term_width = 100, after_help = "Start with: axme examples run human/cli")]
pub(crate) struct Axme {
    #[command(flatten)]
    pub(crate) flags: Flags,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Returns the definition of all commands.
pub(crate) fn definition() -> clap::Command {
    Axme::command()
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Dev(serve::Dev),
    Backup(backup::Backup),
    Restore(backup::Restore),
    Migrate(migrate::Migrate),
    #[command(subcommand, alias = "example")]
    Examples(examples::Examples),
    #[command(subcommand, alias = "scenario")]
    Scenarios(scenarios::Scenarios),
    #[command(subcommand, alias = "task")]
    Tasks(tasks::Tasks),
    #[command(subcommand)]
    Absence(absence::Absence),
    #[command(subcommand, alias = "intent")]
    Intents(intents::Intents),
    Logs(intents::Logs),
    Trace(intents::Trace),
    #[command(subcommand, alias = "agent")]
    Agents(agents::Agents),
    #[command(subcommand)]
    Org(organizations::Organizations),
    #[command(subcommand)]
    Workspace(workspaces::Workspaces),
    #[command(subcommand)]
    Member(members::Members),
    #[command(subcommand)]
    Quota(quotas::Quotas),
    #[command(subcommand)]
    Retention(retention::Retention),
    Console(console::Console),
    #[command(subcommand)]
    Mesh(mesh::Mesh),
    #[command(subcommand)]
    Deliveries(deliveries::Deliveries),
    #[command(subcommand)]
    Webhooks(webhooks::Webhooks),
    Mail(mail::Mail),
    Audit(audit::Audit),
    #[command(subcommand, hide = true)]
    ServiceAccounts(service_accounts::ServiceAccounts),
    #[command(subcommand, hide = true)]
    Keys(service_accounts::Keys),
    Init(projects::Init),
    Run(projects::Run),
    Login(login::Login),
    Logout(login_sessions::Logout),
    #[command(subcommand)]
    Session(login_sessions::SessionCommand),
    /// Show who you are to the server, and where the address and the key come from
    Whoami,
    /// Show the server's health, version and storage
    Status,
    #[command(subcommand)]
    Context(context::ContextCommand),
    Api(api::Api),
    Mcp(mcp::Mcp),
    Verify(verify::Verify),
    #[command(subcommand)]
    Conformance(conformance::Conformance),
    #[command(visible_alias = "diagnostics")]
    Doctor(doctor::Doctor),
    /// Show the version of this program
    Version,
    Update(update::Update),
    Completion(completion::Completion),
    Man(completion::Man),
}

impl Command {
    /// Whether `--output` of this command names a file, and not the output format.
    pub(crate) fn has_output_file(&self) -> bool {
        matches!(self, Command::Scenarios(scenarios::Scenarios::Create(_)))
    }

    pub(crate) async fn run(self, flags: Flags) -> Result<(), Failure> {
        match self {
            Command::Serve(serve) => serve.run(&flags).await,
            Command::Dev(dev) => dev.run(&flags).await,
            Command::Backup(backup) => backup.run(&flags).await,
            Command::Restore(restore) => restore.run(&flags).await,
            Command::Migrate(migrate) => migrate.run(&flags).await,
            Command::Examples(examples) => examples.run(flags).await,
            Command::Scenarios(scenarios) => scenarios.run(&flags).await,
            Command::Tasks(tasks) => tasks.run(&flags).await,
            Command::Absence(absence) => absence.run(&flags).await,
            Command::Intents(intents) => intents.run(&flags).await,
            Command::Logs(logs) => logs.run(&flags).await,
            Command::Trace(trace) => trace.run(&flags).await,
            Command::Agents(agents) => agents.run(&flags).await,
            Command::Org(org) => org.run(&flags).await,
            Command::Workspace(workspace) => workspace.run(&flags).await,
            Command::Member(member) => member.run(&flags).await,
            Command::Quota(quota) => quota.run(&flags).await,
            Command::Retention(retention) => retention.run(&flags).await,
            Command::Console(console) => console.run(&flags).await,
            Command::Mesh(mesh) => mesh.run(&flags).await,
            Command::Deliveries(deliveries) => deliveries.run(&flags).await,
            Command::Webhooks(webhooks) => webhooks.run(&flags).await,
            Command::Mail(mail) => mail.run(&flags).await,
            Command::Audit(audit) => audit.run(&flags).await,
            Command::ServiceAccounts(accounts) => accounts.run(&flags).await,
            Command::Keys(keys) => keys.run(&flags).await,
            Command::Init(init) => init.run(&flags).await,
            Command::Run(run) => run.run(&flags).await,
            Command::Login(login) => login.run(&flags).await,
            Command::Logout(logout) => logout.run(&flags).await,
            Command::Session(session) => session.run(&flags).await,
            Command::Whoami => about::whoami(&flags).await,
            Command::Status => about::status(&flags).await,
            Command::Context(context) => context.run(&flags).await,
            Command::Api(api) => api.run(&flags).await,
            Command::Mcp(mcp) => mcp.run(&flags).await,
            Command::Verify(verify) => verify.run(&flags).await,
            Command::Conformance(conformance) => conformance.run(&flags).await,
            Command::Doctor(doctor) => doctor.run(&flags).await,
            Command::Update(update) => update.run(&flags).await,
            Command::Completion(completion) => completion.run(),
            Command::Man(man) => man.run(&flags),
            Command::Version => about::version(flags.format()),
        }
    }
}

/// Reads one of the words of a closed set; the error lists them.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|e| e.to_string())
}

fn role_names(roles: &[OrgRole]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<&str>>().join(", ")
}

/// Opens a page in the browser, if there is one. Errors do not matter, because the address is printed too.
fn open_browser(page: &str) {
    if !page.starts_with("https://") && !page.starts_with("http://") {
        return;
    }
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let _ = Process::new(program).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}
