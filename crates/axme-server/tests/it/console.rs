//! The console of operators: signing in, each page for each role, one intent with its history, acting on one and on many.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::browser::{Browser, FORM, between, cookie_of, location, send, text};
use crate::harness::{Engine, Server, each_engine, id_of};

each_engine! {
    the_root_leads_a_browser_to_the_console_and_tells_a_program_about_the_api,
    an_admin_sees_every_page_and_the_words_of_others_are_escaped,
    an_agent_and_a_member_see_their_own_and_no_more,
    an_intent_of_another_workspace_is_not_found,
    forms_of_other_sites_and_sessions_are_refused,
    an_intent_is_shown_as_it_was_and_with_its_workflow,
    each_action_on_an_intent_is_one_operation,
    a_filter_is_in_the_address_and_pages_follow_each_other,
    many_intents_are_canceled_and_submitted_again_after_a_confirmation,
    a_one_time_token_opens_the_console_once,
    a_session_of_a_key_ends_with_the_key,
    a_password_signs_in_and_a_person_selects_a_workspace,
    the_audit_trail_is_exported,
    a_page_streams_the_events_of_its_intent,
}

const ANN: &str = "ann@example.com";
const NASTY: &str = "<script>alert('x')</script>";

async fn intent(server: &Server, body: Value) -> String {
    id_of(&server.post(&server.admin, "/v1/intents", body).await)
}

const PAGES: [&str; 13] = [
    "/app",
    "/app/intents",
    "/app/agents",
    "/app/deliveries",
    "/app/webhooks",
    "/app/people",
    "/app/scenarios",
    "/app/policies",
    "/app/schemas",
    "/app/server",
    "/app/quotas",
    "/app/audit",
    "/app/audit/export?format=csv",
];

async fn the_root_leads_a_browser_to_the_console_and_tells_a_program_about_the_api(engine: Engine) {
    let server = Server::start(engine).await;
    let told = server.send("", "GET", "/", None).await.ok();
    assert_eq!((&told["openapi"], &told["console"]), (&json!("/openapi.json"), &json!("/app")));
    let html = [("accept", "text/html,application/xhtml+xml")];
    let led = server.send_raw("", "GET", "/", Vec::new(), &html).await;
    assert_eq!((led.status.as_u16(), location(&led)), (303, "/app".to_owned()));
    let entrance = server.send_raw("", "GET", "/app/intents?status=FAILED", Vec::new(), &html).await;
    assert_eq!(location(&entrance), "/app/sign-in?next=%2Fapp%2Fintents%3Fstatus%3DFAILED");
    let form = text(&server.page("/app/sign-in?next=%2Fapp%2Fintents").await);
    assert!(form.contains("name=\"next\" value=\"/app/intents\""), "{form}");
    // A person who only answers tasks is led to the inbox.
    server.give(ANN, "member", None).await;
    let ann = Browser::by_mail(&server, ANN).await;
    let led = server.send_raw("", "GET", "/", Vec::new(), &[html[0], ("cookie", &ann.cookie)]).await;
    assert_eq!(location(&led), "/inbox");
}

