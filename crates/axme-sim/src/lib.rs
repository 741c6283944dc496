//! A seeded world in which the server runs, and everything around it misbehaves: replies are lost, requests come twice,
//! agents die with work in their hands, nodes die before and after a commit, disks are full, clocks jump.
//!
//! After each step the invariants are checked on the store itself ([`invariants`]) and against what clients were promised
//! ([`promises`]); at the end all faults stop, and everything must come to an end. The same seed makes the same history.

#![expect(clippy::result_large_err, reason = "jobs return the server's own error")]

mod actors;
mod ending;
mod invariants;
mod marks;
mod outside;
mod promises;
mod stage;

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use invariants::Watch;
use promises::Promises;
use stage::{Answer, Call, Stage};

/// Steps that a failure shows.
const SHOWN_STEPS: usize = 30;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub steps: usize,
    pub mutation: Option<Mutation>,
}

/// Something is broken on purpose, to see that the simulation notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Timers are never looked at.
    StoppedTimers,
    /// Some commits are answered and never happen.
    LyingCommits,
    /// A node that is started again has forgotten that somebody is subscribed.
    ForgottenSubscribers,
    /// Mail is said to be sent and never is.
    LostMail,
    /// A link answers whatever the intent asks by then, however often.
    LinksForAnything,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Of everything that happened, in order.
    pub fingerprint: u64,
    pub intents: usize,
    pub events: usize,
    pub crashes: usize,
    /// Posts that arrived outside.
    pub arrivals: usize,
    /// Links that people answered by.
    pub links_used: usize,
}

impl Report {
    /// What two runs did together. Fingerprints are of single runs.
    pub fn plus(self, other: Report) -> Report {
        Report {
            fingerprint: 0,
            intents: self.intents + other.intents,
            events: self.events + other.events,
            crashes: self.crashes + other.crashes,
            arrivals: self.arrivals + other.arrivals,
            links_used: self.links_used + other.links_used,
        }
    }
}

#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub step: usize,
    pub steps: usize,
    pub why: String,
    pub last: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} failed at step {}: {}", self.seed, self.step, self.why)?;
        for line in &self.last {
            writeln!(f, "  {line}")?;
        }
        write!(f, "again: cargo xtask sim --seed {} --seeds 1 --steps {}", self.seed, self.steps)
    }
}

/// A complaint: what was seen that must not be.
pub(crate) type Checked = Result<(), String>;

/// Everything a run consists of.
pub(crate) struct Sim {
    pub stage: Stage,
    pub promises: Promises,
    pub watch: Watch,
    pub cast: actors::Cast,
    pub mutation: Option<Mutation>,
    log: Log,
}

#[derive(Default)]
struct Log {
    step: usize,
    hasher: DefaultHasher,
    last: VecDeque<String>,
}

impl Sim {
    /// Notes what happened.
    pub fn note(&mut self, what: &str) {
        let line = format!("{:>4} {} {what}", self.log.step, self.stage.now());
        line.hash(&mut self.log.hasher);
        self.log.last.push_back(line);
        if self.log.last.len() > SHOWN_STEPS {
            self.log.last.pop_front();
        }
    }

    /// Sends calls together and notes them. A server that answers 500 is broken.
    pub fn send(&mut self, calls: &[Call]) -> Result<Vec<Answer>, String> {
        let answers = self.stage.send(calls);
        for (call, answer) in calls.iter().zip(&answers) {
            let text = format!("{} {} {} -> {} {}", call.method, call.path, call.body, answer.status, answer.body);
            self.note(&text.chars().take(400).collect::<String>());
            if answer.status == 500 {
                return Err(format!("{} {}: 500 {}", call.method, call.path, answer.body));
            }
        }
        Ok(answers)
    }

    pub fn send_one(&mut self, call: &Call) -> Result<Answer, String> {
        Ok(self.send(std::slice::from_ref(call))?.remove(0))
    }
}

/// Plays one seed.
pub fn run(seed: u64, options: Options) -> Result<Report, Failure> {
    let stage = Stage::new(seed, 1 + usize::from(seed.is_multiple_of(3)), options.mutation);
    let mut sim = Sim {
        stage,
        promises: Promises::default(),
        watch: Watch::default(),
        cast: actors::Cast::default(),
        mutation: options.mutation,
        log: Log::default(),
    };
    let played = catch_unwind(AssertUnwindSafe(|| play(&mut sim, options.steps)));
    let why = match played {
        Ok(Ok(())) => {
            let (intents, events) = sim.watch.size();
            let fingerprint = sim.log.hasher.finish();
            let (crashes, arrivals) = (sim.stage.crashes, sim.cast.arrivals);
            let links_used = sim.promises.links_used();
            return Ok(Report { fingerprint, intents, events, crashes, arrivals, links_used });
        }
        Ok(Err(why)) => why,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            format!("a panic: {}", text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
        }
    };
    Err(Failure { seed, step: sim.log.step, steps: options.steps, why, last: sim.log.last.into() })
}

fn play(sim: &mut Sim, steps: usize) -> Checked {
    actors::enter(sim)?;
    sim.stage.set_faulty(true);
    for step in 1..=steps {
        sim.log.step = step;
        actors::act(sim)?;
        check(sim)?;
    }
    sim.stage.set_faulty(false);
    ending::play(sim)
}

/// The invariants, and the promises as far as they can be kept already.
fn check(sim: &mut Sim) -> Checked {
    sim.watch.check(&mut sim.stage)?;
    sim.promises.check(&sim.watch)
}
