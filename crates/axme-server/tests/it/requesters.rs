//! A requester can neither approve their own task nor choose the approver.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine, id_of};
use crate::people::{ANN, BOB, ask};

each_engine! {
    spelling_does_not_make_one_assignee_two,
    a_requester_does_not_approve_under_another_name,
    a_requester_does_not_choose_the_approvers_of_a_guarded_task,
    a_task_for_its_requester_alone_is_refused,
    a_key_adds_nothing_to_the_decision_of_a_token,
    a_requester_names_no_decider_in_any_way,
    a_role_from_the_requester_does_not_count_for_an_older_task,
    a_guarded_task_needs_a_person_and_distinct_steps_two,
}

async fn spelling_does_not_make_one_assignee_two(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    let id = ask(&server, json!({ "title": "Pay?", "assignees": [ANN, BOB], "quorum": 2 })).await;
    server.mails().await;
    let links = format!("/v1/tasks/{id}/links");
    let stranger = server.send(&chief, "POST", &links, Some(json!({ "person": "eve@example.com" }))).await;
    stranger.refused(403, "not_asked");
    let act = async |person: &str| {
        let made = server.post(&chief, &links, json!({ "person": person })).await;
        let body = json!({ "token": made["token"], "outcome": "approved" });
        server.send("", "POST", "/v1/tasks/action", Some(body)).await
    };
    act("Ann@Example.com").await.ok();
    act("user://ann@example.com").await.refused(409, "already_answered");
    let resume = json!({ "task_result": { "outcome": "approved" } });
    let by_key = server.send(&server.admin, "POST", &format!("/v1/intents/{id}/resume"), Some(resume)).await;
    by_key.refused(403, "not_asked");
    server
        .send(&chief, "POST", &format!("/v1/tasks/{id}/reassign"), Some(json!({ "to": "eve@example.com" })))
        .await
        .refused(422, "from_required");
    let to = json!({ "to": "eve@example.com", "from": "BOB@example.com" });
    server.post(&chief, &format!("/v1/tasks/{id}/reassign"), to).await;
    let mails = server.mails().await;
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["eve@example.com"]);
    act("eve@example.com").await.ok();
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
}

async fn a_requester_does_not_approve_under_another_name(engine: Engine) {
    let server = Server::start(engine).await;
    let agent = server.agent("robot").await;
    let task = json!({ "title": "Pay?", "exclude_requester": true });
    let yes = json!({ "task_result": { "outcome": "approved" } });
    // Under an invented sender name, and from the agent of the same owner.
    for key in [&server.admin, &agent] {
        let body = json!({ "intent_type": "intent.pay.v1", "from_agent": "initiator://somebody", "human_task": task });
        let id = id_of(&server.post(key, "/v1/intents", body).await);
        for (path, body) in [
            (format!("/v1/intents/{id}/resume"), yes.clone()),
            (format!("/v1/approvals/{id}/decision"), json!({ "decision": "approve" })),
            (format!("/v1/inbox/{id}/approve"), json!({})),
        ] {
            server.send(&server.admin, "POST", &path, Some(body)).await.refused(403, "requester_may_not_answer");
        }
        assert_eq!(server.intent(&id).await["status"], "WAITING");
    }
}

async fn a_requester_does_not_choose_the_approvers_of_a_guarded_task(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    for guard in [json!({ "quorum": 2 }), json!({ "exclude_requester": true })] {
        let mut task = json!({ "title": "Pay?", "assignees": ["kim", "ann"] });
        task.as_object_mut().unwrap().extend(guard.as_object().unwrap().clone());
        let id = ask(&server, task).await;
        let (link, reassign) = (format!("/v1/tasks/{id}/links"), format!("/v1/tasks/{id}/reassign"));
        let before = server.events(&id).await;
        for (path, body) in [
            (&link, json!({ "person": "kim" })),
            (&reassign, json!({ "to": "mallory", "from": "ann" })),
            (&reassign, json!({ "to": "mallory" })),
        ] {
            let refused = server.send(&server.admin, "POST", path, Some(body)).await;
            refused.refused(403, "requester_may_not_answer");
        }
        assert_eq!(server.events(&id).await, before);
        // Another admin can do both.
        server.post(&chief, &link, json!({ "person": "kim" })).await;
        server.post(&chief, &reassign, json!({ "to": "eve", "from": "ann" })).await;
    }
    // Without `exclude_requester`, both are allowed.
    let id = ask(&server, json!({ "title": "Ship?", "assignees": ["kim"] })).await;
    server.post(&server.admin, &format!("/v1/tasks/{id}/links"), json!({ "person": "kim" })).await;
    server.post(&server.admin, &format!("/v1/tasks/{id}/reassign"), json!({ "to": "eve" })).await;
}

