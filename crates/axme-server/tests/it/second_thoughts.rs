//! Second thoughts about a task: questions to the requester, the replies, and withdrawals of a yes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Person, Server, each_engine, id_of};
use crate::people::{ANN, BOB};

each_engine! {
    an_assignee_asks_back_and_everybody_who_is_asked_sees_the_reply,
    only_those_who_may_answer_ask_and_only_the_requester_replies,
    a_question_is_bounded_and_ends_with_its_task,
    a_question_that_has_its_reply_is_not_mailed_any_more,
    the_requester_is_reminded_of_an_open_question,
    a_yes_is_withdrawn_while_the_quorum_has_not_decided,
    only_the_author_of_a_yes_withdraws_it,
}

const MAX: &str = "max@example.com";

/// Submits a task in the name of Max; returns Max and the id of the intent.
async fn asked_by_max(server: &Server, task: Value) -> (Person, String) {
    server.give(MAX, "member", None).await;
    let max = server.sign_in(MAX).await;
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": task, "payload": { "amount": 40 } });
    let id = id_of(&server.as_person(&max, "POST", "/v1/intents", Some(body)).await.ok());
    (max, id)
}

fn path(id: &str, what: &str) -> String {
    format!("/v1/tasks/{id}/{what}")
}

async fn an_assignee_asks_back_and_everybody_who_is_asked_sees_the_reply(engine: Engine) {
    let server = Server::start(engine).await;
    let task = json!({ "title": "Pay?", "assignees": [ANN, BOB], "quorum": 2, "exclude_requester": true });
    let (max, id) = asked_by_max(&server, task).await;
    let mails = server.mails().await;
    let link = |to: &str| mails.iter().find(|mail| mail.to == to).unwrap().link.clone().unwrap();
    let page = async |to: &str| server.page(&link(to)).await.body.as_str().unwrap().to_owned();
    assert!(page(ANN).await.contains("Ask max@example.com before you answer"));

    let asked = server.submit_form(&link(ANN), &[("question", " Which <cost> center? "), ("step", "ask")]).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    let mails_to_max = server.mails().await;
    let mail = &mails_to_max[0];
    assert_eq!((mails_to_max.len(), mail.to.as_str(), mail.link.as_deref()), (1, MAX, None));
    assert_eq!(mail.subject, "[Local] Question: Pay?");
    for part in ["Which <cost> center?", "Asked by: ann@example.com", "https://axme.example/inbox"] {
        assert!(mail.text.contains(part), "{part}: {}", mail.text);
    }
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["pending_with"]["ref"]), (&json!("WAITING"), &json!(MAX)));
    let question = &intent["questions"][0];
    assert_eq!((&question["asked_by"], &question["question"]), (&json!(ANN), &json!("Which <cost> center?")));
    assert!(page(BOB).await.contains("max@example.com has not replied yet"));
    assert!(!page(BOB).await.contains("before you answer"), "one question at a time");

    // The page of the second approver was opened before the first one asked.
    let token = link(BOB).split_once("token=").unwrap().1.to_owned();
    let second = json!({ "token": token, "question": "And why?" });
    server.send("", "POST", "/v1/tasks/action", Some(second.clone())).await.refused(409, "question_open");
    let replied = server.as_person(&max, "POST", &path(&id, "reply"), Some(json!({ "reply": "4711" }))).await.ok();
    assert_eq!(replied["task"]["questions"][0]["reply"], "4711");
    let mails_again = server.mails().await;
    let mut told: Vec<&str> = mails_again.iter().map(|mail| mail.to.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, [ANN, BOB]);
    for mail in &mails_again {
        assert_eq!(mail.subject, "[Local] Reply: Pay?");
        assert!(
            mail.text.contains("Reply of max@example.com to ann@example.com through the API: 4711"),
            "{}",
            mail.text
        );
    }
    assert_eq!(server.intent(&id).await["pending_with"]["ref"], ANN);
    for person in [ANN, BOB] {
        let page = page(person).await;
        assert!(page.contains("Which &#60;cost&#62; center?") && page.contains("4711"), "{page}");
    }
    server.send("", "POST", "/v1/tasks/action", Some(second)).await.ok();
    server.mails().await;

    // A decision ends the open question. The links from before the question still answer.
    for person in [ANN, BOB] {
        server.submit_form(&link(person), &[("outcome", "approved"), ("step", "confirm")]).await;
    }
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    let late = server.as_person(&max, "POST", &path(&id, "reply"), Some(json!({ "reply": "so" }))).await;
    late.refused(409, "intent_already_terminal");
    let told: Vec<String> =
        server.events(&id).await.iter().filter_map(|event| event["text"].as_str().map(str::to_owned)).collect();
    assert!(
        told.contains(
            &"Question of ann@example.com to max@example.com by mailed link: Which <cost> center?".to_owned()
        ),
        "{told:?}"
    );
    let receipts = server.get(&server.admin, &format!("/v1/intents/{id}/receipts")).await;
    assert_eq!(receipts["receipts"].as_array().unwrap().len(), 2, "a question gets none");
}

