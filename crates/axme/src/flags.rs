//! The flags of every command: the output and the connection (`spec/protocol.md` §3.2).

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::output::{OutputFormat, check_query};

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Flags {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Output format: table, json or yaml [default: table]
    #[arg(long, global = true, value_name = "FORMAT", hide_short_help = true)]
    pub(crate) output: Option<String>,
    /// Filter the JSON output with a jq expression
    #[arg(long, global = true, value_name = "FILTER", hide_short_help = true)]
    pub(crate) jq: Option<String>,
    /// Show times in UTC instead of the local time zone
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) utc: bool,
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
        // Both names may be given, as in the official command line. The last one wins.
        overrides_with = "actor_token",
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
    /// Returns the output format. [`Flags::check`] has refused unknown words.
    pub(crate) fn format(&self) -> OutputFormat {
        match self.output.as_deref() {
            Some("yaml") => OutputFormat::Yaml,
            Some("json") => OutputFormat::Json,
            _ if self.json || self.jq.is_some() => OutputFormat::Json,
            _ => OutputFormat::Text,
        }
    }

    /// Checks the flags of the output.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if let Some(word) = self.output.as_deref()
            && !["table", "json", "yaml"].contains(&word)
        {
            return Err(Failure::usage(format!("--output: \"{word}\" is not one of table, json, yaml")));
        }
        if self.json && self.output.as_deref().is_some_and(|word| word != "json") {
            return Err(Failure::usage("--json and --output contradict each other"));
        }
        self.jq.as_deref().map_or(Ok(()), check_query)
    }
}
