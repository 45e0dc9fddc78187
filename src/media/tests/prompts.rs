//! What a prompt sends, and when.

use super::relay::{A, B, events, relay, remote, tap};
use super::{at, rtp};
use crate::codec::{Codec, Decoder};
use crate::id::{PlayId, Track, Tracks};
use crate::media::{MediaCommand, MediaEvent, Prompt, Relay, Transmit};
use crate::rtp::Packet;
use crate::rtp::telephone_event::{self, Detector};
use crate::time::{Duration, Instant};

fn play(relay: &mut Relay, prompt: Prompt, repeat: bool, now: Instant) {
    let command = MediaCommand::Play {
        port: A,
        play: PlayId(7),
        prompt,
        codec: Codec::Pcmu,
        payload_type: 0,
        telephone_event: Some(101),
        repeat,
    };
    relay.handle_command(command, now);
}

fn sent(relay: &mut Relay) -> Vec<Transmit> {
    std::iter::from_fn(|| relay.poll_transmit()).collect()
}

/// Lets the relay run by its own timer until `end`; gives the packets with their times.
fn run(relay: &mut Relay, end: Instant) -> Vec<(Instant, Transmit)> {
    let mut packets = Vec::new();
    while let Some(now) = relay.poll_timeout().filter(|now| *now <= end) {
        relay.handle_timeout(now);
        packets.extend(sent(relay).into_iter().map(|packet| (now, packet)));
    }
    packets
}

fn tone(millis: u64) -> Prompt {
    Prompt::Tone { hz: 440, duration: Duration::from_millis(millis) }
}

#[test]
fn a_prompt_leaves_every_twenty_milliseconds_as_one_continuous_source() {
    let mut relay = relay(&[A]);
    play(&mut relay, tone(200), false, at(1000));
    let packets = run(&mut relay, at(4000));
    assert_eq!(packets.len(), 10);
    let parsed: Vec<Packet<'_>> =
        packets.iter().map(|(_, transmit)| Packet::parse(&transmit.bytes).expect("RTP")).collect();
    for (n, (now, transmit)) in packets.iter().enumerate() {
        assert_eq!(*now, at(1000 + n as u64 * 20));
        assert_eq!((transmit.port, transmit.to), (A, super::relay::address(A)));
    }
    for pair in parsed.windows(2) {
        assert_eq!(pair[1].sequence(), pair[0].sequence().wrapping_add(1));
        assert_eq!(pair[1].timestamp(), pair[0].timestamp().wrapping_add(160));
        assert_eq!(pair[1].ssrc(), pair[0].ssrc());
        assert_eq!(pair[1].payload().len(), 160);
    }
    let markers: Vec<bool> = parsed.iter().map(Packet::marker).collect();
    assert_eq!(markers.iter().filter(|marker| **marker).count(), 1);
    assert!(markers[0]);
    let done = |event: &MediaEvent| *event == MediaEvent::PromptDone { port: A, play: PlayId(7) };
    assert_eq!(events(&mut relay).into_iter().filter(done).count(), 1);
}

#[test]
fn after_a_late_wake_a_few_packets_leave_and_then_the_pace_is_kept() {
    let mut relay = relay(&[A]);
    play(&mut relay, Prompt::Music, true, at(0));
    relay.handle_timeout(at(0));
    assert_eq!(sent(&mut relay).len(), 1);
    relay.handle_timeout(at(45));
    assert_eq!(sent(&mut relay).len(), 2);
    relay.handle_timeout(at(1000));
    assert_eq!(sent(&mut relay).len(), 3);
    let after: Vec<Instant> = run(&mut relay, at(1100)).into_iter().map(|(now, _)| now).collect();
    assert_eq!(after, [1020, 1040, 1060, 1080, 1100].map(at));
}

#[test]
fn a_prompt_that_repeats_goes_on_until_it_is_replaced() {
    let mut relay = relay(&[A, B]);
    play(&mut relay, tone(40), true, at(0));
    assert_eq!(run(&mut relay, at(999)).len(), 50);
    relay.handle_command(MediaCommand::Bridge { a: A, b: B }, at(1000));
    assert_eq!(run(&mut relay, at(2000)).len(), 0);
    assert!(!events(&mut relay).contains(&MediaEvent::PromptDone { port: A, play: PlayId(7) }));
}

