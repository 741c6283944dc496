//! Passwords: setting one, signing in with it, and the limits on guessing.

use std::time::Duration;

use axme_core::state::Site;
use axme_store::Limits;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Person, Server, each_engine};

each_engine! {
    a_person_signs_in_with_a_password,
    a_name_is_locked_after_wrong_passwords,
    weak_passwords_are_refused,
    attempts_are_counted_before_the_password_is_checked,
    a_first_password_needs_a_recent_sign_in,
    a_new_nick_signs_up_where_sign_up_is_open,
    a_new_nick_gets_nothing_that_exists,
    a_new_nick_is_refused_where_sign_up_is_closed,
    sign_up_by_a_nick_has_a_rate,
}

const OWNER: &str = "owner@local";
const PASSWORD: &str = "Correct horse, battery";

async fn set(server: &Server, person: &Person, body: Value) -> Answer {
    server.as_person(person, "POST", "/v1/auth/register-password", Some(body)).await
}

async fn login(server: &Server, name: &str, password: &str) -> Answer {
    let body = json!({ "nick": name, "password": password, "device_label": "laptop" });
    server.send("", "POST", "/v1/auth/login", Some(body)).await
}

async fn a_person_signs_in_with_a_password(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.sign_in(OWNER).await;
    login(&server, OWNER, PASSWORD).await.refused(401, "invalid_credentials");
    let body = json!({ "password": PASSWORD });
    server
        .send(&server.admin, "POST", "/v1/auth/register-password", Some(body))
        .await
        .refused(401, "missing_actor_token");
    let set_up = set(&server, &owner, json!({ "password": PASSWORD, "nick": "The.Owner" })).await.ok();
    assert_eq!(set_up, json!({ "ok": true, "email": OWNER, "nick": "the.owner" }));
    for name in [OWNER, "Owner@LOCAL", "the.owner", "THE.OWNER"] {
        let answer = login(&server, name, PASSWORD).await.ok();
        assert_eq!(answer.get("api_key"), None, "{answer}");
        let person = Person::new(&answer);
        let sessions = server.as_person(&person, "GET", "/v1/auth/sessions", None).await.ok();
        let current = sessions["sessions"].as_array().unwrap().iter().find(|s| s["is_current"] == true).unwrap();
        assert_eq!((&current["client_type"], &current["device_label"]), (&json!("api"), &json!("laptop")));
    }
    // A change needs the current password.
    let next = "Another horse, battery";
    set(&server, &owner, json!({ "password": next })).await.refused(403, "wrong_current_password");
    let wrong = json!({ "password": next, "current_password": "wrong" });
    set(&server, &owner, wrong).await.refused(403, "wrong_current_password");
    let right = json!({ "password": next, "current_password": PASSWORD });
    assert_eq!(set(&server, &owner, right).await.ok()["nick"], "the.owner");
    login(&server, OWNER, PASSWORD).await.refused(401, "invalid_credentials");
    login(&server, OWNER, next).await.ok();
    let shown = server.as_person(&owner, "GET", "/v1/portal/personal/context", None).await.ok();
    assert_eq!(shown["account"]["has_password"], true);
    assert!(!shown.to_string().contains("argon2"));
}

async fn a_name_is_locked_after_wrong_passwords(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.sign_in(OWNER).await;
    set(&server, &owner, json!({ "password": PASSWORD, "nick": "boss" })).await.ok();
    server.mails().await;
    // It makes no difference whether an account has the name.
    for name in ["nobody@example.com", OWNER] {
        for _ in 0..4 {
            login(&server, name, "wrong").await.refused(401, "invalid_credentials");
        }
        login(&server, name, "wrong").await.refused(429, "account_locked");
        for password in ["wrong", PASSWORD] {
            let answer = login(&server, name, password).await;
            assert_eq!(answer.headers["retry-after"], "900");
            answer.refused(429, "account_locked");
        }
    }
    // The lock of an address does not tell whose nick it is.
    login(&server, "boss", "wrong").await.refused(401, "invalid_credentials");
    login(&server, "boss", PASSWORD).await.ok();
    // Sign-in by mail still works.
    server.sign_in(OWNER).await;
    server.clock.advance(Duration::from_secs(901));
    for _ in 0..4 {
        login(&server, OWNER, "wrong").await.refused(401, "invalid_credentials");
    }
    login(&server, OWNER, PASSWORD).await.ok();
    // A success resets the failures.
    login(&server, OWNER, "wrong").await.refused(401, "invalid_credentials");
    login(&server, OWNER, PASSWORD).await.ok();
}

