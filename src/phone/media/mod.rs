//! The phone's media: one RTP socket, a task that sends a packet every 20 ms, a task that hears.

mod hearing;
mod impairment;
mod keys;
mod pacer;
mod stats;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub use hearing::Heard;
pub use impairment::Impairment;
pub use stats::{MediaStats, Sent};

use super::audio::AudioSource;
use super::sdp::{Codec, Direction, Remote};
use hearing::Hearing;
pub(super) use keys::event_code;
use pacer::{Pacer, SpeakingLog};

/// Samples of one packet: 20 ms.
pub(super) const PACKET_SAMPLES: usize = 160;
/// Attempts to get an even port from the system (RFC 3550 §11).
const PORT_ATTEMPTS: usize = 16;
/// Instructions that wait for the pacing task.
const INSTRUCTIONS: usize = 16;
/// The largest RTP packet that is read whole.
const PACKET_BYTES: usize = 2048;

/// Where and how to send, and what to understand; as the descriptions of both sides have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) to: SocketAddr,
    pub(super) codec: Codec,
    pub(super) telephone_event: Option<u8>,
    /// Whether the peer wants to hear us, and we want to be heard.
    pub(super) sends: bool,
}

impl Path {
    /// The path to a peer whose description is `remote`, for a phone that wants `wanted`. A phone that holds says nothing.
    pub(super) fn between(remote: &Remote, wanted: Direction) -> Path {
        let sends = wanted == Direction::SendRecv && wanted.answering(remote.direction).sends();
        Path { to: remote.rtp, codec: remote.codec, telephone_event: remote.telephone_event, sends }
    }
}

/// What the pacing task is told.
enum Instruction {
    Follow(Path),
    Say(AudioSource),
    Press { keys: Vec<u8>, done: oneshot::Sender<()> },
}

/// The running media of one call.
pub(super) struct Media {
    pub(super) local: SocketAddr,
    instructions: mpsc::Sender<Instruction>,
    hearing: Arc<Mutex<Hearing>>,
    speaking: Arc<Mutex<SpeakingLog>>,
    stop: CancellationToken,
}

impl Media {
    /// Binds a port and begins to listen; sending begins with the first [`Media::follow`].
    pub(super) async fn open(
        local: IpAddr,
        source: AudioSource,
        impairment: Impairment,
        seed: u64,
    ) -> io::Result<Media> {
        let socket = Arc::new(bind_even(local).await?);
        let local = socket.local_addr()?;
        let stop = CancellationToken::new();
        let hearing = Arc::new(Mutex::new(Hearing::default()));
        let speaking = Arc::new(Mutex::new(SpeakingLog::default()));
        let (instructions, receiver) = mpsc::channel(INSTRUCTIONS);
        tokio::spawn(
            stop.clone().run_until_cancelled_owned(hear(Arc::clone(&socket), Arc::clone(&hearing))),
        );
        let pacer = Pacer::new(socket, source, impairment, Arc::clone(&speaking), seed);
        tokio::spawn(stop.clone().run_until_cancelled_owned(pacer.run(receiver)));
        Ok(Media { local, instructions, hearing, speaking, stop })
    }

    /// Sends, and understands, as `path` says from here on.
    pub(super) async fn follow(&self, path: Path) {
        lock(&self.hearing).understand(path.codec, path.telephone_event);
        let _ = self.instructions.send(Instruction::Follow(path)).await;
    }

    /// Says something else from here on.
    pub(super) async fn say(&self, source: AudioSource) {
        let _ = self.instructions.send(Instruction::Say(source)).await;
    }

    /// Presses keys (RFC 4733 event codes) and waits until the last is released.
    pub(super) async fn press(&self, keys: Vec<u8>) {
        let (done, pressed) = oneshot::channel();
        if self.instructions.send(Instruction::Press { keys, done }).await.is_ok() {
            let _ = pressed.await;
        }
    }

    pub(super) fn stats(&self) -> MediaStats {
        let (speaking, hearing) = (lock(&self.speaking), lock(&self.hearing));
        hearing.stats(speaking.sent, speaking.withheld)
    }

    /// A copy of everything heard so far.
    pub(super) fn heard(&self) -> Heard {
        lock(&self.hearing).heard()
    }

    /// When which samples were sent.
    pub(super) fn spoken(&self) -> Vec<Sent> {
        lock(&self.speaking).log.clone()
    }

    /// Nothing is sent or heard from here on.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn bind_even(local: IpAddr) -> io::Result<UdpSocket> {
    let mut kept = Vec::new();
    for _ in 0..PORT_ATTEMPTS {
        let socket = UdpSocket::bind(SocketAddr::new(local, 0)).await?;
        if socket.local_addr()?.port().is_multiple_of(2) {
            return Ok(socket);
        }
        // Kept until an even one is found, so that the system does not offer the same port again.
        kept.push(socket);
    }
    Err(io::ErrorKind::AddrNotAvailable.into())
}

async fn hear(socket: Arc<UdpSocket>, hearing: Arc<Mutex<Hearing>>) {
    let mut buffer = [0; PACKET_BYTES];
    loop {
        // An error here is the ICMP echo of a packet that found no listener.
        let Ok((length, _)) = socket.recv_from(&mut buffer).await else {
            continue;
        };
        lock(&hearing).handle_packet(&buffer[..length], Instant::now());
    }
}
