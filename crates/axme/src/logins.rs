//! `axme logout` and `axme session`: where a person is signed in, and ending that (contract `wire.md` §3.7).

use axme_client::ClientError;
use axme_client::api::auth::{self, ListLogins, Login, LoginList, RevokeSession};
use axme_client::api::capabilities::Nothing;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::contexts::{Contexts, Secrets};
use crate::failure::Failure;
use crate::screen::{Form, line, table};
use crate::session::{Flags, Session, Setting};

/// End your session, and forget it here
///
/// The key of the workspace stays in the context, and works on its own; --all forgets it too.
#[derive(Debug, Args)]
pub struct Logout {
    /// Forget the key too
    #[arg(long)]
    all: bool,
    /// End your sessions on other devices too
    #[arg(long)]
    all_sessions: bool,
}

/// See where you are signed in, and end that
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List your sessions
    List {
        /// With those that have ended
        #[arg(long)]
        all: bool,
    },
    /// End a session
    #[command(after_help = "Example: axme session revoke 0197…\n         axme session revoke --current")]
    Revoke {
        #[arg(value_name = "SESSION_ID", required_unless_present = "current")]
        session_id: Option<String>,
        /// The session of this context
        #[arg(long, conflicts_with = "session_id")]
        current: bool,
    },
}

impl SessionCommand {
    pub async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Setting::find(flags).await?.in_person().connect()?;
        if session.setting.actor_token.is_none() {
            return Err(Failure::usage("nobody is signed in here: `axme login`"));
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
    if session.form().is_json() {
        let answer = json!({ "sessions": list.sessions, "include_revoked": all, "summary": summary(&list, all) });
        return session.form().value(&answer);
    }
    let rows = list.sessions.iter().map(|login| {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            login.session_id.clone(),
            if login.is_current { "*" } else { "" }.to_owned(),
            login.client_type.clone(),
            or_nothing(&login.device_label),
            login.created_at.clone(),
            login.expires_at.clone(),
            or_nothing(&login.revoked_at),
        ]
    });
    let header = ["SESSION_ID", "CURRENT", "CLIENT", "DEVICE", "CREATED_AT", "EXPIRES_AT", "REVOKED_AT"];
    table(&header, &rows.collect::<Vec<Vec<String>>>()).iter().try_for_each(line)
}

/// What a list of sessions comes to.
pub fn summary(list: &LoginList, include_revoked: bool) -> Value {
    let current: Option<&Login> = list.sessions.iter().find(|login| login.is_current);
    let active = list.sessions.iter().filter(|login| !login.revoked).count();
    json!({
        "session_count": list.sessions.len(),
        "active_count": active,
        "revoked_count": list.sessions.len() - active,
        "include_revoked": include_revoked,
        "has_current_session": current.is_some(),
        "current_session_id": current.map(|login| &login.session_id),
        "current_session": current,
    })
}

async fn revoke(session: &Session, named: Option<String>) -> Result<(), Failure> {
    let mode = if named.is_some() { "session_id" } else { "current" };
    let session_id = match named {
        Some(id) => id,
        None => current(session).await.map_err(|error| session.explain(&error))?,
    };
    let answer = session.call(&auth::REVOKE, &RevokeSession { session_id }).await?;
    match session.form() {
        Form::Json => session.form().value(&json!({
            "ok": answer.ok, "session_id": answer.session_id, "revoked": answer.revoked, "mode": mode,
        })),
        Form::Human => line(format!("✓ Session {} has ended", answer.session_id)),
    }
}

/// The id of the session that is presented.
async fn current(session: &Session) -> Result<String, ClientError> {
    let list = session.client.call(&auth::SESSIONS, &ListLogins { include_revoked: Some(false) }).await?;
    let current = list.sessions.into_iter().find(|login| login.is_current);
    current.map(|login| login.session_id).ok_or_else(|| ClientError::Answer("no session is the current one".to_owned()))
}

impl Logout {
    pub async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let setting = Setting::find(flags).await?;
        setting.check_server()?;
        let told = match &setting.actor_token {
            Some(_) => Some(self.tell(&setting.clone().in_person().connect()?).await),
            None => None,
        };
        let had_session = told.is_some();
        let key_stays = self.forget(&setting)?;
        if setting.form.is_json() {
            let ok = !matches!(told, Some(Err(_)));
            return setting.form.value(&json!({
                "ok": ok,
                "context": setting.context,
                "api_key_cleared": self.all,
                "workspace_api_key_remaining": key_stays,
                "account_session_cleared": had_session,
                "server_logout": self.outcome(told.as_ref()),
            }));
        }
        match told {
            None => line("Nobody was signed in here.")?,
            Some(Ok(_)) => line(format!("✓ Signed out of {}", setting.base_url.value))?,
            // What is forgotten here still counts there.
            Some(Err(failure)) => {
                let message = format!("signed out here, but the session goes on at the server: {}", failure.message);
                return Err(Failure { message, ..failure });
            }
        }
        if key_stays {
            line("  The key of the workspace stays in the context; `axme logout --all` forgets it.")?;
        }
        Ok(())
    }

    /// Has the server end the session; gives its id, if one was ended.
    async fn tell(&self, session: &Session) -> Result<Option<String>, Failure> {
        let ended = async {
            if self.all_sessions {
                return session.client.call(&auth::LOGOUT_ALL, &Nothing::default()).await.map(|_| None);
            }
            let session_id = current(session).await?;
            let answer = session.client.call(&auth::REVOKE, &RevokeSession { session_id }).await?;
            Ok(Some(answer.session_id))
        };
        match ended.await {
            Ok(session_id) => Ok(session_id),
            // It has ended already.
            Err(ClientError::Refused(refusal)) if refusal.status == 401 => Ok(None),
            Err(error) => Err(session.explain(&error)),
        }
    }

    fn outcome(&self, told: Option<&Result<Option<String>, Failure>>) -> Value {
        json!({
            "attempted": told.is_some(),
            "revoked": matches!(told, Some(Ok(_))),
            "mode": if self.all_sessions { "all_sessions" } else { "current" },
            "session_id": told.and_then(|told| told.as_ref().ok()?.as_ref()),
            "error": told.and_then(|told| told.as_ref().err()).map(|failure| &failure.message),
        })
    }

    /// Takes the tokens out of the context, and with `--all` the key; says whether a key is left.
    fn forget(&self, setting: &Setting) -> Result<bool, Failure> {
        let mut contexts = Contexts::load()?;
        let found = contexts.get(&setting.context).map(|(context, secrets)| (context.clone(), secrets));
        let Some((context, old)) = found else { return Ok(false) };
        let api_key = old.api_key.clone().filter(|_| !self.all);
        let key_stays = api_key.is_some();
        let secrets = Secrets { api_key, actor_token: None, refresh_token: None, ..old };
        contexts.put(&setting.context, context, secrets);
        contexts.save()?;
        Ok(key_stays)
    }
}
