//! `axme conformance`: checks whether a server conforms to the protocol (`spec/protocol.md` §10). It works with any
//! server, so it sends plain HTTP and uses none of our types.

mod checks;
mod http;
mod inbox;
mod intents;
mod registry;
mod suite;
mod tools;
mod users;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::connection::ConnectionSettings;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::output::{OutputFormat, line, print_table};
use checks::{CHECKS, Check};
use http::HttpClient;
use suite::Suite;

/// Check whether a server conforms to the protocol
#[derive(Debug, Subcommand)]
pub(crate) enum Conformance {
    Run(Run),
}

/// Run the conformance checks against a server
///
/// The checks call the server in a fixed order with the key as a bearer token. A failed check shows the expected and
/// the actual response. Most checks need the key of a workspace admin.
///
/// A run leaves a few intents, an invite, a file, a schema and a user on the server, and can be repeated there. The
/// exit code is 0 if all checks pass, else 1.
#[derive(Debug, Args)]
#[command(after_help = "Example: axme conformance run --base-url https://axme.example.com --api-key axme_sa_…")]
pub(crate) struct Run {
    /// Run only this check and those it depends on; can be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// List the checks instead of running them
    #[arg(long)]
    list: bool,
}

enum Outcome {
    Passed,
    Failed(String),
    /// This check, on which it depends, did not pass.
    Skipped(&'static str),
}

impl Conformance {
    pub(crate) async fn run(self, flags: &Flags) -> Result<(), Failure> {
        match self {
            Conformance::Run(run) => run.run(flags).await,
        }
    }
}

impl Run {
    async fn run(self, flags: &Flags) -> Result<(), Failure> {
        let chosen = choose(&self.only)?;
        if self.list {
            return list(&chosen, flags.format());
        }
        let settings = ConnectionSettings::find(flags).await?;
        settings.check_server()?;
        let Some(key) = &settings.api_key else {
            return Err(Failure::usage(format!(
                "no API key for {}: pass --api-key or set AXME_API_KEY",
                settings.base_url.value
            )));
        };
        let http = HttpClient::new(&settings.base_url.value, &key.value)?;
        http.find_server().await?;
        let output = flags.format();
        output.print(format!("{} checks against {}", chosen.len(), settings.base_url.value))?;
        let hint = hint(&http).await;
        hint.iter().try_for_each(|hint| output.print(hint))?;
        let mut suite = Suite::new(http);
        let mut done: Vec<(&Check, Outcome)> = Vec::new();
        for check in chosen {
            let outcome = run_check(check, &mut suite, &done).await;
            output.print(text(check, &outcome))?;
            done.push((check, outcome));
        }
        report(&done, &settings.base_url.value, hint, output)
    }
}

/// Returns a hint if the role of the key is too small; none if the server does not report the role.
async fn hint(http: &HttpClient) -> Option<String> {
    let me = http.get("/v1/me", &[]).await.ok()?;
    let role = me.role().filter(|role| *role != "workspace_admin")?;
    Some(format!("hint  the key has the role {role}: checks that need the key of a workspace admin will fail"))
}

/// Returns the chosen checks and those that they depend on, in the order of the table.
fn choose(only: &[String]) -> Result<Vec<&'static Check>, Failure> {
    if let Some(unknown) = only.iter().find(|name| CHECKS.iter().all(|check| check.name != name.as_str())) {
        return Err(Failure::usage(format!("there is no check \"{unknown}\"; see `axme conformance run --list`")));
    }
    if only.is_empty() {
        return Ok(CHECKS.iter().collect());
    }
    // A check comes after those that it depends on, so one pass from the end finds them all.
    let mut names: Vec<&str> = only.iter().map(String::as_str).collect();
    let mut chosen: Vec<&Check> = Vec::new();
    for check in CHECKS.iter().rev() {
        if names.contains(&check.name) {
            names.extend(check.needs);
            chosen.push(check);
        }
    }
    chosen.reverse();
    Ok(chosen)
}

async fn run_check(check: &Check, suite: &mut Suite, done: &[(&Check, Outcome)]) -> Outcome {
    let missing = done
        .iter()
        .find(|(earlier, outcome)| check.needs.contains(&earlier.name) && !matches!(outcome, Outcome::Passed));
    if let Some((earlier, _)) = missing {
        return Outcome::Skipped(earlier.name);
    }
    match (check.run)(suite).await {
        Ok(()) => Outcome::Passed,
        Err(mismatch) => Outcome::Failed(mismatch.0),
    }
}

impl Outcome {
    /// Returns the outcome in one word, and its message unless the check passed.
    fn describe(&self) -> (&'static str, Option<String>) {
        match self {
            Outcome::Passed => ("passed", None),
            Outcome::Failed(mismatch) => ("failed", Some(mismatch.clone())),
            Outcome::Skipped(earlier) => ("skipped", Some(format!("depends on {earlier}, which did not pass"))),
        }
    }
}

fn text(check: &Check, outcome: &Outcome) -> String {
    let word = match outcome {
        Outcome::Passed => "ok  ",
        Outcome::Failed(_) => "FAIL",
        Outcome::Skipped(_) => "skip",
    };
    let message = outcome.describe().1.unwrap_or_else(|| check.asserts.to_owned());
    format!("{word}  {:30}{message}", check.name)
}

fn report(
    done: &[(&Check, Outcome)],
    base_url: &str,
    hint: Option<String>,
    output: OutputFormat,
) -> Result<(), Failure> {
    let count = |word: &str| done.iter().filter(|(_, outcome)| outcome.describe().0 == word).count();
    let (passed, failed, skipped) = (count("passed"), count("failed"), count("skipped"));
    let all_passed = passed == done.len();
    match output {
        OutputFormat::Text => line(format!("{passed} passed, {failed} failed, {skipped} skipped"))?,
        OutputFormat::Json | OutputFormat::Yaml => {
            let checks = done.iter().map(|(check, outcome)| {
                let (word, message) = outcome.describe();
                json!({ "name": check.name, "asserts": check.asserts, "outcome": word, "message": message })
            });
            output.print_json(&json!({
                "ok": all_passed, "base_url": base_url, "hint": hint, "passed": passed, "failed": failed, "skipped": skipped,
                "checks": checks.collect::<Vec<Value>>(),
            }))?;
        }
    }
    if all_passed { Ok(()) } else { Err(Failure::quiet(crate::exit::Ending::Failed)) }
}

fn list(chosen: &[&Check], output: OutputFormat) -> Result<(), Failure> {
    if output.is_json() {
        let listed = chosen
            .iter()
            .map(|check| json!({ "name": check.name, "asserts": check.asserts, "builds_on": check.needs }));
        return output.print_json(&listed.collect::<Vec<Value>>());
    }
    let rows = chosen.iter().map(|check| vec![check.name.to_owned(), check.asserts.to_owned()]);
    print_table(&["CHECK", "ASSERTS"], rows)
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
            assert!(CHECKS[..at].iter().all(|earlier| earlier.name != check.name), "{} is listed twice", check.name);
        }
        // 33 over REST, 3 tools, and one from a newer page of the official documentation.
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
        assert_eq!(names(&["nothing"]).unwrap_err().ending, crate::exit::Ending::Usage);
    }
}
