//! One leg's port pair: who speaks to it, what becomes of it, who listens.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::codec::Codec;
use crate::id::{PortId, TerminalId, Track, Tracks};
use crate::rtp::telephone_event::{self, Detector, Digit};
use crate::rtp::{Packet, ReceiverStats, is_rtcp, rtcp};
use crate::time::Instant;

use super::figures::DropReason;
use super::latch::{Latch, Sighting, Signalled, Verdict};
use super::prompt::Player;
use super::voice::{Hearer, Talk, Talks};
use super::{MediaEvent, PayloadMap, PortFigures, TapWriter};

/// What becomes of a packet that a port takes.
#[derive(Debug)]
pub(super) enum Route {
    /// Nothing.
    Nowhere,
    /// It goes to the other leg.
    Bridge(PortId),
    /// It goes back.
    Echo,
    /// Nothing, while a prompt is sent to the leg.
    Prompt(Box<Player>),
}

/// A terminal's ring on the customer's port.
#[derive(Debug)]
pub(super) struct Tap {
    pub(super) terminal: TerminalId,
    pub(super) tracks: Tracks,
    pub(super) writer: TapWriter,
}

/// Which way RTP may go, as the leg's session description says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Permitted {
    /// The leg receives.
    pub(super) receive: bool,
    /// The leg sends.
    pub(super) send: bool,
}

/// The state of one port.
#[derive(Debug)]
pub(super) struct Port {
    id: PortId,
    latch: Latch,
    /// As the leg's own session description numbers them.
    payloads: PayloadMap,
    /// As the leg may number what it sends: the other leg's numbers, too.
    expected: PayloadMap,
    pub(super) permitted: Permitted,
    pub(super) route: Route,
    pub(super) taps: Vec<Tap>,
    /// Sinks that speak to the leg, or to whom it is bridged with.
    pub(super) talks: Talks,
    figures: PortFigures,
    source: Option<HeardSource>,
    /// Lost by sources before this one.
    lost_before: u64,
    detector: Detector,
    event_rate: u32,
    /// The last RTP, or when RTP began to be expected.
    pub(super) heard: Instant,
    pub(super) silent: bool,
}

#[derive(Debug)]
struct HeardSource {
    ssrc: u32,
    stats: ReceiverStats,
}

impl Port {
    pub(super) fn new(id: PortId, latch_packets: u32, now: Instant) -> Self {
        Port {
            id,
            latch: Latch::new(latch_packets.max(1)),
            payloads: PayloadMap::EMPTY,
            expected: PayloadMap::EMPTY,
            permitted: Permitted::default(),
            route: Route::Nowhere,
            taps: Vec::new(),
            talks: Talks::default(),
            figures: PortFigures::default(),
            source: None,
            lost_before: 0,
            detector: Detector::new(),
            event_rate: 8000,
            heard: now,
            silent: false,
        }
    }

    /// Takes over what the leg's session description says.
    pub(super) fn signal(
        &mut self,
        signalled: Signalled,
        payloads: PayloadMap,
        permitted: Permitted,
        now: Instant,
    ) {
        self.latch.signal(signalled);
        self.payloads = payloads;
        self.expected = payloads;
        if permitted.send && !self.permitted.send {
            self.heard = now;
        }
        if !permitted.send {
            self.silent = false;
        }
        self.permitted = permitted;
    }

    /// The leg's own numbering of payload types.
    pub(super) fn payloads(&self) -> PayloadMap {
        self.payloads
    }

    /// The leg is bridged to one that numbers payload types like this.
    pub(super) fn expect_also(&mut self, other: &PayloadMap) {
        self.expected = self.payloads.merged(other);
    }

    /// Takes an RTP packet from the leg: judges, measures, taps it.
    pub(super) fn accept(
        &mut self,
        from: SocketAddr,
        bytes: &[u8],
        now: Instant,
        events: &mut VecDeque<MediaEvent>,
    ) -> Result<(), DropReason> {
        self.figures.received += 1;
        if is_rtcp(bytes) {
            return Err(DropReason::Malformed);
        }
        let packet = Packet::parse(bytes).map_err(|_| DropReason::Malformed)?;
        let sighting = Sighting {
            from,
            ssrc: packet.ssrc(),
            sequence: packet.sequence(),
            negotiated: self.expected.contains(packet.payload_type()),
        };
        match self.latch.handle_packet(sighting, now) {
            Verdict::Heard => {}
            Verdict::Locked => events.push_back(MediaEvent::Latched { port: self.id, from }),
            Verdict::Foreign => return Err(DropReason::Foreign),
            Verdict::UnknownPayload => return Err(DropReason::UnknownPayload),
            Verdict::Unexpected => return Err(DropReason::Unexpected),
        }
        self.measure(&packet, now, events);
        self.write_taps(Track::FromCustomer, bytes, now);
        if self.permitted.send { Ok(()) } else { Err(DropReason::Held) }
    }

    /// Sends the other party's packet to the leg, unless a sink speaks to it. Says where it goes.
    pub(super) fn relay(&mut self, bytes: &[u8], now: Instant) -> Result<SocketAddr, DropReason> {
        if self.hears_a_sink(Hearer::Customer) {
            return Err(DropReason::TalkedOver);
        }
        self.deliver(bytes, now)
    }

    /// Sends a packet to the leg: the one place where anything does. Says where it goes.
    pub(super) fn deliver(&mut self, bytes: &[u8], now: Instant) -> Result<SocketAddr, DropReason> {
        let to = self.latch.rtp_destination().ok_or(DropReason::NoDestination)?;
        if !self.permitted.receive {
            return Err(DropReason::Held);
        }
        self.figures.sent += 1;
        self.write_taps(Track::ToCustomer, bytes, now);
        Ok(to)
    }

