//! The stream of deliveries to an agent. It claims what is due, and shows a reader that starts anew what is claimed already.
//! As long as the stream is open, its named reader is alive.

use std::sync::Arc;

use axme_core::auth::Caller;
use axme_core::claims::{self, Offer, Reading};
use axme_core::error::Result;
use axme_core::state::AppState;
use axme_intent::{Address, Time};
use axme_store::consumers::Consumer;
use axme_store::{Signal, Subscription, Wakes, Wakeup};

use super::{ClientGone, FrameSender, Hold, Window, fail, recheck};
use crate::http::frames;

/// How often an open stream records that its named reader is alive: more than twice in the time after which claims lapse.
const LIFE_SECONDS: u64 = 30;

/// A stream of the deliveries to an agent.
pub(super) struct AgentStream {
    pub(super) app: Arc<AppState>,
    pub(super) caller: Arc<Caller>,
    pub(super) address: Address,
    /// The named reader. It is alive as long as the stream is open.
    pub(super) consumer: Option<Consumer>,
    pub(super) window: Window,
    /// Set for the first window of the official command line's built-in agent, which discards what it reads there. That
    /// window gets only the deliveries due at this time and ends at once, so that it swallows no new one.
    pub(super) backlog_of: Option<Time>,
    pub(super) out: FrameSender,
}

impl AgentStream {
    /// Runs to the end of the window.
    pub(super) async fn run(self) {
        let mut cursor = self.window.since;
        let signal = Signal::queue(self.caller.workspace, &self.address);
        let subscription = match self.can_take_any() {
            true => self.app.wakeups.subscribe_in_turn(signal),
            false => self.app.wakeups.subscribe(signal),
        };
        let _ = self.windows(&subscription, &mut cursor).await;
        self.sign_of_life().await;
        let _ = self.out.send(frames::timeout(cursor)).await;
    }

    /// Returns true if this window can do the work of a signal that wakes only one of several windows.
    fn can_take_any(&self) -> bool {
        self.window.status.is_none() && self.backlog_of.is_none()
    }

    /// Records that the named reader is still there.
    async fn sign_of_life(&self) {
        let Some(consumer) = &self.consumer else { return };
        if let Err(error) = self.app.consumers.see(&self.app.store, consumer, self.app.system.clock.now()).await {
            tracing::warn!(%error, "a sign of life of a consumer was not recorded");
        }
    }

    async fn windows(&self, subscription: &Subscription, cursor: &mut u64) -> Result<(), ClientGone> {
        let limits = &self.app.limits;
        let began = self.app.system.clock.now();
        let mut until = self.backlog_of.unwrap_or_else(|| began.plus_seconds(self.window.wait_seconds));
        let mut left = limits.window_deliveries;
        if self.window.since == 0 || self.consumer.is_some() {
            let was_shown = self.replay(cursor).await?;
            if was_shown && !self.window.follow {
                until = until.min(self.app.system.clock.now().plus_millis(limits.linger_millis));
            }
        }
        // After each batch the window looks at the whole queue, also at what silent consumers hold.
        let mut is_announced = false;
        loop {
            let stop = self.next_stop(until);
            let found = loop {
                let listener = subscription.listen();
                self.sign_of_life().await;
                let (offers, next_due) = match self.look(subscription, left, std::mem::take(&mut is_announced)).await {
                    Ok(looked) => looked,
                    Err(error) => {
                        self.app.wakeups.signal_here(subscription.signal(), Wakes::One);
                        return fail(error);
                    }
                };
                if !offers.is_empty() {
                    break Some(offers);
                }
                // A delivery that comes due again ends the wait, but not the window.
                let hold = Hold { app: &self.app, until: next_due.map_or(stop, |due| due.min(stop)) };
                let is_last = next_due.is_none_or(|due| due >= stop);
                let woken_by = listener.first(hold.over(&self.out)).await;
                is_announced = woken_by == Wakeup::Signal;
                if woken_by == Wakeup::Until && (is_last || *self.app.stopping.borrow() || self.out.sender.is_closed())
                {
                    break None;
                }
            };
            let offers = match found {
                Some(offers) => offers,
                None if self.window.goes_on(&self.app, until) => {
                    self.out.send(frames::keep_alive()).await?;
                    continue;
                }
                None => break,
            };
            left = left.saturating_sub(offers.len());
            self.send(offers, cursor).await?;
            match () {
                () if self.backlog_of.is_some() => break,
                () if self.window.follow => left = limits.window_deliveries,
                () if left == 0 => return Ok(()),
                () => until = until.min(self.app.system.clock.now().plus_millis(limits.linger_millis)),
            }
        }
        if let Some(began) = self.backlog_of {
            // Hold briefly, so that a client that reconnects at once does not spin.
            let hold = Hold { app: &self.app, until: began.plus_millis(limits.linger_millis) };
            hold.over(&self.out).await;
        }
        Ok(())
    }

