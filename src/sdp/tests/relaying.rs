use super::*;
use expect_test::{Expect, expect};

#[test]
fn a_relayed_description_keeps_what_the_codecs_are_made_of() {
    for (name, description) in good() {
        let relayed = description.relayed(LOCAL, ORIGIN);
        assert_eq!(Description::parse(&relayed.to_bytes()).unwrap(), relayed, "{name}");
        assert_eq!(relayed.media_lines(), description.media_lines(), "{name}");
        assert_eq!(relayed.origin(), ORIGIN, "{name}");
        let Some(audio) = description.audio() else {
            assert_eq!(relayed.audio(), None, "{name}");
            continue;
        };
        let (rtp, rtcp) = ((LOCAL.address, 20_000).into(), (LOCAL.address, 20_001).into());
        assert_eq!(relayed.audio(), Some(&Audio { rtp, rtcp, ..audio.clone() }), "{name}");
    }
}

#[test]
fn a_relayed_description_tells_nothing_of_the_other_leg() {
    // What any of the corpus says that is nobody else's business: names, addresses, programs, keys, ICE.
    const PRIVATE: [&str; 32] = [
        "alice",
        "Alice",
        "Cisco",
        "FreeSWITCH",
        "Asterisk",
        "pjmedia",
        "FaxATA",
        "root",
        "Talk",
        "SIP Call",
        "BLOGGS",
        "example.com",
        "192.",
        "10.",
        "172.16",
        "203.0",
        "198.51",
        "127.0",
        "2001:db8",
        "crypto",
        "inline",
        "ice-",
        "candidate",
        "fingerprint",
        "setup",
        "rtcp:",
        "rtcp-mux",
        "ssrc",
        "cname",
        "mid:",
        "nat:",
        "alt:",
    ];
    for (name, description) in good() {
        let relayed = text(&description.relayed(LOCAL, ORIGIN)).replace("198.18.0.1", "");
        for private in PRIVATE {
            let found = relayed.lines().find(|line| {
                line.contains(private) && !line.starts_with("a=fmtp") && !line.starts_with("b=")
            });
            assert_eq!(found, None, "{name} tells {private}");
        }
    }
}

#[track_caller]
fn check_relayed(name: &str, expected: Expect) {
    expected.assert_eq(&text(&description(name).relayed(LOCAL, ORIGIN)));
}

