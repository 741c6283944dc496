//! Checks that the tests call every operation on both engines, with success and with bad input. It reads the record of
//! the tests (`crates/axme-server/tests/it/coverage.rs`).

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use axme_api::{Access, OpInfo};

/// Operations whose only input that can be wrong is the credential.
const TAKE_NOTHING: [&str; 3] = ["capabilities.get", "macros.list", "me.get"];

pub(crate) fn check() -> anyhow::Result<()> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let file = Path::new(&target).join("tmp/operations.txt");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("{}: run `cargo test -p axme-server --test it` first", file.display()))?;
    let recorded: BTreeSet<(&str, &str, u16)> = text.lines().filter_map(read).collect();
    let table = axme_api::table();
    let missing: Vec<String> = table.iter().flat_map(|op| missing(op.info(), &recorded)).collect();
    if !missing.is_empty() {
        bail!("the tests do not cover {} required cases:\n{}", missing.len(), missing.join("\n"));
    }
    println!("{} operations are tested with success and with bad input, on both engines", table.len());
    Ok(())
}

fn read(line: &str) -> Option<(&str, &str, u16)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?, words.next()?.parse().ok()?))
}

fn missing(info: &OpInfo, recorded: &BTreeSet<(&str, &str, u16)>) -> Vec<String> {
    // Without a key the server checks nothing else. Only for operations without a key, or for a person, a 401 is about
    // the input.
    let is_own = matches!(info.access, Access::Public | Access::Person | Access::Newcomer);
    let is_bad = |status: u16| (400..500).contains(&status) && (status != 401 || is_own);
    let mut missing = Vec::new();
    for engine in ["Sqlite", "Postgres"] {
        let statuses =
            || recorded.iter().filter(|(e, id, _)| *e == engine && *id == info.id).map(|(_, _, status)| *status);
        if !statuses().any(|status| status == 200) {
            missing.push(format!("{} with success on {engine}", info.id));
        }
        if !TAKE_NOTHING.contains(&info.id) && !statuses().any(is_bad) {
            missing.push(format!("{} with bad input on {engine}", info.id));
        }
    }
    missing
}
