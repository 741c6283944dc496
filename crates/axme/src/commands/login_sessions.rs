//! `axme logout` and `axme session`: the sign-in sessions of a person (`spec/protocol.md` §3.7).

use axme_client::api::auth::{self, ListLogins, LoginList, LoginView, RevokeSession};
use axme_client::api::capabilities::EmptyInput;
use axme_client::{ClientError, Id};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::connection::ConnectionSettings;
use crate::contexts::{Contexts, Secrets};
use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{OutputFormat, day_time, line, print_list};
use crate::session::Session;

/// End your session and delete it from the context
///
/// The workspace key stays in the context and still works; --all deletes it too.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// Also delete the workspace key from the context
    #[arg(long)]
    all: bool,
    /// Also end your sessions on other devices
    #[arg(long)]
    all_sessions: bool,
}

/// List and end your sessions
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List your sessions
    List {
        /// Include sessions that have ended
        #[arg(long)]
        all: bool,
    },
    /// End a session
    #[command(after_help = "Example: axme session revoke 0197…\n         axme session revoke --current")]
    Revoke {
        /// Id of the session, from `axme session list`
        #[arg(value_name = "SESSION_ID", required_unless_present = "current")]
        session_id: Option<String>,
        /// End the session of this context
        #[arg(long, conflicts_with = "session_id")]
        current: bool,
    },
}

impl SessionCommand {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = ConnectionSettings::find(flags).await?.person_only().connect()?;
        if session.settings.actor_token.is_none() {
            return Err(Failure::of(Ending::NotSignedIn, "not signed in: run `axme login`"));
        }
        match self {
            SessionCommand::List { all } => list(&session, all).await,
            SessionCommand::Revoke { session_id, .. } => revoke(&session, session_id).await,
        }
    }
}

async fn list(session: &Session, all: bool) -> Result<(), Failure> {
    let input = ListLogins { include_revoked: Some(all) };
    let list = session.call(&auth::SESSIONS, &input).await?;
    if session.output().is_json() {
        let answer = json!({ "sessions": list.sessions, "include_revoked": all, "summary": summary(&list, all) });
        return session.output().print_json(&answer);
    }
    let rows = list.sessions.iter().map(|login| {
        let or_nothing = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        vec![
            login.session_id.to_string(),
            if login.is_current { "*" } else { "" }.to_owned(),
            login.client_type.clone(),
            or_nothing(login.device_label.clone()),
            day_time(login.created_at),
            day_time(login.expires_at),
            or_nothing(login.revoked_at.map(day_time)),
        ]
    });
    let header = ["SESSION_ID", "CURRENT", "CLIENT", "DEVICE", "CREATED_AT", "EXPIRES_AT", "REVOKED_AT"];
    print_list("sessions", &header, rows)
}

/// Counts the sessions of a list.
pub(crate) fn summary(list: &LoginList, include_revoked: bool) -> Value {
    let current: Option<&LoginView> = list.sessions.iter().find(|login| login.is_current);
    let active = list.sessions.iter().filter(|login| !login.revoked).count();
    json!({
        "session_count": list.sessions.len(),
        "active_count": active,
        "revoked_count": list.sessions.len() - active,
        "include_revoked": include_revoked,
        "has_current_session": current.is_some(),
        "current_session_id": current.map(|login| &login.session_id),
        "current_session": current,
        "guidance_message": if current.is_none() { Some("sign in with `axme login`") } else { None },
    })
}

async fn revoke(session: &Session, session_id: Option<String>) -> Result<(), Failure> {
    let mode = if session_id.is_some() { "session_id" } else { "current" };
    let session_id = match session_id {
        Some(id) => id.into(),
        None => session.check(current(session).await)?,
    };
    let answer = session.call(&auth::REVOKE, &RevokeSession { session_id }).await?;
    match session.output() {
        OutputFormat::Json | OutputFormat::Yaml => session.output().print_json(&json!({
            "ok": answer.ok, "session_id": answer.session_id, "revoked": answer.revoked, "mode": mode,
            "guidance_message": "`axme session list` shows the sessions that remain",
        })),
        OutputFormat::Text => line(format!("✓ Session {} has ended", answer.session_id)),
    }
}

