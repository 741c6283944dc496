//! Signing in: with the code or the link of a mail, on another device, and staying signed in.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Person, SITE, Server, code_of, each_engine};

each_engine! {
    the_code_of_a_mail_signs_in,
    the_link_of_a_mail_signs_in_the_waiting_device,
    another_device_is_signed_in_on_its_page,
    answers_do_not_reveal_known_addresses,
    open_sign_up_creates_an_organization,
    codes_cannot_be_guessed,
    a_session_is_refreshed_with_each_token_once,
    parallel_refreshes_leave_one_chain,
    known_and_unknown_addresses_cause_the_same_work,
    sessions_are_listed_and_ended,
    only_tokens_of_this_server_are_accepted,
    a_session_begun_with_a_key_ends_with_the_key,
    an_invalid_key_is_ignored_beside_a_valid_token,
    a_dashboard_token_works_once,
}

const OWNER: &str = "owner@local";

async fn ask(server: &Server, email: &str) -> Value {
    server.post("", "/v1/auth/login-intent", json!({ "email": email })).await
}

async fn verify(server: &Server, asked: &Value, code: &str) -> Answer {
    let path = format!("/v1/auth/login-intent/{}/verify", asked["intent_id"].as_str().unwrap());
    server.send("", "POST", &path, Some(json!({ "code": code }))).await
}

async fn poll(server: &Server, asked: &Value) -> Answer {
    let path = format!("/v1/auth/cli-grants/{}", asked["grant_id"].as_str().unwrap());
    server.send("", "GET", &path, None).await
}

async fn refresh(server: &Server, token: &str) -> Answer {
    server.send("", "POST", "/v1/auth/refresh", Some(json!({ "refresh_token": token }))).await
}

async fn context(server: &Server, person: &Person) -> Answer {
    server.as_person(person, "GET", "/v1/portal/personal/context", None).await
}

/// Returns a code other than the mailed one.
fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

async fn the_code_of_a_mail_signs_in(engine: Engine) {
    let server = Server::start(engine).await;
    let asked = ask(&server, " Owner@Local ").await;
    assert_eq!((&asked["delivery"], &asked["expires_in"]), (&json!("email"), &json!(300)));
    let mails = server.mails().await;
    let code = code_of(&mails);
    assert_eq!((mails[0].to.as_str(), code.len()), (OWNER, 6));
    for part in [&mails[0].text, &mails[0].html] {
        assert!(part.contains(&code) && part.contains(mails[0].link.as_ref().unwrap()), "{part}");
    }
    verify(&server, &asked, other_than(&code)).await.refused(422, "invalid_code");
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    let answer = verify(&server, &asked, &spaced).await.ok();
    for name in ["org_id", "workspace_id", "session_id", "refresh_token"] {
        assert!(answer[name].is_string(), "{name}: {answer}");
    }
    let person = Person::new(&answer);
    let claims = claims(&person.token);
    assert_eq!((&claims["scope"], &claims["aud"], &claims["iss"]), (&json!("axme.api"), &json!("axme"), &json!(SITE)));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
    assert_eq!((&claims["sid"], &claims["owner_agent"]), (&answer["session_id"], &json!("user://owner@local")));
    verify(&server, &asked, &code).await.refused(409, "code_already_used");

    // The key, the token, and both together identify the owner.
    let by_key = server.get(&person.key, "/v1/me").await;
    assert_eq!((&by_key["role"], &by_key["email"]), (&json!("workspace_admin"), &Value::Null));
    let by_token = server.as_person(&person, "GET", "/v1/me", None).await.ok();
    assert_eq!((&by_token["role"], &by_token["email"]), (&json!("workspace_admin"), &json!(OWNER)));
    assert_eq!(by_token["service_account"], Value::Null);
    let both = [("authorization", person.bearer.as_str())];
    let both = server.send_with(&server.admin, "GET", "/v1/me", None, &both).await.ok();
    assert_eq!((&both["email"], &both["service_account"]["name"]), (&json!(OWNER), &json!("admin")));
    let sent = json!({ "intent_type": "x", "to_agent": "worker" });
    server.as_person(&person, "POST", "/v1/intents", Some(sent)).await.ok();

    // A second sign-in creates a second key of the same account.
    let again = server.sign_in(OWNER).await;
    assert_ne!(again.key, person.key);
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let logins = accounts["service_accounts"].as_array().unwrap();
    assert_eq!(logins.iter().filter(|a| a["name"] == "login of owner@local").count(), 1);
}

