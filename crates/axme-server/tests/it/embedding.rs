//! The page of a task inside another page: whom it tells of the answer, and where it leads back.

use axme_core::state::Site;
use axme_store::Limits;
use serde_json::json;

use crate::harness::{Engine, SITE, Server, each_engine};
use crate::people::{ANN, ask};

each_engine! {
    a_page_leads_back_to_allowed_origins_only,
    a_page_names_the_origins_that_may_frame_it,
}

const ALLOWED: &str = "https://intranet.example.com";

async fn framed(engine: Engine) -> Server {
    let embed_origins = vec![ALLOWED.to_owned(), "http://127.0.0.1:1".to_owned()];
    Server::start_at(engine, Limits::default(), Site { embed_origins, ..Site::default() }).await
}

/// Approves a task on its page, which was opened with `more` in its address. Returns the last page.
async fn approve(server: &Server, more: &str) -> String {
    let id = ask(server, json!({ "title": "Pay?", "notify_email": ANN })).await;
    let link = server.mails().await.pop().expect("a mail").link.expect("a link");
    let (path, token) = link.strip_prefix(SITE).unwrap().split_once("?token=").unwrap();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let mut place = format!("{path}?token={token}{more}");
    for step in ["", "&step=confirm"] {
        let body = format!("token={token}&outcome=approved{step}").into_bytes();
        let answer = server.send_raw("", "POST", &place, body, &kind).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        place = format!("{path}{}", answer.headers["location"].to_str().unwrap());
    }
    let page = server.page(&place).await.body.as_str().expect("a page").to_owned();
    assert!(page.contains(&format!("data-answered=\"approved\" data-intent=\"{id}\"")), "{page}");
    page
}

async fn a_page_leads_back_to_allowed_origins_only(engine: Engine) {
    let server = framed(engine).await;
    let page = approve(&server, "&return_url=https%3A%2F%2Fintranet.example.com%2Fpayments%3Fa%3D1%26b%3D2").await;
    assert!(page.contains("Back to intranet.example.com"), "{page}");
    assert!(page.contains("href=\"https://intranet.example.com/payments?a=1&#38;b=2\""), "{page}");
    for other in [
        "https%3A%2F%2Fevil.example.com%2F",
        "http%3A%2F%2Fintranet.example.com%2F",
        "https%3A%2F%2Fintranet.example.com%3A8443%2F",
        "https%3A%2F%2Fintranet.example.com%40evil.example.com%2F",
        "https%3A%2F%2Fann%40intranet.example.com%2F",
        "%2F%2Fintranet.example.com%2F",
        "javascript%3Aalert(1)",
    ] {
        let page = approve(&server, &format!("&return_url={other}")).await;
        assert!(!page.contains("Back to") && !page.contains("target="), "{other}: {page}");
    }
}

async fn a_page_names_the_origins_that_may_frame_it(engine: Engine) {
    let server = framed(engine).await;
    let page = approve(&server, "").await;
    assert!(page.contains("data-embedders=\"https://intranet.example.com http://127.0.0.1:1\""), "{page}");
    let alone = Server::start(engine).await;
    assert!(!approve(&alone, "").await.contains("data-embedders"), "no origin may frame the pages of this server");
}
