//! Queues of jobs and the threads that run them. Jobs are type-erased here. In a queue, workspaces take turns. A panic
//! never ends its thread.

mod lanes;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axme_intent::Time;
use tokio::sync::oneshot;
use tracing::Span;
use uuid::Uuid;

use crate::error::{JobError, StoreError};
use crate::reply_key::ReplyKey;
use crate::shard::Shard;
use crate::tx::{Consequences, Environment, Tx};
use lanes::{Lanes, NotAdded};

/// Why a job's transaction was not committed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The job refused by itself; its answer says why.
    Refused,
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

/// A type-erased job, so that queues and engines are compiled once and not once per operation.
pub(crate) trait ErasedJob: Send {
    /// Runs the job. It may be called again; the last run is the valid one.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// A job with a place for its answer.
pub(crate) struct TypedJob<T, E, F> {
    pub job: F,
    pub answer: Option<Result<T, E>>,
}

impl<T, E, F> ErasedJob for TypedJob<T, E, F>
where
    T: Send + 'static,
    E: JobError,
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let answer = (self.job)(tx);
        let done = match &answer {
            Ok(_) => Ok(()),
            Err(error) if error.commits() => Ok(()),
            Err(error) => Err(error.store_error().cloned().map_or(Failure::Refused, Failure::Store)),
        };
        self.answer = Some(answer);
        done
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// How a job ended, together with the job itself. The caller drops the job, so that the writer's thread need not.
pub(crate) type Completion = (Result<(), Failure>, Box<dyn ErasedJob>);

/// The facts that a job states about itself before it runs.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// The shard of the family that the job writes.
    pub shard: Shard,
    /// The workspace whose turn the job takes; nil for the server's own work.
    pub workspace: Uuid,
    /// The idempotency key of the call. On PostgreSQL, the keys of a group are looked up together.
    pub key: Option<ReplyKey>,
    /// True if the job waits for a place while too many jobs of its workspace wait. A call is refused instead.
    pub waits: bool,
}

impl Announcement {
    /// Announces work in the turn of a workspace. It waits for a place in the queue.
    pub fn of(workspace: Uuid, shard: Shard) -> Announcement {
        Announcement { shard, workspace, key: None, waits: true }
    }
}

/// Announces the server's own work.
impl From<Shard> for Announcement {
    fn from(shard: Shard) -> Announcement {
        Announcement::of(Uuid::nil(), shard)
    }
}

/// A job in a queue.
pub(crate) struct QueuedJob {
    work: Box<dyn ErasedJob>,
    now: Time,
    announcement: Announcement,
    /// The span of the caller, so that log lines of the job carry the ids of its call.
    span: Span,
    /// After a refusal, only the loaded rules.
    consequences: Consequences,
    runs: u32,
    done: oneshot::Sender<Completion>,
}

impl QueuedJob {
    pub fn new(
        work: Box<dyn ErasedJob>,
        now: Time,
        announcement: Announcement,
    ) -> (QueuedJob, oneshot::Receiver<Completion>) {
        let (done, completion) = oneshot::channel();
        let span = tracing::debug_span!("job", shard = announcement.shard.number());
        let span = if span.is_disabled() { Span::current() } else { span };
        (QueuedJob { work, now, announcement, span, consequences: Consequences::default(), runs: 0, done }, completion)
    }

    pub fn key(&self) -> Option<&ReplyKey> {
        self.announcement.key.as_ref()
    }

