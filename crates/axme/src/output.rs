//! Output on stdout (`spec/protocol.md` §3.5, §3.8): lines, tagged lines, tables, JSON. Writing fails if stdout is
//! closed, so everything here returns a `Result`.

use std::io::{Write, stdout};

use axme_client::Json;
use axme_intent::visible::{visible, visible_line};
use serde_json::Value;

use crate::failure::Failure;

/// The output format: text for people, JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    Text,
    Json,
}

impl OutputFormat {
    pub(crate) fn is_json(self) -> bool {
        self == OutputFormat::Json
    }

    /// Prints a line in text format; prints nothing in JSON format.
    pub(crate) fn print(self, text: impl AsRef<str>) -> Result<(), Failure> {
        match self {
            OutputFormat::Text => line(text),
            OutputFormat::Json => Ok(()),
        }
    }

    /// Prints a value as JSON: indented in text format, on one line in JSON format.
    pub(crate) fn print_json(self, value: &Value) -> Result<(), Failure> {
        match self {
            OutputFormat::Text => line(serde_json::to_string_pretty(value)?),
            OutputFormat::Json => line(value.to_string()),
        }
    }

    /// Prints JSON whose numbers keep their text.
    pub(crate) fn print_text(self, value: &Json) -> Result<(), Failure> {
        match self {
            OutputFormat::Text => line(value.pretty()),
            OutputFormat::Json => line(value.text()),
        }
    }
}

pub(crate) fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    // Most lines show text from others.
    Ok(writeln!(stdout(), "{}", visible(text.as_ref()))?)
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

pub(crate) fn print_table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
    table(header, &rows.collect::<Vec<Vec<String>>>()).iter().try_for_each(line)
}

/// Aligns columns as wide as their widest cell, two spaces apart, without trailing spaces.
fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let shown = |row: &Vec<String>| row.iter().map(|cell| visible_line(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(shown).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let layout = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        cells.collect::<Vec<String>>().join("  ").trim_end().to_owned()
    };
    std::iter::once(&header).chain(&rows).map(layout).collect()
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
        assert_eq!(table(&["T"], &[vec![title.to_owned()]])[1], "Pay\\u{1b}[1A\\u{1b}[2K\\u{a}Approved");
    }

    #[test]
    fn things_stand_under_each_other() {
        assert_eq!(tagged("system", "hello"), "  [system]              :  hello");
        let rows =
            [vec!["a".to_owned(), "long cell".to_owned(), "x".to_owned()], vec!["bbbb".into(), "".into(), "".into()]];
        assert_eq!(table(&["ID", "TITLE", "END"], &rows), ["ID    TITLE      END", "a     long cell  x", "bbbb"]);
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("abcd", 4), "abcd");
    }
}
