use super::*;

const OFFER: &str = "m=audio 4000 RTP/AVP 0 8 18 96 101 13\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n\
    a=fmtp:18 annexb=no\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=rtcp-fb:* nack\na=rtcp-fb:96 ccm\n\
    a=ptime:20\nm=video 4002 RTP/AVP 96\na=rtpmap:96 H264/90000\n";

/// The audio line of an offer for somebody with these codecs, and its attributes.
fn offered(codecs: &[&str]) -> Vec<String> {
    let codecs: Vec<String> = codecs.iter().map(|&name| name.to_owned()).collect();
    let text = text(&parsed(OFFER).with_codecs(&codecs));
    let (_, lines) = text.split_once("m=audio 4000 RTP/AVP ").unwrap();
    let (audio, video) = lines.split_once("m=video").unwrap();
    assert!(video.contains("a=rtpmap:96 H264"), "other lines are nobody's business here");
    audio.lines().map(str::to_owned).collect()
}

#[test]
fn none_but_the_named_codecs_are_offered_in_their_order_with_key_presses_behind() {
    assert_eq!(
        offered(&["g729", "PCMA"]),
        [
            "18 8 101 13",
            "a=fmtp:18 annexb=no",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=rtcp-fb:* nack",
            "a=ptime:20"
        ]
    );
    assert_eq!(offered(&["Opus"])[0], "96 101 13");
    assert!(offered(&["Opus"]).contains(&"a=rtcp-fb:96 ccm".to_owned()));
    assert_eq!(offered(&["PCMU", "PCMU"])[0], "0 101 13");
}

#[test]
fn an_offer_with_none_of_the_named_codecs_stays_as_it_is() {
    for codecs in [&[][..], &["AMR"], &["telephone-event"]] {
        assert_eq!(offered(codecs)[0], "0 8 18 96 101 13", "{codecs:?}");
    }
}
