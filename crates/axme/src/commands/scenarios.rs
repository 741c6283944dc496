//! `axme scenarios`: checks, submits and follows a bundle; `templates` writes one (`spec/protocol.md` §3.9, §6).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axme_client::api::scenarios::{ApplyAnswer, DryRunAnswer, DryStep};
use axme_client::{Json, JsonFields, Object};
use clap::{Args, Subcommand};

use crate::commands::templates::{self, Create};
use crate::failure::Failure;
use crate::flags::Flags;
use crate::follow::{Answerer, follow, unless_interrupted};
use crate::lifecycle::summary;
use crate::output::{OutputFormat, divider, line, tagged};
use crate::session::Session;
use crate::text_file;

/// Write, check and submit scenario bundles
#[derive(Debug, Subcommand)]
pub(crate) enum Scenarios {
    Apply(Apply),
    Validate(Validate),
    DryRun(DryRun),
    Create(Create),
    /// List the templates for `axme scenarios create`, with their parameters
    ListTemplates,
}

/// Submit a scenario
///
/// Registers the agents that are marked create_if_missing, compiles the workflow and submits the intent, all or
/// nothing. Create keys for the agents with `axme agents keys create`.
///
/// With --watch, the exit code is 0 if the intent completes or a person says yes, and 1 if it fails or is canceled. It
/// is 3 if a person says no, and 4 if the intent times out.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme scenarios apply examples/human-cli/scenario.json --watch")]
pub(crate) struct Apply {
    /// Bundle, a JSON file; - reads it from stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Follow the intent until it ends
    #[arg(short, long)]
    watch: bool,
    /// Accepted for compatibility: the server always registers the agents
    #[arg(long, hide = true)]
    server_side: bool,
}

/// Check a scenario and show every error, without submitting it
#[derive(Debug, Args)]
#[command(after_help = "Example: axme scenarios validate scenario.json")]
pub(crate) struct Validate {
    /// Bundle, a JSON file; - reads it from stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Show which steps of a scenario would run, without submitting it
///
/// Agents succeed and people give the first outcome of their task, unless --answer chooses another end. The forms of
/// tasks are not filled in.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme scenarios dry-run scenario.json --answer sign_off=rejected")]
pub(crate) struct DryRun {
    /// Bundle, a JSON file; - reads it from stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// End of a step: an outcome of its task, succeeded, failed or timed_out; repeat it for each run of the step
    #[arg(long = "answer", value_name = "STEP=END")]
    answers: Vec<String>,
}

impl Scenarios {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self {
            Scenarios::Apply(apply) => apply.run(flags).await,
            Scenarios::Validate(validate) => validate.run(flags).await,
            Scenarios::DryRun(walk) => walk.run(flags).await,
            Scenarios::Create(create) => create.run(flags).await,
            Scenarios::ListTemplates => templates::list(flags).await,
        }
    }
}

impl Apply {
    async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let bundle = read(&self.file)?;
        let session = Session::open(flags).await?;
        let output = session.output();
        let text = |key: &str| bundle.string(key).unwrap_or_default();
        output.print(divider())?;
        output.print(format!("  axme scenarios apply  ·  {}", text("scenario_id")))?;
        output.print(divider())?;
        for text in [text("title"), text("description")].iter().filter(|text| !text.is_empty()) {
            output.print(format!("  {text}"))?;
        }
        output.print("")?;
        if output.is_json() && !self.watch {
            return session.print(&Json::of(&session.wait(session.client.apply_scenario(bundle)).await?));
        }
        output.print(tagged("system", "compiling the workflow and submitting the intent…"))?;
        let applied = session.wait(session.client.apply_scenario(bundle)).await?;
        show_applied(output, &applied)?;
        if !self.watch {
            output
                .print(format!("\n  Follow it:  {} intents watch {}", session.settings.command, applied.intent_id))?;
            return Ok(());
        }
        let answerer = Answerer::Prompt(Object::new());
        let following = follow(&session, &applied.intent_id, &answerer);
        let intent = unless_interrupted(&session, &applied.intent_id, following).await?;
        summary(&intent).iter().try_for_each(|text| output.print(text))?;
        if output.is_json() {
            output.print_text(&Json::of(&intent))?;
        }
        Failure::by_outcome(&intent)
    }
}

