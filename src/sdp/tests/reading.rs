use super::*;
use crate::codec::Codec;
use expect_test::expect;
use proptest::prelude::*;
use std::fmt::Write;

/// Media addresses, direction, packet time and formats in one line.
fn summary(audio: Option<Audio>) -> String {
    let Some(audio) = audio else {
        return "no audio".to_owned();
    };
    let mut line = format!("{} {} {}", audio.rtp, audio.rtcp.port(), audio.direction.name());
    audio.ptime_ms.inspect(|ptime| write!(line, " {ptime} ms").unwrap());
    for payload in audio.payloads {
        write!(line, " {}", payload.number).unwrap();
        payload.codec.inspect(|codec| write!(line, "={codec}").unwrap());
    }
    line
}

#[test]
fn the_descriptions_of_the_field_are_understood() {
    let mut table = String::new();
    for (name, description) in good() {
        writeln!(
            table,
            "{}: {}",
            name.trim_end_matches(".sdp"),
            summary(description.audio().cloned())
        )
        .unwrap();
    }
    expect![[r#"
        address-as-attribute-name: [2001:db8::1]:6050 6051 sendrecv 0=PCMU/8000
        asterisk: 172.16.4.2:15210 15211 sendrecv 20 ms 8=PCMA/8000 0=PCMU/8000 9=G722/8000 101=telephone-event/8000
        avpf: 192.0.2.66:6040 6041 sendrecv 111=opus/48000/2 8=PCMA/8000
        byte-order-mark: 192.0.2.61:6030 6031 sendrecv 0=PCMU/8000
        capability-negotiation: 192.0.2.68:6044 6045 sendrecv 0=PCMU/8000 18
        cisco-direction-active: 10.9.8.7:18770 18771 sendrecv 18 19=CN/8000 100
        cisco-user-with-spaces: 10.1.1.20:17236 17237 sendrecv 0=PCMU/8000 8=PCMA/8000 116 18 101=telephone-event/8000
        connection-at-media-level: 192.0.2.51:6010 6011 sendrecv 8=PCMA/8000
        freeswitch: 203.0.113.5:25892 25893 sendrecv 20 ms 102=opus/48000/2 0=PCMU/8000 8=PCMA/8000 103=telephone-event/48000 101=telephone-event/8000
        hold-by-null-address-ipv6: [::]:11788 11789 sendonly 8=PCMA/8000
        hold-by-null-address-recvonly: 0.0.0.0:11786 11787 inactive 8=PCMA/8000
        hold-by-null-address: 0.0.0.0:11784 11785 sendonly 8=PCMA/8000 101=telephone-event/8000
        hold-inactive-session-level: 192.168.1.24:11782 11783 inactive 0=PCMU/8000
        hold-sendonly: 192.168.1.23:11780 11781 sendonly 0=PCMU/8000 101=telephone-event/8000
        host-name: no audio
        ipv6: [2001:db8::7]:6000 6009 sendrecv 0=PCMU/8000 101=telephone-event/8000
        latin1: 192.0.2.64:6036 6037 sendrecv 8=PCMA/8000
        line-feeds-only: 192.0.2.62:6032 6033 sendrecv 30 ms 0=PCMU/8000
        linphone: 192.168.178.40:7078 7079 sendrecv 96=opus/48000/2 97 98 0=PCMU/8000 8=PCMA/8000 101=telephone-event/48000 99=telephone-event/16000 100=telephone-event/8000
        multicast: no audio
        no-origin-no-name: 192.0.2.65:6038 6039 sendrecv 8=PCMA/8000
        no-rtpmap-no-ptime: 192.0.2.52:6020 6021 sendrecv 0=PCMU/8000 8=PCMA/8000 9=G722/8000 13=CN/8000 96
        pjsip: 10.0.2.15:4000 4001 sendrecv 98 97 99 104 3 0=PCMU/8000 8=PCMA/8000 9=G722/8000 96=telephone-event/8000
        port-zero: no audio
        savp-and-avp: 192.0.2.32:5014 5015 sendrecv 20 ms 9=G722/8000 0=PCMU/8000 8=PCMA/8000 101=telephone-event/8000
        savp-only: no audio
        sloppy: 192.0.2.63:6034 6035 sendonly 20 ms 0=PCMU/8000 8=PCMA/8000
        t38-after-audio: 192.0.2.33:5020 5021 sendrecv 8=PCMA/8000 0=PCMU/8000
        t38-only: no audio
        video-first: 192.0.2.30:5006 5007 sendrecv 0=PCMU/8000
        webrtc: no audio
        yealink: 192.168.1.23:11780 11781 sendrecv 20 ms 9=G722/8000 0=PCMU/8000 8=PCMA/8000 18 101=telephone-event/8000
        zoiper: 198.51.100.9:42172 42173 sendrecv 106=opus/48000/2 9=G722/8000 98=telephone-event/48000 101=telephone-event/8000 0=PCMU/8000 8=PCMA/8000 3
    "#]].assert_eq(&table);
}

#[test]
fn what_is_no_description_is_refused() {
    let bad: Vec<_> = corpus().into_iter().filter(|(name, _)| name.starts_with("bad-")).collect();
    assert!(bad.len() >= 8);
    for (name, bytes) in bad {
        assert!(matches!(Description::parse(&bytes), Err(SdpError::Malformed(_))), "{name}");
    }
}

#[test]
fn a_description_that_is_written_is_read_again() {
    for (name, description) in good() {
        assert_eq!(Description::parse(&description.to_bytes()).unwrap(), description, "{name}");
    }
}

#[test]
fn a_direction_is_its_own_reverse_twice() {
    for direction in Direction::ALL {
        assert_eq!(direction.reversed().reversed(), direction);
        assert_eq!(direction.sends(), direction.reversed().receives());
        assert_eq!(Direction::from_name(&direction.name().to_uppercase()), Some(direction));
    }
}

#[test]
fn a_thousand_repeated_formats_are_one() {
    let numbers = "0 8 ".repeat(1000);
    assert_eq!(
        parsed(&format!("m=audio 8 RTP/AVP {numbers} 200 x\n")).audio().unwrap().payloads.len(),
        2
    );
}

proptest! {
    #[test]
    fn no_damaged_description_makes_anything_panic(
        seed in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\r\n=:/ 019-am\xff\0".to_vec())), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let corpus = corpus();
        let (_, mut bytes) = corpus[seed.index(corpus.len())].clone();
        for (at, byte) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        if !bytes.is_empty() {
            bytes.truncate(cut.index(bytes.len() * 4) + 1);
        }
        if let Ok(description) = Description::parse(&bytes) {
            let relayed = description.relayed(LOCAL, ORIGIN);
            prop_assert_eq!(Description::parse(&relayed.to_bytes()).unwrap(), relayed);
            if let Ok((answer, payloads)) = description.answer(LOCAL, ORIGIN, &[Codec::Pcmu, Codec::Pcma, Codec::Opus]) {
                prop_assert_eq!(answer.media_lines(), description.media_lines());
                prop_assert_eq!(&Description::parse(&answer.to_bytes()).unwrap(), &answer);
                prop_assert_eq!(&answer.audio().unwrap().payloads, &payloads);
            }
        }
    }
}