#[test]
fn digits_are_heard_as_these_keys_each_once() {
    let mut relay = relay(&[A]);
    let digits = Prompt::Sequence(vec![tone(100), Prompt::Digits("1234567890*#".into())]);
    play(&mut relay, digits, false, at(0));
    let mut detector = Detector::new();
    let mut heard = String::new();
    for (now, transmit) in run(&mut relay, at(4900)) {
        let packet = Packet::parse(&transmit.bytes).expect("RTP");
        if packet.payload_type() == 101 {
            let event = telephone_event::read(packet.timestamp(), packet.payload()).next();
            let digit = event.and_then(|event| detector.handle_event(event, now));
            heard.extend(digit.map(|digit| digit.digit));
        }
    }
    assert_eq!(heard, "1234567890*#");
    assert!(events(&mut relay).contains(&MediaEvent::PromptDone { port: A, play: PlayId(7) }));
}

#[test]
fn the_agent_speaks_in_every_codec_that_has_audio() {
    let codecs = [
        Codec::Pcmu,
        Codec::Pcma,
        Codec::G722,
        Codec::L16 { rate: 16_000, channels: 1 },
        Codec::Opus,
    ];
    for codec in codecs {
        let mut relay = relay(&[A]);
        let (prompt, payload_type) = (Prompt::Speech, 96);
        let command = MediaCommand::Play {
            port: A,
            play: PlayId(7),
            prompt,
            codec,
            payload_type,
            telephone_event: None,
            repeat: true,
        };
        relay.handle_command(command, at(0));
        let mut decoder = Decoder::new(codec).expect("audio");
        let mut samples = Vec::new();
        let mut last = None;
        for (_, transmit) in run(&mut relay, at(999)) {
            let packet = Packet::parse(&transmit.bytes).expect("RTP");
            let step =
                last.replace(packet.timestamp()).map(|last| packet.timestamp().wrapping_sub(last));
            assert!(step.is_none_or(|step| step == codec.clock_rate() / 50), "{codec}");
            decoder.decode(packet.payload(), &mut samples).expect("a payload of the codec");
        }
        assert_eq!(samples.len() as u32, codec.sample_rate(), "a second of {codec}");
        let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest.is_some_and(|loudest| loudest > 2000), "{codec}: {loudest:?}");
    }
}

#[test]
fn what_is_played_to_the_customer_is_tapped_and_so_is_what_the_customer_says_meanwhile() {
    let mut relay = relay(&[A]);
    let mut reader = tap(&mut relay, A, Tracks::Both);
    play(&mut relay, tone(40), false, at(0));
    let played = run(&mut relay, at(100));
    let forward = relay.handle_rtp(A, super::relay::address(A), &rtp(0, 1, 0, 1, 0), at(50));
    assert_eq!(forward, None);
    for (now, transmit) in played {
        let tapped = reader.read().expect("every packet is copied");
        assert_eq!(
            (tapped.track, tapped.arrival, tapped.packet),
            (Track::ToCustomer, now, &transmit.bytes[..])
        );
    }
    assert_eq!(reader.read().map(|tapped| tapped.track), Some(Track::FromCustomer));
    assert_eq!(reader.read(), None);
}

#[test]
fn a_prompt_waits_while_the_leg_does_not_receive() {
    let mut relay = relay(&[A]);
    play(&mut relay, tone(100), false, at(0));
    assert_eq!(run(&mut relay, at(20)).len(), 2);
    relay.handle_command(remote(A, false, true), at(30));
    assert_eq!(run(&mut relay, at(2000)).len(), 0);
    relay.handle_command(remote(A, true, true), at(2000));
    assert_eq!(run(&mut relay, at(3000)).len(), 3);
}

#[test]
fn a_codec_without_audio_has_nothing_to_play() {
    let mut relay = relay(&[A]);
    let command = MediaCommand::Play {
        port: A,
        play: PlayId(7),
        prompt: Prompt::Music,
        codec: Codec::ComfortNoise,
        payload_type: 13,
        telephone_event: None,
        repeat: true,
    };
    relay.handle_command(command, at(0));
    assert_eq!(events(&mut relay), [MediaEvent::PromptDone { port: A, play: PlayId(7) }]);
    assert_eq!(run(&mut relay, at(1000)).len(), 0);
}
