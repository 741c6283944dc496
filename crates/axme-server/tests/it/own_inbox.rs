//! The inbox of a person in a browser: signing in, what waits across workspaces, opening, answering many, sessions.

use axme_core::state::Site;
use axme_server::workers;
use axme_store::Limits;
use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, code_of, each_engine, id_of};

each_engine! {
    a_person_signs_in_and_answers_from_the_inbox,
    many_tasks_of_one_step_are_answered_at_once,
    forms_of_other_sites_and_tasks_of_others_are_refused,
    a_session_ends_when_it_is_revoked,
    a_requester_replies_to_a_question_in_the_inbox,
    a_yes_is_withdrawn_in_the_inbox,
    settings_are_changed_in_the_browser,
    the_inbox_is_installed_below_the_path_of_the_server,
}

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A browser that has signed in.
pub struct Browser<'s> {
    server: &'s Server,
    cookie: String,
}

impl<'s> Browser<'s> {
    pub async fn signed_in(server: &'s Server, email: &str) -> Browser<'s> {
        let asked = send(server, "", "/inbox/sign-in", &[("email", email)]).await;
        let login = between(&text(&asked), "name=\"login\" value=\"", "\"");
        let code = code_of(&server.mails().await);
        let fields = [("email", email), ("login", login.as_str()), ("code", code.as_str())];
        let entered = send(server, "", "/inbox/sign-in", &fields).await;
        assert_eq!(entered.status, 303, "{}", text(&entered));
        let cookie = entered.headers["set-cookie"].to_str().unwrap();
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "__Host-"] {
            assert!(cookie.contains(part), "{part}: {cookie}");
        }
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Browser { server, cookie }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.server.send_raw("", "GET", path, Vec::new(), &[("cookie", &self.cookie)]).await
    }

    async fn csrf(&self) -> String {
        between(&text(&self.get("/inbox/sessions").await), "name=\"csrf\" value=\"", "\"")
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        send(self.server, &self.cookie, path, &[&[("csrf", csrf.as_str())], fields].concat()).await
    }
}

async fn send(server: &Server, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let escape = |text: &str| text.replace('%', "%25").replace('&', "%26").replace('+', "%2B");
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    server.send_raw("", "POST", path, pairs.join("&").into_bytes(), &[FORM, ("cookie", cookie)]).await
}

fn text(page: &Answer) -> String {
    page.body.as_str().expect("a page").to_owned()
}

fn between(text: &str, from: &str, to: &str) -> String {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("{from} in {text}")).1;
    rest.split_once(to).expect("an end").0.to_owned()
}

async fn ask(server: &Server, person: &str, title: &str, more: Value) -> String {
    let mut task = json!({ "title": title, "assignees": [person], "summary": ["amount"] });
    for (name, value) in more.as_object().unwrap() {
        task[name] = value.clone();
    }
    let payload = json!({ "amount": 12_000, "currency": "EUR" });
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": task, "payload": payload });
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

fn name_of(server: &Server, id: &str) -> String {
    format!("{}:{id}", server.bootstrap.workspace_id)
}

async fn a_person_signs_in_and_answers_from_the_inbox(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(ANN, "member", None).await;
    assert!(text(&server.page("/inbox").await).contains("Sign in to your inbox"));
    let id = ask(&server, ANN, "Pay the pump?", json!({ "required_comment": true })).await;
    ask(&server, BOB, "Not for Ann", json!({})).await;
    server.mails().await;
    let ann = Browser::signed_in(&server, ANN).await;
    let page = text(&ann.get("/inbox").await);
    for part in ["One task waits for you", "Pay the pump?", "EUR 12,000.00", "owner@local", "Nothing yet."] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Not for Ann") && !page.contains("type=\"checkbox\""), "{page}");
    assert!(text(&ann.get("/inbox?q=pump").await).contains("Pay the pump?"));
    assert!(!text(&ann.get("/inbox?q=turbine").await).contains("Pay the pump?"));
    let opened = ann.post("/inbox/open", &[("task", &name_of(&server, &id))]).await;
    assert_eq!(opened.status, 303, "{}", text(&opened));
    let link = opened.headers["location"].to_str().unwrap().replacen("..", "", 1);
    assert!(text(&server.page(&link).await).contains("You answer as <strong>ann@example.com</strong>"));
    let yes = [("outcome", "approved"), ("comment", "fine"), ("step", "confirm")];
    let done = text(&server.submit_form(&link, &yes).await);
    assert!(done.contains("Your answer was recorded"), "{done}");
    let last = server.events(&id).await.pop().unwrap();
    assert_eq!((&last["details"]["answered_by"], &last["details"]["answered_via"]), (&json!(ANN), &json!("inbox")));
    let page = text(&ann.get("/inbox").await);
    for part in ["Nothing waits for you", "<strong>Approved</strong>: Pay the pump?", "fine", "Receipt "] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

