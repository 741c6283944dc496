//! A task's form at the host of the person who is asked (`spec/protocol.md` §7.9).

use serde_json::{Value, json};

use crate::harness::{Answer, Engine, Server, each_engine};
use crate::mcp_client::{NEWEST, WITH_TASKS, done, member, message, refused, send};
use crate::oauth::{self, Connected, OWNER, connect};

each_engine! {
    a_person_answers_the_form_of_a_task_at_the_host,
    a_form_that_is_declined_or_outdated_records_nothing,
    a_form_is_shown_only_to_a_person_who_is_asked_and_may_decide,
    a_vote_at_a_host_names_the_host,
}

/// A host that shows forms, with the token of a grant.
struct Host<'a> {
    server: &'a Server,
    token: &'a str,
    capabilities: Value,
}

impl<'a> Host<'a> {
    fn of(server: &'a Server, connected: &'a Connected) -> Host<'a> {
        Host { server, token: &connected.access, capabilities: json!({ "elicitation": { "form": {} } }) }
    }

    async fn request(&self, method: &str, params: Value) -> Answer {
        let mut body = message(NEWEST, method, params);
        let meta = &mut body["params"]["_meta"];
        meta["io.modelcontextprotocol/clientCapabilities"] = self.capabilities.clone();
        meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "Desk", "version": "1.2" });
        let bearer = format!("Bearer {}", self.token);
        let name = body["params"]["name"].as_str().unwrap_or_default().to_owned();
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", NEWEST),
            ("mcp-method", method),
        ];
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        self.server.send_with("", "POST", "/mcp", Some(body), &headers).await
    }

    /// Calls the tool, and returns its result.
    async fn call(&self, id: &str, more: Value) -> Value {
        let mut params = json!({ "name": "tasks_answer", "arguments": { "intent_id": id } });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.request("tools/call", params).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["result"].clone()
    }

    /// Repeats the call with what became of the form.
    async fn fill_in(&self, id: &str, shown: &Value, action: &str, content: Value) -> Value {
        let result = json!({ "action": action, "content": content });
        let more = json!({ "inputResponses": { "answer": result }, "requestState": shown["requestState"] });
        self.call(id, more).await
    }
}

/// Returns the form of a result.
fn form(result: &Value) -> Value {
    assert_eq!(result["resultType"], "input_required", "{result}");
    assert_eq!(result["inputRequests"]["answer"]["method"], "elicitation/create", "{result}");
    result["inputRequests"]["answer"]["params"].clone()
}

/// Raises a task as an agent.
async fn raise(server: &Server, key: &str, task: Value) -> String {
    let body = json!({ "intent_type": "pay.v1", "to_agent": "human", "payload": { "amount": 12 }, "human_task": task });
    server.post(key, "/v1/intents", body).await["intent_id"].as_str().unwrap().to_owned()
}

fn order() -> Value {
    let count = json!({ "type": "integer", "minimum": 1, "maximum": 9 });
    let schema = json!({ "type": "object", "required": ["count"], "properties": { "count": count } });
    json!({ "title": "Order pens?", "description": "The box is empty.", "assignees": [OWNER], "form_schema": schema })
}

/// Returns the details of the event that records an answer.
async fn answered(server: &Server, id: &str) -> Value {
    let events = server.events(id).await;
    let mut details = events.iter().map(|event| event["details"].clone());
    details.find(|details| details["answered_by"].is_string()).expect("an event of the answer")
}

