//! Compares the engines: the same random calls give the same answers.
//!
//! Ids and secrets are compared by the order of their first appearance. A job may run more than once on one engine, and
//! then draws others.

mod calls;

use std::collections::HashMap;
use std::time::Duration;

use axme_store::Rng;
use serde_json::{Value, json};

use calls::{OTHERS, WORDS};

use crate::harness::{Engine, SITE, Server, each_engine, poll};

each_engine! {
    both_engines_give_the_same_answers_about_intents,
    both_engines_give_the_same_answers_about_other_resources,
}

const SEEDS: u64 = 3;
const CALLS: usize = 200;

async fn both_engines_give_the_same_answers_about_intents(engine: Engine) {
    give_the_same_answers(engine, async |player| player.work().await).await;
}

async fn both_engines_give_the_same_answers_about_other_resources(engine: Engine) {
    give_the_same_answers(engine, async |player| player.govern().await).await;
}

/// Plays on both engines and compares. Without PostgreSQL there is nothing to compare; one seed then shows that no call
/// fails with a server fault.
async fn give_the_same_answers(engine: Engine, play: impl AsyncFn(Player) -> Vec<String>) {
    let play = async |engine: Engine, seed: u64| {
        // Lists are sorted by ids, some of which are random, so both engines draw the same ones.
        let server = Server::start_seeded(engine, seed).await;
        play(Player::new(server, seed).await).await
    };
    if engine == Engine::Sqlite {
        play(engine, 0).await;
        return;
    }
    for seed in 0..SEEDS {
        let (expected, answers) = tokio::join!(play(Engine::Sqlite, seed), play(Engine::Postgres, seed));
        for (n, (expected, answer)) in expected.iter().zip(&answers).enumerate() {
            assert_eq!(expected, answer, "seed {seed}, call {n}");
        }
        assert_eq!(expected.len(), answers.len());
    }
}

/// Makes random calls to a server.
struct Player {
    server: Server,
    draw: Rng,
    agents: Vec<(&'static str, String)>,
    intents: Vec<String>,
    told: Vec<String>,
    named: HashMap<String, usize>,
    /// The values that answers have given for a name, such as `org_id`.
    seen: HashMap<String, Vec<String>>,
}

impl Player {
    async fn new(server: Server, seed: u64) -> Player {
        let mut agents = Vec::new();
        for name in ["ada", "bob"] {
            server.clock.advance(Duration::from_millis(1));
            agents.push((name, server.agent(name).await));
        }
        Player {
            server,
            draw: Rng::seeded(seed + 1_000),
            agents,
            intents: Vec::new(),
            told: Vec::new(),
            named: HashMap::new(),
            seen: HashMap::new(),
        }
    }

    fn below(&self, most: usize) -> usize {
        u64::from_le_bytes(self.draw.bytes()) as usize % most
    }

