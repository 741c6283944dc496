//! `axme whoami`, `axme status` and `axme version`.

use axme_client::ClientError;
use axme_client::api::auth::{self, ListLogins, LoginList};
use axme_client::api::capabilities::Nothing;
use axme_client::api::me::{self, Me};
use axme_client::api::personal;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::folders;
use crate::logins::summary;
use crate::screen::{Form, line};
use crate::session::{Flags, Given, Session};

/// Who the key and the token say we are, and where the settings come from.
pub async fn whoami(flags: &Flags) -> Result<(), Failure> {
    let session = Session::open(flags).await?;
    let person = Person::find(&session).await?;
    let me = match session.client.call(&me::GET, &Nothing::default()).await {
        Ok(me) => Some(me),
        Err(error @ ClientError::Refused(_)) if !session.form().is_json() && matches!(person, Person::None) => {
            return Err(session.explain(&error));
        }
        Err(ClientError::Refused(_)) => None,
        Err(error) => return Err(session.explain(&error)),
    };
    match session.form() {
        Form::Json => session.form().value(&identity(&session, me.as_ref(), &person)),
        Form::Human => lines(&session, me.as_ref(), &person).iter().try_for_each(line),
    }
}

/// Who is signed in, when anybody is.
enum Person {
    None,
    /// The session has ended, or the server wants nobody; it says so.
    Ended(String),
    Here(Box<(personal::Context, LoginList)>),
}

impl Person {
    async fn find(session: &Session) -> Result<Person, Failure> {
        if session.setting.actor_token.is_none() {
            return Ok(Person::None);
        }
        let found = async {
            let portal = session.client.call(&personal::CONTEXT, &Nothing::default()).await?;
            let input = ListLogins { include_revoked: Some(false) };
            Ok((portal, session.client.call(&auth::SESSIONS, &input).await?))
        };
        match found.await {
            Ok(found) => Ok(Person::Here(Box::new(found))),
            Err(error @ ClientError::Refused(_)) => Ok(Person::Ended(session.explain(&error).message)),
            Err(error) => Err(session.explain(&error)),
        }
    }

    fn portal(&self) -> Option<&personal::Context> {
        self.here().map(|(portal, _)| portal)
    }

    fn here(&self) -> Option<&(personal::Context, LoginList)> {
        match self {
            Person::Here(found) => Some(found),
            Person::None | Person::Ended(_) => None,
        }
    }

    fn ended(&self) -> Option<&str> {
        match self {
            Person::Ended(message) => Some(message),
            Person::None | Person::Here(_) => None,
        }
    }
}

fn identity(session: &Session, me: Option<&Me>, person: &Person) -> Value {
    let setting = &session.setting;
    let (portal, logins) = (person.portal(), person.here().map(|(_, logins)| logins));
    let value = |given: &Option<Given>| given.as_ref().map(|given| given.value.clone());
    json!({
        "context": setting.context,
        "base_url": setting.base_url.value,
        "org_id": me.map(|me| me.org_id.clone()).or(value(&setting.org_id)),
        "workspace_id": me.map(|me| me.workspace_id.clone()).or(value(&setting.workspace_id)),
        "environment": value(&setting.environment),
        "owner_agent": value(&setting.owner_agent),
        "agent_addresses": me.and_then(|me| me.address.clone()).into_iter().collect::<Vec<String>>(),
        "role": me.map(|me| me.role.clone()),
        "service_account": me.and_then(|me| me.service_account.as_ref()),
        "secret_storage": { "mode": "file", "detail": folders::config().ok().map(|folder| folder.join("secrets.json")) },
        "status": {
            "has_workspace_access_token": setting.api_key.is_some(),
            "has_account_session": setting.actor_token.is_some(),
            "account_signed_in": portal.is_some(),
            "workspace_attached": me.is_some(),
            "membership_count": portal.map(|portal| portal.workspaces.len()),
        },
        "account": portal.map(|portal| &portal.account),
        "server_context": portal.map(|portal| &portal.context),
        "selected_organization": portal.and_then(|portal| portal.selected_organization.as_ref()),
        "selected_workspace": portal.and_then(|portal| portal.selected_workspace.as_ref()),
        "server_guidance": portal.map(|portal| &portal.guidance),
        "sessions": logins.map(|logins| &logins.sessions),
        "session_summary": logins.map(|logins| summary(logins, false)),
        "sessions_error": person.ended(),
    })
}

fn lines(session: &Session, me: Option<&Me>, person: &Person) -> Vec<String> {
    let setting = &session.setting;
    let key = setting.api_key.as_ref().map_or("none".to_owned(), |key| format!("from {}", key.from));
    let mut fields = vec![
        ("Context", setting.context.clone()),
        ("API endpoint", format!("{} (from {})", setting.base_url.value, setting.base_url.from)),
        ("Key", key),
    ];
    if let Some(me) = me {
        fields.push(("Organization", format!("{} ({})", me.org_slug, me.org_id)));
        fields.push(("Workspace", format!("{} ({})", me.workspace_slug, me.workspace_id)));
        fields.push(("Role", me.role.clone()));
        let account = me.service_account.as_ref().map(|account| account.name.clone());
        fields.extend(account.or(me.email.clone()).map(|name| ("Account", name)));
        if let Some(address) = &me.address {
            fields.push(("Agent address", address.clone()));
        }
    }
    match person {
        Person::None => {}
        Person::Ended(_) => fields.push(("Session", "ended; sign in again with `axme login`".to_owned())),
        Person::Here(found) => {
            let (portal, logins) = &**found;
            fields.push(("Signed in as", portal.account.email.clone()));
            fields.extend(portal.account.display_name.clone().map(|name| ("Name", name)));
            let current = logins.sessions.iter().find(|login| login.is_current);
            fields.extend(current.map(|login| ("Session", format!("until {}", login.expires_at))));
        }
    }
    if let Some(owner) = &setting.owner_agent {
        fields.push(("Owner agent", owner.value.clone()));
    }
    fields.into_iter().map(|(name, value)| format!("{:16}{value}", format!("{name}:"))).collect()
}

/// What the server says of itself.
pub async fn status(flags: &Flags) -> Result<(), Failure> {
    let session = Session::open(flags).await?;
    let health = match session.client.health().await {
        Ok(health) => health,
        Err(ClientError::Refused(refusal)) if session.form().is_json() => {
            return session.form().value(&json!({ "status_code": refusal.status, "ok": false, "body": refusal.body }));
        }
        Err(error) => return Err(session.explain(&error)),
    };
    if session.form().is_json() {
        return session.form().value(&json!({ "status_code": 200, "ok": health.ok, "body": health }));
    }
    let fields = [
        ("Gateway", session.setting.base_url.value.clone()),
        ("Service", format!("{} {}", health.service, health.version)),
        ("Profile", health.deployment_profile),
        ("Storage", health.storage),
        ("Users", format!("{} registered", health.registered_users)),
    ];
    fields.iter().try_for_each(|(name, value)| line(format!("{:10}{value}", format!("{name}:"))))
}

/// The version of this program; release builds say of which commit and day.
pub fn version(form: Form) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let commit = option_env!("AXME_BUILD_COMMIT").unwrap_or("unknown");
    let date = option_env!("AXME_BUILD_DATE").unwrap_or("unknown");
    match form {
        Form::Json => form.value(&json!({ "version": version, "commit": commit, "date": date })),
        Form::Human => line(format!("axme {version} (commit {commit}, {date})")),
    }
}
