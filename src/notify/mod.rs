//! One bus out: every event is numbered, kept for a while, told to whoever listens, counted, and reduced to the board of
//! last-known state that HTTP reads. Nobody who listens can slow down a call: a slow reader is told how much it missed.

mod board;
mod bus;
mod flows;
mod metrics;
#[cfg(test)]
mod tests;
mod trunks;

pub use board::{Board, BoardLimits};
pub use bus::{Bus, Heard, News, Subscription, Told};
pub use metrics::{Figure, FigureKind, Figures, LabelledFigures, LabelledSums, Metrics};
pub use trunks::TrunkBoard;

use std::sync::Arc;

use crate::control::json::{LegFiguresView, StreamFiguresView, Timestamp};
use crate::event::{Delivery, Event};
use crate::id::{CallId, LegId, TerminalId};
use crate::time::Instant;

/// The wall's time of a moment on the process's clock.
pub type WallClock = Arc<dyn Fn(Instant) -> Timestamp + Send + Sync>;

/// The consumers of the bus that every server has.
pub struct Notify {
    /// Numbers, keeps and tells events.
    pub bus: Bus,
    /// Last-known state.
    pub board: Board,
    /// Last-known state of the trunks.
    pub trunks: TrunkBoard,
    /// Counters and gauges.
    pub metrics: Metrics,
    wall: WallClock,
}

impl Notify {
    /// Consumers that read the wall's time from `wall`.
    pub fn new(wall: WallClock, limits: BoardLimits) -> Self {
        let trunks = TrunkBoard::default();
        let metrics = Metrics::new(&trunks);
        Notify { bus: Bus::new(), board: Board::new(limits), trunks, metrics, wall }
    }

    /// Takes one event. The board has it before anybody is told, so that who reads on being told sees it.
    pub fn handle_event(&self, event: Event) {
        let at = (self.wall)(event.at);
        self.metrics.handle_event(&event);
        self.board.handle_event(&event, at);
        self.bus.publish(News::Event(event), at);
    }

    /// Takes what became of what a sink is owed.
    pub fn handle_delivery(&self, delivery: Delivery) {
        let at = (self.wall)(delivery.at);
        self.metrics.handle_delivery(&delivery);
        self.board.handle_delivery(&delivery);
        self.bus.publish(News::Delivery(delivery), at);
    }

    /// Takes the relay's sums for a leg since its port was opened.
    pub fn handle_leg_figures(&self, call: CallId, leg: LegId, figures: LegFiguresView) {
        let earlier = self.board.handle_leg_figures(call, leg, figures.clone());
        self.metrics.handle_leg_figures(earlier.as_ref(), &figures);
    }

    /// Takes a sink's sums for a terminal of a stream since its start.
    pub fn handle_terminal_figures(&self, terminal: TerminalId, figures: StreamFiguresView) {
        if let Some((sink, earlier)) = self.board.handle_terminal_figures(terminal, figures) {
            self.metrics.handle_terminal_figures(&sink, earlier.as_ref(), &figures);
        }
    }

    /// The wall's time of a moment.
    pub fn wall(&self, at: Instant) -> Timestamp {
        (self.wall)(at)
    }
}
