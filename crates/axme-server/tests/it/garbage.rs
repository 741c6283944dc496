//! Invalid input for operations whose own tests have none.

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    invalid_input_is_refused,
    invalid_input_of_people_is_refused,
    a_wrong_field_is_searched_for_among_a_bounded_number,
}

async fn invalid_input_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let endless = format!("/v1/agents/{}/receive-override", "x".repeat(400));
    for (method, path, status) in [
        ("GET", endless.as_str(), 404),
        ("GET", "/v1/me/tasks?limit=0", 422),
        ("GET", "/v1/transports/bindings?limit=0", 422),
        ("GET", "/v1/webhooks/subscriptions?include_inactive=perhaps", 422),
        ("GET", "/v1/portal/enterprise/access-requests?state=unknown", 422),
        ("GET", "/v1/mesh/agents/nobody/policies/cost", 404),
        ("DELETE", "/v1/mesh/agents/nobody/policies/cost", 404),
        ("GET", "/v1/mesh/agents/nobody/policies/action", 404),
        ("DELETE", "/v1/mesh/agents/nobody/policies/action", 404),
        ("DELETE", "/v1/inbox/019b76da-a800-7000-8000-000000000000/messages?mode=self", 404),
    ] {
        let answer = server.send(&server.admin, method, path, None).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert!(answer.body["detail"].is_string(), "{method} {path}: {}", answer.body);
    }
}

async fn invalid_input_of_people_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.sign_in("owner@local").await;
    for path in ["/v1/auth/sessions?include_revoked=perhaps", "/v1/auth/assistant-links?include_revoked=2"] {
        server.as_person(&owner, "GET", path, None).await.refused(422, "validation_failed");
    }
    for path in ["/v1/auth/logout", "/v1/auth/logout-all"] {
        server.send(&server.admin, "POST", path, None).await.refused(401, "missing_actor_token");
        server.as_person(&owner, "POST", path, Some(json!([]))).await.refused(422, "validation_failed");
    }
    server.send(&server.admin, "GET", "/v1/portal/personal/context", None).await.refused(401, "missing_actor_token");
    for (path, body) in [
        ("/v1/auth/refresh", json!({})),
        ("/v1/auth/exchange", json!({ "token": 1 })),
        ("/v1/auth/cli-grants", json!("text")),
        ("/v1/alpha/verify-email/resend", json!({ "email": Value::Null })),
    ] {
        server.send("", "POST", path, Some(body)).await.refused(422, "validation_failed");
    }
}

/// The search for the wrong field reads the whole body once for each field.
async fn a_wrong_field_is_searched_for_among_a_bounded_number(engine: Engine) {
    let server = Server::start(engine).await;
    for (others, is_named) in [(10, true), (100, false)] {
        let fields = (0..others).map(|nth| (format!("x{nth}"), json!(nth)));
        let body: Value =
            fields.chain([("intent_type".to_owned(), json!(5))]).collect::<serde_json::Map<_, _>>().into();
        let refused = server.send(&server.admin, "POST", "/v1/intents", Some(body)).await;
        let text = refused.refused(422, "validation_failed");
        assert_eq!(text.starts_with("intent_type: "), is_named, "{others}: {text}");
    }
}
