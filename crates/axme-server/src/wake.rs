//! "There may be work": how a commit reaches those who wait for it.
//!
//! Waiters subscribe to a key *before* they look, so that nothing falls between looking and waiting. A ring may be lost
//! between nodes; everybody who waits also looks again after a while (the sweep), so a lost ring costs that while and never
//! work.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use axme_intent::{Address, IntentId};

/// How long a waiter relies on being rung when other nodes may ring too: their rings can be lost.
pub const SWEEP_BETWEEN_NODES: Duration = Duration::from_secs(2);
/// The same within one process, where no ring is lost.
pub const SWEEP_IN_PROCESS: Duration = Duration::from_secs(30);

/// What may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wake(u64);

impl Wake {
    /// There are new events of an intent.
    pub fn intent(id: IntentId) -> Wake {
        Signal::of(("intent", id))
    }

    /// There is something in the queue of an address.
    pub fn queue(workspace: Uuid, address: &Address) -> Wake {
        Signal::of(("queue", workspace, address.as_str()))
    }

    /// Those who are pushed to, agents and subscribers, are not the same any more.
    pub fn lines() -> Wake {
        Signal::of("lines")
    }

    /// Something is to be fanned out, or there is a new subscriber.
    pub fn fanouts() -> Wake {
        Signal::of("fanouts")
    }

    /// What agents are held to has changed.
    pub fn rules() -> Wake {
        Signal::of("rules")
    }

    /// Something happened in a session.
    pub fn session(id: Uuid) -> Wake {
        Signal::of(("session", id))
    }

    /// Somebody is to be told something.
    pub fn notices() -> Wake {
        Signal::of("notices")
    }

    /// A timer was set.
    pub fn timers() -> Wake {
        Signal::of("timers")
    }

    fn of(key: impl Hash) -> Wake {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Wake(hasher.finish())
    }

    pub(crate) fn from_number(number: u64) -> Wake {
        Wake(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// All who wait on this node.
pub struct Wakeups {
    sweep: Duration,
    waiting: Mutex<HashMap<Wake, Seat>>,
    /// Where rings go that other nodes should hear; set on PostgreSQL.
    outside: Mutex<Option<mpsc::UnboundedSender<Wake>>>,
}

struct Seat {
    bell: Arc<Notify>,
    waiters: usize,
}

/// A place to wait at; while it lives, rings for its key are heard.
pub struct Waiter {
    wakeups: Arc<Wakeups>,
    wake: Wake,
    bell: Arc<Notify>,
}

impl Wakeups {
    pub fn new(sweep: Duration) -> Arc<Wakeups> {
        Arc::new(Wakeups { sweep, waiting: Mutex::default(), outside: Mutex::default() })
    }

    /// Rings here and, if there are other nodes, there.
    pub fn ring(&self, wake: Wake) {
        self.ring_here(wake);
        if let Some(outside) = self.outside.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = outside.send(wake);
        }
    }

    pub(crate) fn ring_here(&self, wake: Wake) {
        if let Some(seat) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&wake) {
            seat.bell.notify_waiters();
        }
    }

    /// Wakeups everybody: what was rung while nobody listened to the other nodes is unknown.
    pub(crate) fn ring_all_here(&self) {
        for seat in self.waiting.lock().unwrap_or_else(PoisonError::into_inner).values() {
            seat.bell.notify_waiters();
        }
    }

    pub(crate) fn connect(&self, outside: mpsc::UnboundedSender<Wake>) {
        *self.outside.lock().unwrap_or_else(PoisonError::into_inner) = Some(outside);
    }

    pub fn subscribe(self: &Arc<Wakeups>, wake: Wake) -> Waiter {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let seat = waiting.entry(wake).or_insert_with(|| Seat { bell: Arc::new(Notify::new()), waiters: 0 });
        seat.waiters += 1;
        Waiter { wakeups: self.clone(), wake, bell: seat.bell.clone() }
    }

    /// How many wait for this key, this waiter included.
    pub fn waiters(&self, wake: Wake) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&wake).map_or(0, |seat| seat.waiters)
    }
}

impl Waiter {
    pub fn wake(&self) -> Wake {
        self.wake
    }

    /// From now on, rings are heard. Listen first, then look, then wait: nothing falls in between.
    pub fn listen(&self) -> Listening {
        let mut rung = Box::pin(self.bell.clone().notified_owned());
        rung.as_mut().enable();
        Listening { rung, sweep: self.wakeups.sweep }
    }
}

/// Ears that are open.
pub struct Listening {
    rung: Pin<Box<OwnedNotified>>,
    sweep: Duration,
}

impl Listening {
    /// Waits for a ring, for the sweep, or for `until`. True when it is time to look again, false when `until` came first.
    pub async fn or(self, until: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = self.rung => true,
            () = until => false,
            () = tokio::time::sleep(self.sweep) => true,
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.wakeups.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seat) = waiting.get_mut(&self.wake) {
            seat.waiters -= 1;
            if seat.waiters == 0 {
                waiting.remove(&self.wake);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_ring_between_looking_and_waiting_is_heard() {
        let wakeups = Wakeups::new(SWEEP_IN_PROCESS);
        let waiter = wakeups.subscribe(Signal::timers());
        let listening = waiter.listen();
        wakeups.ring(Signal::timers());
        assert!(listening.or(std::future::pending()).await);
        assert!(!waiter.listen().or(std::future::ready(())).await);
        drop(waiter);
        assert_eq!(wakeups.subscriptions(Signal::timers()), 0);
    }
}
