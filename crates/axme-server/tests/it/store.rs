//! The store itself: jobs that share a transaction, on both engines.

use std::sync::{Arc, Mutex};

use axme_core::error::{Error, Result};
use axme_intent::{Address, Time};
use axme_store::organizations::{self, Organization};
use axme_store::queue::{self, QueueItem};
use axme_store::{Announcement, Shard, Store, StoreError, Tx, person_accounts, policy_versions};
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine, fresh_schema, migration};

each_engine! {
    a_job_that_fails_or_panics_leaves_nothing_and_hurts_nobody,
    a_writer_outlives_a_panic_outside_its_jobs,
    a_kept_refusal_commits_what_it_wrote,
    an_error_of_the_database_shows_no_value,
    a_delayed_write_is_seen_by_the_next_read_of_the_same_job,
    a_change_of_rules_holds_for_every_later_job,
    a_reader_with_an_old_snapshot_does_not_bring_back_old_rules,
    a_read_job_sees_one_snapshot,
    rules_that_change_while_they_are_loaded_are_loaded_again,
    a_database_from_before_the_first_release_is_refused_with_what_to_do,
    a_flood_of_one_workspace_delays_another_by_one_job,
    jobs_of_one_group_keep_their_writes_in_order,
    calls_of_one_group_with_one_key_get_one_reply,
}

const NOW: Time = Time::from_micros(0);

/// Writes a row, then returns what `end` returns.
fn job(number: u128, end: fn() -> Result<()>) -> impl FnMut(&mut Tx<'_>) -> Result<()> + Send + 'static {
    move |tx| {
        organizations::insert(tx, &Organization::new(Uuid::from_u128(number), &slug(number), "test", NOW))?;
        end()
    }
}

fn slug(number: u128) -> String {
    format!("job-{number}")
}

fn panics() -> Result<()> {
    panic!("on purpose")
}

fn refuses() -> Result<()> {
    Err(axme_api::ApiError::invalid("on purpose").into())
}

async fn a_job_that_fails_or_panics_leaves_nothing_and_hurts_nobody(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    // All at once and on one shard, so that an engine that groups jobs groups them.
    let jobs = (0..90u128).map(|n| match n % 3 {
        0 => store.write(Shard::CONTROL, job(n, || Ok(()))),
        1 => store.write(Shard::CONTROL, job(n, refuses)),
        _ => store.write(Shard::CONTROL, job(n, panics)),
    });
    let outcomes = join_all(jobs).await;
    for (n, outcome) in (0..90u128).zip(&outcomes) {
        match n % 3 {
            0 => assert!(outcome.is_ok(), "job {n}: {outcome:?}"),
            1 => assert!(matches!(outcome, Err(Error::Api(_))), "job {n}: {outcome:?}"),
            _ => assert!(matches!(outcome, Err(Error::Store(_))), "job {n}: {outcome:?}"),
        }
        let found = store.read(move |tx| organizations::find_by_slug(tx, &slug(n))).await.unwrap();
        assert_eq!(found.is_some(), n % 3 == 0, "job {n}");
    }
}

/// Panics when a writer drops it.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if std::thread::current().name().is_some_and(|name| name.starts_with("axme-")) {
            panic!("on purpose");
        }
    }
}

async fn a_writer_outlives_a_panic_outside_its_jobs(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    let (began, begun) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let mut began = Some(began);
    let call = store.write(Shard::CONTROL, move |_| {
        began.take().map(|began| began.send(()));
        // The caller leaves while the job runs, so that the writer drops its answer.
        let _ = wait.recv();
        Ok::<_, Error>(Bomb)
    });
    tokio::select! {
        _ = call => panic!("it waits"),
        begun = begun => begun.unwrap(),
    }
    drop(go);
    let (first, second) =
        (store.write(Shard::CONTROL, job(1, || Ok(()))).await, store.write(Shard::CONTROL, job(2, || Ok(()))).await);
    assert!(first.is_ok() || matches!(first, Err(Error::Store(_))), "{first:?}");
    assert!(second.is_ok(), "{second:?}");
}

async fn a_kept_refusal_commits_what_it_wrote(engine: Engine) {
    let server = Server::start(engine).await;
    let kept =
        server.app.store.write(Shard::CONTROL, job(7, || Err(Error::kept(axme_api::ApiError::invalid("kept"))))).await;
    assert!(matches!(kept, Err(Error::Kept(_))), "{kept:?}");
    let found = server.app.store.read(|tx| organizations::find_by_slug(tx, &slug(7))).await.unwrap();
    assert!(found.is_some());
}

