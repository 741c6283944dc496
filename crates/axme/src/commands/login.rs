//! `axme login`: signs a person in, by mail or in a browser, and stores the credentials in a context
//! (`spec/protocol.md` §3.7).

mod trial;

use std::io::{IsTerminal, stdin};
use std::time::Duration;

use axme_client::api::auth::{self, CreateGrant, ListLogins, LoginIntent, PollGrant, RefreshToken, VerifyCode};
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::me::{self, IdentityAnswer};
use axme_client::api::personal::{self, PersonalContextAnswer, SelectWorkspace};
use axme_client::{ClientError, TokenStore, Tokens};
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::open_browser;
use crate::connection::{ConnectionSettings, SettingValue, is_same_server};
use crate::contexts::{Context, ContextTokens, Contexts, Secrets};
use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::output::{OutputFormat, line, print_prompt};
use crate::picker::confirm;
use crate::session::Session;
use crate::stdin::read_lines;

/// How often the grant of a mailed link is polled.
const MAIL_POLL: Duration = Duration::from_secs(2);
const MAX_LABEL_CHARS: usize = 120;

/// Sign in as a person
///
/// The server mails you a code and a link: type the code here, or open the link. With --browser, you sign in on a web
/// page instead, here or on another device. If you are signed in already, the session is only refreshed; --force and
/// --email start a new sign-in.
///
/// The context keeps the session and the key of your workspace in place of its previous credentials. With --api-key or
/// --actor-token, the command checks these credentials with the server, stores them and does not sign in. It asks before
/// it replaces another key.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme login --base-url https://axme.example.com --email kim@example.com\n         \
                        axme login --browser --context work")]
pub(crate) struct Login {
    /// Your email address [default: a prompt]
    #[arg(long, conflicts_with = "browser")]
    email: Option<String>,
    /// Sign in on a web page, here or on another device
    #[arg(long, alias = "web")]
    browser: bool,
    /// Print the address of the page without opening a browser
    #[arg(long)]
    no_browser: bool,
    /// Context for the sign-in, created if it does not exist [default: the active one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Sign in again, even if a session is active, and replace another key without asking
    #[arg(long)]
    force: bool,
    /// Begin a trial instead, on a server that allows trials
    #[arg(long, hide = true)]
    bootstrap_alpha: bool,
    /// A page about trials to open first
    #[arg(long, hide = true, value_name = "URL", requires = "bootstrap_alpha")]
    onboarding_url: Option<String>,
}

impl Login {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let contexts = Contexts::load()?;
        let named = self.context.as_deref().or(flags.context_name.as_deref());
        let name = named.unwrap_or(contexts.active()).to_owned();
        let settings = ConnectionSettings::for_sign_in(flags, &name).await?;
        if !self.browser && !self.bootstrap_alpha && (flags.api_key.is_some() || flags.actor_token.is_some()) {
            return store_given(flags, &settings, self.force).await;
        }
        let refresh_token = settings.refresh_token.clone();
        // The context's credentials are not sent; the sign-in replaces them.
        let anonymous = ConnectionSettings { owner_agent: None, ..settings.anonymous() };
        let session = anonymous.connect()?;
        if self.browser {
            let credentials = sign_in_on_page(&session, self.no_browser || flags.format().is_json()).await?;
            return finish(flags, &session, credentials, None).await;
        }
        let mut input = TerminalInput { lines: read_lines(), is_terminal: stdin().is_terminal() };
        if self.bootstrap_alpha {
            if let Some(page) = &self.onboarding_url {
                session.output().print(format!("About trials: {page}"))?;
                open_browser(page);
            }
            return trial::begin(&session, self.email, &mut input).await;
        }
        if let Some(old) = refresh_token.filter(|_| !self.force && self.email.is_none())
            && refresh(&session, old).await?
        {
            return report_refreshed(&session);
        }
        let email = match self.email {
            Some(email) => email,
            None if input.is_terminal => input.ask_email(contexts.last_login_email()).await?,
            None => return report_no_terminal(&session),
        };
        let credentials = sign_in_by_mail(&session, &email, &mut input).await?;
        finish(flags, &session, credentials, Some(&email)).await
    }
}

