//! One media worker: wait for readable sockets, receive, ask the relay, send. Per packet two system calls, no allocation, no
//! lock, no wait.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::MediaSettings;
use super::port_sockets::{PortSockets, Token};
use crate::id::PortId;
use crate::media::{MediaCommand, MediaEvent, Relay};
use crate::net::Clock;
use crate::net::counters::Counters;
use crate::time::Duration;

/// Sockets that one wait may report. More are reported by the next.
const READY_LIMIT: usize = 256;
/// The longest datagram that UDP can carry.
const DATAGRAM_BYTES: usize = 65_535;
/// The number that stands for the wake-up on the readiness list: no port's, see [`Token`].
const WAKE: u64 = u64::MAX;
/// How soon an event that found the queue full is tried again.
const EVENT_RETRY: Duration = Duration::from_millis(2);

/// What the driver tells a worker.
#[derive(Debug)]
pub(super) enum Order {
    /// Something for the relay.
    Command(MediaCommand),
    /// The end of the thread.
    Stop,
}

/// A thread's whole state.
pub(super) struct Worker {
    relay: Relay,
    sockets: HashMap<PortId, PortSockets, BuildHasherDefault<PortHasher>>,
    list: OwnedFd,
    wake: Arc<OwnedFd>,
    orders: Receiver<Order>,
    events: mpsc::Sender<MediaEvent>,
    /// Events that found the queue full: at most one of the relay's, which keeps the ones behind it, and one for each port
    /// that could not be opened.
    kept_back: VecDeque<MediaEvent>,
    clock: Clock,
    counters: Arc<Counters>,
    buffer: Box<[u8]>,
}

impl Worker {
    pub(super) fn new(
        settings: &MediaSettings,
        clock: Clock,
        seed: u64,
        orders: Receiver<Order>,
        wake: Arc<OwnedFd>,
        events: mpsc::Sender<MediaEvent>,
        counters: Arc<Counters>,
    ) -> io::Result<Worker> {
        let list = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&list, &wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        Ok(Worker {
            relay: Relay::new(settings.relay, seed),
            sockets: HashMap::default(),
            list,
            wake,
            orders,
            events,
            kept_back: VecDeque::new(),
            clock,
            counters,
            buffer: vec![0; DATAGRAM_BYTES].into_boxed_slice(),
        })
    }

