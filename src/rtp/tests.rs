use super::*;
use crate::time::{Duration, Instant};
use proptest::prelude::*;
use rtcp::{NtpTime, ReceptionReport, Report, SenderInfo};

/// The seeds of the fuzz target, with their file names.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/rtp");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    files
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect()
}

#[test]
fn a_header_that_is_written_is_read_again() {
    let mut bytes = Vec::new();
    write_header(&mut bytes, true, 101, 65_535, 0xfedc_ba98, 0x1234_5678);
    bytes.extend([1, 2, 3]);
    let packet = Packet::parse(&bytes).unwrap();
    assert!(packet.marker());
    assert_eq!(packet.payload_type(), 101);
    assert_eq!(packet.sequence(), 65_535);
    assert_eq!(packet.timestamp(), 0xfedc_ba98);
    assert_eq!(packet.ssrc(), 0x1234_5678);
    assert_eq!(packet.payload(), [1, 2, 3]);
}

#[test]
fn the_payload_is_what_sources_extension_and_padding_leave() {
    let mut bytes = vec![0x80 | 0x20 | 0x10 | 2, 8];
    bytes.extend([0; 10]);
    bytes.extend([9; 8]);
    bytes.extend([0xbe, 0xde, 0, 1, 7, 7, 7, 7]);
    bytes.extend([b'a', b'b', b'c', 0, 0, 3]);
    assert_eq!(Packet::parse(&bytes).unwrap().payload(), b"abc");
}

#[test]
fn what_is_not_rtp_is_refused_with_its_reason() {
    let header = header(false, 0, 1, 2, 3);
    let with = |first: u8, rest: &[u8]| [&[first], &header[1..], rest].concat();
    for (bytes, error) in [
        (vec![], RtpError::Truncated { need: 12, have: 0 }),
        (header[..11].to_vec(), RtpError::Truncated { need: 12, have: 11 }),
        (with(0x00, &[]), RtpError::Version(0)),
        (with(0x82, &[0; 7]), RtpError::Truncated { need: 20, have: 19 }),
        (with(0x90, &[0; 3]), RtpError::Truncated { need: 16, have: 15 }),
        (with(0x90, &[0, 0, 0, 2, 0, 0, 0]), RtpError::Truncated { need: 24, have: 19 }),
        (with(0xa0, &[]), RtpError::Padding { count: 0, have: 0 }),
        (with(0xa0, &[1, 0]), RtpError::Padding { count: 0, have: 2 }),
        (with(0xa0, &[1, 3]), RtpError::Padding { count: 3, have: 2 }),
    ] {
        assert_eq!(Packet::parse(&bytes), Err(error), "{bytes:02x?}");
    }
}

#[test]
fn rtcp_is_told_from_rtp_by_its_packet_type() {
    for second in 0..=255 {
        assert_eq!(is_rtcp(&[0x80, second, 0, 0]), (192..=223).contains(&second), "{second}");
    }
    assert!(!is_rtcp(&[0x00, 200, 0, 0]));
    assert!(!is_rtcp(&[0x80]));
}

