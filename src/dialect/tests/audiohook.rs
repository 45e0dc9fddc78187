//! Genesys AudioHook.

use super::*;
use crate::dialect::audiohook::{Heard, MediaFormat, Telling, Told, duration};

/// A stream and the server's side of its session.
struct Bench {
    dialect: Dialect,
    id: String,
    seq: u64,
    now: Instant,
}

impl Bench {
    fn new(encoding: Encoding, channels: Channels) -> Bench {
        let wished = Format { sample_rate: 8000, encoding, channels };
        let dialect = Dialect::new(DialectKind::AudioHook, info(wished));
        Bench { dialect, id: String::new(), seq: 0, now: START }
    }

    fn connect(&mut self) -> Vec<Message> {
        let headers = self.dialect.handshake();
        let session = headers.iter().find(|(name, _)| *name == "audiohook-session-id");
        self.id = session.expect("every session has an id").1.clone();
        self.seq = 0;
        let greeting = self.dialect.greet([0, 0]);
        assert_eq!(greeting.len(), 1);
        assert!(!self.dialect.is_ready(), "no audio before opened");
        greeting
    }

    fn hear(&mut self, said: &str, parameters: &str) -> SinkSays {
        self.seq += 1;
        let (id, seq) = (&self.id, self.seq);
        let text = format!(
            r#"{{"version":"2","id":"{id}","type":"{said}","seq":{seq},"clientseq":1,"parameters":{parameters}}}"#
        );
        self.dialect.read(&Message::Text(text))
    }

