//! The rules of STYLE.md that a machine can check, over every file that git knows or would add.
//!
//! Each rule is a test; each complaint is a line `file:line: what is wrong`. A rule that is in the way is discussed and
//! changed here, not avoided in the file. Words that the rules forbid are spelled in two halves, so that this file passes.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use regex::Regex;

const STORE: &str = "crates/axme-server/src/store/";
/// The bench's floor is a database without our store.
const FLOORS: &str = "xtask/src/bench/floors.rs";
const MAX_LINES: usize = 600;
/// Names that fit anything say nothing.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "common", "helper", "helpers", "manager", "managers", "service", "services"];

#[test]
fn sql_stands_in_the_store() {
    let mut complaints = Complaints::default();
    for file in rust() {
        if file.path.starts_with(STORE) || file.path == FLOORS {
            continue;
        }
        for (line, _) in file.sql(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s") {
            complaints.add(&file, line, format!("SQL outside {STORE}"));
        }
    }
    complaints.none();
}

/// Both engines number parameters, but SQLite by first appearance when it prepares a statement.
#[test]
fn sql_parameters_first_appear_in_ascending_order() {
    let mut complaints = Complaints::default();
    let parameter = pattern(r"\$(\d+)");
    for file in rust() {
        for (line, text) in file.sql(ANY_SQL) {
            let mut highest = 0;
            for found in parameter.captures_iter(&text) {
                let number: u32 = found[1].parse().expect("digits");
                if number > highest + 1 {
                    complaints.add(&file, line, format!("${number} appears before ${}", highest + 1));
                }
                highest = highest.max(number);
            }
        }
    }
    complaints.none();
}

#[test]
fn sql_is_portable() {
    let forbidden = [
        (r"(?i)\b(now\s*\(|current_timestamp|current_time|strftime)", "the time comes as a parameter"),
        (r"(?i)\boffset\b", "pages go on from a key"),
        (r"(?i)\b(i?like|glob)\b", "what is filtered by is a column"),
        (r"(?i)\bautoincrement\b", "ids and numbers are given by us"),
        (r"(?i)->|#>|@>|::|\bjsonb?_?", "JSON is text to the database"),
    ]
    .map(|(text, why)| (pattern(text), why));
    let mut complaints = Complaints::default();
    for file in rust().into_iter().chain(files(&["sql"])) {
        let texts = match file.has_type("sql") {
            true => file.lines().map(|(line, text)| (line, text.split("--").next().unwrap_or("").to_owned())).collect(),
            false => file.sql(ANY_SQL),
        };
        for (line, text) in texts {
            for (pattern, why) in &forbidden {
                if let Some(found) = pattern.find(&text) {
                    complaints.add(&file, line, format!("\"{}\" in SQL: {why}", found.as_str()));
                }
            }
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

/// What is not finished is left out, and listed in docs/known-gaps.md. STYLE.md names the words it forbids.
#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME")].map(|word| format!(r"\b{word}\b")).join("|");
    let later = pattern(&format!("{words}|{}|{}", concat!("to", "do!"), concat!("unim", "plemented!")));
    let mut complaints = Complaints::default();
    for file in texts() {
        if file.path != "STYLE.md" {
            complaints.add_matches(&file, &later, "finish it, or list it in docs/known-gaps.md");
        }
    }
    complaints.none();
}

#[test]
fn modules_say_what_they_are() {
    let mut complaints = Complaints::default();
    for file in rust() {
        if !file.text.starts_with("//!") {
            complaints.add(&file, 1, "begins without //!");
        }
    }
    complaints.none();
}

#[test]
fn files_stay_short() {
    let mut complaints = Complaints::default();
    for file in files(&["rs", "py", "sh", "sql"]) {
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            complaints.add(&file, lines, format!("more than {MAX_LINES} lines; split it by idea"));
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
                complaints.add(&file, 1, format!("\"{part}\" fits anything"));
            }
        }
        for (line, text) in file.lines().filter(|_| file.has_type("rs")) {
            if let Some(name) = module.captures(text).and_then(|found| found.get(3))
                && EMPTY_NAMES.contains(&name.as_str())
            {
                complaints.add(&file, line, format!("\"{}\" fits anything", name.as_str()));
            }
        }
    }
    complaints.none();
}

