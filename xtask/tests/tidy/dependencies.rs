//! External crates: their licenses, sources and versions, read from `Cargo.lock` and from cargo. After a build of the
//! workspace this needs no network.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::{Complaints, root};

/// The licenses of dependencies that allow us to distribute the binary.
const LICENSES: [&str; 11] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "BSL-1.0",
    "Unicode-3.0",
    // Data: the certificates of public authorities.
    "CDLA-Permissive-2.0",
];

const SOURCE: &str = "registry+https://github.com/rust-lang/";

/// Crates that may have several versions in the lock file, with the reason. An entry that is no longer needed is an
/// error.
const DUPLICATES: [(&str, &str); 33] = [
    ("aead", "0.5 for age, 0.6 for what we seal"),
    ("aes", "0.8 for age, 0.9 for what we seal"),
    ("base64", "0.22 for us, tokens and PostgreSQL; 0.23 for mail, HTTP and S3"),
    ("block-buffer", "0.10 comes with digest 0.10"),
    ("chacha20", "0.9 for age, 0.10 for random numbers"),
    ("cipher", "0.4 for age, 0.5 for what we seal"),
    ("const-oid", "0.9 for the certificates of PostgreSQL, 0.10 for hashes"),
    ("cpufeatures", "0.2 for age, 0.3 for hashes"),
    ("crypto-common", "0.1 comes with digest 0.10"),
    ("ctr", "0.9 for age, 0.10 for what we seal"),
    ("digest", "0.10 for age and the checksums of S3, 0.11 for hashes"),
    ("fallible-iterator", "0.2 for PostgreSQL, 0.3 for SQLite"),
    ("foldhash", "0.1 for the objects of jaq, 0.2 for other hash maps"),
    ("getrandom", "0.2 for age, 0.3 for hash maps of JSON Schema, 0.4 for the rest"),
    ("hmac", "0.12 for age, 0.13 for signatures"),
    ("hybrid-array", "0.2 for age, 0.4 for hashes"),
    ("inout", "0.1 for age, 0.2 for what we seal"),
    ("polyval", "0.6 for age, 0.7 for what we seal"),
    ("r-efi", "for UEFI only; comes with getrandom"),
    ("rand", "0.8 for age, 0.9 for OpenTelemetry, 0.10 for us"),
    ("rand_chacha", "0.3 for age, 0.9 for OpenTelemetry"),
    ("rand_core", "0.6 for age, 0.9 for OpenTelemetry, 0.10 for us"),
    ("sha2", "0.10 for age, 0.11 for hashes"),
    ("spin", "0.9 for forms with files, 0.10 for S3"),
    ("sse-stream", "0.2 for rmcp, 0.3 for our client"),
    ("syn", "derive macros are moving from 2 to 3"),
    ("thiserror", "1 for the texts of age, 2 for us"),
    ("thiserror-impl", "comes with thiserror"),
    ("toml", "0.5 for the texts of age, 1 for our files"),
    ("universal-hash", "0.5 for age, 0.6 for what we seal"),
    ("untrusted", "0.7 for aws-lc-rs, 0.9 for certificates in rustls"),
    ("wasi", "for WASI only; comes with getrandom"),
    ("windows-sys", "for Windows only; 0.52 comes with ring, which is not built"),
];

/// Crates that the lock file must not list, with the reason.
const BANNED: [(&str, &str); 7] = [
    ("directories", "needs a crate under MPL-2.0: etcetera finds the same folders"),
    ("libsql-ffi", "a second SQLite in the binary"),
    ("native-tls", "TLS is rustls"),
    ("openssl-sys", "TLS is rustls; a build needs no library of the system"),
    ("rsa", "RUSTSEC-2023-0071 has no fix; aws-lc-rs replaces it"),
    ("sqlx-core", "statements run through our own transaction: see decision 0001"),
    ("sqlx-sqlite", "a second SQLite in the binary"),
];

/// Crates that the lock file may list, as options of other crates, but that no build may contain.
const NOT_BUILT: [(&str, &str); 1] = [("ring", "aws-lc-rs is the one provider; rustls panics when it finds two")];

