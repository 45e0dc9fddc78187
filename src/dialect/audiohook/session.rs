//! One session after the other: ids and the counters of both sides.

use super::{Continued, Telling, Told, VERSION};
use crate::dialect::{Message, names};
use crate::id::{SinkName, StreamId};

/// Sessions that are listed when a stream comes back.
const CONTINUED_LIMIT: usize = 16;

/// The session of a connection, and the ones before it.
#[derive(Debug)]
pub(super) struct Session {
    number: u32,
    id: String,
    seq: u64,
    serverseq: u64,
    continued: Vec<Continued>,
}

impl Session {
    /// The first one of a stream.
    pub(super) fn first(stream: StreamId, sink: &SinkName) -> Session {
        Session { number: 1, id: id(stream, sink, 1), seq: 0, serverseq: 0, continued: Vec::new() }
    }

    /// Another one for another connection. An attempt that came to nothing was no session.
    pub(super) fn renew(&mut self, stream: StreamId, sink: &SinkName) {
        if self.seq == 0 {
            return;
        }
        self.number += 1;
        let id = std::mem::replace(&mut self.id, id(stream, sink, self.number));
        let (serverseq, clientseq) = (self.serverseq, self.seq);
        self.continued.push(Continued { id, serverseq, clientseq });
        let surplus = self.continued.len().saturating_sub(CONTINUED_LIMIT);
        self.continued.drain(..surplus);
        (self.seq, self.serverseq) = (0, 0);
    }

    /// A UUID.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Our last message's number.
    pub(super) const fn seq(&self) -> u64 {
        self.seq
    }

    /// The sessions before this one, the oldest first.
    pub(super) fn continued(&self) -> &[Continued] {
        &self.continued
    }

    /// The server's message `seq` has come.
    pub(super) const fn heard(&mut self, seq: u64) {
        self.serverseq = seq;
    }

    /// Our next message.
    pub(super) fn telling(&mut self, told: Told, position: String) -> Message {
        self.seq += 1;
        Telling {
            version: VERSION.to_owned(),
            id: self.id.clone(),
            told,
            seq: self.seq,
            serverseq: self.serverseq,
            position,
        }
        .message()
    }
}

/// A stream may go to several sinks.
fn id(stream: StreamId, sink: &SinkName, number: u32) -> String {
    names::hashed_uuid(&["session", &stream.to_string(), sink.as_str(), &number.to_string()])
}

/// `units` of a clock of `rate` units per second, in seconds: `PT1.02S`.
pub fn duration(units: u64, rate: u64) -> String {
    let micros = u128::from(units) * 1_000_000 / u128::from(rate.max(1));
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let fraction = format!("{rest:06}");
    match fraction.trim_end_matches('0') {
        "" => format!("PT{seconds}S"),
        fraction => format!("PT{seconds}.{fraction}S"),
    }
}