async fn the_link_of_a_mail_signs_in_the_waiting_device(engine: Engine) {
    let server = Server::start(engine).await;
    let asked = ask(&server, OWNER).await;
    assert_eq!(poll(&server, &asked).await.ok(), json!({ "ok": true, "state": "pending" }));
    let mails = server.mails().await;
    let link = mails[0].link.clone().unwrap();
    // A mail scanner that opens links signs nobody in.
    let page = server.page(&link).await;
    assert!(page.status == 200 && page.body.to_string().contains("Sign in as owner@local?"), "{page:?}");
    assert_eq!(poll(&server, &asked).await.ok()["state"], "pending");
    let wrong = link.split_once("?token=").map(|(path, _)| format!("{path}?token=ff")).unwrap();
    assert_eq!(server.page(&wrong).await.status, 404);
    assert_eq!(server.submit_form(&wrong, &[]).await.status, 404);
    // Clients know the page under another path.
    let known = link.replace("/app/login/", "/v1/auth/login-intent/").replace("?token", "/callback?token");
    let led = server.page(&known).await;
    assert_eq!((led.status.as_u16(), led.headers["location"].to_str().unwrap()), (303, &link[SITE.len()..]));

    assert_eq!(server.submit_form(&link, &[]).await.status, 200);
    let answer = poll(&server, &asked).await.ok();
    assert_eq!(answer["state"], "approved");
    let person = Person::new(&answer);
    assert_eq!(server.get(&person.key, "/v1/me").await["role"], "workspace_admin");
    assert_eq!(context(&server, &person).await.ok()["account"]["email"], OWNER);
    // If the answer was lost, the same program gets the same session again, for some seconds.
    let again = Person::new(&poll(&server, &asked).await.ok());
    assert_eq!((&again.key, &again.refresh), (&person.key, &person.refresh));
    context(&server, &again).await.ok();
    server.clock.advance(Duration::from_secs(30));
    poll(&server, &asked).await.refused(410, "grant_expired");
    assert_eq!(server.page(&link).await.status, 409);
    verify(&server, &asked, &code_of(&mails)).await.refused(409, "code_already_used");
}

async fn another_device_is_signed_in_on_its_page(engine: Engine) {
    let server = Server::start(engine).await;
    let asked = server.post("", "/v1/auth/cli-grants", json!({})).await;
    let user_code = asked["user_code"].as_str().unwrap();
    let url = asked["approval_url"].as_str().unwrap();
    assert_eq!(url, format!("{SITE}/app/login/cli?code={user_code}"));
    assert_eq!((&asked["poll_interval"], &asked["expires_in"]), (&json!(3), &json!(600)));
    // The command line adds the grant to the URL.
    let page = server.page(&format!("{url}&grant=whatever")).await;
    assert!(page.status == 200 && page.body.to_string().contains(user_code), "{page:?}");
    assert_eq!(server.page("/app/login/cli?code=NOBODYS").await.status, 404);

    let step = async |fields: &[(&str, &str)]| server.submit_form("/app/login/cli?token=none", fields).await;
    let asks = step(&[("user_code", &user_code.to_lowercase()), ("email", OWNER)]).await.body.to_string();
    let intent = asks.split("name=\\\"intent_id\\\" value=\\\"").nth(1).unwrap()[..36].to_owned();
    let code = code_of(&server.mails().await);
    let typed = |code| [("user_code", user_code), ("email", OWNER), ("intent_id", intent.as_str()), ("code", code)];
    let wrong = step(&typed(other_than(&code))).await;
    assert!(wrong.status == 422 && wrong.body.to_string().contains("4 tries are left"), "{wrong:?}");
    assert_eq!(poll(&server, &asked).await.ok()["state"], "pending");
    assert_eq!(step(&typed(&code)).await.status, 200);
    let answer = poll(&server, &asked).await.ok();
    assert_eq!(server.get(&Person::new(&answer).key, "/v1/me").await["role"], "workspace_admin");
    assert_eq!(step(&typed(&code)).await.status, 404, "no device waits any more");

    // The page of a device's mail shows the code to compare; the page for a program shows since when it waits.
    let device = server.post("", "/v1/auth/cli-grants", json!({})).await;
    let user_code = device["user_code"].as_str().unwrap();
    step(&[("user_code", user_code), ("email", OWNER)]).await;
    let link = server.mails().await[0].link.clone().unwrap();
    assert!(server.page(&link).await.body.to_string().contains(user_code));
    assert_eq!(server.submit_form(&link, &[]).await.status, 200);
    assert_eq!(poll(&server, &device).await.ok()["state"], "approved");

    let late = server.post("", "/v1/auth/cli-grants", json!({})).await;
    server.clock.advance(Duration::from_secs(601));
    poll(&server, &late).await.refused(410, "grant_expired");
    assert_eq!(server.page(late["approval_url"].as_str().unwrap()).await.status, 404);
}

