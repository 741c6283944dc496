//! `axme login`: a person signs in, by a mail or in a browser, and a context keeps what comes of it (contract `wire.md` §3.7).

use std::io::{IsTerminal, stdin};
use std::process::{Command, Stdio};
use std::time::Duration;

use axme_client::api::auth::{self, AskGrant, LoginIntent, PollGrant, RefreshToken, VerifyCode};
use axme_client::api::capabilities::Nothing;
use axme_client::api::personal::{self, SelectWorkspace};
use axme_client::{ClientError, TokenStore, Tokens};
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::contexts::{Context, Contexts, Kept, Secrets};
use crate::failure::Failure;
use crate::folders;
use crate::lines::read_lines;
use crate::screen::{Form, line, part};
use crate::session::{Flags, Session, Setting, is_same_server};

/// How often the link of a mail is asked about.
const MAIL_POLL: Duration = Duration::from_secs(2);
const MAX_LABEL_CHARS: usize = 120;

/// Sign in as a person
///
/// You are mailed a code and a link: type the code here, or open the link. With --browser a page is opened instead, here or
/// on another device. Whoever is signed in already gets a fresh token, unless --force or --email is given. The session and
/// the key of the person's workspace are kept in the context, in the place of what it had.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme login --base-url https://axme.example.com --email kim@example.com\n         \
                        axme login --browser --context work")]
pub struct Login {
    /// Your address for mail [default: it is asked for]
    #[arg(long, conflicts_with = "browser")]
    email: Option<String>,
    /// Sign in on a page, here or on another device
    #[arg(long)]
    browser: bool,
    /// Open no browser; the address of the page is shown
    #[arg(long)]
    no_browser: bool,
    /// Keep the sign-in in this context, which may be new [default: the active one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Sign in again, even with a session that goes on
    #[arg(long)]
    force: bool,
}

impl Login {
    pub async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let contexts = Contexts::load()?;
        let named = self.context.as_deref().or(flags.context_name.as_deref());
        let name = named.unwrap_or(contexts.active()).to_owned();
        let setting = Setting::to_sign_in(flags, &name).await?;
        if !self.browser && (flags.api_key.is_some() || flags.actor_token.is_some()) {
            return keep_given(flags, &setting);
        }
        let refresh_token = setting.refresh_token.clone();
        // Nobody is shown what the context has before it is replaced.
        let blank = Setting { owner_agent: None, ..setting.anonymous() };
        let session = blank.connect()?;
        if self.browser {
            let entered = on_a_page(&session, self.no_browser || flags.json).await?;
            return finish(flags, &session, entered, None).await;
        }
        if let Some(old) = refresh_token.filter(|_| !self.force && self.email.is_none())
            && refresh(&session, old).await?
        {
            return report_refreshed(&session);
        }
        let mut lines = Lines { typed: read_lines(), is_person: stdin().is_terminal() };
        let email = match self.email {
            Some(email) => email,
            None if lines.is_person => lines.ask_email(contexts.last_login_email()).await?,
            None => return nobody_to_ask(&session),
        };
        let entered = by_mail(&session, &email, &mut lines).await?;
        finish(flags, &session, entered, Some(&email)).await
    }
}

/// Credentials that were got elsewhere.
fn keep_given(flags: &Flags, setting: &Setting) -> Result<(), Failure> {
    let mut contexts = Contexts::load()?;
    let name = &setting.context;
    let (context, old) = contexts.get(name).map(|(context, secrets)| (context.clone(), secrets)).unwrap_or_default();
    // What another server has given is of no use at this one, and is not for its eyes.
    let moves = !context.base_url.is_empty() && !is_same_server(&context.base_url, &setting.base_url.value);
    let old = if moves { Secrets::default() } else { old };
    let context = Context {
        base_url: setting.base_url.value.clone(),
        owner_agent: flags.owner_agent.clone().or(context.owner_agent.clone()),
        org_id: flags.org_id.clone().or(context.org_id.clone()),
        workspace_id: flags.workspace_id.clone().or(context.workspace_id.clone()),
        dev_data: None,
        ..context
    };
    let secrets = match &flags.actor_token {
        // The refresh token belongs to the token that goes.
        Some(token) => Secrets { actor_token: Some(token.clone()), refresh_token: None, ..old },
        None => old,
    };
    let api_key = flags.api_key.clone().or(secrets.api_key.clone());
    put(&mut contexts, name, context, Secrets { api_key, ..secrets })?;
    match setting.form {
        Form::Json => setting.form.value(&json!({ "ok": true, "context": name, "method": "manual" })),
        Form::Human => {
            eprintln!("Credentials stored in context \"{name}\".");
            Ok(())
        }
    }
}

