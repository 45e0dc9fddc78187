//! Everything that can be asked of a call, and why it may be denied.
//!
//! SIP INFO, REST, the contact API, flow blocks, the dial plan and the sink itself all become one [`Command`] and go
//! through one function, `Call::handle_command`, which answers [`Accepted`] or [`Denied`].

mod attributes;
mod denied;

pub use attributes::Attributes;
pub use denied::Denied;

use std::fmt;

use crate::id::{LegId, RequestId, SinkName, StreamId, Track, Tracks};
use crate::time::{Duration, MediaTime};

/// One request to change (or read) the streams of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who asks twice with the same id gets the first answer again and changes nothing.
    pub request: RequestId,
    /// Which door it came through.
    pub origin: Origin,
    /// What is asked.
    pub verb: Verb,
}

/// The door that a command came through, or the party that caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A SIP INFO inside the dialog of this leg.
    Info(LegId),
    /// The native REST interface.
    Rest,
    /// The contact API.
    ContactApi,
    /// A contact-flow block.
    Flow,
    /// A dial-plan rule.
    DialPlan,
    /// The stream's own sink.
    Sink,
    /// A SIP request of this leg (BYE, re-INVITE) or its media.
    Leg(LegId),
    /// The switch itself: a timer, a limit, a shutdown.
    Switch,
}

/// What is asked of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Begin a new stream.
    Start(StartStream),
    /// End streams. Stopping an ended stream succeeds and changes nothing.
    Stop(Target),
    /// Keep the sink and the clock, copy nothing.
    Pause(Target),
    /// Go on copying.
    Resume(Target),
    /// Silence one track.
    Mute(Target, Track),
    /// Let one track be heard again.
    Unmute(Target, Track),
    /// Put a named mark on the stream's clock.
    Mark(Target, String),
    /// Change nothing, tell the state.
    Status(Target),
    /// Give the stream to one sink more, from here on.
    SelectTerminal(Target, SinkName),
    /// Take a sink from the stream, which goes on without it.
    UnselectTerminal(Target, SinkName),
    /// Connect one party with somebody new, in the other one's place.
    Transfer(Transfer),
    /// Say more of the contact: each name has its new value.
    SetAttributes(Attributes),
    /// End the call itself.
    HangUp,
}

/// What a transfer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Who is called: a number, or a `sip:` or `tel:` URI. The dial plan decides where it leads.
    pub to: String,
    /// The leg that leaves; `None` means the one that talks with the customer.
    pub leg: Option<LegId>,
}

/// What a start asks for. A sink is a name, never an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartStream {
    /// Where it goes.
    pub sinks: Sinks,
    /// Which tracks are copied.
    pub tracks: Tracks,
    /// A name that the requester may use for the stream afterwards, unique among the call's live streams.
    pub label: Option<String>,
    /// How a paused stretch looks at the sink; `None` takes [`PauseAs::Omit`].
    pub pause_as: Option<PauseAs>,
    /// How long its clock may run; `None` takes the shortest that its sinks are configured with.
    pub max_duration: Option<Duration>,
    /// Whether it begins with the first early media, and not with the answer.
    pub early_media: bool,
    /// Whether its sinks are told that a key was pressed, and not which.
    pub redact_dtmf: bool,
}

impl Default for StartStream {
    /// What the customer says, to the default sink.
    fn default() -> Self {
        StartStream {
            sinks: Sinks::Default,
            tracks: Tracks::From,
            label: None,
            pause_as: None,
            max_duration: None,
            early_media: false,
            redact_dtmf: false,
        }
    }
}

/// Where a new stream goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sinks {
    /// The configured default.
    #[default]
    Default,
    /// These, each as a terminal of its own.
    These(Vec<SinkName>),
    /// Nowhere yet: terminals are selected later.
    Later,
}

/// In words, for a person.
impl fmt::Display for Sinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sinks::Default => f.write_str("the default sink"),
            Sinks::Later => f.write_str("no sink yet"),
            Sinks::These(sinks) => {
                let names: Vec<&str> = sinks.iter().map(SinkName::as_str).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

impl From<&str> for Sinks {
    fn from(name: &str) -> Self {
        Sinks::These(vec![name.into()])
    }
}

/// How a paused stretch looks at the sink. The timeline holds either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PauseAs {
    /// A typed gap: no frames, and the next frame's position tells how long it was.
    #[default]
    Omit,
    /// Frames of zero samples.
    Silence,
}

/// Which of a call's streams is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The stream with this id.
    Id(StreamId),
    /// The stream that was started under this label: the live one, or the last that ended.
    Label(String),
    /// Every live stream of the call.
    All,
}

/// The answer of the door when it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The streams that the command was about, as they are after it. Empty for a hang-up and a transfer, and for a stop of nothing.
    pub streams: Vec<StreamStatus>,
    /// Whether anything was changed; a repeated stop changes nothing.
    pub changed: bool,
}

/// A stream as the door tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// The stream's id.
    pub stream: StreamId,
    /// The requester's label.
    pub label: Option<String>,
    /// The sinks that it goes to, in order of their selection; of an ended stream, those that it had.
    pub sinks: Vec<SinkName>,
    /// The state after the command.
    pub state: StreamState,
    /// Where the stream's clock stands (for an ended stream: where it stopped).
    pub media_time: MediaTime,
}

/// The states of a stream, as the world sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamState {
    /// Accepted; the sink is being connected or media has not begun.
    Armed,
    /// Audio is copied.
    Active,
    /// The sink is kept, the clock runs, nothing is copied.
    Paused,
    /// Final.
    Ended,
}

impl StreamState {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            StreamState::Armed => "armed",
            StreamState::Active => "active",
            StreamState::Paused => "paused",
            StreamState::Ended => "ended",
        }
    }
}
