//! Output on stdout (`spec/protocol.md` §3.5, §3.8): lines, tagged lines, tables, fields, JSON and YAML. Writing fails
//! if stdout is closed, so everything here returns a `Result`.
//!
//! Text from others is escaped before it is printed. Colors are added after that, and only at a terminal.

mod fields;
mod progress;
mod query;
mod table;
mod times;

use std::io::{IsTerminal, Write, stdout};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use axme_client::Json;
use axme_intent::visible::{visible, visible_line};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::folders;
pub(crate) use fields::{answer_fields, payload_fields};
pub(crate) use progress::with_progress;
pub(crate) use query::check as check_query;
pub(crate) use times::{age, day_time, local, now};

/// The output format: text for people, JSON or YAML for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    Text,
    Json,
    Yaml,
}

/// How this process shows things. Set once, before the first output.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// Show times in UTC instead of the local zone.
    pub(crate) utc: bool,
    /// A jq filter for JSON.
    pub(crate) query: Option<String>,
    /// The width of the terminal; `None` if stdout is not a terminal.
    width: Option<usize>,
    has_colors: bool,
}

static SCREEN: OnceLock<Screen> = OnceLock::new();

/// Sets how this process shows things. Later calls change nothing.
pub(crate) fn set_screen(utc: bool, query: Option<String>) {
    let is_terminal = stdout().is_terminal();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let is_dumb = folders::environment("TERM").is_none_or(|term| term == "dumb");
    let has_colors = is_terminal && !is_dumb && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // An error would mean that it is set already.
    let _ = SCREEN.set(Screen { utc, query, width: width.filter(|_| is_terminal), has_colors });
}

fn screen() -> &'static Screen {
    SCREEN.get_or_init(Screen::default)
}

impl OutputFormat {
    /// Whether programs read the output.
    pub(crate) fn is_json(self) -> bool {
        self != OutputFormat::Text
    }

    /// Prints a line in text format; prints nothing for programs.
    pub(crate) fn print(self, text: impl AsRef<str>) -> Result<(), Failure> {
        match self {
            OutputFormat::Text => line(text),
            OutputFormat::Json | OutputFormat::Yaml => Ok(()),
        }
    }

    /// Prints a value for programs.
    pub(crate) fn print_json(self, value: &impl Serialize) -> Result<(), Failure> {
        self.print_text(&Json::of(value))
    }

    /// Prints JSON whose numbers keep their text.
    pub(crate) fn print_text(self, value: &Json) -> Result<(), Failure> {
        match &screen().query {
            Some(query) => query::run(query, value)?.iter().try_for_each(raw_line),
            None => self.print_unfiltered(value),
        }
    }

    /// Prints a value without the jq filter.
    pub(crate) fn print_unfiltered(self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        match self {
            OutputFormat::Yaml => {
                let value: Value = serde_json::to_value(value)?;
                let text = serde_saphyr::to_string(&value).map_err(Failure::new)?;
                raw_line(&format!("---\n{}", text.trim_end()))
            }
            OutputFormat::Json | OutputFormat::Text => raw_line(&serde_json::to_string(value)?),
        }
    }
}

/// Prints text, whose control characters are escaped.
pub(crate) fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    // Most lines show text from others.
    raw_line(&colored_mark(&visible(text.as_ref())))
}

fn raw_line(text: &String) -> Result<(), Failure> {
    Ok(writeln!(stdout(), "{text}")?)
}

/// Prints text without a line end and flushes it.
pub(crate) fn print_prompt(text: &str) -> Result<(), Failure> {
    write!(stdout(), "{}", visible(text))?;
    Ok(stdout().flush()?)
}

/// Returns `  [kind]          :  message`, with messages aligned.
pub(crate) fn tagged(kind: &str, message: &str) -> String {
    let pad = 20usize.saturating_sub(kind.chars().count());
    format!("  [{kind}]{:pad$}:  {}", "", visible_line(message))
}

pub(crate) fn divider() -> String {
    format!("  {}", "─".repeat(74))
}

/// Prints rows under a header.
pub(crate) fn print_table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
    let rows: Vec<Vec<String>> = rows.collect();
    table::layout(header, &rows, screen().width, colored_word).iter().try_for_each(raw_line)
}

/// Prints rows under a header, or that there are none of `what`.
pub(crate) fn print_list(
    what: &str,
    header: &[&str],
    rows: impl ExactSizeIterator<Item = Vec<String>>,
) -> Result<(), Failure> {
    if rows.len() == 0 { line(format!("No {what}.")) } else { print_table(header, rows) }
}

/// Prints names and values, aligned. Empty values are left out.
pub(crate) fn print_fields(fields: &[(&str, String)]) -> Result<(), Failure> {
    let shown = fields.iter().filter(|(_, value)| !value.is_empty());
    let width = shown.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0) + 3;
    shown.map(|(name, value)| format!("{:width$}{value}", format!("{name}:"))).try_for_each(line)
}

/// Returns a status in its color; other words unchanged.
fn colored_word(word: &str) -> Option<Style> {
    let color = match word {
        _ if !screen().has_colors => return None,
        "COMPLETED" | "active" | "healthy" | "delivered" => AnsiColor::Green,
        "FAILED" | "TIMED_OUT" | "killed" | "dead_lettered" | "unreachable" => AnsiColor::Red,
        "CANCELED" => AnsiColor::Magenta,
        "WAITING" | "degraded" | "pending" => AnsiColor::Yellow,
        _ => return None,
    };
    Some(color.on_default())
}

/// Colors the mark with which a line begins.
fn colored_mark(text: &str) -> String {
    let color = match text.trim_start().chars().next() {
        Some('✓') => AnsiColor::Green,
        Some('✗') => AnsiColor::Red,
        _ => return text.to_owned(),
    };
    if !screen().has_colors {
        return text.to_owned();
    }
    let style = color.on_default();
    let (before, mark) = text.split_at(text.len() - text.trim_start().len());
    let (mark, after) = mark.split_at('✓'.len_utf8());
    format!("{before}{style}{mark}{style:#}{after}")
}

/// Cuts text to `most` characters, and marks the cut.
pub(crate) fn truncate(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_others_cannot_steer_the_terminal() {
        let title = "Pay\u{1b}[1A\u{1b}[2K\nApproved";
        assert_eq!(tagged("system", title), "  [system]              :  Pay\\u{1b}[1A\\u{1b}[2K\\u{a}Approved");
    }

    #[test]
    fn things_stand_under_each_other() {
        assert_eq!(tagged("system", "hello"), "  [system]              :  hello");
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("abcd", 4), "abcd");
    }
}