/// Fetches fresh tokens for a session that goes on; says whether it does.
async fn refresh(session: &Session, refresh_token: String) -> Result<bool, Failure> {
    let input = RefreshToken { refresh_token };
    let fresh = match session.client.call_json(&auth::REFRESH.info, &input, None).await {
        Ok(answer) => Entered::read(&answer)?,
        Err(ClientError::Refused(refusal)) if refusal.status == 401 => return Ok(false),
        Err(error) => return Err(session.explain(&error)),
    };
    let kept = Kept { context: session.setting.context.clone() };
    kept.write(&Tokens { access: fresh.access_token, refresh: fresh.refresh_token.unwrap_or(input.refresh_token) });
    Ok(true)
}

fn report_refreshed(session: &Session) -> Result<(), Failure> {
    let setting = &session.setting;
    let answer = json!({ "ok": true, "context": setting.context, "method": "refresh", "refreshed": true });
    match setting.form {
        Form::Json => setting.form.value(&answer),
        Form::Human => line(format!(
            "You are signed in at {} already (context \"{}\"); the session is refreshed. Another person: `axme login --force`",
            setting.base_url.value, setting.context
        )),
    }
}

fn nobody_to_ask(session: &Session) -> Result<(), Failure> {
    let message = "nobody is at the terminal to ask: give --email ADDRESS, or --browser, or --api-key KEY";
    match session.form() {
        Form::Json => session.form().value(&json!({
            "ok": false, "error": "no_credentials", "message": message, "recommended": "axme login --browser",
        })),
        Form::Human => Err(Failure::new(message)),
    }
}

/// What is typed, and whether somebody is there to be asked.
struct Lines {
    typed: mpsc::Receiver<String>,
    is_person: bool,
}

impl Lines {
    async fn ask_email(&mut self, last: Option<&str>) -> Result<String, Failure> {
        loop {
            part(&last.map_or("Email: ".to_owned(), |last| format!("Email [{last}]: ")))?;
            let Some(typed) = self.typed.recv().await else { return Err(Failure::usage("no address was given")) };
            match (typed.trim(), last) {
                ("", Some(last)) => return Ok(last.to_owned()),
                ("", None) => {}
                (email, _) => return Ok(email.to_owned()),
            }
        }
    }
}