/// Returns the id of the session that the token belongs to.
async fn current(session: &Session) -> Result<Id, ClientError> {
    let list = session.client.call(&auth::SESSIONS, &ListLogins { include_revoked: Some(false) }).await?;
    let current = list.sessions.into_iter().find(|login| login.is_current);
    current
        .map(|login| login.session_id)
        .ok_or_else(|| ClientError::Answer("the list of sessions has no current one".to_owned()))
}

const KEY_STAYS: &str = "The workspace key stays in the context; `axme logout --all` deletes it.";

impl Logout {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let settings = ConnectionSettings::find(flags).await?;
        settings.check_server()?;
        let revocation = match &settings.actor_token {
            Some(_) => Some(self.revoke(&settings.clone().person_only().connect()?).await),
            None => None,
        };
        let had_session = revocation.is_some();
        let key_stays = self.forget(&settings)?;
        if settings.output.is_json() {
            let ok = !matches!(revocation, Some(Err(_)));
            return settings.output.print_json(&json!({
                "ok": ok,
                "context": settings.context,
                "api_key_cleared": self.all,
                "workspace_api_key_remaining": key_stays,
                "account_session_cleared": had_session,
                "local_api_key_present": key_stays,
                "local_actor_token_present": false,
                "local_refresh_token_present": false,
                "guidance_message": if key_stays { Some(KEY_STAYS) } else { None },
                "server_logout": self.server_logout(revocation.as_ref()),
            }));
        }
        match revocation {
            None => line("You were not signed in.")?,
            Some(Ok(_)) => line(format!("✓ Signed out of {}", settings.base_url.value))?,
            // The session is deleted here, but still active at the server.
            Some(Err(failure)) => {
                let message =
                    format!("signed out here, but the session is still active at the server: {}", failure.message);
                return Err(Failure { message, ..failure });
            }
        }
        if key_stays {
            line(format!("  {KEY_STAYS}"))?;
        }
        Ok(())
    }

    /// Ends the session at the server. Returns its id, if one was ended.
    async fn revoke(&self, session: &Session) -> Result<Option<Id>, Failure> {
        let request = async {
            if self.all_sessions {
                return session.client.call(&auth::LOGOUT_ALL, &EmptyInput::default()).await.map(|_| None);
            }
            let session_id = current(session).await?;
            let answer = session.client.call(&auth::REVOKE, &RevokeSession { session_id }).await?;
            Ok(Some(answer.session_id))
        };
        match request.await {
            Ok(session_id) => Ok(session_id),
            // The session has already ended.
            Err(ClientError::Refused(refusal)) if refusal.status == 401 => Ok(None),
            Err(error) => Err(session.explain(&error)),
        }
    }

    fn server_logout(&self, revocation: Option<&Result<Option<Id>, Failure>>) -> Value {
        json!({
            "attempted": revocation.is_some(),
            "revoked": matches!(revocation, Some(Ok(_))),
            "mode": if self.all_sessions { "all_sessions" } else { "current" },
            "session_id": revocation.and_then(|revocation| revocation.as_ref().ok()?.as_ref()),
            "status": match revocation {
                None => "not_signed_in",
                Some(Ok(_)) => "revoked",
                Some(Err(_)) => "failed",
            },
            "error": revocation.and_then(|revocation| revocation.as_ref().err()).map(|failure| &failure.message),
        })
    }

    /// Deletes the tokens of the context, and with `--all` the key. Returns whether a key remains.
    fn forget(&self, settings: &ConnectionSettings) -> Result<bool, Failure> {
        let mut contexts = Contexts::load()?;
        let found = contexts.get(&settings.context).map(|(context, secrets)| (context.clone(), secrets));
        let Some((context, old)) = found else { return Ok(false) };
        let api_key = old.api_key.clone().filter(|_| !self.all);
        let key_stays = api_key.is_some();
        let secrets = Secrets { api_key, actor_token: None, refresh_token: None, ..old };
        contexts.put(&settings.context, context, secrets);
        contexts.save()?;
        Ok(key_stays)
    }
}
