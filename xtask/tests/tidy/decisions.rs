//! Decisions are numbered, and gaps are listed.

use crate::{Complaints, pattern, root, texts};

#[test]
fn decisions_are_numbered_and_gaps_are_listed() {
    let name = pattern(r"^docs/decisions/\d{4}-[a-z0-9]+(-[a-z0-9]+)*\.md$");
    let mut complaints = Complaints::default();
    for file in texts() {
        if file.path.starts_with("docs/decisions/") && !name.is_match(&file.path) {
            complaints.add(&file, 1, "decisions are named NNNN-title.md");
        }
    }
    if !root().join("docs/known-gaps.md").is_file() {
        complaints.0.push("docs/known-gaps.md:1: is missing".to_owned());
    }
    complaints.none();
}