    /// Runs until the driver says stop or is gone.
    pub(super) fn run(mut self) {
        let mut ready = Vec::with_capacity(READY_LIMIT);
        loop {
            ready.clear();
            let timeout = self.timeout();
            match epoll::wait(
                &self.list,
                rustix::buffer::spare_capacity(&mut ready),
                timeout.as_ref(),
            ) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "the media worker cannot wait for its sockets and ends");
                    return;
                }
            }
            // A bug met by one packet must not silence every call of the worker: it is counted and the next packet taken.
            match catch_unwind(AssertUnwindSafe(|| self.round(&ready))) {
                Ok(Round::Go) => {}
                Ok(Round::Stop) => return,
                Err(_) => {
                    self.counters.media_bugs.count();
                    tracing::error!("a media worker met a bug and goes on");
                }
            }
        }
    }

    /// How long the next wait may take.
    fn timeout(&self) -> Option<Timespec> {
        let now = self.clock.now();
        let mut wait = self.relay.poll_timeout().map(|deadline| deadline.since(now));
        if !self.kept_back.is_empty() {
            wait = Some(wait.map_or(EVENT_RETRY, |wait| wait.min(EVENT_RETRY)));
        }
        wait.and_then(|wait| Timespec::try_from(wait).ok())
    }

    /// Orders first, so that a port exists before its packets; then one packet of each readable socket, so that no port can
    /// starve another; then what became due.
    fn round(&mut self, ready: &[epoll::Event]) -> Round {
        if let Round::Stop = self.take_orders() {
            return Round::Stop;
        }
        for event in ready {
            match event.data.u64() {
                WAKE => self.clear_wake(),
                data => self.take_packet(Token::from_data(data)),
            }
        }
        let now = self.clock.now();
        if self.relay.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.relay.handle_timeout(now);
        }
        self.send_prompts();
        self.give_events();
        Round::Go
    }

    fn take_orders(&mut self) -> Round {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Command(command)) => self.handle_command(command),
                Ok(Order::Stop) | Err(TryRecvError::Disconnected) => return Round::Stop,
                Err(TryRecvError::Empty) => return Round::Go,
            }
        }
    }

    /// The worker's own part of a command is the sockets; the rest is the relay's.
    fn handle_command(&mut self, command: MediaCommand) {
        let now = self.clock.now();
        match &command {
            MediaCommand::Open { port, address, local } => {
                match PortSockets::open(*address, local.rtp(), *port, &self.list) {
                    Ok(sockets) => drop(self.sockets.insert(*port, sockets)),
                    Err(error) => return self.tell_open_failed(*port, &error),
                }
            }
            MediaCommand::Close { port } => drop(self.sockets.remove(port)),
            MediaCommand::Remote { .. }
            | MediaCommand::Bridge { .. }
            | MediaCommand::Unbridge { .. }
            | MediaCommand::Echo { .. }
            | MediaCommand::Play { .. }
            | MediaCommand::Tap { .. }
            | MediaCommand::Untap { .. }
            | MediaCommand::MoveTaps { .. }
            | MediaCommand::Voice { .. }
            | MediaCommand::Unvoice { .. }
            | MediaCommand::MoveVoice { .. } => {}
        }
        self.relay.handle_command(command, now);
    }

    fn tell_open_failed(&mut self, port: PortId, error: &io::Error) {
        self.counters.media_open_failed.count();
        tracing::warn!(?port, %error, "a media port could not be bound");
        self.kept_back.push_back(MediaEvent::OpenFailed { port, reason: error.to_string() });
    }

    fn take_packet(&mut self, token: Token) {
        let Some(sockets) = self.sockets.get(&token.port) else {
            return;
        };
        let (length, from) = match sockets.receive(token.rtcp, &mut self.buffer) {
            Ok(received) => received,
            Err(error) => {
                // An ICMP answer to an earlier packet of this socket, or a readiness that another round used up.
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.counters.media_receive_failed.count();
                }
                return;
            }
        };
        let now = self.clock.now();
        let packet = &self.buffer[..length];
        let forward = match token.rtcp {
            true => self.relay.handle_rtcp(token.port, from, packet, now),
            false => self.relay.handle_rtp(token.port, from, packet, now),
        };
        let Some(forward) = forward else { return };
        if let Some(sockets) = self.sockets.get(&forward.port) {
            send(sockets, forward.rtcp, packet, forward.to, &self.counters);
        }
    }

    /// Packets of the relay's own: prompts.
    fn send_prompts(&mut self) {
        while let Some(transmit) = self.relay.poll_transmit() {
            if let Some(sockets) = self.sockets.get(&transmit.port) {
                send(sockets, false, &transmit.bytes, transmit.to, &self.counters);
            }
        }
    }

    /// Takes the wake-up off the readiness list; one read clears any number of them.
    fn clear_wake(&self) {
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// Gives events to the driver as long as there is room.
    fn give_events(&mut self) {
        while let Some(event) = self.kept_back.pop_front().or_else(|| self.relay.poll_event()) {
            match self.events.try_send(event) {
                Ok(()) | Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(event)) => {
                    self.counters.media_events_delayed.count();
                    self.kept_back.push_front(event);
                    return;
                }
            }
        }
    }
}

/// Whether the thread goes on.
enum Round {
    Go,
    Stop,
}

/// Sends one packet; what the kernel does not take is counted and gone.
fn send(sockets: &PortSockets, rtcp: bool, packet: &[u8], to: SocketAddr, counters: &Counters) {
    let Err(error) = sockets.send(rtcp, packet, to) else {
        return;
    };
    match error.kind() {
        io::ErrorKind::WouldBlock => counters.media_send_full.count(),
        io::ErrorKind::ConnectionRefused => counters.media_send_refused.count(),
        _ => counters.media_send_failed.count(),
    }
}

/// Ports are numbered by ourselves, one after the other: a multiplication spreads them, and nobody can choose them to collide.
#[derive(Default)]
struct PortHasher(u64);

impl Hasher for PortHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}