/// Stores credentials given by flags, once the server has accepted them.
async fn store_given(flags: &Flags, settings: &ConnectionSettings, force: bool) -> Result<(), Failure> {
    let owner = verify(flags, settings).await?;
    let mut contexts = Contexts::load()?;
    let name = &settings.context;
    let (context, old) = contexts.get(name).map(|(context, secrets)| (context.clone(), secrets)).unwrap_or_default();
    // Credentials of another server must not be sent to this one.
    let changes_server = !context.base_url.is_empty() && !is_same_server(&context.base_url, &settings.base_url.value);
    let loses_key =
        old.api_key.is_some() && (changes_server || flags.api_key.is_some()) && old.api_key != flags.api_key;
    if loses_key && !force {
        let question = format!("This will replace the key of context \"{name}\" for {}. Go on?", context.base_url);
        confirm(settings.output, &question, "--force")?;
    }
    let old = if changes_server { Secrets::default() } else { old };
    let of_key = |id: fn(&IdentityAnswer) -> String| owner.as_ref().map(id);
    let context = Context {
        base_url: settings.base_url.value.clone(),
        owner_agent: flags.owner_agent.clone().or(context.owner_agent.clone()),
        org_id: flags.org_id.clone().or(of_key(|me| me.org_id.to_string())).or(context.org_id.clone()),
        workspace_id: flags
            .workspace_id
            .clone()
            .or(of_key(|me| me.workspace_id.to_string()))
            .or(context.workspace_id.clone()),
        dev_data: None,
        ..context
    };
    let secrets = match &flags.actor_token {
        // The refresh token belongs to the replaced token.
        Some(token) => Secrets { actor_token: Some(token.clone()), refresh_token: None, ..old },
        None => old,
    };
    let api_key = flags.api_key.clone().or(secrets.api_key.clone());
    put(&mut contexts, name, context, Secrets { api_key, ..secrets })?;
    match settings.output {
        OutputFormat::Json | OutputFormat::Yaml => {
            settings.output.print_json(&json!({ "ok": true, "context": name, "method": "manual" }))
        }
        OutputFormat::Text => {
            eprintln!("Credentials stored in context \"{name}\".");
            Ok(())
        }
    }
}

/// Asks the server whether it accepts the given credentials. Returns the identity of the key, if one is given.
async fn verify(flags: &Flags, settings: &ConnectionSettings) -> Result<Option<IdentityAnswer>, Failure> {
    let given = |value: &Option<String>, flag: &str| {
        value.as_ref().map(|value| SettingValue { value: value.clone(), source: flag.to_owned() })
    };
    let only = |api_key, actor_token| {
        let anonymous = ConnectionSettings { owner_agent: None, ..settings.clone().anonymous() };
        ConnectionSettings { api_key, actor_token, ..anonymous }.connect()
    };
    if let Some(token) = given(&flags.actor_token, "--actor-token") {
        only(None, Some(token))?.call(&auth::SESSIONS, &ListLogins { include_revoked: Some(false) }).await?;
    }
    match given(&flags.api_key, "--api-key") {
        Some(key) => only(Some(key), None)?.call(&me::GET, &EmptyInput::default()).await.map(Some),
        None => Ok(None),
    }
}

/// Refreshes the tokens of a session. Returns false when the session has ended.
async fn refresh(session: &Session, refresh_token: String) -> Result<bool, Failure> {
    let input = RefreshToken { refresh_token };
    let credentials = match session.client.call_json(&auth::REFRESH.info, &input, None).await {
        Ok(answer) => Credentials::read(&answer)?,
        Err(ClientError::Refused(refusal)) if refusal.status == 401 => return Ok(false),
        Err(error) => return Err(session.explain(&error)),
    };
    let store = ContextTokens { context: session.settings.context.clone() };
    store.write(&Tokens {
        access: credentials.access_token,
        refresh: credentials.refresh_token.unwrap_or(input.refresh_token),
    });
    Ok(true)
}