async fn weak_passwords_are_refused(engine: Engine) {
    let server = Server::start_open(engine).await;
    let owner = server.sign_in(OWNER).await;
    for (password, code) in [
        ("", "validation_failed"),
        ("elevenchars", "validation_failed"),
        ("aaaaaaaaaaaaaaaa", "weak_password"),
        ("abababababababab", "weak_password"),
        ("my owner@local password", "weak_password"),
        (&"long".repeat(300), "validation_failed"),
    ] {
        set(&server, &owner, json!({ "password": password })).await.refused(422, code);
    }
    for nick in ["ab", "with space", "ünïcode", &"x".repeat(33), "a@b"] {
        let body = json!({ "password": PASSWORD, "nick": nick });
        set(&server, &owner, body).await.refused(422, "validation_failed");
    }
    let taken = json!({ "password": PASSWORD, "nick": "taken" });
    set(&server, &owner, taken.clone()).await.ok();
    server.mails().await;
    let other = server.sign_in("other@example.com").await;
    set(&server, &other, taken).await.refused(409, "nick_taken");
    for body in [json!({}), json!({ "nick": "x" }), json!({ "password": "x" }), json!({ "nick": 1, "password": 2 })] {
        server.send("", "POST", "/v1/auth/login", Some(body)).await.refused(422, "validation_failed");
    }
}

async fn attempts_are_counted_before_the_password_is_checked(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.sign_in(OWNER).await;
    set(&server, &owner, json!({ "password": PASSWORD })).await.ok();
    // Of many concurrent attempts, five are checked; the fifth locks the name.
    let wrong = (0..12).map(|_| login(&server, OWNER, "wrong"));
    let answers = futures_util::future::join_all(wrong).await;
    let refused = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((refused(401), refused(429)), (4, 8), "{answers:?}");
    login(&server, OWNER, PASSWORD).await.refused(429, "account_locked");
}

async fn a_first_password_needs_a_recent_sign_in(engine: Engine) {
    let server = Server::start(engine).await;
    let (owner, elsewhere) = (server.sign_in(OWNER).await, server.sign_in(OWNER).await);
    let made = server.post(&server.admin, "/v1/auth/dashboard-token", json!({})).await;
    let dashboard = server.post("", "/v1/auth/exchange", json!({ "token": made["token"] })).await;
    let body = json!({ "password": PASSWORD });
    set(&server, &Person::new(&dashboard), body.clone()).await.refused(403, "sign_in_again");
    server.clock.advance(Duration::from_secs(900));
    let late = server.post("", "/v1/auth/refresh", json!({ "refresh_token": owner.refresh })).await;
    set(&server, &Person::new(&late), body.clone()).await.refused(403, "sign_in_again");
    let fresh = server.sign_in(OWNER).await;
    set(&server, &fresh, body).await.ok();
    // The person is notified, and every other session ends.
    let mails = server.mails().await;
    assert_eq!(
        (mails.len(), mails[0].to.as_str(), mails[0].subject.as_str()),
        (1, OWNER, "Your AXME password was set")
    );
    let body = json!({ "refresh_token": elsewhere.refresh });
    server.send("", "POST", "/v1/auth/refresh", Some(body)).await.refused(401, "invalid_refresh_token");
    let body = json!({ "refresh_token": fresh.refresh });
    server.post("", "/v1/auth/refresh", body).await;
    let named = json!({ "nick": OWNER, "password": PASSWORD, "client_type": "dashboard" });
    server.send("", "POST", "/v1/auth/login", Some(named)).await.refused(422, "validation_failed");
}

async fn sign_up(server: &Server, nick: &str) -> Answer {
    let body = json!({ "nick": nick, "password": PASSWORD, "email": OWNER });
    server.send("", "POST", "/v1/auth/register-password", Some(body)).await
}

