//! Who is heard, and from when on nobody else is.

use std::net::SocketAddr;

use crate::media::latch::{Latch, Sighting, Signalled, Verdict};
use crate::time::Instant;

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
