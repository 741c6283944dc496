//! Prose: sentences in documents, comments and messages begin in a plain way and stay short (STYLE.md, "Prose").
//!
//! The checks are a floor: they find sentences that a reader has to read twice, not every one of them.

use std::sync::LazyLock;

use regex::Regex;

use super::{Complaints, SourceFile, files, pattern};

/// The longest sentence, in words. Code counts as one word, and so does a list of code.
const MAX_WORDS: usize = 25;

/// Texts that are not prose of ours: the licenses, the code of conduct, and the changelog of a fixed form.
const EXEMPT: [&str; 2] = ["CODE_OF_CONDUCT.md", "CHANGELOG.md"];

#[test]
fn sentences_are_plain_and_short() {
    let mut complaints = Complaints::default();
    for file in files(&["md", "rs", "html", "txt"]) {
        let is_data = file.has_type("txt") && !file.path.contains("/templates/");
        if is_data || EXEMPT.contains(&file.path.as_str()) || file.path.ends_with("tidy/prose.rs") {
            continue;
        }
        let paragraphs = match () {
            () if file.has_type("rs") => rust_paragraphs(&file),
            () if file.has_type("html") => html_paragraphs(&file.text),
            () => paragraphs(&file.text, 1),
        };
        for (line, paragraph) in paragraphs {
            for sentence in sentences(&paragraph) {
                if let Some(fault) = fault(&sentence) {
                    complaints.add(&file, line, format!("{fault}: {sentence}"));
                }
            }
        }
    }
    complaints.none();
}

/// Says why a sentence is not plain.
fn fault(sentence: &str) -> Option<String> {
    static OPENING: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r#"^["(“*]*(Whoever|Whatever|What|Those that|Those who|That which|That what|The same for|He who|Who)\b"#,
        )
    });
    static PHRASE: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)\b(none but|is minded|are minded)\b|\b(\w+) (?:is|are|was|were) no (\w+)"));
    // The table of phrases in STYLE.md.
    static HABIT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)\b(as (?:it is|they are)[.,;:)]|(?:is|are) over[.,;:)]|gives? way to|hears? of|lies in|somebody|those who|(?:may|can) stand)",
        )
    });
    let is_question = sentence.trim_end_matches([')', '"', '”']).ends_with('?');
    if !is_question && let Some(opening) = OPENING.captures(sentence) {
        return Some(format!("begins with \"{}\"", &opening[1]));
    }
    if let Some(found) = HABIT.captures(sentence) {
        return Some(format!("says \"{}\"", &found[1]));
    }
    for found in PHRASE.captures_iter(sentence) {
        let is_plain = found.get(2).is_some_and(|subject| subject.as_str().eq_ignore_ascii_case("there"))
            || found.get(3).is_some_and(|next| ["longer", "more", "later", "earlier"].contains(&next.as_str()));
        if !is_plain {
            return Some(format!("says \"{}\"", &found[0]));
        }
    }
    let words = words(sentence);
    (words > MAX_WORDS).then(|| format!("has {words} words"))
}

fn words(sentence: &str) -> usize {
    static CODE_LIST: LazyLock<Regex> = LazyLock::new(|| pattern(r"CODE(?:,? (?:and|or|to)? ?CODE)+"));
    let short = CODE_LIST.replace_all(sentence, "CODE");
    short.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

/// The sentences of a paragraph, with code, links and emphasis reduced to words.
fn sentences(paragraph: &str) -> Vec<String> {
    static REDUCED: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        [
            (pattern(r"``[^`]+``|`[^`]*`"), "CODE"),
            (pattern(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])?"), "$1"),
            (pattern(r"<https?:[^>]+>"), "CODE"),
            (pattern(r"[*_]{1,2}([^\s*_][^*]*?)[*_]{1,2}"), "$1"),
            (pattern(r"\b(e\.g|i\.e|etc|vs|cf|No|St)\."), "$1"),
        ]
    });
    static END: LazyLock<Regex> = LazyLock::new(|| pattern(r#"[.!?][")]*\s+"#));
    let mut text = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    for (from, to) in &*REDUCED {
        text = from.replace_all(&text, *to).into_owned();
    }
    let mut found = Vec::new();
    let mut start = 0;
    for end in END.find_iter(&text) {
        let next = text[end.end()..].chars().next();
        if next.is_some_and(|next| next.is_uppercase() || "\"(`“".contains(next)) {
            found.push(text[start..end.end()].trim().to_owned());
            start = end.end();
        }
    }
    found.push(text[start..].trim().to_owned());
    found.retain(|sentence| !sentence.is_empty());
    found
}

/// The paragraphs, list items and table cells of Markdown, each with the line where it begins. Code and headings are left
/// out.
fn paragraphs(text: &str, first_line: usize) -> Vec<(usize, String)> {
    static ITEM: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:[-*+]|\d+\.)\s+(.*)"));
    let mut found: Vec<(usize, String)> = Vec::new();
    let (mut is_code, mut is_open) = (false, false);
    for (number, line) in (first_line..).zip(text.lines()) {
        let line = line.trim();
        let is_fence = line.starts_with("```") || line.starts_with("~~~");
        let is_blank = line.is_empty() || line.starts_with(['#', '<']) || line.chars().all(|c| "-=|: ".contains(c));
        is_code ^= is_fence;
        if is_code || is_fence || is_blank {
            is_open = false;
        } else if line.starts_with('|') {
            is_open = false;
            let cells = line.trim_matches('|').replace("\\|", "/");
            found.extend(cells.split('|').map(|cell| (number, cell.trim().to_owned())));
        } else if let Some(item) = ITEM.captures(line) {
            found.push((number, item[1].to_owned()));
            is_open = true;
        } else if is_open && let Some((_, paragraph)) = found.last_mut() {
            paragraph.push(' ');
            paragraph.push_str(line);
        } else {
            found.push((number, line.trim_start_matches(['>', ' ']).to_owned()));
            is_open = true;
        }
    }
    found
}

