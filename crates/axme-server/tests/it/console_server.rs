//! The server in the console: its state, the check of its machine and its settings, for operators only.

use serde_json::json;

use crate::harness::browser::{Browser, location, send, text};
use crate::harness::{Engine, Server, each_engine};

each_engine! {
    an_operator_sees_the_server_and_checks_its_machine,
    nobody_else_sees_the_server,
}

async fn an_operator_sees_the_server_and_checks_its_machine(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let overview = admin.page("/app").await;
    for part in ["href=\"/app/server\"", "Free disk", "Timer lag", "Database"] {
        assert!(overview.contains(part), "{part}: {overview}");
    }
    let page = admin.page("/app/server").await;
    for part in
        ["postgres://app:…@db/axme", "the environment variable AXME_DATABASE_URL", "Nothing was checked", "timers"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(page.contains("0 due"), "{page}");
    // A timer that is overdue shows, here and on the overview.
    let task = json!({ "intent_type": "intent.x.v1", "payload": {}, "remind_after_seconds": 60, "human_task": { "title": "?" } });
    server.post(&server.admin, "/v1/intents", task).await;
    server.clock.advance(std::time::Duration::from_secs(60 + 300));
    let page = admin.page("/app/server").await;
    assert!(page.contains("1 due, the earliest for 5 min"), "{page}");
    assert!(admin.page("/app").await.contains("tile alarm"));
    let checked = admin.post("/app/server", &[]).await;
    assert_eq!(location(&checked), "/app/server?said=checked", "{}", text(&checked));
    let page = admin.page("/app/server").await;
    for part in ["fsync time", "disk space", "MiB free", "public url", "no mail server is set"] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

async fn nobody_else_sees_the_server(engine: Engine) {
    let server = Server::start(engine).await;
    server.give("ann@example.com", "workspace_admin", None).await;
    server.give("aud@example.com", "security_auditor", None).await;
    let mut strangers = Vec::new();
    for key in [server.workspace("other", "one").await, server.agent("greeter").await] {
        strangers.push(Browser::with_key(&server, &key).await);
    }
    for email in ["ann@example.com", "aud@example.com"] {
        strangers.push(Browser::by_mail(&server, email).await);
    }
    for stranger in &strangers {
        let page = stranger.get("/app/server").await;
        assert_eq!(page.status, 403, "{}", text(&page));
        assert!(
            !text(&page).contains("/app/server\"") && !text(&page).contains("AXME_DATABASE_URL"),
            "{}",
            text(&page)
        );
    }
    for stranger in &strangers[..3] {
        assert_eq!(stranger.post("/app/server", &[]).await.status, 403);
        assert!(!text(&stranger.get("/app").await).contains("Free disk"));
    }
    // A form of another session starts no check.
    let admin = Browser::with_key(&server, &server.admin).await;
    assert_eq!(send(&server, &admin.cookie, "/app/server", &[("csrf", "x")]).await.status, 403);
    assert!(admin.page("/app/server").await.contains("Nothing was checked"));
}
