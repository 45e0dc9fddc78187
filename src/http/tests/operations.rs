use super::*;
use crate::event::Cause;

const BEARER: &str = "Bearer kX7wq2m9adkX7wq2m9ad";

/// The status, the error type or the members of the answer.
async fn asked(bench: &Bench, request: &str, body: Value) -> String {
    let (method, path) = request.split_once(' ').expect("a method and a path");
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let response = bench.response(method, path, &text, &[("authorization", BEARER)]).await;
    let status = response.status().as_u16();
    let kind = response.headers().get("x-amzn-errortype").cloned();
    let body: Value = response.json().await.expect("every answer is JSON");
    match kind {
        Some(kind) => {
            format!("{status} {}: {}", kind.to_str().unwrap(), body["Message"].as_str().unwrap())
        }
        None => format!("{status} {body}"),
    }
}

fn recorded(extra: Value) -> Value {
    let mut body = json!({"InstanceId": "i", "ContactId": CALL, "InitialContactId": CALL});
    body.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap_or_default());
    body
}

#[tokio::test]
async fn recordings_are_streams_that_are_silent_while_suspended() {
    let bench = bench().await;
    let start =
        recorded(json!({"VoiceRecordingConfiguration": {"VoiceRecordingTrack": "FROM_AGENT"}}));
    assert_eq!(asked(&bench, "POST /contact/start-recording", start.clone()).await, "200 {}");
    for verb in ["suspend", "resume", "stop"] {
        let path = format!("POST /contact/{verb}-recording");
        assert_eq!(asked(&bench, &path, recorded(json!({}))).await, "200 {}");
    }
    let verbs: Vec<String> =
        bench.verbs().iter().map(|verb| verb.split_once(' ').unwrap().1.to_owned()).collect();
    let label = "Label(\"recording\")";
    assert!(
        verbs[0].contains("tracks: To, label: Some(\"recording\"), pause_as: Some(Silence)"),
        "{}",
        verbs[0]
    );
    assert_eq!(
        verbs[1..],
        [format!("Pause({label})"), format!("Resume({label})"), format!("Stop({label})")]
    );
    for (verb, body, expected) in [
        (
            "start",
            recorded(json!({})),
            "400 InvalidParameterException: VoiceRecordingConfiguration is missing",
        ),
        (
            "start",
            recorded(json!({"VoiceRecordingConfiguration": {"VoiceRecordingTrack": "ME"}})),
            "400 InvalidParameterException: VoiceRecordingTrack is FROM_AGENT, TO_AGENT or ALL",
        ),
        (
            "stop",
            recorded(json!({"ContactRecordingType": "SCREEN"})),
            "400 InvalidRequestException: screens are not recorded here",
        ),
        (
            "stop",
            recorded(json!({"InitialContactId": STREAM})),
            "404 ResourceNotFoundException: there is no such call",
        ),
    ] {
        assert_eq!(asked(&bench, &format!("POST /contact/{verb}-recording"), body).await, expected);
    }
}

