//! Groups of people as assignees, and the rule on who may be asked to decide guarded tasks.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Engine, Person, Server, each_engine, id_of};
use crate::people::{ANN, BOB, ask};

each_engine! {
    admins_keep_the_groups_of_a_workspace,
    each_member_of_a_group_is_asked_and_may_answer,
    a_member_whom_the_requester_added_later_decides_nothing,
    a_guarded_task_asks_only_whom_the_rule_allows,
    only_active_members_of_this_workspace_count_as_its_members,
    a_wrong_group_or_rule_is_refused,
}

fn yes() -> Value {
    json!({ "task_result": { "outcome": "approved" } })
}

async fn group(server: &Server, name: &str, members: Value) -> Value {
    let body = Some(json!({ "members": members }));
    server.send(&server.admin, "PUT", &format!("/v1/groups/{name}"), body).await.ok()["group"].clone()
}

async fn rule(server: &Server, rule: Value) -> Value {
    server.send(&server.admin, "PUT", "/v1/asking-rule", Some(rule)).await.ok()
}

async fn member(server: &Server, email: &str) -> Person {
    server.give(email, "member", None).await;
    server.sign_in(email).await
}

async fn recipients(server: &Server) -> Vec<String> {
    let mut to: Vec<String> = server.mails().await.into_iter().map(|mail| mail.to).collect();
    to.sort();
    to
}

async fn admins_keep_the_groups_of_a_workspace(engine: Engine) {
    let server = Server::start(engine).await;
    let ann = member(&server, ANN).await;
    let made = group(&server, "Finance", json!(["Ann@Example.com", "user://ann@example.com", BOB, "controller"])).await;
    assert_eq!((&made["name"], &made["address"]), (&json!("finance"), &json!("group://finance")));
    assert_eq!(made["members"], json!(["Ann@Example.com", BOB, "controller"]), "each person once, as spelled");
    let body = json!({ "title": "Money", "members": [BOB] });
    let changed = server.send(&server.admin, "PUT", "/v1/groups/finance", Some(body)).await.ok()["group"].clone();
    assert_eq!((&changed["title"], &changed["members"]), (&json!("Money"), &json!([BOB])));
    assert_eq!(server.get(&server.admin, "/v1/groups").await["groups"], json!([changed]));
    // A member may see them and change nothing.
    let listed = server.as_person(&ann, "GET", "/v1/groups", None).await.ok();
    assert_eq!(listed["groups"], json!([changed]));
    let own = Some(json!({ "members": [ANN] }));
    server.as_person(&ann, "PUT", "/v1/groups/finance", own).await.refused(403, "forbidden");
    server.as_person(&ann, "DELETE", "/v1/groups/finance", None).await.refused(403, "forbidden");
    // The groups of another workspace are its own.
    let elsewhere = server.workspace("acme", "prod").await;
    assert_eq!(server.send(&elsewhere, "DELETE", "/v1/groups/finance", None).await.status, 404);
    assert_eq!(server.send(&server.admin, "DELETE", "/v1/groups/finance", None).await.ok()["deleted"], true);
    server.send(&server.admin, "DELETE", "/v1/groups/finance", None).await.refused(404, "not_found");
}

