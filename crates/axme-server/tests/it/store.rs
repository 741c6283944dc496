//! The store itself: jobs that share a transaction, on both engines.

use axme_core::error::{Error, Result};
use axme_intent::Time;
use axme_store::{Shard, Tx, accounts};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::harness::{Engine, Server, each_engine};

each_engine! {
    a_job_that_fails_or_panics_leaves_nothing_and_hurts_nobody,
    a_writer_outlives_a_panic_outside_its_jobs,
    a_kept_refusal_commits_what_it_wrote,
    a_delayed_write_is_seen_by_the_next_read_of_the_same_job,
}

const NOW: Time = Time::from_micros(0);

/// Writes a row and then does what `end` says.
fn job(number: u128, end: fn() -> Result<()>) -> impl FnMut(&mut Tx<'_>) -> Result<()> + Send + 'static {
    move |tx| {
        accounts::insert_organization(tx, Uuid::from_u128(number), &slug(number), "test", NOW)?;
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
    // All at once and on one shard, so that they are grouped where the engine groups.
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
        let found = store.read(move |tx| accounts::find_organization(tx, &slug(n))).await.unwrap();
        assert_eq!(found.is_some(), n % 3 == 0, "job {n}");
    }
}

/// Panics when it is thrown away by a writer.
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
        // The caller goes while the job runs; then nobody takes its answer.
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
    let found = server.app.store.read(|tx| accounts::find_organization(tx, &slug(7))).await.unwrap();
    assert!(found.is_some());
}

async fn a_delayed_write_is_seen_by_the_next_read_of_the_same_job(engine: Engine) {
    let server = Server::start(engine).await;
    let (org, workspace) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let accounts_of = move |tx: &mut Tx<'_>| -> axme_core::error::Result<_> {
        let before = accounts::count_accounts(tx)?;
        accounts::insert_member(tx, Uuid::from_u128(3), "new@example.com", org, workspace, "member", NOW)?;
        Ok((before, accounts::count_accounts(tx)?))
    };
    let (before, after) = server.app.store.write(Shard::CONTROL, accounts_of).await.unwrap();
    assert_eq!(after, before + 1);
}
