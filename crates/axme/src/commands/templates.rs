//! `axme scenarios list-templates` and `create`: build a bundle from a macro and a few answers
//! (`spec/protocol.md` §3.7, §6.4).
//!
//! Prompts for missing values at the terminal. Without a terminal, flags must give the required values; others take
//! their defaults. The server checks the bundle before it is written.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, IsTerminal, Write, stdin};
use std::path::{Path, PathBuf};

use axme_client::Object;
use axme_client::api::capabilities::EmptyInput;
use axme_client::api::macros::{self, GetMacro, MacroView, ParameterType};
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{OutputFormat, line, print_prompt};
use crate::session::Session;

/// Write a scenario from a template
///
/// Prompts for missing values. Without a terminal, or with --json, flags must give the required values; others take
/// their defaults.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: axme scenarios create --from-template macro.approval.v1 --scenario-id my.first.v1 --human boss"
)]
pub(crate) struct Create {
    /// Id of the template, from `axme scenarios list-templates`
    #[arg(long, value_name = "ID")]
    from_template: Option<String>,
    /// File to write, which must not exist [default: <SCENARIO_ID>.json]
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// Id of the scenario, such as team.purpose.v1
    #[arg(long, value_name = "ID")]
    scenario_id: Option<String>,
    /// Type of the intent [default: intent.<SCENARIO_ID>]
    #[arg(long, value_name = "TYPE")]
    intent_type: Option<String>,
    /// Role of a person, and how to reach that person; can be repeated
    #[arg(long = "human", value_name = "ROLE[=CONTACT]")]
    humans: Vec<String>,
    /// Role of an agent, and its address if that differs from the role; can be repeated
    #[arg(long = "agent", value_name = "ROLE[=ADDRESS]")]
    agents: Vec<String>,
    /// Parameter of the template; can be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
}

pub(crate) async fn list(flags: &Flags) -> Result<(), Failure> {
    let session = Session::open(flags).await?;
    let list = session.call(&macros::LIST, &EmptyInput::default()).await?;
    if session.output().is_json() {
        return session.output().print_json(&list);
    }
    for known in &list.macros {
        line(format!("{}\n  {}", known.macro_id, known.description))?;
        for parameter in &known.parameters {
            let default = match parameter.default.as_str() {
                "" if parameter.required => " (required)".to_owned(),
                "" => String::new(),
                default => format!(" (default {default})"),
            };
            line(format!("    {:24}{}{default}", parameter.name, parameter.description))?;
        }
    }
    Ok(())
}

