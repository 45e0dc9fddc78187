//! Where a stream's outbox goes: a socket, a file, or memory.
//!
//! The stream's task asks a [`Link`] for its next [`Happening`] and lets it take from the outbox meanwhile. A link that waits,
//! retries or is over holds up nobody but itself.

mod connection;
mod datagram;
mod file;
#[cfg(feature = "nats")]
mod log;
mod memory;
mod recorder;
mod recording_session;
mod search;
mod socket;
mod sources;

pub(super) use connection::{Connection, WRITE_BUFFER_BYTES};
pub(super) use datagram::DatagramLink;
pub(super) use file::FileLink;
#[cfg(feature = "nats")]
pub(super) use log::{Asking, LogLink};
pub(super) use memory::MemoryLink;
pub(super) use recorder::RecorderLink;
pub(super) use recording_session::{RecordingDesk, RecordingSession};
pub(super) use socket::SocketLink;
pub(super) use sources::Look;

use super::outbox::Outbox;
use crate::dialect::SinkSays;
use crate::event::{Cause, Manifest};
use crate::time::Instant;

/// The way out of one stream.
pub(super) enum Link {
    /// A connection that may go away and come back.
    Socket(Box<SocketLink>),
    /// RTP.
    Datagram(Box<DatagramLink>),
    /// RTP to a session recording server.
    Recorder(Box<RecorderLink>),
    /// Messages to a durable log.
    #[cfg(feature = "nats")]
    Log(Box<LogLink>),
    /// A WAV file.
    File(Box<FileLink>),
    /// The scope.
    Memory(MemoryLink),
}

/// What happened on the way out.
#[derive(Debug)]
pub(super) enum Happening {
    /// The sink is there, for the first time.
    Connected,
    /// The sink is there again.
    Back,
    /// An attempt to connect failed; there will be another.
    NotYet(String),
    /// The sink went away and is being sought.
    Lost(String),
    /// The sink will not come back.
    GaveUp(Cause, String),
    /// Something was given.
    Gave,
    /// The sink spoke.
    Said(SinkSays),
    /// The sink closed the connection in the orderly way: it has heard enough.
    SaidGoodbye,
}

impl Link {
    /// Gives what it can and waits for something to happen. May be dropped at any await without losing anything.
    pub(super) async fn progress(&mut self, outbox: &mut Outbox, now: Instant) -> Happening {
        match self {
            Link::Socket(socket) => socket.progress(outbox, now).await,
            Link::Datagram(datagram) => datagram.progress(outbox).await,
            Link::Recorder(recorder) => recorder.progress(outbox).await,
            #[cfg(feature = "nats")]
            Link::Log(log) => log.progress(outbox, now).await,
            Link::File(file) => file.progress(outbox).await,
            Link::Memory(memory) => memory.progress(outbox).await,
        }
    }

    /// Whether everything that was taken from the outbox is out of our hands.
    pub(super) fn is_idle(&self) -> bool {
        match self {
            Link::Socket(socket) => socket.is_idle(),
            Link::Datagram(datagram) => datagram.is_idle(),
            Link::Recorder(recorder) => recorder.is_idle(),
            #[cfg(feature = "nats")]
            Link::Log(log) => log.is_idle(),
            Link::File(file) => file.is_idle(),
            Link::Memory(_) => true,
        }
    }

    /// The stream is ending: what waits to be written together is written now.
    pub(super) fn hurry(&mut self) {
        match self {
            Link::File(file) => file.hurry(),
            Link::Socket(_) | Link::Datagram(_) | Link::Recorder(_) | Link::Memory(_) => {}
            #[cfg(feature = "nats")]
            Link::Log(_) => {}
        }
    }

    /// Tells the sink that the stream has ended, and whether it took that in. The caller bounds the time.
    pub(super) async fn farewell(&mut self, cause: Cause, manifest: &Manifest) -> bool {
        match self {
            Link::Socket(socket) => return socket.farewell(cause, manifest).await,
            #[cfg(feature = "nats")]
            Link::Log(log) => return log.farewell(cause, manifest).await,
            Link::Datagram(datagram) => datagram.farewell().await,
            Link::Recorder(recorder) => recorder.farewell().await,
            Link::File(file) => file.farewell(cause, manifest).await,
            Link::Memory(memory) => memory.farewell(),
        }
        true
    }

    /// Whether a sink that may go away is there.
    pub(super) fn is_up(&self) -> bool {
        match self {
            Link::Socket(socket) => socket.is_up(),
            #[cfg(feature = "nats")]
            Link::Log(log) => log.is_up(),
            Link::Datagram(_) | Link::Recorder(_) | Link::File(_) | Link::Memory(_) => true,
        }
    }

    /// Tells the sink that everything it said before its mark was heard.
    pub(super) fn tell_heard(&mut self, name: &str) {
        match self {
            Link::Socket(socket) => socket.tell_heard(name),
            Link::Datagram(_) | Link::Recorder(_) | Link::File(_) | Link::Memory(_) => {}
            #[cfg(feature = "nats")]
            Link::Log(_) => {}
        }
    }

    /// Tells the sink that the customer speaks another language.
    pub(super) fn tell_language(&mut self, tag: &str) {
        match self {
            Link::Socket(socket) => socket.tell_language(tag),
            Link::Datagram(_) | Link::Recorder(_) | Link::File(_) | Link::Memory(_) => {}
            #[cfg(feature = "nats")]
            Link::Log(_) => {}
        }
    }

    /// Answers the sink that something it said is passed over.
    pub(super) fn refuse(&mut self, reason: &str) {
        match self {
            Link::Socket(socket) => socket.refuse(reason),
            Link::Datagram(_) | Link::Recorder(_) | Link::File(_) | Link::Memory(_) => {}
            #[cfg(feature = "nats")]
            Link::Log(_) => {}
        }
    }
}
