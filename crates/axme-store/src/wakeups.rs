//! "There may be work": how a commit wakes the waiters of its change.
//!
//! A waiter subscribes to a signal *before* it looks, so that a signal between looking and waiting is not missed.
//! Signals between nodes can be lost. Every waiter therefore also looks again after a while (the sweep): a lost signal
//! delays work but never loses it.
//!
//! Waiters that share work may wait in turn: a signal about one piece of work then wakes one of them, not all.

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

    /// There is a receipt to sign.
    pub fn receipts() -> Signal {
        Signal::of("receipts", &[])
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

/// Which of the waiters that share work a signal wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakes {
    All,
    /// The next one in turn: there is one piece of work, which any of them can do.
    One,
}

/// All waiters of this node.
pub struct Wakeups {
    sweep: Duration,
    topics: Mutex<HashMap<Signal, Topic>>,
    /// Forwards signals to other nodes; set on PostgreSQL.
    other_nodes: Mutex<Option<mpsc::UnboundedSender<Signal>>>,
}

#[derive(Default)]
struct Topic {
    /// Wakes the waiters that look at every signal.
    every: Arc<Notify>,
    /// Wakes the waiters that share work.
    shared: Arc<Notify>,
    waiters: usize,
    sharing: usize,
}

impl Topic {
    fn wake(&self, wakes: Wakes) {
        self.every.notify_waiters();
        match wakes {
            Wakes::All => self.shared.notify_waiters(),
            // Without this check, a signal to nobody would be kept for the next waiter.
            Wakes::One if self.sharing > 0 => self.shared.notify_one(),
            Wakes::One => {}
        }
    }
}

/// A waiter's subscription to a signal. It ends when it is dropped.
pub struct Subscription {
    wakeups: Arc<Wakeups>,
    signal: Signal,
    notify: Arc<Notify>,
    is_sharing: bool,
}

impl Wakeups {
    pub fn new(sweep: Duration) -> Arc<Wakeups> {
        Arc::new(Wakeups { sweep, topics: Mutex::default(), other_nodes: Mutex::default() })
    }

    /// Wakes waiters of a signal on this node and, if there are other nodes, on those too.
    pub fn signal(&self, signal: Signal, wakes: Wakes) {
        self.signal_here(signal, wakes);
        if let Some(other_nodes) = self.other_nodes.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            let _ = other_nodes.send(signal);
        }
    }

    /// Wakes waiters of a signal on this node only.
    pub fn signal_here(&self, signal: Signal, wakes: Wakes) {
        if let Some(topic) = self.topics.lock().unwrap_or_else(PoisonError::into_inner).get(&signal) {
            topic.wake(wakes);
        }
    }

    /// Wakes all waiters on this node, because signals of other nodes were lost while the connection was down.
    pub fn signal_all_here(&self) {
        for topic in self.topics.lock().unwrap_or_else(PoisonError::into_inner).values() {
            topic.wake(Wakes::All);
        }
    }

    /// Forwards every signal to `other_nodes` from now on.
    pub fn connect(&self, other_nodes: mpsc::UnboundedSender<Signal>) {
        *self.other_nodes.lock().unwrap_or_else(PoisonError::into_inner) = Some(other_nodes);
    }

    /// Subscribes a waiter that looks at every signal.
    pub fn subscribe(self: &Arc<Wakeups>, signal: Signal) -> Subscription {
        self.add(signal, false)
    }

    /// Subscribes a waiter that shares the work of a signal with others: [`Wakes::One`] wakes one of them. A waiter that
    /// was woken and cannot work must wake another one, with [`Wakeups::signal_here`].
    pub fn subscribe_in_turn(self: &Arc<Wakeups>, signal: Signal) -> Subscription {
        self.add(signal, true)
    }

    fn add(self: &Arc<Wakeups>, signal: Signal, is_sharing: bool) -> Subscription {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.entry(signal).or_default();
        topic.waiters += 1;
        topic.sharing += usize::from(is_sharing);
        let notify = if is_sharing { topic.shared.clone() } else { topic.every.clone() };
        Subscription { wakeups: self.clone(), signal, notify, is_sharing }
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

/// The end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wakeup {
    Signal,
    Sweep,
    Until,
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
        self.first(until).await != Wakeup::Until
    }

    /// Waits for the signal, the sweep or `until`. Returns which came first.
    pub async fn first(self, until: impl Future<Output = ()>) -> Wakeup {
        tokio::select! {
            biased;
            () = self.notified => Wakeup::Signal,
            () = until => Wakeup::Until,
            () = tokio::time::sleep(self.sweep) => Wakeup::Sweep,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.wakeups.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get_mut(&self.signal) {
            topic.waiters -= 1;
            topic.sharing -= usize::from(self.is_sharing);
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
        wakeups.signal(Signal::timers(), Wakes::All);
        assert!(listener.or(std::future::pending()).await);
        assert!(!subscription.listen().or(std::future::ready(())).await);
        drop(subscription);
        assert_eq!(wakeups.subscriptions(Signal::timers()), 0);
    }

    /// Returns how many listeners were woken.
    async fn woken(listeners: Vec<Listener>) -> usize {
        let mut count = 0;
        for listener in listeners {
            count += usize::from(listener.or(std::future::ready(())).await);
        }
        count
    }

    #[tokio::test]
    async fn one_piece_of_work_wakes_one_of_those_that_share_it() {
        let wakeups = Wakeups::new(SWEEP_IN_PROCESS);
        let signal = Signal::timers();
        let sharing: Vec<_> = (0..3).map(|_| wakeups.subscribe_in_turn(signal)).collect();
        let every: Vec<_> = (0..2).map(|_| wakeups.subscribe(signal)).collect();
        let listen = |waiters: &[Subscription]| waiters.iter().map(Subscription::listen).collect::<Vec<_>>();
        for (wakes, most) in [(Wakes::One, 1), (Wakes::All, 3)] {
            let (shared, others) = (listen(&sharing), listen(&every));
            wakeups.signal(signal, wakes);
            assert_eq!((woken(shared).await, woken(others).await), (most, 2), "{wakes:?}");
        }
        let shared = listen(&sharing);
        (0..2).for_each(|_| wakeups.signal(signal, Wakes::One));
        assert_eq!(woken(shared).await, 2, "two pieces of work need two waiters");
    }

    #[tokio::test]
    async fn a_waiter_that_leaves_passes_its_signal_on() {
        let wakeups = Wakeups::new(SWEEP_IN_PROCESS);
        let (first, second) =
            (wakeups.subscribe_in_turn(Signal::timers()), wakeups.subscribe_in_turn(Signal::timers()));
        let (leaves, stays) = (first.listen(), second.listen());
        wakeups.signal(Signal::timers(), Wakes::One);
        drop(leaves);
        assert!(stays.or(std::future::ready(())).await);
    }

    #[tokio::test]
    async fn a_signal_without_a_waiter_is_not_kept() {
        let wakeups = Wakeups::new(SWEEP_IN_PROCESS);
        let _other = wakeups.subscribe(Signal::timers());
        wakeups.signal(Signal::timers(), Wakes::One);
        assert!(!wakeups.subscribe_in_turn(Signal::timers()).listen().or(std::future::ready(())).await);
    }

    #[test]
    fn nodes_of_all_releases_use_the_same_numbers() {
        assert_eq!(Signal::timers().number(), 0x928c_e6e0_8ac1_5f31);
        let queue = Signal::queue(Uuid::nil(), &Address::from_canonical("agent://a/b/c".to_owned()));
        assert_eq!(queue.number(), 0x3606_3037_08b9_ac1b);
    }
}
