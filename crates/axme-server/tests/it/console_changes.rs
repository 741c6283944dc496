//! Changes by forms of the console: members, accounts and keys, quotas, policies and schemas. Each is one operation, with
//! the rights of the caller.

use serde_json::json;

use crate::harness::browser::{Browser, between, location, text};
use crate::harness::{Engine, Server, each_engine};

each_engine! {
    a_member_is_added_changed_and_removed_after_a_question,
    a_key_is_made_shown_once_used_and_revoked,
    an_agent_is_registered_changed_and_deleted,
    limits_policies_and_schemas_are_changed,
    subscriptions_are_made_changed_and_ended,
    an_agent_overrides_the_receive_policy_of_its_organization,
    an_access_request_is_decided,
    a_form_has_the_rights_of_its_caller,
    wrong_fields_are_refused_in_words,
}

const ANN: &str = "ann@example.com";

async fn change(browser: &Browser<'_>, op: &str, fields: &[(&str, &str)]) -> crate::harness::Answer {
    browser.post("/app/change", &[&[("op", op), ("back", "/people")], fields].concat()).await
}

/// Sends a change that must be made.
async fn made(browser: &Browser<'_>, op: &str, fields: &[(&str, &str)]) {
    let answer = change(browser, op, fields).await;
    assert_eq!(answer.status, 303, "{op} {fields:?}: {}", text(&answer));
    assert_eq!(location(&answer), "/app/people?said=done");
}

