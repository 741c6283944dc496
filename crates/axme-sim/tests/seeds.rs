//! Runs a few hundred seeds. Checks that the same seed makes the same history, and that the simulation detects
//! mutations.

use axme_sim::{Mutation, Options, Report, run};

const SEEDS: u64 = 200;
/// A seed runs on one thread; several seeds run at the same time.
const THREADS: usize = 2;
const STEPS: usize = 45;
/// Seeds that must detect a mutation.
const REQUIRED: usize = 3;

fn options(mutation: Option<Mutation>) -> Options {
    Options { steps: STEPS, mutation }
}

fn pass(seed: u64) -> Report {
    run(seed, options(None)).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn seeds_hold() {
    let play = |first: u64| (first..SEEDS).step_by(THREADS).map(pass).fold(Report::default(), Report::plus);
    let total = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u64).map(|first| scope.spawn(move || play(first))).collect();
        let reports = threads.into_iter().map(|thread| thread.join().expect("all seeds pass"));
        reports.fold(Report::default(), Report::plus)
    });
    // A simulation in which little happens passes easily.
    assert!(total.intents > 5 * SEEDS as usize, "{total:?}");
    assert!(total.crashes > SEEDS as usize, "{total:?}");
    assert!(total.received_posts > 10 * SEEDS as usize, "{total:?}");
    assert!(total.links_used > SEEDS as usize, "{total:?}");
    assert!(total.lapsed_claims > SEEDS as usize / 10, "{total:?}");
    assert!(total.group_decisions > SEEDS as usize / 10, "{total:?}");
    assert!(total.questions > SEEDS as usize / 10, "{total:?}");
    assert!(total.replies > 0, "{total:?}");
    assert!(total.deputy_decisions > 0, "{total:?}");
}

#[test]
fn a_seed_makes_one_history() {
    for seed in 0..5 {
        assert_eq!(pass(seed), pass(seed), "seed {seed}");
    }
    assert_ne!(pass(1).fingerprint, pass(2).fingerprint);
}

#[test]
fn mutations_are_detected() {
    detect(&[
        (Mutation::StoppedTimers, 10),
        (Mutation::RepeatedTimers, 60),
        (Mutation::LyingCommits, 10),
        (Mutation::LostMail, 10),
        // Few intents ask twice while a person still has a link to the first asking.
        (Mutation::LinksForAnything, 80),
        (Mutation::ForgedAudit, 3),
    ]);
}

#[test]
fn mutations_of_claims_are_detected() {
    // Few workers die with work.
    detect(&[(Mutation::LooseClaims, 60), (Mutation::EternalClaims, 60)]);
}

#[test]
fn mutations_of_groups_are_detected() {
    // Few tasks ask a group and are guarded.
    detect(&[(Mutation::OpenGroups, 120)]);
}

/// Checks that enough seeds, of those that each mutation may use, fail with it.
fn detect(mutations: &[(Mutation, u64)]) {
    for (mutation, seeds) in mutations {
        let caught = (0..*seeds).filter(|seed| run(*seed, options(Some(*mutation))).is_err()).take(REQUIRED).count();
        assert!(caught == REQUIRED, "{mutation:?} was detected by {caught} seeds of {seeds}");
    }
}
