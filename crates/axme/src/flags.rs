//! The connection flags of every command (`spec/protocol.md` §3.2).

use std::path::PathBuf;

use clap::Args;

use crate::output::OutputFormat;

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Flags {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Use this context instead of the active one
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection", hide_short_help = true)]
    pub(crate) context_name: Option<String>,
    /// URL of the server
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection", hide_short_help = true)]
    pub(crate) base_url: Option<String>,
    /// API key to send with each call
    #[arg(long, global = true, value_name = "KEY", help_heading = "Connection", hide_short_help = true)]
    pub(crate) api_key: Option<String>,
    /// Token of a signed-in person, sent together with the key
    #[arg(
        long,
        alias = "bearer-token",
        global = true,
        value_name = "TOKEN",
        help_heading = "Connection",
        hide_short_help = true
    )]
    pub(crate) actor_token: Option<String>,
    /// Organization, for commands that need one
    #[arg(long, global = true, value_name = "ID", help_heading = "Connection", hide_short_help = true)]
    pub(crate) org_id: Option<String>,
    /// Workspace, for commands that need one
    #[arg(long, global = true, value_name = "ID", help_heading = "Connection", hide_short_help = true)]
    pub(crate) workspace_id: Option<String>,
    /// Agent on whose behalf calls are made
    #[arg(long, global = true, value_name = "ADDRESS", help_heading = "Connection", hide_short_help = true)]
    pub(crate) owner_agent: Option<String>,
    /// Label of the environment, such as staging or production
    #[arg(long, global = true, value_name = "NAME", help_heading = "Connection", hide_short_help = true)]
    pub(crate) environment: Option<String>,
    /// Call the server of this data folder (before the command: axme --data DIR tasks list)
    #[arg(long, value_name = "DIR", help_heading = "Connection", hide_short_help = true)]
    pub(crate) data: Option<PathBuf>,
}

impl Flags {
    pub(crate) fn output(&self) -> OutputFormat {
        if self.json { OutputFormat::Json } else { OutputFormat::Text }
    }
}