async fn a_member_is_added_changed_and_removed_after_a_question(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let org = server.bootstrap.org_id.clone();
    let page = admin.page("/app/people").await;
    for part in ["Add a person", "Register an agent", "name=\"op\" value=\"organizations.members.add\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let add = [("org_id", org.as_str()), ("actor_id", ANN), ("role", "member"), ("workspace_id", "")];
    made(&admin, "organizations.members.add", &add).await;
    let page = admin.page("/app/people").await;
    let before = page.split_once("ann@example.com as member").expect("the member").0;
    let id = before.rsplit_once("name=\"member_id\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let of = [("org_id", org.as_str()), ("member_id", id.as_str())];
    made(&admin, "organizations.members.update", &[&of[..], &[("role", "workspace_admin")]].concat()).await;
    assert!(admin.page("/app/people").await.contains("ann@example.com as workspace_admin"));
    let twice = text(&change(&admin, "organizations.members.add", &add).await);
    assert!(twice.contains("This could not be done") || twice.contains("already"), "{twice}");
    // Removing asks first, and nothing happens before the answer.
    let remove = [&of[..], &[("what", "ann & co")]].concat();
    let asked = text(&change(&admin, "organizations.members.remove", &remove).await);
    assert!(asked.contains("Are you sure?") && asked.contains("ann &#38; co"), "{asked}");
    assert!(asked.contains(&format!("<textarea name=\"member_id\" hidden>\n{id}</textarea>")), "{asked}");
    assert!(admin.page("/app/people").await.contains("ann@example.com as workspace_admin"));
    made(&admin, "organizations.members.remove", &[&remove[..], &[("confirmed", "yes")]].concat()).await;
    assert!(!admin.page("/app/people").await.contains("ann@example.com as"));
}

async fn a_key_is_made_shown_once_used_and_revoked(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("greeter").await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let account = accounts["service_accounts"].as_array().unwrap().iter().find(|one| one["name"] == "greeter").unwrap();
    let id = account["service_account_id"].as_str().unwrap();
    let path = format!("/app/people?account={id}");
    assert!(admin.page(&path).await.contains("Make a key"));
    let fields = [
        ("service_account_id", id),
        ("scope", "read"),
        ("expires_at:ahead", "2d"),
        ("addresses:list", ""),
        ("once", "once-1"),
    ];
    let shown = text(&change(&admin, "service_accounts.keys.create", &fields).await);
    let key = between(&shown, "<pre class=\"copy\">", "</pre>");
    assert!(key.starts_with("axme_sa_") && shown.contains("shows it once"), "{shown}");
    assert_eq!(server.send(&key, "GET", "/v1/me", None).await.status, 200);
    let page = admin.page(&path).await;
    assert!(!page.contains(&key) && page.contains("only reads") && page.contains("in 2 d"), "{page}");
    let key_id = between(&page, "name=\"key_id\" value=\"", "\"");
    let revoke = [("service_account_id", id), ("key_id", key_id.as_str()), ("what", "The key")];
    assert!(text(&change(&admin, "service_accounts.keys.revoke", &revoke).await).contains("Are you sure?"));
    assert_eq!(server.send(&key, "GET", "/v1/me", None).await.status, 200);
    made(&admin, "service_accounts.keys.revoke", &[&revoke[..], &[("confirmed", "yes")]].concat()).await;
    server.clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(server.send(&key, "GET", "/v1/me", None).await.status, 401);
}

async fn an_agent_is_registered_changed_and_deleted(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let wrong = change(&admin, "service_accounts.create", &[("name", "poster"), ("delivery_mode", "http")]).await;
    assert_eq!(wrong.status, 422, "{}", text(&wrong));
    made(&admin, "service_accounts.create", &[("name", "poster"), ("delivery_mode", "stream")]).await;
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let account = accounts["service_accounts"].as_array().unwrap().iter().find(|one| one["name"] == "poster").unwrap();
    let id = account["service_account_id"].as_str().unwrap();
    let of = [("service_account_id", id)];
    let http = [("delivery_mode", "http"), ("callback_url", "https://hooks.example.com/axme")];
    let shown = text(&change(&admin, "service_accounts.update", &[&of[..], &http].concat()).await);
    assert!(shown.contains("The secret that signs the posts"), "{shown}");
    assert!(admin.page(&format!("/app/people?account={id}")).await.contains("https://hooks.example.com/axme"));
    assert!(text(&change(&admin, "service_accounts.delete", &of).await).contains("Are you sure?"));
    made(&admin, "service_accounts.delete", &[&of[..], &[("confirmed", "yes")]].concat()).await;
    let page = admin.page(&format!("/app/people?account={id}")).await;
    assert!(page.contains("deleted") && !page.contains("Make a key"), "{page}");
}

async fn limits_policies_and_schemas_are_changed(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("greeter").await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let (org, workspace) = (server.bootstrap.org_id.clone(), server.bootstrap.workspace_id.clone());
    assert!(admin.page("/app/quotas").await.contains("Change the limits"));
    let limits = [
        ("org_id", org.as_str()),
        ("workspace_id", workspace.as_str()),
        ("dimensions.intents_per_day:number", "77"),
        ("overage_mode", "grace"),
        ("hard_enforcement:flag", "true"),
    ];
    made(&admin, "quotas.update", &limits).await;
    assert!(admin.page("/app/quotas").await.contains("of 77"));
    let of_org = [("org_id", org.as_str())];
    made(&admin, "organizations.receive_policy.put", &[&of_org[..], &[("policy_type", "allowlist")]].concat()).await;
    let pattern = [("sender_pattern", "agent://friends/*")];
    made(&admin, "organizations.receive_policy.entries.add", &[&of_org[..], &pattern].concat()).await;
    let page = admin.page("/app/policies").await;
    assert!(page.contains("agent://friends/*") && page.contains("on this list"), "{page}");
    let entry = between(&page, "name=\"entry_id\" value=\"", "\"");
    let entry = [("entry_id", entry.as_str())];
    made(&admin, "organizations.receive_policy.entries.remove", &[&of_org[..], &entry].concat()).await;
    assert!(!admin.page("/app/policies").await.contains("agent://friends/*"));
    // One agent: whom it accepts, and how much.
    made(&admin, "agents.policy.put", &[("address", "greeter"), ("policy_type", "denylist")]).await;
    made(&admin, "agents.policy.entries.add", &[("address", "greeter"), ("sender_pattern", "agent://foes/*")]).await;
    made(&admin, "mesh.policies.cost.put", &[("address_id", "greeter"), ("max_intents_per_day:number", "5")]).await;
    let page = admin.page("/app/agents?agent=greeter").await;
    for part in ["agent://foes/*", "It refuses the senders on this list.", "of 5", "Remove the limits"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // A schema, which is asked about first.
    let page = admin.page("/app/schemas?semantic_type=axme.pay.order.v1").await;
    assert!(page.contains("This type has no schema") && page.contains("Set a schema"), "{page}");
    let schema = [
        ("semantic_type", "axme.pay.order.v1"),
        ("schema_json:json", "{\n \"type\": \"object\", \"required\": [\"amount\"] }"),
        ("compatibility_mode", "strict"),
        ("active:flag", "true"),
    ];
    assert!(text(&change(&admin, "schemas.upsert", &schema).await).contains("Are you sure?"));
    made(&admin, "schemas.upsert", &[&schema[..], &[("confirmed", "yes")]].concat()).await;
    let page = admin.page("/app/schemas?semantic_type=axme.pay.order.v1").await;
    assert!(page.contains("&#34;amount&#34;") && page.contains("Change the schema"), "{page}");
    let intent = json!({ "intent_type": "axme.pay.order.v1", "to_agent": "greeter", "payload": {} });
    assert_eq!(server.send(&server.admin, "POST", "/v1/intents", Some(intent)).await.status, 422);
}

async fn subscriptions_are_made_changed_and_ended(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("greeter").await;
    server.give(ANN, "workspace_admin", None).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let page = admin.page("/app/webhooks").await;
    for part in ["Subscribe to events", "value=\"intent.completed\"", "every event of intents (intent.*)"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let upsert = "webhooks.subscriptions.upsert";
    let url = ("callback_url", "https://hooks.example.com/axme");
    // The guard of outgoing calls and the operation say in words what is wrong.
    let types = ("event_types:list", "intent.completed");
    for (wrong, why) in [
        (vec![("callback_url", "http://127.0.0.1/hook"), types], "callback_url: "),
        (vec![("callback_url", "https://10.0.0.7/hook"), types], "is not a public address"),
        (vec![("callback_url", "hooks.example.com"), types], "callback_url: "),
        (vec![url], "event_types"),
        (vec![url, ("event_types:list", "a*b")], "* is allowed only at the end"),
    ] {
        let answer = change(&admin, upsert, &wrong).await;
        assert_eq!(answer.status, 422, "{wrong:?}: {}", text(&answer));
        assert!(text(&answer).contains("This could not be done") && text(&answer).contains(why), "{}", text(&answer));
    }
    let made_of = [url, types, ("event_types:list", "intent.failed"), ("event_types:list", "order.* bill.paid")];
    let shown = text(&change(&admin, upsert, &made_of).await);
    assert!(shown.contains("The secret that signs the posts"), "{shown}");
    let listed = async || server.get(&server.admin, "/v1/webhooks/subscriptions?include_inactive=true").await;
    let list = listed().await["subscriptions"].clone();
    assert_eq!(list[0]["event_types"], json!(["intent.completed", "intent.failed", "order.*", "bill.paid"]));
    assert_eq!((list.as_array().unwrap().len(), &list[0]["all_owners"]), (1, &json!(true)));
    let secret = between(&shown, "<pre class=\"copy\">", "</pre>");
    let page = admin.page("/app/webhooks").await;
    assert!(!page.contains(&secret) && page.contains("everybody") && page.contains("value=\"order.* bill.paid\""));
    assert!(page.contains("value=\"intent.failed\" checked"), "{page}");
    // The secret stays when it is changed. Another admin has a subscription of its own, and can end this one.
    let of_all = [url, ("event_types:list", "*"), ("active:flag", "false"), ("description", "Bills")];
    made(&admin, upsert, &of_all).await;
    let list = listed().await["subscriptions"].clone();
    let found = (list.as_array().unwrap().len(), &list[0]["event_types"], &list[0]["active"]);
    assert_eq!(found, (1, &json!(["*"]), &json!(false)));
    let page = admin.page("/app/webhooks").await;
    assert!(page.contains("paused") && page.contains("everybody, by owner@local"), "{page}");
    let ann = Browser::by_mail(&server, ANN).await;
    let page = ann.page("/app/webhooks").await;
    assert!(!page.contains("name=\"active:flag\"") && page.contains("name=\"subscription_id\""), "{page}");
    // An agent has a subscription of its own to the same URL.
    let of_agent = [url, types, ("owner_agent", "agent://greeter")];
    assert!(text(&change(&admin, upsert, &of_agent).await).contains("The secret that signs the posts"));
    assert_eq!(listed().await["subscriptions"].as_array().unwrap().len(), 2);
    let id = list[0]["subscription_id"].as_str().unwrap();
    let end = [("subscription_id", id), ("what", "The subscription")];
    let stranger = Browser::with_key(&server, &server.workspace("other", "one").await).await;
    let refused =
        change(&stranger, "webhooks.subscriptions.delete", &[&end[..], &[("confirmed", "yes")]].concat()).await;
    assert_eq!(refused.status, 404, "{}", text(&refused));
    assert!(text(&change(&admin, "webhooks.subscriptions.delete", &end).await).contains("Are you sure?"));
    made(&admin, "webhooks.subscriptions.delete", &[&end[..], &[("confirmed", "yes")]].concat()).await;
    let page = admin.page("/app/webhooks").await;
    assert_eq!(page.matches("name=\"subscription_id\"").count(), 1, "the ended one has no forms: {page}");
    // A plain member has no address, and so no events of its own.
    server.give("mem@example.com", "member", None).await;
    let member = Browser::by_mail(&server, "mem@example.com").await;
    assert_eq!(change(&member, upsert, &[url, types, ("owner_agent", "agent://greeter")]).await.status, 403);
}

async fn an_agent_overrides_the_receive_policy_of_its_organization(engine: Engine) {
    let server = Server::start(engine).await;
    server.agent("greeter").await;
    let admin = Browser::with_key(&server, &server.admin).await;
    let friend = server.workspace("friends", "one").await;
    let send = async || {
        let body =
            json!({ "intent_type": "intent.ask.v1", "to_agent": "agent://local/default/greeter", "payload": {} });
        server.send(&friend, "POST", "/v1/intents", Some(body)).await.status.as_u16()
    };
    let page = async || admin.page("/app/agents?agent=greeter").await;
    assert!(page().await.contains("The receive policy of the organization applies to it."));
    assert_eq!(send().await, 403);
    let of = ("address", "agent://local/default/greeter");
    let list = [of, ("sender_pattern", "user://*")];
    made(&admin, "agents.receive_override.entries.add", &list).await;
    assert_eq!(send().await, 403, "the list alone has no effect");
    made(&admin, "agents.receive_override.put", &[of, ("override_type", "allowlist")]).await;
    let shown = page().await;
    assert!(shown.contains("it accepts only the senders on this list") && shown.contains("user://*"), "{shown}");
    assert_eq!(send().await, 200);
    let rest = shown.split_once("agents.receive_override.entries.remove").expect("a form").1;
    let entry = between(rest, "name=\"entry_id\" value=\"", "\"");
    made(&admin, "agents.receive_override.entries.remove", &[of, ("entry_id", entry.as_str())]).await;
    assert_eq!(send().await, 403);
    made(&admin, "agents.receive_override.put", &[of, ("override_type", "open")]).await;
    assert_eq!(send().await, 200);
    made(&admin, "agents.receive_override.put", &[of, ("override_type", "use_org_default")]).await;
    assert_eq!(send().await, 403);
    let wrong = change(&admin, "agents.receive_override.put", &[of, ("override_type", "perhaps")]).await;
    assert_eq!(wrong.status, 422, "{}", text(&wrong));
}

async fn an_access_request_is_decided(engine: Engine) {
    let server = Server::start(engine).await;
    server.give(ANN, "member", None).await;
    let org = server.bootstrap.org_id.clone();
    let body = json!({ "request_type": "elevated_role", "requester_actor_id": ANN, "org_id": org, "requested_role": "org_admin" });
    let person = server.sign_in(ANN).await;
    server.as_person(&person, "POST", "/v1/access-requests", Some(body)).await.ok();
    server.give("owner@example.com", "org_owner", None).await;
    let owner = Browser::by_mail(&server, "owner@example.com").await;
    let page = owner.page("/app/people").await;
    let id = between(&page, "name=\"access_request_id\" value=\"", "\"");
    made(&owner, "access_requests.review", &[("access_request_id", &id), ("decision", "approve")]).await;
    let page = owner.page("/app/people").await;
    assert!(page.contains("ann@example.com as org_admin") && !page.contains("name=\"access_request_id\""), "{page}");
}

async fn a_form_has_the_rights_of_its_caller(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, workspace) = (server.bootstrap.org_id.clone(), server.bootstrap.workspace_id.clone());
    let greeter = server.agent("greeter").await;
    let accounts = server.get(&server.admin, "/v1/service-accounts").await;
    let id = accounts["service_accounts"][0]["service_account_id"].as_str().unwrap().to_owned();
    server.give("mem@example.com", "member", None).await;
    server.give("aud@example.com", "security_auditor", None).await;
    let strangers = [
        Browser::with_key(&server, &greeter).await,
        Browser::with_key(&server, &server.workspace("other", "one").await).await,
        Browser::by_mail(&server, "mem@example.com").await,
        Browser::by_mail(&server, "aud@example.com").await,
    ];
    let of_org = [("org_id", org.as_str()), ("workspace_id", workspace.as_str())];
    let of_account = [("service_account_id", id.as_str()), ("confirmed", "yes")];
    let of_agent = [("address", "agent://local/default/greeter"), ("address_id", "agent://local/default/greeter")];
    let changes: [(&str, Vec<(&str, &str)>); 9] = [
        ("agents.receive_override.put", [&of_agent[..], &[("override_type", "open")]].concat()),
        ("organizations.members.add", [&of_org[..], &[("actor_id", "x@example.com"), ("role", "org_owner")]].concat()),
        ("service_accounts.keys.create", of_account.to_vec()),
        ("service_accounts.delete", of_account.to_vec()),
        (
            "quotas.update",
            [&of_org[..], &[("dimensions.intents_per_day:number", "1"), ("overage_mode", "block")]].concat(),
        ),
        ("organizations.receive_policy.put", [&of_org[..], &[("policy_type", "open")]].concat()),
        ("agents.policy.put", [&of_agent[..1], &[("policy_type", "denylist")]].concat()),
        ("mesh.policies.cost.put", [&of_agent[1..], &[("max_intents_per_day:number", "1")]].concat()),
        ("organizations.members.remove", [&of_org[..1], &[("member_id", &workspace), ("confirmed", "yes")]].concat()),
    ];
    for (number, stranger) in strangers.iter().enumerate() {
        for (op, fields) in &changes {
            // An auditor may not see intents, whose page has the token of the forms.
            let csrf = between(&text(&stranger.get("/app/quotas").await), "name=\"csrf\" value=\"", "\"");
            let fields = [&[("csrf", csrf.as_str()), ("op", op), ("back", "/people")], &fields[..]].concat();
            let answer = crate::harness::browser::send(&server, &stranger.cookie, "/app/change", &fields).await;
            assert!([403, 404].contains(&answer.status.as_u16()), "{number} {op}: {} {}", answer.status, text(&answer));
        }
        assert!(!text(&stranger.get("/app/people").await).contains("organizations.members.remove") || number == 1);
    }
    let admin = Browser::with_key(&server, &server.admin).await;
    // Another operation has no form, however it is named.
    for op in ["organizations.update", "intents.create", "", "x"] {
        assert_eq!(change(&admin, op, &[]).await.status, 422, "{op}");
    }
    // The way back stays in the console.
    let off = [
        ("op", "agents.policy.put"),
        ("address", "greeter"),
        ("policy_type", "open"),
        ("back", "https://evil.example/"),
    ];
    assert_eq!(location(&admin.post("/app/change", &off).await), "/app?said=done");
}

async fn wrong_fields_are_refused_in_words(engine: Engine) {
    let server = Server::start(engine).await;
    let admin = Browser::with_key(&server, &server.admin).await;
    for (field, value, told) in [
        ("max_intents_per_day:number", "many", "is not a number"),
        ("active:flag", "perhaps", "choose true or false"),
        ("schema_json:json", "{\n \"a\": }", "line 2"),
        ("expires_at:ahead", "soon", "such as 30m"),
    ] {
        let answer = change(&admin, "mesh.policies.cost.put", &[("address_id", "greeter"), (field, value)]).await;
        assert!(answer.status == 422 && text(&answer).contains(told), "{field}: {}", text(&answer));
    }
}
