//! Our crates: each uses only floors below its own, and uses every dependency that it declares.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::{Complaints, SourceFile, code, crate_folders, files, texts};

/// Each crate, with those of our crates that it may depend on. The tasks (xtask) and tests may use any.
const FLOORS: [(&str, &[&str]); 11] = [
    ("axme-types", &[]),
    ("axme-words", &["axme-types"]),
    ("axme-intent", &["axme-words", "axme-types"]),
    ("axme-api", &["axme-types"]),
    ("axme-store", &["axme-intent", "axme-types"]),
    ("axme-core", &["axme-store", "axme-api", "axme-intent", "axme-words", "axme-types"]),
    ("axme-server", &["axme-core", "axme-store", "axme-api", "axme-intent", "axme-words", "axme-types"]),
    ("axme-client", &["axme-api", "axme-types"]),
    ("axme", &["axme-server", "axme-client", "axme-core", "axme-store", "axme-api", "axme-intent", "axme-types"]),
    ("axme-count", &["axme-core", "axme-store", "axme-api", "axme-intent", "axme-types"]),
    ("axme-sim", &["axme-server", "axme-client", "axme-core", "axme-store", "axme-api", "axme-intent", "axme-types"]),
];

/// Features of our crates that tests and generators need.
const FOR_TESTS: [&str; 2] = ["simulation", "schema"];

#[test]
fn crates_depend_on_floors_below() {
    let mut complaints = Complaints::default();
    for manifest in manifests() {
        let name = manifest.name();
        if manifest.folder == "xtask" {
            continue;
        }
        let Some((_, allowed)) = FLOORS.iter().find(|(floor, _)| *floor == name) else {
            complaints.add(&manifest.file, 1, format!("{name} has no floor: add it to FLOORS in {}", file!()));
            continue;
        };
        for dependency in manifest.dependencies("dependencies") {
            if dependency.starts_with("axme") && !allowed.contains(&dependency.as_str()) {
                complaints.add(
                    &manifest.file,
                    manifest.line(&dependency),
                    format!("{name} must not use {dependency}: its floor is not below"),
                );
            }
        }
    }
    complaints.none();
}

/// Cargo unites the features that any crate of a build enables. So no shipped crate may enable these features. Nor may
/// the tests of the program itself, because they start it.
#[test]
fn what_is_shipped_has_no_features_of_tests() {
    let mut complaints = Complaints::default();
    for manifest in manifests() {
        let name = manifest.name();
        let kinds: &[&str] = match name.as_str() {
            "axme" => &["dependencies", "dev-dependencies"],
            "axme-count" | "axme-sim" | "xtask" => &[],
            _ => &["dependencies"],
        };
        for kind in kinds {
            let table = manifest.table.get(*kind).and_then(Value::as_table);
            for (dependency, wanted) in table.into_iter().flatten() {
                let features = wanted.get("features").and_then(Value::as_array).into_iter().flatten();
                for feature in features.filter_map(Value::as_str).filter(|feature| FOR_TESTS.contains(feature)) {
                    let why = format!("{name} must not enable {feature} of {dependency} in [{kind}]: it is for tests");
                    complaints.add(&manifest.file, manifest.line(dependency), why);
                }
            }
        }
    }
    complaints.none();
}

/// Looks for the name of each dependency among the words of the crate's sources.
#[test]
fn dependencies_are_used() {
    let mut complaints = Complaints::default();
    let mut named = BTreeSet::new();
    let sources = files(&["rs"]);
    for manifest in manifests() {
        let (product, everything) = manifest.words(&sources);
        let kinds =
            [("dependencies", &product), ("dev-dependencies", &everything), ("build-dependencies", &everything)];
        for (kind, words) in kinds {
            for dependency in manifest.dependencies(kind) {
                if !words.contains(&dependency.replace('-', "_")) {
                    let line = manifest.line(&dependency);
                    complaints.add(&manifest.file, line, format!("{dependency} of [{kind}] is not used: remove it"));
                }
                named.insert(dependency);
            }
        }
    }
    let workspace = Manifest::of(texts().into_iter().find(|file| file.path == "Cargo.toml").expect("the workspace"));
    for dependency in workspace.dependencies("workspace.dependencies") {
        if !named.contains(&dependency) {
            complaints.add(
                &workspace.file,
                workspace.line(&dependency),
                format!("no crate uses {dependency}: remove it"),
            );
        }
    }
    complaints.none();
}

struct Manifest {
    folder: String,
    file: SourceFile,
    table: Table,
}

fn manifests() -> Vec<Manifest> {
    let folders = crate_folders();
    let is_ours = |file: &SourceFile| folders.iter().any(|folder| file.path == format!("{folder}/Cargo.toml"));
    files(&["toml"]).into_iter().filter(is_ours).map(Manifest::of).collect()
}

impl Manifest {
    fn of(file: SourceFile) -> Manifest {
        let table = file.text.parse().unwrap_or_else(|why| panic!("{}: {why}", file.path));
        let folder = file.path.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned();
        Manifest { folder, file, table }
    }

    fn name(&self) -> String {
        self.table["package"]["name"].as_str().expect("a package has a name").to_owned()
    }

    /// Returns the packages in a table of dependencies, including those for one platform.
    fn dependencies(&self, kind: &str) -> Vec<String> {
        let (table, kind) = match kind.split_once('.') {
            Some((outer, kind)) => (self.table[outer].as_table(), kind),
            None => (Some(&self.table), kind),
        };
        let targets = self.table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        let tables = table.and_then(|table| table.get(kind)).into_iter().chain(targets.filter_map(|t| t.get(kind)));
        tables.filter_map(Value::as_table).flat_map(Table::keys).cloned().collect()
    }

    fn line(&self, dependency: &str) -> usize {
        self.file.lines().find(|(_, text)| text.starts_with(dependency)).map_or(1, |(line, _)| line)
    }

    /// Returns the words of the product, and the words of the product and its tests.
    fn words(&self, sources: &[SourceFile]) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut product, mut everything) = (BTreeSet::new(), BTreeSet::new());
        for file in sources.iter().filter(|file| file.path.starts_with(&format!("{}/", self.folder))) {
            let tokens = code::tokens(&file.path, &file.text);
            if file.path.starts_with(&format!("{}/src/", self.folder)) {
                code::words(code::without_tests(tokens.clone()), &mut product);
            }
            code::words(tokens, &mut everything);
        }
        (product, everything)
    }
}