async fn only_those_who_may_answer_ask_and_only_the_requester_replies(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(ANN, "member", None).await;
    server.give(BOB, "member", None).await;
    let (ann, bob) = (server.sign_in(ANN).await, server.sign_in(BOB).await);
    let chief = server.second_admin().await;
    let guarded = json!({ "title": "Pay?", "assignees": [ANN], "exclude_requester": true });
    let (max, id) = asked_by_max(&server, guarded).await;
    let (ask, reply) = (json!({ "question": "Why?" }), json!({ "reply": "So." }));
    let (questions, replies) = (path(&id, "questions"), path(&id, "reply"));
    server.as_person(&bob, "POST", &questions, Some(ask.clone())).await.refused(404, "not_found");
    server.as_person(&max, "POST", &questions, Some(ask.clone())).await.refused(403, "forbidden");
    let elsewhere = server.workspace("other", "main").await;
    for (path, body) in [(&questions, &ask), (&replies, &reply)] {
        server.send(&elsewhere, "POST", path, Some(body.clone())).await.refused(404, "not_found");
    }
    // The key of a service account does not say who asks about a guarded task.
    server.send(&server.admin, "POST", &questions, Some(ask.clone())).await.refused(403, "person_required");
    server.as_person(&max, "POST", &replies, Some(reply.clone())).await.refused(409, "no_open_question");
    server.as_person(&ann, "POST", &questions, Some(ask)).await.ok();
    server.as_person(&ann, "POST", &replies, Some(reply.clone())).await.refused(403, "forbidden");
    server.send(&chief, "POST", &replies, Some(reply.clone())).await.refused(403, "forbidden");
    server.as_person(&bob, "POST", &replies, Some(reply.clone())).await.refused(404, "not_found");
    server.as_person(&max, "POST", &replies, Some(reply)).await.ok();

    // An agent that raised a task replies with its key.
    let agent = server.agent("robot").await;
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": { "title": "Pay?", "assignees": [ANN] } });
    let id = id_of(&server.post(&agent, "/v1/intents", body).await);
    let asked = server.as_person(&ann, "POST", &path(&id, "questions"), Some(json!({ "question": "Why?" }))).await.ok();
    assert_eq!(asked["task"]["questions"][0]["asked_via"], "api");
    let events = server.events(&id).await;
    assert_eq!(events.last().unwrap()["pending_with"]["name"], "robot");
    // It may use any of its keys, also one that another admin made.
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let accounts = accounts["service_accounts"].as_array().unwrap();
    let robot = accounts.iter().find(|account| account["name"] == "robot").expect("the account of the agent");
    let keys = format!("/v1/service-accounts/{}/keys", robot["service_account_id"].as_str().unwrap());
    let second = server.post(&chief, &keys, json!({})).await["api_key"].as_str().unwrap().to_owned();
    server.post(&second, &path(&id, "reply"), json!({ "reply": "The invoice is due." })).await;
    let listed = server.as_person(&ann, "GET", "/v1/me/tasks", None).await.ok();
    let questions: Vec<&Value> = listed["tasks"].as_array().unwrap().iter().map(|task| &task["questions"]).collect();
    assert!(questions.iter().any(|asked| asked[0]["reply"] == "The invoice is due."), "{listed}");
    // The agent of the requester replies as well, if it can read the intent.
    let body = json!({
        "intent_type": "intent.pay.v1", "to_agent": "robot", "human_task": { "title": "Pay?", "assignees": [ANN] },
    });
    let id = id_of(&server.post(&server.admin, "/v1/intents", body).await);
    server.as_person(&ann, "POST", &path(&id, "questions"), Some(json!({ "question": "Who?" }))).await.ok();
    server.post(&agent, &path(&id, "reply"), json!({ "reply": "A robot." })).await;
}