fn report_refreshed(session: &Session) -> Result<(), Failure> {
    let settings = &session.settings;
    let answer = json!({ "ok": true, "context": settings.context, "method": "refresh", "refreshed": true });
    match settings.output {
        OutputFormat::Json | OutputFormat::Yaml => settings.output.print_json(&answer),
        OutputFormat::Text => line(format!(
            "Already signed in at {} (context \"{}\"); the session is refreshed. To change the account: `axme login --force`",
            settings.base_url.value, settings.context
        )),
    }
}

fn report_no_terminal(session: &Session) -> Result<(), Failure> {
    let message = "no terminal to prompt at: pass --email ADDRESS, --browser or --api-key KEY";
    if !session.output().is_json() {
        return Err(Failure::of(Ending::NoCredential, message));
    }
    session.output().print_json(&json!({
        "ok": false, "error": "no_credentials", "message": message, "recommended": "axme login --browser",
    }))?;
    Err(Failure::quiet(Ending::NoCredential))
}

/// The lines of stdin.
struct TerminalInput {
    lines: mpsc::Receiver<String>,
    is_terminal: bool,
}

impl TerminalInput {
    async fn ask_email(&mut self, last: Option<&str>) -> Result<String, Failure> {
        loop {
            print_prompt(&last.map_or("Email: ".to_owned(), |last| format!("Email [{last}]: ")))?;
            let Some(typed) = self.lines.recv().await else {
                return Err(Failure::usage("no email address: type one, or pass --email"));
            };
            match (typed.trim(), last) {
                ("", Some(last)) => return Ok(last.to_owned()),
                ("", None) => {}
                (email, _) => return Ok(email.to_owned()),
            }
        }
    }
}

