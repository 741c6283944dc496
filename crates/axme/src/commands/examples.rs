//! `axme examples`: complete examples that run on a machine without configuration. If there is no server, an example
//! starts one and stops it at the end.

mod agents;
mod callback;
mod catalog;
mod example_server;
mod flow;
mod rules;

use std::path::PathBuf;
use std::time::Duration;

use axme_client::Object;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::commands::serve::{ShutdownSignal, show_mails};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::follow::{Answerer, TaskAnswer};
use crate::lifecycle::summary;
use crate::output::{OutputFormat, divider, print_table};
use crate::settings::LogFormat;
use crate::{folders, logs};
use agents::RunningAgents;
use catalog::{EXAMPLES, Example, Person};
use example_server::ExampleServer;

/// The time that agents have to finish their current intent.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Run complete examples with a server, agents and people
#[derive(Debug, Subcommand)]
pub(crate) enum Examples {
    /// List the examples
    List,
    Run(Run),
}

/// Run an example from start to finish
///
/// If a flag, a context or the environment gives a key, the example uses the configured server. Otherwise it uses the
/// server of the data folder, or starts one there and stops it at the end. The agents are part of this program. The
/// exit code is 0 if the example ends as expected, else that of the outcome.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme examples run human/cli\n         axme examples run human/form --answer approved --data grant_duration_days=7"
)]
pub(crate) struct Run {
    /// Id of the example, from `axme examples list`
    #[arg(value_name = "EXAMPLE")]
    id: String,
    /// Outcome to answer the task with, instead of a prompt
    #[arg(long, value_name = "OUTCOME")]
    answer: Option<String>,
    /// Comment on the answer
    #[arg(short, long, value_name = "TEXT", requires = "answer")]
    comment: Option<String>,
    /// Field of the answer (can be repeated), or the data folder whose server is used or started
    #[arg(long, value_name = "KEY=VALUE|DIR", value_parser = read_data)]
    data: Vec<Data>,
}

/// A value of `--data`: a field of the answer if it has a plain name before an equals sign, else a folder.
#[derive(Debug, Clone, PartialEq)]
enum Data {
    Field(String, String),
    Folder(PathBuf),
}

fn read_data(text: &str) -> Result<Data, std::convert::Infallible> {
    let is_name = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    Ok(match text.split_once('=').filter(|(key, _)| is_name(key)) {
        Some((key, value)) => Data::Field(key.to_owned(), value.to_owned()),
        None => Data::Folder(PathBuf::from(text)),
    })
}

impl Examples {
    pub(crate) async fn run(self, flags: Flags) -> Result<(), Failure> {
        match self {
            Examples::List => list(flags.format()),
            Examples::Run(run) => {
                let data = run.folder()?.or(flags.data.clone());
                run.run(Flags { data, ..flags }).await
            }
        }
    }
}

fn list(output: OutputFormat) -> Result<(), Failure> {
    if output.is_json() {
        let listed = EXAMPLES
            .iter()
            .map(|example| json!({ "id": example.id, "about": example.about, "ends": example.ending.text() }));
        return output.print_json(&listed.collect::<Vec<Value>>());
    }
    let rows =
        EXAMPLES.iter().map(|example| vec![example.id.to_owned(), example.about.to_owned(), example.ending.text()]);
    print_table(&["ID", "WHAT HAPPENS", "ENDS"], rows)
}

impl Run {
    async fn run(self, flags: Flags) -> Result<(), Failure> {
        let Some(example) = Example::find(&self.id) else {
            let ids: Vec<&str> = EXAMPLES.iter().map(|example| example.id).collect();
            return Err(Failure::usage(format!(
                "there is no example \"{}\"; choose one of {}",
                self.id,
                ids.join(", ")
            )));
        };
        let answerer = self.answerer(example.person())?;
        let filter = folders::environment("AXME_LOG");
        logs::start(filter.as_deref().unwrap_or("warn"), LogFormat::Text)?;
        let mut stop = ShutdownSignal::new()?;
        let server = ExampleServer::open(&flags).await?;
        let output = server.session.output();
        let mails = server.started.as_ref().map(|started| {
            let indent =
                |text: String| text.lines().map(|line| format!("  {line}")).collect::<Vec<String>>().join("\n");
            tokio::spawn(show_mails(started.mails(), move |text| output.print(indent(text))))
        });
        let outcome = self.run_on(&server, example, &answerer, &mut stop).await;
        if let Some(mails) = mails {
            mails.abort();
        }
        if let Some(started) = server.started {
            started.stop().await;
        }
        outcome
    }

