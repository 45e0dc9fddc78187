//! A sink that speaks to a party.

use super::at;
use super::relay::{A, B, TERMINAL, bridged, remote, say, tap};
use crate::codec::{Codec, Decoder};
use crate::id::{StreamId, TerminalId, Track, Tracks};
use crate::media::{MediaCommand, PayloadMap, Relay, Transmit, VoiceWriter, voice};
use crate::rtp::Packet;
use crate::time::Instant;

fn speak(relay: &mut Relay, ms: u32) -> VoiceWriter {
    let (writer, reader) = voice(8000, ms);
    relay.handle_command(MediaCommand::Voice { terminal: TERMINAL, port: A, reader }, at(0));
    writer
}

/// Lets the relay run by its own timer until `end`; what it sends by itself, with the times.
fn run(relay: &mut Relay, end: u64) -> Vec<(Instant, Transmit)> {
    let mut packets = Vec::new();
    while let Some(now) = relay.poll_timeout().filter(|now| *now <= at(end)) {
        relay.handle_timeout(now);
        packets.extend(std::iter::from_fn(|| relay.poll_transmit()).map(|packet| (now, packet)));
    }
    packets
}

fn samples(packets: &[(Instant, Transmit)], codec: Codec) -> Vec<i16> {
    let mut decoder = Decoder::new(codec).expect("audio");
    let mut samples = Vec::new();
    for (_, transmit) in packets {
        let packet = Packet::parse(&transmit.bytes).expect("RTP");
        decoder.decode(packet.payload(), &mut samples).expect("a payload of its own");
    }
    samples
}

#[test]
fn what_a_sink_says_takes_the_place_of_the_other_party_and_nothing_else() {
    let mut relay = bridged();
    let mut reader = tap(&mut relay, A, Tracks::Both);
    let mut writer = speak(&mut relay, 1000);
    assert_eq!(writer.write(&[8000; 800]), 800);
    let packets = run(&mut relay, 50);
    assert!(say(&mut relay, B, 1, at(50)).is_none(), "the other party is talked over");
    assert!(say(&mut relay, A, 1, at(50)).is_some(), "the party itself is heard");
    let packets = [packets, run(&mut relay, 200)].concat();
    assert_eq!(packets.len(), 5, "100 ms");
    assert!(samples(&packets, Codec::Pcmu).iter().all(|sample| (sample - 8000).abs() < 300));
    assert!(say(&mut relay, B, 2, at(201)).is_some(), "it is over");
    assert_eq!(writer.played(), 800);
    let heard = std::iter::from_fn(|| reader.read().map(|tapped| tapped.track));
    let to_customer = heard.filter(|track| *track == Track::ToCustomer).count();
    assert_eq!(to_customer, 6, "the stream hears what the customer hears");
}

#[test]
fn a_talk_is_one_source_whose_clock_goes_on_while_it_rests() {
    let mut relay = bridged();
    let mut writer = speak(&mut relay, 1000);
    writer.write(&[1; 480]);
    let first = run(&mut relay, 400);
    writer.write(&[1; 480]);
    let second = run(&mut relay, 800);
    assert_eq!((first.len(), second.len()), (3, 3));
    let parsed: Vec<_> = first
        .iter()
        .chain(&second)
        .map(|(now, transmit)| {
            let packet = Packet::parse(&transmit.bytes).expect("RTP");
            (*now, packet.ssrc(), packet.sequence(), packet.timestamp(), packet.marker())
        })
        .collect();
    for pair in parsed.windows(2) {
        let [(then, ssrc, sequence, timestamp, _), (now, ..)] = pair else { unreachable!() };
        let (_, next_ssrc, next_sequence, next_timestamp, _) = pair[1];
        assert_eq!((next_ssrc, next_sequence), (*ssrc, sequence.wrapping_add(1)));
        let passed = now.since(*then).as_millis() as u32 * 8;
        assert_eq!(next_timestamp, timestamp.wrapping_add(passed));
    }
    let markers: Vec<_> = parsed.iter().map(|(.., marker)| *marker).collect();
    assert_eq!(markers, [true, false, false, true, false, false]);
}

#[test]
fn a_sink_that_speaks_in_real_time_is_not_chopped_up() {
    let mut relay = bridged();
    let mut writer = speak(&mut relay, 1000);
    let mut packets = Vec::new();
    // 20 ms each 20 ms, each third one 30 ms late.
    for frame in 0..30u64 {
        let late = if frame % 3 == 2 { 30 } else { 0 };
        packets.extend(run(&mut relay, 100 + frame * 20 + late));
        writer.write(&[500; 160]);
    }
    packets.extend(run(&mut relay, 2000));
    assert_eq!(packets.len(), 30);
    let gaps = packets.windows(2).map(|pair| pair[1].0.since(pair[0].0).as_millis());
    assert!(gaps.clone().all(|gap| gap == 20), "{:?}", gaps.collect::<Vec<_>>());
}

