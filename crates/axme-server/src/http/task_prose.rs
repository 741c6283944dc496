//! The description of a task: a safe subset of Markdown as HTML.
//!
//! Paragraphs, emphasis, lists, quotations, code and links of the web are rendered. HTML is shown as text, an image as its text,
//! and a heading as a bold line. So no text can pass for a part of the page. Every link shows the host
//! that it leads to.

use askama::filters::{Html, escape};
use axme_intent::facts;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown. The result is safe to put into a page.
pub(crate) fn html(markdown: &str) -> String {
    let mut written = String::new();
    let mut links = Vec::new();
    let events = Parser::new_ext(markdown, Options::empty()).flat_map(|event| events(event, &mut links));
    html::push_html(&mut written, events);
    written
}

/// Returns the events to render for an event of the parser. `links` holds the hosts of the open links.
fn events<'a>(event: Event<'a>, links: &mut Vec<Option<String>>) -> Vec<Event<'a>> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => vec![Event::Text(text)],
        // Lines stay lines, as in a mail.
        Event::SoftBreak => vec![Event::HardBreak],
        Event::Start(Tag::Heading { .. }) => vec![Event::Start(Tag::Paragraph), Event::Start(Tag::Strong)],
        Event::End(TagEnd::Heading(_)) => vec![Event::End(TagEnd::Strong), Event::End(TagEnd::Paragraph)],
        Event::Start(Tag::Image { .. } | Tag::HtmlBlock | Tag::MetadataBlock(_)) => Vec::new(),
        Event::End(TagEnd::Image | TagEnd::HtmlBlock | TagEnd::MetadataBlock(_)) => Vec::new(),
        // The info string of a block of code becomes an attribute.
        Event::Start(Tag::CodeBlock(_)) => vec![Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented))],
        Event::Start(Tag::Link { dest_url, .. }) => match facts::link(&dest_url) {
            Some((url, host)) => {
                links.push(Some(host));
                let open = format!("<a href=\"{}\" rel=\"noreferrer noopener\" target=\"_blank\">", escaped(&url));
                vec![Event::InlineHtml(CowStr::from(open))]
            }
            None => {
                links.push(None);
                Vec::new()
            }
        },
        Event::End(TagEnd::Link) => match links.pop().flatten() {
            Some(host) => {
                let close = format!("</a> <span class=\"site\">({})</span>", escaped(&host));
                vec![Event::InlineHtml(CowStr::from(close))]
            }
            None => Vec::new(),
        },
        other => vec![other],
    }
}

fn escaped(text: &str) -> String {
    escape(text, Html).map(|safe| safe.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safe_subset_is_rendered() {
        let text = "Pay **today**:\n\n- one\n- `two`\n\nSee [the invoice](https://erp.example/5?a=1&b=2)\nand <https://x.example>";
        let shown = html(text);
        for part in [
            "<strong>today</strong>",
            "<li>one</li>",
            "<code>two</code>",
            "<a href=\"https://erp.example/5?a=1&#38;b=2\" rel=\"noreferrer noopener\" target=\"_blank\">the invoice</a> \
             <span class=\"site\">(erp.example)</span>",
            "<br />",
            "(x.example)",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn nothing_passes_for_a_part_of_the_page() {
        let text = "# Approved\n<script>alert(1)</script>\n\n<form action=x><b>x</b>\n\n![p](https://evil.example/p.png)\n\n\
                    [a](javascript:alert(1)) [b](//evil.example) [c](https://bank.example@evil.example)\n\n```\" onclick=\"x\ncode\n```";
        let shown = html(text);
        for part in ["<script", "<form", "<img", "<h1", "javascript:", "href", "onclick", "<b>"] {
            assert!(!shown.contains(part), "{part} in {shown}");
        }
        assert!(shown.contains("<p><strong>Approved</strong></p>") && shown.contains("&lt;script&gt;"), "{shown}");
    }
}
