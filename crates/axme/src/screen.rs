//! What goes to stdout (contract `wire.md` §3.5, §3.8): lines, tagged lines, tables, JSON. Writing fails when nobody reads
//! any more, so everything here returns a `Result`.

use std::io::{Write, stdout};

use serde_json::Value;

use crate::failure::Failure;

/// Whether a command talks to a person or to a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Human,
    Json,
}

impl Form {
    pub fn is_json(self) -> bool {
        self == Form::Json
    }

    /// A line for people; programs do not get it.
    pub fn say(self, text: impl AsRef<str>) -> Result<(), Failure> {
        match self {
            Form::Human => line(text),
            Form::Json => Ok(()),
        }
    }

    /// Indented JSON for people, one line of it for programs.
    pub fn value(self, value: &Value) -> Result<(), Failure> {
        match self {
            Form::Human => line(serde_json::to_string_pretty(value)?),
            Form::Json => line(value.to_string()),
        }
    }
}

pub fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    Ok(writeln!(stdout(), "{}", text.as_ref())?)
}

/// Text without a line end, shown at once: a prompt.
pub fn part(text: &str) -> Result<(), Failure> {
    write!(stdout(), "{text}")?;
    Ok(stdout().flush()?)
}

/// `  [kind]          :  message`, so that the messages stand under each other.
pub fn tagged(kind: &str, message: &str) -> String {
    let pad = 20usize.saturating_sub(kind.chars().count());
    format!("  [{kind}]{:pad$}:  {message}", "")
}

pub fn divider() -> String {
    format!("  {}", "─".repeat(74))
}

/// Columns as wide as their widest cell, two spaces apart; nothing behind the last.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
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
    std::iter::once(&header).chain(rows).map(layout).collect()
}

/// At most `most` characters; what was cut is marked.
pub fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_stand_under_each_other() {
        assert_eq!(tagged("system", "hello"), "  [system]              :  hello");
        let rows =
            [vec!["a".to_owned(), "long cell".to_owned(), "x".to_owned()], vec!["bbbb".into(), "".into(), "".into()]];
        assert_eq!(table(&["ID", "TITLE", "END"], &rows), ["ID    TITLE      END", "a     long cell  x", "bbbb"]);
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("abcd", 4), "abcd");
    }
}
