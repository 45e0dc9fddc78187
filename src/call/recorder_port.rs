//! What a sink that is a session recording server has to say, by way of the sink room, to whoever speaks SIP for it.
//!
//! The sink room owns the sockets that the audio leaves by, the list of servers and the rules for destinations; a recording session's
//! dialog is the business of the `siprec` room, which the switch drives. Neither knows the other: this is all that they exchange.

use std::net::SocketAddr;

use crate::id::{CallId, Track};
use crate::sip::Transport;
use crate::time::Duration;
use crate::trunk::Account;

/// What a terminal wants of its recording session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingAsk {
    /// Begin one; an earlier one of the terminal ends with that.
    Begin(Box<RecordingPlan>),
    /// End it.
    End,
    /// From here on these tracks are sent, by [`Track::index`]: a pause, a mute, and their ends.
    Send([bool; 2]),
}

/// A recording session that is to begin at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingPlan {
    /// Counts the terminal's sessions; all news of this one carries it.
    pub attempt: u32,
    /// The call that is recorded.
    pub call: CallId,
    /// The customer: the user part of its address.
    pub customer: String,
    /// Whom the customer talks with.
    pub agent: String,
    /// The server's SIP URI.
    pub server: String,
    /// Its host, as a certificate names it.
    pub host: String,
    /// What it is reached over.
    pub transport: Transport,
    /// The one address of it that was judged.
    pub remote: SocketAddr,
    /// What it may be shown when it asks who we are.
    pub account: Option<Account>,
    /// What is recorded, in the order of the media lines.
    pub tracks: Vec<RecordedTrack>,
    /// What the audio looks like.
    pub format: RecordedFormat,
    /// Which tracks are sent at first, by [`Track::index`].
    pub sending: [bool; 2],
    /// How long the server may take to show that it is there.
    pub patience: Duration,
}

/// The ports that one track leaves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedTrack {
    /// Which.
    pub track: Track,
    /// Its RTP port.
    pub rtp: u16,
    /// Its RTCP port.
    pub rtcp: u16,
}

/// One payload format of RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedFormat {
    /// The payload type.
    pub payload_type: u8,
    /// The name in `a=rtpmap`.
    pub name: &'static str,
    /// Samples per second.
    pub clock_rate: u32,
}

/// What became of a recording session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingNews {
    /// The session.
    pub attempt: u32,
    /// How it stands.
    pub standing: Standing,
}

/// How a recording session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Both sides agree.
    Agreed {
        /// Which tracks we said we send, by [`Track::index`].
        sending: [bool; 2],
        /// Where each of them goes; `None` for one that the server does not want.
        recorders: [Option<Recorder>; 2],
    },
    /// It never began.
    Failed {
        /// Why, for a person.
        reason: String,
        /// Whether the server did not answer in time.
        is_late: bool,
    },
    /// It is over, and not by our wish.
    Ended {
        /// Why, for a person.
        reason: String,
    },
}

/// Where a server takes one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorder {
    /// RTP.
    pub rtp: SocketAddr,
    /// RTCP.
    pub rtcp: SocketAddr,
}
