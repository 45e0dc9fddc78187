//! The messages of a log: where they are cut, what they say of themselves, and that they are the same when they are made again.

use super::*;
use crate::dialect::jetstream::{Found, JetStream, Lane, Last, Post};
use crate::id::TerminalId;

fn stream() -> JetStream {
    let info = info(Format { encoding: Encoding::Pcmu, ..Format::TELEPHONE });
    let terminal = TerminalId::first(info.stream);
    JetStream::new(info, terminal, "calls.eu")
}

/// Half a second of frames; the second track begins in the middle of the first one's grid.
fn frames() -> Vec<Item> {
    let data = [0xff; 160];
    (0..25)
        .flat_map(|n| {
            [
                frame(Track::FromCustomer, n, n * 160, &data),
                frame(Track::ToCustomer, n, 320 + n * 160, &data),
            ]
        })
        .collect()
}

fn posts(stream: &mut JetStream) -> Vec<Post> {
    std::iter::from_fn(|| stream.poll_post()).collect()
}

fn ids(posts: &[Post]) -> Vec<&str> {
    posts.iter().filter_map(|post| post.id.split_once('.')).map(|(_, id)| id).collect()
}

#[test]
fn a_whole_stream_has_exactly_these_messages() {
    let mut stream = stream();
    stream.begin(&Found::default());
    for item in &[
        frame(Track::FromCustomer, 0, 0, &[1, 2]),
        frame(Track::FromCustomer, 1, 2, &[3]),
        Item::Gap(Track::FromCustomer, Span { kind: SpanKind::Paused, start: 3, samples: 157 }),
        Item::Dtmf { track: Track::FromCustomer, digit: '1', duration_ms: 100, position: 170 },
        Item::Mark { name: "card number".to_owned(), position: 180 },
        frame(Track::ToCustomer, 0, 0, &[9]),
    ] {
        stream.item(item);
    }
    stream.note(Note::Held(Track::ToCustomer), 160);
    stream.farewell(Cause::HangUp, &manifest(), 1 << 20);
    let shown = posts(&mut stream).into_iter().map(|post| {
        let headers = post
            .headers
            .iter()
            .map(|(name, value)| format!(" {}={value}", name.trim_start_matches("Sidestream-")));
        let lane = post.subject.rsplit('.').next().unwrap_or_default();
        let payload = match post.lane {
            Lane::Track(_) if post.payload.is_empty() => "nothing".to_owned(),
            Lane::Track(_) => native::hexadecimal(&post.payload),
            Lane::Events => String::from_utf8_lossy(&post.payload).chars().take(40).collect(),
        };
        format!("{lane} {}\n {}\n  {payload}\n", post.id, headers.collect::<String>())
    });
    expect![[r#"
        events 7YVJX9GXJM688FXQ5TK1V58CGG.hello
          Type=hello Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          {"type":"hello","protocol":"sidestream",
        from_customer 7YVJX9GXJM688FXQ5TK1V58CGG.from_customer.0-3
          Kind=audio Start=0 Samples=3 Format=pcmu Rate=8000 Arrival-Us=20250 Sequence=1 Type=audio Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          010203
        from_customer 7YVJX9GXJM688FXQ5TK1V58CGG.from_customer.3-160
          Kind=paused Start=3 Samples=157 Format=pcmu Rate=8000 Sequence=2 Type=gap Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          nothing
        events 7YVJX9GXJM688FXQ5TK1V58CGG.dtmf.ce7075c1c69bba8a
          Type=dtmf Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          {"type":"dtmf","track":"from_customer","
        events 7YVJX9GXJM688FXQ5TK1V58CGG.mark.40e4e729e5eb223d
          Type=mark Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          {"type":"mark","name":"card number","pos
        events 7YVJX9GXJM688FXQ5TK1V58CGG.held.06a2a1b5c4afafd8
          Type=held Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          {"type":"held","track":"to_customer","po
        to_customer 7YVJX9GXJM688FXQ5TK1V58CGG.to_customer.0-1
          Kind=audio Start=0 Samples=1 Format=pcmu Rate=8000 Arrival-Us=20250 Sequence=1 Type=audio Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          09
        events 7YVJX9GXJM688FXQ5TK1V58CGG.manifest.1
          Part=1/1 Type=manifest Call=014D2PF2DBSQQG28T5CY4TQKFF Stream=7YVJX9GXJM688FXQ5TK1V58CGG
          {"type":"manifest","cause":"hang_up","ma
    "#]].assert_eq(&shown.collect::<String>());
}

#[test]
fn audio_is_cut_on_the_grid_of_the_clock() {
    let mut stream = stream();
    stream.begin(&Found::default());
    frames().iter().for_each(|item| stream.item(item));
    let posts = posts(&mut stream);
    assert_eq!(
        ids(&posts),
        [
            "hello",
            "to_customer.320-800",
            "from_customer.0-800",
            "to_customer.800-1600",
            "from_customer.800-1600",
            "to_customer.1600-2400",
            "from_customer.1600-2400",
            "to_customer.2400-3200",
            "from_customer.2400-3200",
            "to_customer.3200-4000",
            "from_customer.3200-4000",
        ]
    );
    // The rest is under way, and leaves with the end.
    stream.farewell(Cause::HangUp, &manifest(), 1 << 20);
    let rest = std::iter::from_fn(|| stream.poll_post()).collect::<Vec<_>>();
    assert_eq!(ids(&rest), ["to_customer.4000-4320", "manifest.1"]);
    let longest = JetStream::longest(Format { encoding: Encoding::Pcmu, ..Format::TELEPHONE });
    assert!(posts.iter().all(|post| post.len() <= longest), "{longest}");
}

#[test]
fn what_is_made_again_behind_a_loss_is_the_same_under_the_same_ids_and_numbers() {
    let mut first = stream();
    first.begin(&Found::default());
    frames().iter().for_each(|item| first.item(item));
    let sent = posts(&mut first);
    // The log has all before the third message of each track.
    let mut found = Found::default();
    for post in &sent {
        let (lane, end) = (post.lane, post.reaches.map_or(0, |(_, end)| end));
        if end <= 1600 {
            found.0[lane.index()] = Some(Last { sequence: post.sequence, end, ..Last::default() });
        }
    }
    let mut again = stream();
    again.begin(&found);
    let is_missing = |item: &&Item| matches!(item, Item::Frame(frame) if frame.position >= 1600);
    frames().iter().filter(is_missing).for_each(|item| again.item(item));
    let is_behind = |post: &&Post| post.reaches.is_some_and(|(_, end)| end > 1600);
    let expected: Vec<_> = sent.iter().filter(is_behind).cloned().collect();
    assert_eq!(posts(&mut again), expected);
}

#[test]
fn a_message_tells_whoever_finds_it_last_how_far_the_log_has_come() {
    let mut stream = stream();
    stream.begin(&Found::default());
    frames().iter().for_each(|item| stream.item(item));
    stream.farewell(Cause::HangUp, &manifest(), 1 << 20);
    let mut found = Found::default();
    for post in posts(&mut stream) {
        let header = |wanted: &str| {
            post.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let last = Last::read(7, header).expect("ours");
        assert_eq!((last.sequence, last.at), (post.sequence, 7));
        found.0[post.lane.index()] = Some(last);
    }
    assert_eq!(found.0.map(|last| last.map_or(0, |last| last.end)), [4000, 4320, 0]);
    assert!(found.is_whole());
    assert_eq!(Last::read(7, |_| None), None);
}

#[test]
fn a_message_tells_what_was_acknowledged_before_it() {
    let mut stream = stream();
    stream.begin(&Found::default());
    frames().iter().for_each(|item| stream.item(item));
    let have = Last { sequence: 3, end: 2400, is_manifest: false, at: 99 };
    let have = Found([Some(have), None, None]);
    for post in posts(&mut stream) {
        let post = post.with_behind(&have);
        let header = |wanted: &str| {
            post.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let expected = match post.lane {
            Lane::Track(_) => Some(have.last(post.lane).unwrap_or_default()),
            Lane::Events => None,
        };
        assert_eq!(Last::behind(header), expected, "{}", post.id);
    }
}

#[test]
fn a_manifest_that_is_longer_than_a_message_may_be_comes_in_parts() {
    let mut stream = stream();
    let span = |n| Span { kind: SpanKind::Audio, start: n, samples: 1 };
    let mut manifest = manifest();
    manifest.tracks[0].spans = (0..200).map(span).collect();
    stream.farewell(Cause::HangUp, &manifest, 3_000);
    let posts = posts(&mut stream);
    assert!(posts.len() > 2 && posts.iter().all(|post| post.len() <= 3_000), "{}", posts.len());
    let whole: Vec<u8> = posts.iter().flat_map(|post| post.payload.to_vec()).collect();
    let read: native::Telling = serde_json::from_slice(&whole).expect("JSON");
    assert!(matches!(read, native::Telling::Manifest { .. }));
}
