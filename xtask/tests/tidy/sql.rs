//! Checks that SQL is only in the store, and the same for both engines.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::{Complaints, SourceFile, files, pattern, rust};

/// The only folder that may contain SQL.
const STORE: &str = "crates/axme-store/src/";
/// Code that uses a database without our store: the floor of the benchmark, the soak, and the databases of tests.
const OUTSIDE: [&str; 3] = [
    "xtask/src/bench/floors.rs",
    "xtask/src/bench/database_probe.rs",
    "crates/axme-server/tests/it/harness/databases.rs",
];

/// The beginnings of SQL strings.
const ANY_SQL: &str =
    r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|PRAGMA|BEGIN|COMMIT|SET|LISTEN|NOTIFY|WHERE)\s";

#[test]
fn sql_stands_in_the_store() {
    let mut complaints = Complaints::default();
    for file in rust() {
        if OUTSIDE.contains(&file.path.as_str()) || file.path.starts_with(STORE) {
            continue;
        }
        for (line, _) in file.sql(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM)\s") {
            complaints.add(&file, line, format!("move SQL to {}", STORE));
        }
    }
    complaints.none();
}

/// Both engines number parameters, but SQLite numbers them by first appearance when it prepares a statement.
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
                    complaints.add(
                        &file,
                        line,
                        format!("${number} appears before ${}: number parameters by first appearance", highest + 1),
                    );
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
        (r"(?i)\b(now\s*\(|current_timestamp|current_time|strftime)", "pass the time as a parameter"),
        (r"(?i)\boffset\b", "continue pages from a key"),
        (r"(?i)\b(i?like|glob)\b", "filter by a column"),
        (r"(?i)\bautoincrement\b", "the server itself assigns ids and numbers"),
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

/// Checks that the rules see SQL in strings, and only there.
#[test]
fn sql_is_found_in_strings_and_nowhere_else() {
    let select = "SELECT";
    let text = format!(
        "//! {select} 0 of a comment\nfn f() {{\n  q!(\"{select} 1 \\\n     FROM t\");\n  let u = r#\"{select} 2\"#;\n}}\n"
    );
    let file = SourceFile { path: "example.rs".to_owned(), text };
    assert_eq!(file.sql(ANY_SQL), [(3, format!("{select} 1 FROM t")), (5, format!("{select} 2"))]);
}

impl SourceFile {
    /// Returns the strings of a Rust file that begin like SQL, each with its line.
    fn sql(&self, beginning: &str) -> Vec<(usize, String)> {
        let beginning = pattern(beginning);
        let tokens: TokenStream = self.text.parse().unwrap_or_else(|why| panic!("{}: {why}", self.path));
        let mut found = Vec::new();
        collect_strings(tokens, &mut found);
        found.retain(|(_, text)| beginning.is_match(text));
        found
    }
}

/// Collects all string literals, also in the arguments of macros. Skips comments, which appear as `#[doc = ".."]`.
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