async fn answers_do_not_reveal_known_addresses(engine: Engine) {
    let server = Server::start(engine).await;
    let names = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (stranger, owner) = (ask(&server, "stranger@example.com").await, ask(&server, OWNER).await);
    assert_eq!(names(&stranger), names(&owner));
    assert_eq!(server.mails().await.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>(), [OWNER]);
    verify(&server, &stranger, "123456").await.refused(422, "invalid_code");
    assert_eq!(poll(&server, &stranger).await.ok()["state"], "pending");
    for email in ["", "nobody", "a@b@c", "a b@c.d"] {
        let asked = json!({ "email": email });
        server.send("", "POST", "/v1/auth/login-intent", Some(asked)).await.refused(422, "validation_failed");
    }
    let unknown = json!({ "intent_id": "00000000-0000-4000-8000-000000000000", "grant_id": "grant_x" });
    verify(&server, &unknown, "123456").await.refused(404, "not_found");
    poll(&server, &unknown).await.refused(404, "not_found");
}

async fn open_sign_up_creates_an_organization(engine: Engine) {
    let server = Server::start_open(engine).await;
    let person = server.sign_in("Ann.Lee@example.com").await;
    let shown = context(&server, &person).await.ok();
    assert_eq!(shown["account"]["email"], "ann.lee@example.com");
    assert_eq!(
        (&shown["organizations"][0]["roles"], &shown["guidance"]),
        (&json!(["org_owner"]), &json!({ "workspace_count": 1 }))
    );
    assert_eq!(shown["selected_workspace"]["name"], "Sandbox");
    let me = server.get(&person.key, "/v1/me").await;
    assert_eq!(
        (&me["role"], &me["org_slug"], &me["workspace_slug"]),
        (&json!("workspace_admin"), &json!("ann-lee"), &json!("sandbox"))
    );
    assert_eq!(me["workspace_id"], shown["context"]["workspace_id"]);
    // Another person with that name gets another organization, and the same person gets no second one.
    let other = server.sign_in("ann.lee@example.org").await;
    assert_ne!(server.get(&other.key, "/v1/me").await["org_slug"], "ann-lee");
    let again = server.sign_in("ann.lee@example.com").await;
    assert_eq!(context(&server, &again).await.ok()["organizations"].as_array().unwrap().len(), 1);
}

