//! Reads the modules, items, `use` declarations and paths of a Rust file from its tokens. It uses tokens rather than a
//! syntax tree, because the arguments of macros have paths too.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, Spacing, TokenStream, TokenTree};

use crate::code::{Tokens, attribute, next_is, peekable, skip_visibility};

/// A module as written: a file, or the text between the braces of `mod x { }`.
#[derive(Default)]
pub struct Scope {
    pub inline: BTreeMap<String, Scope>,
    /// Names of `mod x;`.
    pub files: BTreeSet<String>,
    pub items: BTreeSet<String>,
    /// The names that `use` brings into the scope, with their paths.
    pub names: BTreeMap<String, Vec<String>>,
    /// The modules from which `use` brings everything.
    pub globs: Vec<Vec<String>>,
    pub mentions: Vec<Mention>,
}

/// A path in a `use` declaration or in code.
pub struct Mention {
    pub path: Vec<String>,
    pub line: usize,
    /// True if it is made public here.
    pub is_export: bool,
}

/// Reads a file without its test-only code.
pub fn read(tokens: TokenStream) -> Scope {
    let mut scope = Scope::default();
    scope.read(tokens, true);
    scope
}

const ITEMS: [&str; 8] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

impl Scope {
    /// Reads the tokens of a scope. `is_module` is true if items here belong to the scope, rather than to a block in
    /// it.
    fn read(&mut self, tokens: TokenStream, is_module: bool) {
        let mut tokens = peekable(tokens);
        let mut is_public = false;
        while let Some(token) = tokens.next() {
            let was_public = std::mem::take(&mut is_public);
            match token {
                TokenTree::Punct(sign) if sign.as_char() == '#' => {
                    next_is(&mut tokens, '!');
                    if let Some(group) = attribute(&mut tokens) {
                        self.read_attribute(group.stream());
                    }
                }
                // A path that begins with `::`.
                TokenTree::Punct(sign) if sign.as_char() == ':' && sign.spacing() == Spacing::Joint => {
                    tokens.next();
                    if tokens.next_if(|token| matches!(token, TokenTree::Ident(_))).is_some() {
                        path(&mut tokens);
                    }
                }
                TokenTree::Group(group) => self.read(group.stream(), false),
                TokenTree::Ident(word) => match word.to_string().as_str() {
                    "pub" => {
                        is_public = true;
                        skip_visibility(&mut tokens);
                    }
                    "mod" => self.read_module(&mut tokens, is_module),
                    // Skips the `use<..>` of a bound.
                    "use" if !matches!(tokens.peek(), Some(TokenTree::Punct(sign)) if sign.as_char() == '<') => {
                        self.read_use(&mut tokens, &[], was_public);
                    }
                    item if ITEMS.contains(&item) => {
                        if let Some(TokenTree::Ident(name)) = tokens.peek()
                            && is_module
                        {
                            self.items.insert(name.to_string());
                        }
                    }
                    _ => self.read_path(word, &mut tokens),
                },
                _ => {}
            }
        }
    }

    fn read_module(&mut self, tokens: &mut Tokens, is_module: bool) {
        let Some(TokenTree::Ident(name)) = tokens.next_if(|token| matches!(token, TokenTree::Ident(_))) else { return };
        match tokens.next() {
            Some(TokenTree::Group(group)) => {
                self.inline.entry(name.to_string()).or_default().read(group.stream(), true);
            }
            _ if is_module => {
                self.files.insert(name.to_string());
            }
            _ => {}
        }
    }

    /// Reads a tree of `use` after `prefix`, up to the comma or semicolon that ends it.
    fn read_use(&mut self, tokens: &mut Tokens, prefix: &[String], is_export: bool) {
        let mut path = prefix.to_vec();
        let mut line = 0;
        let mut name = None;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = tokens.next().map(|token| token.to_string());
                }
                TokenTree::Ident(word) => {
                    line = word.span().start().line;
                    // `a::{self}` is `a`.
                    if word != "self" || path.is_empty() {
                        path.push(word.to_string());
                    }
                }
                TokenTree::Group(group) => {
                    let mut inner = peekable(group.stream());
                    while inner.peek().is_some() {
                        self.read_use(&mut inner, &path, is_export);
                    }
                    path.clear();
                }
                TokenTree::Punct(sign) => match sign.as_char() {
                    '*' => {
                        let line = sign.span().start().line;
                        self.mentions.push(Mention { path: path.clone(), line, is_export });
                        self.globs.push(std::mem::take(&mut path));
                    }
                    // The path begins with `::`.
                    ':' if path.is_empty() => path.push(String::new()),
                    ',' | ';' => break,
                    _ => {}
                },
                TokenTree::Literal(_) => {}
            }
        }
        if let Some(last) = path.last() {
            self.names.insert(name.unwrap_or_else(|| last.clone()), path.clone());
            self.mentions.push(Mention { path, line, is_export });
        }
    }

    fn read_path(&mut self, first: Ident, tokens: &mut Tokens) {
        let line = first.span().start().line;
        let mut path = path(tokens);
        path.insert(0, first.to_string());
        if path.len() > 1 {
            self.mentions.push(Mention { path, line, is_export: false });
        }
    }

    /// Reads an attribute, which may name functions as text: `with = "a::b"`.
    fn read_attribute(&mut self, tokens: TokenStream) {
        if matches!(tokens.clone().into_iter().next(), Some(TokenTree::Ident(name)) if name == "doc") {
            return;
        }
        for token in tokens.clone() {
            match token {
                TokenTree::Group(group) => self.read_attribute(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let syn::Lit::Str(text) = syn::Lit::new(literal) else { continue };
                    let path: Vec<String> = text.value().split("::").map(str::to_owned).collect();
                    let is_word =
                        |part: &String| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
                    if path.len() > 1 && path.iter().all(is_word) {
                        self.mentions.push(Mention { path, line, is_export: false });
                    }
                }
                _ => {}
            }
        }
        self.read(tokens, false);
    }
}

/// Reads the segments that follow a first one.
fn path(tokens: &mut Tokens) -> Vec<String> {
    let mut segments = Vec::new();
    while let Some(TokenTree::Punct(sign)) = tokens.peek()
        && sign.as_char() == ':'
        && sign.spacing() == Spacing::Joint
    {
        tokens.next();
        tokens.next();
        match tokens.next_if(|token| matches!(token, TokenTree::Ident(_))) {
            Some(segment) => segments.push(segment.to_string()),
            None => break,
        }
    }
    segments
}