impl Create {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let session = Session::open(flags).await?;
        let is_interactive = stdin().is_terminal() && !session.output().is_json();
        let mut terminal =
            if is_interactive { Terminal::Interactive(BufReader::new(stdin())) } else { Terminal::Absent };
        if self.from_template.is_none() && is_interactive {
            let list = session.call(&macros::LIST, &EmptyInput::default()).await?;
            list.macros.iter().try_for_each(|known| line(format!("  {:36}{}", known.macro_id, known.description)))?;
        }
        let macro_id = terminal.required(self.from_template.clone(), "--from-template", "Template", "")?;
        let template = session.call(&macros::GET, &GetMacro { macro_id }).await?.known;
        let output = self.output.clone().map(PathBuf::from);
        let bundle = self.fill(&template, &mut terminal)?;
        let checked = session.check(session.client.validate_scenario(bundle.clone()).await)?;
        let scenario_id = bundle["scenario_id"].as_str().unwrap_or_default();
        let file = output.unwrap_or_else(|| PathBuf::from(format!("{}.json", scenario_id.replace('/', "-"))));
        if !checked.valid {
            let draft = keep_draft(&file, &bundle)?;
            return Err(Failure::new(format!(
                "the scenario is invalid, and what you gave is kept in {}: {}",
                draft.display(),
                checked.errors.join("; ")
            )));
        }
        write(&file, &bundle)?;
        let place = file.display();
        for warning in &checked.warnings {
            session.output().print(format!("warning: {warning}"))?;
        }
        match session.output() {
            OutputFormat::Json | OutputFormat::Yaml => {
                line(json!({ "ok": true, "file": file, "bundle": bundle }).to_string())
            }
            OutputFormat::Text => {
                line(format!("✓ wrote {place}\n\n  Submit it:  {} scenarios apply {place}", session.settings.command))
            }
        }
    }

    /// Builds the bundle from flags and answers.
    fn fill(self, template: &MacroView, terminal: &mut Terminal<impl BufRead>) -> Result<Object, Failure> {
        let scenario_id =
            terminal.required(self.scenario_id, "--scenario-id", "Scenario id, such as team.purpose.v1", "")?;
        let usual = format!("intent.{scenario_id}");
        let intent_type = terminal.or_default(self.intent_type, "Intent type", &usual)?;
        let mut humans = pairs("--human", &self.humans, ValuePart::Optional)?;
        let mut agents = pairs("--agent", &self.agents, ValuePart::Optional)?;
        if humans.is_empty() {
            humans = pairs("--human", &terminal.list("Roles of people, separated by commas")?, ValuePart::Optional)?;
        }
        let has_agent = template.parameters.iter().any(|parameter| parameter.kind == ParameterType::Agent);
        if agents.is_empty() && has_agent {
            agents = pairs("--agent", &terminal.list("Agents, separated by commas")?, ValuePart::Optional)?;
        }
        let mut parameters: Object = pairs("--param", &self.parameters, ValuePart::Required)?
            .into_iter()
            .map(|(name, value)| (name, value.unwrap_or_default().into()))
            .collect();
        for parameter in &template.parameters {
            if parameters.contains_key(&parameter.name) {
                continue;
            }
            let question = format!("{} ({})", parameter.name, parameter.description);
            let value = if parameter.required {
                terminal.required(None, &format!("--param {}=VALUE", parameter.name), &question, &parameter.default)?
            } else {
                terminal.or_default(None, &question, &parameter.default)?
            };
            if !value.is_empty() {
                parameters.insert(parameter.name.clone(), value.into());
            }
        }
        let humans = humans.into_iter().map(|(role, contact)| match contact {
            Some(contact) => json!({ "role": role, "contact": contact }),
            None => json!({ "role": role }),
        });
        let agents = agents.into_iter().map(|(role, address)| {
            let address = address.unwrap_or_else(|| role.clone());
            json!({ "role": role, "address": address, "create_if_missing": true })
        });
        Ok(Object::from_iter([
            ("scenario_id".to_owned(), scenario_id.into()),
            ("agents".to_owned(), agents.collect()),
            ("humans".to_owned(), humans.collect()),
            ("workflow".to_owned(), json!({ "macro_id": template.macro_id, "parameters": parameters })),
            ("intent".to_owned(), json!({ "type": intent_type, "payload": {} })),
        ]))
    }
}

/// Writes an invalid bundle beside the place of a valid one. An older draft is replaced.
fn keep_draft(file: &Path, bundle: &Object) -> Result<PathBuf, Failure> {
    let draft = file.with_extension("draft.json");
    let text = serde_json::to_string_pretty(bundle)? + "\n";
    std::fs::write(&draft, text).map_err(|e| Failure::new(format!("cannot write {}: {e}", draft.display())))?;
    Ok(draft)
}

/// Writes a new file; an existing one is not overwritten.
fn write(file: &PathBuf, bundle: &Object) -> Result<(), Failure> {
    let place = file.display();
    let mut created = File::create_new(file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(format!("{place} already exists; choose another file with --output")),
        _ => Failure::new(format!("cannot write {place}: {error}")),
    })?;
    let text = serde_json::to_string_pretty(bundle)?;
    writeln!(created, "{text}").map_err(|error| Failure::new(format!("cannot write {place}: {error}")))
}

/// Whether `=VALUE` may be missing.
#[derive(Clone, Copy, PartialEq)]
enum ValuePart {
    Required,
    Optional,
}

fn pairs(flag: &str, given: &[String], value_part: ValuePart) -> Result<Vec<(String, Option<String>)>, Failure> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Some(value.to_owned()))),
        None if value_part == ValuePart::Optional && !text.is_empty() => Ok((text.clone(), None)),
        _ => Err(Failure::usage(format!("{flag} takes NAME=VALUE, not \"{text}\""))),
    };
    given.iter().map(pair).collect()
}

/// The source of answers to prompts.
enum Terminal<R> {
    Interactive(R),
    /// No terminal.
    Absent,
}

impl<R: BufRead> Terminal<R> {
    /// Returns the given value, or prompts for one. An empty answer selects `default`, and so does a missing terminal.
    fn or_default(&mut self, given: Option<String>, question: &str, default: &str) -> Result<String, Failure> {
        let Terminal::Interactive(lines) = self else { return Ok(given.unwrap_or_else(|| default.to_owned())) };
        if let Some(given) = given {
            return Ok(given);
        }
        let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        print_prompt(&format!("{question}{shown}: "))?;
        let mut answer = String::new();
        if lines.read_line(&mut answer)? == 0 {
            return Err(Failure::new("the input ended before the last prompt"));
        }
        let answer = answer.trim();
        Ok(if answer.is_empty() { default } else { answer }.to_owned())
    }

