//! Everything a call tells, each with its cause.
//!
//! One bus: events of a call are strictly ordered by `seq`, a call ends with exactly one [`Kind::CallEnded`], and each of its
//! streams ends with exactly one [`Kind::StreamEnded`], which comes before it. What a sink is owed beyond that is told by the server as
//! [`Delivery`].

mod delivery;
mod manifest;

use std::sync::Arc;

pub use delivery::{Delivery, DeliveryOutcome};
pub use manifest::{
    KeyPress, Manifest, ManifestError, SenderReports, Span, SpanKind, TrackManifest,
};

use crate::command::{Attributes, Denied, Origin};
use crate::id::{CallId, LegId, SinkName, StreamId, Track, Tracks};
use crate::time::{Instant, MediaTime};

/// One change, told once.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The call it happened in.
    pub call: CallId,
    /// The stream it is about, if it is about one.
    pub stream: Option<StreamId>,
    /// Counts from 1 within the call, without a gap.
    pub seq: u64,
    /// When it happened.
    pub at: Instant,
    /// Where the stream's clock stood.
    pub media_time: Option<MediaTime>,
    /// What happened.
    pub kind: Kind,
    /// Why.
    pub cause: Cause,
    /// Who caused it.
    pub origin: Origin,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// An INVITE was accepted for routing.
    CallInitiated {
        /// User part of the caller's address.
        from: String,
        /// What was dialled.
        to: String,
    },
    /// A leg joined the call.
    LegAdded {
        /// Its number.
        leg: LegId,
        /// Who is at its other end: the user part or the test number.
        party: String,
    },
    /// A leg left the call.
    LegRemoved {
        /// Its number.
        leg: LegId,
    },
    /// The called party is being alerted.
    CallRinging,
    /// Audio flows before the answer.
    CallEarlyMedia,
    /// The call was answered.
    CallAnswered,
    /// This leg put the other party on hold.
    LegHeld {
        /// The leg that asked for the hold.
        leg: LegId,
    },
    /// This leg took the other party back.
    LegResumed {
        /// The leg that asked.
        leg: LegId,
    },
    /// A leg is to be replaced: by its own REFER, by a REFER or INVITE with Replaces, or by command.
    TransferStarted {
        /// The leg that is to leave.
        leg: LegId,
        /// Whom the others are to be connected with: the user part of the address, or the number.
        to: String,
    },
    /// The others are connected with the new party.
    TransferCompleted {
        /// The leg that took the place.
        leg: LegId,
    },
    /// The new party was not reached; who is still there goes on as before.
    TransferFailed {
        /// The final SIP status, as the transferor is told it.
        status: u16,
    },
    /// A key was pressed (RFC 4733 event, or INFO).
    Dtmf {
        /// The leg that sent it.
        leg: LegId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
    },
    /// More is known of the contact.
    AttributesChanged {
        /// The names that have a new value, with that.
        attributes: Attributes,
    },
    /// A contact flow begins to run.
    FlowStarted {
        /// Its id.
        flow: String,
        /// Its type, as the contact API names it.
        flow_type: &'static str,
    },
    /// A block of it was left.
    FlowStep(Box<FlowStep>),
    /// It is over.
    FlowEnded {
        /// The flow that it ended in.
        flow: String,
        /// How, in words.
        result: String,
        /// Whether it could not go on.
        failed: bool,
    },
    /// The call is over; nothing of it follows.
    CallEnded {
        /// The final SIP status towards the customer; 200 for an answered call.
        status: u16,
        /// How it ended, in the field's words.
        outcome: Outcome,
    },
    /// A start was accepted.
    StreamArmed {
        /// Where it goes: one terminal each, numbered in this order.
        sinks: Vec<SinkName>,
        /// What is copied.
        tracks: Tracks,
        /// The requester's name for it.
        label: Option<String>,
    },
    /// Audio flows to the sink: at first, after a resume, after the sink or the RTP came back.
    StreamActive,
    /// Paused by request, or silent because no RTP arrives (cause [`Cause::MediaTimeout`]).
    StreamPaused,
    /// A pause from before the first audio was lifted: the stream is armed again.
    StreamResumed,
    /// One track is muted.
    StreamMuted(Track),
    /// One track is heard again.
    StreamUnmuted(Track),
    /// A mark was put on the clock.
    StreamMarked(String),
    /// A change was asked for and denied.
    StreamDenied(Denied),
    /// One sink more gets the stream from here on.
    TerminalSelected {
        /// Its number.
        terminal: u16,
        /// The sink.
        sink: SinkName,
    },
    /// A sink was taken from the stream, or lost for good, and the stream goes on without it.
    TerminalEnded {
        /// Its number.
        terminal: u16,
        /// The sink.
        sink: SinkName,
        /// The account of every sample; `None` when it was never opened.
        manifest: Option<Arc<Manifest>>,
    },
    /// The sink was lost and is being sought again.
    SinkLost {
        /// Which.
        sink: SinkName,
        /// What went wrong, for a person.
        reason: String,
    },
    /// Audio was given up by policy.
    StreamDiscarded {
        /// By which sink.
        sink: SinkName,
        /// Of which track.
        track: Track,
        /// How many samples at the stream's rate.
        samples: u64,
    },
    /// The terminal event of a stream.
    StreamEnded {
        /// One account of every sample for each terminal that was opened, in their order.
        manifests: Vec<Arc<Manifest>>,
    },
}

