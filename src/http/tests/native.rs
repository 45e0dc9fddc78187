use super::*;
use crate::command::Denied;

#[tokio::test]
async fn calls_are_listed_while_they_live_and_shown_for_a_while_after() {
    let bench = bench().await;
    bench.tell_call();
    let (status, list) = bench.send("GET", "/v1/calls", "").await;
    assert_eq!((status, list["calls"][0]["to"].as_str()), (StatusCode::OK, Some("9000")));
    assert_eq!(list["calls"][0]["streams"][0]["state"], "armed");
    bench.tell(None, Kind::CallEnded { status: 200, outcome: Outcome::Completed });
    assert_eq!(bench.send("GET", "/v1/calls", "").await.1["calls"], Value::Array(vec![]));
    for state in ["ended", "all"] {
        let (_, list) = bench.send("GET", &format!("/v1/calls?state={state}"), "").await;
        assert_eq!(list["calls"][0]["outcome"], "completed");
    }
    let (status, call) = bench.send("GET", &format!("/v1/calls/{CALL}"), "").await;
    assert_eq!((status, call["state"].as_str()), (StatusCode::OK, Some("ended")));
}

#[tokio::test]
async fn the_messages_of_a_call_are_shown_and_given_as_a_capture_as_long_as_the_call_is_known() {
    let bench = bench().await;
    let path = format!("/v1/calls/{CALL}/messages");
    for suffix in ["", ".pcap"] {
        let (status, answer) = bench.send("GET", &format!("{path}{suffix}"), "").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(answer["error"]["code"], "no_such_call");
    }
    bench.tell_call();
    bench.tell(None, Kind::CallEnded { status: 200, outcome: Outcome::Completed });
    let (status, answer) = bench.send("GET", &path, "").await;
    assert_eq!((status, answer["call"].as_str()), (StatusCode::OK, Some(CALL)));
    let key = format!("Bearer {TOKEN}");
    let headers = [("authorization", key.as_str())];
    let pcap = bench.response("GET", &format!("{path}.pcap"), "", &headers).await;
    assert_eq!(pcap.headers()["content-type"], "application/vnd.tcpdump.pcap");
    let name = format!("attachment; filename=\"{CALL}.pcap\"");
    assert_eq!(pcap.headers()["content-disposition"], name.as_str());
    assert_eq!(bench.response("GET", &path, "", &[]).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_hang_up_is_a_command() {
    let bench = bench().await;
    let key = format!("Bearer {TOKEN}");
    let headers = [("authorization", key.as_str()), ("idempotency-key", "k-1")];
    let (status, _) = bench.send_with("DELETE", &format!("/v1/calls/{CALL}"), "", &headers).await;
    assert_eq!((status, bench.verbs()), (StatusCode::OK, vec!["k-1 HangUp".to_owned()]));
}

#[tokio::test]
async fn a_transfer_is_a_command() {
    let bench = bench().await;
    let path = format!("/v1/calls/{CALL}/transfer");
    let (status, answer) = bench.send("POST", &path, r#"{"to":"300","leg":1}"#).await;
    assert_eq!((status, answer["changed"].as_bool()), (StatusCode::OK, Some(true)));
    let verb = bench.verbs().pop().expect("a command");
    assert!(verb.ends_with(r#"Transfer(Transfer { to: "300", leg: Some(LegId(1)) })"#), "{verb}");
    for body in ["", "{}", r#"{"to":"ftp://x"}"#, r#"{"to":"300","who":1}"#] {
        let (status, _) = bench.send("POST", &path, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn a_start_answers_with_the_new_stream_and_where_it_is() {
    let bench = bench().await;
    let body = r#"{"sink":"asr","label":"s1","tracks":["to_customer"],"pause_as":"silence"}"#;
    let headers = [("authorization", &*format!("bearer {TOKEN}")), ("idempotency-key", "k-1")];
    let response =
        bench.response("POST", &format!("/v1/calls/{CALL}/streams"), body, &headers).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["location"], format!("/v1/streams/{STREAM}"));
    let expected = r#"k-1 Start(StartStream { sinks: These(["asr"]), tracks: To, label: Some("s1"), pause_as: Some(Silence), max_duration: None, early_media: false, redact_dtmf: false })"#;
    assert_eq!(bench.verbs(), [expected]);
    let (_, answer) = bench.send("POST", &format!("/v1/calls/{CALL}/streams"), "").await;
    let text = r#"{"changed":true,"streams":[{"label":"s1","media_time_ms":1240,"sink":"asr","state":"active","stream":"00000000000000000000000002"}]}"#;
    assert_eq!(answer.to_string(), text);
    assert!(bench.verbs()[1].starts_with("http-"), "without a key every request is another one");
}

#[tokio::test]
async fn every_change_becomes_its_verb() {
    let bench = bench().await;
    for (path, body, expected) in [
        ("s1/stop", "", r#"Stop(Label("s1"))"#),
        ("*/pause", "{}", "Pause(All)"),
        ("00000000000000000000000002/resume", "", "Resume(Id(00000000000000000000000002))"),
        ("s1/mute", r#"{"track":"from_customer"}"#, r#"Mute(Label("s1"), FromCustomer)"#),
        ("s1/unmute", r#"{"track":"to_customer"}"#, r#"Unmute(Label("s1"), ToCustomer)"#),
        ("s1/mark", r#"{"name":"card"}"#, r#"Mark(Label("s1"), "card")"#),
    ] {
        let (status, answer) =
            bench.send("POST", &format!("/v1/calls/{CALL}/streams/{path}"), body).await;
        assert_eq!((status, answer["changed"].as_bool()), (StatusCode::OK, Some(true)), "{path}");
        let verbs = bench.verbs();
        assert!(verbs.last().is_some_and(|verb| verb.ends_with(expected)), "{path}: {verbs:?}");
    }
}

#[tokio::test]
async fn streams_manifests_sinks_and_levels_are_shown() {
    let bench = bench().await;
    bench.tell_call();
    let (_, list) = bench.send("GET", &format!("/v1/calls/{CALL}/streams"), "").await;
    assert_eq!(list["streams"][0]["stream"], STREAM);
    let (_, sinks) = bench.send("GET", "/v1/sinks", "").await;
    assert_eq!(sinks["sinks"][0]["live_streams"], 1);
    let (_, spools) = bench.send("GET", "/v1/spools", "").await;
    assert_eq!(spools["spools"][0]["stream"], STREAM);
    assert_eq!(spools["spools"][0]["state"], "delivering");
    assert_eq!(spools["spools"][0]["pending_samples"], 320_000);
    let (_, scope) = bench.send("GET", &format!("/v1/streams/{STREAM}/scope"), "").await;
    assert_eq!(scope["tracks"][0]["track"], "from_customer");
    let path = format!("/v1/streams/{STREAM}/manifest");
    let (status, early) = bench.send("GET", &path, "").await;
    assert_eq!(
        (status, early["error"]["code"].as_str()),
        (StatusCode::NOT_FOUND, Some("no_manifest"))
    );
    let manifest = Manifest {
        call: CallId::from_u128(1),
        stream: StreamId::from_u128(2),
        terminal: 0,
        sink: SinkName::new("asr"),
        sample_rate: 8000,
        clock: 0,
        tracks: Vec::new(),
    };
    bench.tell(Some(2), Kind::StreamEnded { manifests: vec![Arc::new(manifest)] });
    let (status, manifest) = bench.send("GET", &path, "").await;
    assert_eq!((status, manifest["holds"].as_bool()), (StatusCode::OK, Some(true)));
    let (_, stream) = bench.send("GET", &format!("/v1/streams/{STREAM}"), "").await;
    assert_eq!(
        (stream["state"].as_str(), stream["has_manifest"].as_bool()),
        (Some("ended"), Some(true))
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_json() {
    let bench = bench().await;
    let streams = format!("/v1/calls/{CALL}/streams");
    let long = format!(r#"{{"sink":"{}"}}"#, "x".repeat(70_000));
    for (method, path, body, status, code) in [
        ("GET", "/v1/nothing", "", 404, "no_such_path"),
        ("PUT", "/v1/calls", "", 405, "method_not_allowed"),
        ("GET", "/v1/calls?state=odd", "", 400, "bad_request"),
        ("GET", "/v1/calls/x", "", 404, "no_such_call"),
        ("GET", "/v1/calls/%FF", "", 400, "bad_request"),
        ("GET", &format!("/v1/calls/{CALL}"), "", 404, "no_such_call"),
        ("GET", &streams, "", 404, "no_such_call"),
        ("GET", "/v1/streams/x", "", 404, "no_such_stream"),
        ("GET", &format!("/v1/streams/{STREAM}"), "", 404, "no_such_stream"),
        ("GET", &format!("/v1/streams/{STREAM}/manifest"), "", 404, "no_such_stream"),
        ("GET", &format!("/v1/streams/{CALL}/scope"), "", 404, "no_scope"),
        ("POST", &streams, "[]", 400, "bad_request"),
        ("POST", &streams, "{", 400, "bad_request"),
        ("POST", &streams, r#"{"url":"ws://evil.example/"}"#, 400, "bad_request"),
        ("POST", &streams, r#"{"sink":"ws://evil.example/"}"#, 400, "bad_member"),
        ("POST", &streams, &long, 413, "body_too_long"),
        ("POST", &format!("{streams}/s1/fly"), "", 404, "no_such_path"),
        ("POST", &format!("{streams}/s1/mute"), "", 400, "bad_member"),
        ("POST", &format!("{streams}/s1/stop"), r#"{"name":"x"}"#, 400, "bad_request"),
        ("POST", &format!("{streams}/a%20b/stop"), "", 400, "bad_member"),
    ] {
        let (have, answer) = bench.send(method, path, body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(
            (have.as_u16(), answer["error"]["code"].as_str()),
            (status, Some(code)),
            "{method} {path} {body}"
        );
        assert!(!message.is_empty(), "{method} {path}");
    }
    assert_eq!(bench.verbs(), Vec::<String>::new(), "nothing of it reached a call");
}

#[tokio::test]
async fn every_denial_has_its_status_and_a_full_sink_says_when_to_come_back() {
    let bench = bench().await;
    for denied in Denied::ALL {
        bench.will_answer(Err(CommandError::Denied(denied)));
        let path = format!("/v1/calls/{CALL}/streams/s1/pause");
        let response = bench
            .response("POST", &path, "", &[("authorization", &format!("Bearer {TOKEN}"))])
            .await;
        let refusal = crate::control::tables::refusal(&denied);
        assert_eq!(response.status().as_u16(), refusal.http);
        assert_eq!(response.headers().contains_key("retry-after"), refusal.is_temporary());
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], refusal.code);
    }
    for (error, status, code) in
        [(CommandError::Busy, 503, "busy"), (CommandError::Unanswered, 504, "unanswered")]
    {
        bench.will_answer(Err(error));
        let (have, body) = bench.send("DELETE", &format!("/v1/calls/{CALL}"), "").await;
        assert_eq!((have.as_u16(), body["error"]["code"].as_str()), (status, Some(code)));
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    let bench = bench().await;
    let wrong = format!("Bearer {TOKEN}x");
    for (path, headers) in [
        ("/v1/calls", vec![]),
        ("/v1/calls", vec![("authorization", wrong.as_str())]),
        ("/v1/calls", vec![("authorization", "Bearer ")]),
        ("/v1/calls", vec![("authorization", "Basic a1g3d3E6")]),
        ("/v1/calls?key=", vec![]),
        ("/v1/calls?key=wrong", vec![]),
        ("/v1/events", vec![]),
        ("/metrics", vec![]),
    ] {
        let response = bench.response("GET", path, "", &headers).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {headers:?}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
    for path in
        [format!("/v1/calls?key={TOKEN}"), format!("/v1/calls?state=all&key=k%58{}", &TOKEN[2..])]
    {
        assert_eq!(bench.send_with("GET", &path, "", &[]).await.0, StatusCode::OK, "{path}");
    }
    let closed = bench_with(Arc::new(half_past_nine), |settings| settings.tokens.clear()).await;
    assert_eq!(
        closed.send("GET", "/v1/calls", "").await.0,
        StatusCode::UNAUTHORIZED,
        "no token lets nobody in"
    );
}

#[tokio::test]
async fn bans_are_listed_and_lifted() {
    let bench = bench().await;
    let (status, body) = bench.send("GET", "/v1/bans", "").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body["bans"][0]["source"], "203.0.113.9");
    assert!(body["bans"][0]["until"].as_str().is_some_and(|until| until.starts_with("2026-11-21")));
    for (source, expected) in [
        ("203.0.113.9", StatusCode::OK),
        ("203.0.113.8", StatusCode::NOT_FOUND),
        ("x", StatusCode::BAD_REQUEST),
    ] {
        let (status, _) = bench.send("DELETE", &format!("/v1/bans/{source}"), "").await;
        assert_eq!(status, expected, "{source}");
    }
}