    fn hears_a_sink(&self, hearer: Hearer) -> bool {
        self.talks.of(hearer).is_some_and(Talk::is_talking)
    }

    /// Whether a packet could be delivered.
    pub(super) fn is_reachable(&self) -> bool {
        self.permitted.receive && self.latch.rtp_destination().is_some()
    }

    /// Where the leg's packets go: a port.
    pub(super) fn target(&self) -> Result<PortId, DropReason> {
        match &self.route {
            Route::Bridge(_) if self.hears_a_sink(Hearer::Agent) => Err(DropReason::TalkedOver),
            Route::Bridge(other) => Ok(*other),
            Route::Echo => Ok(self.id),
            Route::Nowhere | Route::Prompt(_) => Err(DropReason::Unbridged),
        }
    }

    /// Counts what became of an RTP packet that was taken.
    pub(super) fn count<T>(&mut self, outcome: &Result<T, DropReason>) {
        match outcome {
            Ok(_) => self.figures.forwarded += 1,
            Err(reason) => self.figures.dropped.count(*reason),
        }
    }

    /// Takes an RTCP packet from the leg; says to which port it goes.
    pub(super) fn accept_rtcp(
        &mut self,
        from: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> Option<PortId> {
        self.figures.rtcp_received += 1;
        if !is_rtcp(bytes) || !self.latch.accepts_rtcp(from.ip()) {
            return None;
        }
        self.tap_report(Track::FromCustomer, bytes, now);
        match self.route {
            Route::Bridge(other) => Some(other),
            Route::Nowhere | Route::Echo | Route::Prompt(_) => None,
        }
    }

    /// Sends the other party's RTCP to the leg. Says where it goes.
    pub(super) fn relay_rtcp(&mut self, bytes: &[u8], now: Instant) -> Option<SocketAddr> {
        self.tap_report(Track::ToCustomer, bytes, now);
        self.latch.rtcp_destination()
    }

    /// Counts what became of an RTCP packet that was taken.
    pub(super) fn count_rtcp(&mut self, forwarded: bool) {
        if forwarded {
            self.figures.rtcp_forwarded += 1;
        } else {
            self.figures.rtcp_dropped += 1;
        }
    }

    /// Ends a key press whose end was lost.
    pub(super) fn handle_key_timeout(&mut self, now: Instant) -> Option<MediaEvent> {
        let digit = self.detector.handle_timeout(now)?;
        Some(self.press(digit))
    }

    /// When [`handle_key_timeout`](Self::handle_key_timeout) is due.
    pub(super) fn key_deadline(&self) -> Option<Instant> {
        self.detector.poll_timeout()
    }

    /// What was counted so far.
    pub(super) fn figures(&self) -> PortFigures {
        let mut figures = self.figures;
        figures.lost = self.lost_before;
        if let Some(source) = &self.source {
            figures.lost += source.stats.lost().max(0).cast_unsigned();
            figures.jitter_us = source.stats.jitter_us();
        }
        figures
    }

    fn measure(&mut self, packet: &Packet<'_>, now: Instant, events: &mut VecDeque<MediaEvent>) {
        let port = self.id;
        if self.source.is_none() {
            events.push_back(MediaEvent::FirstMedia { port });
        }
        self.heard = now;
        if std::mem::take(&mut self.silent) {
            events.push_back(MediaEvent::Recovered { port });
        }
        let codec = self.expected.codec(packet.payload_type());
        self.note_source(packet.ssrc(), codec);
        if let Some(source) = &mut self.source {
            source.stats.handle_packet(packet.sequence(), packet.timestamp(), now);
        }
        if let Some(Codec::TelephoneEvent { rate }) = codec {
            self.event_rate = rate;
            for key in telephone_event::read(packet.timestamp(), packet.payload()) {
                let digit = self.detector.handle_event(key, now);
                events.extend(digit.map(|digit| self.press(digit)));
            }
        }
    }

    fn note_source(&mut self, ssrc: u32, codec: Option<Codec>) {
        let audio_rate = codec.filter(|codec| codec.is_audio()).map(Codec::clock_rate);
        match &mut self.source {
            Some(source) if source.ssrc == ssrc => {
                if let Some(rate) = audio_rate {
                    source.stats.set_clock_rate(rate);
                }
            }
            before => {
                let lost = before.as_ref().map_or(0, |source| source.stats.lost());
                self.lost_before += lost.max(0).cast_unsigned();
                let stats = ReceiverStats::new(audio_rate.unwrap_or(8000));
                *before = Some(HeardSource { ssrc, stats });
                self.detector = Detector::new();
            }
        }
    }

    fn press(&self, digit: Digit) -> MediaEvent {
        let ms = u64::from(digit.duration) * 1000 / u64::from(self.event_rate.max(1));
        MediaEvent::Dtmf {
            port: self.id,
            digit: digit.digit,
            duration_ms: u32::try_from(ms).unwrap_or(u32::MAX),
        }
    }

    /// Copies what the sender says of its clock.
    fn tap_report(&mut self, track: Track, bytes: &[u8], now: Instant) {
        if self.taps.is_empty() || rtcp::first_sender_report(bytes).is_none() {
            return;
        }
        for tap in self.taps.iter_mut().filter(|tap| tap.tracks.contains(track)) {
            if !tap.writer.write_report(track, bytes, now) {
                self.figures.tap_dropped += 1;
            }
        }
    }

    fn write_taps(&mut self, track: Track, bytes: &[u8], now: Instant) {
        for tap in self.taps.iter_mut().filter(|tap| tap.tracks.contains(track)) {
            if !tap.writer.write(track, bytes, now) {
                self.figures.tap_dropped += 1;
            }
        }
    }
}