async fn many_tasks_of_one_step_are_answered_at_once(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(ANN, "member", None).await;
    let (one, two) = (ask(&server, ANN, "Pay one?", json!({})).await, ask(&server, ANN, "Pay two?", json!({})).await);
    let alone = ask(&server, ANN, "Review?", json!({ "task_type": "review" })).await;
    let guarded = ask(&server, ANN, "Guarded?", json!({ "person_required": true })).await;
    server.mails().await;
    let ann = Browser::signed_in(&server, ANN).await;
    let name = |id: &str| name_of(&server, id);
    let (one_name, two_name) = (name(&one), name(&two));
    let both = [("task", one_name.as_str()), ("task", two_name.as_str())];
    for wrong in [&alone, &guarded] {
        let wrong = name(wrong);
        let refused = ann.post("/inbox/answer", &[("task", &one_name), ("task", &wrong)]).await;
        assert_eq!(refused.status, 422, "{}", text(&refused));
    }
    assert_eq!(ann.post("/inbox/answer", &[]).await.status, 422);
    let many: Vec<(&str, &str)> = (0..51).map(|_| both[0]).collect();
    assert_eq!(ann.post("/inbox/answer", &many).await.status, 422);
    let review = text(&ann.post("/inbox/answer", &both).await);
    for part in ["Pay one?", "Pay two?", "EUR 12,000.00", "Confirm: Approve all 2", "ann@example.com"] {
        assert!(review.contains(part), "{part}: {review}");
    }
    assert_eq!(server.intent(&one).await["status"], "WAITING", "nothing is recorded before the confirmation");
    let done = text(&ann.post("/inbox/answer", &[&both[..], &[("outcome", "approved")]].concat()).await);
    assert!(done.contains("2 answers were recorded"), "{done}");
    for id in [&one, &two] {
        assert_eq!(server.intent(id).await["result"]["outcome"], "approved");
    }
    assert_eq!(workers::receipts::tick(&server.app).await.unwrap(), 2, "each answer has its own receipt");
    let again = ann.post("/inbox/answer", &[&both[..], &[("outcome", "rejected")]].concat()).await;
    assert_eq!(again.status, 422, "they do not wait any more");
}

async fn forms_of_other_sites_and_tasks_of_others_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for person in [ANN, BOB] {
        server.give(person, "member", None).await;
    }
    let id = ask(&server, ANN, "Pay?", json!({})).await;
    server.mails().await;
    let (ann, bob) = (Browser::signed_in(&server, ANN).await, Browser::signed_in(&server, BOB).await);
    let task = name_of(&server, &id);
    // Without the token of the session, with that of another session, and without a cookie.
    let stolen = bob.csrf().await;
    for (cookie, csrf) in [(ann.cookie.as_str(), ""), (&ann.cookie, &stolen), ("", &ann.csrf().await)] {
        let refused = send(&server, cookie, "/inbox/open", &[("csrf", csrf), ("task", &task)]).await;
        assert_eq!(refused.status, 403, "{}", text(&refused));
    }
    let body = format!("csrf={}&task={task}", ann.csrf().await).into_bytes();
    for foreign in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let headers = [FORM, ("cookie", ann.cookie.as_str()), foreign];
        assert_eq!(server.send_raw("", "POST", "/inbox/open", body.clone(), &headers).await.status, 403);
        assert_eq!(server.send_raw("", "POST", "/inbox/sign-in", body.clone(), &headers).await.status, 403);
    }
    assert_eq!(bob.post("/inbox/open", &[("task", &task)]).await.status, 404, "the task does not ask Bob");
    let elsewhere = format!("{}:{id}", uuid::Uuid::from_u128(5));
    assert_eq!(ann.post("/inbox/open", &[("task", &elsewhere)]).await.status, 404);
    for garbage in ["", "x", "x:y", ":"] {
        assert_eq!(ann.post("/inbox/open", &[("task", garbage)]).await.status, 404, "{garbage}");
    }
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}

