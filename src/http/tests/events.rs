use super::*;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

/// Reads server-sent events until `count` of them have come, as `id event` lines.
async fn heard(bench: &Bench, path: &str, headers: &[(&str, &str)], count: usize) -> Vec<String> {
    let token = format!("Bearer {TOKEN}");
    let headers: Vec<_> =
        headers.iter().copied().chain([("authorization", token.as_str())]).collect();
    let mut response = bench.response("GET", path, "", &headers).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let chunk =
            response.chunk().await.expect("the stream goes on").expect("the stream goes on");
        text += std::str::from_utf8(&chunk).expect("events are text");
    }
    let field = |block: &str, name: &str| {
        let line = block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned));
        line.unwrap_or_else(|| "-".to_owned())
    };
    text.split("\n\n")
        .take(count)
        .map(|block| format!("{} {}", field(block, "id"), field(block, "event")))
        .collect()
}

#[tokio::test]
async fn a_listener_resumes_by_query_or_by_the_number_it_last_saw() {
    let bench = bench().await;
    bench.tell_call();
    let expected = ["2 leg_added", "3 call_answered", "4 stream_armed"];
    assert_eq!(heard(&bench, "/v1/events?since=1", &[], 3).await, expected);
    let resumed = heard(&bench, "/v1/events?since=1", &[("last-event-id", "3")], 1).await;
    assert_eq!(resumed, ["4 stream_armed"]);
}

#[tokio::test]
async fn a_listener_may_ask_for_one_call() {
    let bench = bench().await;
    bench.tell_call();
    bench.tell_of(7, None, Kind::CallInitiated { from: "1001".into(), to: "9196".into() });
    bench.tell_of(7, None, Kind::CallRinging);
    let path = "/v1/events?since=0&call=00000000000000000000000007";
    assert_eq!(heard(&bench, path, &[], 2).await, ["5 call_initiated", "6 call_ringing"]);
    let (status, body) = bench.send("GET", "/v1/events?call=x", "").await;
    assert_eq!((status.as_u16(), body["error"]["code"].as_str()), (404, Some("no_such_call")));
}

#[tokio::test]
async fn events_are_not_given_as_anything_else() {
    let bench = bench().await;
    let headers = [("authorization", &*format!("Bearer {TOKEN}")), ("accept", "application/xml")];
    assert_eq!(
        bench.send_with("GET", "/v1/events", "", &headers).await.0,
        StatusCode::NOT_ACCEPTABLE
    );
    let (status, body) = bench.send("GET", "/v1/events?since=x", "").await;
    assert_eq!((status.as_u16(), body["error"]["code"].as_str()), (400, Some("bad_request")));
    let upgrade = [("authorization", &*format!("Bearer {TOKEN}")), ("upgrade", "websocket")];
    let (status, body) = bench.send_with("GET", "/v1/events", "", &upgrade).await;
    assert!(status.is_client_error() && body["error"]["code"].is_string(), "{status} {body}");
}

#[tokio::test]
async fn listeners_are_limited_and_a_place_is_free_again_when_one_leaves() {
    let bench =
        bench_with(Arc::new(half_past_nine), |settings| settings.max_event_listeners = 1).await;
    let token = [("authorization", &*format!("Bearer {TOKEN}"))];
    let first = bench.response("GET", "/v1/events", "", &token).await;
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(bench.send("GET", "/v1/events", "").await.0, StatusCode::SERVICE_UNAVAILABLE);
    drop(first);
    // The server sees the closed connection when it next writes to it.
    while bench.send("GET", "/v1/events?call=x", "").await.0 == StatusCode::SERVICE_UNAVAILABLE {
        bench.tell(None, Kind::CallRinging);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_same_events_come_over_websocket_until_the_server_stops() {
    let bench = bench().await;
    bench.tell_call();
    let url = format!("ws://{}/v1/events?since=3&key={TOKEN}", bench.address);
    let (mut socket, _) =
        tokio_tungstenite::connect_async(url).await.expect("the handshake succeeds");
    socket.send(Message::text("nobody asked")).await.expect("it is read");
    bench.tell(Some(2), Kind::StreamActive);
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        if let Message::Text(text) =
            socket.next().await.expect("the socket is open").expect("the frame is whole")
        {
            let event: Value = serde_json::from_str(&text).expect("events are JSON");
            kinds.push(format!("{} {} {}", event["number"], event["kind"], event["tapi"]["event"]));
        }
    }
    assert_eq!(
        kinds,
        [r#"4 "stream_armed" "CME_NEW_STREAM""#, r#"5 "stream_active" "CME_STREAM_ACTIVE""#]
    );
    bench.gateway.stop.cancel();
    loop {
        match socket.next().await.expect("a close frame comes first").expect("the frame is whole") {
            Message::Close(frame) => {
                assert_eq!(frame.expect("it says why").reason.as_str(), "the server is stopping");
                break;
            }
            _ => continue,
        }
    }
}
