//! Lets a person choose an item from a numbered list, where a command needs an id and none was typed.

use std::io::{IsTerminal, stdin, stdout};

use crate::exit::Ending;
use crate::failure::Failure;
use crate::output::{OutputFormat, line, print_prompt};

/// How many items the list has at most.
pub(crate) const MAX_CHOICES: usize = 20;

/// An item: what it is called by, and its description.
pub(crate) struct Choice {
    pub(crate) id: String,
    pub(crate) about: String,
}

/// Whether a person can be asked.
pub(crate) fn is_possible(format: OutputFormat) -> bool {
    format == OutputFormat::Text && stdin().is_terminal() && stdout().is_terminal()
}

/// Prompts for one of the items, and returns its id.
pub(crate) fn pick(what: &str, choices: &[Choice]) -> Result<String, Failure> {
    if choices.is_empty() {
        return Err(Failure::new(format!("there is no {what} to choose")));
    }
    for (index, choice) in choices.iter().enumerate() {
        line(format!("  {:>2}  {}", index + 1, choice.about))?;
    }
    loop {
        print_prompt(&format!("Which {what} [1-{}]: ", choices.len()))?;
        let mut typed = String::new();
        if stdin().read_line(&mut typed)? == 0 {
            return Err(Failure::of(Ending::No, format!("no {what} was chosen")));
        }
        let typed = typed.trim();
        let by_number = typed.parse::<usize>().ok().and_then(|number| choices.get(number.checked_sub(1)?));
        let by_id = || choices.iter().find(|choice| choice.id == typed);
        if let Some(choice) = by_number.or_else(by_id) {
            return Ok(choice.id.clone());
        }
    }
}

/// Asks a person to confirm. Without a terminal, `flag` must have been given.
pub(crate) fn confirm(format: OutputFormat, question: &str, flag: &str) -> Result<(), Failure> {
    if !is_possible(format) {
        return Err(Failure::usage(format!("{question} Add {flag} to do it: there is no terminal to ask at")));
    }
    print_prompt(&format!("{question} [y/N]: "))?;
    let mut typed = String::new();
    stdin().read_line(&mut typed)?;
    match typed.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::of(Ending::No, "nothing was changed")),
    }
}