async fn a_task_for_its_requester_alone_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    let agent = server.agent("robot").await;
    let own = "Owner@local";
    let guarded = |assignees: Value| json!({ "title": "Pay?", "assignees": assignees, "exclude_requester": true });
    let send = async |key: &str, task: Value, to: &str| {
        let body = json!({ "intent_type": "x", "to_agent": to, "human_task": task });
        server.send(key, "POST", "/v1/intents", Some(body)).await
    };
    let mut quorum = guarded(json!([own, ANN]));
    quorum["quorum"] = json!(2);
    for (task, to) in [
        (guarded(json!([own])), "agent_core"),
        (guarded(json!(["user://owner@local"])), "agent_core"),
        (guarded(Value::Null), "user://owner@local"),
        (quorum.clone(), "agent_core"),
    ] {
        for key in [&server.admin, &agent] {
            let text = send(key, task.clone(), to).await.refused(422, "validation_failed");
            assert!(text.starts_with("human_task.exclude_requester: "), "{text}");
        }
    }
    // A bundle is rejected as well, and its validation reports it.
    let step = json!({ "step_id": "ask", "assigned_to": "boss", "human_task": guarded(Value::Null) });
    let bundle = json!({
        "scenario_id": "own.v1", "humans": [{ "role": "boss", "contact": own }],
        "workflow": { "steps": [step] }, "intent": { "type": "intent.own.v1" },
    });
    let refused = server.send(&server.admin, "POST", "/v1/scenarios/apply", Some(bundle.clone())).await;
    let text = refused.refused(422, "scenario_invalid");
    assert!(text.starts_with("workflow.steps[0].human_task.exclude_requester: "), "{text}");
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle).await;
    assert_eq!((&report["valid"], &report["errors"][0]), (&json!(false), &json!(text)));
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"], json!([]));

    // With another person, or without assignees, it is accepted.
    quorum["notify_email"] = json!(BOB);
    for task in [guarded(json!([own, ANN])), guarded(Value::Null), quorum] {
        send(&server.admin, task, "agent_core").await.ok();
    }
    send(&server.admin, json!({ "title": "Pay?", "assignees": [own] }), "agent_core").await.ok();
    send(&agent, guarded(Value::Null), "robot").await.ok();
}

/// Calls with a key and a token, as the official command line does.
async fn with_both(server: &Server, key: &str, bearer: &str, path: &str, body: Value) -> Answer {
    server.send_with(key, "POST", path, Some(body), &[("authorization", bearer)]).await
}

fn yes() -> Value {
    json!({ "task_result": { "outcome": "approved" } })
}