async fn each_member_of_a_group_is_asked_and_may_answer(engine: Engine) {
    let server = Server::start(engine).await;
    let (ann, bob, eve) =
        (member(&server, ANN).await, member(&server, BOB).await, member(&server, "eve@example.com").await);
    group(&server, "finance", json!(["Ann@Example.com", BOB])).await;
    server.clock.advance(Duration::from_secs(2));
    let task = json!({ "title": "Pay?", "assignees": ["group://Finance"], "quorum": 2 });
    let id = ask(&server, task).await;
    assert_eq!(recipients(&server).await, ["Ann@Example.com", BOB]);
    assert_eq!(server.intent(&id).await["human_task"]["assignees"], json!(["group://Finance"]), "as it was spelled");
    let resume = format!("/v1/intents/{id}/resume");
    for person in [&ann, &bob] {
        let tasks = server.as_person(person, "GET", "/v1/me/tasks", None).await.ok();
        assert_eq!(tasks["tasks"][0]["intent_id"], id);
        let threads = server.as_person(person, "GET", "/v1/inbox", None).await.ok();
        assert_eq!(threads["threads"][0]["thread_id"], id);
    }
    assert_eq!(server.as_person(&eve, "GET", "/v1/me/tasks", None).await.ok()["tasks"], json!([]));
    server.as_person(&eve, "POST", &resume, Some(yes())).await.refused(404, "not_found");
    server.as_person(&ann, "POST", &resume, Some(yes())).await.ok();
    server.as_person(&ann, "POST", &resume, Some(yes())).await.refused(409, "already_answered");
    // A person who leaves the group is no longer asked.
    group(&server, "finance", json!(["Ann@Example.com"])).await;
    server.clock.advance(Duration::from_secs(2));
    server.as_person(&bob, "POST", &resume, Some(yes())).await.refused(404, "not_found");
    group(&server, "finance", json!(["Ann@Example.com", "eve@example.com"])).await;
    server.clock.advance(Duration::from_secs(2));
    // The requester added Eve after the task began.
    server.as_person(&eve, "POST", &resume, Some(yes())).await.refused(403, "requester_may_not_answer");

    // A step may ask a group, and a reassigned task too. The mailed link works.
    let bundle = json!({
        "scenario_id": "g.v1", "intent": { "type": "x" },
        "workflow": { "steps": [{ "step_id": "pay", "assigned_to": "group://finance", "human_task": { "title": "Pay?" } }] },
    });
    let id = id_of(&server.post(&server.admin, "/v1/scenarios/apply", bundle).await);
    let mail = server.mails().await.into_iter().find(|mail| mail.to == "eve@example.com").unwrap();
    server.submit_form(&mail.link.unwrap(), &[("outcome", "approved"), ("step", "confirm")]).await;
    assert_eq!(server.intent(&id).await["status"], "COMPLETED");
    let id = ask(&server, json!({ "title": "Ship?", "assignees": [BOB] })).await;
    server.mails().await;
    server.post(&server.admin, &format!("/v1/tasks/{id}/reassign"), json!({ "to": "group://finance" })).await;
    assert_eq!(recipients(&server).await, ["Ann@Example.com", "eve@example.com"]);
    server.as_person(&eve, "POST", &format!("/v1/intents/{id}/resume"), Some(yes())).await.ok();
}

async fn a_member_whom_the_requester_added_later_decides_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    let (ann, eve) = (member(&server, ANN).await, member(&server, "eve@example.com").await);
    group(&server, "finance", json!([BOB])).await;
    server.clock.advance(Duration::from_secs(1));
    let task = json!({ "title": "Pay?", "assignees": ["group://finance"], "exclude_requester": true });
    let id = ask(&server, task).await;
    server.clock.advance(Duration::from_secs(1));
    group(&server, "finance", json!([BOB, "eve@example.com"])).await;
    let body = Some(json!({ "members": [BOB, "eve@example.com", ANN] }));
    server.send(&chief, "PUT", "/v1/groups/finance", body).await.ok();
    server.clock.advance(Duration::from_secs(2));
    let resume = format!("/v1/intents/{id}/resume");
    server.as_person(&eve, "POST", &resume, Some(yes())).await.refused(403, "requester_may_not_answer");
    server.as_person(&ann, "POST", &resume, Some(yes())).await.ok();
}

