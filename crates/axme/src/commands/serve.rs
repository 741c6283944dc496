//! `axme serve` and `axme dev`: run the server in the foreground until a signal stops it.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use axme_client::api::health::Health;
use clap::Args;
use tokio::sync::broadcast;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::connection::DEFAULT_BASE_URL;
use crate::contexts::{self, Context, Contexts, Secrets};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;
use crate::server::Setting;
use crate::settings::{ServerFlags, Settings};
use crate::{local, logs, server, systemd};

/// Run a server
///
/// The first start creates an organization, a workspace and an administrator's key, and writes them to bootstrap.json
/// in the data folder. On SIGTERM or Ctrl-C the server finishes the calls in progress and stops.
///
/// Every setting can also be an environment variable (AXME_LISTEN, AXME_DATABASE_URL, …) or a key of a TOML file. Flags
/// override variables, and variables override the file.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme serve --listen 0.0.0.0:8100 --data /var/lib/axme --log-format json")]
pub(crate) struct Serve {
    #[command(flatten)]
    flags: ServerFlags,
    /// Check the settings, print those in force with their sources, and start nothing
    #[arg(long)]
    check: bool,
}

/// Run a development server and make it the target of this command line
///
/// Runs the same server as serve and makes its context active, so that other commands need no settings. The context is
/// "default". If "default" is in use for another server or a sign-in, a context "dev" or "dev-2" is created.
///
/// The server may push to agents on this machine; serve does so only if limits.outbound_allow names their network.
/// Anyone may sign in, as with sign_up = true. Mail is printed with its links; without a mail server it is also saved
/// in the folder outbox of the data folder.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme dev")]
pub(crate) struct Dev {
    #[command(flatten)]
    flags: ServerFlags,
}

/// The requested limit of open files, and the number below which a warning is logged.
const MAX_FILES: u64 = 65_536;
const FEW_FILES: u64 = 4_096;
/// The time in which a server must say what it is.
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);

impl Serve {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        if self.check {
            return check(self.flags, flags);
        }
        let mut stop = ShutdownSignal::new()?;
        let starting = start(self.flags, flags, "info", |_| {});
        let Some(running) = unless_stopped(starting, &mut stop).await? else { return Ok(()) };
        systemd::ready();
        let outcome = tokio::select! {
            never = systemd::watch() => match never {},
            signal = stop.recv() => {
                info!(signal, "stopping");
                Ok(())
            }
            why = running.failed() => Err(Failure::new(why)),
        };
        systemd::stopping();
        running.stop().await;
        outcome
    }
}

impl Dev {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let mut stop = ShutdownSignal::new()?;
        let adjust = |server: &mut server::Config| {
            server.limits.outbound_allow.extend(LOOPBACK.map(str::to_owned));
            server.sign_up = true;
        };
        let starting = start(self.flags, flags, "warn", adjust);
        let Some(running) = unless_stopped(starting, &mut stop).await? else { return Ok(()) };
        let outcome = match announce(&running, flags).await {
            Ok(()) => {
                let mails = show_mails(running.mails(), line);
                tokio::select! {
                    _ = stop.recv() => Ok(()),
                    failure = mails => Err(failure),
                    why = running.failed() => Err(Failure::new(why)),
                }
            }
            Err(failure) => Err(failure),
        };
        running.stop().await;
        outcome
    }
}

/// Checks the settings and prints those in force. Opens no file and no connection, so it may run beside the server.
fn check(mut settings: ServerFlags, flags: &Flags) -> Result<(), Failure> {
    settings.data = settings.data.or_else(|| flags.data.clone());
    let settings = Settings::load(&settings)?;
    let width = settings.server.in_force.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    for Setting { name, value, source } in &settings.server.in_force {
        line(format!("{name:width$}  {value}  ({source})"))?;
    }
    server::check(&settings.server).map_err(Failure::usage)
}