/// Prints the result of applying a scenario: agents, warnings, intent and plan.
pub(crate) fn show_applied(output: OutputFormat, applied: &ApplyAnswer) -> Result<(), Failure> {
    for agent in &applied.agents {
        let created = if agent.created { "  (registered)" } else { "" };
        output.print(tagged("agent:assign", &format!("{} → {}{created}", agent.role, agent.address)))?;
    }
    for warning in &applied.warnings {
        output.print(tagged("warning", warning))?;
    }
    output.print(tagged("intent:create", &format!("intent_id={}", applied.intent_id)))?;
    if let Some(compile_id) = &applied.compile_id {
        output.print(tagged("intent:create", &format!("workflow compile_id={compile_id}")))?;
    }
    output.print(tagged("status:change", "—  →  SUBMITTED"))
}

impl Validate {
    async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let bundle = read(&self.file)?;
        let session = Session::open(flags).await?;
        let checked = session.check(session.client.validate_scenario(bundle).await)?;
        if session.output().is_json() {
            session.output().print_json(&serde_json::to_value(&checked)?)?;
        } else {
            let place = self.file.display();
            for error in &checked.errors {
                line(format!("error: {error}"))?;
            }
            for warning in &checked.warnings {
                line(format!("warning: {warning}"))?;
            }
            let (errors, warnings) = (checked.errors.len(), checked.warnings.len());
            line(match errors {
                0 if warnings == 0 => format!("✓ {place} is valid"),
                0 => format!("✓ {place} is valid, with {warnings} warning(s)"),
                _ => format!("✗ {place} has {errors} error(s) and {warnings} warning(s)"),
            })?;
        }
        if checked.errors.is_empty() { Ok(()) } else { Err(Failure::quiet(crate::exit::Ending::Failed)) }
    }
}

impl DryRun {
    async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let mut answers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in &self.answers {
            let Some((step, end)) = pair.split_once('=').filter(|(step, end)| !step.is_empty() && !end.is_empty())
            else {
                return Err(Failure::usage(format!("--answer takes STEP=END, not \"{pair}\"")));
            };
            answers.entry(step.to_owned()).or_default().push(end.to_owned());
        }
        let bundle = read(&self.file)?;
        let session = Session::open(flags).await?;
        let walked = session.check(session.client.dry_run_scenario(bundle, answers).await)?;
        if session.output().is_json() {
            return session.output().print_json(&serde_json::to_value(&walked)?);
        }
        show_walked(&walked)
    }
}

/// Prints the runs of a dry run, one line each, and its end.
fn show_walked(walked: &DryRunAnswer) -> Result<(), Failure> {
    for warning in &walked.warnings {
        line(format!("warning: {warning}"))?;
    }
    walked.steps.iter().enumerate().try_for_each(|(index, step)| line(run_text(index + 1, step)))?;
    let outcome = walked.outcome.outcome_text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    line(format!("The intent would end as {}{outcome}", walked.status.as_str()))
}

/// Returns the line of one run.
fn run_text(number: usize, step: &DryStep) -> String {
    let mut text = format!("{number:>3}. {} {}", step.step_id, step.outcome);
    if let Some(answer) = step.answer.as_ref().filter(|answer| **answer != step.outcome) {
        text += &format!(" ({answer})");
    }
    if !step.asked.is_empty() {
        text += &format!(", asks {}", step.asked.join(", "));
    }
    match step.after_seconds {
        0 => text,
        seconds => format!("{text}, after {seconds} s"),
    }
}

fn read(file: &Path) -> Result<JsonFields, Failure> {
    serde_json::from_str(&text_file::read(file)?)
        .map_err(|e| Failure::new(format!("{} is not a JSON object: {e}", file.display())))
}
