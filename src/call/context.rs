//! What a call may reach while it handles one input: everything comes in as an argument, and everything goes out as an [`Effect`].

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::in_flow::Cue;
use super::owners::Owners;
use super::redirect::{Contact, Redirector};
use super::settings::{Settings, SinkLimits};
use super::sink_port::{SinkCommand, StreamFigures};
use super::target::Redirects;
use super::tokens::Tokens;
use crate::command::Denied;
use crate::event::Event;
use crate::id::{LegId, SinkName, TerminalId};
use crate::locate::{Failures, LookupId};
use crate::media::{MediaCommand, PortFigures, PortPool};
use crate::sip::Flow;
use crate::sip::transaction::Transactions;
use crate::time::Instant;
use crate::trunk::Channels;

/// The surroundings of a call for the time of one input.
#[derive(Debug)]
pub struct Context<'a> {
    /// When the input came.
    pub now: Instant,
    /// The settings of all calls.
    pub settings: &'a Settings,
    /// The transaction layer.
    pub transactions: &'a mut Transactions,
    /// Who owns what, so that the next input finds its call.
    pub owners: &'a mut Owners,
    /// The UDP ports that may be opened.
    pub ports: &'a mut PortPool,
    /// How many streams each sink serves.
    pub sinks: &'a mut SinkPool,
    /// The places that failed a short while ago.
    pub failures: &'a mut Failures,
    /// The channels of the trunks.
    pub channels: &'a mut Channels,
    /// Chance.
    pub tokens: &'a mut Tokens,
    /// What is to be done, in order.
    pub effects: &'a mut VecDeque<Effect>,
}

/// What a call wants done outside of itself.
#[derive(Debug)]
pub enum Effect {
    /// Send a SIP message that no transaction repeats: a 2xx or reliable response that goes again.
    Send {
        /// Where to.
        flow: Flow,
        /// The message.
        bytes: Bytes,
    },
    /// Find where a URI leads; the answer comes by [`Call::handle_located`](super::Call::handle_located).
    Locate {
        /// Comes back with the answer.
        lookup: LookupId,
        /// The URI.
        uri: String,
    },
    /// Find which Contacts of a 3xx may be tried; the answer comes by
    /// [`Call::handle_redirected`](super::Call::handle_redirected).
    Redirect {
        /// Comes back with the answer.
        lookup: LookupId,
        /// The Contacts, the preferred first.
        contacts: Vec<Contact>,
        /// Who sent them.
        by: Redirector,
        /// Which of them may be followed.
        policy: Redirects,
    },
    /// Change the media plane.
    Media(MediaCommand),
    /// Change a sink.
    Sink(SinkCommand),
    /// Tell whoever records for a terminal that the customer talks with somebody else.
    AgentChanged {
        /// The terminal.
        terminal: TerminalId,
        /// The new party: the user part of its address.
        agent: String,
    },
    /// Tell the flow that has the customer.
    Cue(Cue),
    /// Tell the world.
    Event(Event),
    /// Count a session description that was refused because of the address that it names.
    MediaAddressRefused,
    /// Show how a leg's media is doing.
    PortFigures {
        /// The leg.
        leg: LegId,
        /// Its counters.
        figures: PortFigures,
    },
    /// Show how a terminal of a stream is doing.
    TerminalFigures {
        /// The terminal.
        terminal: TerminalId,
        /// Its counters.
        figures: StreamFigures,
    },
}

/// How many terminals of live streams each sink serves, and may.
#[derive(Debug, Default)]
pub struct SinkPool {
    sinks: BTreeMap<SinkName, (SinkLimits, usize)>,
}

impl SinkPool {
    /// The pool of these sinks, all idle.
    pub fn new(sinks: &BTreeMap<SinkName, SinkLimits>) -> Self {
        SinkPool {
            sinks: sinks.iter().map(|(name, limits)| (name.clone(), (*limits, 0))).collect(),
        }
    }

    /// Takes a place at `sink`.
    pub(super) fn acquire(&mut self, sink: &SinkName) -> Result<(), Denied> {
        let (limits, live) = self.sinks.get_mut(sink).ok_or(Denied::NoSuchSink)?;
        if *live >= limits.max_streams {
            return Err(Denied::SinkPoolFull);
        }
        *live += 1;
        Ok(())
    }

    /// Gives the place back.
    pub fn release(&mut self, sink: &SinkName) {
        if let Some((_, live)) = self.sinks.get_mut(sink) {
            *live = live.saturating_sub(1);
        }
    }

    /// How many live streams all sinks serve.
    pub fn live(&self) -> usize {
        self.sinks.values().map(|(_, live)| live).sum()
    }
}