    fn pick<T: Clone>(&self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Returns one of the latest intents, or an unknown id if there are none.
    fn intent(&self) -> String {
        let last = &self.intents[self.intents.len().saturating_sub(12)..];
        if last.is_empty() { "00000000-0000-0000-0000-000000000000".to_owned() } else { self.pick(last) }
    }

    fn key(&self) -> String {
        if self.below(3) == 0 { self.pick(&self.agents).1 } else { self.server.admin.clone() }
    }

    async fn work(mut self) -> Vec<String> {
        for _ in 0..CALLS {
            match self.below(24) {
                0..=3 => self.create().await,
                4 => self.apply().await,
                5..=7 => self.resume().await,
                8 => self.resolve().await,
                9..=10 => self.look().await,
                11 => self.list().await,
                12 => self.account().await,
                13..=14 => self.listen().await,
                15..=16 => self.steer().await,
                17..=19 => self.thread().await,
                20..=21 => self.webhook().await,
                _ => self.server.advance(Duration::from_millis(self.below(40_000) as u64)).await,
            }
        }
        for id in self.intents.clone() {
            let key = self.server.admin.clone();
            self.call(&key, "GET", &format!("/v1/intents/{id}/events"), None).await;
        }
        self.told
    }

    async fn call(&mut self, key: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let again = format!("key-{}", self.below(6));
        let headers = [("idempotency-key", again.as_str())];
        let headers = if method == "POST" && self.below(4) == 0 { &headers[..] } else { &[] };
        let answer = self.server.send_with(key, method, path, body.clone(), headers).await;
        assert_ne!(answer.status, 500, "{method} {path} {body:?}: {}", answer.body);
        self.tell(&format!("{method} {path} {body:?} -> {} {}", answer.status, answer.body));
        // No two calls have the same time.
        self.server.clock.advance(Duration::from_millis(1 + self.below(3) as u64));
        answer.body
    }

    fn note(&mut self, answer: &Value) {
        if let Some(id) = answer["intent_id"].as_str() {
            self.intents.push(id.to_owned());
        }
    }

    async fn create(&mut self) {
        let to =
            self.pick(&["ada", "bob", "agent://local/default/ada", "human", "nobody", "user://x", " ", "agent_core"]);
        let mut body = json!({ "intent_type": self.pick(&["a.b.v1", "x", "not valid"]), "to_agent": to, "payload": { "n": self.below(9) } });
        if self.below(3) == 0 {
            body["deadline_at"] = json!(self.server.now().plus_seconds(self.below(60) as u64).to_string());
        }
        if self.below(5) == 0 {
            body["human_task"] =
                self.pick(&[json!({ "title": "t" }), json!({ "required_comment": true }), json!({ "title": 5 })]);
        }
        let key = self.key();
        let answer = self.call(&key, "POST", "/v1/intents", Some(body)).await;
        self.note(&answer);
    }

    async fn apply(&mut self) {
        let agent = self.pick(&["ada", "bob", "new", "NEW one"]);
        let step = |id: &str, to: &str| json!({ "step_id": id, "assigned_to": to, "step_deadline_seconds": 30 });
        let mut steps = vec![step("one", "w"), step("two", "h"), step("three", "w")];
        steps.truncate(1 + self.below(3));
        if self.below(3) == 0 {
            let last = steps.len() - 1;
            steps[0]["on_failure"] = steps[last]["step_id"].clone();
        }
        let bundle = json!({
            "scenario_id": "s.v1", "idempotency_key": self.pick(&[Value::Null, Value::Null, json!("once")]),
            "agents": [{ "role": "w", "address": agent, "create_if_missing": true }], "humans": [{ "role": "h" }],
            "workflow": { "steps": steps }, "intent": { "type": self.pick(&["x.v1", ""]) },
        });
        let path = self.pick(&["/v1/scenarios/apply", "/v1/scenarios/apply", "/v1/scenarios/validate"]);
        let key = self.key();
        let answer = self.call(&key, "POST", path, Some(bundle)).await;
        self.note(&answer);
    }

    async fn resume(&mut self) {
        // Usually the child of a step, if there is one: the intent waits for it.
        let mut id = self.intent();
        let key = self.server.admin.clone();
        let events = self.call(&key, "GET", &format!("/v1/intents/{id}/events"), None).await;
        let child = |event: &Value| event["details"]["child_intent_id"].as_str().map(str::to_owned);
        if self.below(5) > 0
            && let Some(child) = events["events"].as_array().and_then(|all| all.iter().rev().find_map(child))
        {
            self.intents.push(child.clone());
            id = child;
        }
        let body = self.pick(&[
            json!({}),
            json!({ "x": 1 }),
            json!({ "action": "complete", "y": [1, 2] }),
            json!({ "action": "fail", "reason": "r" }),
            json!({ "status": "pending_review" }),
            json!({ "approve_current_step": true }),
            json!({ "approve_current_step": false }),
            json!({ "task_result": { "outcome": "approved", "comment": "c" } }),
            json!({ "task_result": { "outcome": "rejected" } }),
            json!({ "x": 1, "expected_policy_generation": 1 }),
            json!([1]),
        ]);
        let key = self.key();
        self.call(&key, "POST", &format!("/v1/intents/{id}/resume"), Some(body)).await;
    }

    async fn resolve(&mut self) {
        let status = self.pick(&["COMPLETED", "FAILED", "CANCELED", "TIMED_OUT"]);
        let (id, key) = (self.intent(), self.key());
        self.call(&key, "POST", &format!("/v1/intents/{id}/resolve"), Some(json!({ "status": status }))).await;
    }

    async fn look(&mut self) {
        let (id, key) = (self.intent(), self.key());
        let seen = self.call(&key, "GET", &format!("/v1/intents/{id}"), None).await;
        let own =
            self.agents.iter().find(|(_, of)| *of == key).map(|(name, _)| format!("agent://local/default/{name}"));
        if own.is_some_and(|own| seen["intent"]["to_agent"] == own) && seen["status"] == "DELIVERED" {
            // The acknowledgement follows the answer; the next call must not overtake it on one engine only.
            poll(async || (self.server.intent(&id).await["status"] != "DELIVERED").then_some(())).await;
        }
    }

    async fn list(&mut self) {
        let path = self.pick(&[
            "/v1/intents",
            "/v1/intents?limit=3",
            "/v1/intents?status=DELIVERED,WAITING",
            "/v1/intents?to_agent=ada&status=COMPLETED",
            "/v1/intents?to_agent=ada",
            "/v1/intents?to_agent=bob&status=DELIVERED&limit=2",
            "/v1/inbox?limit=4",
            "/v1/inbox?status=done",
            "/v1/deliveries",
            "/v1/intents?status=no",
            "/v1/me/tasks",
            "/v1/agents",
            "/v1/agents?limit=1&after=agent://local/default/ada",
            "/v1/service-accounts",
            "/v1/me",
        ]);
        let key = self.key();
        self.call(&key, "GET", path, None).await;
    }

    /// Changes settings, decides by id, and cancels many.
    async fn steer(&mut self) {
        let (id, key) = (self.intent(), self.key());
        let (path, body) = self.pick(&[
            (format!("/v1/intents/{id}/controls"), json!({ "controls_patch": { "timeout_seconds": 20 } })),
            (
                format!("/v1/intents/{id}/controls"),
                json!({ "controls_patch": { "remind_after_seconds": 5, "escalate_to": "bob" } }),
            ),
            (
                format!("/v1/intents/{id}/controls"),
                json!({ "controls_patch": { "nonsense": 1 }, "expected_policy_generation": 1 }),
            ),
            (format!("/v1/intents/{id}/policy"), json!({ "envelope_patch": { "execution_timeout_seconds": 9 } })),
            (
                format!("/v1/intents/{id}/policy"),
                json!({ "grants_patch": { "delegate:bob": { "allow": ["resume"] } } }),
            ),
            (format!("/v1/intents/{id}/policy"), json!({ "grants_patch": 5 })),
            (format!("/v1/approvals/{id}/decision"), json!({ "decision": "approve", "comment": "c" })),
            (format!("/v1/approvals/{id}/decision"), json!({ "decision": "reject" })),
            ("/v1/intents/bulk-cancel".to_owned(), json!({ "older_than_hours": 0, "dry_run": true, "limit": 3 })),
            ("/v1/intents/bulk-cancel".to_owned(), json!({ "status": "DELIVERED", "older_than_hours": 0, "limit": 1 })),
        ]);
        self.call(&key, "POST", &path, Some(body)).await;
    }

    async fn thread(&mut self) {
        let (id, key) = (self.intent(), self.key());
        let owner = self.pick(&["", "?owner_agent=ada", "?owner_agent=nobody", "?owner_agent=human"]);
        let read = self.pick(&["", "/changes", &format!("/{id}")].map(str::to_owned));
        let (act, body) = self.pick(&[
            ("reply", json!({ "message": "m" })),
            ("reply", json!({ "message": "" })),
            ("delegate", json!({ "delegate_to": "bob" })),
            ("approve", json!({ "comment": "c" })),
            ("reject", json!({})),
            ("read", json!({})),
            ("messages/delete", json!({ "mode": "both", "limit": 1 })),
            ("messages/delete", json!({ "mode": "self" })),
        ]);
        self.call(&key, "POST", &format!("/v1/inbox/{id}/{act}{owner}"), Some(body)).await;
        self.call(&key, "GET", &format!("/v1/inbox{read}{owner}"), None).await;
    }

    async fn webhook(&mut self) {
        let key = self.key();
        let hook = format!("https://example.com/{}", self.below(3));
        let types = self.pick(&[json!(["*"]), json!(["a.b"]), json!([])]);
        let event = json!({ "event_type": "a.b", "source": "test", "payload": { "n": self.below(9) } });
        let subscription = json!({
            "callback_url": hook, "event_types": types, "active": self.below(3) > 0, "secret": "0123456789abcdef",
        });
        self.call(&key, "POST", "/v1/webhooks/subscriptions", Some(subscription)).await;
        let published = self.call(&key, "POST", "/v1/webhooks/events", Some(event)).await;
        axme_server::workers::fanout::tick(&self.server.app).await.unwrap();
        let id = published["event_id"].as_str().unwrap_or("none").to_owned();
        self.call(&key, "POST", &format!("/v1/webhooks/events/{id}/replay"), Some(json!({}))).await;
        let listed = self.call(&key, "GET", "/v1/webhooks/subscriptions?include_inactive=true", None).await;
        let first = listed["subscriptions"][0]["subscription_id"].as_str().unwrap_or("none").to_owned();
        if self.below(3) == 0 {
            self.call(&key, "DELETE", &format!("/v1/webhooks/subscriptions/{first}"), None).await;
        }
    }

    async fn account(&mut self) {
        let name = self.pick(&["ada", "Carl C.", "stream", "é", "agent://local/default/dora", "x"]);
        let key = self.key();
        let made = self.call(&key, "POST", "/v1/service-accounts", Some(json!({ "name": name }))).await;
        if let Some(id) = made["service_account_id"].as_str() {
            let key = self.server.admin.clone();
            self.call(&key, "POST", &format!("/v1/service-accounts/{id}/keys"), Some(json!({}))).await;
        }
    }

    /// Makes calls of `OTHERS` in random order, on objects of earlier calls.
    async fn govern(mut self) -> Vec<String> {
        let others = self.server.workspace("acme", "prod").await;
        let (org, workspace) = (self.server.bootstrap.org_id.clone(), self.server.bootstrap.workspace_id.clone());
        self.seen.insert("home_org".to_owned(), vec![org]);
        self.seen.insert("home".to_owned(), vec![workspace]);
        for _ in 0..5 * CALLS {
            let key = match self.below(10) {
                0 => others.clone(),
                1 | 2 => self.pick(&self.agents).1,
                _ => self.server.admin.clone(),
            };
            let template = self.pick(&OTHERS);
            let mut words = template.splitn(3, ' ');
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            let path = self.fill(path);
            let body = words.next().map(|text| serde_json::from_str(&self.fill(text)).expect(template));
            let answer = self.call(&key, method, &path, body).await;
            self.learn(&answer, method);
            if let Some(url) = answer["upload_url"].as_str().filter(|_| self.below(4) > 0) {
                let path = url.strip_prefix(SITE).unwrap().to_owned();
                self.server.send_raw("", "PUT", &path, b"12345678"[..1 + self.below(8)].to_vec(), &[]).await;
            }
            if self.below(25) == 0 {
                let most = self.pick(&[60, 60, 3_600, 3_600, 86_400, 40 * 86_400]);
                self.server.advance(Duration::from_secs(self.below(most) as u64)).await;
                axme_server::workers::billing::tick(&self.server.app).await.unwrap();
                axme_server::workers::mesh::tick(&self.server.app).await.unwrap();
            }
        }
        self.told
    }

    /// Replaces each `<name>` by a value that answers have given for it, or by one of a few words.
    fn fill(&self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('<') {
            let (name, after) = after.split_once('>').expect("a closed placeholder");
            text.push_str(before);
            text.push_str(&match (name, self.seen.get(name)) {
                ("n", _) => self.below(5).to_string(),
                (_, Some(seen)) if self.below(12) > 0 => self.pick(&seen[seen.len().saturating_sub(5)..]),
                (_, _) => match WORDS.iter().find(|(known, _)| *known == name) {
                    Some((_, words)) => self.pick(&words.split(' ').collect::<Vec<_>>()).to_owned(),
                    None => "00000000-0000-0000-0000-000000000000".to_owned(),
                },
            });
            rest = after;
        }
        text + rest
    }

    /// Remembers the values of names. It takes accounts only from their creation, so that the
    /// players' accounts stay untouched.
    fn learn(&mut self, answer: &Value, method: &str) {
        let is_known = |name: &str| method == "POST" || !["service_account_id", "key_id"].contains(&name);
        match answer {
            Value::Array(all) => all.iter().for_each(|one| self.learn(one, method)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(text) = value.as_str().filter(|_| name.ends_with("_id") && is_known(name)) {
                        let known = self.seen.entry(name.clone()).or_default();
                        if !known.iter().any(|known| known == text) {
                            known.push(text.to_owned());
                        }
                    }
                    self.learn(value, method);
                }
            }
            _ => {}
        }
    }

    async fn listen(&mut self) {
        let (name, key) = self.pick(&self.agents);
        let since = self.pick(&[0, 1]);
        let path = format!("/v1/agents/{name}/intents/stream?since={since}&wait_seconds={}", 1 + self.below(3));
        let window = self.server.stream(&key, &path).await;
        self.tell(&format!("{path} -> {:?} {}", window.lasted, window.text));
    }

    /// Records a text, with a number for each random part.
    fn tell(&mut self, text: &str) {
        let is_drawn = |word: &str| word.len() >= 32;
        let mut kept = String::with_capacity(text.len());
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if matches!(c, '0'..='9' | 'a'..='f' | '-') {
                word.push(c);
                continue;
            }
            // The part of a key in its hint is random, too.
            if is_drawn(&word) || kept.ends_with("_...") {
                let next = self.named.len();
                let number = self.named.entry(std::mem::take(&mut word)).or_insert(next);
                kept.push_str(&format!("<{number}>"));
            }
            kept.push_str(&word);
            word.clear();
            kept.push(c);
        }
        self.told.push(kept);
    }
}
