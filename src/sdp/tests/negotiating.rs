use super::*;
use crate::codec::Codec;
use expect_test::expect;

#[test]
fn our_answer_takes_the_first_offered_codec_that_we_support() {
    let offer = description("freeswitch");
    for (supported, number, event) in [
        (&[Codec::Pcmu, Codec::Pcma, Codec::Opus][..], 102, 103),
        (&[Codec::Pcma, Codec::Pcmu], 0, 101),
        (&[Codec::Pcma], 8, 101),
    ] {
        let (answer, payloads) = offer.answer(LOCAL, ORIGIN, supported).unwrap();
        assert_eq!(
            payloads.iter().map(|payload| payload.number).collect::<Vec<_>>(),
            [number, event]
        );
        assert_eq!(answer.audio().unwrap().payloads, payloads);
    }
}

#[test]
fn our_answer_has_the_lines_of_the_offer_in_order_and_refuses_the_others() {
    let offer = parsed(
        "t=5 6\nm=video 4 RTP/AVP 97\nm=audio 6 RTP/SAVP 0\nm=audio 8 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\nm=image 10 udptl t38\nm=audio 12 RTP/AVP 0\n",
    );
    let (answer, _) = offer.answer(LOCAL, ORIGIN, &[Codec::Pcmu]).unwrap();
    expect![[r#"
        v=0
        o=- 4711 3 IN IP4 198.18.0.1
        s=-
        c=IN IP4 198.18.0.1
        t=5 6
        m=video 0 RTP/AVP 97
        m=audio 0 RTP/SAVP 0
        m=audio 20000 RTP/AVP 0 101
        a=rtpmap:0 PCMU/8000
        a=rtpmap:101 telephone-event/8000
        a=fmtp:101 0-15
        a=ptime:20
        a=sendrecv
        m=image 0 udptl t38
        m=audio 0 RTP/AVP 0
    "#]]
    .assert_eq(&text(&answer));
}

#[test]
fn our_answer_sees_the_offered_direction_from_the_other_side() {
    for (offered, answered) in [
        ("sendrecv", Direction::SendRecv),
        ("sendonly", Direction::RecvOnly),
        ("recvonly", Direction::SendOnly),
        ("inactive", Direction::Inactive),
    ] {
        let offer = parsed(&format!("m=audio 8 RTP/AVP 0\na={offered}\n"));
        let (answer, _) = offer.answer(LOCAL, ORIGIN, &[Codec::Pcmu]).unwrap();
        assert_eq!(answer.audio().unwrap().direction, answered);
    }
    let (answer, _) =
        description("hold-by-null-address").answer(LOCAL, ORIGIN, &[Codec::Pcma]).unwrap();
    assert_eq!(answer.audio().unwrap().direction, Direction::RecvOnly);
}

#[test]
fn our_answer_promises_key_presses_only_when_they_were_offered() {
    let (_, payloads) = parsed("m=audio 8 RTP/AVP 0\n")
        .answer(LOCAL, ORIGIN, &[Codec::Pcmu, Codec::TELEPHONE_EVENT])
        .unwrap();
    assert_eq!(payloads.len(), 1);
}

#[test]
fn there_is_no_answer_without_a_common_codec_or_without_audio() {
    let answer = |name: &str| description(name).answer(LOCAL, ORIGIN, &[Codec::Opus]).err();
    assert_eq!(answer("yealink"), Some(SdpError::NoCommonCodec));
    assert_eq!(answer("savp-only"), Some(SdpError::NoAudio));
    assert_eq!(answer("t38-only"), Some(SdpError::NoAudio));
    let keys_only = parsed("m=audio 8 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n");
    assert_eq!(
        keys_only.answer(LOCAL, ORIGIN, &[Codec::TELEPHONE_EVENT]).err(),
        Some(SdpError::NoCommonCodec)
    );
}

#[test]
fn our_offer_numbers_every_codec() {
    let codecs = [
        Codec::Opus,
        Codec::G722,
        Codec::Pcma,
        Codec::L16 { rate: 16_000, channels: 1 },
        Codec::TelephoneEvent { rate: 48_000 },
        Codec::TELEPHONE_EVENT,
    ];
    let offer = Description::offer(LOCAL, ORIGIN, &codecs, Direction::SendRecv);
    expect![[r#"
        v=0
        o=- 4711 3 IN IP4 198.18.0.1
        s=-
        c=IN IP4 198.18.0.1
        t=0 0
        m=audio 20000 RTP/AVP 96 9 8 97 101 98
        a=rtpmap:96 opus/48000/2
        a=rtpmap:9 G722/8000
        a=rtpmap:8 PCMA/8000
        a=rtpmap:97 L16/16000
        a=rtpmap:101 telephone-event/48000
        a=fmtp:101 0-15
        a=rtpmap:98 telephone-event/8000
        a=fmtp:98 0-15
        a=ptime:20
        a=sendrecv
    "#]]
    .assert_eq(&text(&offer));
    let audio = offer.audio().unwrap();
    assert_eq!(audio.codecs().map(|(_, codec)| codec).collect::<Vec<_>>(), codecs);
    assert_eq!(audio.codec(), Some(Codec::Opus));
}

#[test]
fn an_offer_of_more_codecs_than_numbers_leaves_the_last_ones_out() {
    let offer = Description::offer(LOCAL, ORIGIN, &[Codec::Opus; 40], Direction::SendRecv);
    assert_eq!(
        offer.audio().unwrap().payloads.len(),
        31,
        "one dynamic number is kept for key presses"
    );
}

#[test]
fn our_own_hold_changes_the_direction_and_the_version_alone() {
    let call = Description::offer(LOCAL, ORIGIN, &[Codec::Pcmu], Direction::SendRecv);
    let held = call.with_direction(Direction::SendOnly, Origin { version: 4, ..ORIGIN });
    assert_eq!(
        text(&held),
        text(&call).replace("4711 3", "4711 4").replace("sendrecv", "sendonly")
    );
    assert_eq!(held.with_direction(Direction::SendRecv, ORIGIN), call);
}

#[test]
fn a_direction_of_the_session_gives_way_to_ours() {
    let held =
        description("hold-inactive-session-level").with_direction(Direction::SendRecv, ORIGIN);
    assert_eq!(held.audio().unwrap().direction, Direction::SendRecv);
    assert!(!text(&held).contains("inactive"));
}
