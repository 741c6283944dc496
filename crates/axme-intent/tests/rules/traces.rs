//! Runs every story of `tests/traces`; the format is described in `story`.

use std::fs;

use crate::{golden, story};

#[test]
fn stories_go_as_they_are_told() {
    let mut differences = Vec::new();
    for path in golden::files(&golden::folder("traces"), "trace") {
        let text = fs::read_to_string(&path).unwrap();
        let told = std::panic::catch_unwind(|| story::retell(&text))
            .unwrap_or_else(|_| panic!("{} panicked, see above", path.display()));
        differences.extend(golden::compare(&path, &told).err());
    }
    golden::report(differences);
}
