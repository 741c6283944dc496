//! A deterministic simulation of the server under faults. Responses are lost, requests arrive twice, and agents die
//! with claimed work. Nodes die before and after a commit, disks are full, and clocks jump.
//!
//! After each step it checks the invariants of the store ([`invariants`]) and the promises to clients ([`promises`]).
//! At the end all faults stop, and every intent must end ([`liveness`]). The same seed makes the same history.

mod actors;
mod audit;
mod cluster;
mod invariants;
mod liveness;
mod marks;
mod outbound;
mod promises;
mod task_link;

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use axme_intent::IntentId;
use cluster::{Cluster, Request, Response};
use invariants::Checker;
use promises::Promises;
use serde_json::Value;

/// The steps that a failure shows.
const SHOWN_STEPS: usize = 30;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub steps: usize,
    pub mutation: Option<Mutation>,
}

/// A fault built into the server on purpose. The simulation must detect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// No timer fires.
    StoppedTimers,
    /// Timers fire again, as if no node checked whether they are still set.
    RepeatedTimers,
    /// Some commits are reported as done but lost.
    LyingCommits,
    /// The mail server accepts mail and drops it.
    LostMail,
    /// A task link answers any task of its intent, any number of times.
    LinksForAnything,
    /// Claims of named readers do not hold while they are alive.
    LooseClaims,
    /// Claims of named readers hold for ever.
    EternalClaims,
    /// Everybody is taken for a member of each group.
    OpenGroups,
    /// The rule on who may be asked is not applied.
    ForgottenRule,
    /// A line of the audit trail is changed in the database.
    ForgedAudit,
}

/// Counts of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// The hash of all steps, in order.
    pub fingerprint: u64,
    pub intents: usize,
    pub events: usize,
    pub crashes: usize,
    /// Posts that arrived at external systems.
    pub received_posts: usize,
    /// Task links by which an answer was recorded.
    pub links_used: usize,
    /// Deliveries that passed from a silent named reader to another one.
    pub lapsed_claims: usize,
    /// Answers and votes of people whom only a group asked.
    pub group_decisions: usize,
    /// Questions to requesters, replies, and withdrawals.
    pub questions: usize,
    pub replies: usize,
    pub withdrawals: usize,
    /// Decisions in the place of absent people.
    pub deputy_decisions: usize,
}

impl Report {
    /// The sums of two runs. A sum has no fingerprint.
    pub fn plus(self, other: Report) -> Report {
        Report {
            fingerprint: 0,
            intents: self.intents + other.intents,
            events: self.events + other.events,
            crashes: self.crashes + other.crashes,
            received_posts: self.received_posts + other.received_posts,
            links_used: self.links_used + other.links_used,
            lapsed_claims: self.lapsed_claims + other.lapsed_claims,
            group_decisions: self.group_decisions + other.group_decisions,
            questions: self.questions + other.questions,
            replies: self.replies + other.replies,
            withdrawals: self.withdrawals + other.withdrawals,
            deputy_decisions: self.deputy_decisions + other.deputy_decisions,
        }
    }
}

#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub step: usize,
    pub steps: usize,
    pub reason: String,
    pub last_steps: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} failed at step {}: {}", self.seed, self.step, self.reason)?;
        for line in &self.last_steps {
            writeln!(f, "  {line}")?;
        }
        write!(f, "to repeat it: cargo xtask sim --seed {} --seeds 1 --steps {}", self.seed, self.steps)
    }
}

/// The error names the violated rule.
pub(crate) type CheckResult = Result<(), String>;

/// One run: the nodes, the actors, and the rules that both must keep.
pub(crate) struct Simulation {
    pub(crate) cluster: Cluster,
    pub(crate) promises: Promises,
    pub(crate) checker: Checker,
    pub(crate) actors: actors::ActorState,
    pub(crate) mutation: Option<Mutation>,
    log: Log,
}

