//! The API reference as pages.

use std::collections::{BTreeMap, BTreeSet};

use axme_api::ErrorCode;
use axme_api::families::{self, FAMILIES};

use crate::harness::{Engine, SITE, Server};

/// Ten screens of 1280 by 900 pixels.
const MAX_PIXELS: usize = 9_000;

/// The height of what a page shows, by its tags, and of a line of code. A browser checks the real height of the pages in
/// `compat/page_checks.py`; it is up to a tenth less.
const PIXELS: &[(&str, usize)] =
    &[("<tr", 32), ("<li>", 26), ("<p>", 30), ("<p ", 30), ("<pre>", 24), ("<h1", 60), ("<h2", 72), ("<h3", 44)];
const CODE_LINE_PIXELS: usize = 22;

/// Returns every text between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(end)).map(|(inner, _)| inner).collect()
}

/// Returns every page of the reference by its path.
async fn every_page(server: &Server) -> BTreeMap<String, String> {
    let names = FAMILIES.iter().map(|family| format!("/docs/{}", family.name));
    let mut pages = BTreeMap::new();
    for path in names.chain(["/docs".to_owned(), "/docs/errors".to_owned()]) {
        let answer = server.page(&path).await;
        let kind = answer.headers["content-type"].to_str().unwrap();
        assert_eq!((answer.status.as_u16(), kind), (200, "text/html; charset=utf-8"), "{path}");
        assert_eq!(server.page(&path).await.body, answer.body, "{path} is the same again");
        pages.insert(path, answer.body.as_str().unwrap().to_owned());
    }
    pages
}