async fn an_error_of_the_database_shows_no_value(engine: Engine) {
    let server = Server::start(engine).await;
    let twice = |tx: &mut Tx<'_>| -> Result<()> {
        for slug in ["one", "two"] {
            organizations::insert(tx, &Organization::new(OWNER, slug, "test", NOW))?;
        }
        // PostgreSQL reports the duplicate at the next read.
        person_accounts::count(tx)?;
        Ok(())
    };
    let error = server.app.store.write(Shard::CONTROL, twice).await.unwrap_err();
    let Error::Store(StoreError::Conflict(why) | StoreError::Fault(why)) = &error else { panic!("{error:?}") };
    assert!(!why.contains(&OWNER.to_string()), "{why}");
}

async fn a_delayed_write_is_seen_by_the_next_read_of_the_same_job(engine: Engine) {
    let server = Server::start(engine).await;
    let accounts_of = |tx: &mut Tx<'_>| -> Result<_> {
        let before = person_accounts::count(tx)?;
        person_accounts::insert(tx, Uuid::from_u128(3), "new@example.com", NOW)?;
        Ok((before, person_accounts::count(tx)?))
    };
    let (before, after) = server.app.store.write(Shard::CONTROL, accounts_of).await.unwrap();
    assert_eq!(after, before + 1);
}

/// The table that refinery wrote for the first migration of versions that were never released.
const OLD_HISTORY: &str = "CREATE TABLE refinery_schema_history AS SELECT 1 AS version, 'core' AS name, \
                           '2025-11-01T00:00:00Z' AS applied_on, '1' AS checksum";

