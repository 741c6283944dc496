//! Checks how a file begins, how long it is, and how it suppresses a lint.

use crate::{Complaints, files, pattern, rust};

const MAX_LINES: usize = 600;

#[test]
fn modules_say_what_they_are() {
    let mut complaints = Complaints::default();
    for file in rust() {
        if !file.text.starts_with("//!") {
            complaints.add(&file, 1, "begin the file with //! and say what it is");
        }
    }
    complaints.none();
}

#[test]
fn files_stay_short() {
    let mut complaints = Complaints::default();
    // SQL is exempt: a schema is read as a whole.
    for file in files(&["rs", "py", "sh"]) {
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            complaints.add(&file, lines, format!("more than {MAX_LINES} lines: split it by idea"));
        }
    }
    complaints.none();
}

#[test]
fn lints_are_expected_with_a_reason_and_not_allowed() {
    let allow = pattern(r"#!?\[\s*(cfg_attr\(.*,\s*)?allow\s*\(");
    let mut complaints = Complaints::default();
    for file in rust() {
        if file.path.contains("/tests/") {
            continue;
        }
        for (line, text) in file.lines().take_while(|(_, text)| text.trim() != "#[cfg(test)]") {
            if allow.is_match(text) {
                complaints.add(&file, line, "use #[expect(.., reason = \"..\")]");
            }
        }
    }
    complaints.none();
}

/// `env!` would start the Cargo that built the program, which may be of another toolchain.
#[test]
fn the_cargo_that_runs_is_the_one_that_is_started() {
    let mut complaints = Complaints::default();
    let built_in = pattern(r#"\benv!\("CARGO"\)"#);
    for file in rust() {
        complaints.add_matches(&file, &built_in, "read the variable CARGO at run time");
    }
    complaints.none();
}
