//! The protocol is described in `spec/protocol.md`. Comments cite its sections and no document outside the repository.

use std::collections::BTreeSet;

use regex::Regex;

use crate::{Complaints, SourceFile, pattern, texts};

const DOCUMENT: &str = "spec/protocol.md";

#[test]
fn cited_sections_of_the_protocol_exist() {
    let files = texts();
    let document = files.iter().find(|file| file.path == DOCUMENT).expect("spec/protocol.md is committed");
    let known = headings(document);
    // A citation may go on in the next line of a comment.
    let first = pattern(r"^[`)\s/!]*§(\d+(?:\.\d+)*)");
    let further = pattern(r"^(?:[,;]|\s+and|\s+to)[\s/!]+§(\d+(?:\.\d+)*)");
    let anywhere = pattern(r"§(\d+(?:\.\d+)*)");
    let mut complaints = Complaints::default();
    for file in &files {
        let cited = if file.path == DOCUMENT { numbers(file, &anywhere) } else { citations(file, &first, &further) };
        for (line, section) in cited.into_iter().filter(|(_, section)| !known.contains(section)) {
            complaints.add(file, line, format!("{DOCUMENT} has no section §{section}"));
        }
    }
    complaints.none();
}

/// The numbers of the sections, each of which stands for one.
fn headings(document: &SourceFile) -> BTreeSet<String> {
    let heading = pattern(r"^#{2,4} (\d+(?:\.\d+)*)\.? ");
    let mut known = BTreeSet::new();
    for number in document.lines().filter_map(|(_, text)| Some(heading.captures(text)?[1].to_owned())) {
        assert!(known.insert(number.clone()), "{DOCUMENT} has two sections {number}");
    }
    known
}

/// Every section number in a file, with its line.
fn numbers(file: &SourceFile, pattern: &Regex) -> Vec<(usize, String)> {
    let of_line = |(line, text): (usize, &str)| -> Vec<(usize, String)> {
        pattern.captures_iter(text).map(|found| (line, found[1].to_owned())).collect()
    };
    file.lines().flat_map(of_line).collect()
}

/// The sections that follow each mention of the document.
fn citations(file: &SourceFile, first: &Regex, further: &Regex) -> Vec<(usize, String)> {
    let mut cited = Vec::new();
    for (at, name) in file.text.match_indices(DOCUMENT) {
        let line = file.text[..at].matches('\n').count() + 1;
        let (mut rest, mut next) = (&file.text[at + name.len()..], first);
        while let Some(found) = next.captures(rest) {
            cited.push((line, found[1].to_owned()));
            (rest, next) = (&rest[found[0].len()..], further);
        }
    }
    cited
}

/// The documents of the contract are not part of the project. Tests may open files of their folder.
#[test]
fn nothing_outside_the_repository_is_cited() {
    let names = [concat!("wi", "re.md"), concat!("seman", "tics.md")];
    let name = pattern(&format!(r"\b({})\b", names.map(regex::escape).join("|")));
    let mut complaints = Complaints::default();
    for file in texts().iter().filter(|file| names.iter().any(|name| file.text.contains(name))) {
        let opens = |text: &str| file.has_type("rs") && text.contains("shared/contract");
        for (line, text) in file.lines().filter(|(_, text)| name.is_match(text) && !opens(text)) {
            complaints.add(file, line, format!("cite a section of {DOCUMENT} instead: {}", text.trim()));
        }
    }
    complaints.none();
}
