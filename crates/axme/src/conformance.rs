//! `axme conformance`: whether a server speaks the protocol on the wire (contract `wire.md` §10). It judges any server, so it
//! sends plain HTTP and knows nothing of our types.

mod checks;
mod inbox;
mod intents;
mod registry;
mod tools;
mod users;
mod wire;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::screen::{Form, line, table};
use crate::session::{Flags, Setting};
use checks::{CHECKS, Check, Suite};
use wire::Wire;

/// Check whether a server speaks the protocol
#[derive(Debug, Subcommand)]
pub enum Conformance {
    Run(Run),
}

/// Run the conformance checks against a server
///
/// The checks call the server in a fixed order with the key as a bearer token, and say what was expected and what came. The
/// key must be a workspace admin's, as most of them do what only such a key may. They
/// leave a few intents, an invite, a file and a user behind, and may be run again on the same server. Exits with 0 when all
/// checks pass, with 1 when one does not.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme conformance run --base-url https://axme.example.com --api-key axme_sa_…")]
pub struct Run {
    /// Only this check and those it builds on, may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// List the checks
    #[arg(long)]
    list: bool,
}

enum Outcome {
    Passed,
    Failed(String),
    /// The check it builds on that did not pass.
    Skipped(&'static str),
}

impl Conformance {
    pub async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self {
            Conformance::Run(run) => run.run(flags).await,
        }
    }
}

impl Run {
    async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let chosen = choose(&self.only)?;
        if self.list {
            return list(&chosen, flags.form());
        }
        let setting = Setting::find(flags).await?;
        setting.check_server()?;
        let Some(key) = &setting.api_key else {
            return Err(Failure::usage(format!(
                "no key to present to {}: give one with --api-key or AXME_API_KEY",
                setting.base_url.value
            )));
        };
        let wire = Wire::new(&setting.base_url.value, &key.value)?;
        wire.find_server().await?;
        let form = flags.form();
        form.say(format!("{} checks against {}", chosen.len(), setting.base_url.value))?;
        let hint = hint(&wire).await;
        hint.iter().try_for_each(|hint| form.say(hint))?;
        let mut suite = Suite::new(wire);
        let mut done: Vec<(&Check, Outcome)> = Vec::new();
        for check in chosen {
            let outcome = perform(check, &mut suite, &done).await;
            form.say(shown(check, &outcome))?;
            done.push((check, outcome));
        }
        report(&done, &setting.base_url.value, hint, form)
    }
}

/// A word about a key that cannot do what the checks do. A server that does not tell whose key it is gets none.
async fn hint(wire: &Wire) -> Option<String> {
    let me = wire.get("/v1/me", &[]).await.ok()?;
    let role = me.role().filter(|role| *role != "workspace_admin")?;
    Some(format!("hint  the key is of role {role}: checks that need a workspace admin's key will fail"))
}

/// The checks that are asked for and, before them, what they build on; in the order of the table.
fn choose(only: &[String]) -> Result<Vec<&'static Check>, Failure> {
    if let Some(unknown) = only.iter().find(|name| CHECKS.iter().all(|check| check.name != name.as_str())) {
        return Err(Failure::usage(format!("there is no check \"{unknown}\"; see `axme conformance run --list`")));
    }
    if only.is_empty() {
        return Ok(CHECKS.iter().collect());
    }
    // What a check builds on stands before it, so one look from the end finds everything.
    let mut wanted: Vec<&str> = only.iter().map(String::as_str).collect();
    let mut chosen: Vec<&Check> = Vec::new();
    for check in CHECKS.iter().rev() {
        if wanted.contains(&check.name) {
            wanted.extend(check.needs);
            chosen.push(check);
        }
    }
    chosen.reverse();
    Ok(chosen)
}

async fn perform(check: &Check, suite: &mut Suite, done: &[(&Check, Outcome)]) -> Outcome {
    let missing = done
        .iter()
        .find(|(earlier, outcome)| check.needs.contains(&earlier.name) && !matches!(outcome, Outcome::Passed));
    if let Some((earlier, _)) = missing {
        return Outcome::Skipped(earlier.name);
    }
    match (check.run)(suite).await {
        Ok(()) => Outcome::Passed,
        Err(wrong) => Outcome::Failed(wrong.0),
    }
}

fn shown(check: &Check, outcome: &Outcome) -> String {
    let (word, text) = match outcome {
        Outcome::Passed => ("ok  ", check.asserts.to_owned()),
        Outcome::Failed(wrong) => ("FAIL", wrong.clone()),
        Outcome::Skipped(earlier) => ("skip", format!("it builds on {earlier}, which did not pass")),
    };
    format!("{word}  {:30}{text}", check.name)
}

fn report(done: &[(&Check, Outcome)], base_url: &str, hint: Option<String>, form: Form) -> Result<(), Failure> {
    let count = |is: fn(&Outcome) -> bool| done.iter().filter(|(_, outcome)| is(outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let all_passed = passed == done.len();
    match form {
        Form::Human => line(format!("{passed} passed, {failed} failed, {skipped} skipped"))?,
        Form::Json => form.value(&json!({
            "ok": all_passed,
            "base_url": base_url,
            "hint": hint,
            "passed": passed,
            "failed": failed,
            "skipped": skipped,
            "checks": done.iter().map(|(check, outcome)| described(check, outcome)).collect::<Vec<Value>>(),
        }))?,
    }
    if all_passed { Ok(()) } else { Err(Failure::quiet(1)) }
}

fn described(check: &Check, outcome: &Outcome) -> Value {
    let (word, message) = match outcome {
        Outcome::Passed => ("passed", None),
        Outcome::Failed(wrong) => ("failed", Some(wrong.clone())),
        Outcome::Skipped(earlier) => ("skipped", Some(format!("it builds on {earlier}, which did not pass"))),
    };
    json!({ "name": check.name, "asserts": check.asserts, "outcome": word, "message": message })
}

fn list(chosen: &[&Check], form: Form) -> Result<(), Failure> {
    if form.is_json() {
        let listed = chosen
            .iter()
            .map(|check| json!({ "name": check.name, "asserts": check.asserts, "builds_on": check.needs }));
        return form.value(&listed.collect());
    }
    let rows = chosen.iter().map(|check| vec![check.name.to_owned(), check.asserts.to_owned()]);
    table(&["CHECK", "ASSERTS"], &rows.collect::<Vec<Vec<String>>>()).iter().try_for_each(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_check_builds_on_comes_before_it() {
        for (at, check) in CHECKS.iter().enumerate() {
            for need in check.needs {
                assert!(CHECKS[..at].iter().any(|earlier| earlier.name == *need), "{} needs {need}", check.name);
            }
            assert!(CHECKS[..at].iter().all(|earlier| earlier.name != check.name), "{} is there twice", check.name);
        }
        // 33 over REST, 3 tools, and one of a newer page.
        assert_eq!(CHECKS.len(), 37);
    }

    #[test]
    fn what_is_chosen_brings_what_it_builds_on() {
        let names = |only: &[&str]| {
            let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
            choose(&only).map(|chosen| chosen.iter().map(|check| check.name).collect::<Vec<&str>>())
        };
        assert_eq!(names(&["inbox_reply"]).unwrap(), ["inbox_list", "inbox_reply"]);
        assert_eq!(names(&["intents_get", "health"]).unwrap(), ["health", "intent_create", "intents_get"]);
        assert_eq!(names(&[]).unwrap().len(), CHECKS.len());
        assert_eq!(names(&["nothing"]).unwrap_err().code, 2);
    }
}
