//! Messages to a name: they wait, in order, until it is known where the name leads (RFC 3263).
//!
//! ```text
//!   request, acknowledge --> waiting --- handle_located: places ----> to the first of them, and on from there
//!                               |------- handle_located: nowhere ---> to where the peer was heard
//!                               +------- PATIENCE is over ----------> the same
//! ```
//! A dialog's messages to one name wait behind each other, so that a BYE never overtakes the ACK before it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::elsewhere::Journey;
use super::{Due, Transactions};
use crate::sip::transaction::{ClientKey, NameKey, TransactionOutput};
use crate::sip::{Flow, Heading, Method};
use crate::time::{Duration, Instant};

/// How long a message waits for the DNS. A peer repeats what it misses after 500 ms and gives up after 32 s.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many messages wait at most; one more goes to where its peer was heard.
const MOST_HELD: usize = 4_096;
/// How many names are looked up at once at most: each waits for the DNS alone.
const MOST_NAMES: usize = 1_024;

/// The messages that wait for a name.
#[derive(Debug, Default)]
pub(super) struct Names {
    waiting: BTreeMap<NameKey, Waiting>,
    held: usize,
}

#[derive(Debug)]
struct Waiting {
    heading: Heading,
    messages: VecDeque<Held>,
}

/// A message that waits.
#[derive(Debug)]
pub(super) enum Held {
    /// A request, with what its transaction will be.
    Request {
        key: ClientKey,
        method: Method,
        branch: Box<str>,
        bytes: Bytes,
        /// It was taken back while it waited.
        is_cancelled: bool,
    },
    /// The ACK of a 2xx.
    Ack(Bytes),
}

impl Names {
    /// How many messages wait.
    pub(super) const fn len(&self) -> usize {
        self.held
    }

    fn request_mut(&mut self, wanted: ClientKey) -> Option<&mut bool> {
        let messages = self.waiting.values_mut().flat_map(|waiting| &mut waiting.messages);
        messages
            .filter_map(|held| match held {
                Held::Request { key, is_cancelled, .. } if *key == wanted => Some(is_cancelled),
                Held::Request { .. } | Held::Ack(_) => None,
            })
            .next()
    }

    /// Takes back a request that waits. Returns whether there was one.
    pub(super) fn cancel(&mut self, key: ClientKey) -> bool {
        self.held > 0 && self.request_mut(key).map(|is_cancelled| *is_cancelled = true).is_some()
    }

    /// Forgets a request that waits. Returns whether there was one.
    pub(super) fn abandon(&mut self, wanted: ClientKey) -> bool {
        if self.held == 0 {
            return false;
        }
        let before = self.held;
        for waiting in self.waiting.values_mut() {
            waiting
                .messages
                .retain(|held| !matches!(held, Held::Request { key, .. } if *key == wanted));
        }
        self.held = self.waiting.values().map(|waiting| waiting.messages.len()).sum();
        self.held < before
    }
}

impl Transactions {
    /// Keeps a message back until it is known where it goes.
    pub(super) fn hold(&mut self, heading: Heading, held: Held, now: Instant) {
        let Heading::Name { uri, host, otherwise } = &heading else {
            return self.release(held, heading.flow(), &[heading.flow()], now);
        };
        let has_room = self.names.held < MOST_HELD;
        let has_room_for_name = has_room && self.names.waiting.len() < MOST_NAMES;
        let known = self.names.waiting.iter_mut().find(|(_, waiting)| waiting.heading == heading);
        match known {
            Some((_, waiting)) if has_room => waiting.messages.push_back(held),
            None if has_room_for_name => {
                let (uri, host) = (uri.clone(), *host);
                let name = NameKey(self.next_key());
                self.outputs.push_back(TransactionOutput::Locate { name, uri, host });
                self.deadlines.set(Due::Name(name), now + PATIENCE);
                self.names.waiting.insert(name, Waiting { heading, messages: [held].into() });
            }
            Some(_) | None => {
                let otherwise = *otherwise;
                return self.release(held, otherwise, &[otherwise], now);
            }
        }
        self.names.held += 1;
    }

    /// A name leads to these places, the preferred one first, or nowhere: what waited for it goes.
    pub fn handle_located(&mut self, name: NameKey, places: &[Flow], now: Instant) {
        // The DNS may answer after its time.
        let Some(Waiting { heading, messages }) = self.names.waiting.remove(&name) else { return };
        self.deadlines.cancel(&Due::Name(name));
        self.names.held -= messages.len();
        let written_for = heading.flow();
        let places = if places.is_empty() { &[written_for] } else { places };
        for held in messages {
            self.release(held, written_for, places, now);
        }
    }

    /// Sends a message that waited.
    fn release(&mut self, held: Held, written_for: Flow, places: &[Flow], now: Instant) {
        match held {
            Held::Ack(bytes) => self.acknowledge_at(bytes, written_for, places, now),
            Held::Request { key, method, branch, bytes, is_cancelled } => {
                let places = places.iter().copied().collect();
                let journey = Journey { method, branch, bytes, written_for, places, left: 0 };
                self.set_out(key, journey, now);
                if is_cancelled {
                    self.cancel(key, now);
                }
            }
        }
    }
}