async fn codes_cannot_be_guessed(engine: Engine) {
    let server = Server::start(engine).await;
    for _ in 0..4 {
        let asked = ask(&server, OWNER).await;
        let code = code_of(&server.mails().await);
        for left in ["4 tries are left", "3 tries", "2 tries", "one try is left", "last try"] {
            let refused = verify(&server, &asked, other_than(&code)).await.refused(422, "invalid_code");
            assert!(refused.contains(left), "{refused}");
        }
        verify(&server, &asked, &code).await.refused(410, "code_expired");
    }
    // A fifth mail has a new code, but no more guesses today. Its link works.
    let asked = ask(&server, OWNER).await;
    let mails = server.mails().await;
    let refused = verify(&server, &asked, &code_of(&mails)).await;
    assert_eq!(refused.headers["retry-after"], "3600");
    refused.refused(429, "rate_limit_exceeded");
    assert_eq!(server.submit_form(mails[0].link.as_ref().unwrap(), &[]).await.status, 200);

    let asked = ask(&server, OWNER).await;
    let mails = server.mails().await;
    server.clock.advance(Duration::from_secs(301));
    verify(&server, &asked, &code_of(&mails)).await.refused(410, "code_expired");
    assert_eq!(server.page(mails[0].link.as_ref().unwrap()).await.status, 410);
    for _ in 6..10 {
        ask(&server, OWNER).await;
    }
    let more = Some(json!({ "email": OWNER }));
    server.send("", "POST", "/v1/auth/login-intent", more).await.refused(429, "rate_limit_exceeded");
    // A mail that could not be sent in time is not sent.
    server.clock.advance(Duration::from_secs(301));
    assert!(server.mails().await.is_empty());
}

async fn parallel_refreshes_leave_one_chain(engine: Engine) {
    let server = Server::start(engine).await;
    let person = server.sign_in(OWNER).await;
    let both = (0..6).map(|_| refresh(&server, &person.refresh));
    let mut tokens: Vec<String> = futures_util::future::join_all(both)
        .await
        .into_iter()
        .map(|answer| answer.ok()["refresh_token"].as_str().unwrap().to_owned())
        .collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1);
    assert_ne!(tokens[0], person.refresh);
    // Two parties that share it are noticed as soon as they use the same token at different times.
    refresh(&server, &tokens[0]).await.ok();
    server.clock.advance(Duration::from_secs(11));
    refresh(&server, &tokens[0]).await.refused(401, "refresh_token_reused");
}

async fn known_and_unknown_addresses_cause_the_same_work(engine: Engine) {
    let server = Server::start(engine).await;
    let waiting = async || {
        let now = server.now();
        let queue = axme_store::notices::address("login");
        let due =
            server.app.store.read(move |tx| axme_store::queue::list_due(tx, uuid::Uuid::nil(), &queue, now, None, 10));
        due.await.unwrap().len()
    };
    for (email, expected) in [(OWNER, 1), ("nobody@example.com", 2)] {
        ask(&server, email).await;
        assert_eq!(waiting().await, expected, "{email}");
    }
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [OWNER]);
    assert_eq!(waiting().await, 0, "nothing is left of the other");
}

async fn a_session_is_refreshed_with_each_token_once(engine: Engine) {
    let server = Server::start(engine).await;
    let person = server.sign_in(OWNER).await;
    server.clock.advance(Duration::from_secs(899));
    context(&server, &person).await.ok();
    server.clock.advance(Duration::from_secs(1));
    context(&server, &person).await.refused(401, "token_expired");
    // An expired token is ignored if a valid key is present.
    let both = [("authorization", person.bearer.as_str())];
    assert_eq!(server.send_with(&person.key, "GET", "/v1/intents", None, &both).await.status, 200);
    let portal = "/v1/portal/personal/context";
    server.send_with(&person.key, "GET", portal, None, &both).await.refused(401, "token_expired");
    server.send(&person.key, "GET", portal, None).await.refused(401, "missing_actor_token");

    // The expired token in the headers does not matter, nor does a lost answer.
    let body = Some(json!({ "refresh_token": person.refresh }));
    let first = server.send_with("", "POST", "/v1/auth/refresh", body, &both).await.ok();
    let second = refresh(&server, &person.refresh).await.ok();
    // One chain: two windows that refresh at once get one token, and stay signed in.
    assert_eq!(first["refresh_token"], second["refresh_token"]);
    assert_eq!((&second["expires_in"], &second["access_token"]), (&json!(900), &second["account_session_token"]));
    let next = Person::new(&second);
    context(&server, &next).await.ok();
    let next = Person::new(&refresh(&server, &next.refresh).await.ok());
    let late = refresh(&server, &person.refresh).await.ok();
    assert_eq!(late["refresh_token"], json!(next.refresh), "a slow window gets the end of the chain");
    // Much later, a reused token is treated as stolen: the whole session ends.
    server.clock.advance(Duration::from_secs(11));
    refresh(&server, &person.refresh).await.refused(401, "refresh_token_reused");
    refresh(&server, &next.refresh).await.refused(401, "invalid_refresh_token");
    server.clock.advance(Duration::from_secs(2));
    context(&server, &next).await.refused(401, "invalid_actor_token");
    for wrong in ["", "axme_rt_x", &next.token] {
        refresh(&server, wrong).await.refused(401, "invalid_refresh_token");
    }

    let idle = server.sign_in(OWNER).await;
    server.clock.advance(Duration::from_secs(30 * 86_400));
    refresh(&server, &idle.refresh).await.refused(401, "invalid_refresh_token");
}

