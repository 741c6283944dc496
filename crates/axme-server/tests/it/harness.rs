//! A server in process, on each engine, with a clock that is moved by hand.

use std::cell::RefCell;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::coverage;
use axme_core::state::{AppState, Site};
use axme_core::system::{Mail, System};
use axme_intent::Time;
use axme_server::config::MailSettings;
use axme_server::deliver::guard::Guard;
use axme_server::deliver::mailer::Mailer;
use axme_server::deliver::outbound::Web;
use axme_server::files::Files;
use axme_server::folder::{Bootstrap, Folder};
use axme_server::http::{self, Gateway};
use axme_server::{first_start, workers};
use axme_store::Limits;
use axme_store::clock::ManualClock;
use axme_store::organizations::{self, Organization, Workspace};
use axme_store::wakeups::{SWEEP_BETWEEN_NODES, Wakeups};
use axme_store::{Clock, Rng, Shard};
use axme_store::{Store, StoreOptions, Tx, service_accounts};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use futures_util::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tower::ServiceExt;
use uuid::Uuid;

/// The environment variable that names the PostgreSQL server of the tests.
const POSTGRES: &str = "AXME_TEST_POSTGRES_URL";

/// Where links lead.
pub const SITE: &str = "https://axme.example";

/// How long a test waits, in real time, for something that must come.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Runs a test on every engine. Without PostgreSQL only on SQLite, unless this is CI.
pub fn on_both<F: Future<Output = ()>>(test: impl Fn(Engine) -> F) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(test(Engine::Sqlite));
    match std::env::var(POSTGRES) {
        Ok(_) => {
            runtime.block_on(test(Engine::Postgres));
            runtime.block_on(drop_schemas());
        }
        Err(_) if std::env::var("CI").is_ok() => panic!("{POSTGRES} is not set"),
        Err(_) => eprintln!("{POSTGRES} is not set: not run on PostgreSQL"),
    }
}

pub struct Server {
    engine: Engine,
    pub files: Files,
    pub app: Arc<AppState>,
    pub clock: Arc<ManualClock>,
    pub admin: String,
    pub bootstrap: Bootstrap,
    router: Router,
    stop: watch::Sender<bool>,
    folder: tempfile::TempDir,
}

/// What somebody has who has signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub key: String,
    pub token: String,
    /// The header.
    pub bearer: String,
    pub refresh: String,
}

impl Person {
    pub fn new(answer: &Value) -> Person {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let token = text("account_session_token");
        Person { key: text("api_key"), bearer: format!("Bearer {token}"), token, refresh: text("refresh_token") }
    }
}

/// The code of the mail that was sent.
pub fn code_of(mails: &[Mail]) -> String {
    assert_eq!(mails.len(), 1, "one mail");
    mails[0].subject.split(' ').next().expect("a code").to_owned()
}

/// An answer that was read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
    pub headers: HeaderMap,
}

impl Server {
    pub async fn start(engine: Engine) -> Server {
        Server::start_with(engine, Limits::default()).await
    }

    /// A server on which anybody may sign in.
    pub async fn start_open(engine: Engine) -> Server {
        Server::start_at(engine, Limits::default(), Site { sign_up: true, ..Site::default() }).await
    }

    pub async fn start_with(engine: Engine, limits: Limits) -> Server {
        Server::start_at(engine, limits, Site::default()).await
    }

    pub async fn start_at(engine: Engine, limits: Limits, site: Site) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let limits = Limits { durable: false, postgres_lanes: 2, ..limits };
        let limits = Arc::new(limits);
        let clock = ManualClock::at(Time::parse("2026-01-01T00:00:00Z").expect("a time"));
        let guard = Guard::new(&limits.outbound_allow).expect("networks");
        let mailer = Mailer::new(&MailSettings::default(), &folder.path().join("outbox")).expect("a mailer");
        let outbound = Arc::new(Web::new(guard, mailer, limits.push_seconds).expect("a client"));
        let system = System { clock: Arc::new(clock.clone()), rng: Rng::system(), outbound };
        let options = StoreOptions {
            limits: limits.clone(),
            clock: system.clock.clone(),
            rng: system.rng.clone(),
            wakeups: Wakeups::new(SWEEP_BETWEEN_NODES),
        };
        let store = match engine {
            Engine::Sqlite => Store::open_sqlite(&folder.path().join("axme.db"), &options),
            Engine::Postgres => Store::open_postgres(&fresh_schema().await, &options).await,
        };
        let (stop, stopping) = watch::channel(false);
        let site =
            Site { base_url: SITE.to_owned(), trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")], ..site };
        let app = AppState::new(store.expect("the store opens"), system, limits, site, stopping);
        let data = Folder::open(&folder.path().join("data")).expect("the data folder opens");
        first_start::run(&app, &data, "owner@local", "http://127.0.0.1:0").await.expect("the first start succeeds");
        let text = std::fs::read_to_string(data.path().join("bootstrap.json")).expect("bootstrap.json is there");
        let bootstrap: Bootstrap = serde_json::from_str(&text).expect("bootstrap.json is JSON");
        let files = Files::in_folder(folder.path().join("media"), false);
        let router = http::router(Gateway { app: app.clone(), files: Some(files.clone()) });
        Server { engine, files, app, clock, admin: bootstrap.api_key.clone(), bootstrap, router, stop, folder }
    }