#[test]
fn licenses_are_on_the_list() {
    let mut complaints = Vec::new();
    for package in metadata()["packages"].as_array().expect("packages") {
        let (name, version) = (&package["name"], &package["version"]);
        match package["license"].as_str() {
            None => complaints.push(format!("Cargo.lock:1: {name} {version} has no license")),
            Some(text) if is_allowed(text) => {}
            Some(text) => {
                complaints.push(format!("Cargo.lock:1: {name} {version}: the license {text} is not on the list"))
            }
        }
    }
    Complaints(complaints).none();
}

fn is_allowed(text: &str) -> bool {
    let is_listed = |license: &spdx::LicenseReq| license.license.id().is_some_and(|id| LICENSES.contains(&id.name));
    Expression::parse_mode(text, ParseMode::LAX).is_ok_and(|expression| expression.evaluate(is_listed))
}

#[test]
fn licenses_are_understood() {
    for text in ["MIT", "MIT/GPL-3.0-only", "Apache-2.0 WITH LLVM-exception", "(MIT OR GPL-3.0-only) AND Unicode-3.0"] {
        assert!(is_allowed(text), "{text}");
    }
    for text in ["GPL-3.0-only", "MIT AND MPL-2.0", "Mine", "", "LicenseRef-x"] {
        assert!(!is_allowed(text), "{text}");
    }
}

#[test]
fn sources_are_the_registry_and_this_repository() {
    let mut complaints = Vec::new();
    let ours = crate::crate_folders().len();
    let (with, without): (Vec<LockEntry>, Vec<LockEntry>) =
        locked().into_iter().partition(|package| package.source.is_some());
    for package in with {
        if !package.source.as_deref().is_some_and(|source| source.starts_with(SOURCE)) {
            complaints.push(format!("Cargo.lock:1: {} comes from {:?}", package.name, package.source));
        }
    }
    if without.len() != ours {
        complaints.push(format!("Cargo.lock:1: {} crates come from a path, but only {ours} are ours", without.len()));
    }
    Complaints(complaints).none();
}

#[test]
fn versions_are_single_or_listed() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in locked() {
        versions.entry(package.name).or_default().push(package.version);
    }
    let mut complaints = Vec::new();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        if !DUPLICATES.iter().any(|(listed, _)| listed == name) {
            let versions = versions.join(" and ");
            complaints
                .push(format!("Cargo.lock:1: {name} has the versions {versions}; add it to DUPLICATES with a reason"));
        }
    }
    for (name, _) in DUPLICATES {
        if versions.get(name).is_none_or(|versions| versions.len() < 2) {
            complaints.push(format!("{}:1: {name} has one version; remove it from DUPLICATES", file!()));
        }
    }
    Complaints(complaints).none();
}

#[test]
fn banned_crates_are_absent() {
    let locked: BTreeSet<String> = locked().into_iter().map(|package| package.name).collect();
    let built = built();
    let mut complaints = Vec::new();
    for (name, why) in BANNED.iter().filter(|(name, _)| locked.contains(*name)) {
        complaints.push(format!("Cargo.lock:1: {name} is banned: {why}"));
    }
    for (name, why) in NOT_BUILT.iter().filter(|(name, _)| built.contains(*name)) {
        complaints.push(format!("Cargo.lock:1: {name} must not be built: {why}"));
    }
    Complaints(complaints).none();
}

struct LockEntry {
    name: String,
    version: String,
    source: Option<String>,
}

fn locked() -> Vec<LockEntry> {
    let text = std::fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock exists");
    let table: toml::Table = text.parse().expect("cargo writes TOML");
    let packages = table["package"].as_array().expect("packages");
    let word = |package: &toml::Value, key| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let read = |package| {
        Some(LockEntry {
            name: word(package, "name")?,
            version: word(package, "version")?,
            source: word(package, "source"),
        })
    };
    packages.iter().filter_map(read).collect()
}

/// Returns the packages for this platform. Without `--offline`, so that cargo can fetch packages that were never built
/// here.
fn metadata() -> Value {
    let version = run(Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())).arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    let arguments = ["metadata", "--locked", "--format-version", "1", "--filter-platform", host];
    serde_json::from_str(&run(cargo().args(arguments))).expect("cargo writes JSON")
}

/// Returns the names of the crates that a build contains, with features resolved.
fn built() -> BTreeSet<String> {
    let arguments = ["tree", "--locked", "--workspace", "--prefix", "none", "--format", "{p}"];
    let text = run(cargo().args(arguments));
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo.current_dir(root());
    cargo
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program exists");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("its output is UTF-8")
}
