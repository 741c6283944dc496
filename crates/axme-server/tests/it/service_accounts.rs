//! Service accounts and their keys.

use std::time::Duration;

use serde_json::{Value, json};

use axme_server::workers;

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    an_account_has_the_documented_mirrors_and_twins,
    a_name_is_kept_as_written_and_gives_the_address,
    an_address_has_one_account,
    registering_again_changes_what_is_given_and_says_so,
    invalid_accounts_are_refused,
    accounts_are_listed_oldest_first_in_pages,
    a_key_is_shown_once_and_works_until_it_is_revoked,
    a_key_expires_on_time,
    a_repeated_call_gets_the_same_key_and_only_its_caller_does,
    no_secret_is_stored_in_the_clear,
    the_last_use_of_a_key_is_reported,
    a_clock_that_is_set_back_revives_no_key_and_hides_no_intent,
    only_a_sign_in_makes_keys_of_a_login_account,
    keys_of_sign_ins_end_with_logout_everywhere_and_a_new_password,
    nobody_ends_a_key_or_an_account_above_their_own_role,
    keys_name_their_maker_and_are_listed_when_the_maker_leaves,
}

const ACCOUNTS: &str = "/v1/service-accounts";

/// Creates an account; returns its id.
async fn account(server: &Server, name: &str) -> String {
    let created = server.post(&server.admin, ACCOUNTS, json!({ "name": name })).await;
    created["service_account_id"].as_str().unwrap().to_owned()
}

fn keys(id: &str) -> String {
    format!("{ACCOUNTS}/{id}/keys")
}

async fn an_account_has_the_documented_mirrors_and_twins(engine: Engine) {
    let server = Server::start(engine).await;
    let body = json!({
        "name": "Demo Runner", "display_name": "The Runner", "description": "runs", "org_id": server.bootstrap.org_id,
        "workspace_id": server.bootstrap.workspace_id, "created_by_actor_id": "me", "delivery_mode": "poll", "unknown": 1,
    });
    let created = server.post(&server.admin, ACCOUNTS, body).await;
    let id = created["service_account_id"].as_str().unwrap();
    assert!(id.starts_with("sa_") && !id.contains('/'), "{id}");
    let (at, address) = ("2026-01-01T00:00:00.000Z", "agent://local/default/demo-runner");
    let expected = json!({
        "ok": true,
        "service_account": {
            "service_account_id": id, "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id,
            "name": "Demo Runner", "display_name": "The Runner", "description": "runs", "status": "active",
            "created_by_actor_id": "owner@local", "agent_address": address, "address": address,
            "delivery_mode": "poll", "created_at": at, "updated_at": at,
        },
        "service_account_id": id, "address": address, "agent_address": address,
    });
    let mut new = expected.clone();
    new["created"] = json!(true);
    new["warnings"] = json!([format!("name: the address of \"Demo Runner\" is {address}")]);
    assert_eq!(created, new);
    let mut alone = expected.clone();
    alone["keys"] = json!([]);
    assert_eq!(server.get(&server.admin, &format!("{ACCOUNTS}/{id}")).await, alone);
    let listed = server.get(&server.admin, ACCOUNTS).await["service_accounts"].clone();
    assert!(listed.as_array().unwrap().contains(&expected["service_account"]), "{listed}");
    server.send(&server.admin, "GET", &format!("{ACCOUNTS}/sa_unknown"), None).await.refused(404, "not_found");
}