async fn an_admin_sees_every_page_and_the_words_of_others_are_escaped(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("greeter").await;
    let payload = json!({ NASTY: NASTY, "amount": 1_234_567.5 });
    let task = json!({ "title": NASTY, "assignees": [ANN] });
    let id = intent(&server, json!({ "intent_type": "intent.pay.v1", "payload": payload, "human_task": task })).await;
    intent(&server, json!({ "intent_type": "intent.greet.v1", "to_agent": "greeter", "payload": {} })).await;
    let subscription =
        json!({ "callback_url": "https://example.com/x", "event_types": ["intent.*"], "description": NASTY });
    server.post(&server.admin, "/v1/webhooks/subscriptions", subscription).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    for path in PAGES {
        let answer = admin.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer));
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let page = text(&answer);
        assert!(
            !page.contains("<script>alert") && !page.contains(" style=") && !page.contains(" onclick"),
            "{path}: {page}"
        );
    }
    let overview = admin.page("/app").await;
    for part in ["Waiting for people", "With agents", "local/default/greeter", "Submitted, by hour"] {
        assert!(overview.contains(part), "{part}: {overview}");
    }
    let list = admin.page("/app/intents").await;
    for part in
        ["intent.pay.v1", "Waits for a person", "ann@example.com", "Queued for its agent", "axme api intents.list"]
    {
        assert!(list.contains(part), "{part}: {list}");
    }
    let one = admin.page(&format!("/app/intents/{id}")).await;
    assert!(!one.contains("<script>alert"), "{one}");
    for part in ["&#60;script&#62;", "1234567.5", "Timeline", "Raw JSON", "Cancel this intent", "Reassign"] {
        assert!(one.contains(part), "{part}: {one}");
    }
    assert!(admin.page("/app/webhooks").await.contains("&#60;script&#62;"));
    let account = between(&admin.page("/app/people").await, "/app/people?account=", "\"");
    assert!(admin.page(&format!("/app/people?account={account}")).await.contains("axme_sa_"));
    assert!(admin.page("/app/agents?agent=greeter").await.contains("no heartbeat yet"));
    for wrong in ["/app/intents?status=gone", "/app/intents?since=x", "/app/deliveries?status=x", "/app/audit/export"] {
        assert_eq!(admin.get(wrong).await.status, 422, "{wrong}");
    }
    for nothing in
        ["/app/intents/00000000-0000-7000-8000-000000000000", "/app/agents?agent=nobody", "/app/people?account=x"]
    {
        assert_eq!(admin.get(nothing).await.status, 404, "{nothing}");
    }
}

async fn an_agent_and_a_member_see_their_own_and_no_more(engine: Engine) {
    let server = Server::start(engine).await;
    let greeter = server.agent("greeter").await;
    let own = intent(&server, json!({ "intent_type": "intent.greet.v1", "to_agent": "greeter", "payload": {} })).await;
    let other =
        intent(&server, json!({ "intent_type": "intent.secret.v1", "payload": {}, "human_task": { "title": "?" } }))
            .await;
    let agent = Browser::with_key(&server, &greeter).await;
    assert_eq!(location(&agent.get("/app").await), "/app/intents", "the numbers are for admins");
    let list = agent.page("/app/intents").await;
    assert!(list.contains("intent.greet.v1") && !list.contains("intent.secret.v1"), "{list}");
    let page = agent.page(&format!("/app/intents/{own}")).await;
    assert!(!page.contains("Cancel this intent"), "the receiver does not cancel: {page}");
    assert_eq!(server.intent(&own).await["status"], "DELIVERED", "looking acknowledges nothing");
    assert_eq!(agent.get(&format!("/app/intents/{other}")).await.status, 404);
    for closed in ["/app/people", "/app/audit", "/app/quotas", "/app/deliveries"] {
        assert_eq!(agent.get(closed).await.status, 403, "{closed}");
        assert!(!list.contains(&format!("href=\"{closed}\"")), "{closed} is not offered");
    }
    let stop = [("agent", "greeter"), ("action", "stop")];
    assert_eq!(agent.post("/app/agents", &stop).await.status, 403);
    assert!(!agent.page("/app/agents").await.contains(">Stop<"));
    let cancel = agent.post(&format!("/app/intents/{other}"), &[("action", "cancel")]).await;
    assert_eq!(cancel.status, 404);
    // An auditor reads the trail and no intent.
    server.give("aud@example.com", "security_auditor", None).await;
    let auditor = Browser::by_mail(&server, "aud@example.com").await;
    assert_eq!(auditor.get("/app/intents").await.status, 403);
    assert!(auditor.page("/app/audit").await.contains("auth.sign_in"));
}