async fn a_person_answers_the_form_of_a_task_at_the_host(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let connected = connect(&server, OWNER, &["read", "tasks:decide"]).await;
    let host = Host::of(&server, &connected);
    let id = raise(&server, &worker, order()).await;

    let shown = host.call(&id, json!({})).await;
    let asked = form(&shown);
    let text = asked["message"].as_str().unwrap();
    for part in ["worker", "asks for your approval", "Order pens?", "The box is empty.", "Amount: 12"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let fields = &asked["requestedSchema"]["properties"];
    assert_eq!((&fields["count"]["type"], &fields["count"]["maximum"]), (&json!("integer"), &json!(9)), "{asked}");
    assert_eq!(fields["outcome"]["oneOf"][0], json!({ "const": "approved", "title": "Approve" }), "{asked}");

    // The form comes again, with the reason, if the rules refuse the answer.
    for wrong in
        [json!({ "outcome": "approved" }), json!({ "outcome": "approved", "count": 10 }), json!({ "count": 1 })]
    {
        let again = host.fill_in(&id, &shown, "accept", wrong.clone()).await;
        assert!(form(&again)["message"].as_str().unwrap().starts_with("Not recorded: "), "{wrong}: {again}");
    }
    assert_eq!(server.intent(&id).await["status"], "WAITING");

    let content = json!({ "outcome": "approved", "count": 3, "comment": "the blue ones" });
    let done = host.fill_in(&id, &shown, "accept", content.clone()).await;
    assert_eq!((&done["resultType"], &done["isError"]), (&json!("complete"), &json!(false)), "{done}");
    let intent = server.intent(&id).await;
    assert_eq!((&intent["status"], &intent["result"]["count"]), (&json!("COMPLETED"), &json!(3)), "{intent}");
    let details = answered(&server, &id).await;
    assert_eq!((&details["answered_by"], &details["answered_via"]), (&json!(OWNER), &json!("assistant")), "{details}");
    assert_eq!(details["answered_through"], json!({ "client": connected.client, "host": "Desk 1.2" }), "{details}");
    // A repeated answer finds nothing to answer.
    let late = host.fill_in(&id, &shown, "accept", content).await;
    assert_eq!(late["structuredContent"]["error"]["code"], "not_waiting_for_human", "{late}");
}

async fn a_form_that_is_declined_or_outdated_records_nothing(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    member(&server, "kim@example.com", "member").await;
    let connected = connect(&server, OWNER, &["read", "tasks:decide"]).await;
    let host = Host::of(&server, &connected);
    let id = raise(&server, &worker, json!({ "title": "Ship it?", "assignees": [OWNER] })).await;
    let shown = host.call(&id, json!({})).await;
    let yes = json!({ "outcome": "approved" });
    for action in ["decline", "cancel", "nonsense"] {
        let result = host.fill_in(&id, &shown, action, yes.clone()).await;
        assert_eq!(result["isError"], false, "{result}");
        assert!(result["structuredContent"]["message"].as_str().unwrap().contains("did not answer"), "{result}");
    }
    // An answer without the state of the form, or with another one, only shows the form again.
    for state in [json!({}), json!({ "requestState": "99" })] {
        let mut more = state;
        more["inputResponses"] = json!({ "answer": { "action": "accept", "content": yes } });
        let again = host.call(&id, more).await;
        assert!(form(&again)["message"].as_str().unwrap().contains("has changed"), "{again}");
    }
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    // The task is passed on, and comes back: this is another asking.
    for to in ["kim@example.com", OWNER] {
        let path = format!("/v1/tasks/{id}/reassign");
        server.post(&server.admin, &path, json!({ "to": to })).await;
    }
    let again = host.fill_in(&id, &shown, "accept", yes.clone()).await;
    assert_eq!(server.intent(&id).await["status"], "WAITING", "{again}");
    let done = host.fill_in(&id, &again, "accept", yes).await;
    assert_eq!((&done["isError"], server.intent(&id).await["status"].as_str()), (&json!(false), Some("COMPLETED")));
}

async fn a_form_is_shown_only_to_a_person_who_is_asked_and_may_decide(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    member(&server, "kim@example.com", "member").await;
    let decider = connect(&server, OWNER, &["read", "write", "tasks:decide"]).await;
    let reader = connect(&server, OWNER, &["read", "write"]).await;
    let kims = connect(&server, "kim@example.com", &["read", "write", "tasks:decide"]).await;
    let id = raise(&server, &worker, order()).await;
    let host = Host::of(&server, &decider);
    let code = async |host: &Host<'_>, id: &str| -> String {
        let result = host.call(id, json!({})).await;
        assert_eq!(result["isError"], true, "{result}");
        result["structuredContent"]["error"]["code"].as_str().unwrap().to_owned()
    };
    form(&host.call(&id, json!({})).await);
    // Another person sees no such task, and an admin who is not asked gets no form.
    assert_eq!(code(&Host::of(&server, &kims), &id).await, "not_found");
    let of_kim = raise(&server, &worker, json!({ "title": "?", "assignees": ["kim@example.com"] })).await;
    assert_eq!(code(&host, &of_kim).await, "not_asked");
    assert_eq!(code(&host, &uuid::Uuid::nil().to_string()).await, "not_found");
    // A client without the scope, a key, and a host that shows no forms.
    assert_eq!(code(&Host::of(&server, &reader), &id).await, "forbidden");
    assert_eq!(refused(&server, &server.admin, "tasks_answer", json!({ "intent_id": id })).await, "person_required");
    for capabilities in [json!({}), json!({ "elicitation": { "url": {} } })] {
        assert_eq!(code(&Host { capabilities, ..Host::of(&server, &decider) }, &id).await, "person_required");
    }
    let old = oauth::call(&server, &decider.access, "tasks_answer", json!({ "intent_id": id })).await.body;
    assert_eq!(old["result"]["structuredContent"]["error"]["code"], "person_required", "{old}");
    // A task of the same person or client is never decided through it.
    let own =
        oauth::call(&server, &decider.access, "tasks_create", json!({ "title": "?", "assignees": [OWNER] })).await;
    let own = own.body["result"]["structuredContent"]["data"]["intent_id"].as_str().unwrap().to_owned();
    assert_eq!(code(&host, &own).await, "person_required");
    // A form with a list is for the page.
    let list = json!({ "type": "array", "items": { "type": "string" } });
    let nested = json!({ "title": "?", "assignees": [OWNER], "form_schema": { "properties": { "names": list } } });
    let nested = raise(&server, &worker, nested).await;
    assert_eq!(code(&host, &nested).await, "person_required");
    // An intent that waits for no person.
    let plain = done(
        &server,
        &server.admin,
        "intents_send",
        json!({ "intent_type": "x.v1", "to_agent": "worker", "payload": {} }),
    );
    let plain = plain.await["intent_id"].as_str().unwrap().to_owned();
    assert_eq!(code(&host, &plain).await, "not_waiting_for_human");
    assert_eq!(server.intent(&id).await["status"], "WAITING");

    // A list shows the tool only where it works.
    let lists =
        async |host: &Host<'_>| host.request("tools/list", json!({})).await.body.to_string().contains("tasks_answer");
    assert!(lists(&host).await);
    assert!(!lists(&Host::of(&server, &reader)).await);
    assert!(!lists(&Host { capabilities: json!({}), ..Host::of(&server, &decider) }).await);
    let by_key = send(&server, &server.admin, "/mcp", WITH_TASKS, &message(WITH_TASKS, "tools/list", json!({}))).await;
    assert!(!by_key.body.to_string().contains("tasks_answer"));
}