#[test]
fn linphone_relayed() {
    check_relayed(
        "linphone",
        expect![[r#"
        v=0
        o=- 4711 3 IN IP4 198.18.0.1
        s=-
        c=IN IP4 198.18.0.1
        t=0 0
        a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
        a=record:off
        m=audio 20000 RTP/AVP 96 97 98 0 8 101 99 100
        a=rtpmap:96 opus/48000/2
        a=fmtp:96 useinbandfec=1
        a=rtpmap:97 speex/16000
        a=fmtp:97 vbr=on
        a=rtpmap:98 speex/8000
        a=fmtp:98 vbr=on
        a=rtpmap:101 telephone-event/48000
        a=rtpmap:99 telephone-event/16000
        a=rtpmap:100 telephone-event/8000
        a=rtcp-fb:* trr-int 1000
        a=rtcp-fb:* ccm tmmbr
        m=video 0 RTP/AVP 96
    "#]],
    );
}

#[test]
fn a_relayed_offer_of_srtp_and_rtp_refuses_the_srtp() {
    check_relayed(
        "savp-and-avp",
        expect![[r#"
        v=0
        o=- 4711 3 IN IP4 198.18.0.1
        s=-
        c=IN IP4 198.18.0.1
        t=0 0
        m=audio 0 RTP/SAVP 9 0 8
        m=audio 20000 RTP/AVP 9 0 8 101
        a=rtpmap:101 telephone-event/8000
        a=ptime:20
    "#]],
    );
}

#[test]
fn a_hold_by_null_address_is_relayed_as_a_direction() {
    check_relayed(
        "hold-by-null-address",
        expect![[r#"
        v=0
        o=- 4711 3 IN IP4 198.18.0.1
        s=-
        c=IN IP4 198.18.0.1
        t=0 0
        m=audio 20000 RTP/AVP 8 101
        a=rtpmap:101 telephone-event/8000
        a=sendonly
    "#]],
    );
}

#[test]
fn keys_in_capabilities_and_quoted_addresses_are_not_relayed() {
    check_relayed(
        "capability-negotiation",
        expect![[r#"
        v=0
        o=- 4711 3 IN IP4 198.18.0.1
        s=-
        c=IN IP4 198.18.0.1
        t=0 0
        m=audio 20000 RTP/AVP 0 18
        a=x-mystery:kept
    "#]],
    );
}

#[test]
fn an_address_in_an_attribute_is_not_relayed_however_it_is_written() {
    let offer = "v=0\no=- 1 1 IN IP6 2001:db8::1\nc=IN IP6 2001:db8::1\nm=audio 4 RTP/AVP 0\n\
        a=x-one:at 2001:db8::1\na=x-two:2001:DB8:0::1;q\na=x-three 2001:db8::1\na=x-four:2001:db8::2\n";
    let relayed = text(&Description::parse(offer.as_bytes()).unwrap().relayed(LOCAL, ORIGIN));
    let kept: Vec<_> = relayed.lines().filter(|line| line.starts_with("a=x-")).collect();
    assert_eq!(kept, ["a=x-four:2001:db8::2"]);
}

#[test]
fn an_ipv6_leg_gets_ipv6_lines() {
    let local = LocalMedia { address: "2001:db8:1::1".parse().unwrap(), port: 20_002 };
    let relayed = text(&description("yealink").relayed(local, ORIGIN));
    assert!(relayed.contains("o=- 4711 3 IN IP6 2001:db8:1::1\n"), "{relayed}");
    assert!(relayed.contains("c=IN IP6 2001:db8:1::1\n"), "{relayed}");
}

#[test]
fn codec_lines_cross_even_when_they_look_like_an_address() {
    let offer = Description::parse(b"v=0\no=- 1 1 IN IP4 1.1.1.1\nc=IN IP4 1.1.1.1\nm=audio 4 RTP/AVP 96\na=rtpmap:96 x1.1.1.1/8000\na=fmtp:96 v=1.1.1.1\n");
    let relayed = text(&offer.unwrap().relayed(LOCAL, ORIGIN));
    assert!(relayed.contains("a=rtpmap:96 x1.1.1.1/8000\na=fmtp:96 v=1.1.1.1\n"), "{relayed}");
}

#[test]
fn the_same_description_relayed_twice_is_equal_until_something_changes() {
    let (first, again, held) =
        (description("yealink"), description("yealink"), description("hold-sendonly"));
    assert_eq!(first.relayed(LOCAL, ORIGIN), again.relayed(LOCAL, ORIGIN));
    assert_ne!(first.relayed(LOCAL, ORIGIN), held.relayed(LOCAL, ORIGIN));
}

#[test]
fn an_answer_with_too_few_lines_is_aligned_with_its_offer() {
    let offer =
        parsed("m=audio 4000 RTP/SAVP 0\nm=audio 4002 RTP/AVP 0\nm=video 4004 RTP/AVP 97\n");
    let answer = parsed("m=audio 5000 RTP/AVP 0\n").aligned_with(&offer);
    let lines: Vec<String> =
        text(&answer).lines().filter(|line| line.starts_with("m=")).map(str::to_owned).collect();
    assert_eq!(lines, ["m=audio 0 RTP/SAVP 0", "m=audio 5000 RTP/AVP 0", "m=video 0 RTP/AVP 97"]);
}

#[test]
fn an_answer_with_too_many_lines_is_cut_and_a_fitting_one_stays() {
    let offer = parsed("m=audio 4002 RTP/AVP 0\n");
    let answer = parsed("m=audio 5000 RTP/AVP 0\nm=video 5004 RTP/AVP 97\n");
    assert_eq!(answer.aligned_with(&offer), parsed("m=audio 5000 RTP/AVP 0\n"));
    // Another protocol in a fitting count is the peer's affair, not a missing line.
    let avpf = parsed("m=audio 5000 RTP/AVPF 0\n");
    assert_eq!(avpf.aligned_with(&offer), avpf);
}
