//! `axme examples`: whole stories that run on a machine where nothing is configured. Where there is no server to talk to, an
//! example brings its own and stops it when it is over.

mod agents;
mod cast;
mod catalogue;
mod receiver;
mod rules;
mod stage;
mod story;

use std::path::PathBuf;

use axme_client::Object;
use axme_client::api::service_accounts;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::flags::Flags;
use crate::follow::{Answerer, TaskAnswer};
use crate::lifecycle::summary;
use crate::output::{OutputFormat, divider, print_table};
use crate::serve::{ShutdownSignal, show_mails};
use crate::settings::LogFormat;
use crate::{folders, logs};
use cast::{Cast, Hired};
use catalogue::{EXAMPLES, Example, Person};
use stage::Stage;

/// Run whole examples: a server, agents and people
#[derive(Debug, Subcommand)]
pub enum Examples {
    /// List the examples
    List,
    Run(Run),
}

/// Run an example from beginning to end
///
/// Without a key from a flag, a context or the environment it uses the server of the data folder, or starts one of its own
/// there and stops it at the end. The agents are part of this program. Exits with 0 when the example ends as it should.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme examples run human/cli\n         axme examples run human/form --answer approved --data grant_duration_days=7"
)]
pub struct Run {
    /// Which one; `axme examples list` shows them
    #[arg(value_name = "EXAMPLE")]
    id: String,
    /// Answer for the person who is asked, with one of the outcomes of the task
    #[arg(long, value_name = "OUTCOME")]
    answer: Option<String>,
    /// What the answer says beside that
    #[arg(short, long, value_name = "TEXT", requires = "answer")]
    comment: Option<String>,
    /// A field of the answer, may be repeated; or the data folder whose server is used or started
    #[arg(long, value_name = "KEY=VALUE|DIR", value_parser = read_data)]
    data: Vec<Data>,
}

/// `--data` means two things, and what is given says which: a field has a plain name before the sign.
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
    pub async fn run(self, flags: Flags) -> Result<(), Failure> {
        match self {
            Examples::List => list(flags.output()),
            Examples::Run(run) => {
                let data = run.folder()?.or(flags.data.clone());
                run.run(Flags { data, ..flags }).await
            }
        }
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<String>>().join("\n")
}

fn list(output: OutputFormat) -> Result<(), Failure> {
    if output.is_json() {
        let listed = EXAMPLES
            .iter()
            .map(|example| json!({ "id": example.id, "about": example.about, "ends": example.ends.words() }));
        return output.print_json(&listed.collect());
    }
    let rows =
        EXAMPLES.iter().map(|example| vec![example.id.to_owned(), example.about.to_owned(), example.ends.words()]);
    print_table(&["ID", "WHAT HAPPENS", "ENDS"], rows)
}

impl Run {
    async fn run(self, flags: Flags) -> Result<(), Failure> {
        let Some(example) = Example::find(&self.id) else {
            let ids: Vec<&str> = EXAMPLES.iter().map(|example| example.id).collect();
            return Err(Failure::usage(format!("there is no example \"{}\"; there are {}", self.id, ids.join(", "))));
        };
        let answerer = self.answerer(example.person())?;
        let filter = folders::environment("AXME_LOG");
        logs::start(filter.as_deref().unwrap_or("warn"), LogFormat::Text)?;
        let mut stop = ShutdownSignal::new()?;
        let stage = Stage::set(&flags).await?;
        let output = stage.session.output();
        let mails = stage.own.as_ref().map(|own| show_mails(own.mails(), move |text| output.print(indent(&text))));
        let mails = mails.map(tokio::spawn);
        let outcome = self.play(example, &stage, &answerer, &mut stop).await;
        if let Some(mails) = mails {
            mails.abort();
        }
        if let Some(own) = stage.own {
            own.stop().await;
        }
        outcome
    }

    /// The data folder, which is named once at most.
    fn folder(&self) -> Result<Option<PathBuf>, Failure> {
        let folders = self.data.iter().filter_map(|data| match data {
            Data::Folder(folder) => Some(folder.clone()),
            Data::Field(..) => None,
        });
        match folders.collect::<Vec<PathBuf>>().as_slice() {
            [] => Ok(None),
            [folder] => Ok(Some(folder.clone())),
            [one, two, ..] => {
                let message = format!("--data names two folders, {} and {}", one.display(), two.display());
                Err(Failure::usage(format!("{message}; a field of an answer is KEY=VALUE")))
            }
        }
    }

