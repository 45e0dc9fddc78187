//! Where every SIP message is seen: handed in by a socket, or handed out to one, after TLS and WebSocket were taken off.
//!
//! The driver notes; HTTP and metrics read. Both hold the lock for a few hundred nanoseconds to some microseconds: what is read is
//! a list of references. A collector gets its copy in one datagram that is sent without waiting, or is counted as lost.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};

use super::Clock;
use super::counters::Counters;
use crate::id::CallId;
use crate::sip::Flow;
use crate::time::{Duration, Instant};
use crate::trace::{
    Direction, Glance, HepAgent, Recorded, Repeats, Row, Seen, Tally, Trace, TraceFigures,
    TraceLimits, encode_hep, redact, write_pcap,
};

/// What is kept of messages, and who gets a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapSettings {
    /// What may be kept.
    pub limits: TraceLimits,
    /// Whether proofs of passwords and keys are hidden from whoever reads.
    pub redact: bool,
    /// Who gets a copy of each message.
    pub hep: Option<HepSettings>,
}

impl Default for TapSettings {
    fn default() -> TapSettings {
        TapSettings { limits: TraceLimits::default(), redact: true, hep: None }
    }
}

/// A collector of HEP3 packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HepSettings {
    /// Its address.
    pub collector: SocketAddr,
    /// How it knows us.
    pub agent: HepAgent,
}

/// SIP messages by kind.
#[derive(Clone, Debug, Default)]
pub struct Tallied {
    /// Requests by direction and method.
    pub requests: Vec<Row>,
    /// Responses by direction and status.
    pub responses: Vec<Row>,
    /// Retransmissions by direction.
    pub repeats: Vec<Row>,
}

/// The place.
#[derive(Debug)]
pub struct Tap {
    kept: Mutex<Kept>,
    redact: bool,
    clock: Clock,
    exporter: Option<Exporter>,
}

#[derive(Debug)]
struct Kept {
    trace: Trace,
    tally: Tally,
    repeats: Repeats,
    /// Messages of the driver's present step, which the collector gets when the step has shown whose they are.
    unsent: Vec<Seen>,
    packet: BytesMut,
}

#[derive(Debug)]
struct Exporter {
    socket: UdpSocket,
    agent: HepAgent,
    counters: Arc<Counters>,
}

impl Tap {
    pub(super) fn new(
        settings: &TapSettings,
        clock: Clock,
        counters: &Arc<Counters>,
    ) -> io::Result<Tap> {
        let exporter = match &settings.hep {
            Some(hep) => Some(Exporter::new(hep, Arc::clone(counters))?),
            None => None,
        };
        let kept = Kept {
            trace: Trace::new(settings.limits),
            tally: Tally::default(),
            repeats: Repeats::default(),
            unsent: Vec::new(),
            packet: BytesMut::new(),
        };
        Ok(Tap { kept: Mutex::new(kept), redact: settings.redact, clock, exporter })
    }

    /// Takes a message.
    pub(super) fn note(&self, direction: Direction, flow: Flow, bytes: Bytes, at: Instant) {
        let seen = Seen { at, direction, flow, bytes };
        let mut kept = self.lock();
        let is_repeat = kept.repeats.is_repeat(&seen);
        kept.tally.count(&seen, is_repeat);
        if self.exporter.is_some() {
            kept.unsent.push(seen.clone());
        }
        kept.trace.note(seen);
    }

    /// Learns that a Call-ID belongs to a call.
    pub(super) fn attribute(&self, call: CallId, call_id: &str) {
        self.lock().trace.attribute(call, call_id);
    }