async fn sessions_are_listed_and_ended(engine: Engine) {
    let server = Server::start_open(engine).await;
    let (one, other) = (server.sign_in(OWNER).await, server.sign_in(OWNER).await);
    let stranger = server.sign_in("stranger@example.com").await;
    let list = async |person: &Person, query: &str| {
        let path = format!("/v1/auth/sessions{query}");
        server.as_person(person, "GET", &path, None).await.ok()["sessions"].as_array().unwrap().clone()
    };
    let sessions = list(&one, "").await;
    assert_eq!(sessions.len(), 2);
    let of_other = sessions.iter().find(|session| session["is_current"] == false).unwrap()["session_id"].clone();
    let end = json!({ "session_id": of_other });
    let path = "/v1/auth/sessions/revoke";
    server.as_person(&stranger, "POST", path, Some(end.clone())).await.refused(404, "not_found");
    for _ in 0..2 {
        let ended = server.as_person(&one, "POST", path, Some(end.clone())).await.ok();
        assert_eq!((&ended["revoked"], &ended["session_id"]), (&json!(true), &of_other));
    }
    server.clock.advance(Duration::from_secs(2));
    context(&server, &other).await.refused(401, "invalid_actor_token");
    refresh(&server, &other.refresh).await.refused(401, "invalid_refresh_token");
    assert_eq!(list(&one, "?include_revoked=false").await.len(), 1);
    let all = list(&one, "?include_revoked=true").await;
    assert_eq!(all.iter().filter(|session| session["revoked"] == true).count(), 1);
    // Only a sign-in by an assistant is a link.
    assert_eq!(server.as_person(&one, "GET", "/v1/auth/assistant-links", None).await.ok()["links"], json!([]));

    let third = server.sign_in(OWNER).await;
    assert_eq!(server.as_person(&third, "POST", "/v1/auth/logout", None).await.ok()["revoked"], true);
    let ended = server.as_person(&one, "POST", "/v1/auth/logout-all", Some(json!({}))).await.ok();
    assert_eq!(ended, json!({ "ok": true, "revoked_sessions": 1, "revoked_keys": 3 }));
    server.clock.advance(Duration::from_secs(2));
    context(&server, &one).await.refused(401, "invalid_actor_token");
    context(&server, &stranger).await.ok();
    server.send(&one.key, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
    // The key of a sign-in outlives its session, and expires by itself.
    let last = server.sign_in(OWNER).await;
    server.as_person(&last, "POST", "/v1/auth/logout", None).await.ok();
    server.get(&last.key, "/v1/me").await;
    server.clock.advance(Duration::from_secs(90 * 86_400));
    server.send(&last.key, "GET", "/v1/me", None).await.refused(401, "invalid_platform_api_key");
}

async fn only_tokens_of_this_server_are_accepted(engine: Engine) {
    let server = Server::start(engine).await;
    let person = server.sign_in(OWNER).await;
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let [header, payload, signature] = person.token.splitn(3, '.').collect::<Vec<_>>().try_into().unwrap();
    let mut richer = claims(&person.token);
    richer["sub"] = json!("00000000-0000-4000-8000-000000000000");
    let forged = [
        format!("{}.{payload}.", encode(&json!({ "alg": "none", "typ": "JWT" }))),
        format!("{}.{payload}.{signature}", encode(&json!({ "alg": "HS256", "typ": "JWT", "kid": "x" }))),
        format!("{header}.{}.{signature}", encode(&richer)),
        format!("{header}.{payload}.{}", &signature[1..]),
        format!("{header}.{payload}.{}", signature.chars().rev().collect::<String>()),
        "eyJ.e30.x".to_owned(),
        format!("ey{}.a.b", "x".repeat(3_000)),
    ];
    for token in forged {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        for path in ["/v1/portal/personal/context", "/v1/intents", "/v1/me"] {
            server.send_with("", "GET", path, None, &headers).await.refused(401, "invalid_actor_token");
        }
        // A valid key works beside any token.
        assert_eq!(server.send_with(&server.admin, "GET", "/v1/intents", None, &headers).await.status, 200);
    }
    // Signing keys are published; an old one is removed when nothing it signed is valid any more.
    let keys = async || server.page("/.well-known/jwks.json").await.body["keys"].as_array().unwrap().clone();
    let first = keys().await;
    assert_eq!((first.len(), &first[0]["alg"], &first[0]["kty"]), (1, &json!("EdDSA"), &json!("OKP")));
    assert!(first[0].get("d").is_none(), "only the public half");
    let read = jsonwebtoken::decode::<Value>(
        &person.token,
        &jsonwebtoken::DecodingKey::from_ed_components(first[0]["x"].as_str().unwrap()).unwrap(),
        &{
            let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
            validation.validate_exp = false;
            validation.set_audience(&["axme"]);
            validation
        },
    );
    assert_eq!(read.unwrap().claims["owner_agent"], "user://owner@local");
    server.clock.advance(Duration::from_secs(30 * 86_400 + 60));
    server.sign_in(OWNER).await;
    assert_eq!(keys().await.len(), 2);
    server.clock.advance(Duration::from_secs(2 * 86_400));
    let left = keys().await;
    assert_eq!(left.len(), 1);
    assert_ne!(left[0]["kid"], first[0]["kid"]);
}

async fn a_session_begun_with_a_key_ends_with_the_key(engine: Engine) {
    let server = Server::start(engine).await;
    let accounts = server.get(&server.admin, "/v1/service-accounts").await["service_accounts"].clone();
    let keys = format!("/v1/service-accounts/{}/keys", accounts[0]["service_account_id"].as_str().unwrap());
    let make = async |fields: Value| {
        let made = server.post(&server.admin, &keys, fields).await;
        let id = made["key"]["key_id"].as_str().unwrap().to_owned();
        (made["api_key"].as_str().unwrap().to_owned(), id)
    };
    let open = async |key: &str| server.send(key, "POST", "/v1/auth/dashboard-token", None).await.ok()["token"].clone();
    let exchange =
        async |token: &Value| server.send("", "POST", "/v1/auth/exchange", Some(json!({ "token": token }))).await;
    let (key, id) = make(json!({})).await;
    let entered = exchange(&open(&key).await).await.ok();
    let (person, waiting) = (Person::new(&entered), open(&key).await);
    let other = Person::new(&exchange(&open(&server.admin).await).await.ok());
    context(&server, &person).await.ok();
    // A session that such a session starts still depends on the key.
    let opened = server.as_person(&person, "POST", "/v1/auth/dashboard-token", None).await.ok();
    let second = exchange(&opened["token"]).await.ok();
    context(&server, &Person::new(&second)).await.ok();
    server.post(&server.admin, &format!("{keys}/{id}/revoke"), json!({})).await;
    // Look-ups are cached for a second.
    server.clock.advance(Duration::from_secs(1));
    context(&server, &person).await.refused(401, "invalid_actor_token");
    context(&server, &Person::new(&second)).await.refused(401, "invalid_actor_token");
    for entered in [&entered, &second] {
        let token = entered["refresh_token"].as_str().unwrap();
        refresh(&server, token).await.refused(401, "invalid_refresh_token");
    }
    exchange(&waiting).await.refused(401, "invalid_exchange_token");
    context(&server, &other).await.ok();

    let end = server.now().plus_seconds(120).to_string();
    let (key, _) = make(json!({ "expires_at": end })).await;
    let entered = exchange(&open(&key).await).await.ok();
    let next = refresh(&server, entered["refresh_token"].as_str().unwrap()).await.ok();
    server.clock.advance(Duration::from_secs(121));
    refresh(&server, next["refresh_token"].as_str().unwrap()).await.refused(401, "invalid_refresh_token");
    context(&server, &Person::new(&entered)).await.refused(401, "invalid_actor_token");
}

async fn an_invalid_key_is_ignored_beside_a_valid_token(engine: Engine) {
    let server = Server::start(engine).await;
    let members = format!("/v1/organizations/{}/members", server.bootstrap.org_id);
    let body = json!({ "actor_id": "ann@example.com", "role": "member" });
    let member = server.post(&server.admin, &members, body).await["member"]["member_id"].clone();
    let ann = server.sign_in("ann@example.com").await;
    server.send(&server.admin, "DELETE", &format!("{members}/{}", member.as_str().unwrap()), None).await.ok();
    server.clock.advance(Duration::from_secs(1));
    let call = async |key: &str, method: &str, path: &str| {
        server.send_with(key, method, path, None, &[("authorization", ann.bearer.as_str())]).await
    };
    call(&ann.key, "GET", "/v1/me").await.refused(403, "invalid_actor_scope");
    for key in [ann.key.as_str(), "axme_sa_nobody_knows", ""] {
        let sessions = call(key, "GET", "/v1/auth/sessions").await.ok();
        assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{key}");
    }
    server.send(&ann.key, "GET", "/v1/auth/sessions", None).await.refused(403, "invalid_actor_scope");
    call(&ann.key, "POST", "/v1/auth/logout").await.ok();
    server.clock.advance(Duration::from_secs(1));
    call(&ann.key, "GET", "/v1/auth/sessions").await.refused(401, "invalid_actor_token");
}

async fn a_dashboard_token_works_once(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    server.send(&worker, "POST", "/v1/auth/dashboard-token", None).await.refused(403, "forbidden");
    let made = server.send(&server.admin, "POST", "/v1/auth/dashboard-token", None).await.ok();
    assert_eq!(made["expires_in"], 300);
    let body = json!({ "token": made["token"] });
    let exchange = async || server.send("", "POST", "/v1/auth/exchange", Some(body.clone())).await;
    let person = Person::new(&exchange().await.ok());
    assert_eq!(person.key, "");
    assert_eq!(context(&server, &person).await.ok()["account"]["email"], OWNER);
    exchange().await.refused(401, "invalid_exchange_token");

    let introspect =
        async |token: &str| server.post(&server.admin, "/v1/auth/introspect", json!({ "token": token })).await;
    let told = introspect(&person.token).await;
    assert_eq!((&told["active"], &told["email"], &told["scope"]), (&json!(true), &json!(OWNER), &json!("axme.api")));
    assert_eq!(introspect("ey.x.y").await, json!({ "ok": true, "active": false }));
    server.as_person(&person, "POST", "/v1/auth/logout", None).await.ok();
    assert_eq!(introspect(&person.token).await, json!({ "ok": true, "active": false }));

    let late = server.send(&server.admin, "POST", "/v1/auth/dashboard-token", None).await.ok();
    server.clock.advance(Duration::from_secs(301));
    let body = json!({ "token": late["token"] });
    server.send("", "POST", "/v1/auth/exchange", Some(body)).await.refused(401, "invalid_exchange_token");
    // A key whose owner has never had an account opens no session.
    let other = server.workspace("other", "default").await;
    server.send(&other, "POST", "/v1/auth/dashboard-token", None).await.refused(409, "no_account");
}
