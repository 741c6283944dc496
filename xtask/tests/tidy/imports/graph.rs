//! The files, the arrows between them, and the shortest circle of each group of files that reach each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An import: its place, the path as written, and the file that it leads to.
#[derive(Clone, Debug)]
pub struct Arrow {
    pub from: String,
    pub line: usize,
    pub path: String,
    pub to: String,
    pub relation: Relation,
}

/// The relation of an arrow's two files in the tree of modules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relation {
    /// A parent and its child, either way. They may import each other.
    Family,
    Siblings,
    Strangers,
}

/// The first arrow between each pair of files.
#[derive(Default)]
pub struct Graph {
    arrows: BTreeMap<String, BTreeMap<String, Arrow>>,
}

/// A group of files that all reach each other, and its shortest forbidden circle.
pub struct Circle {
    files: usize,
    way: Vec<Arrow>,
}

impl Graph {
    pub fn new(arrows: Vec<Arrow>) -> Graph {
        let mut graph = Graph::default();
        for arrow in arrows {
            graph.arrows.entry(arrow.from.clone()).or_default().entry(arrow.to.clone()).or_insert(arrow);
        }
        graph
    }

    /// Finds one circle for every strongly connected component, in the order of the files. Inside one family a circle
    /// is forbidden only without arrows between parent and child. A circle that leaves the family may also include such
    /// arrows.
    pub fn circles(&self) -> Vec<Circle> {
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            self.arrows.keys().map(|file| (file.as_str(), self.reachable(file))).collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for (file, reachable) in &reach {
            let reaches_back = |other: &&str| reach.get(other).is_some_and(|back| back.contains(file));
            let group: BTreeSet<&str> = reachable.iter().copied().filter(reaches_back).collect();
            if group.is_empty() || !seen.insert(*file) {
                continue;
            }
            seen.extend(group.iter().copied());
            let arrows = group.iter().flat_map(|file| self.targets(file)).filter(|arrow| group.contains(&*arrow.to));
            if let Some(way) = arrows.filter_map(|arrow| self.way_round(arrow)).min_by_key(Vec::len) {
                circles.push(Circle { files: group.len(), way });
            }
        }
        circles
    }

    fn targets(&self, file: &str) -> impl Iterator<Item = &Arrow> {
        self.arrows.get(file).into_iter().flat_map(BTreeMap::values)
    }

    /// Returns the files that can be reached by one or more arrows; the file itself only if it is part of a circle.
    fn reachable(&self, file: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&Arrow> = self.targets(file).collect();
        while let Some(arrow) = open.pop() {
            if found.insert(arrow.to.as_str()) {
                open.extend(self.targets(&arrow.to));
            }
        }
        found
    }

    /// Finds the shortest forbidden circle that begins with the arrow `first`.
    fn way_round(&self, first: &Arrow) -> Option<Vec<Arrow>> {
        let may_use = |arrow: &Arrow| first.relation == Relation::Strangers || arrow.relation != Relation::Family;
        if first.relation == Relation::Family {
            return None;
        }
        let mut came_by: BTreeMap<&str, &Arrow> = BTreeMap::new();
        let mut open: VecDeque<&str> = VecDeque::from([first.to.as_str()]);
        while let Some(file) = open.pop_front()
            && !came_by.contains_key(first.from.as_str())
        {
            for arrow in self.targets(file).filter(|arrow| may_use(arrow)) {
                if arrow.to != first.to && !came_by.contains_key(arrow.to.as_str()) {
                    came_by.insert(&arrow.to, arrow);
                    open.push_back(&arrow.to);
                }
            }
        }
        let mut way = Vec::new();
        let mut at = first.from.as_str();
        while at != first.to {
            let arrow = came_by.get(at)?;
            way.insert(0, (*arrow).clone());
            at = &arrow.from;
        }
        way.insert(0, first.clone());
        Some(way)
    }
}

impl Circle {
    /// Returns `file:line: …`, with the other files relative to `folder`.
    pub fn describe(&self, folder: &str) -> String {
        let short = |file: &str| file.strip_prefix(folder).unwrap_or(file).to_owned();
        let first = &self.way[0];
        let files: Vec<String> = self.way.iter().chain([first]).map(|arrow| short(&arrow.from)).collect();
        let imports: Vec<String> =
            self.way.iter().map(|arrow| format!("{}:{} {}", short(&arrow.from), arrow.line, arrow.path)).collect();
        format!(
            "{}:{}: {} files import each other: {} ({})",
            first.from,
            first.line,
            self.files,
            files.join(" → "),
            imports.join(", ")
        )
    }
}