#[derive(Default)]
struct Log {
    step: usize,
    hasher: DefaultHasher,
    last_steps: VecDeque<String>,
}

impl Simulation {
    /// Records an event in the log.
    pub(crate) fn note(&mut self, what: &str) {
        let line = format!("{:>4} {} {what}", self.log.step, self.cluster.now());
        line.hash(&mut self.log.hasher);
        self.log.last_steps.push_back(line);
        if self.log.last_steps.len() > SHOWN_STEPS {
            self.log.last_steps.pop_front();
        }
    }

    /// Sends requests together and records them. A response with status 500 is an error.
    pub(crate) fn send(&mut self, requests: &[Request]) -> Result<Vec<Response>, String> {
        let responses = self.cluster.send(requests);
        for (request, response) in requests.iter().zip(&responses) {
            let Request { method, path, body, .. } = request;
            let text = format!("{method} {path} {body} -> {} {}", response.status, response.body);
            self.note(&text.chars().take(400).collect::<String>());
            if response.status == 500 {
                return Err(format!("{method} {path}: 500 {}", response.body));
            }
        }
        Ok(responses)
    }

    /// Picks any intent.
    pub(crate) fn pick_intent(&mut self) -> Option<IntentId> {
        let ids: Vec<IntentId> = self.checker.intents.keys().copied().collect();
        self.cluster.pick(&ids)
    }

    pub(crate) fn call(
        &mut self,
        key: &str,
        method: &'static str,
        path: &str,
        body: Value,
    ) -> Result<Response, String> {
        self.send_one(&Request::new(key, method, path, body))
    }

    pub(crate) fn send_one(&mut self, request: &Request) -> Result<Response, String> {
        Ok(self.send(std::slice::from_ref(request))?.remove(0))
    }
}

/// Runs one seed.
pub fn run(seed: u64, options: Options) -> Result<Report, Failure> {
    let cluster = Cluster::new(seed, 1 + usize::from(seed.is_multiple_of(3)), options.mutation);
    let mut sim = Simulation {
        cluster,
        promises: Promises::default(),
        checker: Checker::default(),
        actors: actors::ActorState::default(),
        mutation: options.mutation,
        log: Log::default(),
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| run_steps(&mut sim, options.steps)));
    let reason = match outcome {
        Ok(Ok(())) => {
            let (intents, events) = sim.checker.size();
            let fingerprint = sim.log.hasher.finish();
            let (crashes, received_posts) = (sim.cluster.crashes, sim.actors.received_posts);
            let links_used = sim.promises.links_used();
            let (lapsed_claims, group_decisions) = (sim.actors.workers.lapsed_claims, sim.checker.group_decisions);
            let (questions, replies, withdrawals) = sim.checker.second_thoughts();
            let deputy_decisions = sim.checker.decisions_of_deputies();
            return Ok(Report {
                fingerprint,
                intents,
                events,
                crashes,
                received_posts,
                links_used,
                lapsed_claims,
                group_decisions,
                questions,
                replies,
                withdrawals,
                deputy_decisions,
            });
        }
        Ok(Err(reason)) => reason,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            format!("a panic: {}", text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default())
        }
    };
    Err(Failure { seed, step: sim.log.step, steps: options.steps, reason, last_steps: sim.log.last_steps.into() })
}

fn run_steps(sim: &mut Simulation, steps: usize) -> CheckResult {
    actors::register_all(sim)?;
    sim.cluster.set_faulty(true);
    for step in 1..=steps {
        sim.log.step = step;
        actors::act(sim)?;
        check(sim)?;
    }
    sim.cluster.set_faulty(false);
    liveness::run(sim)?;
    audit::check(sim)
}

/// Checks the invariants, and the promises as far as they are due.
fn check(sim: &mut Simulation) -> CheckResult {
    sim.checker.check(&mut sim.cluster)?;
    sim.promises.check(&sim.checker)
}
