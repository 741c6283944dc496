//! `axme login --bootstrap-alpha`: a trial organization with its first key, on servers that allow trials.

use axme_client::api::alpha::{self, Bootstrap};
use serde_json::json;

use super::{TerminalInput, put};
use crate::contexts::{Context, Contexts, Secrets};
use crate::failure::Failure;
use crate::output::{line, print_prompt};
use crate::session::Session;

/// The purpose that is recorded if nobody names one.
const USE_CASE: &str = "command line";

/// Begins a trial and stores its key in the context.
pub(super) async fn begin(session: &Session, email: Option<String>, input: &mut TerminalInput) -> Result<(), Failure> {
    let email = match email {
        Some(email) => email,
        None if input.is_terminal => input.ask_email(Contexts::load()?.last_login_email()).await?,
        None => return Err(Failure::usage("a trial needs an email address: pass --email")),
    };
    let use_case = if input.is_terminal && !session.output().is_json() {
        print_prompt(&format!("Use case [{USE_CASE}]: "))?;
        input.lines.recv().await.map(|typed| typed.trim().to_owned()).filter(|typed| !typed.is_empty())
    } else {
        None
    };
    let request = Bootstrap { email: email.clone(), use_case: use_case.unwrap_or(USE_CASE.to_owned()), company: None };
    let trial = session.call(&alpha::BOOTSTRAP, &request).await?;
    let (name, settings) = (&session.settings.context, &session.settings);
    let mut contexts = Contexts::load()?;
    contexts.remember_login(&email);
    let context = contexts.get(name).map(|(context, _)| context.clone()).unwrap_or_default();
    let context = Context {
        base_url: settings.base_url.value.clone(),
        org_id: Some(trial.organization.org_id.to_string()),
        workspace_id: Some(trial.workspace.workspace_id.to_string()),
        dev_data: None,
        ..context
    };
    put(&mut contexts, name, context, Secrets { api_key: Some(trial.key.token), ..Secrets::default() })?;
    if session.output().is_json() {
        return session.output().print_json(&json!({
            "ok": true, "context": name, "method": "bootstrap_alpha", "org_id": trial.organization.org_id,
            "workspace_id": trial.workspace.workspace_id, "email_verification": trial.email_verification,
        }));
    }
    line(format!("✓ Trial of {} at {} (context \"{name}\")", trial.organization.name, settings.base_url.value))?;
    line(format!("  A mail to {email} verifies the address."))
}