    /// Moves the clock and works off the timers that are due then.
    pub async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        workers::timers::tick(&self.app).await.expect("timers are worked off");
    }

    /// Sends what people and chats are to be told; returns the mails of it.
    pub async fn mails(&self) -> Vec<Mail> {
        let mut sent = self.app.mails.subscribe();
        workers::notices::tick(&self.app).await.expect("notices are sent");
        std::iter::from_fn(|| sent.try_recv().ok()).collect()
    }

    /// Signs somebody in by the code of a mail; returns the credentials.
    pub async fn sign_in(&self, email: &str) -> Person {
        let asked = self.post("", "/v1/auth/login-intent", json!({ "email": email })).await;
        let code = code_of(&self.mails().await);
        let path = format!("/v1/auth/login-intent/{}/verify", asked["intent_id"].as_str().expect("an id"));
        Person::new(&self.post("", &path, json!({ "code": code })).await)
    }

    /// Calls as a person, without a key.
    pub async fn as_person(&self, person: &Person, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send_with("", method, path, body, &[("authorization", &person.bearer)]).await
    }

    /// Opens a page.
    pub async fn page(&self, url: &str) -> Answer {
        self.send_raw("", "GET", url.strip_prefix(SITE).unwrap_or(url), Vec::new(), &[]).await
    }

    /// Sends a form from a page.
    pub async fn fill(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let (path, token) = url.strip_prefix(SITE).unwrap_or(url).split_once("?token=").expect("a link");
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let fields = fields.iter().map(|(name, value)| format!("&{}={}", encode(name), encode(value)));
        let body = format!("token={token}{}", fields.collect::<String>());
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send_raw("", "POST", path, body.into_bytes(), &kind).await
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn stop(&self) {
        self.stop.send(true).expect("the server listens");
    }

    /// Where the server keeps its database on SQLite, and its other files on both engines.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn request(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().oneshot(request).await.expect("the router answers")
    }

    pub async fn send(&self, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send_with(key, method, path, body, &[]).await
    }

    pub async fn send_with(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let text = body.map(|body| body.to_string()).unwrap_or_default();
        self.send_raw(key, method, path, text.into_bytes(), headers).await
    }

    pub async fn send_raw(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        if !key.is_empty() {
            request = request.header("x-api-key", key);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.request(request.body(Body::from(body)).expect("a request")).await;
        let (parts, body) = response.into_parts();
        coverage::note(self.engine, method, path, parts.status.as_u16());
        // A stream that should have been refused would not end while the clock stands.
        let body = tokio::time::timeout(PATIENCE, body.collect()).await.expect("the answer ends");
        let bytes = body.expect("the body arrives").to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        Answer { status: parts.status, body, headers: parts.headers }
    }

    pub async fn get(&self, key: &str, path: &str) -> Value {
        self.send(key, "GET", path, None).await.ok()
    }

    pub async fn post(&self, key: &str, path: &str, body: Value) -> Value {
        self.send(key, "POST", path, Some(body)).await.ok()
    }

    /// Registers an agent; returns its key.
    pub async fn agent(&self, name: &str) -> String {
        let account = self.post(&self.admin, "/v1/service-accounts", json!({ "name": name })).await;
        let id = account["service_account_id"].as_str().expect("an id").to_owned();
        let key = self.post(&self.admin, &format!("/v1/service-accounts/{id}/keys"), json!({})).await;
        key["api_key"].as_str().expect("a key").to_owned()
    }

    /// Makes another workspace, and its organization if it is not there; returns the key of its admin.
    pub async fn workspace(&self, org: &str, slug: &str) -> String {
        let (org, slug) = (org.to_owned(), slug.to_owned());
        let token = format!("axme_sa_{org}-{slug}_secret");
        let hash = Sha256::digest(&token);
        let now = self.now();
        let [new_org, workspace] = [&org, &slug]
            .map(|text| Uuid::from_slice(&Sha256::digest(format!("{org}/{slug}/{text}"))[..16]).expect("16 bytes"));
        let make = move |tx: &mut Tx<'_>| -> axme_core::error::Result<_> {
            let org_id = match organizations::find_by_slug(tx, &org)? {
                Some(known) => known,
                None => {
                    organizations::insert(tx, &Organization::new(new_org, &org, &org, now))?;
                    new_org
                }
            };
            organizations::insert_workspace(tx, &Workspace::new(workspace, org_id, &slug, &slug, now))?;
            let owner = format!("owner@{org}.{slug}");
            let admin = service_accounts::ServiceAccount {
                service_account_id: format!("sa_{org}-{slug}"),
                display_name: None,
                ..service_accounts::ServiceAccount::of_owner(Uuid::nil(), org_id, workspace, &owner, now)
            };
            service_accounts::insert_service_account(tx, &admin)?;
            let key = service_accounts::NewKey {
                workspace,
                key_id: "sak_first",
                service_account_id: &admin.service_account_id,
                hash: &hash,
                hint: "",
                created_at: now,
                expires_at: None,
            };
            Ok(service_accounts::insert_key(tx, &key)?)
        };
        self.app.store.write(Shard::CONTROL, make).await.expect("a workspace can be made");
        token
    }

    /// Submits an intent; returns its id.
    pub async fn submit(&self, to: &str, payload: Value) -> String {
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": payload });
        id_of(&self.post(&self.admin, "/v1/intents", body).await)
    }

    /// The `intent` object of an intent.
    pub async fn intent(&self, id: &str) -> Value {
        self.get(&self.admin, &format!("/v1/intents/{id}")).await["intent"].clone()
    }

    /// All events of an intent.
    pub async fn events(&self, id: &str) -> Vec<Value> {
        self.get(&self.admin, &format!("/v1/intents/{id}/events")).await["events"].as_array().expect("events").clone()
    }

    /// The types of all events of an intent, without `intent.`.
    pub async fn event_types(&self, id: &str) -> Vec<String> {
        let short =
            |event: &Value| event["event_type"].as_str().expect("a type").trim_start_matches("intent.").to_owned();
        self.events(id).await.iter().map(short).collect()
    }

    /// Reads a stream to its end. Whenever it is held, the clock goes on to where the hold ends.
    pub async fn stream(&self, key: &str, path: &str) -> Window {
        self.open(key, path, &[]).await.rest(self).await
    }

    /// Opens a stream and reads nothing of it yet.
    pub async fn open(&self, key: &str, path: &str, headers: &[(&str, &str)]) -> Open {
        let mut request = Request::builder().uri(path).header("x-api-key", key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let began = self.now();
        let (parts, body) = self.request(request.body(Body::empty()).expect("a request")).await.into_parts();
        Open { status: parts.status, headers: parts.headers, began, body, text: String::new() }
    }

    /// Waits until somebody waits for the clock; returns for how long it would have to be moved.
    pub async fn held(&self) -> Duration {
        poll(async || self.clock.next_sleeper().filter(|until| *until > self.now()).map(|t| t.since(self.now()))).await
    }
}

