//! What a sink is still owed when its stream has ended, or when the process that ran the stream is gone.
//!
//! The call knows nothing of it any more: its ports, its dialogs and the stream's place at the sink are free. A sink that is away gets
//! its arrears a few streams at a time when it is back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant as Moment, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::warn;

use super::link::{Happening, Link};
use super::outbox::Outbox;
use super::pool::Pool;
use super::spool::{Depot, Doing, Spool};
use super::stream::TICK;
use crate::dialect::SinkSays;
use crate::event::{Cause, Delivery, DeliveryOutcome, Manifest};
use crate::id::TerminalId;
use crate::net::Clock;

/// How long a sink may take for its leave.
const FAREWELL_TIME: Duration = Duration::from_secs(5);

/// A sink that has acknowledged everything, and never takes its leave, is asked for it so many times.
const FAREWELLS_LIMIT: u32 = 3;

/// See the module.
pub(super) struct Arrears {
    pub(super) id: TerminalId,
    pub(super) cause: Cause,
    pub(super) manifest: Arc<Manifest>,
    pub(super) outbox: Outbox,
    pub(super) pool: Arc<Pool>,
    pub(super) depot: Arc<Depot>,
    pub(super) clock: Clock,
    /// When what is not delivered is removed.
    pub(super) until: Moment,
    farewells: u32,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The sink has everything, the manifest included.
    Delivered,
    /// The time that audio is kept is over.
    Expired,
    /// The sink wants no more of it, or broke its protocol.
    Declined,
}

/// How far delivery came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more.
    More,
    /// It is over.
    Over(Outcome),
}

impl Arrears {
    /// Arrears of a stream that ended at this moment; `None` when it was served live.
    pub(super) fn new(
        id: TerminalId,
        (cause, manifest): (Cause, Arc<Manifest>),
        outbox: Outbox,
        pool: Arc<Pool>,
        depot: Arc<Depot>,
        clock: Clock,
    ) -> Arrears {
        let until = Moment::now() + pool.settings.keep();
        Arrears { id, cause, manifest, outbox, pool, depot, clock, until, farewells: 0 }
    }

    /// Delivers until everything is delivered, the sink is lost, or the time is over.
    pub(super) async fn deliver(&mut self, link: &mut Link, deadline: Moment) -> Progress {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let now = self.clock.now();
            let happening = tokio::select! {
                biased;
                () = sleep_until(deadline) => return Progress::More,
                _ = tick.tick() => None,
                happening = link.progress(&mut self.outbox, now) => Some(happening),
            };
            match happening {
                None => self.outbox.advance(self.clock.now()),
                Some(Happening::Said(SinkSays::Acknowledged { track, position })) => {
                    self.outbox.acknowledge(track, position);
                }
                Some(Happening::Said(SinkSays::Stop) | Happening::SaidGoodbye) => {
                    return Progress::Over(Outcome::Declined);
                }
                Some(Happening::GaveUp(cause, reason)) => {
                    warn!(terminal = %self.id, ?cause, %reason, "sink given up after the stream's end");
                    return Progress::Over(Outcome::Declined);
                }
                // Nobody is left who could do what the sink asks.
                Some(
                    Happening::Said(_)
                    | Happening::Connected
                    | Happening::Back
                    | Happening::NotYet(_)
                    | Happening::Lost(_)
                    | Happening::Gave,
                ) => {}
            }
            if self.outbox.is_empty() && link.is_up() && link.is_idle() {
                let left = deadline.saturating_duration_since(Moment::now()).min(FAREWELL_TIME);
                if let Some(state) = self.part(link, left).await {
                    return Progress::Over(state);
                }
            }
        }
    }

    async fn part(&mut self, link: &mut Link, time: Duration) -> Option<Outcome> {
        self.farewells += 1;
        let parted = timeout(time, link.farewell(self.cause, &self.manifest)).await;
        if parted == Ok(true) {
            return Some(Outcome::Delivered);
        }
        self.outbox.handle_loss(self.clock.now());
        let Outbox::Complete(spool) = &self.outbox else {
            return Some(Outcome::Delivered);
        };
        // A sink that never acknowledges has had its chance to read it all; one that does has said what it has.
        let has_all = spool.is_settled() || !spool.has_acknowledged();
        (has_all && self.farewells >= FAREWELLS_LIMIT).then_some(Outcome::Delivered)
    }

    /// Goes on until it is over, and tells how it ended. `link` is the connection of the stream that has just ended; `connect` makes
    /// another one.
    pub(super) async fn run(
        mut self,
        link: Option<Link>,
        connect: impl Fn(&Spool) -> Option<Link>,
    ) -> Option<Delivery> {
        let up = link.filter(Link::is_up);
        let state = match up {
            Some(mut link) => {
                self.show(Doing::Delivering);
                self.deliver(&mut link, self.until).await
            }
            None => self.wait_and_deliver(connect).await,
        };
        let state = match state {
            Progress::Over(state) => state,
            Progress::More => Outcome::Expired,
        };
        self.settle(state)
    }

    /// Waits for its turn at the sink.
    async fn wait_and_deliver(&mut self, connect: impl Fn(&Spool) -> Option<Link>) -> Progress {
        if let Outbox::Complete(spool) = &mut self.outbox {
            spool.park();
        }
        let pool = Arc::clone(&self.pool);
        let turn = tokio::select! {
            turn = pool.turns.acquire() => turn,
            () = sleep_until(self.until) => return Progress::More,
        };
        let Ok(_turn) = turn else {
            return Progress::More;
        };
        self.show(Doing::Delivering);
        let link = match &self.outbox {
            Outbox::Complete(spool) => connect(spool),
            Outbox::Live(_) => None,
        };
        match link {
            Some(mut link) => self.deliver(&mut link, self.until).await,
            None => Progress::Over(Outcome::Declined),
        }
    }

    fn show(&self, doing: Doing) {
        if let Outbox::Complete(spool) = &self.outbox {
            spool.show(doing);
        }
    }

    /// Nothing is owed any more. `None` when nothing ever was.
    pub(super) fn settle(self, state: Outcome) -> Option<Delivery> {
        let outcome = match state {
            Outcome::Delivered => DeliveryOutcome::Completed,
            Outcome::Expired => DeliveryOutcome::Expired,
            Outcome::Declined => DeliveryOutcome::Declined,
        };
        let delivery = self.delivery(outcome)?;
        let Outbox::Complete(spool) = self.outbox else {
            return None;
        };
        let counters = &self.depot.counters;
        let counter = match state {
            Outcome::Delivered => &counters.delivered,
            Outcome::Expired => &counters.expired,
            Outcome::Declined => &counters.declined,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        spool.discard();
        Some(delivery)
    }

    /// How it stands, to be told; `None` when nothing is owed by policy.
    pub(super) fn delivery(&self, outcome: DeliveryOutcome) -> Option<Delivery> {
        let Outbox::Complete(spool) = &self.outbox else {
            return None;
        };
        let info = &spool.identity().info;
        let pending_samples = match outcome {
            // It has read everything, also when it never acknowledges.
            DeliveryOutcome::Completed => 0,
            DeliveryOutcome::Pending | DeliveryOutcome::Expired | DeliveryOutcome::Declined => {
                spool.pending_samples()
            }
        };
        Some(Delivery {
            call: info.call,
            terminal: self.id,
            sink: info.sink.clone(),
            at: self.clock.now(),
            outcome,
            cause: self.cause,
            pending_samples,
        })
    }
}
