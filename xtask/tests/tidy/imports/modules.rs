//! The modules of a crate, and the file that a path in one of them leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Arrow, Relation};
use super::syntax::{self, Mention, Scope};
use crate::code;

/// A path from the root: `a::b` is `["a", "b"]`.
type Name = Vec<String>;

/// Maximum number of `use` declarations in a row that are followed. More would be a circle.
const MAX_IMPORTS: u32 = 16;

pub struct Modules(BTreeMap<Name, Module>);

struct Module {
    file: String,
    items: BTreeSet<String>,
    names: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
    mentions: Vec<Mention>,
}

impl Modules {
    /// Follows `mod` declarations from `lib.rs` or `main.rs` in `folder`. Files that only tests declare are left out.
    pub fn read(sources: &BTreeMap<String, String>, folder: &str) -> Modules {
        let mut modules = Modules(BTreeMap::new());
        for root in ["lib.rs", "main.rs"] {
            let file = format!("{folder}{root}");
            if sources.contains_key(&file) {
                modules.read_file(sources, folder, file, Name::new());
                break;
            }
        }
        modules
    }

    fn read_file(&mut self, sources: &BTreeMap<String, String>, folder: &str, file: String, name: Name) {
        let scope = syntax::read(code::without_tests(code::tokens(&file, &sources[&file])));
        self.add(sources, folder, &file, name, scope);
    }

    fn add(&mut self, sources: &BTreeMap<String, String>, folder: &str, file: &str, name: Name, scope: Scope) {
        let Scope { inline, files, items, names, globs, mentions } = scope;
        for (child, scope) in inline {
            self.add(sources, folder, file, joined(&name, &child), scope);
        }
        for child in files {
            let child = joined(&name, &child);
            let path = format!("{folder}{}", child.join("/"));
            let places = [format!("{path}.rs"), format!("{path}/mod.rs")];
            if let Some(file) = places.into_iter().find(|place| sources.contains_key(place)) {
                self.read_file(sources, folder, file, child);
            }
        }
        self.0.insert(name, Module { file: file.to_owned(), items, names, globs, mentions });
    }

    /// Returns every import from one file to another. The root and its direct children are a family without arrows,
    /// because the root assembles the crate.
    pub fn arrows(&self) -> Vec<Arrow> {
        let parents = self.parents();
        let mut arrows = Vec::new();
        for (name, module) in &self.0 {
            for mention in &module.mentions {
                let is_export_of_root = name.is_empty() && mention.is_export;
                let Some(target) = self.resolve(name, &mention.path, 0) else { continue };
                let (from, to) = (&module.file, &self.0[&target].file);
                let relation = relation(&parents, from, to);
                let is_with_root = [from, to].iter().any(|file| parents[file.as_str()].is_none());
                if from == to || is_export_of_root || (is_with_root && relation == Relation::Family) {
                    continue;
                }
                let path = mention.path.join("::");
                arrows.push(Arrow { from: from.clone(), line: mention.line, path, to: to.clone(), relation });
            }
        }
        arrows.sort_by(|a, b| (&a.from, a.line).cmp(&(&b.from, b.line)));
        arrows
    }

    /// Returns each file with the file that declares it. The root has none.
    fn parents(&self) -> BTreeMap<&str, Option<&str>> {
        let mut parents = BTreeMap::new();
        for (name, module) in &self.0 {
            let parent = name.split_last().and_then(|(_, outer)| self.0.get(outer)).map(|outer| outer.file.as_str());
            // Modules inside a file come after the file itself.
            parents.entry(module.file.as_str()).or_insert(parent);
        }
        parents
    }

    /// Finds the module that a path in `scope` leads to, or the module that holds its item.
    fn resolve(&self, scope: &[String], path: &[String], detours: u32) -> Option<Name> {
        if detours > MAX_IMPORTS {
            return None;
        }
        let (mut at, mut rest) = match path.first()?.as_str() {
            "crate" => (Name::new(), &path[1..]),
            "self" => (scope.to_vec(), &path[1..]),
            "super" => (scope[..scope.len().checked_sub(1)?].to_vec(), &path[1..]),
            first => (self.in_scope(scope, first, detours)?, &path[1..]),
        };
        while let [word, others @ ..] = rest
            && word == "super"
        {
            at.pop()?;
            rest = others;
        }
        for word in rest {
            let child = joined(&at, word);
            if self.0.contains_key(&child) {
                at = child;
            } else if let Some(target) = self.exported(&at, word, detours) {
                at = target;
            } else {
                break;
            }
        }
        Some(at)
    }

    /// Resolves the first word of a path: a module in the scope, or a name from a `use` there. Otherwise it is another
    /// crate, a type of the scope or a local, and the result is `None`.
    fn in_scope(&self, scope: &[String], word: &str, detours: u32) -> Option<Name> {
        let child = joined(scope, word);
        if self.0.contains_key(&child) {
            return Some(child);
        }
        let module = self.0.get(scope)?;
        if let Some(path) = module.names.get(word) {
            // A `use` of an external crate under its own name: `use uuid;`, `use uuid::Uuid as uuid;`.
            let is_itself = path.first().is_some_and(|first| first == word);
            return if is_itself { None } else { self.resolve(scope, path, detours + 1) };
        }
        module.globs.iter().find_map(|glob| self.behind_glob(scope, glob, word, detours))
    }

    /// Finds where a name is defined that a parent or the root exports. Follows only names below `at`: an export of a
    /// stranger leads to the stranger.
    fn exported(&self, at: &[String], word: &str, detours: u32) -> Option<Name> {
        let module = self.0.get(at)?;
        if module.items.contains(word) {
            return None;
        }
        let target = match module.names.get(word) {
            Some(path) => self.resolve(at, path, detours + 1),
            None => module.globs.iter().find_map(|glob| self.behind_glob(at, glob, word, detours)),
        };
        target.filter(|target| target.starts_with(at))
    }

    fn behind_glob(&self, scope: &[String], glob: &[String], word: &str, detours: u32) -> Option<Name> {
        let target = self.resolve(scope, glob, detours + 1)?;
        let child = joined(&target, word);
        if self.0.contains_key(&child) {
            return Some(child);
        }
        let module = self.0.get(&target)?;
        if module.items.contains(word) {
            return Some(target);
        }
        let path = module.names.get(word)?;
        self.resolve(&target, path, detours + 1)
    }
}

fn joined(name: &[String], child: &str) -> Name {
    name.iter().map(String::as_str).chain([child]).map(str::to_owned).collect()
}

fn relation(parents: &BTreeMap<&str, Option<&str>>, from: &str, to: &str) -> Relation {
    match (parents[from], parents[to]) {
        (Some(parent), _) if parent == to => Relation::Family,
        (_, Some(parent)) if parent == from => Relation::Family,
        (one, other) if one == other => Relation::Siblings,
        _ => Relation::Strangers,
    }
}