async fn an_intent_of_another_workspace_is_not_found(engine: Engine) {
    let server = Server::start(engine).await;
    let id = intent(&server, json!({ "intent_type": "intent.x.v1", "payload": {}, "human_task": { "title": "Mine" } }))
        .await;
    let foreign = server.workspace("other", "one").await;
    let admin = Browser::with_key(&server, &foreign).await;
    assert_eq!(admin.get(&format!("/app/intents/{id}")).await.status, 404);
    assert!(!admin.page("/app/intents").await.contains(&id));
    for action in ["cancel", "retry", "replay", "answer"] {
        let answer = admin.post(&format!("/app/intents/{id}"), &[("action", action), ("outcome", "approved")]).await;
        assert_eq!(answer.status, 404, "{action}: {}", text(&answer));
    }
    let bulk = admin.post("/app/intents/bulk", &[("action", "cancel"), ("intent", id.as_str())]).await;
    assert_eq!(bulk.status, 404);
    let forced = [("action", "cancel"), ("confirmed", "yes"), ("left", id.as_str()), ("total", "1")];
    assert!(text(&admin.post("/app/intents/bulk", &forced).await).contains("1 left alone"));
    let live = server
        .send_raw("", "GET", &format!("/app/intents/{id}/stream"), Vec::new(), &[("cookie", &admin.cookie)])
        .await;
    assert_eq!(live.status, 404);
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}

async fn forms_of_other_sites_and_sessions_are_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let id =
        intent(&server, json!({ "intent_type": "intent.x.v1", "payload": {}, "human_task": { "title": "?" } })).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let second = Browser::with_key(&server, &server.admin).await;
    let path = format!("/app/intents/{id}");
    let (own, stolen) = (admin.csrf().await, second.csrf().await);
    for csrf in ["", stolen.as_str()] {
        let refused = send(&server, &admin.cookie, &path, &[("csrf", csrf), ("action", "cancel")]).await;
        assert_eq!(refused.status, 403, "{}", text(&refused));
    }
    let body = format!("csrf={own}&action=cancel").into_bytes();
    for foreign in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let headers = [FORM, ("cookie", admin.cookie.as_str()), foreign];
        for form in
            [path.as_str(), "/app/intents/bulk", "/app/agents", "/app/sign-out", "/app/sign-in", "/auth/exchange"]
        {
            assert_eq!(server.send_raw("", "POST", form, body.clone(), &headers).await.status, 403, "{form}");
        }
    }
    // The API does not read the cookie, so a foreign site gains nothing from a browser that has one.
    let api = [("cookie", admin.cookie.as_str())];
    assert_eq!(server.send_raw("", "GET", "/v1/intents", Vec::new(), &api).await.status, 401);
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    let out = admin.post("/app/sign-out", &[]).await;
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert!(location(&admin.get("/app/intents").await).starts_with("/app/sign-in"), "the session has ended");
    assert_eq!(second.get("/app/intents").await.status, 200, "the other one has not");
}

/// A workflow: an agent checks, and then a person decides.
fn bundle() -> Value {
    json!({
        "scenario_id": "release.v1",
        "agents": [{ "role": "checker", "address": "checker", "create_if_missing": true }],
        "humans": [{ "role": "lead", "display_name": "Lead", "contact": ANN }],
        "workflow": { "steps": [
            { "step_id": "check", "tool_id": "tool.agent.task", "assigned_to": "checker" },
            { "step_id": "decide", "tool_id": "tool.human_approval", "assigned_to": "lead" },
        ] },
        "intent": { "type": "intent.release.v1", "payload": { "service": "api" } },
    })
}

