//! A server in process, on either engine, with a clock that tests move.

pub mod browser;
mod databases;
mod engines;
mod log_lines;
mod proxy;
mod streams;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::{coverage, examples};
use axme_core::state::{AppState, Site};
use axme_core::system::{Mail, System};
use axme_intent::Time;
use axme_server::config::{Config, MailSettings, Setting};
use axme_server::deliver::guard::Guard;
use axme_server::deliver::mailer::Mailer;
use axme_server::deliver::outbound::Web;
use axme_server::files::Files;
use axme_server::folder::{Bootstrap, Folder};
use axme_server::http::{self, Front, Gateway};
use axme_server::machine::Machine;
use axme_server::{first_start, workers};
use axme_store::clock::ManualClock;
use axme_store::organizations::{self, Organization, Workspace};
use axme_store::wakeups::{SWEEP_BETWEEN_NODES, Wakeups};
use axme_store::{Clock, Limits, Rng, Shard, Store, StoreOptions, Tx, service_accounts};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tower::ServiceExt;
use uuid::Uuid;

pub use databases::{
    Tamper, add_migration_of_the_future, dump_postgres, forget_whom_a_task_asks, fresh_schema, lock_migrations,
    migration, planned_rows, remove_migration_of_the_future, swap_state, tamper_with_audit, with_database,
};
pub use engines::{Engine, run};
pub(crate) use engines::{each_engine, postgres_only};
pub use log_lines::LogWatch;
pub use proxy::{Mode, Proxy};
pub use streams::{OpenStream, Window};

/// The public URL of the servers under test; links in mails and pages begin with it.
pub const SITE: &str = "https://axme.example";

/// How long a test waits for an event that must come, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an outbound request waits for its permits, in real time: two tests wait for its end.
const OUTBOUND_PATIENCE: Duration = Duration::from_millis(500);

pub struct Server {
    engine: Engine,
    pub files: Files,
    pub app: Arc<AppState>,
    pub clock: Arc<ManualClock>,
    pub admin: String,
    pub bootstrap: Bootstrap,
    front: Front,
    stop: watch::Sender<bool>,
    folder: tempfile::TempDir,
    /// Fails the test if a log line shows a secret.
    pub log: LogWatch,
}

/// The credentials of a person who has signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub key: String,
    pub token: String,
    /// The value of the `authorization` header.
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

/// Returns the code of the mail that was sent.
pub fn code_of(mails: &[Mail]) -> String {
    assert_eq!(mails.len(), 1, "one mail");
    mails[0].subject.split(' ').next().expect("a code").to_owned()
}

