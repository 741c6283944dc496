//! Lays out tables. Wide characters count twice. At a terminal a table fits the width: cells are cut, but ids are not.
//! If there is too little room even so, each row becomes a block of lines.

use anstyle::Style;
use axme_intent::visible::visible_line;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns between cells.
const GAP: usize = 2;
/// A column is cut to no less than this.
const MIN_WIDTH: usize = 8;

/// How a cell is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Not at all, because people copy the value.
    Never,
    End,
    /// The end says more than the beginning, as in addresses.
    Start,
}

/// Returns the lines of a table. `style` gives a whole cell a color.
pub(super) fn layout(
    header: &[&str],
    rows: &[Vec<String>],
    width: Option<usize>,
    style: fn(&str) -> Option<Style>,
) -> Vec<String> {
    let shown = |row: &Vec<String>| row.iter().map(|cell| visible_line(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(shown).collect();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| Some(row.get(column)?.width()));
        cells.chain([header[column].width()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..header.len()).map(widest).collect();
    if let Some(width) = width
        && !fit(header, &mut widths, width)
    {
        return blocks(header, &rows);
    }
    let header_row: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let cell = cut(cell, width, cut_of(header[column]));
            let pad = width.saturating_sub(cell.width()) + GAP;
            match style(&cell) {
                Some(style) => line += &format!("{style}{cell}{style:#}"),
                None => line += &cell,
            }
            line.extend(std::iter::repeat_n(' ', pad));
        }
        line.trim_end().to_owned()
    };
    std::iter::once(&header_row).chain(&rows).map(line).collect()
}

/// Narrows the widest columns that may be cut until the table fits. Returns false if it cannot.
fn fit(header: &[&str], widths: &mut [usize], width: usize) -> bool {
    loop {
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        if total <= width {
            return true;
        }
        let may_be_cut = |column: &usize| cut_of(header[*column]) != Cut::Never && widths[*column] > MIN_WIDTH;
        let Some(column) = (0..widths.len()).filter(may_be_cut).max_by_key(|&column| widths[column]) else {
            return false;
        };
        widths[column] -= 1;
    }
}

fn cut_of(name: &str) -> Cut {
    match name {
        "ID" | "STATUS" | "AGE" | "EXAMPLE" | "OPERATION" | "CHECK" | "FIELD" => Cut::Never,
        _ if name.ends_with("_ID") => Cut::Never,
        "ADDRESS" | "OWNER" | "FROM" | "TO" => Cut::Start,
        _ => Cut::End,
    }
}

/// Shortens a cell to a width, and marks the cut.
fn cut(cell: &str, width: usize, cut: Cut) -> String {
    if cell.width() <= width || cut == Cut::Never {
        return cell.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut fits = |c: &char| {
        let wide = c.width().unwrap_or(0);
        let fits = wide <= room;
        room = if fits { room - wide } else { 0 };
        fits
    };
    if cut == Cut::Start {
        let kept: Vec<char> = cell.chars().rev().take_while(&mut fits).collect();
        return std::iter::once('…').chain(kept.into_iter().rev()).collect();
    }
    cell.chars().take_while(&mut fits).chain(['…']).collect()
}

/// Returns each row as lines of `NAME: value`.
fn blocks(header: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let name_width = header.iter().map(|name| name.width()).max().unwrap_or(0) + 2;
    let block = |row: &Vec<String>| {
        let cells = header.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        let lines = cells.map(|(name, cell)| format!("{:name_width$}{cell}", format!("{name}:")));
        lines.chain([String::new()]).collect::<Vec<String>>()
    };
    let mut lines: Vec<String> = rows.iter().flat_map(block).collect();
    lines.pop();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|&cell| cell.to_owned()).collect()).collect()
    }

    fn plain(header: &[&str], rows: &[Vec<String>], width: Option<usize>) -> Vec<String> {
        layout(header, rows, width, |_| None)
    }

    #[test]
    fn columns_are_aligned_by_what_a_terminal_shows() {
        let cells = rows(&[&["a", "long cell", "x"], &["bbbb", "", ""], &["漢字", "é", "y"]]);
        assert_eq!(
            plain(&["ID", "TITLE", "END"], &cells, None),
            ["ID    TITLE      END", "a     long cell  x", "bbbb", "漢字  é          y"]
        );
        let steering = rows(&[&["Pay\u{1b}[1A\n\u{202e}ok"]]);
        assert_eq!(plain(&["T"], &steering, None)[1], "Pay\\u{1b}[1A\\u{a}\\u{202e}ok");
    }

    #[test]
    fn a_table_fits_the_terminal_and_keeps_its_ids() {
        let id = "0197a3c4-0000-7000-8000-000000000001";
        let cells = rows(&[&[id, "agent://local/default/worker", "漢字漢字漢字漢字漢字漢字漢字漢字"]]);
        let header = ["ID", "OWNER", "TITLE"];
        for width in [56, 60, 80, 140] {
            let lines = plain(&header, &cells, Some(width));
            assert!(lines.iter().all(|line| line.width() <= width), "{width}: {lines:?}");
            assert!(lines[1].starts_with(id) && lines.len() == 2, "{lines:?}");
        }
        assert!(
            plain(&header, &cells, Some(60))[1].contains("…")
                && plain(&header, &cells, Some(80))[1].contains("/worker")
        );
        // Too narrow for a table.
        let lines = plain(&header, &cells, Some(40));
        assert_eq!(lines[0], format!("ID:    {id}"));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_color_does_not_move_what_follows() {
        let red = |cell: &str| (cell == "FAILED").then(|| anstyle::AnsiColor::Red.on_default());
        let lines = layout(&["STATUS", "X"], &rows(&[&["FAILED", "x"]]), None, red);
        assert_eq!(lines[1], "\u{1b}[31mFAILED\u{1b}[0m  x");
    }
}
