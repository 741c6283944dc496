//! "There may be work": how a commit wakes the waiters of its change.
//!
//! A waiter subscribes to a signal *before* it looks, so that a signal between looking and waiting is not missed.
//! Signals between nodes can be lost. Every waiter therefore also looks again after a while (the sweep): a lost signal
//! delays work but never loses it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::futures::OwnedNotified;
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

use axme_intent::{Address, IntentId};

/// The time between two looks when there may be other nodes, whose signals can be lost.
pub const SWEEP_BETWEEN_NODES: Duration = Duration::from_secs(2);
/// The time between two looks within one process, where no signal is lost.
pub const SWEEP_IN_PROCESS: Duration = Duration::from_secs(30);

/// A change that may have happened. Two signals with the same number are harmless: a waiter looks and finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(u64);

impl Signal {
    /// An intent has new events.
    pub fn intent(id: IntentId) -> Signal {
        Signal::of("intent", &[id.0.as_bytes()])
    }

    /// The queue of an address may hold due items.
    pub fn queue(workspace: Uuid, address: &Address) -> Signal {
        Signal::of("queue", &[workspace.as_bytes(), address.as_str().as_bytes()])
    }

    /// The set of agents and subscribers that receive pushes has changed.
    pub fn push_receivers() -> Signal {
        Signal::of("push_receivers", &[])
    }

    /// There is an event to fan out.
    pub fn fanouts() -> Signal {
        Signal::of("fanouts", &[])
    }

    /// Something happened in a session.
    pub fn session(id: Uuid) -> Signal {
        Signal::of("session", &[id.as_bytes()])
    }

    /// There is a notice to send.
    pub fn notices() -> Signal {
        Signal::of("notices", &[])
    }

    /// A timer was set.
    pub fn timers() -> Signal {
        Signal::of("timers", &[])
    }

    /// FNV-1a over the parts, each preceded by its length. Nodes of different releases exchange these numbers, so the
    /// hash never changes.
    fn of(kind: &str, parts: &[&[u8]]) -> Signal {
        const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let mut hash = OFFSET;
        for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
            let length = (part.len() as u64).to_le_bytes();
            for byte in length.iter().chain(part) {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
            }
        }
        Signal(hash)
    }

    /// Converts a number that another node has sent.
    pub fn from_number(number: u64) -> Signal {
        Signal(number)
    }

    pub fn number(self) -> u64 {
        self.0
    }
}

/// All waiters of this node.
pub struct Wakeups {
    sweep: Duration,
    topics: Mutex<HashMap<Signal, Topic>>,
    /// Forwards signals to other nodes; set on PostgreSQL.
    other_nodes: Mutex<Option<mpsc::UnboundedSender<Signal>>>,
}

struct Topic {
    notify: Arc<Notify>,
    waiters: usize,
}

/// A waiter's subscription to a signal. It ends when it is dropped.
pub struct Subscription {
    wakeups: Arc<Wakeups>,
    signal: Signal,
    notify: Arc<Notify>,
}

impl Wakeups {
    pub fn new(sweep: Duration) -> Arc<Wakeups> {
        Arc::new(Wakeups { sweep, topics: Mutex::default(), other_nodes: Mutex::default() })
    }

    /// Wakes the waiters of a signal on this node and, if there are other nodes, on those too.
    pub fn signal(&self, signal: Signal) {
        self.signal_here(signal);
        if let Some(other_nodes) = self.other_nodes.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = other_nodes.send(signal);
        }
    }

    /// Wakes the waiters of a signal on this node only.
    pub fn signal_here(&self, signal: Signal) {
        if let Some(topic) = self.topics.lock().unwrap_or_else(PoisonError::into_inner).get(&signal) {
            topic.notify.notify_waiters();
        }
    }

    /// Wakes all waiters on this node, because signals of other nodes were lost while the connection was down.
    pub fn signal_all_here(&self) {
        for topic in self.topics.lock().unwrap_or_else(PoisonError::into_inner).values() {
            topic.notify.notify_waiters();
        }
    }

    /// Forwards every signal to `other_nodes` from now on.
    pub fn connect(&self, other_nodes: mpsc::UnboundedSender<Signal>) {
        *self.other_nodes.lock().unwrap_or_else(PoisonError::into_inner) = Some(other_nodes);
    }

    pub fn subscribe(self: &Arc<Wakeups>, signal: Signal) -> Subscription {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(signal).or_insert_with(|| Topic { notify: Arc::new(Notify::new()), waiters: 0 });
        topic.waiters += 1;
        Subscription { wakeups: self.clone(), signal, notify: topic.notify.clone() }
    }

    /// Counts the subscriptions to a signal on this node.
    pub fn subscriptions(&self, signal: Signal) -> usize {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).get(&signal).map_or(0, |topic| topic.waiters)
    }
}

impl Subscription {
    pub fn signal(&self) -> Signal {
        self.signal
    }

    /// Starts to listen for the signal. Listen first, then look, then wait, so that no signal is missed.
    pub fn listen(&self) -> Listener {
        let mut notified = Box::pin(self.notify.clone().notified_owned());
        notified.as_mut().enable();
        Listener { notified, sweep: self.wakeups.sweep }
    }
}

/// A listener for one signal. It notices signals sent after its creation.
pub struct Listener {
    notified: Pin<Box<OwnedNotified>>,
    sweep: Duration,
}

impl Listener {
    /// Waits for the signal, the sweep or `until`. Returns true when it is time to look again, false when `until` came
    /// first.
    pub async fn or(self, until: impl Future<Output = ()>) -> bool {
        tokio::select! {
            biased;
            () = self.notified => true,
            () = until => false,
            () = tokio::time::sleep(self.sweep) => true,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.wakeups.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get_mut(&self.signal) {
            topic.waiters -= 1;
            if topic.waiters == 0 {
                topics.remove(&self.signal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_between_looking_and_waiting_is_noticed() {
        let wakeups = Wakeups::new(SWEEP_IN_PROCESS);
        let subscription = wakeups.subscribe(Signal::timers());
        let listener = subscription.listen();
        wakeups.signal(Signal::timers());
        assert!(listener.or(std::future::pending()).await);
        assert!(!subscription.listen().or(std::future::ready(())).await);
        drop(subscription);
        assert_eq!(wakeups.subscriptions(Signal::timers()), 0);
    }

    #[test]
    fn nodes_of_all_releases_use_the_same_numbers() {
        assert_eq!(Signal::timers().number(), 0x928c_e6e0_8ac1_5f31);
        let queue = Signal::queue(Uuid::nil(), &Address::from_canonical("agent://a/b/c".to_owned()));
        assert_eq!(queue.number(), 0x3606_3037_08b9_ac1b);
    }
}
