//! Jobs of PostgreSQL that share a transaction: what happens to them when one fails, or locks a row of a whole workspace.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use axme_core::error::Result;
use axme_core::state::AppState;
use axme_intent::Time;
use axme_store::organizations::{self, Organization};
use axme_store::{Shard, Tx, policy_versions};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::harness::{Engine, Server, postgres_only};

postgres_only! {
    jobs_before_one_that_spoils_their_group_commit_together_and_it_runs_alone,
    a_lock_of_a_whole_workspace_ends_a_group,
}

type Job = Box<dyn FnMut(&mut Tx<'_>) -> Result<()> + Send>;

fn slug(number: usize) -> String {
    format!("job-{number}")
}

/// Writes a row, and sends it to the database before it returns.
fn write(tx: &mut Tx<'_>, number: usize) -> Result<()> {
    let id = Uuid::from_u128(number as u128 + 100);
    organizations::insert(tx, &Organization::new(id, &slug(number), "test", Time::from_micros(0)))?;
    organizations::find_by_slug(tx, &slug(number))?;
    Ok(())
}

/// Returns a function that asks another connection whether the row of a job is committed.
fn sight(app: &Arc<AppState>) -> impl Fn(usize) -> bool + Clone + Send + 'static {
    let (app, runtime) = (app.clone(), tokio::runtime::Handle::current());
    move |number| {
        let (app, (done, is_done)) = (app.clone(), mpsc::channel());
        runtime.spawn(async move {
            let found = app.store.read(move |tx| organizations::find_by_slug(tx, &slug(number))).await;
            done.send(found.unwrap().is_some()).unwrap();
        });
        is_done.recv().unwrap()
    }
}

/// Runs jobs that all wait when their writer becomes free. Returns which succeeded.
async fn run_together(app: &Arc<AppState>, jobs: Vec<Job>) -> Vec<bool> {
    let (go, wait) = mpsc::channel::<()>();
    let (began, begun) = tokio::sync::oneshot::channel();
    let mut began = Some(began);
    let first = app.store.write(Shard::CONTROL, move |_| {
        began.take().map(|began| began.send(()));
        let _ = wait.recv();
        Ok::<_, axme_core::error::Error>(())
    });
    let rest = async {
        begun.await.unwrap();
        let queued = join_all(jobs.into_iter().map(|job| app.store.write(Shard::CONTROL, job)));
        let release = async {
            // Every job is queued once it was polled.
            tokio::task::yield_now().await;
            drop(go);
        };
        tokio::join!(queued, release).0
    };
    let (first, outcomes) = tokio::join!(first, rest);
    first.unwrap();
    outcomes.iter().map(std::result::Result::is_ok).collect()
}

async fn jobs_before_one_that_spoils_their_group_commit_together_and_it_runs_alone() {
    let server = Server::start(Engine::Postgres).await;
    let is_committed = sight(&server.app);
    let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..7).map(|_| AtomicUsize::new(0)).collect());
    let together = Arc::new(AtomicUsize::new(0));
    let job = |number: usize| -> Job {
        let (runs, together, is_committed) = (runs.clone(), together.clone(), is_committed.clone());
        Box::new(move |tx| {
            let run = runs[number].fetch_add(1, Ordering::Relaxed) + 1;
            write(tx, number)?;
            match (number, run) {
                (3, _) => return Err(axme_api::ApiError::invalid("on purpose").into()),
                // The second run of the group: the first of its jobs is not committed before the last has run.
                (2, 2) if !is_committed(0) => _ = together.fetch_add(1, Ordering::Relaxed),
                _ => {}
            }
            Ok(())
        })
    };
    let outcomes = run_together(&server.app, (0..7).map(job).collect()).await;
    assert_eq!(outcomes, [true, true, true, false, true, true, true]);
    let runs: Vec<usize> = runs.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    assert_eq!(runs, [2, 2, 2, 2, 1, 1, 1], "only those that shared its transaction run again");
    assert_eq!(together.load(Ordering::Relaxed), 1, "the jobs before it share a commit");
    for (number, is_there) in outcomes.into_iter().enumerate() {
        let found = server.app.store.read(move |tx| organizations::find_by_slug(tx, &slug(number))).await.unwrap();
        assert_eq!(found.is_some(), is_there, "job {number}");
    }
}

async fn a_lock_of_a_whole_workspace_ends_a_group() {
    let server = Server::start(Engine::Postgres).await;
    let workspace = server.bootstrap.workspace_id.parse().unwrap();
    let is_committed = sight(&server.app);
    let runs = Arc::new(AtomicUsize::new(0));
    let job = |number: usize| -> Job {
        let (runs, is_committed) = (runs.clone(), is_committed.clone());
        Box::new(move |tx| {
            runs.fetch_add(1, Ordering::Relaxed);
            write(tx, number)?;
            match number {
                // A change of rules locks the row that every admission of the workspace compares.
                1 => {
                    policy_versions::raise(tx, workspace)?;
                    assert!(!is_committed(0), "the jobs before it are in its group");
                }
                2 => assert!(is_committed(1), "a job after it is in another group"),
                _ => {}
            }
            Ok(())
        })
    };
    let outcomes = run_together(&server.app, (0..4).map(job).collect()).await;
    assert_eq!(outcomes, [true; 4]);
    assert_eq!(runs.load(Ordering::Relaxed), 4, "no job ran twice");
}
