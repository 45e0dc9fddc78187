//! What the relay is told, and what it tells.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::codec::Codec;
use crate::id::{PlayId, PortId, TerminalId, Tracks};
use crate::time::Duration;

use super::{Hearer, LocalPort, PayloadMap, PortFigures, TapWriter, VoiceReader};

/// Bytes of a packet of ours that are kept without an allocation: 20 ms of G.711 or Opus with the RTP header.
pub(super) const INLINE_BYTES: usize = 256;

/// Samples per second of recorded prompts.
pub const PROMPT_RATE_HZ: u32 = 8_000;

/// How a relay behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// So many packets in sequence from one source lock the latch to it.
    pub latch_packets: u32,
    /// A leg that may send and sends no RTP for this long is told as [`MediaEvent::Silent`].
    pub inactivity: Duration,
    /// How often each port tells its [`PortFigures`].
    pub figures_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            latch_packets: 3,
            inactivity: Duration::from_secs(20),
            figures_every: Duration::from_secs(5),
        }
    }
}

/// What the relay is asked to do. Both legs of a call are on one relay.
#[derive(Debug)]
pub enum MediaCommand {
    /// A port pair is bound and its packets follow.
    Open {
        /// Its name from here on.
        port: PortId,
        /// The address that it is bound to.
        address: IpAddr,
        /// The bound pair.
        local: LocalPort,
    },
    /// What the leg's session description says. May be said again: a changed address arms the latch again.
    Remote {
        /// The leg's port.
        port: PortId,
        /// Where the leg wants RTP.
        rtp: SocketAddr,
        /// Where the leg wants RTCP.
        rtcp: SocketAddr,
        /// What its payload types mean.
        payloads: PayloadMap,
        /// Whether the leg receives: we may send to it.
        receive: bool,
        /// Whether the leg sends: we relay what it sends.
        send: bool,
    },
    /// Relay between two ports, both ways. Replaces whatever either of them did.
    Bridge {
        /// One port.
        a: PortId,
        /// The other one.
        b: PortId,
    },
    /// Relay nothing to or from this port (and the one it was bridged to); ends an echo or a prompt.
    Unbridge {
        /// The port.
        port: PortId,
    },
    /// Send back what comes. Replaces whatever the port did.
    Echo {
        /// The port.
        port: PortId,
    },
    /// Send RTP of our own. Replaces whatever the port did.
    Play {
        /// The port.
        port: PortId,
        /// Comes back with [`MediaEvent::PromptDone`].
        play: PlayId,
        /// What is heard.
        prompt: Prompt,
        /// The negotiated codec.
        codec: Codec,
        /// Its payload type.
        payload_type: u8,
        /// The payload type of RFC 4733 events; without one, digits are sent as tones.
        telephone_event: Option<u8>,
        /// Whether it begins again at its end, for ever.
        repeat: bool,
    },
    /// Copy the customer's packets into a ring.
    Tap {
        /// For which terminal.
        terminal: TerminalId,
        /// The customer's port.
        port: PortId,
        /// Which directions are copied.
        tracks: Tracks,
        /// The ring.
        writer: TapWriter,
    },
    /// End a tap; the ring's writer is dropped.
    Untap {
        /// Whose.
        terminal: TerminalId,
        /// The customer's port.
        port: PortId,
    },
    /// Let the taps and voices of one port go on at another: the customer goes on with another phone.
    MoveTaps {
        /// The port that has them.
        from: PortId,
        /// The port that gets them.
        to: PortId,
    },
    /// Let a sink speak to a party: while it has something to say, that is sent in the place of what the other party says. One voice for
    /// each hearer: a second one is not heard, and its writer finds itself abandoned.
    Voice {
        /// The sink's place in its stream.
        terminal: TerminalId,
        /// The customer's port.
        port: PortId,
        /// Who hears it.
        hearer: Hearer,
        /// What it says.
        reader: VoiceReader,
    },
    /// End the voices of a sink at once.
    Unvoice {
        /// The sink's place in its stream.
        terminal: TerminalId,
        /// The customer's port.
        port: PortId,
    },
    /// Forget the port.
    Close {
        /// The port.
        port: PortId,
    },
}

/// A built-in signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// A sine tone.
    Tone {
        /// Its pitch in Hz.
        hz: u32,
        /// Its length.
        duration: Duration,
    },
    /// A short melody.
    Music,
    /// A talking agent: a recorded sample of speech.
    Speech,
    /// Recorded sound: samples at [`PROMPT_RATE_HZ`].
    Recording(Arc<[i16]>),
    /// Key presses: `0`–`9`, `*`, `#`, `A`–`D`; anything else is a short pause.
    Digits(String),
    /// One after the other.
    Sequence(Vec<Prompt>),
}

/// What the relay tells. `OpenFailed` comes from the shell, which binds the sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// The sockets of a port could not be bound.
    OpenFailed {
        /// The port.
        port: PortId,
        /// What the system said.
        reason: String,
    },
    /// The latch locked: only this source is heard from here on.
    Latched {
        /// The port.
        port: PortId,
        /// The source.
        from: SocketAddr,
    },
    /// The first RTP packet of the leg was accepted.
    FirstMedia {
        /// The port.
        port: PortId,
    },
    /// No RTP for [`Settings::inactivity`] although the leg may send.
    Silent {
        /// The port.
        port: PortId,
    },
    /// RTP came again after [`MediaEvent::Silent`].
    Recovered {
        /// The port.
        port: PortId,
    },
    /// A key was pressed: once per press, at its end.
    Dtmf {
        /// The port.
        port: PortId,
        /// `0`–`9`, `*`, `#`, `A`–`D`.
        digit: char,
        /// How long it was held.
        duration_ms: u32,
    },
    /// A prompt that does not repeat has been sent to its end.
    PromptDone {
        /// The port.
        port: PortId,
        /// Which.
        play: PlayId,
    },
    /// What the port counted so far.
    Figures {
        /// The port.
        port: PortId,
        /// The counts.
        figures: PortFigures,
    },
    /// The port is forgotten; its last counts.
    Closed {
        /// The port.
        port: PortId,
        /// The counts.
        figures: PortFigures,
    },
}

impl MediaEvent {
    /// The port that it is about.
    pub const fn port(&self) -> PortId {
        match self {
            MediaEvent::OpenFailed { port, .. }
            | MediaEvent::Latched { port, .. }
            | MediaEvent::FirstMedia { port }
            | MediaEvent::Silent { port }
            | MediaEvent::Recovered { port }
            | MediaEvent::Dtmf { port, .. }
            | MediaEvent::PromptDone { port, .. }
            | MediaEvent::Figures { port, .. }
            | MediaEvent::Closed { port, .. } => *port,
        }
    }
}

/// Where a packet that was just handed in goes, unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The port whose socket sends it.
    pub port: PortId,
    /// To whom.
    pub to: SocketAddr,
    /// Whether it leaves by the port's RTCP socket.
    pub rtcp: bool,
}

/// A packet of our own: a prompt's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The port whose RTP socket sends it.
    pub port: PortId,
    /// To whom.
    pub to: SocketAddr,
    /// The RTP packet.
    pub bytes: SmallVec<[u8; INLINE_BYTES]>,
}
