//! The help of every command in one golden file, `tests/help.txt`, so that each change of a command, argument or flag
//! shows as a difference. Each of them must have a help text.

use std::fmt::Write as _;
use std::fs;

use super::Home;

/// The heading of the flags that the commands share.
const CONNECTION: &str = "Connection:\n";

/// Lists the commands that have no others below them, hidden ones too.
pub(super) fn leaves(home: &Home) -> Vec<String> {
    let mut leaves = Vec::new();
    let mut rest: Vec<String> = vec!["service-accounts".to_owned(), "keys".to_owned(), String::new()];
    while let Some(path) = rest.pop() {
        let args: Vec<&str> = path.split_whitespace().chain(["--help"]).collect();
        let help = home.ok(&args);
        let below: Vec<String> =
            commands(&help).filter(|(name, _)| *name != "help").map(|(name, _)| format!("{path} {name}")).collect();
        // `backup` and `audit` work by themselves too.
        if below.is_empty() || help.contains("\n       axme ") {
            leaves.push(path.trim().to_owned());
        }
        rest.extend(below);
    }
    leaves
}

/// `UPDATE=1` rewrites the golden file.
#[test]
fn the_help_is_as_agreed() {
    let home = Home::new();
    let (mut shown, mut connection, mut undocumented) = (String::new(), String::new(), Vec::new());
    // The help does not list the hidden commands, so they are named here.
    let mut rest: Vec<Vec<String>> = [&["service-accounts"][..], &["keys"], &[]]
        .map(|path| path.iter().map(|&name| name.to_owned()).collect())
        .to_vec();
    while let Some(path) = rest.pop() {
        let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let call = args.join(" ");
        let help: String = home.ok(&args).lines().map(|line| format!("{}\n", line.trim_end())).collect();
        undocumented.extend(without_text(&help).into_iter().map(|entry| format!("axme {call}: {entry}")));
        let names = commands(&help).map(|(name, _)| name).filter(|name| *name != "help");
        let mut below: Vec<Vec<String>> =
            names.map(|name| path.iter().cloned().chain([name.to_owned()]).collect()).collect();
        below.reverse();
        rest.extend(below);
        writeln!(shown, "$ axme {call}\n{}", shorten(&help, &mut connection)).unwrap();
    }
    assert!(undocumented.is_empty(), "no help text, add a doc comment:\n{}", undocumented.join("\n"));
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/help.txt");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(golden, &shown).unwrap();
    }
    let agreed = fs::read_to_string(golden).unwrap();
    assert!(
        shown == agreed,
        "the help differs from tests/help.txt; if that is intended, run this test with UPDATE=1 and review the difference"
    );
}

#[test]
fn the_short_help_leaves_out_the_connection() {
    let help = Home::new().ok(&["tasks", "list", "-h"]);
    assert!(help.contains("--json") && !help.contains("Connection:") && !help.contains("--base-url"), "{help}");
}

/// Scripts for the official command line use its commands with its flags. The parser reads the flags of each line before
/// it comes to `--help`, so it refuses an unknown one, also where the help hides it.
#[test]
fn every_command_and_flag_of_the_official_command_line_is_there() {
    let home = Home::new();
    let table = include_str!("../official_commands.txt");
    let lines: Vec<&str> = table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(lines.len() > 90, "the table is cut");
    let wrong = lines.iter().filter_map(|line| {
        let args: Vec<&str> = line.split_whitespace().chain(["--help"]).collect();
        let output = home.run(&args);
        (!output.status.success()).then(|| format!("axme {line}: {}", super::stderr(&output)))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The test itself notices a command and a flag that do not exist.
    for line in ["intents frobnicate --help", "intents list --frobnicate --help"] {
        assert!(!home.run(&line.split(' ').collect::<Vec<_>>()).status.success(), "{line}");
    }
}

/// Returns the subcommands and their texts.
fn commands(help: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A text may go on in the next line, which is indented more.
    let lines = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let parts = lines.map(|line| line.trim_start().split_once(' ').unwrap_or((line.trim_start(), "")));
    parts.map(|(name, text)| (name, text.trim()))
}

/// Returns the subcommands, arguments and flags that have no text. Arguments and flags are indented by less than their
/// texts.
fn without_text(help: &str) -> Vec<&str> {
    let following = help.lines().skip(1).chain([""]);
    let entries =
        help.lines().zip(following).filter(|(line, _)| is_entry(line)).map(|(line, next)| (line.trim(), next.trim()));
    entries.chain(commands(help)).filter(|(_, text)| !is_text(text)).map(|(entry, _)| entry).collect()
}

fn is_entry(line: &str) -> bool {
    line.trim_start().starts_with(['-', '<', '[']) && !line.starts_with("          ")
}

/// Defaults, aliases and the like, which clap adds in brackets, are not a text.
fn is_text(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('[')
}

/// Replaces the connection flags by a note if they are those of the previous command.
fn shorten(help: &str, previous: &mut String) -> String {
    let Some((before, flags)) = help.split_once(CONNECTION) else { return help.to_owned() };
    let own = flags.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    let length: usize = own.map(|line| line.len() + 1).sum();
    let (flags, after) = flags.split_at(length);
    if flags.trim_end() == previous.trim_end() {
        let gap = if after.is_empty() { "" } else { "\n" };
        return format!("{before}Connection: as above\n{gap}{after}");
    }
    previous.replace_range(.., flags);
    help.to_owned()
}