/// An answer with its whole body.
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

    /// A server with open sign-up.
    pub async fn start_open(engine: Engine) -> Server {
        Server::start_at(engine, Limits::default(), Site { sign_up: true, ..Site::default() }).await
    }

    pub async fn start_with(engine: Engine, limits: Limits) -> Server {
        Server::start_at(engine, limits, Site::default()).await
    }

    /// A server that draws the same ids and secrets for the same seed.
    pub async fn start_seeded(engine: Engine, seed: u64) -> Server {
        Server::start_drawing(engine, Limits::default(), Site::default(), Rng::seeded(seed)).await
    }

    pub async fn start_at(engine: Engine, limits: Limits, site: Site) -> Server {
        Server::start_drawing(engine, limits, site, Rng::system()).await
    }

    async fn start_drawing(engine: Engine, limits: Limits, site: Site, rng: Rng) -> Server {
        let clock = ManualClock::at(Time::parse("2026-01-01T00:00:00Z").expect("a time"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (system, options) = Server::options(folder.path(), &clock, limits, rng);
        let store = match engine {
            Engine::Sqlite => databases::open_sqlite(folder.path(), &options),
            Engine::Postgres => databases::open_postgres(&options).await,
        };
        Server::start_on((engine, store), (system, options), (clock, folder), (site, None)).await
    }

    /// Starts another node on the database of this server on PostgreSQL, with the same clock.
    pub async fn another_node(&self) -> Server {
        self.another_node_at(self.clock.clone()).await
    }

    /// Starts another node on the database of this server on PostgreSQL, with a clock of its own.
    pub async fn another_node_at(&self, clock: Arc<ManualClock>) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (system, options) = Server::options(folder.path(), &clock, Limits::default(), Rng::system());
        let store = databases::reopen_postgres(&options).await;
        let place = (clock, folder);
        Server::start_on((self.engine, store), (system, options), place, (Site::default(), Some(&self.bootstrap))).await
    }

    fn options(folder: &Path, clock: &Arc<ManualClock>, limits: Limits, rng: Rng) -> (System, StoreOptions) {
        let limits = Arc::new(databases::limits_of_tests(limits));
        let guard = Guard::new(&limits.outbound_allow).expect("networks");
        let mailer = Mailer::new(&MailSettings::default(), &folder.join("outbox")).expect("a mailer");
        let outbound = Arc::new(Web::new(guard, mailer, limits.push_seconds, OUTBOUND_PATIENCE).expect("a client"));
        let system = System { clock: Arc::new(clock.clone()), rng, outbound };
        let options = StoreOptions {
            limits,
            clock: system.clock.clone(),
            rng: system.rng.clone(),
            wakeups: Wakeups::new(SWEEP_BETWEEN_NODES),
        };
        (system, options)
    }

    async fn start_on(
        (engine, store): (Engine, Store),
        (system, options): (System, StoreOptions),
        (clock, folder): (Arc<ManualClock>, tempfile::TempDir),
        (site, known): (Site, Option<&Bootstrap>),
    ) -> Server {
        let log = LogWatch::start();
        let (stop, stopping) = watch::channel(false);
        let base_url = if site.base_url.is_empty() { SITE.to_owned() } else { site.base_url.clone() };
        let site = Site { base_url, trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")], ..site };
        let app = AppState::new(store, system, options.limits, site, stopping);
        if engine == Engine::Postgres {
            databases::note_server(&app);
        }
        let data = Folder::open(&folder.path().join("data")).expect("the data folder opens");
        first_start::run(&app, &data, "owner@local", "http://127.0.0.1:0").await.expect("the first start succeeds");
        let first_start = || {
            let text = std::fs::read_to_string(data.path().join("bootstrap.json")).expect("bootstrap.json exists");
            serde_json::from_str(&text).expect("bootstrap.json is JSON")
        };
        let bootstrap: Bootstrap = known.cloned().unwrap_or_else(first_start);
        let files = Files::in_folder(folder.path().join("media"), false);
        let machine = Arc::new(Machine::new(Config {
            data: folder.path().to_owned(),
            in_force: vec![Setting {
                name: "database_url".to_owned(),
                value: "postgres://app:…@db/axme".to_owned(),
                source: "the environment variable AXME_DATABASE_URL".to_owned(),
            }],
            ..Config::default()
        }));
        let front =
            http::front(Gateway { app: app.clone(), files: Some(files.clone()), scrapes: Arc::default(), machine });
        log.note_text(&bootstrap.api_key);
        Server { engine, files, app, clock, admin: bootstrap.api_key.clone(), bootstrap, front, stop, folder, log }
    }

    /// Moves the clock and runs the timers that are due then.
    pub async fn advance(&self, time: Duration) {
        self.clock.advance(time);
        workers::timers::tick(&self.app).await.expect("timers are fired");
    }

    /// Sends the notices that are due; returns the mails among them that ask or tell something. Mail about memberships
    /// and about questions that need no answer has tests of its own: see [`Server::all_mails`].
    pub async fn mails(&self) -> Vec<Mail> {
        let is_by_the_way = |mail: &Mail| {
            mail.subject.contains("] No longer needed: ") || mail.subject.contains("] You are a member of ")
        };
        self.all_mails().await.into_iter().filter(|mail| !is_by_the_way(mail)).collect()
    }

    /// Sends the notices that are due; returns every mail among them.
    pub async fn all_mails(&self) -> Vec<Mail> {
        let mut sent = self.app.mails.subscribe();
        workers::notices::tick(&self.app).await.expect("notices are sent");
        let mails: Vec<Mail> = std::iter::from_fn(|| sent.try_recv().ok()).collect();
        mails.iter().for_each(|mail| self.log.note_mail(mail));
        mails
    }

    /// Signs a person in with the code of a mail; returns the credentials.
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

    /// Submits the form of a page, and follows where the answer leads, as a browser does.
    pub async fn submit_form(&self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let (path, token) = url.strip_prefix(SITE).unwrap_or(url).split_once("?token=").expect("a link");
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let fields = fields.iter().map(|(name, value)| format!("&{}={}", encode(name), encode(value)));
        let body = format!("token={token}{}", fields.collect::<String>());
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        let answer = self.send_raw("", "POST", path, body.into_bytes(), &kind).await;
        if answer.status != StatusCode::SEE_OTHER {
            return answer;
        }
        let to = answer.headers["location"].to_str().expect("an address");
        self.page(&format!("{path}{to}")).await
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn stop(&self) {
        self.stop.send(true).expect("the server listens");
    }

    /// Returns the folder with the SQLite database and, on both engines, all other files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn request(&self, request: Request<Body>) -> Response<Body> {
        self.front.clone().oneshot(request).await.expect("the server answers")
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
        let sent = Bytes::from(body);
        self.log.note_json(&sent);
        let response = self.request(request.body(Body::from(sent.clone())).expect("a request")).await;
        let (parts, body) = response.into_parts();
        let operation = coverage::note(self.engine, method, path, parts.status.as_u16());
        // A stream that should have been refused would not end while the clock stands still.
        let body = tokio::time::timeout(PATIENCE, body.collect()).await.expect("the answer ends");
        let bytes = body.expect("the body arrives").to_bytes();
        self.log.note_json(&bytes);
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
        coverage::check_route(method, path, parts.status.as_u16(), &body);
        if let (Some(info), StatusCode::OK) = (operation, parts.status) {
            examples::note(info, &examples::Call { path_and_query: path, body: &sent, answer: &body });
        }
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

    /// Creates another workspace, and its organization if missing; returns the key of its admin.
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
                ..service_accounts::ServiceAccount::of_owner(workspace, org_id, workspace, &owner, now)
            };
            service_accounts::insert_service_account(tx, &admin)?;
            let key = service_accounts::NewKey {
                workspace,
                key_id: "sak_first",
                service_account_id: &admin.service_account_id,
                hash: &hash,
                hint: "",
                created_by: &owner,
                created_at: now,
                expires_at: None,
            };
            Ok(service_accounts::insert_key(tx, &key)?)
        };
        self.app.store.write(Shard::CONTROL, make).await.expect("a workspace can be created");
        token
    }

    /// Submits an intent; returns its id.
    pub async fn submit(&self, to: &str, payload: Value) -> String {
        let body = json!({ "intent_type": "intent.ask.v1", "to_agent": to, "payload": payload });
        id_of(&self.post(&self.admin, "/v1/intents", body).await)
    }

    /// Returns the `intent` object of an intent.
    pub async fn intent(&self, id: &str) -> Value {
        self.get(&self.admin, &format!("/v1/intents/{id}")).await["intent"].clone()
    }

    /// Returns all events of an intent.
    pub async fn events(&self, id: &str) -> Vec<Value> {
        self.get(&self.admin, &format!("/v1/intents/{id}/events")).await["events"].as_array().expect("events").clone()
    }

    /// Returns the types of all events of an intent, without `intent.`.
    pub async fn event_types(&self, id: &str) -> Vec<String> {
        let short =
            |event: &Value| event["event_type"].as_str().expect("a type").trim_start_matches("intent.").to_owned();
        self.events(id).await.iter().map(short).collect()
    }

    /// Reads a stream to its end. Whenever it is held, the clock moves to the end of the hold.
    pub async fn stream(&self, key: &str, path: &str) -> Window {
        self.open(key, path, &[]).await.read_to_end(self).await
    }

    /// Opens a stream without reading it.
    pub async fn open(&self, key: &str, path: &str, headers: &[(&str, &str)]) -> OpenStream {
        let mut request = Request::builder().uri(path).header("x-api-key", key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let began = self.now();
        let response = self.request(request.body(Body::empty()).expect("a request")).await;
        OpenStream::new(response, began)
    }

    /// Waits until a stream is held; returns the time until the first hold ends.
    pub async fn until_held(&self) -> Duration {
        poll(async || self.clock.next_sleeper().filter(|until| *until > self.now()).map(|t| t.since(self.now()))).await
    }

    /// Waits until `count` streams are held.
    pub async fn until_streams_held(&self, count: usize) {
        poll(async || (self.clock.sleepers() == count).then_some(())).await;
    }
}

/// Returns a folder of the published contract, if it is beside the checkout. Without it, tests that compare with it are
/// skipped, except in CI, where they fail.
pub fn published_contract(part: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/contract").join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    let missing = format!("the published contract is not at {}", folder.display());
    assert!(!engines::is_ci(), "{missing}");
    eprintln!("{missing}: skipped");
    None
}

/// Repeats a question until it has an answer.
pub async fn poll<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the expected event comes in time")
}

impl Answer {
    /// Returns the body of a success.
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