async fn a_guarded_task_asks_only_whom_the_rule_allows(engine: Engine) {
    let server = Server::start(engine).await;
    let chief = server.second_admin().await;
    let (ann, eve) = (member(&server, ANN).await, "eve@elsewhere.org");
    group(&server, "finance", json!(["eve@elsewhere.org"])).await;
    let send = async |fields: Value| {
        let mut task = json!({ "title": "Pay?", "exclude_requester": true });
        let mut body = json!({ "intent_type": "x", "to_agent": "agent_core" });
        for (name, value) in fields.as_object().unwrap() {
            let into = if name == "assignees" || name == "notify_email" { &mut task } else { &mut body };
            into[name] = value.clone();
        }
        body["human_task"] = task;
        server.send(&server.admin, "POST", "/v1/intents", Some(body)).await
    };
    let anyone = server.get(&server.admin, "/v1/asking-rule").await;
    assert_eq!((&anyone["anyone"], &anyone["updated_by"]), (&json!(true), &Value::Null));
    let before = id_of(&send(json!({ "assignees": [eve, ANN] })).await.ok());

    let set = rule(&server, json!({ "members": true })).await;
    assert_eq!(
        (&set["anyone"], &set["members"], &set["updated_by"]),
        (&json!(false), &json!(true), &json!("owner@local"))
    );
    for named in [
        json!({ "assignees": [ANN, eve] }),
        json!({ "assignees": ["group://finance"] }),
        json!({ "assignees": ["controller"] }),
        json!({ "assignees": [ANN], "notify_email": eve }),
        json!({ "to_agent": eve }),
        json!({ "assignees": [ANN], "remind_after_seconds": 60, "escalate_to": eve }),
    ] {
        let text = send(named.clone()).await.refused(403, "may_not_be_asked");
        assert!(
            text.contains("may not be asked to decide a guarded task here; name a member of the workspace"),
            "{text}"
        );
    }
    let step = |fields: Value| {
        let mut step = json!({
            "step_id": "pay", "assigned_to": ANN, "human_task": { "title": "Pay?", "exclude_requester": true },
        });
        step.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        json!({ "scenario_id": "r.v1", "intent": { "type": "x" }, "workflow": { "steps": [step] } })
    };
    for fields in [json!({ "assigned_to": eve }), json!({ "remind_after_seconds": 60, "escalate_to": eve })] {
        let refused = server.send(&server.admin, "POST", "/v1/scenarios/apply", Some(step(fields))).await;
        refused.refused(403, "may_not_be_asked");
    }
    server.post(&server.admin, "/v1/scenarios/apply", step(json!({}))).await;
    // Tasks without a guard ask anyone, and a task without assignees asks the admins.
    ask(&server, json!({ "title": "Ship?", "assignees": [eve] })).await;
    send(json!({})).await.ok();
    let id = id_of(&send(json!({ "assignees": [ANN] })).await.ok());
    let (reassign, controls) = (format!("/v1/tasks/{id}/reassign"), format!("/v1/intents/{id}/controls"));
    for (path, body) in [
        (&reassign, json!({ "to": eve, "from": ANN })),
        (&controls, json!({ "controls_patch": { "remind_after_seconds": 60, "escalate_to": eve } })),
    ] {
        server.send(&chief, "POST", path, Some(body)).await.refused(403, "may_not_be_asked");
    }
    // The rule also holds for a task from before it, and for the links of its mails.
    let mails = server.mails().await;
    let link = mails.iter().find(|mail| mail.to == eve && mail.text.contains(&before)).unwrap().link.clone().unwrap();
    let body = json!({ "token": link.split_once("token=").unwrap().1, "outcome": "approved" });
    server.send("", "POST", "/v1/tasks/action", Some(body.clone())).await.refused(403, "may_not_be_asked");
    server.as_person(&ann, "POST", &format!("/v1/intents/{id}/resume"), Some(yes())).await.ok();

    // Groups and mail domains.
    rule(&server, json!({ "groups": ["finance"], "mail_domains": ["@Example.com"] })).await;
    for named in [json!(["group://finance"]), json!([eve]), json!(["zoe@example.com"])] {
        send(json!({ "assignees": named })).await.ok();
    }
    for named in [json!(["x@sub.example.com"]), json!(["example.com"]), json!(["x@notexample.com"])] {
        send(json!({ "assignees": named })).await.refused(403, "may_not_be_asked");
    }
    server.send("", "POST", "/v1/tasks/action", Some(body)).await.ok();
    assert_eq!(rule(&server, json!({ "anyone": true })).await["anyone"], true);
    send(json!({ "assignees": ["anybody@x.org"] })).await.ok();
    // An admin of the workspace alone may not change the rule.
    let open = Some(json!({ "anyone": true }));
    server.send(&chief, "PUT", "/v1/asking-rule", open).await.refused(403, "forbidden");
}

