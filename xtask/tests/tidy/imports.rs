//! Checks that files of a crate do not import each other in a circle.
//!
//! `use` declarations and paths in code draw arrows. An arrow leads to the deepest module file on its path. A path to
//! an item that a parent exports leads to the file that defines the item. Test-only code draws no arrows.
//!
//! A parent and its children in one folder (`a.rs` or `a/mod.rs`, and `a/*.rs`) may import each other. Siblings may
//! not, and no circle may leave the folder and return.

mod graph;
mod modules;
mod syntax;

use std::collections::BTreeMap;

use self::graph::Graph;
use self::modules::Modules;
use crate::{Complaints, crate_folders, rust};

#[test]
fn files_do_not_import_each_other_in_circles() {
    let sources: BTreeMap<String, String> = rust().into_iter().map(|file| (file.path, file.text)).collect();
    let mut complaints = Complaints::default();
    for folder in crate_folders() {
        for circle in circles(&sources, &format!("{folder}/src/")) {
            complaints.0.push(circle);
        }
    }
    complaints.none();
}

/// Describes the shortest circle of each group of files that import each other, with the line of each import.
fn circles(sources: &BTreeMap<String, String>, folder: &str) -> Vec<String> {
    let graph = Graph::new(Modules::read(sources, folder).arrows());
    graph.circles().iter().map(|circle| circle.describe(folder)).collect()
}