async fn an_intent_is_shown_as_it_was_and_with_its_workflow(engine: Engine) {
    let server = Server::start(engine).await;
    let applied = server.post(&server.admin, "/v1/scenarios/apply", bundle()).await;
    let id = id_of(&applied);
    let admin = Browser::with_key(&server, &server.admin).await;
    let page = admin.page(&format!("/app/intents/{id}")).await;
    for part in ["<svg", "step running", "check", "decide", "scenario release.v1", "Waits for an agent"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let child = between(&page, "Step check: <a href=\"/app/intents/", "\"");
    assert!(admin.page(&format!("/app/intents/{child}")).await.contains(&format!("/app/intents/{id}\">workflow")));
    let done = json!({ "action": "complete", "ok": true });
    server.post(&server.admin, &format!("/v1/intents/{child}/resume"), done).await;
    let page = admin.page(&format!("/app/intents/{id}")).await;
    for part in ["step done", "Waits for a person", "path taken", "Step check was done by checker"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // After the first wait, the agent had it. No action is offered for an earlier moment.
    let events = server.events(&id).await;
    let first_wait = events.iter().find(|event| event["status"] == "WAITING").unwrap()["seq"].clone();
    let before = admin.page(&format!("/app/intents/{id}?at={first_wait}")).await;
    for part in ["This is the intent after event", "Waits for an agent", "step running", "class=\"later\""] {
        assert!(before.contains(part), "{part}: {before}");
    }
    assert!(!before.contains("Cancel this intent") && !before.contains("step done"), "{before}");
    assert!(admin.page(&format!("/app/intents/{id}?at=999999")).await.contains("step done"), "the future is now");
    assert_eq!(admin.get(&format!("/app/intents/{id}?at=0")).await.status, 404);
}

async fn each_action_on_an_intent_is_one_operation(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let ask = || json!({ "intent_type": "intent.pay.v1", "payload": { "amount": 5 }, "human_task": { "title": "Pay?", "assignees": [ANN] } });
    let id = intent(&server, ask()).await;
    assert!(admin.page(&format!("/app/intents/{id}")).await.contains("value=\"rejected\""));
    admin.act(&id, &[("action", "reassign"), ("to", "kim@example.com"), ("note", "away")]).await;
    assert_eq!(server.intent(&id).await["pending_with"]["ref"], "kim@example.com");
    admin.act(&id, &[("action", "controls"), ("timeout", "2h"), ("remind_after", "30m"), ("reason", "slow")]).await;
    let changed = server.intent(&id).await;
    assert_eq!(
        (&changed["controls"]["timeout_seconds"], &changed["remind_after_seconds"]),
        (&json!(7200), &json!(1800))
    );
    let said = admin.act(&id, &[("action", "answer"), ("outcome", "rejected"), ("comment", "too much")]).await;
    let page = admin.page(&said).await;
    for part in ["Rejected by owner@local", "badge large bad", "on a page", "too much", "Your answer was recorded."] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let again = admin.post(&format!("/app/intents/{id}"), &[("action", "answer"), ("outcome", "approved")]).await;
    assert_eq!(again.status, 409, "{}", text(&again));
    let once = between(&page, "name=\"once\" value=\"", "\"");
    let copy = admin.act(&id, &[("action", "retry"), ("once", &once)]).await;
    let twice = admin.act(&id, &[("action", "retry"), ("once", &once)]).await;
    assert_eq!(copy, twice, "a form that is sent twice makes one copy");
    let copy = between(&copy, "/app/intents/", "?");
    let made = server.intent(&copy).await;
    assert_eq!((&made["payload"], &made["status"]), (&json!({ "amount": 5 }), &json!("WAITING")));
    admin.act(&copy, &[("action", "cancel"), ("reason", "not needed")]).await;
    assert!(admin.page(&format!("/app/intents/{copy}")).await.contains("not needed"));
    for wrong in [vec![("action", "")], vec![("action", "controls")], vec![("action", "controls"), ("timeout", "soon")]]
    {
        assert_eq!(admin.post(&format!("/app/intents/{copy}"), &wrong).await.status, 422, "{wrong:?}");
    }
    server.agent("greeter").await;
    for (action, health) in [("stop", ">stopped<"), ("continue", "no heartbeat yet")] {
        let led = admin.post("/app/agents", &[("agent", "greeter"), ("action", action)]).await;
        assert!(admin.page(&location(&led)).await.contains(health), "{action}");
    }
}

async fn a_filter_is_in_the_address_and_pages_follow_each_other(engine: Engine) {
    let server = Server::start(engine).await;
    let mut ids = Vec::new();
    for number in 0..250 {
        let task = json!({ "title": "?", "assignees": [if number % 50 == 0 { ANN } else { "bob@example.com" }] });
        let kind = format!("intent.kind{}.v1", number % 2);
        ids.push(intent(&server, json!({ "intent_type": kind, "payload": {}, "human_task": task })).await);
    }
    let admin = Browser::with_key(&server, &server.admin).await;
    let mut seen: Vec<String> = Vec::new();
    let mut path = "/app/intents".to_owned();
    loop {
        let page = admin.page(&path).await;
        let rows =
            page.split("name=\"intent\" value=\"").skip(1).map(|part| part.split_once('"').unwrap().0.to_owned());
        let rows: Vec<String> = rows.collect();
        assert!(rows.len() <= 100);
        seen.extend(rows);
        if !page.contains("rel=\"next\"") {
            break;
        }
        let next =
            page.rsplit("href=\"").find(|part| part.contains("rel=\"next\"")).unwrap().split_once('"').unwrap().0;
        path = next.replace("&amp;", "&").replace("&#38;", "&");
    }
    seen.reverse();
    assert_eq!(seen, ids, "each intent is on one page");
    let count =
        async |query: &str| admin.page(&format!("/app/intents?{query}")).await.matches("name=\"intent\"").count();
    assert_eq!(count("holder=ann@example.com").await, 5);
    assert_eq!(count("waiting_reason=WAITING_FOR_HUMAN&holder=ann@example.com").await, 5);
    assert_eq!(count("waiting_reason=WAITING_FOR_TIME").await, 0);
    assert_eq!(count("intent_type=intent.kind1.v1").await, 100);
    assert_eq!(count("status=COMPLETED").await, 0);
    assert_eq!(count("outcome_kind=no").await, 0);
    server
        .post(
            &server.admin,
            &format!("/v1/intents/{}/resume", ids[0]),
            json!({ "task_result": { "outcome": "rejected" } }),
        )
        .await;
    assert_eq!(count("outcome_kind=no").await, 1);
    assert_eq!(count("stuck=1h").await, 0);
    server.clock.advance(std::time::Duration::from_secs(2 * 3_600));
    assert_eq!(count("stuck=1h&holder=ann@example.com").await, 4);
    assert_eq!(count("since=1h").await, 0);
    assert_eq!(count("since=24h&holder=ann@example.com").await, 4);
    assert_eq!(count("from_agent=user://owner@local&holder=ann@example.com").await, 4);
    assert_eq!(
        location(&admin.get(&format!("/app/intents?id={}", ids[1])).await),
        format!("/app/intents/{}", ids[1].replace('-', "%2D"))
    );
    // The operation has these filters too, for every caller.
    let list = server.get(&server.admin, "/v1/intents?outcome_kind=no").await;
    assert_eq!(list["intents"].as_array().unwrap().len(), 1);
    let list = server.get(&server.admin, "/v1/intents?holder=ann@example.com&limit=1").await;
    assert_eq!(list["intents"][0]["pending_with"]["ref"], ANN);
    let narrow =
        "/v1/intents?created_after=2026-01-01T00:00:00Z&created_before=2026-01-01T00:00:00Z&unchanged_seconds=60";
    assert_eq!(server.get(&server.admin, narrow).await["intents"], json!([]));
}

async fn many_intents_are_canceled_and_submitted_again_after_a_confirmation(engine: Engine) {
    let server = Server::start(engine).await;
    let mut ids = Vec::new();
    for number in 0..300 {
        let kind = if number < 10 { "intent.other.v1" } else { "intent.many.v1" };
        ids.push(
            intent(&server, json!({ "intent_type": kind, "payload": { "n": number }, "human_task": { "title": "?" } }))
                .await,
        );
    }
    let admin = Browser::with_key(&server, &server.admin).await;
    let all = [("all", "1"), ("intent_type", "intent.many.v1")];
    let asked = text(&admin.post("/app/intents/bulk", &[&all[..], &[("action", "cancel")]].concat()).await);
    assert!(asked.contains("Cancel 290 intents?") && asked.contains("cannot be undone"), "{asked}");
    assert_eq!(server.intent(&ids[20]).await["status"], "WAITING", "nothing happens before the confirmation");
    let mut page = asked;
    let mut rounds = 0;
    while page.contains("name=\"left\"") {
        let left = between(&page, "name=\"left\" value=\"", "\"");
        let number = |name: &str| between(&page, &format!("name=\"{name}\" value=\""), "\"");
        let (once, total, done, refused) = (number("once"), number("total"), number("done"), number("refused"));
        let fields = [
            ("action", "cancel"),
            ("confirmed", "yes"),
            ("left", left.as_str()),
            ("once", once.as_str()),
            ("reason", "cleaning"),
            ("total", total.as_str()),
            ("done", done.as_str()),
            ("refused", refused.as_str()),
        ];
        page = text(&admin.post("/app/intents/bulk", &fields).await);
        rounds += 1;
    }
    assert_eq!(rounds, 2, "in portions");
    assert!(page.contains("290 done"), "{page}");
    assert_eq!(server.intent(&ids[20]).await["error"]["message"], "cleaning");
    assert_eq!(server.intent(&ids[0]).await["status"], "WAITING", "the filter does not find it");
    // Two that were chosen are submitted again; one that runs is left out.
    let chosen = [("intent", ids[11].as_str()), ("intent", ids[12].as_str()), ("intent", ids[0].as_str())];
    let asked = text(&admin.post("/app/intents/bulk", &[&chosen[..], &[("action", "retry")]].concat()).await);
    assert!(asked.contains("Submit again 2 intents?"), "{asked}");
    let (left, once) =
        (between(&asked, "name=\"left\" value=\"", "\""), between(&asked, "name=\"once\" value=\"", "\""));
    let fields =
        [("action", "retry"), ("confirmed", "yes"), ("left", left.as_str()), ("once", once.as_str()), ("total", "2")];
    for _ in 0..2 {
        assert!(text(&admin.post("/app/intents/bulk", &fields).await).contains("2 done"));
    }
    let running = server.get(&server.admin, "/v1/intents?status=WAITING&intent_type=intent.many.v1").await;
    assert_eq!(running["intents"].as_array().unwrap().len(), 2, "a form that is sent twice makes one copy of each");
    let none = text(&admin.post("/app/intents/bulk", &[("action", "replay"), ("all", "1")]).await);
    assert!(none.contains("None of them is in a state"), "{none}");
    for (wrong, status) in [(vec![("action", "delete")], 422), (vec![("action", "cancel"), ("intent", "x")], 404)] {
        assert_eq!(admin.post("/app/intents/bulk", &wrong).await.status, status, "{wrong:?}");
    }
    let mut many = String::new();
    for _ in 0..5_001 {
        write!(many, "{} ", ids[0]).unwrap();
    }
    let too_many = [("action", "cancel"), ("confirmed", "yes"), ("left", many.as_str())];
    assert_eq!(admin.post("/app/intents/bulk", &too_many).await.status, 422);
}

async fn a_one_time_token_opens_the_console_once(engine: Engine) {
    let server = Server::start(engine).await;
    let token = |answer: &Value| answer["token"].as_str().unwrap().to_owned();
    let made = server.post(&server.admin, "/v1/auth/dashboard-token", json!({})).await;
    let path = format!("/auth/exchange?token={}", token(&made));
    // A browser that another site sends here is asked first, and nothing is used up.
    let asked = server.send_raw("", "GET", &path, Vec::new(), &[("sec-fetch-site", "cross-site")]).await;
    assert!(text(&asked).contains("Go on only if you asked for it") && !asked.headers.contains_key("set-cookie"));
    let opened = server.send_raw("", "GET", &path, Vec::new(), &[("sec-fetch-site", "none")]).await;
    let browser = Browser { server: &server, cookie: cookie_of(&opened) };
    assert!(browser.page("/app").await.contains("owner@local"));
    let again = server.send_raw("", "GET", &path, Vec::new(), &[("sec-fetch-site", "none")]).await;
    assert_eq!(again.status, 410);
    assert!(text(&again).contains("open the console again"), "{}", text(&again));
    let made = server.post(&server.admin, "/v1/auth/dashboard-token", json!({})).await;
    let confirmed = send(&server, "", "/auth/exchange", &[("token", &token(&made))]).await;
    cookie_of(&confirmed);
    assert_eq!(send(&server, "", "/auth/exchange", &[("token", "axme_dx_none")]).await.status, 410);
}

async fn a_session_of_a_key_ends_with_the_key(engine: Engine) {
    let server = Server::start(engine).await;
    let key = server.agent("greeter").await;
    let browser = Browser::with_key(&server, &key).await;
    assert!(!browser.cookie.contains(&key), "the key is not in the browser");
    browser.page("/app/intents").await;
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let account = accounts["service_accounts"].as_array().unwrap().iter().find(|one| one["name"] == "greeter").unwrap();
    let id = account["service_account_id"].as_str().unwrap();
    let keys = server.get(&server.admin, &format!("/v1/service-accounts/{id}")).await;
    let key_id = keys["keys"][0]["key_id"].as_str().unwrap();
    server.post(&server.admin, &format!("/v1/service-accounts/{id}/keys/{key_id}/revoke"), json!({})).await;
    assert!(location(&browser.get("/app/intents").await).starts_with("/app/sign-in"));
    // A look-up of a key is cached for a second.
    server.clock.advance(std::time::Duration::from_secs(2));
    for wrong in ["", "axme_sa_wrong", &key] {
        let refused = send(&server, "", "/app/sign-in", &[("way", "key"), ("key", wrong)]).await;
        assert_eq!(refused.status, 401, "{wrong}");
        assert!(!refused.headers.contains_key("set-cookie"));
    }
    // A session of a key is nobody's account: it has no inbox, and refreshes to nothing.
    let admin = Browser::with_key(&server, &server.admin).await;
    let inbox = text(&admin.get("/inbox").await);
    assert!(inbox.contains("Sign in to your inbox"), "{inbox}");
    let token = admin.cookie.split_once('=').unwrap().1;
    let refresh = json!({ "refresh_token": token });
    assert_eq!(server.send("", "POST", "/v1/auth/refresh", Some(refresh)).await.status, 401);
}

async fn a_password_signs_in_and_a_person_selects_a_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(ANN, "org_admin", None).await;
    let person = server.sign_in(ANN).await;
    let password = json!({ "nick": "ann", "password": "correct horse battery" });
    server.as_person(&person, "POST", "/v1/auth/register-password", Some(password)).await.ok();
    let org = &server.bootstrap.org_id;
    let made = json!({ "name": "Second", "slug": "second", "environment": "production" });
    let second = server.post(&server.admin, &format!("/v1/organizations/{org}/workspaces"), made).await;
    let second = second["workspace"]["workspace_id"].as_str().unwrap_or_else(|| panic!("{second}")).to_owned();
    let fields = [("way", "password"), ("name", "ann"), ("password", "correct horse battery")];
    let wrong = send(&server, "", "/app/sign-in", &[fields[0], fields[1], ("password", "wrong")]).await;
    assert_eq!(wrong.status, 401, "{}", text(&wrong));
    let ann = Browser { server: &server, cookie: cookie_of(&send(&server, "", "/app/sign-in", &fields).await) };
    assert!(ann.page("/app/people").await.contains("Show this workspace"));
    let chosen = ann.post("/app/workspace", &[("org_id", org), ("workspace_id", &second)]).await;
    assert_eq!(location(&chosen), "/app?said=selected");
    assert!(ann.page("/app").await.contains("local/second"));
    let foreign = "00000000-0000-7000-8000-000000000000";
    assert_eq!(ann.post("/app/workspace", &[("org_id", foreign), ("workspace_id", foreign)]).await.status, 403);
}

async fn the_audit_trail_is_exported(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    server.agent("greeter").await;
    let csv = admin.get("/app/audit/export?format=csv&action_prefix=service_accounts.").await;
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"audit.csv\"");
    let csv = text(&csv);
    assert!(csv.starts_with("at,actor,action,subject,details,audit_id\r\n"), "{csv}");
    assert!(csv.contains("\"service_accounts.create\"") && !csv.contains("auth.sign_in"), "{csv}");
    let lines = text(&admin.get("/app/audit/export?format=jsonl").await);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|event| event["action"] == "auth.sign_in"), "{lines}");
}

async fn a_page_streams_the_events_of_its_intent(engine: Engine) {
    let server = Server::start(engine).await;
    let id =
        intent(&server, json!({ "intent_type": "intent.x.v1", "payload": {}, "human_task": { "title": "?" } })).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    assert!(admin.page(&format!("/app/intents/{id}")).await.contains(&format!("/app/intents/{id}/stream?follow=1")));
    server.post(&server.admin, &format!("/v1/intents/{id}/resolve"), json!({ "status": "CANCELED" })).await;
    let live = admin.get(&format!("/app/intents/{id}/stream")).await;
    assert!(text(&live).contains("event: intent.canceled"), "{}", text(&live));
    assert_eq!(server.send("", "GET", &format!("/app/intents/{id}/stream"), None).await.status, 401);
}