async fn a_session_ends_when_it_is_revoked(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(ANN, "member", None).await;
    let first = Browser::signed_in(&server, ANN).await;
    server.clock.advance(std::time::Duration::from_secs(3600));
    let second = Browser::signed_in(&server, ANN).await;
    assert_eq!(text(&first.get("/inbox/sessions").await).matches("End this session").count(), 1);
    assert_eq!(first.post("/inbox/sessions", &[("session", "")]).await.status, 303);
    assert!(text(&second.get("/inbox").await).contains("Sign in to your inbox"), "the other session has ended");
    let out = first.post("/inbox/sign-out", &[]).await;
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert!(text(&first.get("/inbox").await).contains("Sign in to your inbox"));
    // The cookie is a credential of the browser alone.
    let token = first.cookie.split_once('=').unwrap().1;
    let refresh = json!({ "refresh_token": token });
    assert_eq!(server.send("", "POST", "/v1/auth/refresh", Some(refresh)).await.status, 401);
}

async fn a_requester_replies_to_a_question_in_the_inbox(engine: Engine) {
    let server = Server::start(engine).await;
    for person in [ANN, BOB] {
        server.give(person, "member", None).await;
    }
    let ann = server.sign_in(ANN).await;
    let body =
        json!({ "intent_type": "intent.pay.v1", "human_task": { "title": "Pay?", "notify_email": "kim@example.com" } });
    let id = id_of(&server.as_person(&ann, "POST", "/v1/intents", Some(body)).await.ok());
    let link = server.mails().await[0].link.clone().unwrap();
    let (of_ann, of_bob) = (Browser::signed_in(&server, ANN).await, Browser::signed_in(&server, BOB).await);
    assert!(!text(&of_ann.get("/inbox").await).contains("Questions to you"));
    server.submit_form(&link, &[("question", "Which <account>?"), ("step", "ask")]).await;
    let inbox = text(&of_ann.get("/inbox").await);
    assert!(inbox.contains("Questions to you") && inbox.contains("Which &#60;account&#62;?"), "{inbox}");
    assert!(!text(&of_bob.get("/inbox").await).contains("Questions to you"));
    let task = between(&inbox, "name=\"task\" value=\"", "\"");
    let reply = [("task", task.as_str()), ("reply", "The usual one")];
    assert_eq!(of_bob.post("/inbox/reply", &reply).await.status, 404);
    let forged = send(&server, &of_ann.cookie, "/inbox/reply", &reply).await;
    assert_eq!(forged.status, 403, "a form without the token of the session");
    assert_eq!(of_ann.post("/inbox/reply", &[reply[0], ("reply", " ")]).await.status, 422);
    assert_eq!(of_ann.post("/inbox/reply", &reply).await.status, 303);
    assert_eq!(of_ann.post("/inbox/reply", &reply).await.status, 409, "a question has one reply");
    assert!(!text(&of_ann.get("/inbox").await).contains("Questions to you"));
    let told = server.events(&id).await.last().unwrap()["text"].clone();
    assert_eq!(told, "Reply of ann@example.com to kim@example.com in the inbox: The usual one");
}

