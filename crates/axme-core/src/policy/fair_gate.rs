//! Lets many callers share the read connections fairly: when all are busy, callers take turns, however much each asks for.
//!
//! A caller that is alone gets everything. The gate bounds no rate; `rate_limit` does.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

pub struct FairGate {
    state: Mutex<Turns>,
}

/// The free places, and the callers that wait for one.
struct Turns {
    free: usize,
    waiting: HashMap<String, VecDeque<oneshot::Sender<GatePermit>>>,
    /// The callers that wait, each once; the next one is at the front.
    order: VecDeque<String>,
}

/// A place at the gate. Dropping it gives the place to the next caller.
pub struct GatePermit {
    /// `None` for a place that nobody took.
    gate: Option<Arc<FairGate>>,
}

impl FairGate {
    pub fn new(places: usize) -> Arc<FairGate> {
        let turns = Turns { free: places.max(1), waiting: HashMap::new(), order: VecDeque::new() };
        Arc::new(FairGate { state: Mutex::new(turns) })
    }

    /// Waits for the caller's turn. The calls of one caller keep their order.
    pub async fn enter(self: &Arc<FairGate>, caller: &str) -> GatePermit {
        self.try_enter(caller, usize::MAX).await.expect("the gate refuses nobody without a limit")
    }

    /// Waits for the caller's turn. `None` at once if `most` calls of the caller wait already.
    pub async fn try_enter(self: &Arc<FairGate>, caller: &str, most: usize) -> Option<GatePermit> {
        let turn = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            // Places are free only while nobody waits.
            if state.free > 0 {
                state.free -= 1;
                return Some(GatePermit { gate: Some(self.clone()) });
            }
            if state.waiting.get(caller).is_some_and(|calls| calls.len() >= most) {
                return None;
            }
            let (sender, turn) = oneshot::channel();
            if !state.waiting.contains_key(caller) {
                state.order.push_back(caller.to_owned());
            }
            state.waiting.entry(caller.to_owned()).or_default().push_back(sender);
            turn
        };
        Some(turn.await.expect("a waiting call keeps its sender in the gate"))
    }

    /// Takes the sender of the next caller in turn, or frees the place.
    fn next(&self) -> Option<oneshot::Sender<GatePermit>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(caller) = state.order.pop_front() else {
            state.free += 1;
            return None;
        };
        let queue = state.waiting.get_mut(&caller).expect("a caller in the order waits");
        let sender = queue.pop_front();
        if queue.is_empty() {
            state.waiting.remove(&caller);
        } else {
            state.order.push_back(caller);
        }
        sender
    }
}

impl Drop for GatePermit {
    fn drop(&mut self) {
        let Some(gate) = self.gate.take() else { return };
        while let Some(next) = gate.next() {
            match next.send(GatePermit { gate: Some(gate.clone()) }) {
                Ok(()) => return,
                // The caller has left, so the place goes to the one behind it.
                Err(mut place) => place.gate = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn callers_take_turns_however_much_each_asks_for() {
        let gate = FairGate::new(1);
        let first = gate.enter("greedy").await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut calls = Vec::new();
        for caller in ["greedy", "greedy", "greedy", "modest", "greedy", "other"] {
            let (gate, order) = (gate.clone(), order.clone());
            calls.push(tokio::spawn(async move {
                let _place = gate.enter(caller).await;
                order.lock().unwrap().push(caller);
            }));
            tokio::task::yield_now().await;
        }
        drop(first);
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["greedy", "modest", "other", "greedy", "greedy", "greedy"]);
        assert_eq!(gate.state.lock().unwrap().free, 1);
    }

    #[tokio::test]
    async fn a_caller_with_many_waiting_calls_is_refused_at_once() {
        let gate = FairGate::new(1);
        let held = gate.enter("greedy").await;
        for _ in 0..2 {
            let gate = gate.clone();
            tokio::spawn(async move { gate.try_enter("greedy", 2).await.is_some() });
            tokio::task::yield_now().await;
        }
        assert!(gate.try_enter("greedy", 2).await.is_none());
        drop(held);
        assert!(gate.try_enter("modest", 2).await.is_some());
    }

    #[tokio::test]
    async fn calls_that_were_given_up_cost_no_place() {
        let gate = FairGate::new(2);
        let held = [gate.enter("a").await, gate.enter("a").await];
        for _ in 0..3 {
            let gate = gate.clone();
            let call = tokio::spawn(async move { drop(gate.enter("b").await) });
            tokio::task::yield_now().await;
            call.abort();
            assert!(call.await.is_err());
        }
        drop(held);
        assert_eq!(gate.state.lock().unwrap().free, 2);
    }
}