    /// The driver's step is over: the collector gets its messages.
    pub(super) fn export(&self) {
        let Some(exporter) = &self.exporter else { return };
        let mut kept = self.lock();
        let mut unsent = std::mem::take(&mut kept.unsent);
        for seen in unsent.drain(..) {
            let call_id = Glance::at(&seen.bytes).call_id;
            let call = kept.trace.call_of(call_id).map(|call| call.to_string());
            let correlation = call.as_deref().map_or(call_id, str::as_bytes);
            let bytes = self.shown(&seen.bytes);
            let at = self.unix(seen.at);
            encode_hep(&mut kept.packet, &exporter.agent, &seen, &bytes, at, correlation);
            exporter.send(&kept.packet);
        }
        kept.unsent = unsent;
    }

    /// The messages of a call, as they may be shown.
    pub fn messages(&self, call: CallId) -> Recorded {
        let mut recorded = self.lock().trace.messages(call).unwrap_or_default();
        for seen in &mut recorded.seen {
            seen.bytes = self.shown(&seen.bytes);
        }
        recorded
    }

    /// The messages of a call as a capture file.
    pub fn pcap(&self, call: CallId) -> Vec<u8> {
        write_pcap(&self.messages(call).seen, |at| self.unix(at))
    }

    /// What was counted.
    pub fn tallied(&self) -> Tallied {
        let kept = self.lock();
        Tallied {
            requests: kept.tally.requests(),
            responses: kept.tally.responses(),
            repeats: kept.tally.repeats(),
        }
    }

    /// How the rings are doing.
    pub fn figures(&self) -> TraceFigures {
        self.lock().trace.figures()
    }

    fn shown(&self, bytes: &Bytes) -> Bytes {
        if self.redact { redact(bytes) } else { bytes.clone() }
    }

    fn unix(&self, at: Instant) -> Duration {
        self.clock.unix(at).duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exporter {
    fn new(settings: &HepSettings, counters: Arc<Counters>) -> io::Result<Exporter> {
        let any: IpAddr = match settings.collector {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(settings.collector)?;
        socket.set_nonblocking(true)?;
        Ok(Exporter { socket, agent: settings.agent.clone(), counters })
    }

    /// Never waits: a full buffer, or a collector that is not there, is a lost packet.
    fn send(&self, packet: &[u8]) {
        match self.socket.send(packet) {
            Ok(_) => self.counters.hep_sent.count(),
            Err(_) => self.counters.hep_lost.count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    #[test]
    fn a_collector_gets_each_message_with_its_call_and_without_its_proofs() {
        let collector = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        collector.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
        let hep = HepSettings {
            collector: collector.local_addr().expect("bound"),
            agent: HepAgent { id: 1, key: None },
        };
        let (clock, counters) = (Clock::start(), Arc::new(Counters::default()));
        let settings = TapSettings { hep: Some(hep), ..TapSettings::default() };
        let tap = Tap::new(&settings, clock, &counters).expect("a socket");
        let flow = Flow {
            transport: Transport::Udp,
            local: "127.0.0.1:5060".parse().expect("an address"),
            remote: "127.0.0.1:5062".parse().expect("an address"),
            connection: None,
        };
        let invite = b"INVITE sip:b SIP/2.0\r\nCall-ID: a\r\nAuthorization: Digest response=\"feed\"\r\n\r\n";
        let call = CallId::from_u128(1);
        tap.note(Direction::Received, flow, Bytes::from_static(invite), clock.now());
        tap.attribute(call, "a");
        tap.note(
            Direction::Sent,
            flow,
            Bytes::from_static(b"SIP/2.0 100 Trying\r\nCall-ID: a\r\n\r\n"),
            clock.now(),
        );
        tap.export();
        let mut buffer = [0; 2_048];
        for first in ["INVITE", "SIP/2.0 100"] {
            let length = collector.recv(&mut buffer).expect("a packet");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            assert!(text.starts_with("HEP3") && text.contains(first), "{text}");
            assert!(text.contains(&call.to_string()) && !text.contains("feed"), "{text}");
        }
        assert_eq!((counters.hep_sent.read(), tap.messages(call).seen.len()), (2, 2));
        tap.export();
        assert_eq!(counters.hep_sent.read(), 2, "each once");
    }
}
