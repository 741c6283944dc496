//! `axme console`: opens the console of the server in a browser, signed in.
//!
//! A one-time token signs the browser in. The command takes its key like every other command: from a context, or from a data
//! folder that its user can read.

use axme_client::api::auth;
use axme_client::api::capabilities::EmptyInput;
use clap::Args;
use serde_json::json;

use super::open_browser;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::line;
use crate::session::Session;

/// Open the console of the server in a browser, signed in
///
/// The address works once, within five minutes. It gives the rights of the owner of your key, which must be an admin's.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme console --no-browser")]
pub(crate) struct Console {
    /// Print the address without opening a browser
    #[arg(long)]
    no_browser: bool,
}

impl Console {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        let server = session.settings.base_url.value.clone();
        open_console(&session, &server, self.no_browser).await
    }
}

/// Gets a one-time token, and opens the page of `dashboard` that takes it.
pub(super) async fn open_console(session: &Session, dashboard: &str, is_shown_only: bool) -> Result<(), Failure> {
    let token = session.call(&auth::DASHBOARD, &EmptyInput::default()).await?;
    let page = format!("{}/auth/exchange?token={}", dashboard.trim_end_matches('/'), token.token);
    if session.output().is_json() {
        return session.output().print_json(&json!({
            "ok": true, "exchange_url": page, "expires_in": token.expires_in,
        }));
    }
    line(format!("Open this page within {} seconds; it works once:\n  {page}", token.expires_in))?;
    if !is_shown_only {
        open_browser(&page);
    }
    Ok(())
}
