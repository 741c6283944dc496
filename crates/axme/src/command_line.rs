//! Reads the command line. Its errors have the shape of all others: one message, and JSON for programs.

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::commands::{Axme, Command, definition};
use crate::exit::Ending;
use crate::failure::Failure;
use crate::flags::Flags;
use crate::folders;
use crate::output::OutputFormat;

/// Reads the arguments of this process. Returns `None` if it printed a help text or the version.
pub(crate) fn read() -> Result<Option<(Command, Flags)>, (OutputFormat, Failure)> {
    let parsed = definition().try_get_matches().and_then(|matches| Axme::from_arg_matches(&matches));
    let Axme { mut flags, command } = match parsed {
        Ok(parsed) => parsed,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // A reader that has gone needs no help.
            let _ = error.print();
            return Ok(None);
        }
        Err(error) => return Err((format_of_arguments(), failure(&error))),
    };
    if command.has_output_file() {
        flags.output = None;
    }
    match flags.check().and_then(|()| check_secret_storage()) {
        Ok(()) => Ok(Some((command, flags))),
        Err(failure) => Err((format_of_arguments(), failure)),
    }
}

/// Secrets are stored in a file. A person who wants them elsewhere must know that they are not.
fn check_secret_storage() -> Result<(), Failure> {
    match folders::environment("AXME_CLI_SECRET_STORAGE") {
        Some(mode) if mode != "file" => Err(Failure::new(format!(
            "AXME_CLI_SECRET_STORAGE=\"{mode}\" is not supported: secrets are stored in a file that only you can read"
        ))),
        _ => Ok(()),
    }
}

/// Returns the format that the arguments name, although they cannot be read as a whole.
fn format_of_arguments() -> OutputFormat {
    let names_json = |argument: String| argument == "--json" || argument == "--output=json";
    if std::env::args().any(names_json) { OutputFormat::Json } else { OutputFormat::Text }
}

/// Says what is wrong, and how the command is written.
fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        eprint!("{text}");
        return Failure::quiet(Ending::CommandLine);
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let parts: Vec<&str> = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).collect();
    let is_data = matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(name)) if name == "--data");
    let is_left_out = |part: &str| {
        part.starts_with("Usage:") || part.starts_with("For more information") || (is_data && part.starts_with("tip:"))
    };
    let said = parts.iter().filter(|part| !is_left_out(part));
    let mut message = said.map(|part| part.replace('\n', " ")).collect::<Vec<String>>().join("; ");
    if is_data {
        message += "; write it before the command: axme --data DIR COMMAND";
    }
    message = message.split_whitespace().collect::<Vec<&str>>().join(" ");
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        let usage = usage.to_string();
        let usage = usage.trim().trim_start_matches("Usage:").trim();
        message += &format!("; use: {}", usage.split_whitespace().collect::<Vec<&str>>().join(" "));
    }
    Failure::of(Ending::CommandLine, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_has_no_contradictions() {
        definition().debug_assert();
    }
}
