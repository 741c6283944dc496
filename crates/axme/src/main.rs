//! `axme`: the server and the command line of AXME in one program. Commands call a server through the SDK and do not
//! depend on its internals; only `serve`, `dev` and `examples run` start a server.

mod about;
mod agents;
mod api;
mod clock;
mod conformance;
mod connection;
mod context;
mod contexts;
mod examples;
mod exit;
mod failure;
mod flags;
mod folders;
mod follow;
mod intents;
mod lifecycle;
mod local;
mod login;
mod login_sessions;
mod logs;
mod output;
mod scenarios;
mod serve;
mod server;
mod session;
mod settings;
mod stdin;
mod tasks;
mod templates;
mod text_file;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use flags::Flags;

/// Calls free memory on other threads than the ones that allocated it; mimalloc is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Submit an intent once, get its result later.
///
/// AXME carries intents between programs, agents and people, and keeps each of them until it ends. This program is both
/// the server and the command line.
#[derive(Parser)]
#[command(name = "axme", version, after_help = "Start with: axme examples run human/cli")]
struct Axme {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Dev(serve::Dev),
    #[command(subcommand, alias = "example")]
    Examples(examples::Examples),
    #[command(subcommand, alias = "scenario")]
    Scenarios(scenarios::Scenarios),
    #[command(subcommand, alias = "task")]
    Tasks(tasks::Tasks),
    #[command(subcommand, alias = "intent")]
    Intents(intents::Intents),
    #[command(subcommand, alias = "agent")]
    Agents(agents::Agents),
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
    #[command(subcommand)]
    Conformance(conformance::Conformance),
    /// Show the version of this program
    Version,
}

fn main() -> ExitCode {
    let Axme { flags, command } = Axme::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("axme: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run(command, flags));
    // Remaining tasks wait for something that no longer matters, such as a line from stdin.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("axme: {}", axme_intent::visible::visible(&failure.message));
            }
            ExitCode::from(failure.code)
        }
    }
}

async fn run(command: Command, flags: Flags) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve.run(&flags).await,
        Command::Dev(dev) => dev.run(&flags).await,
        Command::Examples(examples) => examples.run(flags).await,
        Command::Scenarios(scenarios) => scenarios.run(&flags).await,
        Command::Tasks(tasks) => tasks.run(&flags).await,
        Command::Intents(intents) => intents.run(&flags).await,
        Command::Agents(agents) => agents.run(&flags).await,
        Command::Login(login) => login.run(&flags).await,
        Command::Logout(logout) => logout.run(&flags).await,
        Command::Session(session) => session.run(&flags).await,
        Command::Whoami => about::whoami(&flags).await,
        Command::Status => about::status(&flags).await,
        Command::Context(context) => context.run(&flags).await,
        Command::Api(api) => api.run(&flags).await,
        Command::Conformance(conformance) => conformance.run(&flags).await,
        Command::Version => about::version(flags.output()),
    }
}

/// Returns the command that called this program: its name, or the path that was typed.
fn program() -> String {
    std::env::args().next().filter(|name| name.contains('/')).map_or("axme".to_owned(), |path| shell(&path))
}

/// Returns the command that reaches the server of `data` from another terminal.
fn program_for(data: Option<&Path>) -> String {
    let program = program();
    data.map_or(program.clone(), |data| format!("{program} --data {}", shell(&data.to_string_lossy())))
}

/// Quotes text as one word of a shell.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,~".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