/// A mail is asked for; whichever comes first of its code, typed here, and its link, opened anywhere, signs in.
async fn by_mail(session: &Session, email: &str, lines: &mut Lines) -> Result<Entered, Failure> {
    let asked = session.call(&auth::LOGIN_INTENT, &LoginIntent { email: email.to_owned() }).await?;
    let message = format!(
        "If {email} may sign in there, a mail with a code and a link is on its way. Both are good for {} seconds.",
        asked.expires_in
    );
    match session.form() {
        Form::Json => session.form().value(&json!({
            "ok": true, "intent_id": asked.intent_id, "message": message, "expires_in": asked.expires_in,
        }))?,
        Form::Human => line(message)?,
    }
    let either = async {
        tokio::select! {
            typed = by_code(session, &asked.intent_id, lines) => typed,
            opened = by_grant(session, &asked.grant_id, MAIL_POLL) => {
                session.form().say("")?;
                opened
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(asked.expires_in), either).await;
    Entered::read(&answer.map_err(|_| too_late())??)
}

/// Asks for the code until one fits. When nothing more is typed, only the link can sign in.
async fn by_code(session: &Session, intent_id: &str, lines: &mut Lines) -> Result<Value, Failure> {
    let mut wrong = None;
    loop {
        if lines.is_person && !session.form().is_json() {
            part("Code: ")?;
        }
        let Some(typed) = lines.typed.recv().await else {
            return match wrong {
                Some(failure) => Err(failure),
                None => std::future::pending().await,
            };
        };
        let code = typed.trim().to_owned();
        if code.is_empty() {
            continue;
        }
        let input = VerifyCode { intent_id: intent_id.to_owned(), code, client_type: None, device_label: device() };
        match session.client.call_json(&auth::VERIFY.info, &input, None).await {
            Ok(answer) => return Ok(answer),
            Err(ClientError::Refused(refusal)) if refusal.status == 422 => {
                eprintln!("{}", refusal.message);
                wrong = Some(Failure::new(refusal));
            }
            // The link was opened meanwhile: what it gives comes by the grant.
            Err(ClientError::Refused(refusal)) if refusal.status == 409 => return std::future::pending().await,
            Err(error) => return Err(session.explain(&error)),
        }
    }
}

/// Asks whether a grant is approved until it is.
async fn by_grant(session: &Session, grant_id: &str, pause: Duration) -> Result<Value, Failure> {
    let input = PollGrant { grant_id: grant_id.to_owned(), device_label: device() };
    loop {
        tokio::time::sleep(pause).await;
        match session.client.call_json(&auth::POLL.info, &input, None).await {
            Ok(answer) if answer["state"] == "approved" => return Ok(answer),
            Ok(answer) if answer["state"] == "expired" => return Err(too_late()),
            Ok(_) => {}
            Err(ClientError::Refused(refusal)) if refusal.status == 410 => return Err(too_late()),
            Err(error) if error.is_transient() => {}
            Err(error) => return Err(session.explain(&error)),
        }
    }
}

fn too_late() -> Failure {
    Failure::new("nobody signed in in time: begin again with `axme login`")
}

/// Somebody signs in on a page of the server, here or on another device.
async fn on_a_page(session: &Session, only_shown: bool) -> Result<Entered, Failure> {
    let grant = session.call(&auth::GRANT, &AskGrant::default()).await?;
    let and = if grant.approval_url.contains('?') { '&' } else { '?' };
    let page = format!("{}{and}grant={}", grant.approval_url, grant.grant_id);
    match session.form() {
        Form::Json => session.form().value(&json!({
            "ok": true, "approval_url": page, "user_code": grant.user_code, "expires_in": grant.expires_in,
        }))?,
        Form::Human => {
            line(format!("Open this page, here or on another device:\n  {page}"))?;
            line(format!("and compare the code it shows:\n  {}", grant.user_code))?;
        }
    }
    if !only_shown {
        open(&page);
    }
    let waiting = by_grant(session, &grant.grant_id, Duration::from_secs(grant.poll_interval.max(1)));
    let answer = tokio::time::timeout(Duration::from_secs(grant.expires_in), waiting).await;
    Entered::read(&answer.map_err(|_| too_late())??)
}

/// Shows a page in the browser if there is one; its address was printed in any case.
fn open(page: &str) {
    if !page.starts_with("https://") && !page.starts_with("http://") {
        return;
    }
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let _ = Command::new(program).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
}

/// The name of this machine, by which its person knows it among the sessions.
fn device() -> Option<String> {
    let variable = || folders::environment("HOSTNAME").or_else(|| folders::environment("COMPUTERNAME"));
    let name = std::fs::read_to_string("/etc/hostname").ok().or_else(variable)?;
    let name: String = name.trim().chars().take(MAX_LABEL_CHARS).collect();
    (!name.is_empty()).then_some(name)
}

/// What somebody gets who has signed in.
struct Entered {
    access_token: String,
    refresh_token: Option<String>,
    api_key: Option<String>,
    org_id: Option<String>,
    workspace_id: Option<String>,
}

impl Entered {
    fn read(answer: &Value) -> Result<Entered, Failure> {
        let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let token = text("account_session_token").or_else(|| text("access_token"));
        Ok(Entered {
            access_token: token.ok_or_else(|| Failure::new("the server signs in without giving a token"))?,
            refresh_token: text("refresh_token"),
            api_key: text("api_key"),
            org_id: text("org_id"),
            workspace_id: text("workspace_id"),
        })
    }
}

/// Keeps a new sign-in, in the place of everything that another one left in the context.
fn keep(session: &Session, entered: &Entered, email: Option<&str>) -> Result<(), Failure> {
    let setting = &session.setting;
    let mut contexts = Contexts::load()?;
    if let Some(email) = email {
        contexts.remember_login(email);
    }
    let context = contexts.get(&setting.context).map(|(context, _)| context.clone()).unwrap_or_default();
    let context = Context {
        base_url: setting.base_url.value.clone(),
        org_id: entered.org_id.clone(),
        workspace_id: entered.workspace_id.clone(),
        dev_data: None,
        ..context
    };
    let secrets = Secrets {
        api_key: entered.api_key.clone(),
        actor_token: Some(entered.access_token.clone()),
        refresh_token: entered.refresh_token.clone(),
        ..Secrets::default()
    };
    put(&mut contexts, &setting.context, context, secrets)
}

fn put(contexts: &mut Contexts, name: &str, context: Context, secrets: Secrets) -> Result<(), Failure> {
    let first = contexts.names().next().is_none();
    contexts.put(name, context, secrets);
    if first {
        contexts.activate(name);
    }
    contexts.save()
}

/// Keeps what was got, and says where that leads.
async fn finish(flags: &Flags, session: &Session, entered: Entered, email: Option<&str>) -> Result<(), Failure> {
    keep(session, &entered, email)?;
    let name = &session.setting.context;
    let session = Setting::signed_in(flags, name).await?.connect()?;
    // Whoever has signed in stays so, whatever becomes of this.
    let portal = match session.client.call(&personal::CONTEXT, &Nothing::default()).await {
        Ok(portal) => Some(settled(&session, portal).await?),
        Err(error) => {
            eprintln!("axme: signed in, but not told where: {}", session.explain(&error).message);
            None
        }
    };
    match session.form() {
        Form::Json => session.form().value(&summary(&session, portal.as_ref())),
        Form::Human => tell(&session, portal.as_ref()),
    }
}

/// Who belongs to one workspace works there.
async fn settled(session: &Session, portal: personal::Context) -> Result<personal::Context, Failure> {
    let portal = match &portal.workspaces[..] {
        [only] if portal.context.workspace_id.is_empty() => {
            let input = SelectWorkspace { org_id: only.org_id.clone(), workspace_id: only.workspace_id.clone() };
            session.call(&personal::SELECT, &input).await?
        }
        _ => portal,
    };
    let (org_id, workspace_id) = (&portal.context.org_id, &portal.context.workspace_id);
    let mut contexts = Contexts::load()?;
    let found = contexts.get(&session.setting.context).map(|(context, secrets)| (context.clone(), secrets));
    if let Some((context, secrets)) = found.filter(|(context, _)| context.workspace_id.is_none() && !org_id.is_empty())
    {
        let (org_id, workspace_id) = (Some(org_id.clone()), Some(workspace_id.clone()));
        contexts.put(&session.setting.context, Context { org_id, workspace_id, ..context }, secrets);
        contexts.save()?;
    }
    Ok(portal)
}

fn summary(session: &Session, portal: Option<&personal::Context>) -> Value {
    let selected = portal.map(|portal| &portal.context).filter(|selected| !selected.workspace_id.is_empty());
    json!({
        "ok": true,
        "context": session.setting.context,
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

fn tell(session: &Session, portal: Option<&personal::Context>) -> Result<(), Failure> {
    let setting = &session.setting;
    let whom = portal.map(|portal| format!(" as {}", portal.account.email)).unwrap_or_default();
    line(format!("✓ Signed in{whom} at {} (context \"{}\")", setting.base_url.value, setting.context))?;
    match portal.and_then(|portal| portal.selected_workspace.as_ref()) {
        Some(place) => line(format!("  Workspace: {} of {}", place.name, place.org_name))?,
        None if portal.is_some() => line("  You belong to no workspace yet; ask an owner to add your address.")?,
        None => {}
    }
    if Contexts::load()?.active() != setting.context {
        line(format!("  Use it: axme context use {}", crate::shell(&setting.context)))?;
    }
    Ok(())
}
