use super::*;

const CALL: &str = "00000000000000000000000001";
const STREAM: &str = "00000000000000000000000002";

fn start_body(instance: &str, contact: &str, endpoint: &str, token: &str) -> String {
    format!(
        r#"{{"InstanceId":"{instance}","ContactId":"{contact}","ClientToken":"{token}",
        "ChatStreamingConfiguration":{{"StreamingEndpointArn":"{endpoint}"}}}}"#
    )
}

fn stop_body(instance: &str, contact: &str, stream: &str) -> String {
    format!(r#"{{"InstanceId":"{instance}","ContactId":"{contact}","StreamingId":"{stream}"}}"#)
}

fn refused(result: Result<ContactRequest, ContactRefusal>) -> String {
    let refusal = result.expect_err("the body breaks a rule");
    format!("{} {} {}", refusal.error.status(), refusal.error.type_name(), refusal.message)
}

#[test]
fn a_start_names_a_sink_plainly_or_by_arn() {
    for endpoint in
        ["asr", "arn:aws:kinesis:eu-west-1:123456789012:stream/asr", "arn:sidestream:sink:asr"]
    {
        let parsed = start(start_body("local", CALL, endpoint, "t-1").as_bytes()).unwrap();
        assert_eq!(parsed.call, CallId::from_u128(1));
        assert_eq!(parsed.request, Some(RequestId::new("t-1")));
        let Verb::Start(start) = parsed.verb else { panic!("a start") };
        assert_eq!((start.sinks, start.tracks), ("asr".into(), Tracks::Both));
    }
}

#[test]
fn a_stop_names_a_stream_of_a_contact() {
    let parsed = stop(stop_body("local", CALL, STREAM).as_bytes()).unwrap();
    assert_eq!(parsed.verb, Verb::Stop(Target::Id(StreamId::from_u128(2))));
    assert_eq!(parsed.request, None);
}

#[test]
fn a_member_out_of_its_bounds_is_an_invalid_parameter() {
    let long = |length| "x".repeat(length);
    for (body, expected) in [
        (start_body("", CALL, "asr", "t"), "InstanceId must be 1 to 100 characters long"),
        (start_body(&long(101), CALL, "asr", "t"), "InstanceId must be 1 to 100 characters long"),
        (start_body("i", &long(257), "asr", "t"), "ContactId must be 1 to 256 characters long"),
        (
            start_body("i", CALL, &long(351), "t"),
            "StreamingEndpointArn must be 1 to 350 characters long",
        ),
        (
            start_body("i", CALL, "wss://evil.example/", "t"),
            "StreamingEndpointArn must name a configured sink",
        ),
        (start_body("i", CALL, "asr", &long(501)), "ClientToken must be 1 to 500 characters long"),
        ("{}".to_owned(), "InstanceId is missing"),
    ] {
        assert_eq!(
            refused(start(body.as_bytes())),
            format!("400 InvalidParameterException {expected}")
        );
    }
    let long_stream = refused(stop(stop_body("i", CALL, &long(101)).as_bytes()));
    assert_eq!(
        long_stream,
        "400 InvalidParameterException StreamingId must be 1 to 100 characters long"
    );
}

#[test]
fn an_id_that_was_never_given_out_is_not_found() {
    let expected = "404 ResourceNotFoundException there is no such call";
    assert_eq!(refused(start(start_body("i", "not-a-ulid", "asr", "t").as_bytes())), expected);
    let expected = "404 ResourceNotFoundException the call has no such stream";
    assert_eq!(refused(stop(stop_body("i", CALL, "s1").as_bytes())), expected);
}

#[test]
fn a_body_that_is_no_object_is_an_invalid_request() {
    for body in ["", "[]", "{", r#"["i"]"#, r#"{"InstanceId":7}"#, &" ".repeat(BODY_BYTES + 1)] {
        assert!(
            refused(stop(body.as_bytes())).starts_with("400 InvalidRequestException "),
            "{body}"
        );
    }
}

#[test]
fn one_answer_serves_both_kinds_of_client() {
    let refusal = ContactRefusal::new(ContactError::InvalidParameter, "ContactId is missing");
    let body = serde_json::to_string(&refusal.body()).unwrap();
    assert_eq!(
        body,
        r#"{"success":false,"error":{"code":"VALIDATION_ERROR","message":"ContactId is missing"},"Message":"ContactId is missing"}"#
    );
    let body =
        serde_json::to_string(&started(StreamId::from_u128(2), "2026-01-01T00:00:00.000Z".into()))
            .unwrap();
    assert_eq!(
        body,
        format!(
            r#"{{"success":true,"data":{{"id":"{STREAM}","created_at":"2026-01-01T00:00:00.000Z"}},"StreamingId":"{STREAM}"}}"#
        )
    );
}