async fn a_vote_at_a_host_names_the_host(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    member(&server, "kim@example.com", "member").await;
    let owners = connect(&server, OWNER, &["read", "tasks:decide"]).await;
    let kims = connect(&server, "kim@example.com", &["read", "tasks:decide"]).await;
    let task = json!({ "title": "Pay?", "assignees": [OWNER, "kim@example.com"], "quorum": 2 });
    let id = raise(&server, &worker, task).await;
    let first = Host::of(&server, &owners);
    let shown = first.call(&id, json!({})).await;
    first.fill_in(&id, &shown, "accept", json!({ "outcome": "approved" })).await;
    let vote = answered(&server, &id).await;
    assert_eq!(vote["answered_through"], json!({ "client": owners.client, "host": "Desk 1.2" }), "{vote}");
    assert_eq!(server.intent(&id).await["status"], "WAITING");
    // Nobody votes twice.
    let twice = first.call(&id, json!({})).await;
    assert_eq!(twice["isError"], true, "{twice}");
    let second = Host::of(&server, &kims);
    let shown = second.call(&id, json!({})).await;
    second.fill_in(&id, &shown, "accept", json!({ "outcome": "approved" })).await;
    let intent = server.intent(&id).await;
    assert_eq!(intent["status"], "COMPLETED", "{intent}");
    assert_eq!(intent["result"]["votes"][0]["through"]["client"], json!(owners.client), "{intent}");
}
