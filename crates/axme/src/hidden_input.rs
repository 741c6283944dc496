//! Secrets that a person types at the terminal. They are not shown while they are typed.

use std::io::{IsTerminal, Write, stderr, stdin};

use crate::failure::Failure;

/// Returns true if a person can be asked.
pub(crate) fn is_possible() -> bool {
    cfg!(unix) && stdin().is_terminal() && stderr().is_terminal()
}

/// Asks for a secret.
pub(crate) fn ask(prompt: &str) -> Result<String, Failure> {
    if !is_possible() {
        return Err(Failure::usage("there is no terminal to ask at: use a file instead"));
    }
    let failed = |error: std::io::Error| Failure::new(format!("cannot read from the terminal: {error}"));
    let _hidden = Hidden::begin().map_err(failed)?;
    let mut shown = stderr();
    write!(shown, "{prompt}: ").and_then(|()| shown.flush()).map_err(failed)?;
    let mut line = String::new();
    if stdin().read_line(&mut line).map_err(failed)? == 0 {
        return Err(Failure::usage("nothing was typed"));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks for a new secret twice, so that a slip does not lock anybody out.
pub(crate) fn ask_twice(prompt: &str) -> Result<String, Failure> {
    let first = ask(prompt)?;
    if ask(&format!("{prompt} again"))? == first { Ok(first) } else { Err(Failure::usage("the two differ")) }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden {
    #[cfg(unix)]
    before: rustix::termios::Termios,
}

impl Hidden {
    #[cfg(unix)]
    fn begin() -> std::io::Result<Hidden> {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // The end of the line is shown, so that the next text has a line of its own.
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Hidden { before })
    }

    #[cfg(not(unix))]
    fn begin() -> std::io::Result<Hidden> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = rustix::termios::tcsetattr(stdin(), rustix::termios::OptionalActions::Now, &self.before);
    }
}
