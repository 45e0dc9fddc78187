use super::*;
use crate::command::Denied;

/// What botocore 1.43 sent at 2026-11-21T09:30:00Z for the key `local` and this token.
const SIGNED_BODY: &str = r#"{"InstanceId": "local", "ContactId": "00000000000000000000000001", "ChatStreamingConfiguration": {"StreamingEndpointArn": "asr"}, "ClientToken": "t-1"}"#;
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=local/20261121/eu-west-1/connect/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=d1b2f6645e4798c7adae4a57f06d78bcef92e0068ed06c3bf92a8a51e6692b6d";

fn signed<'a>(signature: &'a str, date: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("content-type", "application/json"),
        ("host", "127.0.0.1:8080"),
        ("x-amz-date", date),
        ("authorization", signature),
    ]
}

async fn start(bench: &Bench, body: &str, headers: &[(&str, &str)]) -> (u16, String, Value) {
    let response = bench.response("POST", "/contact/start-streaming", body, headers).await;
    let kind =
        response.headers().get("x-amzn-errortype").map(|value| value.to_str().unwrap().to_owned());
    assert!(response.headers().contains_key("x-amzn-requestid"));
    (response.status().as_u16(), kind.unwrap_or_default(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_request_signed_by_botocore_starts_a_stream() {
    let bench = bench().await;
    let (status, _, body) =
        start(&bench, SIGNED_BODY, &signed(SIGNATURE, "20261121T093000Z")).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["StreamingId"], STREAM);
    assert_eq!(body["data"]["created_at"], "2026-11-21T09:30:00.000Z");
    let expected = r#"t-1 Start(StartStream { sinks: These(["asr"]), tracks: Both, label: None, pause_as: None, max_duration: None, early_media: false, redact_dtmf: false })"#;
    assert_eq!(bench.verbs(), [expected]);
    assert_eq!(lock(&bench.asked)[0].1.origin, Origin::ContactApi);
}

#[tokio::test]
async fn a_signed_request_that_changes_something_is_taken_once() {
    let bench = bench().await;
    let headers = signed(SIGNATURE, "20261121T093000Z");
    assert_eq!(start(&bench, SIGNED_BODY, &headers).await.0, 200);
    let (status, kind, _) = start(&bench, SIGNED_BODY, &headers).await;
    assert_eq!((status, kind.as_str()), (403, "InvalidSignatureException"));
    assert_eq!(bench.verbs().len(), 1);
}

#[tokio::test]
async fn a_signature_that_does_not_fit_is_refused() {
    let bench = bench().await;
    let date = "20261121T093000Z";
    let cases = [
        (
            SIGNED_BODY.replace("asr", "abc"),
            SIGNATURE.to_owned(),
            date,
            "InvalidSignatureException",
        ),
        (
            SIGNED_BODY.into(),
            SIGNATURE.replace("92b6d", "92b6e"),
            date,
            "InvalidSignatureException",
        ),
        (
            SIGNED_BODY.into(),
            SIGNATURE.replace("eu-west-1", "eu-west-2"),
            date,
            "InvalidSignatureException",
        ),
        (
            SIGNED_BODY.into(),
            SIGNATURE.replace("/connect/", "/s3/"),
            date,
            "InvalidSignatureException",
        ),
        (SIGNED_BODY.into(), SIGNATURE.replace(";host", ""), date, "InvalidSignatureException"),
        (SIGNED_BODY.into(), SIGNATURE.into(), "20261121T093001Z", "InvalidSignatureException"),
        (SIGNED_BODY.into(), SIGNATURE.into(), "yesterday", "InvalidSignatureException"),
        (
            SIGNED_BODY.into(),
            SIGNATURE.replace("=local", "=other"),
            date,
            "UnrecognizedClientException",
        ),
        (SIGNED_BODY.into(), "AWS4-HMAC-SHA256".into(), date, "InvalidSignatureException"),
        (SIGNED_BODY.into(), "Bearer wrong".into(), date, "UnrecognizedClientException"),
    ];
    for (body, signature, date, expected) in cases {
        let (status, kind, _) = start(&bench, &body, &signed(&signature, date)).await;
        assert_eq!((status, kind.as_str()), (403, expected), "{signature} {date}");
    }
    assert_eq!(bench.verbs(), Vec::<String>::new());
}

#[tokio::test]
async fn a_signature_counts_for_five_minutes() {
    for (minutes, expected) in [(-6_i64, 403), (-4, 200), (4, 200), (6, 403)] {
        let now = half_past_nine().as_unix_millis().saturating_add_signed(minutes * 60_000);
        let bench = bench_with(Arc::new(move || Timestamp::from_unix_millis(now)), |_| {}).await;
        let (status, ..) = start(&bench, SIGNED_BODY, &signed(SIGNATURE, "20261121T093000Z")).await;
        assert_eq!(status, expected, "{minutes} minutes");
    }
}

#[tokio::test]
async fn a_stop_answers_the_envelope_and_a_token_is_as_good_as_a_signature() {
    let bench = bench().await;
    let body = format!(r#"{{"InstanceId":"local","ContactId":"{CALL}","StreamingId":"{STREAM}"}}"#);
    let (status, answer) = bench.send("POST", "/contact/stop-streaming", &body).await;
    assert_eq!(status, StatusCode::OK);
    let text = r#"{"data":{"created_at":"2026-11-21T09:30:00.000Z","id":"00000000000000000000000002"},"success":true}"#;
    assert_eq!(answer.to_string(), text);
    assert!(bench.verbs()[0].ends_with("Stop(Id(00000000000000000000000002))"));
}

#[tokio::test]
async fn errors_carry_the_type_that_boto3_raises_and_the_envelope() {
    let bench = bench().await;
    let token = [("authorization", &*format!("Bearer {TOKEN}"))];
    for (error, status, expected) in [
        (CommandError::Denied(Denied::NoSuchCall), 404, "ResourceNotFoundException"),
        (CommandError::Denied(Denied::NoAudio), 400, "InvalidRequestException"),
        (CommandError::Denied(Denied::SinkPoolFull), 429, "LimitExceededException"),
        (CommandError::Busy, 429, "LimitExceededException"),
        (CommandError::Unanswered, 500, "InternalServiceException"),
    ] {
        bench.will_answer(Err(error));
        let (have, kind, body) = start(&bench, SIGNED_BODY, &token).await;
        assert_eq!((have, kind.as_str()), (status, expected));
        assert_eq!(
            (body["success"].as_bool(), &body["Message"]),
            (Some(false), &body["error"]["message"])
        );
    }
    for (body, status, expected) in [
        ("{}", 400, "InvalidParameterException"),
        ("[]", 400, "InvalidRequestException"),
        (&*"x".repeat(70_000), 400, "InvalidRequestException"),
    ] {
        let (have, kind, _) = start(&bench, body, &token).await;
        assert_eq!((have, kind.as_str()), (status, expected));
    }
}