async fn a_yes_is_withdrawn_in_the_inbox(engine: Engine) {
    let server = Server::start(engine).await;
    for person in [ANN, BOB] {
        server.give(person, "member", None).await;
    }
    let task = json!({ "title": "Pay?", "assignees": [ANN, BOB, "eve@example.com"], "quorum": 2 });
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": task });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    let mails = server.mails().await;
    let link = |to: &str| mails.iter().find(|mail| mail.to == to).unwrap().link.clone().unwrap();
    server.submit_form(&link(ANN), &[("outcome", "approved"), ("step", "confirm")]).await;
    let (of_ann, of_bob) = (Browser::signed_in(&server, ANN).await, Browser::signed_in(&server, BOB).await);
    let inbox = text(&of_ann.get("/inbox").await);
    assert!(inbox.contains("Nothing waits for you") && inbox.contains("Withdraw your answer to Pay?"), "{inbox}");
    let task = between(&inbox, "name=\"task\" value=\"", "\"");
    assert_eq!(of_bob.post("/inbox/withdraw", &[("task", &task)]).await.status, 404, "Bob has not said yes");
    assert_eq!(send(&server, &of_ann.cookie, "/inbox/withdraw", &[("task", &task)]).await.status, 403);
    assert_eq!(of_ann.post("/inbox/withdraw", &[("task", &task)]).await.status, 303);
    assert_eq!(of_ann.post("/inbox/withdraw", &[("task", &task)]).await.status, 404);
    let inbox = text(&of_ann.get("/inbox").await);
    assert!(inbox.contains("One task waits for you") && !inbox.contains("Withdraw your answer"), "{inbox}");
    assert!(inbox.contains("<strong>Withdrawn</strong>: Pay?"), "{inbox}");
    let told = server.events(&id).await.last().unwrap()["text"].clone();
    assert_eq!(told, "Yes withdrawn by ann@example.com in the inbox");
}

async fn settings_are_changed_in_the_browser(engine: Engine) {
    let server = Server::start_open(engine).await;
    let ann = Browser::signed_in(&server, ANN).await;
    let page = text(&ann.get("/inbox/settings").await);
    for part in ["Your settings", "Quiet hours", "name=\"time_zone\"", "lang=\"en\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let wrong = ann.post("/inbox/settings", &[("language", "de"), ("quiet_from", "22:00")]).await;
    assert_eq!(wrong.status, 422);
    assert!(
        text(&wrong).contains("send both or neither") && text(&wrong).contains("value=\"22:00\""),
        "{}",
        text(&wrong)
    );
    let fields = [
        ("language", "de"),
        ("quiet_from", "22:00"),
        ("quiet_until", "07:00"),
        ("digest_time", "08:00"),
        ("time_zone", "Europe/Berlin"),
    ];
    assert_eq!(ann.post("/inbox/settings", &fields).await.status, 303);
    let page = text(&ann.get("/inbox/settings").await);
    for part in ["lang=\"de\"", "Ihre Einstellungen", "value=\"22:00\"", "value=\"08:00\"", "value=\"Europe/Berlin\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(text(&ann.get("/inbox").await).contains("Wartet auf Sie"));
    let foreign = send(&server, &ann.cookie, "/inbox/settings", &[("language", "en")]).await;
    assert_eq!(foreign.status, 403, "a form without the token of the session");
}

async fn the_inbox_is_installed_below_the_path_of_the_server(engine: Engine) {
    let site = Site { base_url: "https://axme.example/base".to_owned(), ..Site::default() };
    let server = Server::start_at(engine, Limits::default(), site).await;
    let page = text(&server.page("/inbox").await);
    let manifest = between(&page, "rel=\"manifest\" href=\"", "\"");
    let manifest = server.page(&format!("/{manifest}")).await;
    assert_eq!(manifest.headers["content-type"], "application/manifest+json");
    assert_eq!((&manifest.body["start_url"], &manifest.body["scope"]), (&json!("../inbox"), &json!("../")));
    for icon in manifest.body["icons"].as_array().unwrap() {
        let answer = server.page(&format!("/app/{}", icon["src"].as_str().unwrap())).await;
        assert_eq!(answer.headers["content-type"].to_str().unwrap(), icon["type"].as_str().unwrap());
    }
    let worker = server.page("/app/worker.js").await;
    assert_eq!((worker.status.as_u16(), &worker.headers["service-worker-allowed"]), (200, &"/base/".parse().unwrap()));
    // A browser shows this page at other paths.
    let offline = server.send_raw("", "GET", "/app/offline", Vec::new(), &[("accept-language", "de")]).await;
    for part in ["href=\"/base/app/style.css\"", "Der Server ist nicht erreichbar"] {
        assert!(text(&offline).contains(part), "{part}: {}", text(&offline));
    }
}