    /// Prompts until an answer is not empty. Without a terminal, `flag` is required.
    fn required(
        &mut self,
        given: Option<String>,
        flag: &str,
        question: &str,
        default: &str,
    ) -> Result<String, Failure> {
        if given.is_none() && matches!(self, Terminal::Absent) {
            return Err(Failure::usage(format!("{flag} is required: there is no terminal to prompt at")));
        }
        loop {
            let answer = self.or_default(given.clone(), question, default)?;
            if !answer.is_empty() {
                return Ok(answer);
            }
            if given.is_some() {
                return Err(Failure::usage(format!("{flag} must not be empty")));
            }
        }
    }

    fn list(&mut self, question: &str) -> Result<Vec<String>, Failure> {
        let answer = self.or_default(None, question, "")?;
        Ok(answer.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use axme_client::api::macros::MacroParameter;
    use serde_json::Value;

    use super::*;

    fn known() -> MacroView {
        let parameter = |name: &str, kind: ParameterType, required: bool, default: &str| MacroParameter {
            name: name.to_owned(),
            kind,
            required,
            default: default.to_owned(),
            description: "A parameter.".to_owned(),
        };
        MacroView {
            macro_id: "macro.work.v1".to_owned(),
            description: "Work.".to_owned(),
            parameters: vec![
                parameter("agent", ParameterType::Agent, false, ""),
                parameter("title", ParameterType::Text, false, "Go?"),
                parameter("escalate_to", ParameterType::Person, true, ""),
            ],
        }
    }

    fn nothing() -> Create {
        Create {
            from_template: None,
            output: None,
            scenario_id: None,
            intent_type: None,
            humans: Vec::new(),
            agents: Vec::new(),
            parameters: Vec::new(),
        }
    }

    #[test]
    fn answers_become_a_bundle() {
        // Id, type, people, agents, agent, title, and escalate_to, which is empty at first.
        let mut answers = &b"a.b.v1\n\nboss, kim=kim@example.com\nworker\n\n Ship? \n\nkim\n"[..];
        let bundle = nothing().fill(&known(), &mut Terminal::Interactive(&mut answers)).unwrap();
        let expected = json!({
            "scenario_id": "a.b.v1",
            "agents": [{ "role": "worker", "address": "worker", "create_if_missing": true }],
            "humans": [{ "role": "boss" }, { "role": "kim", "contact": "kim@example.com" }],
            "workflow": { "macro_id": "macro.work.v1", "parameters": { "title": "Ship?", "escalate_to": "kim" } },
            "intent": { "type": "intent.a.b.v1", "payload": {} },
        });
        assert_eq!(Value::Object(bundle), expected);
        let early = nothing().fill(&known(), &mut Terminal::Interactive(&b"a.b.v1\n"[..])).unwrap_err();
        assert_eq!(early.ending, crate::exit::Ending::Failed);
    }

    #[test]
    fn without_a_terminal_flags_say_it_all() {
        let text = |text: &str| Some(text.to_owned());
        let flags = |escalate: &str| Create {
            from_template: text("macro.work.v1"),
            scenario_id: text("a.b.v1"),
            intent_type: text("intent.x.v1"),
            humans: vec!["boss".to_owned()],
            agents: vec!["worker=agent://local/default/w".to_owned()],
            parameters: vec![escalate.to_owned()],
            ..nothing()
        };
        let closed = || Terminal::<&[u8]>::Absent;
        let bundle = flags("escalate_to=boss").fill(&known(), &mut closed()).unwrap();
        assert_eq!(bundle["agents"][0]["address"], "agent://local/default/w");
        assert_eq!(bundle["workflow"]["parameters"], json!({ "escalate_to": "boss", "title": "Go?" }));
        for (create, lacking) in [
            (Create { scenario_id: None, ..flags("escalate_to=boss") }, "--scenario-id"),
            (flags("title=x"), "--param escalate_to=VALUE"),
            (flags("escalate_to"), "NAME=VALUE"),
        ] {
            let failure = create.fill(&known(), &mut closed()).unwrap_err();
            assert!(failure.ending == crate::exit::Ending::Usage && failure.message.contains(lacking), "{failure:?}");
        }
    }
}