async fn a_name_is_kept_as_written_and_gives_the_address(engine: Engine) {
    let server = Server::start(engine).await;
    let long = "n".repeat(70);
    for (name, slug) in [
        ("worker", "worker"),
        ("Demo Runner", "demo-runner"),
        ("  spaced  ", "spaced"),
        ("UPPER_case.v2", "upper_case.v2"),
        ("a/b", "a-b"),
        ("--x1--", "x1"),
        ("agent://local/default/from-uri", "from-uri"),
        ("agent:/local/default/collapsed", "collapsed"),
        ("local/default/with-slashes", "with-slashes"),
        ("agent://short", "short"),
        (&long[..63], &long[..63]),
    ] {
        let created = server.post(&server.admin, ACCOUNTS, json!({ "name": name })).await;
        assert_eq!(created["service_account"]["name"], name);
        assert_eq!(created["address"], format!("agent://local/default/{slug}"), "{name}");
        let warning = created["warnings"][0].as_str().unwrap_or_default();
        let is_spelled_alike = name.trim().ends_with(slug);
        assert_eq!(warning.ends_with(&format!("is agent://local/default/{slug}")), !is_spelled_alike, "{created}");
    }
    for (name, nearest) in [("über", "uber"), ("ünï", "uni"), ("agent 漢字", "agent"), (long.as_str(), &long[..63])]
    {
        let refused = server.send(&server.admin, "POST", ACCOUNTS, Some(json!({ "name": name }))).await;
        let message = refused.body["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("use \"{nearest}\"")), "{message}");
        refused.refused(422, "invalid_agent_address");
    }
    for (name, code) in [
        ("x", "validation_failed"),
        ("", "validation_failed"),
        (&"n".repeat(384), "validation_failed"),
        ("policy", "invalid_agent_address"),
        ("Stream", "invalid_agent_address"),
        ("receive-override", "invalid_agent_address"),
        ("agent_core", "invalid_agent_address"),
        ("human", "invalid_agent_address"),
        ("agent://local/default/stream", "invalid_agent_address"),
        ("agent://agent_core", "invalid_agent_address"),
        ("agent://other/default/worker", "invalid_agent_address"),
        ("agent://local/other/worker", "invalid_agent_address"),
        ("agent://local/default/a/b", "invalid_agent_address"),
        ("user://somebody", "invalid_agent_address"),
        ("!!!", "invalid_agent_address"),
        ("漢字", "invalid_agent_address"),
    ] {
        let refused = server.send(&server.admin, "POST", ACCOUNTS, Some(json!({ "name": name }))).await;
        assert_eq!(refused.status, 422, "{name}: {}", refused.body);
        refused.refused(422, code);
    }
}

async fn an_address_has_one_account(engine: Engine) {
    let server = Server::start(engine).await;
    let first = server.post(&server.admin, ACCOUNTS, json!({ "name": "worker", "description": "first" })).await;
    server.clock.advance(Duration::from_secs(1));
    for name in ["worker", "agent://local/default/worker", "Worker"] {
        let again = server.post(&server.admin, ACCOUNTS, json!({ "name": name, "description": "first" })).await;
        assert_eq!(again["service_account"], first["service_account"], "returned unchanged");
        assert_eq!((&again["created"], &again["changed"]), (&json!(false), &json!([])));
    }
    let calls = (0..8).map(|_| server.post(&server.admin, ACCOUNTS, json!({ "name": "together" })));
    let made = futures_util::future::join_all(calls).await;
    assert!(made.iter().all(|answer| answer["service_account"] == made[0]["service_account"]));
    assert_eq!(made.iter().filter(|answer| answer["created"] == true).count(), 1);
    let listed = server.get(&server.admin, ACCOUNTS).await;
    assert_eq!(listed["service_accounts"].as_array().unwrap().len(), 3, "admin, worker, together");
}