async fn a_question_is_bounded_and_ends_with_its_task(engine: Engine) {
    let server = Server::start(engine).await;
    let (max, id) = asked_by_max(&server, json!({ "title": "Pay?", "notify_email": ANN })).await;
    let mails = server.mails().await;
    let link = mails[0].link.clone().unwrap();
    let token = link.split_once("token=").unwrap().1.to_owned();
    let ask = async |question: &str| {
        let body = json!({ "token": token, "question": question });
        server.send("", "POST", "/v1/tasks/action", Some(body)).await
    };
    ask("  ").await.refused(422, "validation_failed");
    ask(&"ä".repeat(1_001)).await.refused(422, "validation_failed");
    let typed = server.submit_form(&link, &[("question", &"x".repeat(1_001)), ("step", "ask")]).await;
    assert_eq!(typed.status, 422);
    assert!(typed.body.as_str().unwrap().contains("A question has 1 to 1000 characters."));
    for nth in 0..5 {
        ask(&"ä".repeat(1_000)).await.ok();
        let reply = json!({ "reply": nth.to_string() });
        server.as_person(&max, "POST", &path(&id, "reply"), Some(reply)).await.ok();
    }
    ask("Once more?").await.refused(409, "too_many_questions");
    let long = json!({ "reply": "x".repeat(1_001) });
    server.as_person(&max, "POST", &path(&id, "reply"), Some(long)).await.refused(422, "validation_failed");

    server.mails().await;
    let body = json!({ "intent_type": "intent.pay.v1", "human_task": { "title": "Pay again?", "notify_email": ANN } });
    let id = id_of(&server.as_person(&max, "POST", "/v1/intents", Some(body)).await.ok());
    let mails = server.mails().await;
    let link = mails.iter().find(|mail| mail.subject == "[Local] Pay again?").unwrap().link.clone().unwrap();
    server.submit_form(&link, &[("question", "Why?"), ("step", "ask")]).await;
    let resolve = json!({ "status": "CANCELED", "reason": "not needed" });
    server.as_person(&max, "POST", &format!("/v1/intents/{id}/resolve"), Some(resolve)).await.ok();
    server
        .as_person(&max, "POST", &path(&id, "reply"), Some(json!({ "reply": "so" })))
        .await
        .refused(409, "intent_already_terminal");
    assert_eq!(server.mails().await.len(), 0, "nobody is mailed about a question of a canceled intent");
}

async fn a_question_that_has_its_reply_is_not_mailed_any_more(engine: Engine) {
    let server = Server::start(engine).await;
    let (max, id) = asked_by_max(&server, json!({ "title": "Pay?", "notify_email": ANN })).await;
    let link = server.mails().await[0].link.clone().unwrap();
    server.submit_form(&link, &[("question", "Why?"), ("step", "ask")]).await;
    server.as_person(&max, "POST", &path(&id, "reply"), Some(json!({ "reply": "so" }))).await.ok();
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), [ANN]);
}

