//! The bus: one publisher, any number of listeners, each as fast as it likes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast::{self, error::RecvError};

use crate::control::json::Timestamp;
use crate::event::{Delivery, Event};
use crate::id::CallId;

/// How many events are kept for listeners that come back. At 100 calls a second with 10 events each, 10 s.
const HISTORY_EVENTS: usize = 10_000;

/// How many events a listener may be behind before it misses the oldest.
const BEHIND_EVENTS: usize = 4_096;

/// What is told.
#[derive(Debug)]
pub enum News {
    /// A change in a call.
    Event(Event),
    /// What becomes of what a sink is owed, in or behind its call.
    Delivery(Delivery),
}

impl News {
    /// The call that it is about.
    pub fn call(&self) -> CallId {
        match self {
            News::Event(event) => event.call,
            News::Delivery(delivery) => delivery.call,
        }
    }
}

/// News with its number on this server.
#[derive(Debug)]
pub struct Told {
    /// Counts from 1.
    pub number: u64,
    /// When it happened, on the wall's clock.
    pub at: Timestamp,
    /// What happened.
    pub news: News,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The next event.
    Event(Arc<Told>),
    /// This many events were missed here.
    Missed(u64),
}

/// The bus.
pub struct Bus {
    history: Mutex<History>,
    sender: broadcast::Sender<Arc<Told>>,
}

#[derive(Default)]
struct History {
    last: u64,
    kept: VecDeque<Arc<Told>>,
}

impl Default for Bus {
    fn default() -> Self {
        Bus { history: Mutex::default(), sender: broadcast::Sender::new(BEHIND_EVENTS) }
    }
}

impl Bus {
    /// A bus on which nothing was told.
    pub fn new() -> Self {
        Bus::default()
    }

    /// Numbers news, keeps it and tells it.
    pub fn publish(&self, news: News, at: Timestamp) {
        // Told under the lock: a listener that subscribes in between would hear an event twice or never.
        let mut history = self.history();
        history.last += 1;
        let told = Arc::new(Told { number: history.last, at, news });
        if history.kept.len() == HISTORY_EVENTS {
            history.kept.pop_front();
        }
        history.kept.push_back(told.clone());
        // An error means that nobody listens.
        let _ = self.sender.send(told);
    }

    /// Listens: from the next event on, or from the first one after number `since` as far as they are kept. A number that
    /// was never given out is from before a restart, and everything that is kept is told.
    pub fn subscribe(&self, since: Option<u64>) -> Subscription {
        let history = self.history();
        let receiver = self.sender.subscribe();
        let Some(since) = since else {
            return Subscription { backlog: VecDeque::new(), receiver };
        };
        let since = if since > history.last { 0 } else { since };
        let kept = history.kept.iter().filter(|told| told.number > since);
        let mut backlog: VecDeque<Heard> = kept.cloned().map(Heard::Event).collect();
        let missed = history.last - since - backlog.len() as u64;
        if missed > 0 {
            backlog.push_front(Heard::Missed(missed));
        }
        Subscription { backlog, receiver }
    }

    /// The number of the last event; 0 before the first.
    pub fn last(&self) -> u64 {
        self.history().last
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One listener.
pub struct Subscription {
    backlog: VecDeque<Heard>,
    receiver: broadcast::Receiver<Arc<Told>>,
}

impl Subscription {
    /// What comes next; `None` when the bus is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        if let Some(heard) = self.backlog.pop_front() {
            return Some(heard);
        }
        match self.receiver.recv().await {
            Ok(told) => Some(Heard::Event(told)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}
