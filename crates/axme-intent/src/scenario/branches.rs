//! Failure branches of a plan: which of their steps lead back into the success path, and whether the bundle says so.
//!
//! A branch that only tells people about a failure must not turn it into a success. It must not run on into the success
//! path either, only because those steps are next in the file.

use std::collections::BTreeSet;

use super::reader::Reader;
use crate::workflow::{Link, Plan, Rejoin, Step};

/// A step that leads from a failure into the success path.
struct Finding {
    index: usize,
    next: String,
    rejoin: Rejoin,
}

impl Reader<'_> {
    /// Marks the steps that lead from a failure into the success path, and warns where only the order of the steps does.
    /// `place` is the list of steps; `named` has the steps whose `on_success` the bundle names.
    pub(super) fn mark_branches(&mut self, plan: &mut Plan, place: &str, named: &BTreeSet<String>) {
        for Finding { index, next, rejoin } in findings(plan, named) {
            let step = &mut plan.steps[index];
            let is_quiet = step.kind.is_quiet();
            if is_quiet {
                step.rejoins = Some(rejoin);
            }
            if rejoin == Rejoin::Named {
                continue;
            }
            let place = format!("{place}[{index}].on_success");
            self.warn(
                &place,
                if is_quiet {
                    format!(
                        "after a failure, the intent ends here as FAILED; to go on with \"{next}\", name it, and to say \
                         that it ends, set end.failed"
                    )
                } else {
                    format!(
                        "after a failure, the workflow goes on with \"{next}\" as after a success; if you mean that, \
                         name it, else set end.failed"
                    )
                },
            );
        }
    }
}

/// Follows every failure until its branch ends or is in the success path. Each step is found once.
fn findings(plan: &Plan, named: &BTreeSet<String>) -> Vec<Finding> {
    let main: BTreeSet<&str> = plan.success_path(&plan.entry).map(|step| step.id.as_str()).collect();
    let mut found: Vec<Finding> = Vec::new();
    for failed in &plan.steps {
        let Some(first) = failed.on_failure.as_ref().and_then(Link::step) else { continue };
        for step in plan.success_path(first) {
            let is_main = main.contains(step.id.as_str());
            // The bundle names this step for a failure, and it does work of its own: the path goes on from there.
            if is_main && !step.kind.is_quiet() {
                break;
            }
            let Some(next) = step.on_success.as_ref().and_then(Link::step).filter(|next| main.contains(next)) else {
                continue;
            };
            let is_retry = || plan.success_path(next).any(|step| step.id == failed.id);
            let rejoin = if named.contains(&step.id) { Rejoin::Named } else { Rejoin::ByOrder };
            if rejoin == Rejoin::Named || !is_retry() {
                add(&mut found, plan, step, next, rejoin);
            }
            break;
        }
    }
    found
}

fn add(found: &mut Vec<Finding>, plan: &Plan, step: &Step, next: &str, rejoin: Rejoin) {
    let Some(index) = plan.steps.iter().position(|other| other.id == step.id) else { return };
    if !found.iter().any(|known| known.index == index) {
        found.push(Finding { index, next: next.to_owned(), rejoin });
    }
}