/// The lines of a template, without tags and without the code of the template.
fn html_paragraphs(text: &str) -> Vec<(usize, String)> {
    static CODE: LazyLock<Regex> = LazyLock::new(|| pattern(r"<code>[^<]*</code>|\{\{[^}]*\}\}"));
    static MARKUP: LazyLock<Regex> = LazyLock::new(|| pattern(r"\{%[^%]*%\}|<[^>]*>"));
    let lines = (1..).zip(text.lines());
    lines
        .map(|(number, line)| {
            let line = CODE.replace_all(line, "CODE");
            (number, MARKUP.replace_all(&line, " ").trim().to_owned())
        })
        .collect()
}

/// The comments of a Rust file, read as Markdown, and its string literals that look like sentences.
fn rust_paragraphs(file: &SourceFile) -> Vec<(usize, String)> {
    static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(///|//!|//) ?(.*)$"));
    static LITERAL: LazyLock<Regex> = LazyLock::new(|| pattern(r#""((?:[^"\\]|\\[\s\S])*)""#));
    static JOINED: LazyLock<Regex> = LazyLock::new(|| pattern(r"\\\n\s*"));
    static SQL: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|RETURNING) "));
    static SENTENCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[a-z] [a-z]"));
    let mut found = Vec::new();
    let (mut comment, mut start, mut kind) = (String::new(), 0, "");
    let mut code = String::new();
    for (number, line) in file.lines() {
        let parts = COMMENT.captures(line);
        let this_kind = parts.as_ref().map_or("", |parts| parts.get(1).map_or("", |kind| kind.as_str()));
        if this_kind != kind {
            found.append(&mut paragraphs(&comment, start));
            comment.clear();
            start = number;
            kind = this_kind;
        }
        match parts {
            Some(parts) => comment.push_str(&parts[2]),
            // A quotation mark as a character would begin a literal.
            None => code.push_str(&line.replace("'\"'", "' '")),
        }
        comment.push('\n');
        code.push('\n');
    }
    found.append(&mut paragraphs(&comment, start));
    for literal in LITERAL.captures_iter(&code) {
        let text = JOINED.replace_all(&literal[1], "").replace("\\n", "\n").replace("\\\"", "\"");
        if SENTENCE.is_match(&text) && !SQL.is_match(&text) && text.split_whitespace().count() >= 4 {
            let line = code[..literal.get(0).map_or(0, |all| all.start())].matches('\n').count() + 1;
            found.append(&mut paragraphs(&text, line));
        }
    }
    found
}

#[test]
fn a_sentence_that_is_hard_to_read_is_found() {
    for bad in [
        "Whoever calls pays.",
        "What is missing is refused.",
        "It is no error.",
        "A task that is over.",
        "It stays as it is.",
        &"word ".repeat(26),
    ] {
        assert!(sentences(bad).iter().any(|sentence| fault(sentence).is_some()), "{bad}");
    }
    for good in ["What can I do?", "There is no limit.", "It is no longer here.", "Set `a`, `b` and `c`.", "Is `None`."]
    {
        assert!(sentences(good).iter().all(|sentence| fault(sentence).is_none()), "{good}");
    }
    let text =
        "//! Opens. What closes?\n\nfn f() { g(\"whoever calls here pays\") }\n\n/// First.\n/// - second\nfn g() {}\n";
    let file = SourceFile { path: "a.rs".to_owned(), text: text.to_owned() };
    let html = html_paragraphs("<p>{% if a %}The <code>b</code> of {{ c }}.</p>");
    assert_eq!(html, [(1, "The CODE of CODE.".to_owned())]);
    let expected = [(1, "Opens. What closes?"), (5, "First."), (6, "second"), (3, "whoever calls here pays")];
    assert_eq!(rust_paragraphs(&file), expected.map(|(line, text)| (line, text.to_owned())));
}
