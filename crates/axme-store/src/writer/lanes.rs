//! The jobs that wait for one writer: a lane per workspace. Workspaces take turns, so that a flood of one workspace delays
//! the next job of another by one turn.
//!
//! The server's own work has a lane, too: that of the nil workspace. Each lane has a bounded number of places. While a lane
//! is full, calls are refused, and the server's own work waits for a place, which delays nobody else.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::QueuedJob;

pub(crate) struct Lanes<J = QueuedJob> {
    state: Mutex<Waiting<J>>,
    arrived: Condvar,
    /// The places of each lane.
    places: usize,
}

struct Waiting<J> {
    lanes: HashMap<Uuid, Lane<J>>,
    /// The workspaces that have jobs, each once; the next one is at the front.
    turns: VecDeque<Uuid>,
    is_closed: bool,
}

/// Why a job was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAdded {
    /// All places of the lane are taken.
    Full,
    /// The lanes are closed.
    Closed,
}

struct Lane<J> {
    jobs: VecDeque<(J, OwnedSemaphorePermit)>,
    places: Arc<Semaphore>,
}

impl<J> Lane<J> {
    fn new(places: usize) -> Lane<J> {
        Lane { jobs: VecDeque::new(), places: Arc::new(Semaphore::new(places)) }
    }
}

impl<J> Lanes<J> {
    pub fn new(places: usize) -> Lanes<J> {
        let waiting = Waiting { lanes: HashMap::new(), turns: VecDeque::new(), is_closed: false };
        Lanes { state: Mutex::new(waiting), arrived: Condvar::new(), places }
    }

    fn state(&self) -> MutexGuard<'_, Waiting<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job to the lane of a workspace. If the lane is full, a job that `waits` is added once there is a place.
    pub async fn add(&self, workspace: Uuid, job: J, waits: bool) -> Result<(), NotAdded> {
        let places = {
            let mut state = self.state();
            let lane = state.lanes.entry(workspace).or_insert_with(|| Lane::new(self.places));
            if let Ok(place) = lane.places.clone().try_acquire_owned() {
                return self.put(state, workspace, job, place);
            }
            if !waits {
                return Err(if state.is_closed { NotAdded::Closed } else { NotAdded::Full });
            }
            lane.places.clone()
        };
        match places.acquire_owned().await {
            Ok(place) => self.put(self.state(), workspace, job, place),
            Err(_) => Err(NotAdded::Closed),
        }
    }

    fn put(
        &self,
        mut state: MutexGuard<'_, Waiting<J>>,
        workspace: Uuid,
        job: J,
        place: OwnedSemaphorePermit,
    ) -> Result<(), NotAdded> {
        if state.is_closed {
            return Err(NotAdded::Closed);
        }
        let lane = state.lanes.entry(workspace).or_insert_with(|| Lane::new(self.places));
        lane.jobs.push_back((job, place));
        if lane.jobs.len() == 1 {
            state.turns.push_back(workspace);
        }
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Waits for a job, then takes the other waiting jobs, one of each workspace in turn, up to `group` in all. `None`
    /// once the lanes are closed and empty.
    pub fn take(&self, group: usize) -> Option<Vec<J>> {
        let mut state = self.state();
        while state.turns.is_empty() {
            if state.is_closed {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        while taken.len() < group
            && let Some(workspace) = state.turns.pop_front()
        {
            let Some(lane) = state.lanes.get_mut(&workspace) else { continue };
            // The place becomes free here.
            taken.extend(lane.jobs.pop_front().map(|(job, _place)| job));
            if !lane.jobs.is_empty() {
                state.turns.push_back(workspace);
            } else if Arc::strong_count(&lane.places) == 1 {
                // Nobody waits for a place of this lane.
                state.lanes.remove(&workspace);
            }
        }
        Some(taken)
    }

    /// Lets the threads end when all jobs are done.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        for lane in state.lanes.values() {
            lane.places.close();
        }
        drop(state);
        self.arrived.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREEDY: Uuid = Uuid::from_u128(1);
    const MODEST: Uuid = Uuid::from_u128(2);

    #[tokio::test]
    async fn a_flood_delays_another_workspace_by_one_turn() {
        let lanes = Arc::new(Lanes::new(4_096));
        let flood: Vec<_> = (0..10_000)
            .map(|n| {
                let lanes = lanes.clone();
                tokio::spawn(async move { lanes.add(GREEDY, n, true).await.is_ok() })
            })
            .collect();
        while lanes.state().lanes.get(&GREEDY).is_none_or(|lane| lane.jobs.len() < 4_096) {
            tokio::task::yield_now().await;
        }
        assert_eq!(lanes.add(GREEDY, 10_001, false).await, Err(NotAdded::Full), "a call is refused at once");
        assert_eq!(lanes.take(64).expect("jobs wait").len(), 64, "a workspace alone gets everything");
        assert!(lanes.add(MODEST, 10_000, false).await.is_ok());
        let group = lanes.take(64).expect("jobs wait");
        let ahead = group.iter().position(|job| *job == 10_000);
        assert!(ahead.is_some_and(|ahead| ahead <= 1), "{ahead:?} jobs of the flood ran first");
        let mut left = 10_000 - 64 - 63;
        while left > 0 {
            left -= lanes.take(256).expect("jobs wait").len();
            tokio::task::yield_now().await;
        }
        for add in flood {
            assert!(add.await.expect("the task runs"));
        }
        assert!(lanes.state().turns.is_empty());
    }

    #[tokio::test]
    async fn lanes_that_are_empty_cost_nothing() {
        let lanes = Lanes::new(2);
        for n in 0..1_000 {
            assert!(lanes.add(Uuid::from_u128(n), n, false).await.is_ok());
        }
        while !lanes.state().turns.is_empty() {
            lanes.take(100);
        }
        assert!(lanes.state().lanes.is_empty());
    }

    #[tokio::test]
    async fn closing_refuses_new_jobs_and_keeps_those_that_wait() {
        let lanes = Arc::new(Lanes::new(1));
        assert!(lanes.add(GREEDY, 1, false).await.is_ok());
        let waits = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.add(GREEDY, 2, true).await }
        });
        tokio::task::yield_now().await;
        lanes.close();
        assert_eq!(waits.await.expect("the task runs"), Err(NotAdded::Closed), "it had no place yet");
        assert_eq!(lanes.add(MODEST, 3, false).await, Err(NotAdded::Closed));
        assert_eq!(lanes.take(10), Some(vec![1]));
        assert_eq!(lanes.take(10), None);
    }
}