/// A block that a flow ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowStep {
    /// The flow, by its id.
    pub flow: String,
    /// The block's identifier in the document.
    pub block: String,
    /// The block's type.
    pub block_type: &'static str,
    /// The branch that was taken.
    pub branch: String,
    /// What it came to, in words. Stored input never shows here.
    pub result: String,
}

/// How a call ended, in the field's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was answered, and then hung up.
    Completed,
    /// The called party was busy.
    Busy,
    /// Nobody answered in time.
    NoAnswer,
    /// The caller gave up first.
    Cancelled,
    /// Anything else.
    Failed,
}

/// Why something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Somebody asked (the event's origin tells who).
    Request,
    /// A party hung up, or the call ended.
    HangUp,
    /// The sink could not be reached.
    ConnectFailed,
    /// The sink broke its protocol.
    SinkProtocol,
    /// The sink went away and did not come back in time.
    SinkLost,
    /// No RTP for the configured time.
    MediaTimeout,
    /// RTP, or the sink, is back.
    MediaRecovered,
    /// A limit or a delivery policy.
    Policy,
    /// The stream has run as long as it may.
    MaxDuration,
    /// The stream ended without having carried audio.
    NotUsed,
    /// The peer's SIP answer.
    Rejected,
    /// A SIP timer ran out.
    Timeout,
    /// The server is stopping.
    Shutdown,
    /// The server died; what it had spooled is delivered by its successor.
    ServerLost,
    /// An error in this program ended this call, and no other.
    Bug,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 15] = [
        Cause::Request,
        Cause::HangUp,
        Cause::ConnectFailed,
        Cause::SinkProtocol,
        Cause::SinkLost,
        Cause::MediaTimeout,
        Cause::MediaRecovered,
        Cause::Policy,
        Cause::MaxDuration,
        Cause::NotUsed,
        Cause::Rejected,
        Cause::Timeout,
        Cause::Shutdown,
        Cause::ServerLost,
        Cause::Bug,
    ];

    /// The cause of that name.
    pub fn from_name(name: &str) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| cause.as_str() == name)
    }

    /// Its name, in lower snake case: what every door and dialect writes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::Request => "request",
            Cause::HangUp => "hang_up",
            Cause::ConnectFailed => "connect_failed",
            Cause::SinkProtocol => "sink_protocol",
            Cause::SinkLost => "sink_lost",
            Cause::MediaTimeout => "media_timeout",
            Cause::MediaRecovered => "media_recovered",
            Cause::Policy => "policy",
            Cause::MaxDuration => "max_duration",
            Cause::NotUsed => "not_used",
            Cause::Rejected => "rejected",
            Cause::Timeout => "timeout",
            Cause::Shutdown => "shutdown",
            Cause::ServerLost => "server_lost",
            Cause::Bug => "bug",
        }
    }
}