/// Requests a mail, and signs in by its code, typed here, or its link, opened anywhere, whichever is first.
async fn sign_in_by_mail(session: &Session, email: &str, input: &mut TerminalInput) -> Result<Credentials, Failure> {
    let intent = session.call(&auth::LOGIN_INTENT, &LoginIntent { email: email.to_owned() }).await?;
    let message = format!(
        "If {email} may sign in, a mail with a code and a link is on its way. Both are valid for {} seconds.",
        intent.expires_in
    );
    match session.output() {
        OutputFormat::Json | OutputFormat::Yaml => session.output().print_json(&json!({
            "ok": true, "intent_id": intent.intent_id, "message": message, "expires_in": intent.expires_in,
        }))?,
        OutputFormat::Text => line(message)?,
    }
    let sign_in = async {
        tokio::select! {
            answer = verify_code(session, &intent.intent_id, input) => answer,
            answer = poll_grant(session, &intent.grant_id, MAIL_POLL) => {
                session.output().print("")?;
                answer
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(intent.expires_in), sign_in).await;
    Credentials::read(&answer.map_err(|_| sign_in_timeout())??)
}

/// Prompts for the code until one is accepted. At the end of input, only the link can sign in.
async fn verify_code(session: &Session, intent_id: &str, input: &mut TerminalInput) -> Result<Value, Failure> {
    let mut last_failure = None;
    loop {
        if input.is_terminal && !session.output().is_json() {
            print_prompt("Code: ")?;
        }
        let Some(typed) = input.lines.recv().await else {
            return match last_failure {
                Some(failure) => Err(failure),
                None => std::future::pending().await,
            };
        };
        let code = typed.trim().to_owned();
        if code.is_empty() {
            continue;
        }
        let request = VerifyCode { intent_id: intent_id.into(), code, client_type: None, device_label: device_label() };
        match session.client.call_json(&auth::VERIFY.info, &request, None).await {
            Ok(answer) => return Ok(answer),
            Err(ClientError::Refused(refusal)) if refusal.status == 422 => {
                eprintln!("{}", axme_intent::visible::visible(&refusal.message));
                last_failure = Some(Failure::new(refusal));
            }
            // The link was opened in the meantime: the grant returns the credentials.
            Err(ClientError::Refused(refusal)) if refusal.status == 409 => return std::future::pending().await,
            Err(error) => return Err(session.explain(&error)),
        }
    }
}

/// Polls a grant until it is approved.
async fn poll_grant(session: &Session, grant_id: &str, pause: Duration) -> Result<Value, Failure> {
    let input = PollGrant { grant_id: grant_id.to_owned(), device_label: device_label() };
    loop {
        tokio::time::sleep(pause).await;
        match session.client.call_json(&auth::POLL.info, &input, None).await {
            Ok(answer) if answer["state"] == "approved" => return Ok(answer),
            Ok(answer) if answer["state"] == "expired" => return Err(sign_in_timeout()),
            Ok(_) => {}
            Err(ClientError::Refused(refusal)) if refusal.status == 410 => return Err(sign_in_timeout()),
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(session.explain(&error)),
        }
    }
}

fn sign_in_timeout() -> Failure {
    Failure::new("the sign-in timed out: start again with `axme login`")
}

/// Signs in on a page of the server, here or on another device.
async fn sign_in_on_page(session: &Session, no_browser: bool) -> Result<Credentials, Failure> {
    let grant = session.call(&auth::GRANT, &CreateGrant::default()).await?;
    let and = if grant.approval_url.contains('?') { '&' } else { '?' };
    let page = format!("{}{and}grant={}", grant.approval_url, grant.grant_id);
    match session.output() {
        OutputFormat::Json | OutputFormat::Yaml => session.output().print_json(&json!({
            "ok": true, "approval_url": page, "user_code": grant.user_code, "expires_in": grant.expires_in,
        }))?,
        OutputFormat::Text => {
            line(format!("Open this page, here or on another device:\n  {page}"))?;
            line(format!("and compare the code it shows:\n  {}", grant.user_code))?;
        }
    }
    if !no_browser {
        open_browser(&page);
    }
    let waiting = poll_grant(session, &grant.grant_id, Duration::from_secs(grant.poll_interval.max(1)));
    let answer = tokio::time::timeout(Duration::from_secs(grant.expires_in), waiting).await;
    Credentials::read(&answer.map_err(|_| sign_in_timeout())??)
}

/// The name of this machine, shown in the list of sessions.
fn device_label() -> Option<String> {
    let variable = || folders::environment("HOSTNAME").or_else(|| folders::environment("COMPUTERNAME"));
    let name = std::fs::read_to_string("/etc/hostname").ok().or_else(variable)?;
    let name: String = name.trim().chars().take(MAX_LABEL_CHARS).collect();
    (!name.is_empty()).then_some(name)
}

/// The credentials of a new session.
struct Credentials {
    access_token: String,
    refresh_token: Option<String>,
    api_key: Option<String>,
    org_id: Option<String>,
    workspace_id: Option<String>,
}

impl Credentials {
    fn read(answer: &Value) -> Result<Credentials, Failure> {
        let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let token = text("account_session_token").or_else(|| text("access_token"));
        Ok(Credentials {
            access_token: token.ok_or_else(|| Failure::new("the server accepted the sign-in but returned no token"))?,
            refresh_token: text("refresh_token"),
            api_key: text("api_key"),
            org_id: text("org_id"),
            workspace_id: text("workspace_id"),
        })
    }
}

/// Stores new credentials in the context, in place of all old ones.
fn store(session: &Session, credentials: &Credentials, email: Option<&str>) -> Result<(), Failure> {
    let settings = &session.settings;
    let mut contexts = Contexts::load()?;
    if let Some(email) = email {
        contexts.remember_login(email);
    }
    let context = contexts.get(&settings.context).map(|(context, _)| context.clone()).unwrap_or_default();
    let context = Context {
        base_url: settings.base_url.value.clone(),
        org_id: credentials.org_id.clone(),
        workspace_id: credentials.workspace_id.clone(),
        dev_data: None,
        ..context
    };
    let secrets = Secrets {
        api_key: credentials.api_key.clone(),
        actor_token: Some(credentials.access_token.clone()),
        refresh_token: credentials.refresh_token.clone(),
        ..Secrets::default()
    };
    put(&mut contexts, &settings.context, context, secrets)
}

fn put(contexts: &mut Contexts, name: &str, context: Context, secrets: Secrets) -> Result<(), Failure> {
    let first = contexts.names().next().is_none();
    contexts.put(name, context, secrets);
    if first {
        contexts.activate(name);
    }
    contexts.save()
}

/// Stores the credentials and reports the account and its workspace.
async fn finish(
    flags: &Flags,
    session: &Session,
    credentials: Credentials,
    email: Option<&str>,
) -> Result<(), Failure> {
    store(session, &credentials, email)?;
    let name = &session.settings.context;
    let session = ConnectionSettings::after_sign_in(flags, name).await?.connect()?;
    // The sign-in is stored, so a failure to read the account is only a warning.
    let portal = match session.client.call(&personal::CONTEXT, &EmptyInput::default()).await {
        Ok(portal) => Some(select_only_workspace(&session, portal).await?),
        Err(error) => {
            let why = session.explain(&error).message;
            eprintln!("axme: signed in, but cannot read the account: {}", axme_intent::visible::visible(&why));
            None
        }
    };
    match session.output() {
        OutputFormat::Json | OutputFormat::Yaml => session.output().print_json(&summary(&session, portal.as_ref())),
        OutputFormat::Text => print_summary(&session, portal.as_ref()),
    }
}

/// Selects the workspace of an account that has exactly one.
async fn select_only_workspace(
    session: &Session,
    portal: PersonalContextAnswer,
) -> Result<PersonalContextAnswer, Failure> {
    let portal = match &portal.workspaces[..] {
        [only] if portal.context.workspace_id.is_empty() => {
            let input = SelectWorkspace { org_id: only.org_id.clone(), workspace_id: only.workspace_id.clone() };
            session.call(&personal::SELECT, &input).await?
        }
        _ => portal,
    };
    let (org_id, workspace_id) = (&portal.context.org_id, &portal.context.workspace_id);
    let mut contexts = Contexts::load()?;
    let name = &session.settings.context;
    let lacks_place = contexts.get(name).is_some_and(|(context, _)| context.workspace_id.is_none());
    if lacks_place && !org_id.is_empty() {
        contexts.set_place(name, org_id, workspace_id);
        contexts.save()?;
    }
    Ok(portal)
}

fn summary(session: &Session, portal: Option<&PersonalContextAnswer>) -> Value {
    let selected = portal.map(|portal| &portal.context).filter(|selected| !selected.workspace_id.is_empty());
    json!({
        "ok": true,
        "context": session.settings.context,
        "hydrated": selected.is_some(),
        "org_id": selected.map(|selected| &selected.org_id),
        "workspace_id": selected.map(|selected| &selected.workspace_id),
        "has_account_session": true,
        "account": portal.map(|portal| &portal.account),
        "server_context": portal.map(|portal| &portal.context),
        "selected_organization": portal.and_then(|portal| portal.selected_organization.as_ref()),
        "selected_workspace": portal.and_then(|portal| portal.selected_workspace.as_ref()),
        "server_guidance": portal.map(|portal| &portal.guidance),
        "membership_count": portal.map(|portal| portal.workspaces.len()),
        "organization_count": portal.map(|portal| portal.organizations.len()),
    })
}

fn print_summary(session: &Session, portal: Option<&PersonalContextAnswer>) -> Result<(), Failure> {
    let settings = &session.settings;
    let whom = portal.map(|portal| format!(" as {}", portal.account.email)).unwrap_or_default();
    line(format!("✓ Signed in{whom} at {} (context \"{}\")", settings.base_url.value, settings.context))?;
    match portal.and_then(|portal| portal.selected_workspace.as_ref()) {
        Some(workspace) => line(format!("  Workspace: {} of {}", workspace.name, workspace.org_name))?,
        None if portal.is_some() => {
            line("  You do not belong to a workspace yet; ask an owner to add your email address.")?
        }
        None => {}
    }
    if Contexts::load()?.active() != settings.context {
        line(format!("  To use it: axme context use {}", crate::shell(&settings.context)))?;
    }
    Ok(())
}