    /// Returns the next time at which the stream sends something or records a sign of life.
    fn next_stop(&self, until: Time) -> Time {
        let stop = self.window.next_stop(&self.app, until);
        match &self.consumer {
            Some(_) => stop.min(self.app.system.clock.now().plus_seconds(LIFE_SECONDS)),
            None => stop,
        }
    }

    async fn look(
        &self,
        subscription: &Subscription,
        left: usize,
        is_announced: bool,
    ) -> Result<(Vec<Offer>, Option<Time>)> {
        recheck(&self.app, &self.window, &self.caller).await?;
        // Several windows on one address share its deliveries.
        let most = left.div_ceil(self.app.wakeups.subscriptions(subscription.signal()).max(1));
        claims::offer(&self.app, Reading { is_announced, ..self.reading(most) }).await
    }

    /// Sends the deliveries that are already claimed, page by page, so that an agent that starts anew misses none. A named
    /// reader gets its own above the number that it sends, a nameless one those of all nameless readers. Returns whether
    /// there were any.
    async fn replay(&self, cursor: &mut u64) -> Result<bool, ClientGone> {
        let (mut place, mut after) = (None, self.window.since);
        let mut was_shown = false;
        loop {
            let reading = self.reading(self.app.limits.window_deliveries);
            let page = match &self.window.consumer {
                Some(name) => {
                    let page = claims::replay_held(&self.app, reading, name.clone(), after).await;
                    page.map(|page| page.map(|(offers, last)| (offers, after = last).0))
                }
                None => {
                    let page = claims::replay(&self.app, reading, place).await;
                    page.map(|page| page.map(|(offers, last)| (offers, place = Some(last)).0))
                }
            };
            match page {
                Ok(Some(offers)) => {
                    self.send(offers, cursor).await?;
                    was_shown = true;
                }
                Ok(None) => return Ok(was_shown),
                Err(error) => return fail(error).map(|()| was_shown),
            }
        }
    }

    fn reading(&self, most: usize) -> Reading {
        let (workspace, address) = (self.caller.workspace, self.address.clone());
        let (status, consumer) = (self.window.status.clone(), self.window.consumer.clone());
        Reading { workspace, address, consumer, most, status, due_by: self.backlog_of, is_announced: false }
    }

    /// Sends a batch. Deliveries that cannot be sent are released at once, so that another reader gets them.
    async fn send(&self, offers: Vec<Offer>, cursor: &mut u64) -> Result<(), ClientGone> {
        let mut rest = offers.into_iter();
        while let Some(mut offer) = rest.next() {
            let frame = frames::delivery(&offer, self.app.limits.frame_bytes);
            // The frame has it; a send may wait long.
            offer.intent.payload = String::new();
            self.sign_of_life().await;
            if self.out.send(frame).await.is_err() {
                let unsent = std::iter::once(offer).chain(rest).filter(|offer| offer.is_claimed).collect();
                claims::release(&self.app, self.caller.workspace, &self.address, unsent).await;
                return Err(ClientGone);
            }
            *cursor = (*cursor).max(offer.number);
        }
        Ok(())
    }
}