/// The rule, tested on example sources.
#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::circles;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let sources: BTreeMap<String, String> =
            files.iter().map(|(path, text)| (format!("src/{path}"), (*text).to_owned())).collect();
        circles(&sources, "src/")
    }

    #[test]
    fn a_circle_is_printed_with_the_line_of_each_import() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "//! A.\nuse crate::b::B;"),
            ("b.rs", "fn f() {\n\n  crate::c::g()\n}"),
            ("c.rs", "use super::{\n  a::{self, A as Z},\n};"),
        ];
        assert_eq!(
            found(&files),
            ["src/a.rs:2: 3 files import each other: a.rs → b.rs → c.rs → a.rs \
              (a.rs:2 crate::b::B, b.rs:3 crate::c::g, c.rs:2 super::a)"]
        );
    }

    #[test]
    fn the_shortest_circle_of_a_group_is_shown() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::b;"),
            ("b.rs", "use crate::c;"),
            ("c.rs", "use crate::a; use crate::d;"),
            ("d.rs", "use crate::c;"),
        ];
        assert_eq!(
            found(&files),
            ["src/c.rs:1: 4 files import each other: c.rs → d.rs → c.rs (c.rs:1 crate::d, d.rs:1 crate::c)"]
        );
    }

    #[test]
    fn a_name_that_was_imported_leads_on() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b;\nfn f() { b::c::g(); b::d::D::new() }"),
            ("b/mod.rs", "pub mod c; pub mod d;"),
            ("b/c.rs", "fn g() { crate::a::f() }"),
            ("b/d.rs", ""),
        ];
        assert_eq!(
            found(&files),
            ["src/a.rs:2: 2 files import each other: a.rs → b/c.rs → a.rs (a.rs:2 b::c::g, b/c.rs:1 crate::a::f)"]
        );
    }

    #[test]
    fn a_parent_and_its_children_may_import_each_other_but_siblings_may_not() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; mod c; use b::B; use c::C; pub struct A;"),
            ("a/b.rs", "use super::A; use super::c::C; pub struct B;"),
            ("a/c.rs", "use crate::a::A; pub struct C;"),
        ];
        assert_eq!(found(&files), [""; 0]);
        let mut files = files;
        files[3].1 = "use super::b::B; pub struct C;";
        assert_eq!(
            found(&files),
            ["src/a/b.rs:1: 3 files import each other: a/b.rs → a/c.rs → a/b.rs \
              (a/b.rs:1 super::c::C, a/c.rs:1 super::b::B)"]
        );
    }

    #[test]
    fn an_export_of_a_parent_leads_to_the_file_that_defines_it() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use a::A; pub use b::inner::*;"),
            ("a.rs", "use crate::C; pub struct A;"),
            ("b/mod.rs", "pub mod inner;"),
            ("b/inner.rs", "use crate::A; pub struct C;"),
            ("c.rs", "use crate::A; use crate::C;"),
        ];
        assert_eq!(
            found(&files),
            ["src/a.rs:1: 2 files import each other: a.rs → b/inner.rs → a.rs \
              (a.rs:1 crate::C, b/inner.rs:1 crate::A)"]
        );
    }

    #[test]
    fn an_export_of_a_stranger_leads_to_the_stranger() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "pub use crate::b::B; use crate::c::C;"),
            ("b.rs", "pub struct B;"),
            ("c.rs", "use crate::a::B; pub struct C;"),
        ];
        assert_eq!(
            found(&files),
            ["src/a.rs:1: 2 files import each other: a.rs → c.rs → a.rs (a.rs:1 crate::c::C, c.rs:1 crate::a::B)"]
        );
    }

    #[test]
    fn modules_inside_a_file_are_the_file() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub mod inner { pub fn f() { super::g(); super::super::b::h() } } fn g() {}"),
            ("b.rs", "use crate::a::inner; pub fn h() { inner::f() }"),
        ];
        assert_eq!(
            found(&files),
            ["src/a.rs:1: 2 files import each other: a.rs → b.rs → a.rs \
              (a.rs:1 super::super::b::h, b.rs:1 crate::a::inner)"]
        );
    }

    #[test]
    fn tests_and_other_crates_draw_no_arrows() {
        let test = "#[cfg(test)]\nmod tests { use crate::b::B; }\n#[cfg(test)]\nuse crate::b::B;\n\
                    #[test]\nfn t() { crate::b::f() }";
        let other = "use b::B; use ::b::B as C; struct S { x: ::b::D, #[cfg(test)] y: crate::b::B, z: u8 }";
        let text = format!("{test}\n{other}");
        let files = [
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod c;"),
            ("a.rs", text.as_str()),
            ("b.rs", "use crate::a; pub(in crate::a) struct B; impl B { fn f() -> impl Sized + use<> {} }"),
            ("c.rs", "use crate::b; fn f() { crate::c::g() }"),
        ];
        assert_eq!(found(&files), [""; 0]);
    }

    #[test]
    fn paths_in_macros_and_attributes_draw_arrows() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b;\nfn f() { json!({ \"x\": b::g() }) }"),
            ("b.rs", "use crate as root;\n#[serde(default, with = \"root::a\")]\nstruct B;"),
        ];
        assert_eq!(
            found(&files),
            ["src/a.rs:1: 2 files import each other: a.rs → b.rs → a.rs (a.rs:1 crate::b, b.rs:2 root::a)"]
        );
    }

    #[test]
    fn a_circle_that_leaves_the_folder_may_not_go_through_a_parent() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod c; pub use c::C; fn f() { crate::b::g() }"),
            ("a/c.rs", "use super::f; pub struct C;"),
            ("b.rs", "use crate::a::C; pub fn g() {}"),
        ];
        assert_eq!(
            found(&files),
            ["src/b.rs:1: 3 files import each other: b.rs → a/c.rs → a/mod.rs → b.rs \
              (b.rs:1 crate::a::C, a/c.rs:1 super::f, a/mod.rs:1 crate::b::g)"]
        );
    }

    #[test]
    fn the_root_and_the_files_beside_it_are_a_family() {
        let files = [
            ("lib.rs", "mod a; mod b; pub use a::A; pub struct Root; fn f() { b::c::g(); a::h() }"),
            ("a.rs", "use crate::Root; pub struct A; fn h() { crate::b::i() }"),
            ("b.rs", "pub mod c; use crate::Root;"),
            ("b/c.rs", "fn g() {}"),
        ];
        assert_eq!(found(&files), [""; 0]);
        let mut files = files;
        files[3].1 = "use crate::Root; fn g() {}";
        assert_eq!(
            found(&files),
            [
                "src/b/c.rs:1: 2 files import each other: b/c.rs → lib.rs → b/c.rs (b/c.rs:1 crate::Root, lib.rs:1 b::c::g)"
            ]
        );
    }
}
