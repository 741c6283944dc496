//! Expected files: compared, or rewritten with `UPDATE=1`.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the folder `name` next to this one.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Returns the files of `folder` that end with `.extension`, by name.
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no .{extension} files in {}", folder.display());
    files
}

/// Reports where `actual` differs from the file, or rewrites the file if `UPDATE` is set.
pub fn compare(path: &Path, actual: &str) -> Result<(), String> {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    if std::env::var_os("UPDATE").is_some_and(|set| set == "1") {
        fs::write(path, actual).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return Ok(());
    }
    let (mut old, mut new) = (expected.lines(), actual.lines());
    let mut number = 0;
    loop {
        number += 1;
        let (was, is) = (old.next(), new.next());
        if was != is || was.is_none() {
            let show = |line: Option<&str>| line.unwrap_or("(end of file)").to_owned();
            return Err(format!("{}:{number}\n  expected: {}\n  actual:   {}\n", path.display(), show(was), show(is)));
        }
    }
}

/// Fails with all differences.
pub fn report(differences: Vec<String>) {
    assert!(
        differences.is_empty(),
        "\n{}\nIf this is meant, rewrite with UPDATE=1 cargo test -p axme-intent\n",
        differences.join("\n")
    );
}