#[test]
fn the_corpus_is_read_as_its_names_say() {
    let corpus = corpus();
    assert!(corpus.len() > 30);
    for (name, bytes) in corpus {
        let (rtp, rtcp) = (Packet::parse(&bytes), rtcp::parse(&bytes));
        match name.split_once('-').unwrap() {
            ("rtp", _) => assert!(rtp.is_ok() && !is_rtcp(&bytes), "{name}: {rtp:?}"),
            ("bad", _) => assert!(rtp.is_err(), "{name}"),
            ("rtcp", rest) => {
                assert!(is_rtcp(&bytes), "{name}");
                assert_eq!(rtcp.is_err(), rest.starts_with("bad"), "{name}: {rtcp:?}");
            }
            (kind, _) => panic!("the corpus has no kind {kind}"),
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = rtcp::parse(&bytes);
        if let Ok(packet) = Packet::parse(&bytes) {
            prop_assert!(packet.payload().len() + HEADER_BYTES <= bytes.len());
        }
    }

    #[test]
    fn no_damaged_seed_makes_a_parser_panic(seed in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let corpus = corpus();
        let (_, mut bytes) = corpus[seed.index(corpus.len())].clone();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        let _ = (Packet::parse(&bytes), rtcp::parse(&bytes));
    }

    #[test]
    fn jitter_is_the_estimate_of_the_rfc(steps in prop::collection::vec((0u64..200, 0u32..3000), 2..100)) {
        // RFC 3550 A.8, in its own integers.
        let (mut transit, mut jitter) = (0i32, 0u32);
        let mut stats = ReceiverStats::new(8000);
        let (mut arrival_ms, mut timestamp) = (1000, 0u32);
        for (index, (wait_ms, step)) in steps.into_iter().enumerate() {
            arrival_ms += wait_ms;
            timestamp += step + 1;
            stats.handle_packet(index as u16, timestamp, Instant::from_millis(arrival_ms));
            let now = (arrival_ms as u32 * 8).wrapping_sub(timestamp) as i32;
            if index > 0 {
                let d = now.wrapping_sub(transit).unsigned_abs();
                jitter = jitter + d - ((jitter + 8) >> 4);
            }
            transit = now;
        }
        prop_assert_eq!(stats.jitter(), jitter >> 4);
    }
}

/// Feeds packets of 20 ms that arrive in time.
fn feed(stats: &mut ReceiverStats, sequences: impl IntoIterator<Item = u16>) {
    for sequence in sequences {
        let at = Instant::from_millis(u64::from(sequence) * 20);
        stats.handle_packet(sequence, u32::from(sequence) * 160, at);
    }
}

#[test]
fn steady_packets_have_no_jitter_and_no_loss() {
    let mut stats = ReceiverStats::new(8000);
    feed(&mut stats, 100..200);
    assert_eq!(
        (stats.received(), stats.expected(), stats.lost(), stats.jitter()),
        (100, 100, 0, 0)
    );
}

#[test]
fn a_late_packet_adds_a_sixteenth_of_its_lateness() {
    let mut stats = ReceiverStats::new(8000);
    stats.handle_packet(1, 160, Instant::from_millis(20));
    stats.handle_packet(2, 320, Instant::from_millis(60));
    // 20 ms late are 160 units; 160 / 16 = 10 units = 1250 µs.
    assert_eq!((stats.jitter(), stats.jitter_us()), (10, 1250));
}

#[test]
fn the_packets_of_a_key_press_are_no_jitter() {
    let mut stats = ReceiverStats::new(8000);
    for sequence in 0..10 {
        stats.handle_packet(sequence, 160, Instant::from_millis(u64::from(sequence) * 20));
    }
    assert_eq!(stats.jitter(), 0);
}

#[test]
fn a_change_of_clock_rate_is_no_jitter() {
    let mut stats = ReceiverStats::new(8000);
    feed(&mut stats, 0..10);
    stats.set_clock_rate(48_000);
    for sequence in 10..20u16 {
        stats.handle_packet(
            sequence,
            u32::from(sequence) * 960,
            Instant::from_millis(u64::from(sequence) * 20),
        );
    }
    assert_eq!(stats.jitter(), 0);
}

#[test]
fn loss_reordering_and_duplicates_are_counted_over_the_wrap() {
    let mut stats = ReceiverStats::new(8000);
    feed(&mut stats, [65_533, 65_534, 0, 65_535, 2, 2]);
    // Sent: 65533 to 2, six packets. Lost: 1. Twice: 2.
    assert_eq!((stats.received(), stats.expected(), stats.lost()), (6, 6, 0));
    feed(&mut stats, [3, 6]);
    assert_eq!((stats.received(), stats.expected(), stats.lost()), (8, 10, 2));
}

#[test]
fn duplicates_alone_make_the_loss_negative() {
    let mut stats = ReceiverStats::new(8000);
    feed(&mut stats, [1, 2, 2, 2]);
    assert_eq!(stats.lost(), -2);
    assert_eq!(stats.report(1).cumulative_lost, -2);
}

#[test]
fn a_sender_that_starts_over_has_lost_nothing() {
    let mut stats = ReceiverStats::new(8000);
    feed(&mut stats, 100..110);
    feed(&mut stats, 40_000..40_010);
    assert_eq!((stats.received(), stats.expected(), stats.lost()), (20, 20, 0));
}

#[test]
fn one_stray_packet_does_not_start_anything_over() {
    let mut stats = ReceiverStats::new(8000);
    feed(&mut stats, [100, 101, 30_000, 102, 103]);
    assert_eq!((stats.received(), stats.expected(), stats.lost()), (4, 4, 0));
}

#[test]
fn a_report_tells_the_loss_since_the_one_before() {
    let mut stats = ReceiverStats::new(8000);
    feed(&mut stats, [0, 1, 2, 3]);
    assert_eq!(stats.report(9).fraction_lost, 0);
    feed(&mut stats, [4, 6, 7]);
    let report = stats.report(9);
    // One of four: 64/256.
    assert_eq!(
        (report.ssrc, report.fraction_lost, report.cumulative_lost, report.extended_highest),
        (9, 64, 1, 7)
    );
    assert_eq!(stats.report(9).fraction_lost, 0);
}

fn block() -> ReceptionReport {
    ReceptionReport {
        ssrc: 7,
        fraction_lost: 64,
        cumulative_lost: -3,
        extended_highest: 0x0001_0002,
        jitter: 33,
        last_sender_report: 0x0102_0304,
        delay_since_last: 65_536,
    }
}

#[test]
fn reports_that_are_written_are_read_again() {
    let sent = SenderInfo {
        ntp: NtpTime(0x0123_4567_89ab_cdef),
        rtp_timestamp: 160,
        packets: 50,
        octets: 8000,
    };
    for reports in [
        vec![Report::Sender {
            ssrc: 1,
            sent,
            heard: vec![block(), ReceptionReport { cumulative_lost: 0x7f_ffff, ..block() }],
        }],
        vec![Report::Receiver { ssrc: 1, heard: vec![block()] }, Report::Bye { sources: vec![1] }],
        vec![Report::Receiver { ssrc: 1, heard: vec![] }],
        vec![Report::Sender { ssrc: 1, sent, heard: vec![] }, Report::Bye { sources: vec![1, 2] }],
    ] {
        let bytes = rtcp::write(&reports, "leg@sidestream").unwrap();
        assert!(is_rtcp(&bytes) && bytes.len().is_multiple_of(4));
        assert_eq!(rtcp::parse(&bytes).unwrap(), reports);
        let name = b"\x01\x0eleg@sidestream";
        assert!(
            bytes.windows(name.len()).any(|window| window == name),
            "RFC 3550 §6.1 wants the canonical name"
        );
    }
}

#[test]
fn more_than_rtcp_has_room_for_is_refused() {
    let crowd = Report::Receiver { ssrc: 1, heard: vec![block(); 32] };
    assert!(matches!(rtcp::write(&[crowd], "x"), Err(rtcp::RtcpError::TooMuch(_))));
    let named = Report::Receiver { ssrc: 1, heard: vec![] };
    assert!(matches!(rtcp::write(&[named], &"x".repeat(256)), Err(rtcp::RtcpError::TooMuch(_))));
}

#[test]
fn the_round_trip_leaves_out_the_time_that_the_peer_took() {
    let sent = NtpTime::from_unix(Duration::from_millis(1_700_000_000_000));
    let answer = ReceptionReport {
        last_sender_report: sent.middle(),
        delay_since_last: 65_536 / 2,
        ..block()
    };
    let now = NtpTime::from_unix(Duration::from_millis(1_700_000_000_530));
    let round_trip = answer.round_trip(now).unwrap();
    assert!(round_trip.as_millis().abs_diff(30) <= 1, "{round_trip:?}");
    assert_eq!(answer.round_trip(sent), Some(Duration::ZERO));
    assert_eq!(ReceptionReport { last_sender_report: 0, ..answer }.round_trip(now), None);
}

#[test]
fn ntp_time_counts_from_1900() {
    assert_eq!(NtpTime::from_unix(Duration::from_millis(500)).0, 2_208_988_800 << 32 | 1 << 31);
}