/// What is committed works in any clone, on any machine.
#[test]
fn no_machine_is_named() {
    let folders = [concat!("wo", "rk"), concat!("ro", "ot")].join("|");
    let path = pattern(&format!(r"(^|[^\w.\-])/({folders})/"));
    let hosts = [
        concat!("crates", r"\.io"),
        concat!("pypi", r"\.org"),
        concat!("python", r"hosted\.org"),
        concat!("npm", r"js\.(org|com)"),
        concat!("proxy", r"\.golang\.org"),
        concat!("ruby", r"gems\.org"),
    ];
    let registry = pattern(&format!("(?i){}", hosts.join("|")));
    let mut complaints = Complaints::default();
    for file in texts() {
        complaints.add_matches(&file, &path, "a path of one machine");
        complaints.add_matches(&file, &registry, "a package registry; tools know where theirs is");
    }
    complaints.none();
}

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

/// The rules see what they are meant to see.
#[test]
fn sql_is_found_in_strings_and_nowhere_else() {
    let select = "SELECT";
    let text = format!(
        "//! {select} 0 of a comment\nfn f() {{\n  q!(\"{select} 1 \\\n     FROM t\");\n  let u = r#\"{select} 2\"#;\n}}\n"
    );
    let file = SourceFile { path: "example.rs".to_owned(), text };
    assert_eq!(file.sql(ANY_SQL), [(3, format!("{select} 1 FROM t")), (5, format!("{select} 2"))]);
}

/// How a string begins that is SQL.
const ANY_SQL: &str =
    r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|PRAGMA|BEGIN|COMMIT|SET|LISTEN|NOTIFY|WHERE)\s";

/// A file of the repository that is text.
struct SourceFile {
    /// From the root of the repository, with `/`.
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

    /// The strings of a Rust file that begin like SQL, each with its line.
    fn sql(&self, beginning: &str) -> Vec<(usize, String)> {
        let beginning = pattern(beginning);
        let tokens: TokenStream = self.text.parse().unwrap_or_else(|why| panic!("{}: {why}", self.path));
        let mut found = Vec::new();
        collect_strings(tokens, &mut found);
        found.retain(|(_, text)| beginning.is_match(text));
        found
    }
}

/// All string literals, also those in the arguments of macros, but not comments, which arrive as `#[doc = ".."]`.
fn collect_strings(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if !is_comment(&group) => collect_strings(group.stream(), found),
            TokenTree::Literal(literal) => {
                let line = literal.span().start().line;
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    found.push((line, text.value()));
                }
            }
            _ => {}
        }
    }
}

fn is_comment(group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    group.delimiter() == Delimiter::Bracket && matches!(first, Some(TokenTree::Ident(name)) if name == "doc")
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
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the repository")
}

fn rust() -> Vec<SourceFile> {
    files(&["rs"])
}

fn files(types: &[&str]) -> Vec<SourceFile> {
    texts().into_iter().filter(|file| types.iter().any(|extension| file.has_type(extension))).collect()
}

/// Every text file that is committed or would be with `git add --all`, but for the lock file, which cargo writes.
fn texts() -> Vec<SourceFile> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root()).output().expect("git runs");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let mut found = Vec::new();
    for path in names.split_terminator('\0').filter(|path| *path != "Cargo.lock") {
        // A file that was deleted and not yet committed so, or one that is not text.
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        found.push(SourceFile { path: path.to_owned(), text });
    }
    assert!(found.iter().any(|file| file.path == "Cargo.toml"), "git lists the repository");
    found
}
