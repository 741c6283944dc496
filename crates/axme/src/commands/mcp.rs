//! `axme mcp`: the Model Context Protocol over stdin and stdout, with the server and the credentials of the command line.
//!
//! A bridge: each line is a message, which goes to `/mcp` of the server. It prints the answers of the server, one message per
//! line. Messages are sent side by side, so that a long wait blocks no other call.

mod install;

use std::io::{Write, stdout};
use std::sync::Arc;

use axme_client::{Client, Json, JsonFields};
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::session::Session;
use crate::stdin::read_lines;

/// The metadata that names the revision of a request, from 2026-07-28 on.
const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";
/// The first revision whose headers repeat the method and the name.
const WITH_HEADERS: &str = "2026-07-28";
const INTERNAL_ERROR: i64 = -32_603;
const PARSE_ERROR: i64 = -32_700;
/// The most messages that are on their way at once. Further lines wait.
const MAX_OPEN: usize = 64;

/// Let an assistant use the server, over stdin and stdout
///
/// An assistant that starts this program hands work to agents and people, and follows it. `axme mcp install` writes the
/// configuration of an assistant.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = "Example: axme mcp install claude-code")]
pub(crate) struct Mcp {
    /// Tools to list: default, official, all, or toolsets such as tasks,intents
    #[arg(long, value_name = "NAMES")]
    tools: Option<String>,
    /// People whom the tool permission_prompt asks, separated by commas [default: you]
    #[arg(long, value_name = "EMAILS")]
    approvers: Option<String>,
    #[command(subcommand)]
    command: Option<McpCommand>,
}

#[derive(Debug, Subcommand)]
enum McpCommand {
    Install(install::Install),
}

impl Mcp {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self.command {
            Some(McpCommand::Install(install)) => install.run(flags),
            None => {
                let session = Session::open(flags).await?;
                let parameters = parameters(&[("tools", self.tools), ("approvers", self.approvers)]);
                Bridge { client: session.client.clone(), session, parameters, version: Mutex::default() }.run().await
            }
        }
    }
}

/// Returns the query of the endpoint.
fn parameters(given: &[(&str, Option<String>)]) -> String {
    let pairs = given.iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
    let escape = |text: &str| {
        text.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23").replace(' ', "%20")
    };
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", escape(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

struct Bridge {
    client: Client,
    session: Session,
    parameters: String,
    /// The revision that `initialize` agreed on.
    version: Mutex<Option<String>>,
}

impl Bridge {
    async fn run(self) -> Result<(), Failure> {
        let bridge = Arc::new(self);
        let mut lines = read_lines();
        let mut open = JoinSet::new();
        while let Some(line) = lines.recv().await {
            if line.trim().is_empty() {
                continue;
            }
            while open.len() >= MAX_OPEN {
                open.join_next().await;
            }
            let Ok(message) = serde_json::from_str::<JsonFields>(&line) else {
                bridge.fail(Json::default(), PARSE_ERROR, "a message must be a JSON object on one line")?;
                continue;
            };
            // The answer to this message decides how the next ones are sent.
            let is_first = message.string("method").as_deref() == Some("initialize");
            let task = {
                let bridge = bridge.clone();
                async move { bridge.pass_on(message).await }
            };
            if is_first {
                task.await?
            } else {
                open.spawn(task);
            }
        }
        // Calls that are under way are finished, so that their answers are not lost.
        while open.join_next().await.is_some() {}
        Ok(())
    }

    /// Sends a message, and prints what the server answers.
    async fn pass_on(&self, message: JsonFields) -> Result<(), Failure> {
        let id = message.get("id").cloned();
        let headers = self.headers(&message).await;
        let is_first = message.string("method").as_deref() == Some("initialize");
        let answers = self.client.send_mcp(&self.parameters, &headers, &message.into()).await;
        let mut answers = match answers {
            Ok(answers) => answers,
            Err(error) => return self.refuse(id, &self.session.explain(&error).message),
        };
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(answer) => {
                    if is_first {
                        let agreed =
                            answer.field("result").and_then(|result| result.field("protocolVersion")?.string());
                        *self.version.lock().await = agreed;
                    }
                    self.print(&answer)?;
                }
                Err(error) => return self.refuse(id, &self.session.explain(&error).message),
            }
        }
        Ok(())
    }

    /// Returns the headers of the transport, which stdio does not have.
    async fn headers(&self, message: &JsonFields) -> Vec<(&'static str, String)> {
        let params = message.get("params").and_then(Json::fields).unwrap_or_default();
        let own = params.get("_meta").and_then(|meta| meta.field(VERSION_KEY)?.string());
        let version = match own {
            Some(version) => Some(version),
            None => self.version.lock().await.clone(),
        };
        let Some(version) = version else { return Vec::new() };
        let mut headers = vec![("mcp-protocol-version", version.clone())];
        if version.as_str() >= WITH_HEADERS {
            let name = params.string("name").or_else(|| params.string("uri")).or_else(|| params.string("taskId"));
            headers.extend(message.string("method").map(|method| ("mcp-method", method)));
            headers.extend(name.map(|name| ("mcp-name", name)));
        }
        headers
    }

    /// Answers a message that could not be passed on. A notification has no answer.
    fn refuse(&self, id: Option<Json>, message: &str) -> Result<(), Failure> {
        match id {
            Some(id) => self.fail(id, INTERNAL_ERROR, message),
            None => Ok(()),
        }
    }

    fn fail(&self, id: Json, code: i64, message: &str) -> Result<(), Failure> {
        let error = json!({ "code": code, "message": message });
        self.print(&JsonFields::new().with("jsonrpc", "2.0").with("id", id).with("error", error).into())
    }

    /// Prints a message on one line. No other message is printed in between.
    fn print(&self, message: &Json) -> Result<(), Failure> {
        let mut out = stdout().lock();
        out.write_all(format!("{}\n", message.text()).as_bytes())?;
        Ok(out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_names_what_was_given() {
        assert_eq!(parameters(&[("tools", None)]), "");
        let both = [("tools", Some("tasks,intents".to_owned())), ("approvers", Some("a+b@example.com".to_owned()))];
        assert_eq!(parameters(&both), "?tools=tasks,intents&approvers=a%2Bb@example.com");
    }
}
