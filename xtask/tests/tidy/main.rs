//! Checks the rules of STYLE.md that a machine can check, in every file that git knows or would add.
//!
//! Each rule is a test. Each complaint is a line `file:line: what is wrong`. If a rule is in the way, change it here
//! instead of avoiding it. Forbidden words are spelled in two halves, so that this file passes.

mod code;
mod crates;
mod decisions;
mod dependencies;
mod documents;
mod imports;
mod prose;
mod protocol;
mod shape;
mod sql;
mod words;

use std::fmt::Display;
use std::path::Path;
use std::process::Command;

use regex::Regex;

/// A text file of the repository.
struct SourceFile {
    /// The path from the root of the repository, with `/`.
    path: String,
    text: String,
}

impl SourceFile {
    fn has_type(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn add(&mut self, file: &SourceFile, line: usize, what: impl Display) {
        self.0.push(format!("{}:{line}: {what}", file.path));
    }

    fn add_matches(&mut self, file: &SourceFile, pattern: &Regex, what: &str) {
        for (line, text) in file.lines().filter(|(_, text)| pattern.is_match(text)) {
            self.add(file, line, format!("{what}: {}", text.trim()));
        }
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "\n{}\n", self.0.join("\n"));
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the repository")
}

fn rust() -> Vec<SourceFile> {
    files(&["rs"])
}

fn files(types: &[&str]) -> Vec<SourceFile> {
    texts().into_iter().filter(|file| types.iter().any(|extension| file.has_type(extension))).collect()
}

/// Returns the folders of our crates: those with a manifest of a package.
fn crate_folders() -> Vec<String> {
    let manifests = files(&["toml"]).into_iter().filter(|file| file.text.starts_with("[package]"));
    manifests.filter_map(|file| Some(file.path.strip_suffix("/Cargo.toml")?.to_owned())).collect()
}

/// Returns every text file that is committed or that `git add --all` would add. Leaves out the lock file, which cargo
/// writes.
fn texts() -> Vec<SourceFile> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root()).output().expect("git runs");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let mut found = Vec::new();
    for path in names.split_terminator('\0').filter(|path| *path != "Cargo.lock") {
        // Skips a deleted file whose deletion is not yet committed, and a file that is not text.
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        found.push(SourceFile { path: path.to_owned(), text });
    }
    assert!(found.iter().any(|file| file.path == "Cargo.toml"), "git lists the repository");
    found
}