    /// Who answers: `--answer`, with what the example suggests where nothing else is said, or whoever sits here.
    fn answerer(&self, person: Option<&Person>) -> Result<Answerer, Failure> {
        let fields = self.data.iter().filter_map(|data| match data {
            Data::Field(key, value) => Some((key.clone(), Value::from(value.as_str()))),
            Data::Folder(_) => None,
        });
        let own: Object = fields.collect();
        let Some(outcome) = &self.answer else {
            if !own.is_empty() {
                return Err(Failure::usage("--data KEY=VALUE belongs to an answer: say which with --answer"));
            }
            return Ok(Answerer::Prompt(person.map(|person| person.suggestions(Which::Yes)).unwrap_or_default()));
        };
        let which = if person.is_some_and(|person| person.means_yes(outcome)) { Which::Yes } else { Which::No };
        let mut data = person.map(|person| person.suggestions(which)).unwrap_or_default();
        data.extend(own);
        let suggested = person.and_then(|person| person.comment).map(str::to_owned);
        Ok(Answerer::Script(TaskAnswer { outcome: outcome.clone(), comment: self.comment.clone().or(suggested), data }))
    }

    async fn play(
        &self,
        example: &Example,
        stage: &Stage,
        answerer: &Answerer,
        stop: &mut ShutdownSignal,
    ) -> Result<(), Failure> {
        let session = &stage.session;
        let output = session.output();
        let mut opening = example.story.opening();
        output.print(divider())?;
        output.print(format!("  axme examples run  ·  {}", example.id))?;
        output.print(divider())?;
        output.print(format!("  {}", opening.get("title").and_then(Value::as_str).unwrap_or(example.about)))?;
        output.print(format!("\n  [step 1] Server: {}", stage.about()))?;

        output.print("  [step 2] Provisioning agents...")?;
        let hired = cast::hire(session, example, &mut opening).await?;
        let dismissals = cast::dismissals(&hired);
        let outcome = tokio::select! {
            outcome = self.play_with(hired, example, stage, opening, answerer) => outcome,
            _ = stop.recv() => output.print("").and(Err(stage.interrupted())),
        };
        // The keys were for this run only. If this fails they are merely keys that nobody has.
        for dismissal in &dismissals {
            let _ = session.client.call(&service_accounts::REVOKE_KEY, dismissal).await;
        }
        outcome
    }

    async fn play_with(
        &self,
        hired: Vec<Hired>,
        example: &Example,
        stage: &Stage,
        opening: Object,
        answerer: &Answerer,
    ) -> Result<(), Failure> {
        let session = &stage.session;
        let output = session.output();
        let cast = Cast::play(session, example, hired)?;
        let told = story::tell(session, example, opening, answerer).await;
        cast.stop().await;
        let told = told?;
        summary(&told.intent).iter().try_for_each(|text| output.print(text))?;
        let is_kept = example.ends.are_kept(&told.intent, self.answer.as_deref());
        if output.is_json() {
            output.print_json(&told.json(example, is_kept))?;
        }
        if is_kept {
            Ok(())
        } else {
            Err(Failure::new(format!("the example should have ended {}", example.ends.words())))
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Which {
    Yes,
    No,
}

impl Person {
    /// What `--answer` fills in and a prompt offers. A no needs no form.
    fn suggestions(&self, which: Which) -> Object {
        let form = if which == Which::Yes { self.form } else { &[] };
        let evidence = self.evidence.map(|evidence| ("evidence", evidence));
        form.iter().copied().chain(evidence).map(|(key, value)| (key.to_owned(), value.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalogue::{Story, read};

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
        folders.sort();
        found.sort();
        assert_eq!(folders, found);
    }

    #[test]
    fn the_agents_are_content_with_their_examples() {
        for example in &EXAMPLES {
            let opening = example.story.opening();
            let mut payloads = vec![match example.story {
                Story::Bundle(_) => opening["intent"]["payload"].clone(),
                _ => opening["payload"].clone(),
            }];
            if let Story::Chain(_, second) = example.story {
                payloads.push(read(second)["payload"].clone());
            }
            for part in example.agents {
                for payload in payloads.iter().filter(|_| !matches!(part.manner, catalogue::Manner::Broken)) {
                    assert_eq!((part.rules)(payload)["action"], "complete", "{}", example.id);
                }
                let declared = opening.get("agents").and_then(Value::as_array);
                let is_declared = |agents: &Vec<Value>| agents.iter().any(|agent| agent["address"] == part.address);
                assert!(declared.is_none_or(is_declared), "{}: {}", example.id, part.address);
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
