//! What a call tells the sinks, and what the sinks tell the call.
//!
//! For each [`SinkCommand::Open`] there is exactly one [`SinkEvent::Finished`], whatever happens to the sink in between.

use std::sync::Arc;

use super::recorder_port::{RecordingAsk, RecordingNews};
use crate::command::PauseAs;
use crate::event::{Cause, Delivery, Manifest, SpanKind};
use crate::id::{CallId, SinkName, TerminalId, Track, Tracks};
use crate::media::{Control, PayloadMap, TapReader, VoiceWriter};
use crate::time::Instant;

/// What a call asks of the sinks.
#[derive(Debug)]
pub enum SinkCommand {
    /// Connect the sink and give it what the tap's ring holds.
    Open(Box<StreamPlan>),
    /// Change what the sink is given from moment `at` on.
    Control {
        /// The terminal.
        terminal: TerminalId,
        /// The moment of the change on the stream's clock.
        at: Instant,
        /// The change.
        control: Control,
    },
    /// How the terminal's recording session stands.
    Recording {
        /// The terminal.
        terminal: TerminalId,
        /// The news.
        news: RecordingNews,
    },
    /// End the terminal: nothing recorded later than `at` is given.
    Close {
        /// The terminal.
        terminal: TerminalId,
        /// The end of the stream's clock.
        at: Instant,
        /// Why it ends; given back in [`SinkEvent::Finished`].
        cause: Cause,
    },
}

/// Everything that a sink needs to know of a terminal before its first sample.
#[derive(Debug)]
pub struct StreamPlan {
    /// The call.
    pub call: CallId,
    /// The terminal.
    pub terminal: TerminalId,
    /// The requester's name for the stream.
    pub label: Option<String>,
    /// The configured sink that gets it.
    pub sink: SinkName,
    /// What is copied.
    pub tracks: Tracks,
    /// How a paused stretch looks at the sink.
    pub pause_as: PauseAs,
    /// Whether the sink is told that a key was pressed, and not which.
    pub redact_dtmf: bool,
    /// Which codec each payload type of the customer's leg means at the start; later ones come as [`Control::Payloads`].
    pub payloads: PayloadMap,
    /// Sample position 0 of both tracks.
    pub start: Instant,
    /// When the terminal was selected: from here on it gets samples. What lies before is a `paused` span.
    pub begin: Instant,
    /// Where the copied packets come out.
    pub reader: TapReader,
    /// What the sink says goes into each of these, one for each hearer; none for a sink that only listens.
    pub voices: Vec<VoiceWriter>,
    /// User part of the caller's address.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// Whom the customer talks with: the user part of its address.
    pub agent: String,
    /// The contact's attributes, told to the sink in this order.
    pub attributes: Vec<(String, String)>,
}

/// What a sink tells the call that owns the terminal.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkEvent {
    /// The sink is connected and has been greeted.
    Connected {
        /// The terminal.
        terminal: TerminalId,
    },
    /// The first audio was given to the sink.
    Flowing {
        /// The terminal.
        terminal: TerminalId,
    },
    /// The connection was lost and is being sought again.
    Lost {
        /// The terminal.
        terminal: TerminalId,
        /// What went wrong, for a person.
        reason: String,
    },
    /// The connection that was lost is there again.
    Back {
        /// The terminal.
        terminal: TerminalId,
    },
    /// Audio was given up because the sink did not take it in time. Summed up: at most one per track and second.
    Discarded {
        /// The terminal.
        terminal: TerminalId,
        /// Of which track.
        track: Track,
        /// How many samples at the stream's rate.
        samples: u64,
    },
    /// The sink itself asks for a change.
    Asked {
        /// The terminal.
        terminal: TerminalId,
        /// What it asks.
        verb: SinkAsk,
    },
    /// The terminal wants something of its recording session; such an ask is the switch's business and no call's.
    Recording {
        /// The terminal.
        terminal: TerminalId,
        /// What it wants.
        ask: RecordingAsk,
    },
    /// How the stream is doing, each second.
    Figures {
        /// The terminal.
        terminal: TerminalId,
        /// The sums since its start.
        figures: StreamFigures,
    },
    /// The terminal has left the sink room; exactly one per [`SinkCommand::Open`], and the last event of the terminal for its call.
    Finished {
        /// The terminal.
        terminal: TerminalId,
        /// Why: the cause of the close, or what befell the sink.
        cause: Cause,
        /// The account of every sample; `None` when no timeline was ever begun (the sink's name is unknown, its pool is full).
        manifest: Option<Arc<Manifest>>,
    },
    /// What becomes of what the sink is owed. It is the server's and not the call's, and comes behind the terminal's
    /// [`Finished`](SinkEvent::Finished).
    Delivery(Delivery),
}

impl SinkEvent {
    /// The terminal it is about.
    pub const fn terminal(&self) -> TerminalId {
        match self {
            SinkEvent::Connected { terminal }
            | SinkEvent::Flowing { terminal }
            | SinkEvent::Lost { terminal, .. }
            | SinkEvent::Back { terminal }
            | SinkEvent::Discarded { terminal, .. }
            | SinkEvent::Asked { terminal, .. }
            | SinkEvent::Recording { terminal, .. }
            | SinkEvent::Figures { terminal, .. }
            | SinkEvent::Finished { terminal, .. } => *terminal,
            SinkEvent::Delivery(delivery) => delivery.terminal,
        }
    }
}

/// What a sink may ask of its own stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkAsk {
    /// End it.
    Stop,
    /// Withhold samples.
    Pause,
    /// Go on.
    Resume,
    /// Put a named mark on the clock.
    Mark(String),
}

/// How a stream is doing: sums since its start, except for the delay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamFigures {
    /// Frames given to the sink.
    pub frames: u64,
    /// Bytes given to the sink, headers of its dialect included.
    pub bytes: u64,
    /// Samples given to the sink, both tracks together.
    pub samples: u64,
    /// The sample position up to which the sink has acknowledged every track; `None` if its dialect has no acknowledgement or
    /// none came.
    pub acknowledged: Option<u64>,
    /// How many times the sink was lost and came back.
    pub reconnects: u64,
    /// Samples given up because the sink did not take them in time.
    pub discarded_samples: u64,
    /// Samples that the sink said to the parties.
    pub said_samples: u64,
    /// Samples that it said and that were given up, because too much waited to be heard.
    pub unsaid_samples: u64,
    /// RTP packets that were taken from the tap, both tracks together.
    pub packets: u64,
    /// Samples of each kind of span so far, both tracks together, in the order of [`SpanKind::ALL`].
    pub spans: [u64; SpanKind::ALL.len()],
    /// How long audio that left in the last second was under way in here at most, from its packet's arrival.
    pub delay_ms: u64,
    /// How long the oldest frame that waits for the sink has waited.
    pub lag_ms: u64,
    /// Bytes that are spooled for the sink, in memory.
    pub spooled_memory_bytes: u64,
    /// Bytes that are spooled for the sink, on disk.
    pub spooled_disk_bytes: u64,
}