async fn the_requester_is_reminded_of_an_open_question(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(MAX, "member", None).await;
    let max = server.sign_in(MAX).await;
    let body = json!({
        "intent_type": "intent.pay.v1", "human_task": { "title": "Pay?", "notify_email": ANN },
        "remind_after_seconds": 600, "max_reminders": 1, "escalate_to": BOB,
    });
    let id = id_of(&server.as_person(&max, "POST", "/v1/intents", Some(body)).await.ok());
    let link = server.mails().await[0].link.clone().unwrap();
    server.submit_form(&link, &[("question", "Why?"), ("step", "ask")]).await;
    let to = |mails: &[axme_core::system::Mail]| mails.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>();
    assert_eq!(to(&server.mails().await), [MAX]);
    server.advance(Duration::from_secs(601)).await;
    assert_eq!(to(&server.mails().await), [MAX], "the reminder goes to the requester");
    server.advance(Duration::from_secs(6_000)).await;
    assert_eq!(to(&server.mails().await), Vec::<String>::new(), "and nobody is asked instead");
    let max = server.sign_in(MAX).await;
    server.as_person(&max, "POST", &path(&id, "reply"), Some(json!({ "reply": "so" }))).await.ok();
    assert_eq!(to(&server.mails().await), [ANN]);
    server.advance(Duration::from_secs(601)).await;
    assert_eq!(to(&server.mails().await), [ANN], "reminders start again");
    server.advance(Duration::from_secs(601)).await;
    assert_eq!(to(&server.mails().await), [BOB], "and so does the escalation");
}

/// Asks Ann, Bob and Eve, of whom two have to say yes. Returns the id of the intent, and the links of Ann and Bob.
async fn quorum(server: &Server) -> (String, [String; 2]) {
    let task = json!({ "title": "Pay?", "assignees": [ANN, BOB, "eve@example.com"], "quorum": 2 });
    let (_, id) = asked_by_max(server, task).await;
    let mails = server.mails().await;
    let link = |to: &str| mails.iter().find(|mail| mail.to == to).unwrap().link.clone().unwrap();
    (id, [link(ANN), link(BOB)])
}

async fn a_yes_is_withdrawn_while_the_quorum_has_not_decided(engine: Engine) {
    let server = Server::start(engine).await;
    let (id, [ann, bob]) = quorum(&server).await;
    let yes = [("outcome", "approved"), ("comment", "fine"), ("step", "confirm")];
    let done = server.submit_form(&ann, &yes).await;
    assert!(done.body.as_str().unwrap().contains("Withdraw your answer"), "{}", done.body);
    // Opening the page again changes nothing, and offers it again.
    assert!(server.page(&ann).await.body.as_str().unwrap().contains("Withdraw your answer"));
    let token = ann.split_once("token=").unwrap().1.to_owned();
    let early = json!({ "token": bob.split_once("token=").unwrap().1, "withdraw": true });
    server.send("", "POST", "/v1/tasks/action", Some(early)).await.refused(409, "nothing_to_withdraw");
    let withdraw = json!({ "token": token, "withdraw": true, "comment": "wrong invoice" });
    let withdrawn = server.send("", "POST", "/v1/tasks/action", Some(withdraw.clone())).await.ok();
    assert_eq!((&withdrawn["status"], &withdrawn["outcome"]), (&json!("WAITING"), &json!(null)));
    server.send("", "POST", "/v1/tasks/action", Some(withdraw)).await.refused(409, "nothing_to_withdraw");
    let last = server.events(&id).await.pop().unwrap();
    assert_eq!(last["text"], "Yes withdrawn by ann@example.com by mailed link: wrong invoice");
    assert_eq!((&last["event_type"], &last["details"]["withdrawn_by"]), (&json!("intent.waiting"), &json!(ANN)));

    // The other yes does not decide now. The link votes again, and nothing is withdrawn after the decision.
    assert!(server.page(&bob).await.body.as_str().unwrap().contains("0 of 2 yes answers so far"));
    server.submit_form(&bob, &yes).await;
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    let again = server.submit_form(&bob, &[("step", "withdraw")]).await;
    assert!(again.body.as_str().unwrap().contains("Your answer</h2>"), "the form is shown again: {}", again.body);
    server.submit_form(&bob, &yes).await;
    let done = server.submit_form(&ann, &yes).await;
    assert!(!done.body.as_str().unwrap().contains("Withdraw your answer"), "{}", done.body);
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["decided_by"]), (&json!("COMPLETED"), &json!([BOB, ANN])));
    for link in [&ann, &bob] {
        let late = json!({ "token": link.split_once("token=").unwrap().1, "withdraw": true });
        server.send("", "POST", "/v1/tasks/action", Some(late)).await.refused(409, "intent_already_terminal");
    }

    // Each vote and each withdrawal has a receipt; a withdrawal names the answer that it withdraws.
    axme_server::workers::receipts::tick(&server.app).await.unwrap();
    let list = server.get(&server.admin, &format!("/v1/intents/{id}/receipts")).await;
    let claims = |receipt: &Value| -> Value {
        use base64::Engine;
        let part = receipt["signed"].as_str().unwrap().split('.').nth(1).unwrap();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let all: Vec<Value> = list["receipts"].as_array().unwrap().iter().map(claims).collect();
    let meanings: Vec<&Value> = all.iter().map(|receipt| &receipt["meaning"]).collect();
    assert_eq!(json!(meanings), json!(["yes", "withdrawn", "yes", "withdrawn", "yes", "yes"]));
    assert_eq!((&all[1]["outcome"], &all[1]["comment"]), (&json!("withdrawn"), &json!("wrong invoice")));
    assert_eq!(all[0]["answer_sha256"], all[1]["answer_sha256"]);
}

