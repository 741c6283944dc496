//! Records which operations the tests call, on which engine and with which statuses, for `cargo xtask covered`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::harness::Engine;

/// The recorded calls, and their file, which each run of the tests starts anew.
static NOTED: LazyLock<Mutex<(BTreeSet<String>, File)>> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operations.txt");
    Mutex::new((BTreeSet::new(), File::create(file).expect("the list of operations can be written")))
});

/// Tests that call every operation alike test none of them in particular.
const GENERATED: [&str; 2] = ["access::", "openapi::"];

pub fn note(engine: Engine, method: &str, path: &str, status: u16) {
    let test = std::thread::current();
    if GENERATED.iter().any(|module| test.name().is_some_and(|name| name.starts_with(module))) {
        return;
    }
    let Some(id) = operation(method, path.split('?').next().unwrap_or_default()) else { return };
    let line = format!("{engine:?} {id} {status}");
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.0.insert(line.clone()) {
        writeln!(noted.1, "{line}").expect("the list of operations can be written");
    }
}

/// Every path of every operation: method, path, id.
static PATHS: LazyLock<Vec<(&str, &str, &str)>> = LazyLock::new(|| {
    let table = axme_api::table();
    let infos = table.iter().map(|op| op.info());
    let paths = infos.flat_map(|info| {
        let paths = std::iter::once(&info.path).chain(info.aliases);
        paths.map(|path| (info.method.as_str(), *path, info.id))
    });
    paths.collect()
});

/// Returns the operation of a call: the one whose path has the most words in common with it.
fn operation(method: &str, path: &str) -> Option<&'static str> {
    let paths = PATHS.iter().filter(|(of, ..)| *of == method);
    paths.filter_map(|(_, template, id)| Some((words_in_common(template, path)?, *id))).max().map(|(_, id)| id)
}

/// Returns how many words a path shares with a template; `None` if it does not match.
fn words_in_common(template: &str, path: &str) -> Option<usize> {
    let (template, tail) = match template.split_once("/{*") {
        Some((head, rest)) => (head, rest.split_once('}').map(|(_, tail)| tail)),
        None => (template, None),
    };
    let path = match tail {
        Some(tail) => {
            let rest = path.strip_prefix(template)?.strip_prefix('/')?;
            let ending: Vec<&str> = tail.rsplit('/').filter(|word| !word.is_empty()).collect();
            let mut words = rest.rsplit('/');
            let fits =
                ending.iter().all(|word| words.next().is_some_and(|given| word.starts_with('{') || given == *word));
            return fits.then_some(template.split('/').count() + ending.len());
        }
        None => path,
    };
    let (mut words, mut given, mut common) = (template.split('/'), path.split('/'), 0);
    loop {
        match (words.next(), given.next()) {
            (None, None) => return Some(common),
            (Some(word), Some(_)) if word.starts_with('{') => {}
            (Some(word), Some(same)) if word == same => common += 1,
            _ => return None,
        }
    }
}