    /// When the caller asked for the transaction.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Runs the job. A panic fails this job only.
    pub fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Failure> {
        let _entered = self.span.enter();
        // After an outage, jobs whose callers gave up are not run late.
        if self.done.is_closed() {
            return Err(StoreError::Unavailable("the caller has given up".to_owned()).into());
        }
        if self.runs > 0 {
            tx.repeat();
        }
        self.runs += 1;
        let done = catch_unwind(AssertUnwindSafe(|| self.work.run(tx))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(StoreError::Fault(format!("a job panicked: {text}")).into())
        });
        match &done {
            Ok(()) => self.consequences = tx.take_consequences(),
            // Without a commit, the versions are never compared. The job runs again and reads them.
            Err(Failure::Refused) if tx.has_unread_rules() => {
                return Err(StoreError::Conflict("the job refused under rules that may be stale".to_owned()).into());
            }
            Err(Failure::Refused) => {
                self.consequences = Consequences { rules: tx.take_loaded_rules(), ..Consequences::default() };
            }
            Err(Failure::Store(_)) => {}
        }
        done
    }

    /// The owners whose rules the last run has changed, if it succeeded.
    pub fn changed_rules(&self) -> &[Uuid] {
        self.consequences.rules.changed()
    }

    /// Reports the outcome to the caller. Called once, after the commit or when there will be none.
    pub fn finish(self, outcome: Result<(), Failure>, environment: &Environment) {
        if matches!(outcome, Ok(()) | Err(Failure::Refused)) {
            let Consequences { signals, rules, ended_steps } = self.consequences;
            rules.settle(&environment.rules);
            for (signal, wakes) in signals {
                environment.wakeups.signal(signal, wakes);
            }
            if let Some(listener) = environment.steps.get() {
                ended_steps.into_iter().for_each(listener);
            }
        } else {
            // A commit that failed may have reached the disk. Waiters then look again.
            if matches!(outcome, Err(Failure::Store(StoreError::Unknown(_)))) {
                let signals = self.consequences.signals.into_iter();
                signals.for_each(|(signal, wakes)| environment.wakeups.signal(signal, wakes));
            }
            for owner in self.consequences.rules.changed() {
                environment.rules.remove(*owner);
            }
        }
        // The caller may have given up; the job is done all the same.
        let _ = self.done.send((outcome, self.work));
    }
}

/// A connection that runs jobs. It must call `finish` on every job.
pub(crate) trait Engine: Send {
    fn work(&mut self, jobs: Vec<QueuedJob>);
}

impl Drop for Queue {
    fn drop(&mut self) {
        match self {
            Queue::Threads(lanes) => lanes.close(),
            #[cfg(feature = "simulation")]
            Queue::Simulated(_) => {}
        }
    }
}

pub(crate) enum Queue {
    Threads(Arc<Lanes>),
    /// Takes jobs for the simulation: writes wait for its decision, reads run at once.
    #[cfg(feature = "simulation")]
    Simulated(Box<dyn Fn(QueuedJob) -> Result<(), StoreError> + Send + Sync>),
}

impl Queue {
    /// Starts one thread per engine on one queue, with `places` waiting jobs for each workspace. Each thread takes up to
    /// `group` waiting jobs at a time.
    pub fn spawn(name: &str, engines: Vec<Box<dyn Engine>>, group: usize, places: usize) -> Queue {
        let lanes = Arc::new(Lanes::new(places));
        for mut engine in engines {
            let lanes = lanes.clone();
            let worker = move || {
                while let Some(jobs) = lanes.take(group) {
                    // Panics inside a job are caught there. A panic outside fails the group, not the thread.
                    if catch_unwind(AssertUnwindSafe(|| engine.work(jobs))).is_err() {
                        tracing::error!("a writer panicked: its current jobs failed, and the writer continues");
                    }
                }
            };
            let spawned = std::thread::Builder::new().name(format!("axme-{name}")).spawn(worker);
            spawned.expect("the system can start a thread");
        }
        Queue::Threads(lanes)
    }

    pub async fn send(&self, job: QueuedJob) -> Result<(), StoreError> {
        match self {
            Queue::Threads(lanes) => {
                let Announcement { workspace, waits, .. } = job.announcement;
                lanes.add(workspace, job, waits).await.map_err(|why| match why {
                    NotAdded::Full => StoreError::Overloaded,
                    NotAdded::Closed => StoreError::Unavailable("the store has stopped".to_owned()),
                })
            }
            #[cfg(feature = "simulation")]
            Queue::Simulated(take) => take(job),
        }
    }
}
