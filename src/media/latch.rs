//! Which source a leg's RTP comes from: symmetric RTP (RFC 4961) that cannot be hijacked once it has locked.
//!
//! ```text
//!                signal              N packets in sequence from one candidate
//!   Unsignalled --------> Armed ------------------------------------------------> Locked
//!                           ^              another address is signalled             |
//!                           +-------------------------------------------------------+
//! ```
//! While armed, the source that fits the signalled address best is the candidate and is heard; once locked, only the locked
//! source is, and nothing but a new session description teaches another. RTCP never teaches anything.

use std::net::{IpAddr, SocketAddr};

use crate::time::{Duration, Instant};

/// A candidate that is quiet for so long gives way to any other source.
const CANDIDATE_PATIENCE: Duration = Duration::from_millis(200);
/// After a change of the signalled address, the source from before may be the tail of what is being replaced, or a phone behind
/// a NAT whose real address did not change. It is heard meanwhile and taken for the latter after this time.
const FORMER_PATIENCE: Duration = Duration::from_secs(2);

/// The addresses of a session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signalled {
    pub(super) rtp: SocketAddr,
    pub(super) rtcp: SocketAddr,
}

/// An RTP packet as the latch sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) from: SocketAddr,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    /// Its payload type was negotiated.
    pub(super) negotiated: bool,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the leg's.
    Heard,
    /// It is the leg's, and from here on only its source is heard.
    Locked,
    /// It is not from the leg's source.
    Foreign,
    /// Nobody locks on a payload type that was not negotiated.
    UnknownPayload,
    /// No session description has come yet.
    Unexpected,
}

/// How well a source fits the signalled address, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Any,
    Former,
    SameHost,
    Exact,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    source: SocketAddr,
    fit: Fit,
    ssrc: u32,
    sequence: u16,
    /// Packets in sequence.
    run: u32,
    since: Instant,
    heard: Instant,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Unsignalled,
    Armed { signalled: Signalled, former: Option<SocketAddr>, candidate: Option<Candidate> },
    Locked { signalled: Signalled, source: SocketAddr },
}

/// The latch of one leg.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latch {
    packets: u32,
    state: State,
}

impl Latch {
    /// A latch that locks after `packets` packets in sequence.
    pub(super) const fn new(packets: u32) -> Self {
        Latch { packets, state: State::Unsignalled }
    }

    /// Takes the addresses of a session description. Another RTP address arms the latch, unless it is the one it is locked to.
    pub(super) fn signal(&mut self, new: Signalled) {
        self.state = match self.state {
            State::Unsignalled => State::Armed { signalled: new, former: None, candidate: None },
            // RFC 3264 §8.4: 0.0.0.0 is a hold of the old kind, not another place.
            State::Armed { signalled, .. } | State::Locked { signalled, .. }
                if new.rtp.ip().is_unspecified() && !signalled.rtp.ip().is_unspecified() =>
            {
                return;
            }
            State::Armed { signalled, former, candidate } => State::Armed {
                signalled: new,
                former,
                candidate: candidate.filter(|_| signalled.rtp == new.rtp),
            },
            State::Locked { signalled, source }
                if signalled.rtp == new.rtp || source == new.rtp =>
            {
                State::Locked { signalled: new, source }
            }
            State::Locked { source, .. } => {
                State::Armed { signalled: new, former: Some(source), candidate: None }
            }
        };
    }

    /// Judges an RTP packet.
    pub(super) fn handle_packet(&mut self, packet: Sighting, now: Instant) -> Verdict {
        let (signalled, former, candidate) = match &mut self.state {
            State::Unsignalled => return Verdict::Unexpected,
            State::Locked { source, .. } if *source == packet.from => return Verdict::Heard,
            State::Locked { .. } => return Verdict::Foreign,
            State::Armed { signalled, former, candidate } => (*signalled, *former, candidate),
        };
        if !packet.negotiated {
            return Verdict::UnknownPayload;
        }
        let fit = fit(packet.from, signalled, former);
        let run = match candidate {
            Some(candidate) if candidate.source == packet.from => candidate.go_on(packet, now),
            Some(candidate) if !candidate.yields_to(fit, now) => return Verdict::Foreign,
            _ => candidate.insert(Candidate::new(packet, fit, now)).run,
        };
        let since = candidate.as_ref().map_or(now, |candidate| candidate.since);
        if run < self.packets || fit == Fit::Former && now.since(since) < FORMER_PATIENCE {
            return Verdict::Heard;
        }
        self.state = State::Locked { signalled, source: packet.from };
        Verdict::Locked
    }

    /// Where RTP for the leg goes.
    pub(super) fn rtp_destination(&self) -> Option<SocketAddr> {
        match self.state {
            State::Unsignalled => None,
            State::Armed { signalled, .. } => reachable(signalled.rtp),
            State::Locked { source, .. } => Some(source),
        }
    }

    /// Where RTCP for the leg goes: the signalled address, or beside an RTP source that is not where it was signalled.
    pub(super) fn rtcp_destination(&self) -> Option<SocketAddr> {
        match self.state {
            State::Unsignalled => None,
            State::Armed { signalled, .. } => reachable(signalled.rtcp),
            State::Locked { signalled, source } if source == signalled.rtp => {
                reachable(signalled.rtcp)
            }
            State::Locked { source, .. } => {
                let port = source.port().checked_add(1)?;
                Some(SocketAddr::new(source.ip(), port))
            }
        }
    }

    /// Whether RTCP from this host is the leg's.
    pub(super) fn accepts_rtcp(&self, host: IpAddr) -> bool {
        match self.state {
            State::Unsignalled => false,
            State::Armed { signalled, .. } => signalled.rtcp.ip() == host,
            State::Locked { source, .. } => source.ip() == host,
        }
    }
}

impl Candidate {
    fn new(packet: Sighting, fit: Fit, now: Instant) -> Self {
        Candidate {
            source: packet.from,
            fit,
            ssrc: packet.ssrc,
            sequence: packet.sequence,
            run: 1,
            since: now,
            heard: now,
        }
    }

    /// Takes the next packet of the candidate; gives the length of its unbroken run.
    fn go_on(&mut self, packet: Sighting, now: Instant) -> u32 {
        let in_sequence =
            packet.ssrc == self.ssrc && packet.sequence == self.sequence.wrapping_add(1);
        self.run = if in_sequence { self.run + 1 } else { 1 };
        self.ssrc = packet.ssrc;
        self.sequence = packet.sequence;
        self.heard = now;
        self.run
    }

    fn yields_to(&self, fit: Fit, now: Instant) -> bool {
        fit > self.fit || now.since(self.heard) >= CANDIDATE_PATIENCE
    }
}

fn fit(from: SocketAddr, signalled: Signalled, former: Option<SocketAddr>) -> Fit {
    if from == signalled.rtp {
        Fit::Exact
    } else if former == Some(from) {
        Fit::Former
    } else if from.ip() == signalled.rtp.ip() {
        Fit::SameHost
    } else {
        Fit::Any
    }
}

fn reachable(address: SocketAddr) -> Option<SocketAddr> {
    (!address.ip().is_unspecified() && address.port() != 0).then_some(address)
}