#[tokio::test]
async fn a_recording_is_started_once() {
    let bench = bench().await;
    bench.tell_call();
    let kind = Kind::StreamArmed {
        sinks: vec!["asr".into()],
        tracks: Tracks::Both,
        label: Some("recording".into()),
    };
    bench.gateway.notify.handle_event(Event {
        call: CALL.parse().unwrap(),
        stream: Some("00000000000000000000000003".parse().unwrap()),
        seq: 2,
        at: Instant::from_millis(1_500),
        media_time: None,
        kind,
        cause: Cause::Request,
        origin: Origin::ContactApi,
    });
    let start = recorded(json!({"VoiceRecordingConfiguration": {}}));
    let answer = asked(&bench, "POST /contact/start-recording", start).await;
    assert_eq!(
        answer,
        "400 InvalidRequestException: the contact was recorded before, or is: a recording is started once"
    );
    let told = asked(&bench, &format!("GET /contacts/i/{CALL}"), Value::Null).await;
    assert!(told.contains(r#"{"Location":"asr/00000000000000000000000003","MediaStreamType":"AUDIO","ParticipantType":"ALL","StartTimestamp":1.5,"StorageType":"S3"}]"#), "{told}");
}

#[tokio::test]
async fn attributes_are_set_by_command_and_read_from_the_board() {
    let bench = bench().await;
    bench.tell_call();
    let body = json!({"InstanceId": "i", "InitialContactId": CALL, "Attributes": {"tier": "gold"}});
    assert_eq!(asked(&bench, "POST /contact/attributes", body).await, "200 {}");
    assert!(
        bench.verbs()[0].ends_with(r#"SetAttributes(Attributes({"tier": "gold"}))"#),
        "{:?}",
        bench.verbs()
    );
    let attributes = [("tier".to_owned(), "gold".to_owned())].into_iter().collect();
    bench.gateway.notify.handle_event(Event {
        call: CALL.parse().unwrap(),
        stream: None,
        seq: 2,
        at: Instant::ZERO,
        media_time: None,
        kind: Kind::AttributesChanged { attributes },
        cause: Cause::Request,
        origin: Origin::ContactApi,
    });
    let path = format!("GET /contact/attributes/i/{CALL}");
    assert_eq!(asked(&bench, &path, Value::Null).await, r#"200 {"Attributes":{"tier":"gold"}}"#);
    let path = format!("GET /contact/attributes/i/{STREAM}");
    let missing = "404 ResourceNotFoundException: there is no such call";
    assert_eq!(asked(&bench, &path, Value::Null).await, missing);
    bench.will_answer(Err(CommandError::Denied(crate::command::Denied::AttributesTooLarge)));
    let body = json!({"InstanceId": "i", "InitialContactId": CALL, "Attributes": {"a": "b"}});
    let answer = asked(&bench, "POST /contact/attributes", body).await;
    assert!(
        answer.starts_with("400 InvalidRequestException: the attributes of a contact"),
        "{answer}"
    );
    for (body, expected) in [
        (json!({"InstanceId": "i", "InitialContactId": CALL}), "Attributes is missing"),
        (
            json!({"InstanceId": "i", "InitialContactId": CALL, "Attributes": {"": "x"}}),
            "the name of an attribute must not be empty",
        ),
    ] {
        let answer = asked(&bench, "POST /contact/attributes", body).await;
        assert_eq!(answer, format!("400 InvalidParameterException: {expected}"));
    }
}

#[tokio::test]
async fn a_contact_is_stopped_once_and_transferred_to_an_agents_phone() {
    let bench = bench().await;
    bench.tell_call();
    let stop = json!({"InstanceId": "i", "ContactId": CALL});
    assert_eq!(asked(&bench, "POST /contact/stop", stop.clone()).await, "200 {}");
    let transfer = |more: Value| {
        let mut body = json!({"InstanceId": "i", "ContactId": CALL, "ContactFlowId": "f"});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        body
    };
    let answer = asked(&bench, "POST /contact/transfer", transfer(json!({"UserId": "bob"}))).await;
    assert_eq!(answer, format!("200 {{\"ContactId\":\"{CALL}\"}}"));
    assert!(bench.verbs()[1].ends_with(r#"Transfer(Transfer { to: "1001", leg: None })"#));
    for (more, expected) in [
        (json!({}), "400 InvalidRequestException: UserId is missing"),
        (
            json!({"UserId": "eve"}),
            "404 ResourceNotFoundException: there is no agent of that UserId",
        ),
        (
            json!({"UserId": "bob", "QueueId": "help"}),
            "400 InvalidRequestException: UserId and QueueId exclude each other",
        ),
    ] {
        assert_eq!(asked(&bench, "POST /contact/transfer", transfer(more)).await, expected);
    }
}

#[tokio::test]
async fn queues_and_agents_are_listed_by_pages() {
    let bench = bench().await;
    let first = asked(&bench, "GET /queues-summary/i?maxResults=1", Value::Null).await;
    assert!(first.contains(r#""Id":"help""#) && first.contains(r#""NextToken":"p1""#), "{first}");
    let second =
        asked(&bench, "GET /queues-summary/i?maxResults=1&nextToken=p1", Value::Null).await;
    assert!(second.contains(r#""Id":"sales""#) && !second.contains("NextToken"), "{second}");
    let agents = asked(&bench, "GET /queues-summary/i?queueTypes=AGENT", Value::Null).await;
    assert_eq!(agents, r#"200 {"QueueSummaryList":[]}"#);
    let users = asked(&bench, "GET /users-summary/i", Value::Null).await;
    assert!(
        users.contains(r#""Username":"ann""#) && users.contains(r#""Username":"bob""#),
        "{users}"
    );
    for path in [
        "/users-summary/i?maxResults=0",
        "/users-summary/i?maxResults=1001",
        "/queues-summary/i?nextToken=x",
    ] {
        let answer = asked(&bench, &format!("GET {path}"), Value::Null).await;
        assert!(answer.starts_with("400 InvalidParameterException"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn an_agents_status_is_one_of_its_states() {
    let bench = bench().await;
    for (user, status, expected) in [
        ("ann", "available", "200 {}"),
        ("ann", "lunch", "200 {}"),
        ("eve", "offline", "404 ResourceNotFoundException: there is no agent of that UserId"),
        (
            "ann",
            "asleep",
            "404 ResourceNotFoundException: there is no such status: available, offline, or one of `custom_states` in [acd]",
        ),
    ] {
        let path = format!("PUT /users/i/{user}/status");
        assert_eq!(asked(&bench, &path, json!({"AgentStatusId": status})).await, expected);
    }
}

#[tokio::test]
async fn figures_are_told_by_queue_or_as_one_sum() {
    let bench = bench().await;
    let ask = |filters: Value, groupings: Value, metrics: Value| json!({"Filters": filters, "Groupings": groupings, "CurrentMetrics": metrics});
    let metrics =
        json!([{"Name": "CONTACTS_IN_QUEUE", "Unit": "COUNT"}, {"Name": "OLDEST_CONTACT_AGE"}]);
    let both = json!({"Queues": ["sales", "arn:aws:connect:x:y:instance/i/queue/help"], "Channels": ["VOICE"]});
    let path = "POST /metrics/current/i";
    let by_queue = asked(&bench, path, ask(both.clone(), json!(["QUEUE"]), metrics.clone())).await;
    assert!(by_queue.contains(r#""ApproximateTotalCount":2"#), "{by_queue}");
    let sum = asked(&bench, path, ask(both, json!([]), metrics.clone())).await;
    assert!(sum.contains(r#""Collections":[{"Metric":{"Name":"CONTACTS_IN_QUEUE","Unit":"COUNT"},"Value":0},{"Metric":{"Name":"OLDEST_CONTACT_AGE","Unit":"SECONDS"},"Value":0}]"#), "{sum}");
    for (body, expected) in [
        (
            ask(json!({"Queues": ["x"]}), json!([]), metrics.clone()),
            "404 ResourceNotFoundException: there is no queue `x`",
        ),
        (
            ask(json!({}), json!([]), metrics.clone()),
            "400 InvalidParameterException: Filters.Queues must name 1 to 100 queues",
        ),
        (
            ask(json!({"Queues": ["help"]}), json!([]), json!([])),
            "400 InvalidParameterException: CurrentMetrics is missing",
        ),
        (
            ask(json!({"Queues": ["help"]}), json!([]), json!([{"Name": "JOY"}])),
            "400 InvalidParameterException: there is no metric `JOY`",
        ),
        (
            ask(json!({"Queues": ["help"]}), json!(["SUBTYPE"]), metrics.clone()),
            "400 InvalidParameterException: Groupings are QUEUE and CHANNEL here",
        ),
    ] {
        assert_eq!(asked(&bench, path, body).await, expected);
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_allow() {
    let only_queues = |settings: &mut Settings| {
        settings.tokens.iter_mut().for_each(|token| token.scopes = vec![Scope::Queues]);
    };
    let bench = bench_with(Arc::new(half_past_nine), only_queues).await;
    assert!(asked(&bench, "GET /users-summary/i", Value::Null).await.starts_with("200 "));
    let stop = json!({"InstanceId": "i", "ContactId": CALL});
    let answer = asked(&bench, "POST /contact/stop", stop).await;
    assert_eq!(answer, "403 AccessDeniedException: the key `local` has not the scope `contacts`");
    assert_eq!(bench.verbs(), Vec::<String>::new());
}