async fn a_new_nick_signs_up_where_sign_up_is_open(engine: Engine) {
    let server = Server::start_open(engine).await;
    let owner = server.sign_in(OWNER).await;
    set(&server, &owner, json!({ "password": PASSWORD, "nick": "boss" })).await.ok();
    server.mails().await;
    assert_eq!(sign_up(&server, "@Ann.Lee").await.ok(), json!({ "ok": true, "email": null, "nick": "ann.lee" }));
    for taken in ["ann.lee", "ANN.LEE", "@ann.lee", "boss"] {
        assert_eq!(sign_up(&server, taken).await.refused(409, "nick_taken"), "nick: already taken; choose another");
    }
    server.clock.advance(Duration::from_secs(60));
    for wrong in ["ab", "ann lee", "ann@example.com", "\u{e4}nne", "@"] {
        sign_up(&server, wrong).await.refused(422, "validation_failed");
    }
    server.clock.advance(Duration::from_secs(60));
    for (body, code) in [
        (json!({ "password": PASSWORD }), "validation_failed"),
        (json!({ "nick": "kim", "password": "short" }), "validation_failed"),
        (json!({ "nick": "kim-and-the-others", "password": "Kim-and-the-others" }), "weak_password"),
    ] {
        server.send("", "POST", "/v1/auth/register-password", Some(body)).await.refused(422, code);
    }
    // A token that is not valid is an error, not the beginning of an account.
    let stale = [("authorization", "Bearer nonsense")];
    let body = json!({ "nick": "kim", "password": PASSWORD });
    let answer = server.send_with("", "POST", "/v1/auth/register-password", Some(body), &stale).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    login(&server, "kim", PASSWORD).await.refused(401, "invalid_credentials");

    for name in ["ann.lee", "@Ann.Lee"] {
        let ann = Person::new(&login(&server, name, PASSWORD).await.ok());
        let context = server.as_person(&ann, "GET", "/v1/portal/personal/context", None).await.ok();
        assert_eq!(context["workspaces"].as_array().unwrap().len(), 1, "{context}");
        assert_eq!(context["workspaces"][0]["roles"][0], "org_owner", "{context}");
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": "worker", "payload": {} });
        server.as_person(&ann, "POST", "/v1/intents", Some(body)).await.ok();
        assert_eq!(server.as_person(&ann, "GET", "/v1/me", None).await.ok()["email"], Value::Null);
    }
    let ann = Person::new(&login(&server, "ann.lee", PASSWORD).await.ok());
    let next = "Another horse, battery";
    set(&server, &ann, json!({ "password": next })).await.refused(403, "wrong_current_password");
    set(&server, &ann, json!({ "password": next, "current_password": PASSWORD })).await.ok();
    login(&server, "ann.lee", PASSWORD).await.refused(401, "invalid_credentials");
    login(&server, "ann.lee", next).await.ok();
    assert!(server.mails().await.is_empty(), "the account has no address");
}

async fn a_new_nick_gets_nothing_that_exists(engine: Engine) {
    let server = Server::start_open(engine).await;
    server.give("ann@example.com", "workspace_admin", None).await;
    server.give("ann", "workspace_admin", None).await;
    let task =
        json!({ "intent_type": "x.v1", "human_task": { "title": "Pay?", "assignees": ["ann", "ann@example.com"] } });
    let id = server.post(&server.admin, "/v1/intents", task).await["intent_id"].as_str().unwrap().to_owned();
    sign_up(&server, "ann").await.ok();
    let ann = Person::new(&login(&server, "ann", PASSWORD).await.ok());
    assert_eq!(server.as_person(&ann, "GET", "/v1/me/tasks", None).await.ok()["tasks"], json!([]));
    server.as_person(&ann, "GET", &format!("/v1/intents/{id}"), None).await.refused(404, "not_found");
    let context = server.as_person(&ann, "GET", "/v1/portal/personal/context", None).await.ok();
    assert_eq!(context["organizations"].as_array().unwrap().len(), 1);
    assert_ne!(context["organizations"][0]["org_id"], server.bootstrap.org_id.as_str());
    let account = context["account"]["email"].as_str().unwrap();
    assert!(account.starts_with("person-") && !account.contains('@'), "{account}");
    // The owner of the address that the call named still signs in by mail, and is another person.
    server.mails().await;
    let owner = server.sign_in(OWNER).await;
    let context = server.as_person(&owner, "GET", "/v1/portal/personal/context", None).await.ok();
    assert_eq!((&context["account"]["email"], &context["account"]["nick"]), (&json!(OWNER), &Value::Null));
}

async fn a_new_nick_is_refused_where_sign_up_is_closed(engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.sign_in(OWNER).await;
    set(&server, &owner, json!({ "password": PASSWORD, "nick": "boss" })).await.ok();
    let answers = [sign_up(&server, "boss").await.body, sign_up(&server, "ann").await.body];
    assert_eq!(answers[0], answers[1], "the answer does not tell which nicks exist");
    let why = sign_up(&server, "ann").await.refused(403, "sign_up_closed");
    assert!(why.starts_with("sign-up is closed on this server"), "{why}");
    login(&server, "ann", PASSWORD).await.refused(401, "invalid_credentials");
}

async fn sign_up_by_a_nick_has_a_rate(engine: Engine) {
    let limits = Limits { rate_limit_per_minute: Some(2), ..Limits::default() };
    let server = Server::start_at(engine, limits, Site { sign_up: true, ..Site::default() }).await;
    for nick in ["ann", "bob"] {
        sign_up(&server, nick).await.ok();
    }
    sign_up(&server, "kim").await.refused(429, "rate_limit_exceeded");
    // Without a limit in the settings, a client makes five accounts in a minute, each with one organization.
    let server = Server::start_open(engine).await;
    for nick in ["ann", "bob", "kim", "lea", "sam"] {
        sign_up(&server, nick).await.ok();
    }
    sign_up(&server, "tom").await.refused(429, "rate_limit_exceeded");
    let ann = Person::new(&login(&server, "ann", PASSWORD).await.ok());
    let more = Some(json!({ "name": "Another" }));
    let text = server.as_person(&ann, "POST", "/v1/organizations", more).await.refused(403, "forbidden");
    assert!(text.starts_with("an account without an email address has one organization"), "{text}");
}