/// A stream that is being read.
pub struct Open {
    pub status: StatusCode,
    pub headers: HeaderMap,
    began: Time,
    body: Body,
    text: String,
}

impl Open {
    /// The next frame or comment as it is sent, while the clock stands. `None` at the end.
    pub async fn next(&mut self) -> Option<String> {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("a frame, or the end of the stream");
        let bytes = frame?.expect("the stream is not broken").into_data().expect("data");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        self.text.push_str(&text);
        Some(text)
    }

    /// The next frame, which must come.
    pub async fn frame(&mut self) -> Frame {
        let text = self.next().await.expect("a frame");
        parse(&text).pop().unwrap_or_else(|| panic!("a frame, not {text}"))
    }

    /// Everything to the end. Whenever the stream is held, the clock goes on to where the hold ends.
    pub async fn rest(mut self, server: &Server) -> Window {
        loop {
            let held = async {
                server.clock.advance(server.held().await);
                // What the clock has set off comes before the next look at it.
                tokio::time::sleep(Duration::from_millis(1)).await;
            };
            tokio::select! {
                biased;
                frame = self.next() => if frame.is_none() { break },
                () = held => {}
            }
        }
        Window {
            status: self.status,
            frames: parse(&self.text),
            lasted: server.now().since(self.began),
            text: self.text,
        }
    }
}

