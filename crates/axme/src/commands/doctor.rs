//! `axme doctor`: checks what this command line needs, or the machine of a server, one finding per line. Each failed one
//! says what to do.

use std::path::PathBuf;

use axme_client::api::auth::{self, ListLogins};
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::me;
use axme_client::api::personal;
use clap::Args;

use crate::connection::ConnectionSettings;
use crate::contexts::Contexts;
use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::output::line;
use crate::server::checkup::{self, Finding};
use crate::session::Session;
use crate::settings::{ServerFlags, Settings};

/// Check the settings, the server, the key and the sign-in; with --server, the machine of a server
///
/// --server runs on the machine of a server, with its settings. It checks the data folder, the space and the speed of the
/// disk, and the schema and the clock of the database. It also checks the mail server, the public address and the proxies.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  axme doctor\n  axme doctor --server --config /etc/axme/axme.toml --send-mail me@example.com"
)]
pub(crate) struct Doctor {
    /// Check the machine of a server
    #[arg(long)]
    server: bool,
    /// The TOML file with the settings of the server [default: $AXME_CONFIG]
    #[arg(long, value_name = "FILE", requires = "server")]
    config: Option<PathBuf>,
    /// Also send a mail to this address
    #[arg(long, value_name = "EMAIL", requires = "server")]
    send_mail: Option<String>,
}

impl Doctor {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        if !self.server {
            return report(flags, &examine(flags).await);
        }
        let server = ServerFlags { config: self.config, data: flags.data.clone(), ..ServerFlags::default() };
        let settings = Settings::load(&server)?;
        report(flags, &checkup::examine(&settings.server, self.send_mail.as_deref()).await)
    }
}

fn report(flags: &Flags, findings: &[Finding]) -> Result<(), Failure> {
    if flags.format().is_json() {
        flags.format().print_json(&findings)?;
    } else {
        for Finding { check, ok, detail } in findings {
            line(format!("{} {check:29}{detail}", if *ok { "✓" } else { "✗" }))?;
        }
    }
    if findings.iter().all(|finding| finding.ok) { Ok(()) } else { Err(Failure::quiet(Ending::Failed)) }
}

async fn examine(flags: &Flags) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |check, result: Result<String, String>| {
        let ok = result.is_ok();
        findings.push(Finding { check, ok, detail: result.unwrap_or_else(|why| why) });
        ok
    };
    let file = folders::config().map(|folder| folder.join("config.json"));
    add(
        "config_file",
        match (&file, Contexts::load()) {
            (_, Err(failure)) => Err(failure.message),
            (Ok(file), Ok(_)) if file.exists() => Ok(file.display().to_string()),
            _ => Ok("none yet; `axme login` and `axme context set` write one".to_owned()),
        },
    );
    let settings = match ConnectionSettings::find(flags).await {
        Ok(settings) => settings,
        Err(failure) => {
            add("base_url", Err(failure.message));
            return findings;
        }
    };
    add("base_url", Ok(format!("{} (from {})", settings.base_url.value, settings.base_url.source)));
    add(
        "api_key_or_actor",
        match (&settings.api_key, &settings.actor_token) {
            _ if settings.check_server().is_err() => {
                Err(settings.check_server().err().map(|f| f.message).unwrap_or_default())
            }
            (Some(key), _) => Ok(format!("a key from {}", key.source)),
            (None, Some(token)) => Ok(format!("a sign-in from {}", token.source)),
            (None, None) => Err("neither a key nor a sign-in: run `axme login`, or pass --api-key".to_owned()),
        },
    );
    let secrets = folders::config().map(|folder| folder.join("secrets.json"));
    add("secret_storage", secrets.map(|file| format!("file {}", file.display())).map_err(|f| f.message));
    #[cfg(unix)]
    if let Some((mode, file)) = secrets_mode() {
        let private = mode & 0o077 == 0;
        let shown = format!("{mode:o} {file}");
        add(
            "secret_storage_mode",
            if private { Ok(shown) } else { Err(format!("{shown}: others can read it; chmod 600")) },
        );
    }
    let anonymous = match settings.clone().anonymous().connect() {
        Ok(session) => session,
        Err(failure) => {
            add("health_endpoint", Err(failure.message));
            return findings;
        }
    };
    let health = anonymous.client.health().await;
    let is_up = add(
        "health_endpoint",
        match &health {
            Ok(health) => Ok(format!("{} {} on {}", health.service, health.version, health.storage)),
            Err(error) => Err(anonymous.explain(error).message),
        },
    );
    if !is_up {
        return findings;
    }
    if let Ok(session) = settings.clone().connect() {
        if session.settings.api_key.is_some() {
            let me = session.client.call(&me::GET, &EmptyInput::default()).await;
            add(
                "api_key",
                match &me {
                    Ok(me) => Ok(format!("{} in {}/{}", me.role, me.org_slug, me.workspace_slug)),
                    Err(error) => Err(session.explain(error).message),
                },
            );
        }
        findings.extend(examine_person(&session).await);
    }
    findings
}

/// Checks the sign-in. A key works without one.
async fn examine_person(session: &Session) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |check, result: Result<String, String>| {
        findings.push(Finding { check, ok: result.is_ok(), detail: result.unwrap_or_else(|why| why) });
    };
    if session.settings.actor_token.is_none() {
        add("account_session", Ok("nobody is signed in; a key needs no sign-in".to_owned()));
        return findings;
    }
    let Ok(person) = session.settings.clone().person_only().connect() else { return findings };
    let sessions = person.client.call(&auth::SESSIONS, &ListLogins { include_revoked: Some(false) }).await;
    match &sessions {
        Ok(list) => {
            add("account_session", Ok("active".to_owned()));
            add("account_session_inventory", Ok(format!("{} active session(s)", list.sessions.len())));
        }
        Err(error) => add("account_session", Err(person.explain(error).message)),
    }
    match person.client.call(&personal::CONTEXT, &EmptyInput::default()).await {
        Ok(portal) => {
            add("personal_context", Ok(format!("{}, {} workspace(s)", portal.account.email, portal.workspaces.len())));
            let selected = &portal.context.workspace_id;
            add(
                "server_selected_workspace",
                match &portal.selected_workspace {
                    Some(place) => Ok(format!("{} ({selected})", place.name)),
                    None => Err("none: run `axme workspace use`".to_owned()),
                },
            );
            let kept = session.settings.workspace().workspace_id;
            add(
                "workspace_cache_alignment",
                match kept {
                    Some(kept) if kept.as_str() != selected => {
                        Err(format!("the context has {kept}, the server {selected}: run `axme workspace use`"))
                    }
                    _ => Ok("the context and the server agree".to_owned()),
                },
            );
        }
        Err(error) => add("personal_context", Err(person.explain(&error).message)),
    }
    findings
}

/// Returns the permissions of the file with the credentials, if it exists.
#[cfg(unix)]
fn secrets_mode() -> Option<(u32, String)> {
    use std::os::unix::fs::PermissionsExt;
    let file = folders::config().ok()?.join("secrets.json");
    let mode = std::fs::metadata(&file).ok()?.permissions().mode() & 0o777;
    Some((mode, file.display().to_string()))
}
