//! `axme whoami`, `axme status` and `axme version`.

use axme_client::ClientError;
use axme_client::api::auth::{self, ListLogins, LoginList};
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::me::{self, CallerRole, IdentityAnswer};
use axme_client::api::personal::{self, PersonalContextAnswer};
use axme_client::api::roles::OrgRole;
use serde_json::{Value, json};

use crate::commands::login_sessions::summary;
use crate::connection::{ConnectionSettings, SettingValue};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::output::{OutputFormat, line, local};
use crate::session::Session;

/// Shows the identity of the key and of the token, and the sources of the settings.
pub(crate) async fn whoami(flags: &Flags) -> Result<(), Failure> {
    let session = Session::open(flags).await?;
    let account = AccountSession::find(&session).await?;
    let me = match session.client.call(&me::GET, &EmptyInput::default()).await {
        Ok(me) => Ok(me),
        Err(error @ ClientError::Refused(_))
            if !session.output().is_json() && matches!(account, AccountSession::None) =>
        {
            return Err(session.explain(&error));
        }
        Err(ClientError::Refused(refusal)) => Err(refusal.message),
        Err(error) => return Err(session.explain(&error)),
    };
    match session.output() {
        OutputFormat::Json | OutputFormat::Yaml => {
            session.output().print_json(&identity(&session, me.as_ref().ok(), &account))
        }
        OutputFormat::Text => lines(&session, me.as_ref(), &account).iter().try_for_each(line),
    }
}

/// The session of the signed-in account.
enum AccountSession {
    None,
    /// The session has ended, as this message of the server says.
    Expired(String),
    /// The server does not describe the session, for this reason.
    Unavailable(String),
    Active(Box<(PersonalContextAnswer, LoginList)>),
}

impl AccountSession {
    async fn find(session: &Session) -> Result<AccountSession, Failure> {
        if session.settings.actor_token.is_none() {
            return Ok(AccountSession::None);
        }
        let session = session.settings.clone().person_only().connect()?;
        let request = async {
            let portal = session.client.call(&personal::CONTEXT, &EmptyInput::default()).await?;
            let input = ListLogins { include_revoked: Some(false) };
            Ok((portal, session.client.call(&auth::SESSIONS, &input).await?))
        };
        match request.await {
            Ok(found) => Ok(AccountSession::Active(Box::new(found))),
            Err(error @ ClientError::Refused(_)) => {
                let is_over = error.refusal().is_some_and(|refusal| refusal.status == 401);
                let message = session.explain(&error).message;
                Ok(if is_over { AccountSession::Expired(message) } else { AccountSession::Unavailable(message) })
            }
            Err(error) => Err(session.explain(&error)),
        }
    }

    fn portal(&self) -> Option<&PersonalContextAnswer> {
        self.active().map(|(portal, _)| portal)
    }

    fn active(&self) -> Option<&(PersonalContextAnswer, LoginList)> {
        match self {
            AccountSession::Active(found) => Some(found),
            AccountSession::None | AccountSession::Expired(_) | AccountSession::Unavailable(_) => None,
        }
    }

    fn error(&self) -> Option<&str> {
        match self {
            AccountSession::Expired(message) | AccountSession::Unavailable(message) => Some(message),
            AccountSession::None | AccountSession::Active(_) => None,
        }
    }

    /// Returns the roles of the person in the selected workspace, else in the organization.
    fn roles(&self) -> Option<&[OrgRole]> {
        let portal = self.portal()?;
        let (org, workspace) = (&portal.context.org_id, &portal.context.workspace_id);
        let place =
            portal.workspaces.iter().find(|place| place.workspace_id == workspace.as_str()).map(|place| &place.roles);
        let whole = portal.organizations.iter().find(|place| place.org_id == org.as_str()).map(|place| &place.roles);
        place.or(whole).map(Vec::as_slice)
    }
}

