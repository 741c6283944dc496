//! The catalogue is complete: no text is missing in a language, none differs in its variables, and none is unused. No
//! template of a page or a mail has words of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use axme_words::{ENGLISH, GERMAN, GERMAN_ERRORS, Sources};
use fluent_bundle::FluentResource;

/// The families of texts that are found by a word, such as `verb-approved`. Their words are data.
const FAMILIES: [&str; 4] = ["outcome-", "request-", "verb-", "way-"];

/// Words that are the same in every language.
const NAMES: [&str; 2] = ["AXME", "UTC"];

/// Returns the variables of each text of a file.
fn read(source: &str) -> BTreeMap<String, BTreeSet<String>> {
    FluentResource::try_new(source.to_owned()).map(|_| ()).map_err(|(_, errors)| errors).expect("every file is valid");
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = String::new();
    for line in source.lines().filter(|line| !line.starts_with('#')) {
        if let Some((id, _)) = line.split_once(" =").filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase())) {
            current = id.to_owned();
            assert!(texts.insert(current.clone(), BTreeSet::new()).is_none(), "{current} is twice in its file");
        }
        let variables = line.split('$').skip(1).map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        let variables: Vec<String> = variables.collect();
        if !variables.is_empty() {
            texts.get_mut(&current).expect("a variable is part of a text").extend(variables);
        }
    }
    texts
}

fn all(sources: &Sources) -> BTreeMap<String, BTreeSet<String>> {
    let texts: Vec<_> = sources.iter().flat_map(|(_, source)| read(source)).collect();
    let count = texts.len();
    let all: BTreeMap<_, _> = texts.into_iter().collect();
    assert_eq!(all.len(), count, "an id is in two files");
    all
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate is beside the others").to_owned()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Returns the sources of the crates that say something to people, and their templates.
fn speakers() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for name in ["axme-intent/src", "axme-core/src", "axme-server/src", "axme-server/templates", "axme-words/src"] {
        files(&crates().join(name), &mut found);
    }
    found.into_iter().filter_map(|path| Some((path.clone(), std::fs::read_to_string(path).ok()?))).collect()
}

#[test]
fn both_languages_have_the_same_texts_with_the_same_variables() {
    let (english, german) = (all(ENGLISH), all(GERMAN));
    let missing: Vec<_> = english.keys().filter(|id| !german.contains_key(*id)).collect();
    assert!(missing.is_empty(), "missing in German: {missing:?}");
    let missing: Vec<_> = german.keys().filter(|id| !english.contains_key(*id)).collect();
    assert!(missing.is_empty(), "missing in English: {missing:?}");
    for (id, variables) in &english {
        assert_eq!(Some(variables), german.get(id), "the variables of {id} differ");
    }
}

#[test]
fn every_text_is_used_and_every_used_text_exists() {
    let texts = all(ENGLISH);
    let sources = speakers();
    let is_used = |id: &str| sources.iter().any(|(_, source)| source.contains(&format!("\"{id}\"")));
    let unused: Vec<_> =
        texts.keys().filter(|id| !FAMILIES.iter().any(|family| id.starts_with(family)) && !is_used(id)).collect();
    assert!(unused.is_empty(), "no page and no mail uses {unused:?}");
    for (path, source) in &sources {
        for (before, rest) in source.split("say(").skip(1).map(|rest| rest.split_at(0)) {
            debug_assert!(before.is_empty());
            // `say("id")`, `say(language, "id")`: the id is the first literal of the call.
            let call = rest.split(')').next().unwrap_or_default();
            let Some(id) = call.split('"').nth(1).filter(|_| call.matches(',').count() <= 1) else { continue };
            assert!(texts.contains_key(id), "{}: there is no text {id}", path.display());
        }
    }
}

#[test]
fn every_error_that_a_page_can_show_has_a_german_text() {
    let texts = read(GERMAN_ERRORS.1);
    for status in [400, 401, 403, 404, 405, 408, 409, 410, 413, 422, 429, 500, 503] {
        assert!(texts.contains_key(&format!("error-{status}")), "{status}");
    }
    for id in texts.keys() {
        let code = id.strip_prefix("error-").expect("every text is of one family");
        let is_code = axme_types::ErrorCode::ALL.iter().any(|known| known.as_str() == code);
        assert!(is_code || code.parse::<u16>().is_ok(), "{id} is no error of the API");
    }
}

/// The words that a reader of a page or a mail sees, without what the template fills in.
fn visible_words(template: &str, is_html: bool) -> Vec<String> {
    // This block has attributes of an element of the base template.
    let (before, after) = template.split_once("{% block class %}").unwrap_or((template, ""));
    let template = format!("{before}{}", after.split_once("{% endblock %}").map_or("", |(_, rest)| rest));
    let mut text = String::new();
    let mut rest = template.as_str();
    // Statements and values of the template.
    while let Some(start) = rest.find(['{']) {
        let (before, after) = rest.split_at(start);
        text.push_str(before);
        let end = match after.get(..2) {
            Some("{{") => after.find("}}"),
            Some("{%") => after.find("%}"),
            Some("{#") => after.find("#}"),
            _ => None,
        };
        match end {
            Some(end) => rest = &after[end + 2..],
            None => {
                text.push('{');
                rest = &after[1..];
            }
        }
    }
    text.push_str(rest);
    let mut shown = String::new();
    if is_html {
        for part in text.split('<') {
            let (tag, after) = part.split_once('>').unwrap_or(("", part));
            for name in ["aria-label=\"", "placeholder=\"", "alt=\"", " title=\"", "content=\""] {
                let is_meta = tag.starts_with("meta");
                if let Some((_, value)) = tag.split_once(name).filter(|_| !is_meta) {
                    shown.push_str(value.split('"').next().unwrap_or_default());
                    shown.push(' ');
                }
            }
            shown.push_str(after);
            shown.push(' ');
        }
    } else {
        shown = text;
    }
    let shown = shown.replace("&nbsp;", " ");
    let words = shown.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty() && !NAMES.contains(word));
    words.map(str::to_owned).collect()
}

#[test]
fn no_template_of_a_page_or_a_mail_has_words_of_its_own() {
    let mut found = Vec::new();
    files(&crates().join("axme-server/templates"), &mut found);
    let mut read = 0;
    for path in found {
        // The console and the reference are in English.
        if path.components().any(|part| part.as_os_str() == "console" || part.as_os_str() == "reference") {
            continue;
        }
        let template = std::fs::read_to_string(&path).expect("a template is text");
        let words = visible_words(&template, path.extension().is_some_and(|kind| kind == "html"));
        assert!(words.is_empty(), "{}: {words:?} must be in the catalogue", path.display());
        read += 1;
    }
    assert!(read > 20, "the templates were found");
    assert_eq!(visible_words("<p>{{ a }} now</p><b aria-label=\"Go {{ b }}\">", true), ["now", "Go"]);
    assert_eq!(visible_words("{% block class %} data-a=\"{{ a }}\"{% endblock %}then", true), ["then"]);
}

#[test]
fn german_is_formal() {
    for (file, source) in GERMAN.iter().chain([&GERMAN_ERRORS]) {
        for word in source.split(|c: char| !c.is_alphabetic()) {
            let is_familiar = ["du", "dich", "dir", "dein", "deine", "deinen", "deiner", "euch", "euer"];
            assert!(!is_familiar.contains(&word.to_lowercase().as_str()), "{file}: {word}");
        }
    }
}
