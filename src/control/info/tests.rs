use super::*;
use crate::command::{Accepted, Denied, StreamState, StreamStatus};
use crate::id::{SinkName, StreamId, Tracks};
use crate::time::MediaTime;
use expect_test::{Expect, expect};

fn profile() -> RecordProfile {
    let start = StartStream {
        sinks: "recorder".into(),
        tracks: Tracks::Both,
        label: Some("record".into()),
        ..StartStream::default()
    };
    RecordProfile { start }
}

fn package(body: &str) -> InfoContent<'_> {
    InfoContent {
        info_package: Some("media-stream"),
        content_type: Some("application/media-stream+json"),
        record: None,
        body: body.as_bytes(),
    }
}

fn plain<'a>(content_type: &'a str, body: &'a str) -> InfoContent<'a> {
    InfoContent {
        content_type: Some(content_type),
        body: body.as_bytes(),
        ..InfoContent::default()
    }
}

/// One line: what it means, or the status, header and words of the refusal.
fn told(content: InfoContent<'_>) -> String {
    match parse(content, &profile()) {
        Ok(Parsed::Command { request, verb }) => {
            let request = request.map_or("-".to_owned(), |id| id.to_string());
            format!("{request} {verb:?}")
        }
        Ok(parsed) => format!("{parsed:?}"),
        Err(error) => {
            let answer = error.answer();
            let headers: Vec<_> =
                answer.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!("{} {}", answer.status, headers.join(", "))
        }
    }
}

fn check(bodies: &[&str], expected: Expect) {
    let lines: Vec<_> =
        bodies.iter().map(|body| format!("{body}\n  {}\n", told(package(body)))).collect();
    expected.assert_eq(&lines.concat());
}

