//! The server that an example talks to, found or started.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::ConnectionSettings;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::serve::LOOPBACK;
use crate::session::Session;
use crate::{folders, local, server};

/// How long another server on the same folder may take to start or to stop.
const OTHER_SERVER: Duration = Duration::from_secs(3);
/// After how many seconds a server that is started for an example tries a push again. Somebody is watching.
const PUSH_RETRY_SECONDS: [u64; 2] = [2, 4];

pub struct Stage {
    pub session: Session,
    /// The server that was started for the example.
    pub own: Option<server::Running>,
}

impl Stage {
    /// The server that settings lead to; failing that the one of the data folder; failing that a new one.
    pub async fn set(flags: &Flags) -> Result<Stage, Failure> {
        let folder = folders::data(flags.data.as_deref());
        if flags.data.is_none() {
            let settings = ConnectionSettings::find(flags).await?;
            settings.check_server()?;
            // A key that `axme dev` left behind leads to this folder too, whether or not its server still runs.
            let ours =
                flags.base_url.is_none() && folder.as_ref().is_ok_and(|folder| settings.has_admin_key_of(folder));
            if settings.api_key.is_some() && !ours {
                return Ok(Stage { session: settings.connect()?, own: None });
            }
            if flags.base_url.is_some() {
                return Err(Failure::usage(
                    "--base-url names a server, but there is no key for it; give one with --api-key",
                ));
            }
        }
        let folder = folder?;
        let (own, live) = Stage::find_or_start(&folder).await?;
        let settings = ConnectionSettings::of_local(flags, live)?;
        let session = ConnectionSettings { command: command_for(&folder), ..settings }.connect()?;
        Ok(Stage { session, own })
    }

    /// The server of `folder`, or a new one. Another one may just be starting or stopping there: it holds the folder and
    /// cannot be found.
    async fn find_or_start(folder: &Path) -> Result<(Option<server::Running>, local::LocalServer), Failure> {
        let patience = Instant::now() + OTHER_SERVER;
        loop {
            if let Some(live) = local::find(folder).await {
                return Ok((None, live));
            }
            match server::start(config(folder)).await {
                Ok(running) => {
                    let base_url = running.base_url().to_owned();
                    let bootstrap = local::bootstrap(folder);
                    return Ok((Some(running), local::LocalServer { folder: folder.to_owned(), base_url, bootstrap }));
                }
                Err(error) if server::is_taken(&error) && Instant::now() < patience => {
                    tokio::time::sleep(OTHER_SERVER / 20).await;
                }
                Err(error) => return Err(Failure::new(error)),
            }
        }
    }

    pub fn interrupted(&self) -> Failure {
        let program = crate::program();
        let message = match &self.own {
            Some(own) => {
                format!("stopped; what was submitted is kept in {} (`{program} dev` serves it)", own.data().display())
            }
            None => "stopped; what was submitted goes on without the agents of the example".to_owned(),
        };
        Failure { code: 130, message }
    }

    pub fn about(&self) -> String {
        let base_url = &self.session.settings.base_url;
        match &self.own {
            Some(own) => format!("{}, started for this example on {}", base_url.value, own.data().display()),
            None => format!("{} ({})", base_url.value, base_url.source),
        }
    }
}

/// A server that may push to the agents of this program.
fn config(folder: &Path) -> server::Config {
    let mut config =
        server::Config { listen: ([127, 0, 0, 1], 0).into(), data: folder.to_owned(), ..server::Config::default() };
    config.limits.outbound_allow = LOOPBACK.map(str::to_owned).to_vec();
    config.limits.push_retry_seconds = PUSH_RETRY_SECONDS.to_vec();
    config
}

/// How to call this program so that it finds the server of `folder`.
fn command_for(folder: &Path) -> String {
    let usual = folders::default_data().is_ok_and(|usual| usual == folder);
    crate::program_for(if usual { None } else { Some(folder) })
}