async fn only_the_author_of_a_yes_withdraws_it(engine: Engine) {
    let server = Server::start(engine).await;
    for person in [ANN, BOB, "kim@example.com"] {
        server.give(person, "member", None).await;
    }
    let (ann, bob, kim) =
        (server.sign_in(ANN).await, server.sign_in(BOB).await, server.sign_in("kim@example.com").await);
    let chief = server.second_admin().await;
    let (id, _) = quorum(&server).await;
    let (resume, withdraw) = (format!("/v1/intents/{id}/resume"), path(&id, "withdraw"));
    let yes = json!({ "task_result": { "outcome": "approved" } });
    server.as_person(&ann, "POST", &resume, Some(yes.clone())).await.ok();
    server.as_person(&bob, "POST", &withdraw, Some(json!({}))).await.refused(409, "nothing_to_withdraw");
    server.as_person(&kim, "POST", &withdraw, Some(json!({}))).await.refused(404, "not_found");
    server.send(&chief, "POST", &withdraw, Some(json!({}))).await.refused(409, "nothing_to_withdraw");
    let elsewhere = server.workspace("other", "main").await;
    server.send(&elsewhere, "POST", &withdraw, Some(json!({}))).await.refused(404, "not_found");
    let long = json!({ "comment": "x".repeat(1_001) });
    server.as_person(&ann, "POST", &withdraw, Some(long)).await.refused(422, "validation_failed");
    let listed = async |person: &Person| {
        let listed = server.as_person(person, "GET", "/v1/me/tasks", None).await.ok();
        listed["tasks"].as_array().unwrap().len()
    };
    assert_eq!(listed(&ann).await, 0);
    // A person whose part was reassigned after the yes may still withdraw it.
    server.post(&chief, &path(&id, "reassign"), json!({ "to": "kim@example.com", "from": ANN })).await;
    let withdrawn = server.as_person(&ann, "POST", &withdraw, Some(json!({ "comment": " " }))).await.ok();
    assert_eq!(
        (&withdrawn["withdrawn_by"], &withdrawn["task"]["intent_id"]),
        (&json!("user://ann@example.com"), &json!(id))
    );
    server.as_person(&ann, "POST", &resume, Some(yes.clone())).await.refused(404, "not_found");
    for person in [&bob, &kim] {
        server.as_person(person, "POST", &resume, Some(yes.clone())).await.ok();
    }
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
}