#[test]
fn every_operation_becomes_its_verb() {
    check(
        &[
            r#"{"v":1,"op":"start","sink":"asr","tracks":["from_customer","to_customer"],"id":"req-8"}"#,
            r#"{"v":1,"op":"start"}"#,
            r#"{"v":1,"op":"start","stream":"s1","pause_as":"silence"}"#,
            r#"{"v":1,"op":"stop"}"#,
            r#"{"v":1,"op":"pause","stream":"s1","id":"req-7"}"#,
            r#"{"v":1,"op":"resume","stream":"00000000000000000000000007"}"#,
            r#"{"v":1,"op":"mute","stream":"s1","track":"from_customer"}"#,
            r#"{"v":1,"op":"unmute","track":"to_customer"}"#,
            r#"{"v":1,"op":"mark","stream":"s1","name":"card number"}"#,
            r#"{"v":1,"op":"status"}"#,
        ],
        expect![[r#"
            {"v":1,"op":"start","sink":"asr","tracks":["from_customer","to_customer"],"id":"req-8"}
              req-8 Start(StartStream { sinks: These(["asr"]), tracks: Both, label: None, pause_as: None, max_duration: None, early_media: false, redact_dtmf: false })
            {"v":1,"op":"start"}
              - Start(StartStream { sinks: Default, tracks: From, label: None, pause_as: None, max_duration: None, early_media: false, redact_dtmf: false })
            {"v":1,"op":"start","stream":"s1","pause_as":"silence"}
              - Start(StartStream { sinks: Default, tracks: From, label: Some("s1"), pause_as: Some(Silence), max_duration: None, early_media: false, redact_dtmf: false })
            {"v":1,"op":"stop"}
              - Stop(All)
            {"v":1,"op":"pause","stream":"s1","id":"req-7"}
              req-7 Pause(Label("s1"))
            {"v":1,"op":"resume","stream":"00000000000000000000000007"}
              - Resume(Id(00000000000000000000000007))
            {"v":1,"op":"mute","stream":"s1","track":"from_customer"}
              - Mute(Label("s1"), FromCustomer)
            {"v":1,"op":"unmute","track":"to_customer"}
              - Unmute(All, ToCustomer)
            {"v":1,"op":"mark","stream":"s1","name":"card number"}
              - Mark(Label("s1"), "card number")
            {"v":1,"op":"status"}
              - Status(All)
        "#]],
    );
}

#[test]
fn a_body_that_is_not_understood_is_refused_in_words() {
    check(
        &[
            "",
            "[]",
            r#"[1,"stop"]"#,
            "{",
            r#"{"v":2,"op":"stop"}"#,
            r#"{"op":"stop"}"#,
            r#"{"v":1}"#,
            r#"{"v":1,"op":"fly"}"#,
            r#"{"v":1,"op":"stop","op":"start"}"#,
            r#"{"v":1,"op":"start","url":"wss://evil.example/"}"#,
            r#"{"v":1,"op":"start","sink":"wss://evil.example/"}"#,
            r#"{"v":1,"op":"start","sink":"10.0.0.1:9000"}"#,
            r#"{"v":1,"op":"start","tracks":[]}"#,
            r#"{"v":1,"op":"start","tracks":[["from_customer"]]}"#,
            r#"{"v":1,"op":"start","stream":"00000000000000000000000007"}"#,
            r#"{"v":1,"op":"stop","sink":"asr"}"#,
            r#"{"v":1,"op":"mute","stream":"s1"}"#,
            r#"{"v":1,"op":"mark","stream":"s1"}"#,
            r#"{"v":1,"op":"mark","name":"a\nb"}"#,
            r#"{"v":1,"op":"stop","stream":"a b"}"#,
            r#"{"v":1,"op":"stop","id":""}"#,
            r#"{"v":1,"op":"stop"} {"v":1}"#,
        ],
        expect![[r#"

              400 Warning: 399 sidestream "the body is empty"
            []
              400 Warning: 399 sidestream "the body is not a JSON object"
            [1,"stop"]
              400 Warning: 399 sidestream "the body is not a JSON object"
            {
              400 Warning: 399 sidestream "EOF while parsing an object at line 1 column 1"
            {"v":2,"op":"stop"}
              400 Warning: 399 sidestream "v must be 1"
            {"op":"stop"}
              400 Warning: 399 sidestream "missing field `v` at line 1 column 13"
            {"v":1}
              400 Warning: 399 sidestream "missing field `op` at line 1 column 7"
            {"v":1,"op":"fly"}
              400 Warning: 399 sidestream "unknown variant `fly`, expected one of `start`, `stop`, `pause`, `resume`, `mute`, `unmute`, `mark`, `status`, `select`, `unselect` at line 1 column 17"
            {"v":1,"op":"stop","op":"start"}
              400 Warning: 399 sidestream "duplicate field `op` at line 1 column 23"
            {"v":1,"op":"start","url":"wss://evil.example/"}
              400 Warning: 399 sidestream "unknown field `url`, expected one of `v`, `op`, `id`, `stream`, `sink`, `sinks`, `tracks`, `pause_as`, `max_duration_s`, `early_media`, `redact_dtmf`, `track`, `name` at line 1 column 25"
            {"v":1,"op":"start","sink":"wss://evil.example/"}
              400 Warning: 399 sidestream "sink must be the name of a configured sink: 1 to 64 letters, digits, '.', '_' or '-'; an address is never taken"
            {"v":1,"op":"start","sink":"10.0.0.1:9000"}
              400 Warning: 399 sidestream "sink must be the name of a configured sink: 1 to 64 letters, digits, '.', '_' or '-'; an address is never taken"
            {"v":1,"op":"start","tracks":[]}
              400 Warning: 399 sidestream "tracks must list \"from_customer\", \"to_customer\" or both"
            {"v":1,"op":"start","tracks":[["from_customer"]]}
              400 Warning: 399 sidestream "the body is nested too deeply"
            {"v":1,"op":"start","stream":"00000000000000000000000007"}
              400 Warning: 399 sidestream "a new stream's label must not have the form of a stream id"
            {"v":1,"op":"stop","sink":"asr"}
              400 Warning: 399 sidestream "sink has no meaning for this op"
            {"v":1,"op":"mute","stream":"s1"}
              400 Warning: 399 sidestream "track must be \"from_customer\" or \"to_customer\""
            {"v":1,"op":"mark","stream":"s1"}
              400 Warning: 399 sidestream "name must be 1 to 128 bytes without control characters"
            {"v":1,"op":"mark","name":"a\nb"}
              400 Warning: 399 sidestream "name must be 1 to 128 bytes without control characters"
            {"v":1,"op":"stop","stream":"a b"}
              400 Warning: 399 sidestream "stream must be 1 to 64 letters, digits, '.', '_' or '-'"
            {"v":1,"op":"stop","id":""}
              400 Warning: 399 sidestream "id must be 1 to 500 printable ASCII characters"
            {"v":1,"op":"stop"} {"v":1}
              400 Warning: 399 sidestream "trailing characters at line 1 column 21"
        "#]],
    );
}

#[test]
fn a_long_body_is_refused_before_it_is_read() {
    let body = format!(r#"{{"v":1,"op":"stop","stream":"{}"}}"#, "x".repeat(BODY_BYTES));
    assert!(told(package(&body)).contains("longer than 4096 bytes"));
}

#[test]
fn brackets_inside_a_string_are_not_nesting() {
    let line = told(package(r#"{"v":1,"op":"mark","name":"[[[\"{{{"}"#));
    assert_eq!(line, r#"- Mark(All, "[[[\"{{{")"#);
}

#[test]
fn package_and_type_are_compared_without_case_and_parameters() {
    let content = InfoContent {
        info_package: Some("Media-Stream;x=1"),
        content_type: Some("Application/Media-Stream+JSON; charset=utf-8"),
        ..package(r#"{"v":1,"op":"stop"}"#)
    };
    assert_eq!(told(content), "- Stop(All)");
}

#[test]
fn another_package_type_or_header_gets_the_answer_that_names_the_right_one() {
    let body = r#"{"v":1,"op":"stop"}"#;
    let unknown = InfoContent { info_package: Some("conference"), ..package(body) };
    assert_eq!(told(unknown), "469 Recv-Info: media-stream");
    let json = InfoContent { content_type: Some("application/json"), ..package(body) };
    assert_eq!(told(json), "415 Accept: application/media-stream+json");
    let untyped = InfoContent { content_type: None, ..package(body) };
    assert_eq!(told(untyped), "415 Accept: application/media-stream+json");
    let bare = InfoContent { info_package: None, ..package(body) };
    assert_eq!(
        told(bare),
        r#"400 Warning: 399 sidestream "application/media-stream+json needs Info-Package: media-stream""#
    );
}

#[test]
fn record_on_and_off_follow_the_profile() {
    let record = |value| InfoContent { record: Some(value), ..InfoContent::default() };
    assert_eq!(
        parse(record("on"), &profile()),
        Ok(Parsed::Command { request: None, verb: Verb::Start(profile().start) })
    );
    assert_eq!(told(record(" OFF ")), r#"- Stop(Label("record"))"#);
    assert_eq!(told(record("maybe")), r#"400 Warning: 399 sidestream "Record must be on or off""#);
    let unlabelled = RecordProfile { start: StartStream { label: None, ..profile().start } };
    let parsed = parse(record("off"), &unlabelled);
    assert_eq!(parsed, Ok(Parsed::Command { request: None, verb: Verb::Stop(Target::All) }));
}

#[test]
fn keys_are_read_from_both_dtmf_bodies() {
    let cases = [
        (
            "application/dtmf-relay",
            "Signal=5\r\nDuration=160\r\n",
            "Dtmf { digit: '5', duration_ms: 160 }",
        ),
        (
            "application/dtmf-relay",
            "Signal= *\nDuration= 99999\n",
            "Dtmf { digit: '*', duration_ms: 8000 }",
        ),
        (
            "application/dtmf-relay",
            "Duration=0\r\nSignal=11",
            "Dtmf { digit: '#', duration_ms: 1 }",
        ),
        ("application/dtmf", "d\r\n", "Dtmf { digit: 'D', duration_ms: 250 }"),
        ("application/dtmf; x=y", "10", "Dtmf { digit: '*', duration_ms: 250 }"),
    ];
    for (content_type, body, expected) in cases {
        assert_eq!(told(plain(content_type, body)), expected, "{body:?}");
    }
    for body in [
        "Signal=",
        "Signal=16",
        "Duration=5",
        "Signal=1\r\nDuration=x",
        "5",
        "Signal=é",
        &"=".repeat(200),
    ] {
        assert!(
            told(plain("application/dtmf-relay", body)).starts_with("400 Warning: "),
            "{body:?}"
        );
    }
}

#[test]
fn what_is_not_ours_is_left_to_the_caller() {
    assert_eq!(told(InfoContent::default()), "Empty");
    assert_eq!(told(plain("application/media_control+xml", "<x/>")), "Other");
    let with_body = InfoContent { record: Some("on"), ..plain("text/plain", "x") };
    assert_eq!(told(with_body), "Other");
}

fn status(id: u128, state: StreamState) -> StreamStatus {
    StreamStatus {
        stream: StreamId::from_u128(id),
        label: (id == 1).then(|| "s1".to_owned()),
        sinks: vec![SinkName::new("asr")],
        state,
        media_time: MediaTime::from_micros(1_240_000),
    }
}

fn written(result: Result<Accepted, Denied>) -> String {
    let answer = answer(&result);
    let headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    let body = String::from_utf8(answer.body).unwrap();
    format!("{}\n{}{body}\n", answer.status, headers.concat())
}

#[test]
fn an_accepted_command_is_answered_with_stream_state_and_media_time() {
    let one = Accepted { streams: vec![status(1, StreamState::Paused)], changed: true };
    let two = Accepted {
        streams: vec![status(1, StreamState::Ended), status(2, StreamState::Ended)],
        changed: false,
    };
    let none = Accepted { streams: vec![], changed: false };
    let text = [one, two, none].map(|accepted| written(Ok(accepted))).concat();
    expect![[r#"
        200
        Content-Type: application/media-stream+json
        {"v":1,"changed":true,"stream":"00000000000000000000000001","label":"s1","sink":"asr","state":"paused","media_time_ms":1240}
        200
        Content-Type: application/media-stream+json
        {"v":1,"changed":false,"streams":[{"stream":"00000000000000000000000001","label":"s1","sink":"asr","state":"ended","media_time_ms":1240},{"stream":"00000000000000000000000002","sink":"asr","state":"ended","media_time_ms":1240}]}
        200
        Content-Type: application/media-stream+json
        {"v":1,"changed":false,"streams":[]}
    "#]].assert_eq(&text);
}

#[test]
fn every_denial_is_answered_with_the_header_of_its_status() {
    for denied in Denied::ALL {
        let text = written(Err(denied));
        let expected = match crate::control::tables::refusal(&denied).sip {
            488 => format!("488\nWarning: 399 sidestream \"{denied}\"\n"),
            503 => "503\nRetry-After: 5\n".to_owned(),
            other => format!("{other}\nContent-Type: "),
        };
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.contains(&denied.to_string()));
    }
}
