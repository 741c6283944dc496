//! The server that an example uses, found or started.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::commands::serve::LOOPBACK;
use crate::connection::ConnectionSettings;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::local::{self, LocalServer};
use crate::session::Session;
use crate::{folders, server};

/// The time that another server on the same folder has to start or to stop.
const OTHER_SERVER_TIMEOUT: Duration = Duration::from_secs(3);
/// The push retries of a server that is started for an example, short because a person watches.
const PUSH_RETRY_SECONDS: [u64; 2] = [2, 4];

pub(crate) struct ExampleServer {
    pub(crate) session: Session,
    /// The server that was started for the example.
    pub(crate) started: Option<server::Running>,
}

impl ExampleServer {
    /// Opens the configured server, else the server of the data folder, else a new one.
    pub(crate) async fn open(flags: &Flags) -> Result<ExampleServer, Failure> {
        let folder = folders::data(flags.data.as_deref());
        if flags.data.is_none() {
            let settings = ConnectionSettings::find(flags).await?;
            settings.check_server()?;
            // A key that `axme dev` wrote belongs to this folder, even if its server no longer runs.
            let is_local =
                flags.base_url.is_none() && folder.as_ref().is_ok_and(|folder| settings.has_admin_key_of(folder));
            if settings.api_key.is_some() && !is_local {
                return Ok(ExampleServer { session: settings.connect()?, started: None });
            }
            if flags.base_url.is_some() {
                return Err(Failure::usage("--base-url names a server, but there is no key for it: pass --api-key"));
            }
        }
        let folder = folder?;
        let (started, local) = find_or_start(&folder).await?;
        let is_default = folders::default_data().is_ok_and(|default| default == folder);
        let command = crate::program_for(if is_default { None } else { Some(&folder) });
        let settings = ConnectionSettings { command, ..ConnectionSettings::of_local(flags, local)? };
        Ok(ExampleServer { session: settings.connect()?, started })
    }

    pub(crate) fn interrupted(&self) -> Failure {
        let program = crate::program();
        let message = match &self.started {
            Some(server) => {
                format!(
                    "stopped; submitted intents are kept in {} (`{program} dev` continues them)",
                    server.data().display()
                )
            }
            None => "stopped; submitted intents continue without the agents of the example".to_owned(),
        };
        Failure::of(crate::exit::Ending::Interrupted, message)
    }

    pub(crate) fn about(&self) -> String {
        let base_url = &self.session.settings.base_url;
        match &self.started {
            Some(server) => format!("{}, started for this example on {}", base_url.value, server.data().display()),
            None => format!("{} ({})", base_url.value, base_url.source),
        }
    }
}

/// Finds the server of `folder` or starts one. Waits for a server that is starting or stopping: it locks the folder but
/// does not answer.
async fn find_or_start(folder: &Path) -> Result<(Option<server::Running>, LocalServer), Failure> {
    let timeout = Instant::now() + OTHER_SERVER_TIMEOUT;
    loop {
        if let Some(local) = local::find(folder).await {
            return Ok((None, local));
        }
        match server::start(config(folder)).await {
            Ok(running) => {
                let base_url = running.base_url().to_owned();
                let bootstrap = local::bootstrap(folder);
                return Ok((Some(running), LocalServer { folder: folder.to_owned(), base_url, bootstrap }));
            }
            Err(error) if server::is_taken(&error) && Instant::now() < timeout => {
                tokio::time::sleep(OTHER_SERVER_TIMEOUT / 20).await;
            }
            Err(error) => return Err(Failure::new(error)),
        }
    }
}

/// Returns the settings of a server that may push to the agents of this program.
fn config(folder: &Path) -> server::Config {
    let mut config =
        server::Config { listen: ([127, 0, 0, 1], 0).into(), data: folder.to_owned(), ..server::Config::default() };
    config.limits.outbound_allow = LOOPBACK.map(str::to_owned).to_vec();
    config.limits.push_retry_seconds = PUSH_RETRY_SECONDS.to_vec();
    config
}