    async fn run_on(
        &self,
        server: &ExampleServer,
        example: &Example,
        answerer: &Answerer,
        stop: &mut ShutdownSignal,
    ) -> Result<(), Failure> {
        let session = &server.session;
        let output = session.output();
        let mut submission = example.submission();
        output.print(divider())?;
        output.print(format!("  axme examples run  ·  {}", example.id))?;
        output.print(divider())?;
        output.print(format!("  {}", submission.get("title").and_then(Value::as_str).unwrap_or(example.about)))?;
        output.print(format!("\n  [step 1] Server: {}", server.about()))?;
        output.print("  [step 2] Provisioning agents...")?;
        let agents = RunningAgents::start(session, example, &mut submission).await?;
        let result = tokio::select! {
            result = flow::run(session, example, submission, answerer) => Some(result),
            _ = stop.recv() => None,
        };
        agents.stop(session, if result.is_some() { STOP_TIMEOUT } else { Duration::ZERO }).await;
        let Some(result) = result else { return output.print("").and(Err(server.interrupted())) };
        let result = result?;
        summary(&result.intent).iter().try_for_each(|text| output.print(text))?;
        let is_met = example.ending.is_met(&result.intent, self.answer.as_deref());
        if output.is_json() {
            output.print_json(&result.json(example, is_met))?;
        }
        if is_met {
            Ok(())
        } else {
            let message = format!("unexpected end of the example: expected {}", example.ending.text());
            Err(Failure::unexpected(&result.intent, message))
        }
    }

    /// Returns the data folder, which may be named once.
    fn folder(&self) -> Result<Option<PathBuf>, Failure> {
        let mut folders = self.data.iter().filter_map(|data| match data {
            Data::Folder(folder) => Some(folder),
            Data::Field(..) => None,
        });
        match (folders.next(), folders.next()) {
            (Some(one), Some(two)) => {
                let message = format!("--data names two folders, {} and {}", one.display(), two.display());
                Err(Failure::usage(format!("{message}; a field of an answer is KEY=VALUE")))
            }
            (folder, _) => Ok(folder.cloned()),
        }
    }

    /// Returns a prepared answer from `--answer` and the suggestions of the example, else a prompt.
    fn answerer(&self, person: Option<&Person>) -> Result<Answerer, Failure> {
        let fields = self.data.iter().filter_map(|data| match data {
            Data::Field(key, value) => Some((key.clone(), Value::from(value.as_str()))),
            Data::Folder(_) => None,
        });
        let fields: Object = fields.collect();
        let suggestions = |outcome: &str| person.map(|person| person.suggestions(outcome)).unwrap_or_default();
        match &self.answer {
            Some(outcome) => {
                let mut data = suggestions(outcome);
                let suggested = data.remove("comment").and_then(|comment| comment.as_str().map(str::to_owned));
                data.extend(fields);
                Ok(Answerer::Script(TaskAnswer {
                    outcome: outcome.clone(),
                    comment: self.comment.clone().or(suggested),
                    data,
                }))
            }
            None if !fields.is_empty() => {
                Err(Failure::usage("--data KEY=VALUE is a field of an answer: add --answer OUTCOME"))
            }
            None => Ok(Answerer::Prompt(person.map(|person| person.suggestions(person.yes)).unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::{Behavior, Flow, parse};

    #[test]
    fn every_example_has_a_folder_of_its_own() {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
        let mut folders: Vec<String> = EXAMPLES.iter().map(|example| example.id.replace('/', "-")).collect();
        for (folder, example) in folders.iter().zip(&EXAMPLES) {
            let words = std::fs::read_to_string(root.join(folder).join("README.md")).unwrap();
            assert!(words.starts_with(&format!("# {}\n", example.id)), "{folder}");
            assert!(words.contains(&format!("axme examples run {}", example.id)), "{folder}");
        }
        let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
        let mut found: Vec<String> = entries
            .filter(|entry| entry.file_type().unwrap().is_dir())
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        // A web component, which no command runs.
        folders.push("embed".to_owned());
        folders.sort();
        found.sort();
        assert_eq!(folders, found);
    }

    #[test]
    fn the_agents_complete_their_examples() {
        for example in &EXAMPLES {
            let submission = example.submission();
            let mut payloads = match example.flow {
                Flow::Scenario(_) => vec![submission["intent"]["payload"].clone()],
                _ => vec![submission["payload"].clone()],
            };
            if let Flow::Sequence(_, second) = example.flow {
                payloads.push(parse(second)["payload"].clone());
            }
            for agent in example.agents {
                for payload in payloads.iter().filter(|_| !matches!(agent.behavior, Behavior::Failing)) {
                    assert_eq!((agent.rules)(payload)["action"], "complete", "{}", example.id);
                }
                let declared = submission.get("agents").and_then(Value::as_array);
                let is_declared = |agents: &Vec<Value>| agents.iter().any(|other| other["address"] == agent.address);
                assert!(declared.is_none_or(is_declared), "{}: {}", example.id, agent.address);
            }
        }
    }

    #[test]
    fn data_is_a_field_or_a_folder() {
        assert_eq!(read_data("days=7=8"), Ok(Data::Field("days".to_owned(), "7=8".to_owned())));
        for folder in ["days", "./a=b", "/a=b", "=b"] {
            assert_eq!(read_data(folder), Ok(Data::Folder(PathBuf::from(folder))), "{folder}");
        }
    }
}
