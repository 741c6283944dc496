//! The changes of status as a picture, `docs/pictures/lifecycle.svg`. The places are chosen here; the arrows and their
//! labels come from the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use crate::golden;
use crate::table::{Lifecycle, is_terminal};

const WIDTH: i32 = 130;
const HEIGHT: i32 = 36;

/// The left upper corner of each status. The live ones stand in one column, the terminal ones in another.
const PLACES: [(&str, i32, i32); 10] = [
    ("CREATED", 20, 40),
    ("SUBMITTED", 20, 120),
    ("DELIVERED", 250, 40),
    ("ACKNOWLEDGED", 250, 120),
    ("IN_PROGRESS", 250, 200),
    ("WAITING", 250, 300),
    ("COMPLETED", 740, 60),
    ("FAILED", 740, 140),
    ("CANCELED", 740, 220),
    ("TIMED_OUT", 740, 300),
];

/// The words of the picture, for the labels of the rules. A label without one is an error.
const WORDS: [(&str, &str); 14] = [
    ("acknowledged", "the agent reads it"),
    ("handed over", "the agent hands over"),
    ("proceed", "the sender says go on"),
    ("completed by the agent", "the agent answers"),
    ("failed by the agent", "the agent fails"),
    ("last push failed", "the last push fails"),
    ("push failed", ""),
    ("yes", "a person says yes"),
    ("no", "a person says no"),
    ("step done", "the last step is done"),
    ("step failed", "a step fails"),
    ("step's deadline", "a step is late"),
    ("resolved", "somebody resolves it"),
    ("deadline", "the deadline passes"),
];

#[test]
fn the_lifecycle_is_drawn() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/pictures/lifecycle.svg");
    golden::report(golden::compare(&path, &picture(&Lifecycle::of_the_rules())).err().into_iter().collect());
}

fn picture(lifecycle: &Lifecycle) -> String {
    let mut svg = String::from(concat!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 890 390" font-family="system-ui, sans-serif" font-size="13">"#,
        "\n<title>The statuses of an intent</title>\n",
        r#"<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">"#,
        r##"<path d="M0 0 8 4 0 8z" fill="#57606a"/></marker></defs>"##,
        "\n",
        r##"<rect width="890" height="390" fill="#ffffff"/>"##,
        "\n",
        r##"<rect x="225" y="12" width="180" height="345" rx="10" fill="#f2f6fb" stroke="#9db4cf" stroke-dasharray="4 3"/>"##,
        "\n",
        r##"<text x="315" y="29" text-anchor="middle" fill="#57606a">live</text>"##,
        "\n",
    ));
    arrow(&mut svg, (85, 40 + HEIGHT), (85, 120));
    for first in &lifecycle.first {
        arrow(&mut svg, (20 + WIDTH, 120 + HEIGHT / 2), middle_left(first));
    }
    for (from, to) in lifecycle.somewhere.keys().filter(|(from, to)| from != to && !is_terminal(to)) {
        let (above, below) = (place(from), place(to));
        // An arrow over a status goes round it.
        match below.1 - above.1 > 100 {
            false => arrow(&mut svg, (above.0 + WIDTH / 2, above.1 + HEIGHT), (below.0 + WIDTH / 2, below.1)),
            true => writeln!(
                svg,
                r##"<path d="M{x} {y1} C{bend} {y1} {bend} {y2} {x} {y2}" fill="none" stroke="#57606a" marker-end="url(#tip)"/>"##,
                x = above.0 + WIDTH,
                bend = above.0 + WIDTH + 22,
                y1 = above.1 + HEIGHT / 2,
                y2 = below.1 + HEIGHT / 2,
            )
            .unwrap(),
        }
    }
    for (end, labels) in endings(lifecycle) {
        let (x, y) = middle_left(end);
        arrow(&mut svg, (405, y), (x, y));
        for (number, line) in lines(&labels).iter().enumerate() {
            let below = if number == 0 { -6 } else { 2 + 14 * i32::try_from(number).unwrap() };
            writeln!(svg, r##"<text x="415" y="{}" font-size="11" fill="#57606a">{line}</text>"##, y + below).unwrap();
        }
    }
    for (name, x, y) in PLACES {
        let (fill, edge) = if is_terminal(name) { ("#eef7ee", "#7fa67f") } else { ("#ffffff", "#5b7fa8") };
        writeln!(
            svg,
            r##"<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{fill}" stroke="{edge}"/><text x="{}" y="{}" text-anchor="middle" fill="#1f2328">{name}</text>"##,
            x + WIDTH / 2,
            y + HEIGHT / 2 + 5
        )
        .unwrap();
    }
    svg.push_str("</svg>\n");
    svg
}

/// The labels of all transitions into each terminal status.
fn endings(lifecycle: &Lifecycle) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let somewhere = lifecycle.somewhere.iter().map(|((_, to), labels)| (*to, labels));
    let everywhere = lifecycle.everywhere.iter().map(|(to, labels)| (*to, labels));
    let mut endings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (to, labels) in somewhere.chain(everywhere).filter(|(to, _)| is_terminal(to)) {
        endings.entry(to).or_default().extend(labels.iter().map(|label| words(label)));
    }
    endings
}

fn words(label: &str) -> &'static str {
    if label == "execution time exceeded" {
        return "its execution takes too long";
    }
    let found = WORDS.iter().find(|(known, _)| *known == label);
    found.unwrap_or_else(|| panic!("the picture has no words for {label}")).1
}

/// Breaks labels into lines that fit between the box and the terminal statuses.
fn lines(labels: &BTreeSet<&str>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for label in labels {
        match lines.last_mut() {
            Some(line) if line.len() + label.len() < 52 => write!(line, ", {label}").unwrap(),
            _ => lines.push((*label).to_owned()),
        }
    }
    lines
}

fn place(status: &str) -> (i32, i32) {
    let found = PLACES.iter().find(|(name, _, _)| *name == status);
    found.map(|(_, x, y)| (*x, *y)).unwrap_or_else(|| panic!("the picture has no place for {status}"))
}

fn middle_left(status: &str) -> (i32, i32) {
    let (x, y) = place(status);
    (x, y + HEIGHT / 2)
}

fn arrow(svg: &mut String, from: (i32, i32), to: (i32, i32)) {
    writeln!(
        svg,
        r##"<path d="M{} {} {} {}" fill="none" stroke="#57606a" marker-end="url(#tip)"/>"##,
        from.0, from.1, to.0, to.1
    )
    .unwrap();
}
