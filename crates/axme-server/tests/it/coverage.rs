//! Records which operations the tests call, on which engine and with which statuses, for `cargo xtask covered`. Checks
//! that plain routes answer as documented; the server itself checks operations.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use axme_api::{OpInfo, openapi};
use serde_json::Value;

use crate::harness::Engine;

/// The recorded calls, and their file, which each run of the tests starts anew.
static NOTED: LazyLock<Mutex<(BTreeSet<String>, File)>> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operations.txt");
    Mutex::new((BTreeSet::new(), File::create(file).expect("the list of operations can be written")))
});

/// Tests that call every operation alike test none of them in particular.
const GENERATED: [&str; 2] = ["access::", "openapi::"];

/// Records a call, and returns its operation if the test is about it.
pub fn note(engine: Engine, method: &str, path: &str, status: u16) -> Option<&'static OpInfo> {
    let test = std::thread::current();
    if GENERATED.iter().any(|module| test.name().is_some_and(|name| name.starts_with(module))) {
        return None;
    }
    let info = operation(method, path.split('?').next().unwrap_or_default())?;
    let line = format!("{engine:?} {} {status}", info.id);
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.0.insert(line.clone()) {
        writeln!(noted.1, "{line}").expect("the list of operations can be written");
    }
    Some(info)
}

/// Checks that the document lists the status of a plain route's answer, and the code if it is an error.
pub fn check_route(method: &str, path: &str, status: u16, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let method = method.to_ascii_lowercase();
    let routes = axme_api::routes();
    let fitting = routes.iter().filter(|route| route.method.as_str().eq_ignore_ascii_case(&method));
    let found = fitting.filter_map(|route| Some((words_in_common(route.path, path)?, route.path))).max();
    let of_operation = operation(&method.to_ascii_uppercase(), path);
    let Some((words, template)) = found else { return };
    if of_operation.is_some_and(|info| words_in_common(info.path, path) > Some(words)) {
        return;
    }
    let responses = &openapi::document()["paths"][template.replace("{*", "{")][&method]["responses"];
    let listed = &responses[status.to_string()];
    assert!(listed.is_object(), "{method} {template} answers with {status}, which the document does not list: {body}");
    if let Some(code) = body["error"]["code"].as_str() {
        let codes = listed["x-error-codes"].as_array();
        let is_listed = codes.is_some_and(|codes| codes.iter().any(|known| known == code));
        assert!(is_listed, "{method} {template} answers with {code}, which the document does not list");
    }
}

/// Every path of every operation.
static PATHS: LazyLock<Vec<(&str, &OpInfo)>> = LazyLock::new(|| {
    let table = axme_api::table();
    let infos = table.iter().map(|op| op.info());
    infos.flat_map(|info| std::iter::once(&info.path).chain(info.aliases).map(move |path| (*path, info))).collect()
});

/// Returns the operation of a call: the one whose path has the most words in common with it.
fn operation(method: &str, path: &str) -> Option<&'static OpInfo> {
    let paths = PATHS.iter().filter(|(_, info)| info.method.as_str() == method);
    let fitting = paths.filter_map(|(template, info)| Some((words_in_common(template, path)?, *info)));
    fitting.max_by_key(|(words, info)| (*words, info.id)).map(|(_, info)| info)
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
