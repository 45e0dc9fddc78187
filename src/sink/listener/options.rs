//! What a listener is told before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;

/// See the module. [`Options::default`] is a well-behaved sink on a free port of the loopback.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes any free one.
    pub bind: SocketAddr,
    /// What to expect.
    pub protocol: Protocol,
    /// Where to write one WAV file per stream.
    pub wav: Option<PathBuf>,
    /// How to behave.
    pub behaviour: Behaviour,
    /// For `wss`.
    pub tls: Option<TlsAcceptor>,
    /// Whether native frames are acknowledged.
    pub acknowledge: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            protocol: Protocol::Auto,
            wav: None,
            behaviour: Behaviour::Good,
            tls: None,
            acknowledge: true,
        }
    }
}

/// What a listener expects to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The first message decides.
    #[default]
    Auto,
    /// Our own.
    Native,
    /// Twilio's.
    Twilio,
    /// Telnyx's.
    Telnyx,
    /// jambonz's.
    Jambonz,
}

/// How a listener treats a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Reads, and acknowledges where that exists.
    #[default]
    Good,
    /// Takes the handshake and never reads again.
    NeverRead,
    /// Takes the handshake and then reads one byte a second.
    ByteASecond,
    /// Resets the connection (TCP RST) after this many frames.
    Reset(u64),
    /// Resets the first connection after this many frames, and is good from then on.
    ResetOnce(u64),
    /// Closes the connection with 1001 after this many frames.
    CloseAfter(u64),
    /// Closes the connection with 1000 after this many frames: it has heard enough.
    Enough(u64),
    /// Ends each connection after this time.
    Flap(Duration),
    /// Answers every frame with something that no dialect knows.
    Garbage,
}

impl Behaviour {
    pub(super) const fn reads(self) -> bool {
        match self {
            Behaviour::NeverRead | Behaviour::ByteASecond => false,
            Behaviour::Good
            | Behaviour::Reset(_)
            | Behaviour::ResetOnce(_)
            | Behaviour::CloseAfter(_)
            | Behaviour::Enough(_)
            | Behaviour::Flap(_)
            | Behaviour::Garbage => true,
        }
    }
}
