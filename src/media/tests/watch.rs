//! What the relay tells of a leg by itself: silence, keys, figures.

use super::relay::{A, B, address, bridged, events, remote, say};
use super::{at, rtp_with};
use crate::media::{MediaEvent, Relay};

#[test]
fn a_leg_that_stops_sending_is_told_once_and_so_is_its_return() {
    let mut relay = bridged();
    say(&mut relay, A, 1, at(10_000));
    say(&mut relay, B, 1, at(10_000));
    let silence = |relay: &mut Relay, now: u64| {
        relay.handle_timeout(at(now));
        let about = |event: &MediaEvent| {
            matches!(event, MediaEvent::Silent { port: A } | MediaEvent::Recovered { port: A })
        };
        events(relay).into_iter().filter(about).collect::<Vec<_>>()
    };
    assert_eq!(silence(&mut relay, 29_999), []);
    assert_eq!(silence(&mut relay, 30_000), [MediaEvent::Silent { port: A }]);
    assert_eq!(silence(&mut relay, 90_000), []);
    say(&mut relay, A, 2, at(95_000));
    assert_eq!(silence(&mut relay, 95_000), [MediaEvent::Recovered { port: A }]);
    assert_eq!(silence(&mut relay, 114_999), []);
    assert_eq!(silence(&mut relay, 130_000), [MediaEvent::Silent { port: A }]);
}

#[test]
fn a_leg_on_hold_is_not_missed() {
    let mut relay = bridged();
    relay.handle_command(remote(A, true, false), at(0));
    relay.handle_timeout(at(60_000));
    let silent = |event: &MediaEvent| matches!(event, MediaEvent::Silent { port: A });
    assert!(!events(&mut relay).iter().any(silent));
    // The wait begins again when the leg may send again.
    relay.handle_command(remote(A, true, true), at(60_000));
    relay.handle_timeout(at(79_999));
    assert!(!events(&mut relay).iter().any(silent));
    relay.handle_timeout(at(80_000));
    assert!(events(&mut relay).iter().any(silent));
}

#[test]
fn a_key_press_is_told_once_and_also_when_its_end_is_lost() {
    for end_packets in [3, 1, 0] {
        let mut relay = bridged();
        let updates = (1..=4u16).map(|n| [5, 10, 0, (n * 40) as u8]);
        let ends = (0..end_packets).map(|_| [5, 0x8a, 0, 160]);
        for (n, payload) in updates.chain(ends).enumerate() {
            let packet = rtp_with(101, n as u16, 1000, 1, &payload);
            assert!(relay.handle_rtp(A, address(A), &packet, at(n as u64 * 20)).is_some());
        }
        relay.handle_timeout(at(1000));
        let press = MediaEvent::Dtmf { port: A, digit: '5', duration_ms: 20 };
        let told = events(&mut relay).into_iter().filter(|event| *event == press).count();
        assert_eq!(told, 1, "{end_packets} end packets");
    }
}

#[test]
fn figures_are_told_every_five_seconds() {
    let mut relay = bridged();
    say(&mut relay, A, 1, at(20));
    say(&mut relay, A, 4, at(80));
    assert_eq!(relay.poll_timeout(), Some(at(5000)));
    relay.handle_timeout(at(5000));
    let figures = events(&mut relay).into_iter().find_map(|event| match event {
        MediaEvent::Figures { port: A, figures } => Some(figures),
        _ => None,
    });
    let figures = figures.expect("five seconds are over");
    assert_eq!((figures.received, figures.lost), (2, 2));
    assert_eq!(relay.poll_timeout(), Some(at(10_000)));
}
