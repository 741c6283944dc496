//! Macros: their list, and bundles that use one (`spec/protocol.md` §2.3, §6.4).

use serde_json::{Value, json};

use crate::harness::{Engine, Server, each_engine, id_of};
use crate::scenarios::APPLY;

each_engine! {
    macros_are_listed_with_their_parameters,
    two_people_sign_off,
    the_second_approver_can_reject,
    an_invalid_macro_is_refused_as_a_whole,
}

const MACROS: &str = "/v1/tool-registry/macros";

fn two_people() -> Value {
    json!({
        "scenario_id": "pay.v1",
        "humans": [{ "role": "lead", "contact": "" }, { "role": "finance", "contact": "finance@example.com" }],
        "workflow": {
            "macro_id": "macro.two_person_approval.v1",
            "parameters": { "title": "Pay?", "step_deadline_seconds": "3600", "remind_after_seconds": "", "escalate_to": "" },
        },
        "intent": { "type": "intent.pay.v1", "payload": { "amount": 7 } },
    })
}

async fn answer(server: &Server, key: &str, id: &str, outcome: &str) -> Value {
    let body = json!({ "task_result": { "outcome": outcome } });
    server.post(key, &format!("/v1/intents/{id}/resume"), body).await["intent"].clone()
}

/// Signs in two different admins.
async fn two_admins(server: &Server) -> [String; 2] {
    [server.sign_in("owner@local").await.key, server.second_admin().await]
}

async fn macros_are_listed_with_their_parameters(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let list = server.get(&worker, MACROS).await;
    let ids: Vec<&Value> = list["macros"].as_array().unwrap().iter().map(|m| &m["macro_id"]).collect();
    assert_eq!(
        ids,
        [
            "macro.approval.v1",
            "macro.two_person_approval.v1",
            "macro.approval_chain.v1",
            "macro.agent_then_approval.v1",
            "macro.reminder_and_escalation.v1",
        ]
    );
    for listed in list["macros"].as_array().unwrap() {
        let id = listed["macro_id"].as_str().unwrap();
        assert_eq!(server.get(&worker, &format!("{MACROS}/{id}")).await, json!({ "ok": true, "macro": listed }));
        let parameters = listed["parameters"].as_array().unwrap();
        assert!(parameters.iter().all(|p| p["default"].is_string() && p["required"].is_boolean()), "{listed}");
        for offered in ["step_deadline_seconds", "remind_after_seconds", "max_reminders", "escalate_to"] {
            assert!(parameters.iter().any(|parameter| parameter["name"] == offered), "{id} has no {offered}");
        }
    }
    let remind = server.get(&worker, &format!("{MACROS}/macro.reminder_and_escalation.v1")).await["macro"].clone();
    assert_eq!(
        remind["parameters"][4],
        json!({
            "name": "max_reminders", "type": "integer", "required": false, "default": "3",
            "description": "The number of reminders; 3 by default.",
        })
    );
    assert_eq!(remind["parameters"][5]["required"], true);
    let alias = server.get(&worker, &format!("{MACROS}/macro.human_approval.v1")).await;
    assert_eq!(alias["macro"]["macro_id"], "macro.approval.v1");
    server.send(&worker, "GET", &format!("{MACROS}/macro.magic.v1"), None).await.refused(404, "not_found");
}

async fn two_people_sign_off(engine: Engine) {
    let server = Server::start(engine).await;
    let [one, other] = two_admins(&server).await;
    let applied = server.post(&server.admin, APPLY, two_people()).await;
    let id = id_of(&applied);
    assert_eq!((&applied["status"], &applied["pending_with"]), (&json!("WAITING"), &json!("lead")));
    let nobody = "workflow.steps[0]: nobody is mailed about this task: set the contact of \"lead\", or assignees";
    assert_eq!(applied["warnings"], json!([nobody]), "the requester must not decide, so the requester is not asked");
    let first = server.intent(&id).await;
    assert_eq!(first["human_task"]["title"], "Pay? (1 of 2)");
    assert_eq!(first["due_at"], "2026-01-01T01:00:00.000Z");
    let second = answer(&server, &one, &id, "approved").await;
    assert_eq!((&second["status"], &second["human_task"]["title"]), (&json!("WAITING"), &json!("Pay? (2 of 2)")));
    assert_eq!(second["pending_with"]["ref"], "finance@example.com");
    let again = Some(json!({ "task_result": { "outcome": "approved" } }));
    let refused = server.send(&one, "POST", &format!("/v1/intents/{id}/resume"), again).await;
    refused.refused(403, "another_person_required");
    let done = answer(&server, &other, &id, "approved").await;
    let steps = json!({ "approval_1": { "outcome": "approved" }, "approval_2": { "outcome": "approved" } });
    assert_eq!((&done["status"], &done["result"]["steps"]), (&json!("COMPLETED"), &steps));
}

async fn the_second_approver_can_reject(engine: Engine) {
    let server = Server::start(engine).await;
    let [one, other] = two_admins(&server).await;
    let id = id_of(&server.post(&server.admin, APPLY, two_people()).await);
    answer(&server, &one, &id, "approved").await;
    let ended = answer(&server, &other, &id, "rejected").await;
    assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("FAILED"), &json!("rejected")));
    assert_eq!(ended["result"]["steps"]["approval_1"]["outcome"], "approved");
}

async fn an_invalid_macro_is_refused_as_a_whole(engine: Engine) {
    let server = Server::start(engine).await;
    let mut bundle = two_people();
    bundle["workflow"]["parameters"]["second_approver"] = json!("lead");
    let report = server.post(&server.admin, "/v1/scenarios/validate", bundle.clone()).await;
    let expected = json!(["workflow.parameters.second_approver: \"lead\" already signs: name another person"]);
    assert_eq!((&report["valid"], &report["errors"]), (&json!(false), &expected));
    server.send(&server.admin, "POST", APPLY, Some(bundle)).await.refused(422, "scenario_invalid");
    assert_eq!(server.get(&server.admin, "/v1/intents").await["intents"], json!([]));
}