async fn a_key_adds_nothing_to_the_decision_of_a_token(engine: Engine) {
    let server = Server::start_open(engine).await;
    let chief = server.second_admin().await;
    let stranger = server.sign_in("stranger@example.com").await;
    server.give("ann@example.com", "member", None).await;
    let ann = server.sign_in("ann@example.com").await;
    let assignees = json!([ANN, "stranger@example.com"]);
    let tasks = [
        json!({ "title": "Pay?", "exclude_requester": true }),
        json!({ "title": "Pay?", "assignees": assignees, "quorum": 2 }),
        json!({ "title": "Pay?", "assignees": assignees }),
    ];
    for task in tasks {
        let id = ask(&server, task.clone()).await;
        // Neither the requester's admin key nor another admin's lends its role to a person who belongs elsewhere.
        for key in [&server.admin, &chief] {
            for (path, body) in [
                (format!("/v1/intents/{id}/resume"), yes()),
                (format!("/v1/approvals/{id}/decision"), json!({ "decision": "approve" })),
                (format!("/v1/inbox/{id}/approve"), json!({})),
            ] {
                let text = with_both(&server, key, &stranger.bearer, &path, body).await.refused(403, "forbidden");
                assert_eq!(
                    text,
                    "stranger@example.com has no role in this workspace: ask an admin for one, or answer by a personal link"
                );
            }
        }
        if task["assignees"].is_null() || task.get("quorum").is_some() {
            for (path, body) in [
                (format!("/v1/tasks/{id}/reassign"), json!({ "to": BOB, "from": ANN })),
                (format!("/v1/tasks/{id}/links"), json!({ "person": ANN })),
            ] {
                let answer = with_both(&server, &server.admin, &stranger.bearer, &path, body.clone()).await;
                assert_eq!(answer.status, 403, "{path}: {}", answer.body);
                let answer = with_both(&server, &server.admin, &ann.bearer, &path, body).await;
                assert_eq!(answer.status, 403, "{path}: a member beside an admin's key: {}", answer.body);
                if path.ends_with("reassign") {
                    answer.refused(403, "requester_may_not_answer");
                    // Nor does another admin's key make an administrator of a member.
                    let to = Some(json!({ "to": BOB, "from": ANN }));
                    let headers = [("authorization", ann.bearer.as_str())];
                    let answer = server.send_with(&chief, "POST", &path, to, &headers).await;
                    answer.refused(403, "person_required");
                }
            }
        }
        assert_eq!(server.events(&id).await.len(), 4, "nothing happened");
        assert_eq!(server.intent(&id).await["status"], "WAITING");
    }
    // The requester is known under both names of a call: the token's and the key's.
    let body = json!({ "intent_type": "x", "human_task": { "title": "Pay?", "exclude_requester": true } });
    let made = with_both(&server, &chief, &ann.bearer, "/v1/intents", body).await.ok();
    let resume = format!("/v1/intents/{}/resume", id_of(&made));
    server.send(&chief, "POST", &resume, Some(yes())).await.refused(403, "requester_may_not_answer");
    // Another admin's key lends a requester nothing.
    let reassign = format!("/v1/tasks/{}/reassign", id_of(&made));
    let to = json!({ "to": BOB, "from": ANN });
    with_both(&server, &server.admin, &ann.bearer, &reassign, to).await.refused(403, "requester_may_not_answer");
    // A member who is not asked is told so, and not that they have no role.
    let body = json!({ "intent_type": "x", "human_task": { "title": "Pay?", "assignees": [BOB] } });
    let made = server.as_person(&ann, "POST", "/v1/intents", Some(body)).await.ok();
    let resume = format!("/v1/intents/{}/resume", id_of(&made));
    let text = server.as_person(&ann, "POST", &resume, Some(yes())).await.refused(403, "forbidden");
    assert_eq!(text, "only an assignee or a workspace-admin key can answer this task");
}