async fn registering_again_changes_what_is_given_and_says_so(engine: Engine) {
    let server = Server::start(engine).await;
    let register = async |fields: Value| {
        let mut body = json!({ "name": "worker" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        server.post(&server.admin, ACCOUNTS, body).await
    };
    let first = register(json!({ "description": "d" })).await;
    assert_eq!((&first["created"], first.get("changed")), (&json!(true), None));
    let (one, two) = ("https://example.com/one", "https://example.com/two");
    for (fields, changed, url, shows_secret) in [
        (
            json!({ "delivery_mode": "http", "callback_url": one }),
            vec!["delivery_mode", "callback_url", "webhook_secret"],
            Some(one),
            true,
        ),
        (json!({ "delivery_mode": "http", "callback_url": one }), vec![], Some(one), false),
        (json!({ "callback_url": two }), vec!["callback_url"], Some(two), false),
        (json!({ "webhook_secret": "0123456789abcdef" }), vec!["webhook_secret"], Some(two), false),
        (json!({ "webhook_secret": "0123456789abcdef", "delivery_mode": "http" }), vec![], Some(two), false),
        (json!({ "display_name": "Worker" }), vec!["display_name"], Some(two), false),
        (json!({}), vec![], Some(two), false),
        (json!({ "delivery_mode": "poll" }), vec!["delivery_mode", "callback_url", "webhook_secret"], None, false),
    ] {
        server.clock.advance(Duration::from_secs(1));
        let before = server.get(&server.admin, &format!("{ACCOUNTS}?limit=2")).await["service_accounts"][1].clone();
        let answer = register(fields.clone()).await;
        let account = &answer["service_account"];
        assert_eq!((&answer["created"], &answer["changed"]), (&json!(false), &json!(changed)), "{fields}");
        assert_eq!(account["callback_url"].as_str(), url, "{fields}");
        assert_eq!(answer["webhook_secret"].is_string(), shows_secret, "{fields}");
        assert_eq!(account["service_account_id"], first["service_account_id"]);
        assert_eq!(account["description"], "d", "absent fields stay");
        let is_touched = account["updated_at"] != before["updated_at"];
        assert_eq!(is_touched, !changed.is_empty(), "{fields}");
    }
    for fields in [
        json!({ "callback_url": one }),
        json!({ "webhook_secret": "0123456789abcdef" }),
        json!({ "delivery_mode": "http" }),
    ] {
        let mut body = json!({ "name": "worker" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let refused = server.send(&server.admin, "POST", ACCOUNTS, Some(body)).await;
        refused.refused(422, "validation_failed");
    }
    let trail = server.get(&server.admin, "/v1/audit/events").await;
    let is_change = |event: &&Value| event["action"] == "service_accounts.update";
    let recorded = trail["events"].as_array().unwrap().iter().filter(is_change).count();
    assert_eq!(recorded, 5, "one entry per change: {trail}");
    assert!(!trail.to_string().contains("0123456789abcdef"));
}

async fn invalid_accounts_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let other = "00000000-0000-0000-0000-000000000009";
    for (fields, status, code) in [
        (json!({ "delivery_mode": "http" }), 422, "validation_failed"),
        (json!({ "delivery_mode": "inbox", "callback_url": "https://example.com" }), 422, "validation_failed"),
        (json!({ "delivery_mode": "pigeon" }), 422, "validation_failed"),
        (json!({ "callback_url": "https://example.com" }), 422, "validation_failed"),
        (json!({ "webhook_secret": "0123456789abcdef" }), 422, "validation_failed"),
        (json!({ "delivery_mode": "http", "callback_url": "http://192.168.0.1/" }), 422, "validation_failed"),
        (
            json!({ "delivery_mode": "http", "callback_url": "https://a.example/", "webhook_secret": "short" }),
            422,
            "validation_failed",
        ),
        (json!({ "display_name": "x".repeat(256) }), 422, "validation_failed"),
        (json!({ "description": "x".repeat(2_001) }), 422, "validation_failed"),
        (json!({ "org_id": other }), 404, "not_found"),
        (json!({ "workspace_id": other }), 404, "not_found"),
        (json!({ "org_id": server.bootstrap.org_id, "workspace_id": other }), 403, "forbidden"),
    ] {
        let mut body = json!({ "name": "worker" });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let refused = server.send(&server.admin, "POST", ACCOUNTS, Some(body)).await;
        assert_eq!(refused.status, status, "{fields}");
        refused.refused(status, code);
    }
    server.send(&server.admin, "POST", ACCOUNTS, Some(json!({}))).await.refused(422, "validation_failed");
    assert_eq!(server.get(&server.admin, ACCOUNTS).await["service_accounts"].as_array().unwrap().len(), 1);
}

async fn accounts_are_listed_oldest_first_in_pages(engine: Engine) {
    let server = Server::start(engine).await;
    for name in ["c-first", "a-second", "b-third"] {
        server.clock.advance(Duration::from_millis(1));
        account(&server, name).await;
    }
    let names = |list: &Value| -> Vec<String> {
        list["service_accounts"].as_array().unwrap().iter().map(|a| a["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = server.get(&server.admin, ACCOUNTS).await;
    assert_eq!(names(&all), ["admin", "c-first", "a-second", "b-third"]);
    assert_eq!(all["service_accounts"][0]["address"], Value::Null, "the admin is not an agent");
    let page = server.get(&server.admin, &format!("{ACCOUNTS}?limit=2")).await;
    assert_eq!(names(&page), ["admin", "c-first"]);
    let last = page["service_accounts"][1]["service_account_id"].as_str().unwrap();
    let page = server.get(&server.admin, &format!("{ACCOUNTS}?limit=2&after={last}")).await;
    assert_eq!(names(&page), ["a-second", "b-third"]);
    let last = page["service_accounts"][1]["service_account_id"].as_str().unwrap();
    assert!(names(&server.get(&server.admin, &format!("{ACCOUNTS}?after={last}")).await).is_empty());
    server.send(&server.admin, "GET", &format!("{ACCOUNTS}?limit=0"), None).await.refused(422, "validation_failed");
}

async fn a_key_is_shown_once_and_works_until_it_is_revoked(engine: Engine) {
    let server = Server::start(engine).await;
    let id = account(&server, "worker").await;
    let made = server.send(&server.admin, "POST", &keys(&id), None).await.ok();
    let key = made["key"].clone();
    let token = key["token"].as_str().unwrap();
    assert_eq!(made["api_key"], token);
    assert!(token.starts_with(&format!("axme_sa_{id}_")), "{token}");
    let hint = key["key_hint"].as_str().unwrap();
    assert_eq!(hint, format!("axme_sa_{id}_...{}", &token[token.len() - 4..]));
    assert_eq!(
        (&key["service_account_id"], &key["status"], &key["expires_at"]),
        (&json!(id), &json!("active"), &Value::Null)
    );
    assert_eq!(key["created_at"], "2026-01-01T00:00:00.000Z");
    let me = server.get(token, "/v1/me").await;
    assert_eq!(me["address"], "agent://local/default/worker");

    let second = server.post(&server.admin, &keys(&id), json!({ "created_by_actor_id": "x" })).await;
    let other = second["api_key"].as_str().unwrap();
    assert_ne!(other, token);
    server.get(token, "/v1/me").await;
    for path in [ACCOUNTS.to_owned(), format!("{ACCOUNTS}/{id}"), "/v1/me".to_owned(), "/v1/agents".to_owned()] {
        let shown = server.get(&server.admin, &path).await.to_string();
        assert!(!shown.contains(token) && !shown.contains(other), "{path}");
    }

    let key_id = key["key_id"].as_str().unwrap();
    let revoke = format!("{}/{key_id}/revoke", keys(&id));
    server.clock.advance(Duration::from_secs(5));
    let revoked = server.send(&server.admin, "POST", &revoke, None).await.ok();
    let expected = json!({
        "key_id": key_id, "service_account_id": id, "status": "revoked", "revoked_at": "2026-01-01T00:00:05.000Z",
    });
    assert_eq!(revoked["key"], expected);
    server.clock.advance(Duration::from_secs(1));
    server.send(token, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    let path = "/v1/agents/worker/intents/stream?since=0&wait_seconds=1";
    server.send(token, "GET", path, None).await.refused(401, "invalid_platform_api_key");
    server.get(other, "/v1/me").await;
    assert_eq!(server.send(&server.admin, "POST", &revoke, None).await.ok(), revoked, "as after the first time");

    let unknown = format!("{}/sak_unknown/revoke", keys(&id));
    server.send(&server.admin, "POST", &unknown, None).await.refused(404, "not_found");
    let not_its = format!("{}/{key_id}/revoke", keys(&account(&server, "other").await));
    server.send(&server.admin, "POST", &not_its, None).await.refused(404, "not_found");
    server.send(&server.admin, "POST", &keys("sa_unknown"), None).await.refused(404, "not_found");
}

async fn a_key_expires_on_time(engine: Engine) {
    let server = Server::start(engine).await;
    let id = account(&server, "worker").await;
    let made = server.post(&server.admin, &keys(&id), json!({ "expires_at": "2026-01-01T00:00:10Z" })).await;
    assert_eq!(made["key"]["expires_at"], "2026-01-01T00:00:10.000Z");
    let token = made["api_key"].as_str().unwrap();
    server.clock.advance(Duration::from_millis(9_500));
    server.get(token, "/v1/me").await;
    server.clock.advance(Duration::from_millis(499));
    server.get(token, "/v1/me").await;
    server.clock.advance(Duration::from_millis(1));
    server.send(token, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    for at in ["2026-01-01T00:00:10Z", "2025-01-01T00:00:00Z", "soon"] {
        let refused = server.send(&server.admin, "POST", &keys(&id), Some(json!({ "expires_at": at }))).await;
        refused.refused(422, "validation_failed");
    }
}

async fn a_repeated_call_gets_the_same_key_and_only_its_caller_does(engine: Engine) {
    let server = Server::start(engine).await;
    let id = account(&server, "worker").await;
    let once = [("idempotency-key", "once")];
    let first = server.send_with(&server.admin, "POST", &keys(&id), Some(json!({})), &once).await.ok();
    let again = server.send_with(&server.admin, "POST", &keys(&id), Some(json!({})), &once).await.ok();
    assert_eq!(again, first);
    server.get(first["api_key"].as_str().unwrap(), "/v1/me").await;

    // A second key of the same account repeats the call, but the answer is sealed under the first key.
    let admin = server.get(&server.admin, "/v1/me").await["service_account"]["service_account_id"].clone();
    let second_admin = server.post(&server.admin, &keys(admin.as_str().unwrap()), json!({})).await;
    let second_admin = second_admin["api_key"].as_str().unwrap();
    let sealed = server.send_with(second_admin, "POST", &keys(&id), Some(json!({})), &once).await;
    sealed.refused(409, "secret_not_shown_again");
}

async fn no_secret_is_stored_in_the_clear(engine: Engine) {
    let server = Server::start(engine).await;
    let id = account(&server, "findable-name").await;
    let plain = server.post(&server.admin, &keys(&id), json!({})).await;
    let once = [("idempotency-key", "once")];
    let repeated = server.send_with(&server.admin, "POST", &keys(&id), Some(json!({})), &once).await.ok();
    let secrets: Vec<&str> = [&server.admin, plain["api_key"].as_str().unwrap(), repeated["api_key"].as_str().unwrap()]
        .into_iter()
        .map(|token| token.rsplit('_').next().unwrap())
        .collect();
    let stored = match engine {
        Engine::Sqlite => {
            let mut stored = Vec::new();
            for entry in std::fs::read_dir(server.folder()).unwrap().map(|entry| entry.unwrap()) {
                if entry.file_type().unwrap().is_file() {
                    stored.extend(std::fs::read(entry.path()).unwrap());
                }
            }
            stored
        }
        Engine::Postgres => crate::harness::dump_postgres().await,
    };
    let has = |needle: &str| stored.windows(needle.len()).any(|window| window == needle.as_bytes());
    assert!(has("findable-name"), "the text is the content of the database");
    for secret in secrets {
        assert_eq!(secret.len(), 64);
        // PostgreSQL prints bytes as digits.
        let as_digits: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!has(secret) && !has(&as_digits));
    }
}

async fn the_last_use_of_a_key_is_reported(engine: Engine) {
    let server = Server::start(engine).await;
    let id = account(&server, "worker").await;
    let mut made = Vec::new();
    for body in [json!({}), json!({ "expires_at": "2026-01-01T00:10:00Z" }), json!({})] {
        let key = server.post(&server.admin, &keys(&id), body).await;
        made.push((key["key"]["key_id"].as_str().unwrap().to_owned(), key["api_key"].as_str().unwrap().to_owned()));
        server.clock.advance(Duration::from_millis(1));
    }
    // Newest first: all that is known of each key except its secret.
    let told = async || {
        let keys = server.get(&server.admin, &format!("{ACCOUNTS}/{id}")).await["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 3);
        for (key, (key_id, token)) in keys.iter().rev().zip(&made) {
            assert_eq!(&key["key_id"], key_id);
            assert!(key["key_hint"].as_str().unwrap().ends_with(&token[token.len() - 4..]));
            assert!(!key.to_string().contains(token));
        }
        let told = |key: &Value| (key["status"].clone(), key["last_used_at"].clone());
        keys.iter().rev().map(told).collect::<Vec<_>>()
    };
    let never = (json!("active"), Value::Null);
    assert_eq!(told().await, [never.clone(), never.clone(), never.clone()]);
    server.clock.advance(Duration::from_secs(30));
    let used_at = server.now().to_string();
    for (_, token) in &made[..2] {
        server.get(token, "/v1/me").await;
    }
    // Recorded once a minute, not during the call.
    assert_eq!(told().await, [never.clone(), never.clone(), never.clone()]);
    workers::key_uses::tick(&server.app).await.unwrap();
    let used = (json!("active"), json!(used_at));
    assert_eq!(told().await, [used.clone(), used.clone(), never.clone()]);

    server.clock.advance(Duration::from_secs(600));
    server.get(&made[0].1, "/v1/me").await;
    server.send(&made[1].1, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    let again = json!(server.now().to_string());
    server.post(&server.admin, &format!("{}/{}/revoke", keys(&id), made[2].0), json!({})).await;
    workers::key_uses::tick(&server.app).await.unwrap();
    let expected = [(json!("active"), again), (json!("expired"), json!(used_at)), (json!("revoked"), Value::Null)];
    assert_eq!(told().await, expected);
    // Only the admin's own call is left to record.
    server.clock.advance(Duration::from_secs(60));
    server.get(&server.admin, "/v1/me").await;
    assert_eq!(workers::key_uses::tick(&server.app).await.unwrap(), 1);
    assert_eq!(workers::key_uses::tick(&server.app).await.unwrap(), 0);
}

async fn a_clock_that_is_set_back_revives_no_key_and_hides_no_intent(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let id = account(&server, "worker").await;
    let key = server.post(&server.admin, &keys(&id), json!({})).await;
    let token = key["api_key"].as_str().unwrap();
    server.clock.advance(Duration::from_secs(2 * 3_600));
    server.get(token, "/v1/me").await;
    let before = server.submit("worker", json!({})).await;
    server.clock.set(server.now().minus_millis(3_600_000));
    let revoke = format!("{}/{}/revoke", keys(&id), key["key"]["key_id"].as_str().unwrap());
    server.post(&server.admin, &revoke, json!({})).await;
    server.clock.advance(Duration::from_secs(2));
    server.send(token, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    let after = server.submit("worker", json!({})).await;
    let path = "/v1/agents/agent://local/default/worker/intents/stream?since=2&wait_seconds=1";
    let mut offered =
        server.stream(&worker, path).await.intent_ids().into_iter().map(str::to_owned).collect::<Vec<_>>();
    offered.sort();
    let mut sent = vec![before, after];
    sent.sort();
    assert_eq!(offered, sent);
}

/// Returns the id of the account with a name.
async fn account_named(server: &Server, name: &str) -> String {
    let listed = server.get(&server.admin, ACCOUNTS).await["service_accounts"].clone();
    let found = listed.as_array().unwrap().iter().find(|account| account["name"] == name).unwrap();
    found["service_account_id"].as_str().unwrap().to_owned()
}

async fn only_a_sign_in_makes_keys_of_a_login_account(engine: Engine) {
    let server = Server::start(engine).await;
    server.give("ann@example.com", "member", None).await;
    let (owner, ann) = (server.sign_in("owner@local").await, server.sign_in("ann@example.com").await);
    for person in [&owner, &ann] {
        let email = if person.key == owner.key { "owner@local" } else { "ann@example.com" };
        let path = keys(&account_named(&server, &format!("login of {email}")).await);
        server.send(&person.key, "POST", &path, Some(json!({}))).await.refused(403, "forbidden");
        server.as_person(person, "POST", &path, Some(json!({}))).await.refused(403, "forbidden");
        let both = [("authorization", person.bearer.as_str())];
        server.send_with(&person.key, "POST", &path, Some(json!({})), &both).await.refused(403, "forbidden");
        server.send(&server.admin, "POST", &path, Some(json!({}))).await.refused(403, "forbidden");
    }
}

async fn keys_of_sign_ins_end_with_logout_everywhere_and_a_new_password(engine: Engine) {
    let server = Server::start(engine).await;
    let password = json!({ "password": "Correct horse, battery" });
    for (path, body) in [("/v1/auth/logout-all", json!({})), ("/v1/auth/register-password", password)] {
        let persons = [server.sign_in("owner@local").await, server.sign_in("owner@local").await];
        server.as_person(&persons[0], "POST", path, Some(body)).await.ok();
        server.clock.advance(Duration::from_secs(2));
        for person in &persons {
            server.send(&person.key, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
        }
        // The keys of service accounts stay.
        server.get(&server.admin, "/v1/me").await;
        server.mails().await;
    }
}

async fn nobody_ends_a_key_or_an_account_above_their_own_role(engine: Engine) {
    let server = Server::start(engine).await;
    let workspace = server.bootstrap.workspace_id.clone();
    for (email, role) in [
        ("owner@local", "org_owner"),
        ("chief@example.com", "org_admin"),
        ("ann@example.com", "workspace_admin"),
        ("bob@example.com", "workspace_admin"),
        ("kim@example.com", "member"),
    ] {
        if email != "owner@local" {
            server.give(email, role, Some(&workspace).filter(|_| role != "org_admin").map(String::as_str)).await;
        }
        server.sign_in(email).await;
    }
    let [owner, chief, ann] = [
        server.sign_in("owner@local").await,
        server.sign_in("chief@example.com").await,
        server.sign_in("ann@example.com").await,
    ];
    let agent = account(&server, "worker").await;
    server.post(&server.admin, &keys(&agent), json!({})).await;
    for (person, victim, may) in [
        (&ann, "admin", false),
        (&ann, "login of owner@local", false),
        (&ann, "login of chief@example.com", false),
        (&chief, "admin", false),
        (&chief, "login of owner@local", false),
        (&ann, "login of bob@example.com", true),
        (&ann, "login of kim@example.com", true),
        (&ann, "worker", true),
        (&owner, "login of chief@example.com", true),
    ] {
        let path = format!("{ACCOUNTS}/{}", account_named(&server, victim).await);
        let shown = server.get(&server.admin, &path).await;
        let revoke = format!("{path}/keys/{}/revoke", shown["keys"][0]["key_id"].as_str().unwrap());
        for (method, path) in [("POST", &revoke), ("DELETE", &path)] {
            let answer = server.as_person(person, method, path, None).await;
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{method} {victim}: {}", answer.body);
        }
    }
    server.get(&server.admin, "/v1/me").await;
}

async fn keys_name_their_maker_and_are_listed_when_the_maker_leaves(engine: Engine) {
    let server = Server::start(engine).await;
    let member = server.give("ann@example.com", "workspace_admin", Some(&server.bootstrap.workspace_id)).await;
    let ann = server.sign_in("ann@example.com").await;
    let agent = account(&server, "worker").await;
    let made = server.as_person(&ann, "POST", &keys(&agent), Some(json!({}))).await.ok();
    server.post(&server.admin, &keys(&agent), json!({})).await;
    let shown = server.get(&server.admin, &format!("{ACCOUNTS}/{agent}")).await["keys"].clone();
    let makers: Vec<&Value> = shown.as_array().unwrap().iter().map(|key| &key["created_by_actor_id"]).collect();
    assert_eq!(makers, ["owner@local", "ann@example.com"]);

    let path = format!("/v1/organizations/{}/members/{member}", server.bootstrap.org_id);
    let suspended = json!({ "status": "suspended" });
    let suspended = server.send(&server.admin, "PATCH", &path, Some(suspended)).await.ok();
    let removed = server.send(&server.admin, "DELETE", &path, None).await.ok();
    assert_eq!(suspended["keys_left"], removed["keys_left"]);
    let left = removed["keys_left"].as_array().unwrap();
    assert_eq!(left.len(), 1, "without the key of the sign-in: {left:?}");
    assert_eq!((&left[0]["key_id"], &left[0]["service_account_id"]), (&made["key"]["key_id"], &json!(agent)));
    // The key goes on working until an admin revokes it.
    server.get(made["api_key"].as_str().unwrap(), "/v1/me").await;
}
