//! `axme`: the server and the command line of AXME in one program. Commands call a server through the SDK and do not
//! depend on its internals; only `serve`, `dev` and `examples run` start a server.

mod command_line;
mod commands;
mod compatibility;
mod connection;
mod contexts;
mod events;
mod exit;
mod failure;
mod flags;
mod folders;
mod follow;
mod hidden_input;
mod key_bounds;
mod lifecycle;
mod limit;
mod local;
mod logs;
mod moments;
mod output;
mod picker;
mod report;
mod server;
mod session;
mod settings;
mod signature;
mod stdin;
mod systemd;
mod task_hints;
mod text_file;

use std::path::Path;
use std::process::ExitCode;

use exit::ExitRules;

/// Calls free memory on other threads than the ones that allocated it; mimalloc is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (format, outcome) = match command_line::read() {
        Ok(Some((command, flags))) => {
            output::set_screen(flags.utc, flags.jq.clone());
            let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    eprintln!("axme: cannot start: {error}");
                    return ExitCode::FAILURE;
                }
            };
            let format = flags.format();
            let outcome = runtime.block_on(command.run(flags));
            // Remaining tasks wait for something that no longer matters, such as a line from stdin.
            runtime.shutdown_background();
            (format, outcome)
        }
        Ok(None) => return ExitCode::SUCCESS,
        Err((format, failure)) => (format, Err(failure)),
    };
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    report::report(&failure, format);
    let rules = match compatibility::is_official() {
        true => ExitRules::Official { json: format.is_json() },
        false => ExitRules::Ours,
    };
    ExitCode::from(failure.ending.code(rules))
}

/// Returns the command that called this program: its name, or the path that was typed.
fn program() -> String {
    std::env::args().next().filter(|name| name.contains('/')).map_or("axme".to_owned(), |path| shell(&path))
}

/// Returns the command that reaches the server of `data` from another terminal.
fn program_for(data: Option<&Path>) -> String {
    let program = program();
    data.map_or(program.clone(), |data| format!("{program} --data {}", shell(&data.to_string_lossy())))
}

/// Quotes text as one word of a shell.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,~".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