fn identity(session: &Session, me: Option<&IdentityAnswer>, account: &AccountSession) -> Value {
    let settings = &session.settings;
    let (portal, logins) = (account.portal(), account.active().map(|(_, logins)| logins));
    let selected = portal.map(|portal| &portal.context).filter(|place| !place.org_id.is_empty());
    json!({
        "context": settings.context,
        "base_url": settings.base_url.value,
        "org_id": me.map(|me| me.org_id.to_string()).or(SettingValue::text(&settings.org_id)).or(selected.map(|place| place.org_id.clone())),
        "workspace_id": me.map(|me| me.workspace_id.to_string()).or(SettingValue::text(&settings.workspace_id))
            .or(selected.map(|place| place.workspace_id.clone())),
        "environment": SettingValue::text(&settings.environment),
        "owner_agent": SettingValue::text(&settings.owner_agent),
        "agent_addresses": me.and_then(|me| me.address.clone()).into_iter().collect::<Vec<String>>(),
        "role": me.map(|me| me.role),
        "roles": account.roles(),
        "service_account": me.and_then(|me| me.service_account.as_ref()),
        "secret_storage": { "mode": "file", "detail": folders::config().ok().map(|folder| folder.join("secrets.json")) },
        "status": {
            "has_workspace_access_token": settings.api_key.is_some(),
            "has_account_session": settings.actor_token.is_some(),
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
        "sessions_error": account.error(),
    })
}

/// `me` is the identity of the key, or the server's reason for refusing it.
fn lines(session: &Session, me: Result<&IdentityAnswer, &String>, account: &AccountSession) -> Vec<String> {
    let settings = &session.settings;
    let key = match (&settings.api_key, me) {
        (None, _) => "none".to_owned(),
        (Some(key), Ok(_)) => format!("from {}", key.source),
        (Some(key), Err(why)) => format!("from {}; rejected: {why}", key.source),
    };
    let names = |roles: &[OrgRole]| roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    let roles = account.roles().map(names).filter(|roles| !roles.is_empty());
    let mut fields = vec![
        ("Context", settings.context.clone()),
        ("API endpoint", format!("{} (from {})", settings.base_url.value, settings.base_url.source)),
        ("Key", key),
    ];
    if let Ok(me) = me {
        fields.push(("Organization", format!("{} ({})", me.org_slug, me.org_id)));
        fields.push(("Workspace", format!("{} ({})", me.workspace_slug, me.workspace_id)));
        let roles = roles.filter(|_| me.role == CallerRole::Visitor);
        fields.push(("Role", roles.unwrap_or_else(|| me.role.to_string())));
        let account = me.service_account.as_ref().map(|account| account.name.clone());
        fields.extend(account.or(me.email.clone()).map(|name| ("Account", name)));
        if let Some(address) = &me.address {
            fields.push(("Agent address", address.clone()));
        }
    } else if let Some(portal) = account.portal() {
        let (org, workspace) = (&portal.selected_organization, &portal.selected_workspace);
        fields.extend(org.iter().map(|org| ("Organization", format!("{} ({})", org.name, org.org_id))));
        fields.extend(workspace.iter().map(|place| ("Workspace", format!("{} ({})", place.name, place.workspace_id))));
        fields.extend(roles.map(|roles| ("Role", roles)));
    }
    match account {
        AccountSession::None => {}
        AccountSession::Unavailable(why) => fields.push(("Session", format!("unknown: {why}"))),
        AccountSession::Expired(_) => fields.push(("Session", "ended; sign in again with `axme login`".to_owned())),
        AccountSession::Active(found) => {
            let (portal, logins) = &**found;
            fields.push(("Signed in as", portal.account.email.clone()));
            fields.extend(portal.account.display_name.clone().map(|name| ("Name", name)));
            let current = logins.sessions.iter().find(|login| login.is_current);
            fields.extend(current.map(|login| ("Session", format!("until {}", local(login.expires_at)))));
        }
    }
    if let Some(owner) = &settings.owner_agent {
        fields.push(("Owner agent", owner.value.clone()));
    }
    fields.into_iter().map(|(name, value)| format!("{:16}{value}", format!("{name}:"))).collect()
}

/// Shows the health of the server.
pub(crate) async fn status(flags: &Flags) -> Result<(), Failure> {
    // The health endpoint needs no credentials.
    let session = ConnectionSettings::find(flags).await?.anonymous().connect()?;
    let health = match session.client.health().await {
        Ok(health) => health,
        Err(error) => return Err(session.explain(&error)),
    };
    if session.output().is_json() {
        return session.output().print_json(&json!({ "status_code": 200, "ok": health.ok, "body": health }));
    }
    let fields = [
        ("Gateway", session.settings.base_url.value.clone()),
        ("Service", format!("{} {}", health.service, health.version)),
        ("Profile", health.deployment_profile),
        ("Storage", health.storage.to_string()),
        ("Users", format!("{} registered", health.registered_users)),
    ];
    fields.iter().try_for_each(|(name, value)| line(format!("{:10}{value}", format!("{name}:"))))
}

/// Shows the version of this program; release builds have a commit and a date.
pub(crate) fn version(output: OutputFormat) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let commit = option_env!("AXME_BUILD_COMMIT").unwrap_or("unknown");
    let date = option_env!("AXME_BUILD_DATE").unwrap_or("unknown");
    match output {
        OutputFormat::Json | OutputFormat::Yaml => {
            output.print_json(&json!({ "version": version, "commit": commit, "date": date }))
        }
        OutputFormat::Text => line(format!("axme {version} (commit {commit}, {date})")),
    }
}