async fn a_requester_names_no_decider_in_any_way(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    let robot = server.agent("robot").await;
    let sock = "sock@example.com";
    let ways = |id: &str| {
        let (controls, policy) = (format!("/v1/intents/{id}/controls"), format!("/v1/intents/{id}/policy"));
        let reminders = json!({ "remind_after_seconds": 1, "remind_interval_seconds": 1, "max_reminders": 1 });
        [
            (controls.clone(), json!({ "controls_patch": { "escalate_to": sock } })),
            (controls, json!({ "controls_patch": reminders })),
            (policy, json!({ "grants_patch": { "delegate:helper": { "allow": ["update_controls"] } } })),
            (format!("/v1/tasks/{id}/reassign"), json!({ "to": sock, "from": ANN })),
            (format!("/v1/tasks/{id}/links"), json!({ "person": ANN })),
            (format!("/v1/inbox/{id}/delegate"), json!({ "delegate_to": sock })),
        ]
    };
    for guard in [("quorum", json!(2)), ("exclude_requester", json!(true)), ("person_required", json!(true))] {
        let mut task = json!({ "title": "Pay?", "assignees": [ANN, BOB] });
        task[guard.0] = guard.1;
        let body = json!({ "intent_type": "x", "human_task": task });
        for key in [&server.admin, &robot] {
            let id = id_of(&server.post(key, "/v1/intents", body.clone()).await);
            server.mails().await;
            for (path, body) in ways(&id) {
                for own in [&server.admin, &robot] {
                    // An agent reaches neither the tasks of people nor the inbox of the platform.
                    let answer = server.send(own, "POST", &path, Some(body.clone())).await;
                    let is_denied = answer.status == 404 || answer.status == 403;
                    assert!(is_denied, "{} {path}: {}", guard.0, answer.body);
                }
                let refused = server.send(&server.admin, "POST", &path, Some(body)).await;
                refused.refused(403, "requester_may_not_answer");
            }
            server.advance(Duration::from_secs(10)).await;
            assert!(server.mails().await.is_empty(), "nobody else is asked");
            // Another admin may.
            let own = json!({ "controls_patch": { "remind_after_seconds": 60, "escalate_to": "eve@example.com" } });
            server.post(&chief, &format!("/v1/intents/{id}/controls"), own).await;
            // A deadline names nobody.
            let deadline = json!({ "controls_patch": { "timeout_seconds": 3_600 } });
            server.post(&server.admin, &format!("/v1/intents/{id}/controls"), deadline).await;
        }
    }
    // A guarded step that comes later is guarded already, and nobody skips it.
    let step = |id: &str, who: &str, task: Value| json!({ "step_id": id, "assigned_to": who, "human_task": task });
    let bundle = json!({
        "scenario_id": "later.v1", "intent": { "type": "x" },
        "workflow": { "steps": [
            step("look", ANN, json!({ "title": "Look" })),
            step("pay", BOB, json!({ "title": "Pay?", "exclude_requester": true })),
        ] },
    });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    for (path, body) in ways(&id).into_iter().take(3) {
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(403, "requester_may_not_answer");
    }
    let done = Some(json!({ "status": "COMPLETED" }));
    for key in [&server.admin, &chief] {
        server
            .send(key, "POST", &format!("/v1/intents/{id}/resolve"), done.clone())
            .await
            .refused(403, "task_is_guarded");
    }
    // Without a guard, the requester may.
    let id = ask(&server, json!({ "title": "Ship?", "assignees": [ANN] })).await;
    for (path, body) in ways(&id) {
        server.post(&server.admin, &path, body).await;
    }
}

