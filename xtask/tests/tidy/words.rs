//! Checks for words and names that no file may have.

use std::path::PathBuf;

use crate::{Complaints, SourceFile, pattern, texts};

/// Names that fit anything, and so say nothing.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "service", "services"];

/// Names of types that say what a caller did, or where a thing is, but not what the thing is.
const VAGUE_TYPES: &str = "Asked|Wanted|Named|Sent|Later|In|Out|Place|Look|Gates|Desk|Meter|Visit|Before|Cx|Dice|Mark|Since|Most|More|Way|\
                           Nothing|Resolved|Derived|Missing|Locked|Folded";

#[test]
fn types_have_the_names_of_things() {
    let vague = pattern(&format!(r"\b(struct|enum|type|trait) ({VAGUE_TYPES})\b"));
    let mut complaints = Complaints::default();
    for file in texts().iter().filter(|file| file.has_type("rs")) {
        complaints.add_matches(file, &vague, "name the thing with the field's term");
    }
    complaints.none();
}

/// Unfinished work is left out and listed in docs/known-gaps.md. STYLE.md is exempt, because it names the forbidden
/// words.
#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("to", "do"), concat!("fix", "me"), concat!("unim", "plemented!")];
    let [one, other, macro_name] = marks;
    let later = pattern(&format!(r"\b({}|{})\b|\b{one}!|{macro_name}", one.to_uppercase(), other.to_uppercase()));
    let mut complaints = Complaints::default();
    for file in texts() {
        if file.path != "STYLE.md" && has_any(&file, &marks) {
            complaints.add_matches(&file, &later, "finish it, or list it in docs/known-gaps.md");
        }
    }
    complaints.none();
}

#[test]
fn names_say_something() {
    let mut complaints = Complaints::default();
    let module = pattern(r"^\s*(pub(\([^)]*\))?\s+)?mod\s+(\w+)");
    for file in texts() {
        let path = PathBuf::from(&file.path).with_extension("");
        for part in path.iter().filter_map(|part| part.to_str()) {
            if EMPTY_NAMES.contains(&part) {
                complaints.add(&file, 1, format!("\"{part}\" fits anything: use a specific name"));
            }
        }
        for (line, text) in file.lines().filter(|_| file.has_type("rs")) {
            if let Some(name) = module.captures(text).and_then(|found| found.get(3))
                && EMPTY_NAMES.contains(&name.as_str())
            {
                complaints.add(&file, line, format!("\"{}\" fits anything: use a specific name", name.as_str()));
            }
        }
    }
    complaints.none();
}

/// Committed files work in any clone, on any machine.
#[test]
fn no_machine_is_named() {
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let path = pattern(&format!(r"(^|[^\w.\-])({})", folders.join("|")));
    let hosts = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted.org"),
        concat!("npm", "js.org"),
        concat!("npm", "js.com"),
        concat!("proxy", ".golang.org"),
        concat!("ruby", "gems.org"),
    ];
    let registry = pattern(&format!("(?i){}", hosts.map(regex::escape).join("|")));
    let mut complaints = Complaints::default();
    for file in texts() {
        if has_any(&file, &folders) {
            complaints.add_matches(&file, &path, "remove the path of one machine");
        }
        if has_any(&file, &hosts) {
            complaints.add_matches(&file, &registry, "remove the package registry, because tools know theirs");
        }
    }
    complaints.none();
}

/// Returns whether the file has one of these words, which are in lower case. It keeps slow pattern searches to a few
/// files: in a debug build, each search of the repository takes seconds.
fn has_any(file: &SourceFile, words: &[&str]) -> bool {
    let text = file.text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}
