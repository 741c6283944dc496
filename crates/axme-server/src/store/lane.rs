//! A lane: a queue of jobs and the threads that work it off.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::Tx;
use crate::error::{Error, Result, StoreError};

/// A piece of work for a transaction.
pub(crate) trait Job: Send {
    /// May be called again: the last run counts.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;
    /// Called once, after the commit or when there will be none.
    fn finish(self: Box<Self>, outcome: Result<()>);
}

/// A connection that can work jobs off. It must call `finish` on every job.
pub(crate) trait Engine: Send {
    fn work(&mut self, jobs: Vec<Box<dyn Job>>);
}

pub(crate) enum Lane {
    Threads(mpsc::Sender<Box<dyn Job>>),
    /// Jobs wait until the simulation says what becomes of them, or run as they come.
    Simulated(Box<dyn Fn(Box<dyn Job>) -> Result<()> + Send + Sync>),
}

impl Lane {
    /// Starts one thread per engine, all on one queue. Each takes what is waiting, up to `group` jobs, at a time.
    pub fn spawn(name: &str, engines: Vec<Box<dyn Engine>>, group: usize, queue: usize) -> Lane {
        let (sender, receiver) = mpsc::channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for mut engine in engines {
            let receiver = receiver.clone();
            let worker = move || {
                while let Some(jobs) = take(&receiver, group) {
                    // Jobs are guarded one by one; what panics around them costs its group and not the lane.
                    if catch_unwind(AssertUnwindSafe(|| engine.work(jobs))).is_err() {
                        tracing::error!("a lane panicked; its calls were refused and it goes on");
                    }
                }
            };
            let spawned = std::thread::Builder::new().name(format!("axme-{name}")).spawn(worker);
            spawned.expect("the system can start a thread");
        }
        Lane::Threads(sender)
    }

    pub async fn send(&self, job: Box<dyn Job>) -> Result<()> {
        match self {
            Lane::Threads(queue) => {
                queue.send(job).await.map_err(|_| StoreError::Unavailable("the store has stopped".to_owned()).into())
            }
            Lane::Simulated(take) => take(job),
        }
    }
}

/// Waits for a job, then takes what else is there. `None` when the store is gone.
fn take(receiver: &Mutex<mpsc::Receiver<Box<dyn Job>>>, group: usize) -> Option<Vec<Box<dyn Job>>> {
    let mut receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    let mut jobs = vec![receiver.blocking_recv()?];
    while jobs.len() < group {
        match receiver.try_recv() {
            Ok(job) => jobs.push(job),
            Err(_) => break,
        }
    }
    Some(jobs)
}

/// Runs a job; a panic in it is its own failure and nobody else's.
pub(crate) fn run_guarded(job: &mut dyn Job, tx: &mut Tx<'_>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(|| job.run(tx))).unwrap_or_else(|panic| {
        let what =
            panic.downcast_ref::<&str>().map(|s| (*s).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Error::Store(StoreError::Fault(format!("a job panicked: {}", what.unwrap_or_default()))))
    })
}
