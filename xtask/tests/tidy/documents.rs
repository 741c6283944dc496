//! Facts in documents that a machine can check: the files that they name, and the codes of errors.

use axme_api::ErrorCode;

use crate::{Complaints, SourceFile, files, pattern, root};

/// Documents that describe the source. They name files from the root or, without `crates/` and `src/`, from a crate.
const MAPS: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md", "docs/walkthrough.md"];

#[test]
fn the_files_that_documents_name_exist() {
    let path = pattern(r"`((?:crates/)?axme[a-z-]*/[\w./-]+|xtask/[\w./-]+|docs/[\w./-]+|spec/[\w./-]+)`");
    let mut complaints = Complaints::default();
    for file in files(&["md"]).iter().filter(|file| MAPS.contains(&file.path.as_str())) {
        for (line, text) in file.lines() {
            for name in path.captures_iter(text).map(|found| found[1].to_owned()) {
                let (part, rest) = name.split_once('/').expect("the pattern has a slash");
                let places = [name.clone(), format!("crates/{name}"), format!("crates/{part}/src/{rest}")];
                if !places.iter().any(|place| root().join(place).exists()) {
                    complaints.add(file, line, format!("there is no file {name}"));
                }
            }
        }
    }
    complaints.none();
}

#[test]
fn documents_give_each_error_its_status() {
    let pair = pattern(r"\b([45]\d\d) `([a-z][a-z_]+)`");
    let mut complaints = Complaints::default();
    let documents = files(&["md"]);
    for file in documents.iter().filter(|file| file.path.starts_with("spec/") || file.path.starts_with("docs/")) {
        for (line, text) in file.lines() {
            for found in pair.captures_iter(text) {
                match ErrorCode::parse(&found[2]).map(|code| code.kind().http_status().to_string()) {
                    None => complaints.add(file, line, format!("{} is not a code of the registry", &found[2])),
                    Some(status) if status != found[1] => {
                        complaints.add(file, line, format!("{} has the status {status}", &found[2]));
                    }
                    Some(_) => {}
                }
            }
        }
    }
    complaints.none();
}

#[test]
fn links_between_documents_lead_somewhere() {
    let link = pattern(r"\]\(([^)\s#]*)(?:#([^)\s]+))?\)");
    let documents = files(&["md"]);
    let mut complaints = Complaints::default();
    for file in &documents {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, text) in file.lines() {
            for found in link.captures_iter(text) {
                let target = &found[1];
                if target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                let path = if target.is_empty() { file.path.clone() } else { joined(folder, target) };
                if !root().join(&path).exists() {
                    complaints.add(file, line, format!("there is no {path}"));
                }
                let (Some(anchor), Some(page)) = (found.get(2), documents.iter().find(|page| page.path == path)) else {
                    continue;
                };
                if !anchors(page).iter().any(|known| known == anchor.as_str()) {
                    complaints.add(file, line, format!("{path} has no heading #{}", anchor.as_str()));
                }
            }
        }
    }
    complaints.none();
}

/// Joins a folder and a relative path; `..` goes up.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Returns the anchors of the headings of a document, as code hosts make them.
fn anchors(page: &SourceFile) -> Vec<String> {
    let mut code = false;
    let mut found: Vec<String> = Vec::new();
    for (_, line) in page.lines() {
        code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !code) else { continue };
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let letters = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        let anchor: String = letters.map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        found.push(anchor);
    }
    found
}
