//! The API reference as a page.

use std::collections::BTreeSet;

use crate::harness::{Engine, SITE, Server};

/// Returns every text between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once(end)).map(|(inner, _)| inner).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_has_every_operation_and_needs_nothing_else() {
    let server = Server::start(Engine::Sqlite).await;
    let answer = server.page("/docs").await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"text/html; charset=utf-8".parse().unwrap())
    );
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    let html = answer.body.as_str().unwrap().to_owned();
    assert!(!html.contains("<script") && !html.contains(" src=") && !html.contains("style="));
    for info in axme_api::table().iter().map(|op| op.info()) {
        let article = between(&html, &format!("<article id=\"{}\">", info.id), "</article>");
        assert_eq!(article.len(), 1, "{}", info.id);
        let path = info.path.replace("{*", "{");
        assert!(article[0].contains(&format!("<code>{} {path}</code>", info.method.as_str())), "{}", article[0]);
        assert!(article[0].contains("curl") && article[0].contains(SITE), "{}", article[0]);
        for field in info.path_fields() {
            assert!(article[0].contains(&format!("<code>{field}</code> (required)")), "{field}: {}", article[0]);
        }
    }
    for route in axme_api::routes() {
        assert!(html.contains(&format!("<code>{} {}</code>", route.method.as_str(), route.path)), "{}", route.path);
    }
    let marks = between(&html, " id=\"", "\"");
    let known: BTreeSet<&str> = marks.iter().copied().collect();
    assert_eq!(known.len(), marks.len(), "no anchor occurs twice");
    for link in between(&html, "href=\"#", "\"") {
        assert!(known.contains(link), "{link} leads nowhere");
    }
    assert_eq!(server.page("/docs").await.body, answer.body);
}
