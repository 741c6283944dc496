//! Rust as tokens, and the same without code that only tests see.

use std::iter::Peekable;
use std::vec::IntoIter;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

pub type Tokens = Peekable<IntoIter<TokenTree>>;

/// The words that begin an item, after `pub`.
const ITEMS: [&str; 16] = [
    "fn",
    "struct",
    "enum",
    "union",
    "trait",
    "type",
    "const",
    "static",
    "mod",
    "use",
    "impl",
    "unsafe",
    "async",
    "extern",
    "macro_rules",
    "let",
];

pub fn tokens(path: &str, text: &str) -> TokenStream {
    text.parse().unwrap_or_else(|why| panic!("{path}: {why}"))
}

pub fn peekable(tokens: TokenStream) -> Tokens {
    tokens.into_iter().collect::<Vec<_>>().into_iter().peekable()
}

/// Removes every item with `#[test]` or `#[cfg(test)]`. A file that begins with `#![cfg(test)]` becomes empty.
pub fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut tokens = peekable(tokens);
    let mut kept = Vec::new();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == '#' => {
                let is_inner = next_is(&mut tokens, '!');
                match attribute(&mut tokens) {
                    Some(group) if is_test(&group) && is_inner => return TokenStream::new(),
                    Some(group) if is_test(&group) => skip_item(&mut tokens),
                    Some(group) => kept.extend([TokenTree::Punct(sign), TokenTree::Group(group)]),
                    None => kept.push(TokenTree::Punct(sign)),
                }
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                inner.set_span(group.span());
                kept.push(TokenTree::Group(inner));
            }
            other => kept.push(other),
        }
    }
    kept.into_iter().collect()
}

/// Collects every word in the tokens.
pub fn words(tokens: TokenStream, found: &mut std::collections::BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => {
                found.insert(word.to_string());
            }
            TokenTree::Group(group) => words(group.stream(), found),
            _ => {}
        }
    }
}

pub fn next_is(tokens: &mut Tokens, sign: char) -> bool {
    tokens.next_if(|token| matches!(token, TokenTree::Punct(found) if found.as_char() == sign)).is_some()
}

/// Reads the brackets of an attribute whose `#` was read.
pub fn attribute(tokens: &mut Tokens) -> Option<Group> {
    match tokens.next_if(|token| matches!(token, TokenTree::Group(_)))? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some(group),
        _ => None,
    }
}

/// Recognizes `test`, `cfg(test)`, `cfg(all(test, ..))` and attributes that end in `::test`.
fn is_test(attribute: &Group) -> bool {
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    let path = text.split('(').next().unwrap_or_default();
    path == "test" || path.ends_with("::test") || text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Skips the item after an attribute up to its semicolon or body, or the field or arm up to its comma.
fn skip_item(tokens: &mut Tokens) {
    while next_is(tokens, '#') {
        attribute(tokens);
    }
    if tokens.next_if(|token| matches!(token, TokenTree::Ident(word) if word == "pub")).is_some() {
        skip_visibility(tokens);
    }
    let is_item = matches!(tokens.peek(), Some(TokenTree::Ident(word)) if ITEMS.contains(&word.to_string().as_str()));
    for token in tokens.by_ref() {
        match token {
            TokenTree::Punct(sign) if sign.as_char() == ';' || (sign.as_char() == ',' && !is_item) => return,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            _ => {}
        }
    }
}

/// Skips `(crate)` or `(in a::b)` after `pub`. The type of a field may also begin with a parenthesis.
pub fn skip_visibility(tokens: &mut Tokens) {
    tokens.next_if(|token| {
        let TokenTree::Group(group) = token else { return false };
        let first = group.stream().into_iter().next();
        group.delimiter() == Delimiter::Parenthesis
            && matches!(first, Some(TokenTree::Ident(word)) if ["crate", "super", "self", "in"].iter().any(|w| word == w))
            && (group.stream().into_iter().count() == 1 || group.stream().to_string().starts_with("in "))
    });
}
