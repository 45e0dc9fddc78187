//! The terminals of a stream: its sinks, each with a ring, a timeline and an account of its own, so that none can touch another.

use std::sync::Arc;

use crate::command::{Denied, Origin};
use crate::event::{Cause, Manifest};
use crate::id::SinkName;

/// So many sinks get one stream at once.
const MAX_LIVE: usize = 8;

/// So many a stream may have had: it remembers the account of each.
const MAX_EVER: usize = 64;

/// One sink of a stream.
#[derive(Debug)]
pub(in crate::call) struct Terminal {
    pub(in crate::call) number: u16,
    pub(in crate::call) sink: SinkName,
    pub(in crate::call) stage: Stage,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::call) enum Stage {
    /// The call's media has not begun: neither tap nor sink is there.
    Waiting,
    /// A tap and the sink are open.
    Open,
    /// Told to the sink, whose account is awaited.
    Closing {
        /// Who asked for it.
        origin: Origin,
    },
    /// It has given its account, or never will.
    Over {
        /// Why.
        cause: Cause,
        /// The account.
        manifest: Option<Arc<Manifest>>,
    },
}

impl Terminal {
    /// Whether samples go to it, or will.
    pub(in crate::call) fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Open)
    }

    /// Whether a tap and a sink are open for it, so that controls reach somebody.
    pub(in crate::call) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether nothing of it is awaited.
    pub(in crate::call) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over { .. })
    }
}

/// The terminals in order of their selection.
#[derive(Debug, Default)]
pub(in crate::call) struct Terminals(Vec<Terminal>);

impl Terminals {
    /// Whether a further sink could be selected.
    pub(in crate::call) fn admit(&self, sink: &SinkName) -> Result<(), Denied> {
        if self.live().any(|terminal| terminal.sink == *sink) {
            return Err(Denied::TerminalInUse);
        }
        if self.live().count() >= MAX_LIVE || self.0.len() >= MAX_EVER {
            return Err(Denied::TooManyTerminals);
        }
        Ok(())
    }

    /// One more. Returns its number.
    pub(in crate::call) fn add(&mut self, sink: SinkName) -> u16 {
        let number = u16::try_from(self.0.len()).expect("admit() bounds the terminals of a stream");
        self.0.push(Terminal { number, sink, stage: Stage::Waiting });
        number
    }

    /// All of them, those that are over included.
    pub(in crate::call) fn all(&self) -> impl Iterator<Item = &Terminal> {
        self.0.iter()
    }

    /// Those to which samples go, or will.
    pub(in crate::call) fn live(&self) -> impl Iterator<Item = &Terminal> {
        self.0.iter().filter(|terminal| terminal.is_live())
    }

    pub(in crate::call) fn get_mut(&mut self, number: u16) -> Option<&mut Terminal> {
        self.0.get_mut(usize::from(number))
    }

    /// The sinks that a status names: the live ones, or when there are none left all that there were.
    pub(super) fn sinks(&self, ended: bool) -> Vec<SinkName> {
        let shown = self.0.iter().filter(|terminal| ended || terminal.is_live());
        shown.map(|terminal| terminal.sink.clone()).collect()
    }

    /// The accounts that were given.
    pub(in crate::call) fn manifests(&self) -> Vec<Arc<Manifest>> {
        let account = |terminal: &Terminal| match &terminal.stage {
            Stage::Over { manifest, .. } => manifest.clone(),
            Stage::Waiting | Stage::Open | Stage::Closing { .. } => None,
        };
        self.0.iter().filter_map(account).collect()
    }

    /// Whether one of them ended for this cause.
    pub(super) fn any_ended_by(&self, wanted: Cause) -> bool {
        let ended_so = |terminal: &Terminal| match terminal.stage {
            Stage::Over { cause, .. } => cause == wanted,
            Stage::Waiting | Stage::Open | Stage::Closing { .. } => false,
        };
        self.0.iter().any(ended_so)
    }
}