#[test]
fn what_is_cleared_is_not_heard_and_its_place_counts_as_played() {
    let mut relay = bridged();
    let mut writer = speak(&mut relay, 1000);
    writer.write(&[1000; 4000]);
    assert_eq!(run(&mut relay, 90).len(), 5);
    writer.clear();
    writer.write(&[-1000; 160]);
    let after = run(&mut relay, 400);
    assert!(samples(&after, Codec::Pcmu).iter().all(|sample| *sample < 0), "only what came after");
    assert_eq!((after.len(), writer.played()), (1, 4160));
}

#[test]
fn a_ring_that_is_full_takes_no_more_and_says_how_much_it_took() {
    let (mut writer, _reader) = voice(8000, 100);
    assert_eq!(writer.write(&[0; 500]), 500);
    assert_eq!(writer.write(&[0; 500]), 300);
    assert_eq!((writer.write(&[0; 500]), writer.written()), (0, 800));
}

#[test]
fn a_party_on_hold_hears_it_from_where_it_stands() {
    let mut relay = bridged();
    let mut writer = speak(&mut relay, 1000);
    writer.write(&[1; 1600]);
    assert_eq!(run(&mut relay, 90).len(), 5);
    relay.handle_command(remote(A, false, true), at(91));
    assert_eq!(run(&mut relay, 500).len(), 0);
    assert_eq!(writer.played(), 800);
    relay.handle_command(remote(A, true, true), at(501));
    assert_eq!(run(&mut relay, 1000).len(), 5);
}

#[test]
fn a_codec_that_is_negotiated_anew_is_spoken_from_the_next_packet_on() {
    let mut relay = bridged();
    let mut writer = speak(&mut relay, 1000);
    writer.write(&[8000; 1600]);
    let before = run(&mut relay, 90);
    let MediaCommand::Remote { port, rtp, rtcp, receive, send, .. } = remote(A, true, true) else {
        unreachable!()
    };
    let payloads = PayloadMap::from(&[(9, Codec::G722), (101, Codec::TELEPHONE_EVENT)]);
    relay.handle_command(MediaCommand::Remote { port, rtp, rtcp, payloads, receive, send }, at(91));
    let after = run(&mut relay, 400);
    let types = |packets: &[(Instant, Transmit)]| -> Vec<u8> {
        packets
            .iter()
            .map(|(_, it)| Packet::parse(&it.bytes).expect("RTP").payload_type())
            .collect()
    };
    assert_eq!((types(&before), types(&after)), (vec![0; 5], vec![9; 5]));
}

#[test]
fn one_voice_speaks_at_a_port_and_an_ended_one_makes_room() {
    let mut relay = bridged();
    let mut first = speak(&mut relay, 1000);
    let (second, reader) = voice(8000, 100);
    let terminal = TerminalId::first(StreamId::from_u128(8));
    relay.handle_command(MediaCommand::Voice { terminal, port: A, reader }, at(0));
    assert!(second.is_abandoned() && !first.is_abandoned());
    first.write(&[1; 1600]);
    assert_eq!(run(&mut relay, 40).len(), 3);
    relay.handle_command(MediaCommand::Unvoice { terminal: TERMINAL, port: A }, at(41));
    assert!(first.is_abandoned());
    assert_eq!(run(&mut relay, 400).len(), 0);
    assert!(say(&mut relay, B, 1, at(401)).is_some());
}

#[test]
fn a_voice_moves_with_its_party_and_ends_with_the_port() {
    let mut relay = bridged();
    let mut writer = speak(&mut relay, 1000);
    relay.handle_command(MediaCommand::MoveVoice { from: A, to: B }, at(1));
    writer.write(&[1; 480]);
    assert!(run(&mut relay, 200).iter().all(|(_, packet)| packet.port == B));
    relay.handle_command(MediaCommand::Close { port: B }, at(201));
    assert!(writer.is_abandoned());
}

#[test]
fn a_sink_that_leaves_is_heard_to_its_end() {
    let mut relay = bridged();
    let mut writer = speak(&mut relay, 1000);
    writer.write(&[1; 320]);
    drop(writer);
    assert_eq!(run(&mut relay, 400).len(), 2);
    assert!(say(&mut relay, B, 1, at(401)).is_some());
}
