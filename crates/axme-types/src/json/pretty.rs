//! A JSON text on several lines, for people, in the form of serde's printer.

use super::tokens::{Token, Tokens};

/// Returns a valid text with one value a line.
pub(super) fn of(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut is_empty = false;
    for (_, token) in Tokens::of(text) {
        if is_empty && !matches!(token, Token::CloseObject | Token::CloseArray) {
            new_line(&mut out, depth);
        }
        match token {
            Token::OpenObject | Token::OpenArray => {
                out.push(if token == Token::OpenObject { '{' } else { '[' });
                depth += 1;
            }
            Token::CloseObject | Token::CloseArray => {
                depth -= 1;
                if !is_empty {
                    new_line(&mut out, depth);
                }
                out.push(if token == Token::CloseObject { '}' } else { ']' });
            }
            Token::Comma => {
                out.push(',');
                new_line(&mut out, depth);
            }
            Token::Colon => out.push_str(": "),
            Token::Text(text) | Token::Word(text) => out.push_str(text),
        }
        is_empty = matches!(token, Token::OpenObject | Token::OpenArray);
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}