    fn open(&mut self, media: &str) -> SinkSays {
        self.hear("opened", &format!(r#"{{"media":[{media}]}}"#))
    }

    /// What is to be said after `after` of silence.
    fn drain(&mut self, after: Duration) -> Vec<Message> {
        self.now += after;
        std::iter::from_fn(|| self.dialect.poll_message(self.now)).collect()
    }

    fn give(&mut self, items: &[Item]) -> Vec<Message> {
        let mut messages = Vec::new();
        for item in items {
            messages.extend(self.dialect.item(item, Delivery::First));
            messages.extend(self.drain(Duration::ZERO));
        }
        messages
    }
}

const STEREO_PCMU: &str =
    r#"{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":8000}"#;

fn both(number: u8) -> [Item; 2] {
    let position = u64::from(number) * 160;
    [
        frame(Track::FromCustomer, number.into(), position, &[number; 160]),
        frame(Track::ToCustomer, number.into(), position, &[number + 100; 160]),
    ]
}

/// Type and parameters of each text, first byte and length of each frame.
fn sketch(messages: &[Message]) -> String {
    let line = |message: &Message| match message {
        Message::Text(text) => {
            let telling: Telling = serde_json::from_str(text).expect("a message of ours");
            let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
            let parameters = match telling.told {
                Told::Open(_) => "…".to_owned(),
                _ => value["parameters"].to_string(),
            };
            let (seq, position) = (telling.seq, telling.position);
            format!("{seq} {} {position} {parameters}", value["type"].as_str().unwrap_or("?"))
        }
        Message::Binary(bytes) => format!("audio {} x{}", bytes[0], bytes.len()),
    };
    messages.iter().map(|message| line(message) + "\n").collect()
}

#[test]
fn the_opening_offers_what_is_configured_first_and_tells_whose_audio_it_is() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    let headers = bench.dialect.handshake();
    let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["audiohook-organization-id", "audiohook-session-id", "audiohook-correlation-id"]
    );
    check(
        bench.connect(),
        expect![[r#"
            {"version":"2","id":"386676cf-111f-5409-aa9b-ae579b2f278d","type":"open","parameters":{"organizationId":"5ad3d8da-9013-5975-9801-42874fbba4a4","conversationId":"fa0c0cb4-a0b8-522f-bdfd-2bc8567f36a5","participant":{"id":"3a50431d-6637-57a6-b7b4-4b7420f0ea45","ani":"1000","aniName":"","dnis":"9000"},"media":[{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":8000},{"type":"audio","format":"PCMU","channels":["external"],"rate":8000},{"type":"audio","format":"PCMU","channels":["internal"],"rate":8000},{"type":"audio","format":"L16","channels":["external","internal"],"rate":8000},{"type":"audio","format":"L16","channels":["external"],"rate":8000},{"type":"audio","format":"L16","channels":["internal"],"rate":8000}],"customConfig":{"a\"b":"é","contact_id":"014D2PF2DBSQQG28T5CY4TQKFF","from":"1000","label":"agent assist","streaming_id":"7YVJX9GXJM688FXQ5TK1V58CGG","tier":"gold","to":"9000"}},"seq":1,"serverseq":0,"position":"PT0S"}
        "#]],
    );
}

#[test]
fn a_whole_session_has_exactly_these_messages() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    let mut messages = bench.connect();
    assert_eq!(bench.open(STEREO_PCMU), SinkSays::Noted);
    assert!(bench.dialect.is_ready());
    messages.extend(bench.give(&both(1)));
    let gap = |kind, start, samples| {
        Track::ALL.map(|track| Item::Gap(track, Span { kind, start, samples }))
    };
    messages.extend(bench.give(&gap(SpanKind::Paused, 320, 8000)));
    messages.extend(bench.give(&gap(SpanKind::Paused, 8320, 160)));
    messages.extend(bench.give(&both(53)));
    messages.extend(bench.give(&gap(SpanKind::Discarded, 8640, 160)));
    messages.extend(bench.give(&[Item::Mark { name: "m".to_owned(), position: 1 }]));
    messages.extend(bench.give(&both(55)[..1]));
    messages.extend(bench.drain(Duration::from_secs(1)));
    assert_eq!(bench.hear("event", r#"{"entities":[]}"#), SinkSays::Noted);
    messages.extend(bench.dialect.farewell(Cause::HangUp, &manifest()));
    assert!(bench.dialect.awaits_answer());
    assert_eq!(bench.hear("closed", "{}"), SinkSays::Noted);
    assert!(!bench.dialect.awaits_answer());
    let shown = sketch(&messages);
    expect![[r#"
        1 open PT0S …
        2 discarded PT0S {"discarded":"PT0.02S","start":"PT0S"}
        audio 1 x320
        3 paused PT0.04S {}
        4 resumed PT0.04S {"discarded":"PT1.02S","start":"PT0.04S"}
        audio 53 x320
        5 discarded PT1.08S {"discarded":"PT0.02S","start":"PT1.08S"}
        6 ping PT1.1S {}
        audio 55 x320
        7 close PT1.12S {"reason":"end"}
    "#]]
    .assert_eq(&shown);
}

#[test]
fn a_server_may_choose_any_of_the_formats_that_are_offered() {
    for (format, channels, expected) in [
        (MediaFormat::Pcmu, r#""external","internal""#, "audio 1 x320\n"),
        (MediaFormat::Pcmu, r#""external""#, "audio 1 x160\n"),
        (MediaFormat::Pcmu, r#""internal""#, "audio 101 x160\n"),
        (MediaFormat::L16, r#""internal""#, "audio 220 x320\n"),
        (MediaFormat::L16, r#""external","internal""#, "audio 132 x640\n"),
    ] {
        let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
        bench.connect();
        let format = serde_json::to_string(&format).expect("a word");
        let media =
            format!(r#"{{"type":"audio","format":{format},"channels":[{channels}],"rate":8000}}"#);
        assert_eq!(bench.open(&media), SinkSays::Noted, "{media}");
        let messages: Vec<_> = bench.give(&both(1)).into_iter().skip(1).collect();
        assert_eq!(sketch(&messages), expected, "{media}");
    }
}

#[test]
fn a_format_that_was_not_offered_ends_the_session_and_the_stream() {
    for media in [
        r#"{"type":"audio","format":"PCMU","channels":["external","internal"],"rate":16000}"#,
        r#"{"type":"audio","format":"L16","channels":["external"],"rate":8000},
           {"type":"audio","format":"L16","channels":["internal"],"rate":8000}"#,
    ] {
        let mut bench = Bench::new(Encoding::L16, Channels::Stereo);
        bench.connect();
        assert_eq!(bench.open(media), SinkSays::Noted);
        assert!(!bench.dialect.is_ready());
        let told = sketch(&bench.drain(Duration::ZERO));
        assert_eq!(
            told,
            "2 error PT0S {\"code\":400,\"message\":\"that media was not offered\"}\n\
             3 close PT0S {\"reason\":\"error\"}\n"
        );
        assert!(matches!(bench.hear("closed", "{}"), SinkSays::Unfit(_)));
    }
}

#[test]
fn a_server_that_owes_an_answer_is_lost() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    let second = Duration::from_secs(1);
    bench.connect();
    bench.drain(second);
    assert_eq!(bench.dialect.overdue(bench.now + second * 4), None);
    assert!(bench.dialect.overdue(bench.now + second * 5).is_some(), "opened");
    bench.open(STEREO_PCMU);
    assert_eq!(sketch(&bench.drain(second)), "2 ping PT0S {}\n");
    assert_eq!(bench.drain(second), []);
    assert!(bench.dialect.overdue(bench.now + second * 4).is_some(), "pong");
    assert!(matches!(bench.hear("pong", "{}"), SinkSays::Garbage(_)), "another ping's pong");
    let id = bench.id.clone();
    let pong = format!(
        r#"{{"version":"2","id":"{id}","type":"pong","seq":3,"clientseq":2,"parameters":{{}}}}"#
    );
    assert_eq!(bench.dialect.read(&Message::Text(pong)), SinkSays::Noted);
    assert_eq!(bench.dialect.overdue(bench.now + second * 9), None);
    assert_eq!(sketch(&bench.drain(second * 4)), "3 ping PT0S {\"rtt\":\"PT1S\"}\n");
    bench.dialect.farewell(Cause::HangUp, &manifest());
    bench.drain(second);
    assert!(bench.dialect.overdue(bench.now + second * 5).is_some(), "closed");
}

#[test]
fn a_pause_is_asked_for_by_the_server_and_told_when_it_takes_effect() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    bench.open(STEREO_PCMU);
    bench.give(&both(0));
    assert_eq!(bench.hear("pause", "{}"), SinkSays::Pause);
    assert_eq!(bench.drain(Duration::ZERO), [], "the timeline has not paused yet");
    let pause = Span { kind: SpanKind::Paused, start: 160, samples: 160 };
    let told = bench.give(&Track::ALL.map(|track| Item::Gap(track, pause)));
    assert_eq!(sketch(&told), "2 paused PT0.02S {}\n");
    assert_eq!(bench.hear("pause", "{}"), SinkSays::Pause);
    assert_eq!(sketch(&bench.drain(Duration::ZERO)), "3 paused PT0.02S {}\n");
    assert_eq!(bench.hear("resume", "{}"), SinkSays::Resume);
    let told = sketch(&bench.give(&both(2)));
    assert_eq!(
        told,
        "4 resumed PT0.02S {\"discarded\":\"PT0.02S\",\"start\":\"PT0.02S\"}\naudio 2 x320\n"
    );
}

#[test]
fn a_session_that_starts_paused_hears_nothing_before_it_is_resumed() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    let opened = format!(r#"{{"media":[{STEREO_PCMU}],"startPaused":true}}"#);
    assert_eq!(bench.hear("opened", &opened), SinkSays::Pause);
    let mut told = bench.give(&both(0));
    let pause = Span { kind: SpanKind::Paused, start: 160, samples: 160 };
    told.extend(bench.give(&Track::ALL.map(|track| Item::Gap(track, pause))));
    told.extend(bench.give(&both(2)));
    assert_eq!(
        sketch(&told),
        "2 paused PT0S {}\n\
         3 resumed PT0S {\"discarded\":\"PT0.04S\",\"start\":\"PT0S\"}\naudio 2 x320\n"
    );
}

#[test]
fn a_new_connection_is_a_new_session_that_continues_the_ones_before() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    bench.open(STEREO_PCMU);
    bench.give(&both(0));
    let first = bench.id.clone();
    // The other track's frame waits in the joiner and goes on with the next session.
    bench.give(&both(1)[..1]);
    let Message::Text(text) = bench.connect().remove(0) else { panic!("a text") };
    assert_ne!(bench.id, first);
    let telling: Telling = serde_json::from_str(&text).expect("a message of ours");
    assert_eq!((telling.seq, telling.serverseq, telling.position.as_str()), (1, 0, "PT0.02S"));
    let Told::Open(open) = telling.told else { panic!("{text}") };
    assert_eq!(open.media.len(), 1, "only what was chosen");
    let before: Vec<_> =
        open.continued_sessions.iter().map(|it| (&it.id, it.serverseq, it.clientseq)).collect();
    assert_eq!(before, [(&first, 1, 1)]);
    bench.open(STEREO_PCMU);
    assert_eq!(sketch(&bench.give(&both(1)[1..])), "audio 1 x320\n");
    // An attempt that came to nothing is no session.
    bench.dialect.handshake();
    let headers = (bench.dialect.handshake(), bench.dialect.handshake());
    assert_eq!(headers.0, headers.1);
}

#[test]
fn a_server_may_want_another_connection_or_the_end() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    bench.open(STEREO_PCMU);
    assert_eq!(bench.hear("reconnect", "{}"), SinkSays::Noted);
    assert!(!bench.dialect.is_ready());
    assert_eq!(sketch(&bench.drain(Duration::ZERO)), "2 close PT0S {\"reason\":\"reconnect\"}\n");
    assert_eq!(bench.hear("closed", "{}"), SinkSays::Reconnect);

    bench.connect();
    bench.open(STEREO_PCMU);
    assert_eq!(bench.hear("disconnect", r#"{"reason":"completed"}"#), SinkSays::Stop);
    let last = bench.dialect.farewell(Cause::Request, &manifest());
    assert_eq!(sketch(&last), "2 close PT0S {\"reason\":\"disconnect\"}\n");

    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    bench.open(STEREO_PCMU);
    let refused = r#"{"reason":"unauthorized","info":"no such\nkey"}"#;
    assert_eq!(bench.hear("disconnect", refused), SinkSays::Noted);
    let told = sketch(&bench.drain(Duration::ZERO));
    assert_eq!(told, "2 close PT0S {\"reason\":\"disconnect\"}\n");
    let why = "unauthorized: no such?key".to_owned();
    assert_eq!(bench.hear("closed", "{}"), SinkSays::Unfit(why));
}

#[test]
fn a_flood_of_pauses_is_not_answered_without_end() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    let opened = format!(r#"{{"media":[{STEREO_PCMU}],"startPaused":true}}"#);
    bench.hear("opened", &opened);
    for _ in 0..1000 {
        bench.hear("pause", "{}");
    }
    assert_eq!(bench.drain(Duration::ZERO).len(), 64);
}

#[test]
fn what_is_of_another_session_or_version_is_garbage() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    let good = format!(
        r#"{{"version":"2","id":"{}","type":"event","seq":1,"clientseq":1,"parameters":{{}}}}"#,
        bench.id
    );
    assert!(serde_json::from_str::<Heard>(&good).is_ok());
    for wrong in [
        good.replace("\"2\"", "\"1\""),
        good.replace(&bench.id, "00000000-0000-0000-0000-000000000000"),
        good.replace("event", "dance"),
        good.replace("\"seq\":1", "\"seq\":-1"),
        good.replace("event", "opened"),
        String::new(),
    ] {
        let said = bench.dialect.read(&Message::Text(wrong.clone()));
        assert!(matches!(said, SinkSays::Garbage(_)), "{wrong}: {said:?}");
    }
    assert_eq!(bench.dialect.read(&Message::Text(good)), SinkSays::Noted);
}

#[test]
fn durations_are_seconds_with_as_many_digits_as_they_need() {
    for (samples, text) in [
        (0, "PT0S"),
        (8000, "PT1S"),
        (160, "PT0.02S"),
        (1, "PT0.000125S"),
        (8_012_000, "PT1001.5S"),
    ] {
        assert_eq!(duration(samples, 8000), text);
    }
    assert_eq!(duration(u64::MAX, 1), format!("PT{}S", u64::MAX));
}

/// The answers of the reference implementation's server have more members than we need (`supportedLanguages`, `discardTo`, `info`).
#[test]
fn members_that_mean_nothing_to_us_are_passed_over() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    let opened = format!(
        r#"{{"media":[{STEREO_PCMU}],"discardTo":"PT1.2S","startPaused":false,"supportedLanguages":["en-US","de-DE"]}}"#
    );
    assert_eq!(bench.hear("opened", &opened), SinkSays::Noted);
    assert_eq!(bench.hear("updated", "{}"), SinkSays::Noted);
    assert_eq!(bench.hear("reconnect", r#"{"info":"rebalancing"}"#), SinkSays::Noted);
}

#[test]
fn the_language_of_the_contact_is_told_in_the_opening() {
    let wished = Format { sample_rate: 8000, encoding: Encoding::Pcmu, channels: Channels::Stereo };
    let mut contact = info(wished);
    contact.attributes.push(("language".to_owned(), "de-DE".to_owned()));
    let mut dialect = Dialect::new(DialectKind::AudioHook, contact);
    dialect.handshake();
    let Message::Text(text) = dialect.greet([0, 0]).remove(0) else { panic!("a text") };
    assert!(text.contains(r#","language":"de-DE","customConfig""#), "{text}");
}

#[test]
fn what_a_server_takes_none_of_is_known_for_the_account() {
    let [customer, agent] = both(0).map(|item| match item {
        Item::Frame(frame) => frame,
        Item::Gap(..) | Item::Dtmf { .. } | Item::Mark { .. } => unreachable!("two frames"),
    });
    let external = r#"{"type":"audio","format":"PCMU","channels":["external"],"rate":8000}"#;
    let discarded = Some(SpanKind::Discarded);
    for (media, expected) in
        [("", [discarded; 2]), (STEREO_PCMU, [None; 2]), (external, [None, discarded])]
    {
        let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
        bench.connect();
        bench.open(media);
        let withheld = [&customer, &agent].map(|frame| bench.dialect.withholds(frame));
        assert_eq!(withheld, expected, "{media}");
        assert_eq!(bench.give(&both(0)).is_empty(), media.is_empty());
    }
}

#[test]
fn a_pause_that_is_denied_costs_the_second_that_was_waited_for_it() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    let opened = format!(r#"{{"media":[{STEREO_PCMU}],"startPaused":true}}"#);
    bench.hear("opened", &opened);
    let mut told = Vec::new();
    for number in 0..=50 {
        for item in both(number) {
            let Item::Frame(frame) = &item else { unreachable!("two frames") };
            let paused = (number < 50).then_some(SpanKind::Paused);
            assert_eq!(bench.dialect.withholds(frame), paused, "{number}");
        }
        told.extend(bench.give(&both(number)));
    }
    assert_eq!(
        sketch(&told),
        "2 paused PT0S {}\n\
         3 resumed PT0S {\"discarded\":\"PT1S\",\"start\":\"PT0S\"}\naudio 50 x320\n"
    );
}

#[test]
fn another_language_is_told_once_in_a_session_and_by_the_next_opening() {
    let mut bench = Bench::new(Encoding::Pcmu, Channels::Stereo);
    bench.connect();
    // The session is not open yet: the update waits, and the last word counts.
    bench.dialect.set_language("fr-FR");
    bench.dialect.set_language("de-DE");
    assert_eq!(sketch(&bench.drain(Duration::ZERO)), "");
    bench.open(STEREO_PCMU);
    bench.dialect.set_language("de-DE");
    let told = sketch(&bench.drain(Duration::ZERO));
    assert_eq!(told, "2 update PT0S {\"language\":\"de-DE\"}\n");
    assert_eq!(bench.hear("updated", "{}"), SinkSays::Noted);
    // What a lost session was not told is told by the next one's opening, and not again.
    bench.dialect.set_language("it-IT");
    let opening = bench.connect();
    let Message::Text(text) = &opening[0] else { panic!("a text") };
    let telling: Telling = serde_json::from_str(text).expect("a message of ours");
    let Told::Open(open) = telling.told else { panic!("{text}") };
    assert_eq!(open.language.as_deref(), Some("it-IT"));
    bench.open(STEREO_PCMU);
    assert_eq!(sketch(&bench.drain(Duration::ZERO)), "");
}
