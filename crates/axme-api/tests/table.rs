//! The table is whole: what a family declares, it also lists.

use std::collections::BTreeSet;
use std::path::Path;

use axme_api::families::FAMILIES;

/// The names that a line of a family's file declares: an operation, or a plain route.
fn declared<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (name, rest) = line.strip_prefix(before)?.split_once(": ")?;
        rest.starts_with(after).then_some(name)
    })
}

/// The names in a list of a family's file.
fn listed(text: &str, head: &str) -> BTreeSet<String> {
    let list = text.split_once(head).and_then(|(_, rest)| rest.split_once("];")).map_or("", |(list, _)| list);
    list.rsplit('[').next().unwrap_or_default().split(',').map(|name| name.trim().replace('&', "")).collect()
}

/// An operation that the server binds but no family lists would be served without the tests that read the table.
#[test]
fn every_operation_and_route_is_listed_by_its_family() {
    let (mut operations, mut routes, mut missing) = (0, 0, Vec::new());
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let file = entry.unwrap().path();
        // A folder beside a family's file has types only: its list is in the file.
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (before, after, head, count) in [
            ("pub static ", "Op<", "const OPERATIONS:", &mut operations),
            ("pub const ", "Route ", "const ROUTES:", &mut routes),
        ] {
            let list = listed(&text, head);
            for name in declared(&text, before, after) {
                *count += 1;
                if !list.contains(name) {
                    missing.push(format!("{}: {name}", file.display()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "declared, but not in OPERATIONS or ROUTES: {missing:#?}");
    assert_eq!((axme_api::table().len(), axme_api::routes().len()), (operations, routes), "lib.rs names every family");
}

#[test]
fn no_operation_is_listed_twice() {
    let mut ids = BTreeSet::new();
    let routes = axme_api::routes();
    for id in axme_api::table().iter().map(|op| op.info().id).chain(routes.iter().map(|route| route.id)) {
        assert!(ids.insert(id), "{id} is listed twice");
    }
}

#[test]
fn every_operation_and_route_belongs_to_one_family() {
    let names: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), FAMILIES.len(), "no name occurs twice");
    for op in axme_api::table() {
        let first = op.info().id.split('.').next().unwrap();
        assert!(names.contains(first), "{first} is missing in families.rs");
    }
    let operations: usize = FAMILIES.iter().map(|family| family.operations().len()).sum();
    let routes: usize = FAMILIES.iter().map(|family| family.routes.len()).sum();
    assert_eq!((operations, routes), (axme_api::table().len(), axme_api::routes().len()));
    for family in FAMILIES {
        assert!(!family.operations().is_empty() || !family.routes.is_empty(), "{} is empty", family.name);
        assert!(family.about.ends_with('.'), "{}", family.about);
        for route in family.routes {
            assert_eq!(route.id.split('.').next(), family.name.split('-').next(), "the id {}", route.id);
        }
    }
}
