//! The memory that makes a repeated request harmless.

use std::collections::VecDeque;

use crate::command::{Accepted, Command, Denied, Origin, Verb};
use crate::id::RequestId;

/// How many requests of a call are remembered: at ten a second, more than any retry of a client lasts.
const REMEMBERED: usize = 128;

/// The last requests of a call with the answers that they got.
#[derive(Debug, Default)]
pub(super) struct RequestsSeen {
    seen: VecDeque<Seen>,
}

#[derive(Debug)]
struct Seen {
    request: RequestId,
    origin: Origin,
    verb: Verb,
    answer: Result<Accepted, Denied>,
}

impl RequestsSeen {
    /// The answer that this very request got before; [`Denied::RequestReused`] when its id was used for another one.
    /// Each door numbers its requests for itself.
    pub(super) fn answer(&self, command: &Command) -> Option<Result<Accepted, Denied>> {
        let seen = self
            .seen
            .iter()
            .find(|seen| seen.request == command.request && seen.origin == command.origin)?;
        Some(if seen.verb == command.verb {
            seen.answer.clone()
        } else {
            Err(Denied::RequestReused)
        })
    }

    pub(super) fn remember(&mut self, command: Command, answer: Result<Accepted, Denied>) {
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        let Command { request, origin, verb } = command;
        self.seen.push_back(Seen { request, origin, verb, answer });
    }
}
