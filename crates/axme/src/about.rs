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
use crate::session::{Flags, Given, Session, Setting};

/// Who the key and the token say we are, and where the settings come from.
pub async fn whoami(flags: &Flags) -> Result<(), Failure> {
    let session = Session::open(flags).await?;
    let person = Person::find(&session).await?;
    let me = match session.client.call(&me::GET, &Nothing::default()).await {
        Ok(me) => Ok(me),
        Err(error @ ClientError::Refused(_)) if !session.form().is_json() && matches!(person, Person::None) => {
            return Err(session.explain(&error));
        }
        Err(ClientError::Refused(refusal)) => Err(refusal.message),
        Err(error) => return Err(session.explain(&error)),
    };
    match session.form() {
        Form::Json => session.form().value(&identity(&session, me.as_ref().ok(), &person)),
        Form::Human => lines(&session, me.as_ref(), &person).iter().try_for_each(line),
    }
}

/// Who is signed in, when anybody is.
enum Person {
    None,
    /// The session has ended; the server says so.
    Ended(String),
    /// The server tells nothing of the session, for this reason.
    Untold(String),
    Here(Box<(personal::Context, LoginList)>),
}

impl Person {
    async fn find(session: &Session) -> Result<Person, Failure> {
        if session.setting.actor_token.is_none() {
            return Ok(Person::None);
        }
        let session = session.setting.clone().in_person().connect()?;
        let found = async {
            let portal = session.client.call(&personal::CONTEXT, &Nothing::default()).await?;
            let input = ListLogins { include_revoked: Some(false) };
            Ok((portal, session.client.call(&auth::SESSIONS, &input).await?))
        };
        match found.await {
            Ok(found) => Ok(Person::Here(Box::new(found))),
            Err(error @ ClientError::Refused(_)) => {
                let is_over = error.refusal().is_some_and(|refusal| refusal.status == 401);
                let message = session.explain(&error).message;
                Ok(if is_over { Person::Ended(message) } else { Person::Untold(message) })
            }
            Err(error) => Err(session.explain(&error)),
        }
    }

    fn portal(&self) -> Option<&personal::Context> {
        self.here().map(|(portal, _)| portal)
    }

    fn here(&self) -> Option<&(personal::Context, LoginList)> {
        match self {
            Person::Here(found) => Some(found),
            Person::None | Person::Ended(_) | Person::Untold(_) => None,
        }
    }

    fn error(&self) -> Option<&str> {
        match self {
            Person::Ended(message) | Person::Untold(message) => Some(message),
            Person::None | Person::Here(_) => None,
        }
    }

    /// What the person is where they work.
    fn roles(&self) -> Option<&[String]> {
        let portal = self.portal()?;
        let (org, workspace) = (&portal.context.org_id, &portal.context.workspace_id);
        let place = portal.workspaces.iter().find(|place| place.workspace_id == *workspace).map(|place| &place.roles);
        let whole = portal.organizations.iter().find(|place| place.org_id == *org).map(|place| &place.roles);
        place.or(whole).map(Vec::as_slice)
    }
}

fn identity(session: &Session, me: Option<&Me>, person: &Person) -> Value {
    let setting = &session.setting;
    let (portal, logins) = (person.portal(), person.here().map(|(_, logins)| logins));
    let value = |given: &Option<Given>| given.as_ref().map(|given| given.value.clone());
    let selected = portal.map(|portal| &portal.context).filter(|place| !place.org_id.is_empty());
    json!({
        "context": setting.context,
        "base_url": setting.base_url.value,
        "org_id": me.map(|me| me.org_id.clone()).or(value(&setting.org_id)).or(selected.map(|place| place.org_id.clone())),
        "workspace_id": me.map(|me| me.workspace_id.clone()).or(value(&setting.workspace_id))
            .or(selected.map(|place| place.workspace_id.clone())),
        "environment": value(&setting.environment),
        "owner_agent": value(&setting.owner_agent),
        "agent_addresses": me.and_then(|me| me.address.clone()).into_iter().collect::<Vec<String>>(),
        "role": me.map(|me| me.role.clone()),
        "roles": person.roles(),
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
        "sessions_error": person.error(),
    })
}

/// `me` may be what the server says instead.
fn lines(session: &Session, me: Result<&Me, &String>, person: &Person) -> Vec<String> {
    let setting = &session.setting;
    let key = match (&setting.api_key, me) {
        (None, _) => "none".to_owned(),
        (Some(key), Ok(_)) => format!("from {}", key.from),
        (Some(key), Err(why)) => format!("from {}; not taken: {why}", key.from),
    };
    let roles = person.roles().map(|roles| roles.join(", ")).filter(|roles| !roles.is_empty());
    let mut fields = vec![
        ("Context", setting.context.clone()),
        ("API endpoint", format!("{} (from {})", setting.base_url.value, setting.base_url.from)),
        ("Key", key),
    ];
    if let Ok(me) = me {
        fields.push(("Organization", format!("{} ({})", me.org_slug, me.org_id)));
        fields.push(("Workspace", format!("{} ({})", me.workspace_slug, me.workspace_id)));
        let roles = roles.filter(|_| me.role == "visitor");
        fields.push(("Role", roles.unwrap_or_else(|| me.role.clone())));
        let account = me.service_account.as_ref().map(|account| account.name.clone());
        fields.extend(account.or(me.email.clone()).map(|name| ("Account", name)));
        if let Some(address) = &me.address {
            fields.push(("Agent address", address.clone()));
        }
    } else if let Some(portal) = person.portal() {
        let (org, workspace) = (&portal.selected_organization, &portal.selected_workspace);
        fields.extend(org.iter().map(|org| ("Organization", format!("{} ({})", org.name, org.org_id))));
        fields.extend(workspace.iter().map(|place| ("Workspace", format!("{} ({})", place.name, place.workspace_id))));
        fields.extend(roles.map(|roles| ("Role", roles)));
    }
    match person {
        Person::None => {}
        Person::Untold(why) => fields.push(("Session", format!("the server does not tell: {why}"))),
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
    // Anybody may ask, so nobody is named.
    let session = Setting::find(flags).await?.anonymous().connect()?;
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
