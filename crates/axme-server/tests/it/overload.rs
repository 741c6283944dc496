//! More calls than the database takes: those beyond the places are refused at once, and the others keep theirs.

use axme_store::Limits;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use crate::harness::{Engine, Server, each_engine};
use crate::store::hold;

each_engine! {
    calls_beyond_the_places_of_their_workspace_are_refused_at_once,
}

async fn calls_beyond_the_places_of_their_workspace_are_refused_at_once(engine: Engine) {
    let server = Server::start_with(engine, Limits { waiting_calls: 3, ..Limits::default() }).await;
    let other = server.workspace("other", "default").await;
    let put = async |key: String, nth: usize| {
        server.send(&key, "PUT", &format!("/v1/groups/g{nth}"), Some(json!({ "members": [] }))).await
    };
    let (release, held) = hold(&server.app.store).await;
    let mut calls: FuturesUnordered<_> = (0..8).map(|nth| put(server.admin.clone(), nth)).collect();
    for _ in 0..5 {
        let answer = calls.next().await.unwrap();
        assert_eq!(answer.headers["retry-after"], "1");
        let text = answer.refused(503, "unavailable");
        assert_eq!(text, "too many calls of this workspace wait: nothing was changed, try again later");
    }
    let modest = put(other, 0);
    release.send(()).unwrap();
    let (accepted, modest, held) = futures_util::join!(calls.collect::<Vec<_>>(), modest, held);
    held.unwrap();
    modest.ok();
    assert_eq!(accepted.len(), 3, "accepted work keeps its place");
    for answer in accepted {
        answer.ok();
    }
    put(server.admin.clone(), 9).await.ok();
}