async fn a_database_from_before_the_first_release_is_refused_with_what_to_do(engine: Engine) {
    let folder = tempfile::tempdir().unwrap();
    let opened = match engine {
        Engine::Sqlite => {
            let file = folder.path().join("axme.db");
            rusqlite::Connection::open(&file).unwrap().execute_batch(OLD_HISTORY).unwrap();
            Store::open_sqlite(&file, &migration())
        }
        Engine::Postgres => {
            let url = fresh_schema().await;
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(OLD_HISTORY).await.unwrap();
            Store::open_postgres(&url, &migration()).await
        }
    };
    match opened {
        Err(StoreError::Unavailable(why)) => {
            assert!(why.contains("made by a version before 0.1.0"), "{why}");
            assert!(why.contains("start with an empty data folder or database"), "{why}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was opened"),
    }
}

/// Every job that reads twice relies on it: a stream that reads the events, then the head, would lose the last event.
async fn a_read_job_sees_one_snapshot(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    let (began, begun) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let mut began = Some(began);
    let reading = store.read(move |tx| {
        let before = organizations::find_by_slug(tx, &slug(4_000))?;
        if let Some(began) = began.take() {
            let _ = began.send(());
            let _ = wait.recv();
        }
        Ok::<_, Error>((before, organizations::find_by_slug(tx, &slug(4_000))?))
    });
    let writing = async {
        begun.await.unwrap();
        store.write(Shard::CONTROL, job(4_000, || Ok(()))).await.unwrap();
        go.send(()).unwrap();
    };
    let (read, ()) = tokio::join!(reading, writing);
    assert_eq!(read.unwrap(), (None, None), "the commit in between is not seen");
    let after = store.read(|tx| organizations::find_by_slug(tx, &slug(4_000))).await.unwrap();
    assert!(after.is_some(), "the next job sees it");
}

const OWNER: Uuid = Uuid::from_u128(7);

/// The rules of a test: the number of organizations that [`change`] has added.
fn count(tx: &mut Tx<'_>, _: Uuid) -> Result<i64, StoreError> {
    let mut found = 0;
    for number in (2_000..2_020).chain([3_000]) {
        found += i64::from(organizations::find_by_slug(tx, &slug(number))?.is_some());
    }
    Ok(found)
}

fn rules_of(tx: &mut Tx<'_>) -> Result<i64> {
    Ok(*tx.rules(OWNER, count)?)
}

/// Adds an organization, as a change of rules.
fn change(number: u128) -> impl FnMut(&mut Tx<'_>) -> Result<i64> + Send + 'static {
    move |tx| {
        organizations::insert(tx, &Organization::new(Uuid::from_u128(number), &slug(number), "test", NOW))?;
        policy_versions::raise(tx, OWNER)?;
        rules_of(tx)
    }
}

async fn a_change_of_rules_holds_for_every_later_job(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    let mut known = store.write(Shard::CONTROL, rules_of).await.unwrap();
    for round in 0..20u128 {
        assert_eq!(store.write(Shard::CONTROL, rules_of).await.unwrap(), known, "from the cache");
        // In one group on SQLite. A failing job in between makes the group run a second time.
        let (failing, changing) = (job(1_000 + round, refuses), change(2_000 + round));
        let (_, changed, next) = tokio::join!(
            store.write(Shard::CONTROL, failing),
            store.write(Shard::CONTROL, changing),
            store.write(Shard::CONTROL, rules_of),
        );
        assert_eq!(changed.unwrap(), known + 1, "the job that changes them sees the new rules");
        let next = next.unwrap();
        // On PostgreSQL the two jobs may run on different connections, in either order.
        assert!(next == known + 1 || engine == Engine::Postgres && next == known, "round {round}: {next}");
        known += 1;
        assert_eq!(store.write(Shard::CONTROL, rules_of).await.unwrap(), known, "round {round}");
    }
}

async fn a_reader_with_an_old_snapshot_does_not_bring_back_old_rules(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    let (began, begun) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let mut began = Some(began);
    let reading = store.read(move |tx| {
        // The first read takes the snapshot.
        let seen = count(tx, OWNER)?;
        if let Some(began) = began.take() {
            let _ = began.send(());
            let _ = wait.recv();
        }
        rules_of(tx)?;
        Ok::<i64, Error>(seen)
    });
    let writing = async {
        begun.await.unwrap();
        let changed = store.write(Shard::CONTROL, change(3_000)).await.unwrap();
        go.send(()).unwrap();
        changed
    };
    let (seen, changed) = tokio::join!(reading, writing);
    assert_eq!(seen.unwrap() + 1, changed);
    assert_eq!(store.write(Shard::CONTROL, rules_of).await.unwrap(), changed);
    assert_eq!(store.write(Shard::CONTROL, rules_of).await.unwrap(), changed, "from the cache");
}

/// Reports that [`half_of_both`] has read its first row, then waits.
type Halfway = (tokio::sync::oneshot::Sender<()>, std::sync::mpsc::Receiver<()>);

thread_local! {
    static HALFWAY: std::cell::RefCell<Option<Halfway>> = const { std::cell::RefCell::new(None) };
}

/// The rules of a test: two rows that one change adds together.
fn half_of_both(tx: &mut Tx<'_>, _: Uuid) -> Result<(bool, bool), StoreError> {
    let first = organizations::find_by_slug(tx, &slug(5_001))?.is_some();
    if let Some((began, wait)) = HALFWAY.take() {
        let _ = began.send(());
        let _ = wait.recv();
    }
    Ok((first, organizations::find_by_slug(tx, &slug(5_002))?.is_some()))
}

async fn rules_that_change_while_they_are_loaded_are_loaded_again(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    let (began, begun) = tokio::sync::oneshot::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let mut halfway = Some((began, wait));
    let load = move |tx: &mut Tx<'_>| -> Result<(bool, bool)> {
        if let Some(halfway) = halfway.take() {
            HALFWAY.set(Some(halfway));
        }
        Ok(*tx.rules(OWNER, half_of_both)?)
    };
    let both = |tx: &mut Tx<'_>| -> Result<()> {
        for number in [5_001, 5_002] {
            organizations::insert(tx, &Organization::new(Uuid::from_u128(number), &slug(number), "test", NOW))?;
        }
        Ok(policy_versions::raise(tx, OWNER)?)
    };
    let changing = async {
        begun.await.unwrap();
        store.write(Shard::of_workspace(Uuid::from_u128(1)), both).await.unwrap();
        go.send(()).unwrap();
    };
    // SQLite has one writer, so only a reader can load while another job changes the rules.
    let loading = async {
        match engine {
            Engine::Sqlite => store.read(load).await,
            Engine::Postgres => store.write(Shard::CONTROL, load).await,
        }
    };
    let ((first, second), ()) = {
        let (loaded, changed) = tokio::join!(loading, changing);
        (loaded.unwrap(), changed)
    };
    assert_eq!(first, second, "not half of a change");
}

/// A job that reports when it runs.
fn reporting(name: &'static str, order: &Order) -> impl FnMut(&mut Tx<'_>) -> Result<()> + Send + 'static {
    let order = order.clone();
    move |_| {
        order.lock().unwrap().push(name);
        Ok(())
    }
}

type Order = Arc<Mutex<Vec<&'static str>>>;

/// Keeps the writer of [`Shard::CONTROL`] busy until the sender is used.
pub async fn hold(store: &Store) -> (std::sync::mpsc::Sender<()>, impl Future<Output = Result<()>>) {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begins, mut began) = tokio::sync::mpsc::unbounded_channel();
    let mut work = Box::pin(store.write(Shard::CONTROL, move |_: &mut Tx<'_>| -> Result<()> {
        let _ = begins.send(());
        let _ = held.recv();
        Ok(())
    }));
    // The job is submitted when it is polled for the first time.
    tokio::select! {
        _ = began.recv() => {}
        _ = &mut work => panic!("the job ended early"),
    }
    (release, work)
}

