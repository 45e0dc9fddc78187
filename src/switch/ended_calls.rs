//! A short memory of calls that are over: stopping an ended stream succeeds and changes nothing, also after its call.

use std::collections::{HashMap, VecDeque};

use crate::command::{Accepted, Denied, StreamStatus, Target, Verb};
use crate::id::CallId;

/// How many ended calls are remembered: ten seconds of a hundred calls a second.
const REMEMBERED: usize = 1_000;

/// The streams of the last ended calls.
#[derive(Debug, Default)]
pub(super) struct EndedCalls {
    order: VecDeque<CallId>,
    streams: HashMap<CallId, Vec<StreamStatus>>,
}

impl EndedCalls {
    /// Calls without streams have nothing to be asked about.
    pub(super) fn remember(&mut self, call: CallId, streams: Vec<StreamStatus>) {
        if streams.is_empty() {
            return;
        }
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.streams.remove(&oldest);
        }
        self.order.push_back(call);
        self.streams.insert(call, streams);
    }

    /// The answer to a command for a call that is not alive.
    pub(super) fn answer(&self, call: CallId, verb: &Verb) -> Result<Accepted, Denied> {
        let (Verb::Stop(target) | Verb::Status(target)) = verb else {
            return Err(Denied::NoSuchCall);
        };
        let streams = self.streams.get(&call).ok_or(Denied::NoSuchCall)?;
        let meant = |status: &&StreamStatus| match target {
            Target::Id(id) => status.stream == *id,
            Target::Label(label) => status.label.as_ref() == Some(label),
            Target::All => false,
        };
        let found: Vec<_> = streams.iter().filter(meant).cloned().collect();
        match target {
            Target::Id(_) | Target::Label(_) if found.is_empty() => Err(Denied::NoSuchStream),
            Target::Id(_) | Target::Label(_) | Target::All => {
                Ok(Accepted { streams: found, changed: false })
            }
        }
    }
}