async fn a_role_from_the_requester_does_not_count_for_an_older_task(engine: Engine) {
    let server = Server::start(engine).await;
    let before = server.second_admin().await;
    server.clock.advance(Duration::from_secs(1));
    let id = ask(&server, json!({ "title": "Pay?", "exclude_requester": true })).await;
    server.clock.advance(Duration::from_secs(1));
    let give = |email: &str| json!({ "actor_id": email, "role": "workspace_admin", "workspace_id": server.bootstrap.workspace_id });
    let members = format!("/v1/organizations/{}/members", server.bootstrap.org_id);
    // The requester makes an admin, who makes another one.
    server.post(&server.admin, &members, give("sock@example.com")).await;
    let sock = server.sign_in("sock@example.com").await;
    server.post(&sock.key, &members, give("puppet@example.com")).await;
    let puppet = server.sign_in("puppet@example.com").await;
    // An access request is another way to the same role.
    let request = json!({
        "request_type": "elevated_role", "requester_actor_id": "asker@example.com", "requested_role": "workspace_admin",
        "org_id": server.bootstrap.org_id, "workspace_id": server.bootstrap.workspace_id, "justification": "j",
    });
    server.give("asker@example.com", "member", None).await;
    let asker = server.sign_in("asker@example.com").await;
    let made = server.as_person(&asker, "POST", "/v1/access-requests", Some(request)).await.ok();
    let review =
        format!("/v1/access-requests/{}/review", made["access_request"]["access_request_id"].as_str().unwrap());
    let decision = json!({ "decision": "approve", "reviewer_actor_id": "owner@local" });
    server.post(&server.admin, &review, decision).await;
    server.clock.advance(Duration::from_secs(2));
    let resume = format!("/v1/intents/{id}/resume");
    for person in [&sock, &puppet, &asker] {
        let text =
            server.as_person(person, "POST", &resume, Some(yes())).await.refused(403, "requester_may_not_answer");
        assert!(text.contains("after the task began"), "{text}");
        let to = Some(json!({ "to": "sock@example.com" }));
        let reassign = format!("/v1/tasks/{id}/reassign");
        server.as_person(person, "POST", &reassign, to).await.refused(403, "requester_may_not_answer");
    }
    // A role from an admin of before counts, although it is new.
    server.post(&before, &members, give("helper@example.com")).await;
    let helper = server.sign_in("helper@example.com").await;
    server.clock.advance(Duration::from_secs(2));
    server.as_person(&helper, "POST", &resume, Some(yes())).await.ok();
    // Later tasks are theirs to answer as well.
    let id = ask(&server, json!({ "title": "Pay?", "exclude_requester": true })).await;
    server.as_person(&puppet, "POST", &format!("/v1/intents/{id}/resume"), Some(yes())).await.ok();
}

async fn a_guarded_task_needs_a_person_and_distinct_steps_two(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    let owner = server.sign_in("owner@local").await;
    let bundle = json!({
        "scenario_id": "pair.v1", "humans": [{ "role": "first", "contact": ANN }, { "role": "second", "contact": BOB }],
        "workflow": { "macro_id": "macro.two_person_approval.v1" }, "intent": { "type": "x" },
    });
    let begin = async || {
        let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle.clone()).await);
        let mail = server.mails().await.pop().unwrap();
        (format!("/v1/intents/{id}/resume"), id, mail.link.unwrap())
    };
    let (resume, id, link) = begin().await;
    let assigned = server.intent(&id).await["human_task"].clone();
    assert_eq!(assigned["person_required"], true, "the second step needs to know who answered this one");
    // The key of a service account says nothing about who decides.
    server.send(&server.admin, "POST", &resume, Some(yes())).await.refused(403, "person_required");
    server.post(&owner.key, &resume, yes()).await;
    for _ in 0..2 {
        let text = server.send(&owner.key, "POST", &resume, Some(yes())).await.refused(403, "another_person_required");
        assert_eq!(text, "owner@local answered step approval_1, and this step needs another person: ask one");
    }
    server.as_person(&owner, "POST", &resume, Some(yes())).await.refused(403, "another_person_required");
    server.post(&chief, &resume, yes()).await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    assert_ne!(server.page(&link).await.status, 500);

    // By personal links: an answer by link is one by that person, however they answer next.
    let (resume, id, first) = begin().await;
    server.submit_form(&first, &[("outcome", "approved"), ("step", "confirm")]).await;
    server.give(ANN, "workspace_admin", Some(&server.bootstrap.workspace_id)).await;
    server.mails().await;
    let ann = server.sign_in(ANN).await;
    server.as_person(&ann, "POST", &resume, Some(yes())).await.refused(403, "another_person_required");
    let to = json!({ "to": "Ann@Example.com" });
    server.post(&chief, &format!("/v1/tasks/{id}/reassign"), to).await;
    let again = server.mails().await.pop().unwrap().link.unwrap();
    let page = server.submit_form(&again, &[("outcome", "approved"), ("step", "confirm")]).await;
    assert_ne!(page.status, 500);
    assert_eq!(server.intent(&id).await["status"], "WAITING");
}