/// Shows outgoing mail with its links. Returns only if the output fails.
pub(crate) async fn show_mails(
    mut mails: broadcast::Receiver<server::Mail>,
    show: impl Fn(String) -> Result<(), Failure>,
) -> Failure {
    loop {
        match mails.recv().await {
            Ok(mail) => {
                let link = mail.link.map(|link| format!("\n  {link}")).unwrap_or_default();
                if let Err(failure) = show(format!("\nMail to {}: {}{link}", mail.to, mail.subject)) {
                    return failure;
                }
            }
            // Too many at once: the skipped ones are sent, but not shown.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// The networks that a development server may push to besides public addresses: those of agents on the same machine.
pub(crate) const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// Starts logging and the server. `level` is the default log filter; `adjust` changes the settings.
async fn start(
    mut settings: ServerFlags,
    flags: &Flags,
    level: &str,
    adjust: impl FnOnce(&mut server::Config),
) -> Result<server::Running, Failure> {
    settings.data = settings.data.or_else(|| flags.data.clone());
    let mut settings = Settings::load(&settings)?;
    settings.adjust("axme dev", adjust);
    logs::start(settings.log.as_deref().unwrap_or(level), settings.log_format)?;
    // Files, the database and outgoing calls need open files too.
    let most = raise_file_limit().map_or(usize::MAX, |most| usize::try_from(most / 4 * 3).unwrap_or(usize::MAX));
    settings.adjust("the limit of open files", |server| {
        let limits = &mut server.limits;
        limits.connections = limits.connections.min(most);
        limits.connections_per_address = limits.connections_per_address.min((limits.connections / 2).max(1));
    });
    match server::start_on(settings.server, systemd::listener()?).await {
        Err(server::StartError::Listen { address, why })
            if why.kind() == ErrorKind::AddrInUse && health(&format!("http://{address}")).await.is_some() =>
        {
            Err(Failure::new(format!(
                "a server of AXME runs at {address} already, perhaps that of a package. Use it, stop it, or choose another \
                 port: --listen 127.0.0.1:0 picks a free one"
            )))
        }
        started => started.map_err(Failure::new),
    }
}

/// Waits for a start; returns `None` if a signal ends it. A start may wait for its database.
async fn unless_stopped(
    starting: impl Future<Output = Result<server::Running, Failure>>,
    stop: &mut ShutdownSignal,
) -> Result<Option<server::Running>, Failure> {
    tokio::select! {
        running = starting => running.map(Some),
        signal = stop.recv() => {
            info!(signal, "stopped before the start was complete");
            Ok(None)
        }
    }
}

/// Raises the limit of open files, and returns it: every stream and every call holds a connection.
fn raise_file_limit() -> Option<u64> {
    match rlimit::increase_nofile_limit(MAX_FILES) {
        Ok(most) => {
            if most < FEW_FILES {
                warn!(most, "the limit of open files allows few connections: raise it");
            }
            Some(most)
        }
        Err(error) => {
            warn!(%error, "cannot raise the limit of open files");
            None
        }
    }
}

async fn announce(running: &server::Running, flags: &Flags) -> Result<(), Failure> {
    let base_url = running.base_url();
    line(format!("AXME listens on {base_url}"))?;
    line(format!("  data       {}", running.data().display()))?;
    if let Some(health) = health(base_url).await {
        line(format!("  storage    {}", health.storage))?;
    }
    match local::bootstrap(running.data()) {
        Some(bootstrap) => {
            let usual = flags.context_name.as_deref().unwrap_or(contexts::DEFAULT);
            let name = save_context(usual, base_url, running.data(), bootstrap)?;
            line(format!("  context    {name}, now active (its key is in bootstrap.json)"))?;
            if name != usual {
                line(format!(
                    "             \"{usual}\" is in use and unchanged; to switch back: axme context use {usual}"
                ))?;
            }
        }
        None => line("  context    unchanged: the data folder has no bootstrap.json with the administrator's key")?,
    }
    line("\nIn another terminal:")?;
    for command in ["examples run human/cli", "agents register --name my-agent", "tasks list", "status"] {
        line(format!("  {} {command}", crate::program()))?;
    }
    line("\nPress Ctrl-C to stop.")
}

/// Returns what a server says of itself; `None` if it is another program or does not answer.
async fn health(base_url: &str) -> Option<Health> {
    let client = axme_client::Client::builder(base_url).build().ok()?;
    timeout(HEALTH_PATIENCE, client.health()).await.ok()?.ok()
}

/// Saves the server in the usual context, or in a free one if that is in use, and makes the context active.
fn save_context(usual: &str, base_url: &str, data: &Path, bootstrap: server::Bootstrap) -> Result<String, Failure> {
    let data = std::path::absolute(data)?;
    let mut contexts = Contexts::load()?;
    let free = |name: &String| {
        contexts
            .get(name)
            .is_none_or(|(context, secrets)| is_free(context, &secrets, base_url, &data, &bootstrap.api_key))
    };
    let others = (2u32..).map(|number| format!("dev-{number}"));
    let mut names = [usual.to_owned(), "dev".to_owned()].into_iter().chain(others);
    let name = names.find(free).expect("there is always another number");
    let old = contexts.get(&name).map(|(context, _)| context.clone()).unwrap_or_default();
    let context = Context {
        base_url: base_url.to_owned(),
        org_id: Some(bootstrap.org_id),
        workspace_id: Some(bootstrap.workspace_id),
        dev_data: Some(data),
        ..old
    };
    contexts.put(&name, context, Secrets { api_key: Some(bootstrap.api_key), ..Secrets::default() });
    contexts.activate(&name);
    contexts.save()?;
    Ok(name)
}

/// Whether a context may be overwritten: it belongs to the same data folder, or has only defaults.
fn is_free(context: &Context, secrets: &Secrets, base_url: &str, data: &Path, own_key: &str) -> bool {
    if secrets.actor_token.is_some() || secrets.refresh_token.is_some() {
        return false;
    }
    let defaults = ["", DEFAULT_BASE_URL, base_url];
    match &secrets.api_key {
        Some(key) => key == own_key || context.dev_data.as_deref() == Some(data),
        None => context.dev_data.as_deref() == Some(data) || defaults.contains(&context.base_url.trim_end_matches('/')),
    }
}

/// Signals that end the process. Created before slow work, so that an early signal is not lost.
pub(crate) struct ShutdownSignal {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl ShutdownSignal {
    pub(crate) fn new() -> Result<ShutdownSignal, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(ShutdownSignal { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for a signal and returns its name.
    pub(crate) async fn recv(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
impl ShutdownSignal {
    pub(crate) fn new() -> Result<ShutdownSignal, Failure> {
        Ok(ShutdownSignal {})
    }

    pub(crate) async fn recv(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}