/// Returns the part of a page that shows without unfolding anything.
fn visible(html: &str) -> String {
    let (mut text, mut depth) = (String::new(), 0_usize);
    for piece in html.split_inclusive("</details>") {
        for (at, part) in piece.split("<details").enumerate() {
            depth += usize::from(at > 0);
            match part.split_once("</summary>") {
                Some((summary, _)) if depth == 1 && at > 0 => text.push_str(&format!("<p>{summary}</p>\n")),
                _ if depth == 0 => text.push_str(part),
                _ => {}
            }
        }
        depth -= usize::from(piece.ends_with("</details>"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_lists_every_operation_and_leads_to_it() {
    let server = Server::start(Engine::Sqlite).await;
    let pages = every_page(&server).await;
    let index = &pages["/docs"];
    for info in axme_api::table().iter().map(|op| op.info()) {
        let family = families::of(info.id).unwrap().name;
        let row = between(index, &format!("<a href=\"docs/{family}#{}\">", info.id), "</li>");
        assert!(row.iter().any(|row| row.contains("class=\"method\"")), "{} is in the index", info.id);
        let path = info.path.replace("{*", "{");
        assert!(row.iter().any(|row| row.contains(&format!("<code>{path}</code>"))), "{row:?}");
        assert!(row.iter().any(|row| row.contains(info.method.as_str())), "{row:?}");
    }
    for route in axme_api::routes() {
        let beside = ["/app", "/auth/exchange", "/docs", "/inbox", "/oauth", "/.well-known/oauth"];
        if route.path == "/" || beside.iter().any(|prefix| route.path.starts_with(prefix)) {
            continue;
        }
        assert!(index.contains(&format!("<code>{}</code>", route.path.replace("{*", "{"))), "{}", route.path);
    }
    for family in FAMILIES {
        assert!(index.contains(&format!("<a href=\"docs/{}\">{}</a>", family.name, family.title)), "{}", family.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_described_on_one_page() {
    let server = Server::start(Engine::Sqlite).await;
    let pages = every_page(&server).await;
    for info in axme_api::table().iter().map(|op| op.info()) {
        let mark = format!("<article id=\"{}\"", info.id);
        let found: Vec<(&String, &str)> = pages
            .iter()
            .flat_map(|(path, html)| between(html, &mark, "</article>").into_iter().map(move |a| (path, a)))
            .collect();
        assert_eq!(found.len(), 1, "{} has one anchor", info.id);
        let (path, article) = found[0];
        assert_eq!(*path, format!("/docs/{}", families::of(info.id).unwrap().name), "{}", info.id);
        for path in [info.path].iter().chain(info.aliases) {
            assert!(article.contains(&format!("<code>{}</code>", path.replace("{*", "{"))), "{path}: {article}");
        }
        assert!(article.contains("curl") && article.contains(SITE), "{article}");
        let fields = axme_api::openapi::input_fields(info).into_iter().flat_map(|field| {
            let is_body = info.input == axme_api::Input::RawBody && field.name == "body";
            match field.schema["properties"].as_object().filter(|_| is_body) {
                Some(fields) => fields.keys().map(String::as_str).collect(),
                None => vec![if is_body { "(the whole body)" } else { field.name }],
            }
        });
        for name in fields {
            assert!(article.contains(&format!("<th scope=\"row\"><code>{name}</code>")), "{}: {name}", info.id);
        }
        for code in info.error_codes() {
            assert!(
                article.contains(&format!("<a href=\"errors#{code}\"><code>{code}</code></a>")),
                "{}: {code}",
                info.id
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_link_leads_somewhere_on_this_server() {
    let server = Server::start(Engine::Sqlite).await;
    let pages = every_page(&server).await;
    let mut anchors = BTreeSet::new();
    for (path, html) in &pages {
        for id in between(html, " id=\"", "\"") {
            assert!(anchors.insert(format!("{path}#{id}")), "{path}#{id} occurs twice");
        }
    }
    for (path, html) in &pages {
        let folder = if path == "/docs" { "/" } else { "/docs/" };
        assert!(!html.contains("style=") && !html.contains("://www") && !html.contains("url("), "{path}");
        let scripts = between(html, "<script", ">");
        let expected: &[&str] = if path == "/docs" {
            &[" type=\"module\" src=\"app/page.js\"", " type=\"module\" src=\"docs/filter.js\""]
        } else {
            &[" type=\"module\" src=\"../app/page.js\""]
        };
        assert_eq!(scripts, expected, "{path}");
        for link in between(html, "href=\"", "\"").into_iter().chain(between(html, "src=\"", "\"")) {
            assert!(!link.contains(':') && !link.starts_with('/'), "{path}: {link} is not relative");
            let target = match (link.strip_prefix('#'), link.strip_prefix("../")) {
                (Some(anchor), _) => format!("{path}#{anchor}"),
                (None, Some(above)) => format!("/{above}"),
                (None, None) => format!("{folder}{link}"),
            };
            match target.split_once('#') {
                Some(_) => assert!(anchors.contains(&target), "{path}: {target} leads nowhere"),
                None => {
                    assert!(pages.contains_key(&target) || server.page(&target).await.status == 200, "{path}: {target}")
                }
            }
        }
    }
}

/// A type that is not described would show its reference as its type.
#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_resolved() {
    let server = Server::start(Engine::Sqlite).await;
    let pages = every_page(&server).await;
    assert!(pages.values().all(|html| !html.contains("$ref") && !html.contains("components/schemas")));
    let intents = &pages["/docs/intents"];
    assert!(intents.contains("<summary>Fields of IntentView</summary>"));
    assert!(intents.contains("<li><code>CANCELED</code>: It was canceled.</li>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_code_is_explained() {
    let server = Server::start(Engine::Sqlite).await;
    let html = server.page("/docs/errors").await.body.as_str().unwrap().to_owned();
    for code in ErrorCode::ALL {
        let row = between(&html, &format!("<tr id=\"{code}\">"), "</tr>");
        assert_eq!(row.len(), 1, "{code}");
        assert!(row[0].contains(&format!(">{}</td>", code.kind().http_status())), "{}", row[0]);
        let (meaning, _) = code.meaning().split_once(['`', '\'']).unwrap_or((code.meaning(), ""));
        assert!(row[0].contains(meaning), "{}", row[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_run_no_script_but_those_of_this_server() {
    let server = Server::start(Engine::Sqlite).await;
    for path in ["/docs", "/docs/intents", "/docs/errors", "/docs/unknown"] {
        let answer = server.page(path).await;
        let expected = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
                        manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        assert_eq!(answer.headers["content-security-policy"], expected, "{path}");
    }
    let script = server.page("/docs/filter.js").await;
    assert_eq!(
        (script.status.as_u16(), &script.headers["content-type"]),
        (200, &"text/javascript; charset=utf-8".parse().unwrap())
    );
    assert_eq!(script.headers["x-content-type-options"], "nosniff");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_page_is_not_found() {
    let server = Server::start(Engine::Sqlite).await;
    for path in ["/docs/unknown", "/docs/intents.create", "/docs/%3Cb%3E", "/docs/INTENTS"] {
        let answer = server.page(path).await;
        assert_eq!(answer.status.as_u16(), 404, "{path}");
        let html = answer.body.as_str().unwrap();
        assert!(html.contains("<a href=\"../docs\">index</a>") && !html.contains("<b>"), "{path}: {html}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_is_longer_than_ten_screens() {
    let server = Server::start(Engine::Sqlite).await;
    for (path, html) in every_page(&server).await {
        // A family says what it is for on the line of its heading.
        let shown = visible(&html).replace("</h3> <p>", "</h3> ");
        let tags: usize = PIXELS.iter().map(|(tag, pixels)| shown.matches(tag).count() * pixels).sum();
        let code: usize = between(&shown, "<pre>", "</pre>").iter().map(|code| code.lines().count()).sum();
        let pixels = tags + code * CODE_LINE_PIXELS;
        assert!(pixels <= MAX_PIXELS, "{path} has {pixels} pixels: split the family in axme-api/src/families.rs");
    }
}