async fn only_active_members_of_this_workspace_count_as_its_members(engine: Engine) {
    let server = Server::start(engine).await;
    let elsewhere = server.workspace("local", "elsewhere").await;
    let elsewhere = server.get(&elsewhere, "/v1/me").await["workspace_id"].as_str().unwrap().to_owned();
    let here = server.bootstrap.workspace_id.clone();
    rule(&server, json!({ "members": true })).await;
    let suspended = server.give("sid@example.com", "member", Some(&here)).await;
    let path = format!("/v1/organizations/{}/members/{suspended}", server.bootstrap.org_id);
    server.send(&server.admin, "PATCH", &path, Some(json!({ "status": "suspended" }))).await.ok();
    for (email, role, workspace, may) in [
        ("here@example.com", "member", Some(&here), true),
        ("everywhere@example.com", "member", None, true),
        ("admin@example.com", "org_admin", None, true),
        ("other@example.com", "member", Some(&elsewhere), false),
    ] {
        server.give(email, role, workspace.map(String::as_str)).await;
        let body = json!({
            "intent_type": "x", "human_task": { "title": "Pay?", "exclude_requester": true, "assignees": [email] },
        });
        let answer = server.send(&server.admin, "POST", "/v1/intents", Some(body)).await;
        if may { drop(answer.ok()) } else { drop(answer.refused(403, "may_not_be_asked")) }
    }
    let body = json!({
        "intent_type": "x", "human_task": { "title": "Pay?", "exclude_requester": true, "assignees": ["sid@example.com"] },
    });
    server.send(&server.admin, "POST", "/v1/intents", Some(body)).await.refused(403, "may_not_be_asked");
}

async fn a_wrong_group_or_rule_is_refused(engine: Engine) {
    let server = Server::start(engine).await;
    for (name, members) in [
        ("-x", json!([])),
        ("a%20b", json!([])),
        ("ok", json!(["agent://a/b/c"])),
        ("ok", json!(["group://other"])),
        ("ok", json!(["x@"])),
        ("ok", json!([""])),
        ("ok", json!(vec!["x"; 201])),
        ("ok", Value::Null),
    ] {
        let body = Some(json!({ "members": members }));
        server.send(&server.admin, "PUT", &format!("/v1/groups/{name}"), body).await.refused(422, "validation_failed");
    }
    for rule in [
        json!({}),
        json!({ "anyone": true, "members": true }),
        json!({ "groups": ["missing"] }),
        json!({ "mail_domains": ["no domain"] }),
        json!({ "mail_domains": vec!["example.com"; 101] }),
    ] {
        server.send(&server.admin, "PUT", "/v1/asking-rule", Some(rule)).await.refused(422, "validation_failed");
    }
    for path in ["/v1/groups", "/v1/asking-rule"] {
        let path = format!("{path}?owner_agent=one&owner_agent=two");
        server.send(&server.admin, "GET", &path, None).await.refused(400, "owner_mismatch");
    }
    for task in [json!({ "title": "Pay?", "assignees": ["group://missing"] }), json!({ "title": "Pay?" })] {
        let body = json!({ "intent_type": "x", "to_agent": "group://missing", "human_task": task });
        let text =
            server.send(&server.admin, "POST", "/v1/intents", Some(body)).await.refused(422, "validation_failed");
        assert!(text.contains("there is no group missing"), "{text}");
    }
    group(&server, "finance", json!([ANN])).await;
    let id = ask(&server, json!({ "title": "Pay?", "assignees": ["group://finance"] })).await;
    for (call, body) in
        [("reassign", json!({ "to": "group://missing" })), ("links", json!({ "person": "group://finance" }))]
    {
        let path = format!("/v1/tasks/{id}/{call}");
        server.send(&server.admin, "POST", &path, Some(body)).await.refused(422, "validation_failed");
    }
}
