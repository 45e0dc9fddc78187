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

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a script of `millis source sequence` lines and `millis signal address` lines against a latch that was signalled
    /// 10.0.0.1:4000. The outcome has one word per packet.
    fn check(script: &str, outcome: &str) {
        let mut latch = Latch::new(3);
        latch.signal(signalled("10.0.0.1:4000"));
        let mut words = Vec::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let [millis, what, argument] = parts[..] else { panic!("three words: {line}") };
            let now = Instant::from_millis(millis.parse().expect("milliseconds"));
            if what == "signal" {
                latch.signal(signalled(argument));
                continue;
            }
            let packet = Sighting {
                from: what.parse().expect("an address"),
                ssrc: 1,
                sequence: argument.parse().expect("a number"),
                negotiated: true,
            };
            words.push(match latch.handle_packet(packet, now) {
                Verdict::Heard => "heard",
                Verdict::Locked => "locked",
                Verdict::Foreign => "foreign",
                Verdict::UnknownPayload => "unknown",
                Verdict::Unexpected => "unexpected",
            });
        }
        assert_eq!(words.join(" "), outcome, "{script}");
    }

    fn signalled(rtp: &str) -> Signalled {
        let rtp: SocketAddr = rtp.parse().expect("an address");
        Signalled { rtp, rtcp: SocketAddr::new(rtp.ip(), rtp.port() + 1) }
    }

    #[test]
    fn three_packets_in_sequence_lock_and_then_nobody_else_is_heard() {
        check(
            "0 10.0.0.1:4000 1
             20 10.0.0.1:4000 2
             40 10.0.0.1:4000 3
             41 10.0.0.1:4002 4
             42 6.6.6.6:4000 5
             99000 6.6.6.6:4000 6
             99001 10.0.0.1:4000 9",
            "heard heard locked foreign foreign foreign heard",
        );
    }

    #[test]
    fn a_gap_in_the_sequence_begins_the_count_again() {
        check(
            "0 10.0.0.1:4000 1
             20 10.0.0.1:4000 2
             40 10.0.0.1:4000 4
             60 10.0.0.1:4000 5
             80 10.0.0.1:4000 6",
            "heard heard heard heard locked",
        );
    }

    #[test]
    fn before_the_lock_the_signalled_address_wins_over_its_host_and_that_over_any() {
        check(
            "0 6.6.6.6:4000 1
             20 6.6.6.6:4000 2
             25 10.0.0.1:4444 1
             30 6.6.6.6:4000 3
             35 10.0.0.1:4000 1
             40 10.0.0.1:4444 2
             55 10.0.0.1:4000 2
             75 10.0.0.1:4000 3",
            "heard heard heard foreign heard foreign heard locked",
        );
    }

    #[test]
    fn a_phone_behind_a_nat_locks_from_where_it_really_sends() {
        check(
            "0 5.5.5.5:61000 1
             10 6.6.6.6:4000 1
             20 5.5.5.5:61000 2
             40 5.5.5.5:61000 3",
            "heard foreign heard locked",
        );
    }

    #[test]
    fn a_candidate_that_falls_silent_gives_way() {
        check(
            "0 6.6.6.6:4000 1
             199 5.5.5.5:61000 1
             200 5.5.5.5:61000 2
             220 5.5.5.5:61000 3
             240 5.5.5.5:61000 4",
            "heard foreign heard heard locked",
        );
    }

    #[test]
    fn another_signalled_address_takes_over_from_the_former_one_which_is_heard_until_then() {
        check(
            "0 10.0.0.1:4000 1
             20 10.0.0.1:4000 2
             40 10.0.0.1:4000 3
             50 signal 10.0.0.2:5000
             60 10.0.0.1:4000 4
             70 6.6.6.6:1 1
             80 10.0.0.2:5000 1
             90 10.0.0.1:4000 5
             100 10.0.0.2:5000 2
             120 10.0.0.2:5000 3",
            "heard heard locked heard foreign heard foreign heard locked",
        );
    }

    #[test]
    fn the_former_source_locks_again_after_two_seconds_alone() {
        let before = "0 5.5.5.5:1 1\n 20 5.5.5.5:1 2\n 40 5.5.5.5:1 3\n 50 signal 10.0.0.9:4000\n";
        let after: String =
            (0..102).map(|n| format!("{} 5.5.5.5:1 {}\n", 60 + n * 20, 4 + n)).collect();
        let heard = "heard ".repeat(100);
        check(&format!("{before}{after}"), &format!("heard heard locked {heard}locked heard"));
    }

    #[test]
    fn the_same_address_again_and_an_old_fashioned_hold_keep_the_lock() {
        check(
            "0 5.5.5.5:61000 1
             20 5.5.5.5:61000 2
             40 5.5.5.5:61000 3
             50 signal 10.0.0.1:4000
             60 6.6.6.6:4000 1
             70 signal 0.0.0.0:4000
             80 6.6.6.6:4000 2
             90 signal 10.0.0.1:4000
             95 6.6.6.6:4000 3
             99 5.5.5.5:61000 4",
            "heard heard locked foreign foreign foreign heard",
        );
    }

    #[test]
    fn rtcp_goes_where_it_was_signalled_or_beside_the_latched_source() {
        let lock = |source: &str| {
            let mut latch = Latch::new(1);
            latch.signal(Signalled {
                rtp: "10.0.0.1:4000".parse().expect("an address"),
                rtcp: "10.0.0.1:9999".parse().expect("an address"),
            });
            let packet = Sighting {
                from: source.parse().expect("an address"),
                ssrc: 1,
                sequence: 1,
                negotiated: true,
            };
            assert_eq!(latch.handle_packet(packet, Instant::ZERO), Verdict::Locked);
            latch
        };
        let text = |latch: Latch| latch.rtcp_destination().map(|address| address.to_string());
        assert_eq!(text(lock("10.0.0.1:4000")).as_deref(), Some("10.0.0.1:9999"));
        assert_eq!(text(lock("5.5.5.5:61000")).as_deref(), Some("5.5.5.5:61001"));
        assert_eq!(text(lock("5.5.5.5:65535")), None);
        assert!(lock("5.5.5.5:61000").accepts_rtcp("5.5.5.5".parse().expect("a host")));
        assert!(!lock("5.5.5.5:61000").accepts_rtcp("10.0.0.1".parse().expect("a host")));
    }

    #[test]
    fn before_a_session_description_nothing_is_heard_and_nothing_sent() {
        let mut latch = Latch::new(3);
        let packet = Sighting {
            from: "10.0.0.1:4000".parse().expect("an address"),
            ssrc: 1,
            sequence: 1,
            negotiated: true,
        };
        assert_eq!(latch.handle_packet(packet, Instant::ZERO), Verdict::Unexpected);
        assert_eq!(latch.rtp_destination(), None);
        latch.signal(signalled("0.0.0.0:4000"));
        assert_eq!(latch.rtp_destination(), None);
        latch.signal(signalled("10.0.0.1:4000"));
        assert_eq!(latch.rtp_destination(), Some("10.0.0.1:4000".parse().expect("an address")));
    }

    #[test]
    fn a_payload_type_that_was_not_negotiated_never_locks() {
        let mut latch = Latch::new(1);
        latch.signal(signalled("10.0.0.1:4000"));
        let packet = Sighting {
            from: "10.0.0.1:4000".parse().expect("an address"),
            ssrc: 1,
            sequence: 1,
            negotiated: false,
        };
        assert_eq!(latch.handle_packet(packet, Instant::ZERO), Verdict::UnknownPayload);
    }
}
