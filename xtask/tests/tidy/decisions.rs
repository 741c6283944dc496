//! Decision records have one form, and the index lists them all. The page of known gaps exists.

use crate::{Complaints, SourceFile, pattern, root, texts};

const FOLDER: &str = "docs/decisions/";
const HEADINGS: [&str; 3] = ["## Context", "## Choice", "## Consequences"];

#[test]
fn decisions_have_one_form() {
    let name = pattern(r"^(\d{4})-[a-z0-9]+(-[a-z0-9]+)*\.md$");
    let mut complaints = Complaints::default();
    let (index, records): (Vec<_>, Vec<_>) =
        texts().into_iter().filter(|file| file.path.starts_with(FOLDER)).partition(is_index);
    let index = index.first().map_or("", |file| &file.text);
    for file in records {
        let file_name = &file.path[FOLDER.len()..];
        let Some(number) = name.captures(file_name).map(|found| found[1].to_owned()) else {
            complaints.add(&file, 1, "the file name must be NNNN-title.md");
            continue;
        };
        for what in missing(&file, &number) {
            complaints.add(&file, 1, what);
        }
        if !index.contains(&format!("]({file_name})")) {
            complaints.add(&file, 1, format!("list it in {FOLDER}README.md"));
        }
    }
    complaints.none();
}

fn is_index(file: &SourceFile) -> bool {
    file.path == format!("{FOLDER}README.md")
}

/// Describes each part of the form that a record lacks.
fn missing(file: &SourceFile, number: &str) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let beginning = [
        (0, format!(r"^# {number}\. \S"), format!("begin with \"# {number}. Title\"")),
        (2, r"^Date: \d{4}-\d{2}-\d{2}$".to_owned(), "have the third line \"Date: YYYY-MM-DD\"".to_owned()),
        (
            3,
            r"^Status: (accepted|proposed|superseded by \d{4})$".to_owned(),
            "have the fourth line \"Status: accepted\", \"Status: proposed\" or \"Status: superseded by NNNN\""
                .to_owned(),
        ),
    ];
    let mut missing: Vec<String> = beginning
        .into_iter()
        .filter(|(line, form, _)| !lines.get(*line).is_some_and(|text| pattern(form).is_match(text)))
        .map(|(_, _, what)| format!("a decision must {what}"))
        .collect();
    let headings: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("## ")).collect();
    if headings.get(..HEADINGS.len()) != Some(&HEADINGS[..]) {
        missing.push(format!("its first headings must be {}", HEADINGS.join(", ")));
    }
    missing
}

#[test]
fn gaps_are_listed() {
    assert!(root().join("docs/known-gaps.md").is_file(), "docs/known-gaps.md is missing");
}
