//! Users and their nicks (`spec/protocol.md` §2.8).

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    a_nick_is_checked_registered_renamed_and_found,
    users_belong_to_their_workspace_and_to_their_registrar,
    invalid_users_are_refused,
}

/// Registers a nick; returns the answer.
async fn register(server: &Server, key: &str, nick: &str) -> Value {
    server.post(key, "/v1/users/register-nick", json!({ "nick": nick, "email": "ann@example.com" })).await
}

async fn is_free(server: &Server, key: &str, nick: &str) -> bool {
    let answer = server.get(key, &format!("/v1/users/check-nick?nick={nick}")).await;
    assert_eq!(answer["nick"], nick, "as it was written");
    answer["available"].as_bool().unwrap()
}

async fn a_nick_is_checked_registered_renamed_and_found(engine: Engine) {
    let server = Server::start(engine).await;
    assert!(is_free(&server, &server.admin, "@Ann.Lee").await);
    let ann = register(&server, &server.admin, "@Ann.Lee").await;
    assert_eq!((&ann["nick"], &ann["public_address"]), (&json!("@Ann.Lee"), &json!("ann.lee@ax")));
    let owner = ann["owner_agent"].as_str().unwrap();
    assert_eq!(owner, format!("agent://user/{}", ann["user_id"].as_str().unwrap()));
    assert!(!is_free(&server, &server.admin, "@ann.lee").await, "case does not matter");
    let again = json!({ "nick": "@ANN.LEE" });
    let answer = server.send(&server.admin, "POST", "/v1/users/register-nick", Some(again)).await;
    answer.refused(409, "nick_taken");

    let body = json!({ "owner_agent": owner, "nick": "@Ann_2", "display_name": "Ann" });
    let renamed = server.post(&server.admin, "/v1/users/rename-nick", body).await;
    assert_eq!((&renamed["owner_agent"], &renamed["nick"]), (&json!(owner), &json!("@Ann_2")));
    assert_eq!(renamed["email"], "ann@example.com", "omitted fields stay");
    assert!(is_free(&server, &server.admin, "@Ann.Lee").await);
    let resolved = server.get(&server.admin, "/v1/users/resolve-nick?nick=@ANN_2").await;
    assert_eq!((&resolved["resolved"], &resolved["owner_agent"]), (&json!(true), &json!(owner)));
    let nobody = server.get(&server.admin, "/v1/users/resolve-nick?nick=@nobody").await;
    assert_eq!((&nobody["resolved"], &nobody["owner_agent"]), (&json!(false), &Value::Null));

    let body = json!({ "owner_agent": owner, "phone": "+49 1" });
    let updated = server.post(&server.admin, "/v1/users/profile/update", body).await;
    assert_eq!((&updated["normalized_nick"], &updated["phone"]), (&json!("ann_2"), &json!("+49 1")));
    let path = format!("/v1/users/profile?owner_agent={owner}");
    assert_eq!(server.get(&server.admin, &path).await, updated);
    // Its own nick in another case.
    let body = json!({ "owner_agent": owner, "nick": "@ANN_2" });
    assert_eq!(server.post(&server.admin, "/v1/users/profile/update", body).await["nick"], "@ANN_2");
    register(&server, &server.admin, "@bob").await;
    let body = json!({ "owner_agent": owner, "nick": "@Bob" });
    let answer = server.send(&server.admin, "POST", "/v1/users/rename-nick", Some(body)).await;
    answer.refused(409, "nick_taken");
}

async fn users_belong_to_their_workspace_and_to_their_registrar(engine: Engine) {
    let server = Server::start(engine).await;
    let (worker, other) = (server.agent("worker").await, server.agent("other").await);
    let stranger = server.workspace("acme", "prod").await;
    let owner = register(&server, &worker, "@ann").await["owner_agent"].as_str().unwrap().to_owned();
    let path = format!("/v1/users/profile?owner_agent={owner}");
    for key in [&worker, &server.admin] {
        assert_eq!(server.get(key, &path).await["email"], "ann@example.com");
    }
    for key in [&other, &stranger] {
        server.send(key, "GET", &path, None).await.refused(404, "not_found");
        for call in ["rename-nick", "profile/update"] {
            let body = json!({ "owner_agent": owner, "nick": "@mine" });
            let answer = server.send(key, "POST", &format!("/v1/users/{call}"), Some(body)).await;
            answer.refused(404, "not_found");
        }
    }
    let resolved = server.get(&other, "/v1/users/resolve-nick?nick=@ann").await;
    assert_eq!((&resolved["owner_agent"], &resolved["email"]), (&json!(owner), &Value::Null));
    assert!(is_free(&server, &stranger, "@ann").await, "each workspace has its own");
    register(&server, &stranger, "@ann").await;
}

async fn invalid_users_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for nick in ["ann", "@an", "@a b c", "@ann/lee", "@\u{e4}nn", &format!("@{}", "a".repeat(33)), "", "@"] {
        let body = json!({ "nick": nick });
        let answer = server.send(&server.admin, "POST", "/v1/users/register-nick", Some(body)).await;
        answer.refused(422, "validation_failed");
    }
    for path in ["check-nick?nick=ann", "check-nick", "resolve-nick?nick=%40a", "profile"] {
        let answer = server.send(&server.admin, "GET", &format!("/v1/users/{path}"), None).await;
        answer.refused(422, "validation_failed");
    }
    server
        .send(&server.admin, "GET", "/v1/users/profile?owner_agent=agent://user/nobody", None)
        .await
        .refused(404, "not_found");
    let owner = register(&server, &server.admin, "@ann").await["owner_agent"].clone();
    for fields in [
        json!({ "display_name": "x".repeat(121) }),
        json!({ "phone": "1" }),
        json!({ "email": "x".repeat(256) }),
        json!({ "nick": "ann" }),
        json!({ "nick": 1 }),
    ] {
        let mut body = json!({ "owner_agent": owner });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = server.send(&server.admin, "POST", "/v1/users/profile/update", Some(body)).await;
        answer.refused(422, "validation_failed");
    }
    let body = json!({ "owner_agent": owner });
    let answer = server.send(&server.admin, "POST", "/v1/users/rename-nick", Some(body)).await;
    assert_eq!(answer.refused(422, "validation_failed"), "nick: required");
}