async fn a_flood_of_one_workspace_delays_another_by_one_job(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    let order = Order::default();
    let of = |workspace| Announcement::of(Uuid::from_u128(workspace), Shard::CONTROL);
    let (release, held) = hold(store).await;
    let flood = (0..10_000).map(|_| store.write_announced(of(1), reporting("flood", &order)));
    let modest = async {
        // Behind the whole flood.
        tokio::task::yield_now().await;
        let modest = store.write_announced(of(2), reporting("modest", &order));
        let release = async move {
            tokio::task::yield_now().await;
            release.send(()).map_err(|_| "the writer has ended")
        };
        futures_util::future::join(modest, release).await
    };
    let (flood, (modest, released), held) = futures_util::future::join3(join_all(flood), modest, held).await;
    assert!(flood.iter().all(Result::is_ok) && modest.is_ok() && held.is_ok() && released.is_ok());
    let ahead = order.lock().unwrap().iter().take_while(|name| **name == "flood").count();
    assert!(ahead <= 1, "{ahead} jobs of the flood ran first");
}

/// Inserts of one kind are united on PostgreSQL; a row must not overtake what changes it.
async fn jobs_of_one_group_keep_their_writes_in_order(engine: Engine) {
    let server = Server::start(engine).await;
    let store = &server.app.store;
    let workspace = Uuid::from_u128(7);
    let to = Address::from_canonical("agent://a/b/c".to_owned());
    let (release, held) = hold(store).await;
    let jobs = (0..60u128).map(|n| {
        let to = to.clone();
        store.write(Shard::CONTROL, move |tx: &mut Tx<'_>| -> Result<()> {
            let item = QueueItem::notice(Uuid::from_u128(n / 3));
            match n % 3 {
                0 => queue::insert(tx, workspace, &to, item, NOW)?,
                1 => queue::delete(tx, workspace, &to, item)?,
                // Every other item comes back.
                _ if n % 2 == 0 => queue::insert(tx, workspace, &to, item, NOW)?,
                _ => {}
            }
            Ok(())
        })
    });
    let release = async move {
        tokio::task::yield_now().await;
        release.send(()).map_err(|_| "the writer has ended")
    };
    let (jobs, released, held) = futures_util::future::join3(join_all(jobs), release, held).await;
    assert!(jobs.iter().all(Result::is_ok) && held.is_ok() && released.is_ok(), "{jobs:?}");
    let due = store.read(move |tx| queue::list_due(tx, workspace, &to, Time::from_micros(1), None, 100)).await.unwrap();
    let mut found: Vec<u128> = due.iter().map(|candidate| candidate.item.id.as_u128()).collect();
    found.sort_unstable();
    assert_eq!(found, (0..20).filter(|n| n % 2 == 0).collect::<Vec<u128>>());
}

async fn calls_of_one_group_with_one_key_get_one_reply(engine: Engine) {
    let server = Server::start(engine).await;
    let worker = server.agent("worker").await;
    let (release, held) = hold(&server.app.store).await;
    let body = json!({ "intent_type": "intent.t.v1", "to_agent": "agent://worker", "payload": { "n": 1 } });
    let other = json!({ "intent_type": "intent.t.v1", "to_agent": "agent://worker", "payload": { "n": 2 } });
    let calls = (0..30).map(|n| {
        // Each key has four equal calls and one that differs.
        let body = if n % 5 == 4 { &other } else { &body };
        let key = format!("key-{}", n / 5);
        let (server, worker, body) = (&server, &worker, body.clone());
        async move { server.send_with(worker, "POST", "/v1/intents", Some(body), &[("idempotency-key", &key)]).await }
    });
    let release = async move {
        tokio::task::yield_now().await;
        release.send(()).map_err(|_| "the writer has ended")
    };
    let (answers, released, held) = futures_util::future::join3(join_all(calls), release, held).await;
    assert!(held.is_ok() && released.is_ok());
    for (n, same) in answers.chunks(5).enumerate() {
        let ids: Vec<&str> = same.iter().filter_map(|answer| answer.body["intent_id"].as_str()).collect();
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), 1, "key {n} made {} intents", distinct.len());
        let refused = same.iter().filter(|answer| answer.status == 409).count();
        assert_eq!(ids.len() + refused, 5, "key {n}: every call is answered");
        assert!(refused == 1 || refused == 4, "key {n}: {refused} calls were refused");
    }
}