/// A folder of the published contract, which lies beside the checkout where there is one. Nothing needs it but the tests
/// that compare with it.
pub fn contract(part: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contract").join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("{} is not there: nothing was compared with the published contract", folder.display());
    None
}

/// Asks again until there is an answer.
pub async fn poll<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("what is waited for comes")
}

/// What a window of a stream held.
#[derive(Debug)]
pub struct Window {
    pub status: StatusCode,
    pub frames: Vec<Frame>,
    pub text: String,
    /// By the server's clock.
    pub lasted: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub event: String,
    pub id: Option<u64>,
    pub data: Value,
}

impl Window {
    /// The frames without the closing one, which must be there.
    pub fn content(&self) -> &[Frame] {
        let (last, rest) = self.frames.split_last().expect("a window has a closing frame");
        assert_eq!(last.event, "stream.timeout", "{}", self.text);
        rest
    }

    pub fn next_seq(&self) -> u64 {
        self.frames.last().expect("a closing frame").data["next_seq"].as_u64().expect("a number")
    }

    pub fn intent_ids(&self) -> Vec<&str> {
        self.content().iter().map(|frame| frame.data["intent_id"].as_str().expect("an id")).collect()
    }
}

fn parse(text: &str) -> Vec<Frame> {
    text.split_terminator("\n\n")
        .filter(|block| !block.starts_with(':'))
        .map(|block| {
            let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            Frame {
                event: line("event: ").unwrap_or_default(),
                id: line("id: ").map(|id| id.parse().expect("a number")),
                data: serde_json::from_str(&line("data: ").expect("a data line")).expect("JSON"),
            }
        })
        .collect()
}

impl Answer {
    /// The body of a success.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        assert_eq!(self.body["ok"], true, "{}", self.body);
        self.body
    }

    /// Checks status, code and shape of an error; returns its text.
    pub fn refused(self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.body["ok"], false);
        assert_eq!(self.body["error"]["code"], code, "{}", self.body);
        assert!(self.body["error"]["details"].is_object(), "{}", self.body);
        let text = self.body["detail"].as_str().expect("detail is text").to_owned();
        assert_eq!(self.body["message"], text);
        assert_eq!(self.body["error"]["message"], text);
        text
    }
}

pub fn id_of(answer: &Value) -> String {
    answer["intent_id"].as_str().expect("an intent id").to_owned()
}

thread_local! {
    /// The schemas of the test that runs on this thread.
    static SCHEMAS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A schema of its own in the PostgreSQL server of the tests.
pub async fn fresh_schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let base = std::env::var(POSTGRES).expect("checked by on_both");
    let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    on_postgres(&format!("CREATE SCHEMA {name}")).await;
    let joint = if base.contains('?') { '&' } else { '?' };
    let url = format!("{base}{joint}options=-csearch_path%3D{name}");
    SCHEMAS.with_borrow_mut(|names| names.push(name));
    url
}

/// All tables of the test's last schema, as PostgreSQL copies them out.
pub async fn dump() -> Vec<u8> {
    let base = std::env::var(POSTGRES).expect("checked by on_both");
    let schema = SCHEMAS.with_borrow(|names| names.last().cloned()).expect("the server has a schema");
    let (client, connection) = tokio_postgres::connect(&base, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    let mut text = Vec::new();
    for table in ["api_keys", "audit_events", "invites", "media_links", "media_uploads", "replies", "service_accounts"]
    {
        let copied = client.copy_out(&format!("COPY {schema}.{table} TO STDOUT")).await.expect("a copy");
        let mut copied = std::pin::pin!(copied);
        while let Some(part) = copied.next().await {
            text.extend_from_slice(&part.expect("a part"));
        }
    }
    text
}

/// A server that is just ending may still be reading: PostgreSQL then ends one of the two, and a drop is tried again.
async fn drop_schemas() {
    for name in SCHEMAS.take() {
        let statement = format!("DROP SCHEMA {name} CASCADE");
        while let Err(error) = try_on_postgres(&statement).await {
            assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::T_R_DEADLOCK_DETECTED), "{error}");
        }
    }
}

async fn on_postgres(statement: &str) {
    try_on_postgres(statement).await.expect("the statement is carried out");
}

async fn try_on_postgres(statement: &str) -> Result<(), tokio_postgres::Error> {
    let base = std::env::var(POSTGRES).expect("checked by on_both");
    let (client, connection) = tokio_postgres::connect(&base, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
    let driver = tokio::spawn(connection);
    let outcome = client.batch_execute(statement).await;
    drop(client);
    driver.await.expect("the connection ends").expect("the connection ends well");
    outcome
}
