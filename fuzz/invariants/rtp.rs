//! RTP, RTCP and key presses: views hold what the bytes say, and what is written is read again.

use sidestream::rtp::telephone_event::{self, Detector};
use sidestream::rtp::{
    ExtendedSequence, HEADER_BYTES, Packet, ReceiverStats, header, is_rtcp, rtcp,
};
use sidestream::time::{Duration, Instant};

use super::script::Script;

/// The same bytes as an RTP packet, as RTCP, and as the history of one source.
pub fn rtp(data: &[u8]) {
    packet(data);
    reports(data);
    history(data);
}

fn packet(data: &[u8]) {
    let Ok(packet) = Packet::parse(data) else {
        return;
    };
    assert!(data.len() >= HEADER_BYTES && data[0] >> 6 == 2);
    assert!(packet.payload().len() <= data.len() - HEADER_BYTES);
    assert!(packet.payload_type() < 128);
    let mut plain = header(
        packet.marker(),
        packet.payload_type(),
        packet.sequence(),
        packet.timestamp(),
        packet.ssrc(),
    )
    .to_vec();
    assert_eq!(plain[1..], data[1..HEADER_BYTES]);
    plain.extend_from_slice(packet.payload());
    let again = Packet::parse(&plain).expect("a packet of ours");
    let fields = |packet: &Packet<'_>| (packet.sequence(), packet.timestamp(), packet.ssrc());
    assert_eq!(fields(&again), fields(&packet));
    assert_eq!(again.payload(), packet.payload());
    // RFC 5761 §4: what could be taken for RTCP has the marker and a payload type from 64 to 95.
    assert_eq!(is_rtcp(data), packet.marker() && (64..96).contains(&packet.payload_type()));
}

fn reports(data: &[u8]) {
    let Ok(reports) = rtcp::parse(data) else {
        return;
    };
    // What was read came from one packet, so it has room in one; a goodbye without sources is not written.
    if let Ok(bytes) = rtcp::write(&reports, "leg@sidestream")
        && !reports.is_empty()
    {
        assert_eq!(rtcp::parse(&bytes).expect("reports of ours"), reports);
    }
    for report in &reports {
        if let rtcp::Report::Sender { heard, .. } | rtcp::Report::Receiver { heard, .. } = report {
            for block in heard {
                let _ = block.round_trip(rtcp::NtpTime(u64::from(block.jitter) << 16));
                assert!((-0x80_0000..=0x7f_ffff).contains(&block.cumulative_lost));
            }
        }
    }
}

/// Packets of one source, each 16 bytes of script: time since the last, sequence, timestamp, event payload.
fn history(data: &[u8]) {
    let mut script = Script::new(data);
    let (mut now, mut pressed) = (Instant::from_millis(1), 0u64);
    let (mut packets, mut events) = (0u64, 0u64);
    let mut detector = Detector::new();
    let mut stats = ReceiverStats::new(8000);
    let mut sequence = ExtendedSequence::new();
    while let Some(wait) = script.instruction() {
        now += Duration::from_millis(u64::from(wait) * 2);
        let (number, timestamp) = (script.u16(), script.u32());
        assert_eq!(sequence.extend(number) as u16, number);
        stats.handle_packet(number, timestamp, now);
        let mut digits = vec![detector.handle_timeout(now)];
        packets += 1;
        for event in telephone_event::read(timestamp, script.take(8)) {
            events += 1;
            digits.push(detector.handle_event(event, now));
        }
        for digit in digits.into_iter().flatten() {
            pressed += 1;
            assert!(matches!(digit.digit, '0'..='9' | '*' | '#' | 'A'..='D'));
        }
        assert!(stats.received() <= packets && stats.expected() > 0);
        let block = stats.report(1);
        assert!((-0x80_0000..=0x7f_ffff).contains(&block.cumulative_lost));
    }
    now += Duration::from_secs(60);
    pressed += u64::from(detector.handle_timeout(now).is_some());
    assert_eq!(detector.poll_timeout(), None, "a press ends by silence at the latest");
    assert!(pressed <= events, "a press is told once");
}
