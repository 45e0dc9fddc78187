//! SIP over WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::net::Origins;
use crate::sip::MAX_MESSAGE;

type Socket = WebSocketStream<TcpStream>;

fn plan() -> Plan {
    Plan::over(Transport::Ws)
}

/// Opens a WebSocket with these headers in its upgrade; the status when that is refused.
async fn open(bench: &Bench, headers: &[(&'static str, &str)]) -> Result<Socket, StatusCode> {
    let mut request = "ws://localhost/sip".into_client_request().expect("a request");
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).expect("a value");
        request.headers_mut().append(HeaderName::from_static(name), value);
    }
    match client_async(request, bench.connect().await).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status()),
        Err(error) => panic!("neither opened nor refused: {error}"),
    }
}

const SIP: (&str, &str) = ("sec-websocket-protocol", "sip");

async fn opened(bench: &Bench) -> Socket {
    open(bench, &[SIP]).await.expect("it speaks sip")
}

async fn next_of(socket: &mut Socket) -> Option<Message> {
    let next = tokio::time::timeout(Duration::from_secs(5), socket.next()).await;
    next.expect("something within 5 s").and_then(Result::ok)
}

#[tokio::test]
async fn each_websocket_message_is_a_sip_message_in_both_directions() {
    let mut bench = plan().start();
    let mut socket = opened(&bench).await;
    let text = String::from_utf8_lossy(OPTIONS).replace("Content-Length: 0\r\n", "");
    for message in [Message::text(text.as_str()), Message::binary(text.clone().into_bytes())] {
        socket.send(message).await.expect("open");
        let (flow, bytes) = bench.next_message().await;
        assert_eq!((bytes.as_ref(), flow.transport), (text.as_bytes(), Transport::Ws));
        bench.connections.send(flow, Bytes::from_static(b"answer")).expect("open");
        assert_eq!(next_of(&mut socket).await, Some(Message::text("answer")));
        bench.connections.send(flow, Bytes::from_static(b"\xff\x00")).expect("open");
        let expected = Message::binary(Bytes::from_static(b"\xff\x00"));
        assert_eq!(next_of(&mut socket).await, Some(expected));
    }
}

#[tokio::test]
async fn the_sub_protocol_sip_is_required() {
    let mut bench = plan().start();
    assert_eq!(open(&bench, &[]).await.err(), Some(StatusCode::BAD_REQUEST));
    let others = [("sec-websocket-protocol", "chat, sip2")];
    assert_eq!(open(&bench, &others).await.err(), Some(StatusCode::BAD_REQUEST));
    assert!(open(&bench, &[("sec-websocket-protocol", "chat, sip")]).await.is_ok());
    let mut plain = bench.connect().await;
    plain.write_all(OPTIONS).await.expect("open");
    assert_eq!(read_some(&mut plain).await, b"", "no SIP without an upgrade");
    assert_eq!(bench.counters.ws_refused.read(), 3);
    assert!(matches!(bench.next().await, Inbound::Closed { .. }), "of the one that was opened");
}

#[tokio::test]
async fn a_page_connects_when_its_origin_is_listed_and_a_program_always() {
    let listed = Origins::Listed(vec!["https://phone.example".to_owned()]);
    for (origins, origin, is_let_in) in [
        (listed.clone(), None, true),
        (listed.clone(), Some("https://phone.example"), true),
        (listed.clone(), Some("https://phone.example:444"), false),
        (listed, Some("null"), false),
        (Origins::Listed(Vec::new()), Some("http://localhost"), false),
        (Origins::Any, Some("https://elsewhere.example"), true),
    ] {
        let mut plan = plan();
        plan.websocket.origins = origins;
        let bench = plan.start();
        let headers: Vec<_> =
            [SIP].into_iter().chain(origin.map(|origin| ("origin", origin))).collect();
        let refused = open(&bench, &headers).await.err();
        assert_eq!(refused, (!is_let_in).then_some(StatusCode::FORBIDDEN), "{origin:?}");
    }
}

#[tokio::test]
async fn keep_alives_are_answered_in_their_own_kind() {
    let mut bench = plan().start();
    let mut socket = opened(&bench).await;
    socket.send(Message::text("\r\n\r\n")).await.expect("open");
    assert_eq!(next_of(&mut socket).await, Some(Message::text("\r\n")));
    socket.send(Message::text("\r\n")).await.expect("open");
    socket.send(Message::Ping(Bytes::from_static(b"x"))).await.expect("open");
    assert_eq!(next_of(&mut socket).await, Some(Message::Pong(Bytes::from_static(b"x"))));
    socket.send(Message::binary(OPTIONS)).await.expect("open");
    assert_eq!(bench.next_message().await.1, OPTIONS, "the lone line end was no message");
    assert_eq!(bench.counters.tcp_keep_alives.read(), 1);
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_closed_and_one_that_does_stays() {
    let mut plan = plan();
    plan.websocket.ping_every = Duration::from_millis(50);
    let mut bench = plan.start();
    let mut mute = opened(&bench).await;
    mute.send(Message::binary(OPTIONS)).await.expect("open");
    let (flow, _) = bench.next_message().await;
    let Inbound::Closed { flow: closed } = bench.next().await else { panic!("an end was due") };
    assert_eq!((closed, bench.counters.tcp_closed_idle.read()), (flow, 1));

    let mut alive = opened(&bench).await;
    alive.send(Message::binary(OPTIONS)).await.expect("open");
    bench.next_message().await;
    let pings = async {
        for _ in 0..8 {
            // Reading answers it.
            assert!(matches!(next_of(&mut alive).await, Some(Message::Ping(_))));
            alive.flush().await.expect("open");
        }
    };
    pings.await;
    assert!(bench.inbound.try_recv().is_err());
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_the_connection() {
    let mut bench = plan().start();
    let mut socket = opened(&bench).await;
    socket.send(Message::binary(OPTIONS)).await.expect("open");
    bench.next_message().await;
    let _ = socket.send(Message::binary(vec![b'x'; MAX_MESSAGE + 1])).await;
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_framing.read(), 1);
}

#[tokio::test]
async fn a_message_in_pieces_is_cut_off_at_the_message_time_though_pings_go_on() {
    let mut plan = plan();
    plan.limits.message_time = Duration::from_millis(150);
    let mut bench = plan.start();
    let mut socket = opened(&bench).await;
    socket.send(Message::binary(OPTIONS)).await.expect("open");
    bench.next_message().await;
    let first = Frame::message(OPTIONS[..9].to_vec(), OpCode::Data(Data::Binary), false);
    socket.send(Message::Frame(first)).await.expect("open");
    let pings = async {
        while socket.send(Message::Ping(Bytes::from_static(b"still here"))).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), pings).await.expect("it is closed");
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_slow.read(), 1);
}

#[tokio::test]
async fn an_upgrade_that_does_not_come_and_a_websocket_without_sip_are_closed() {
    let mut plan = plan();
    plan.limits.handshake_time = Duration::from_millis(80);
    plan.limits.message_time = Duration::from_millis(80);
    let mut bench = plan.start();
    let mut slow = bench.connect().await;
    slow.write_all(b"GET /sip HTTP/1.1\r\nHost: localhost\r\n").await.expect("open");
    assert_eq!(read_some(&mut slow).await, b"");
    assert_eq!(bench.counters.tcp_closed_slow.read(), 1);
    let _mute = opened(&bench).await;
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_slow.read(), 2);
}

#[tokio::test]
async fn websocket_runs_over_ipv6_too_and_is_never_dialled() {
    let mut plan = plan();
    plan.address = "[::1]:0".parse().expect("an address");
    let mut bench = plan.start();
    let mut socket = opened(&bench).await;
    socket.send(Message::binary(OPTIONS)).await.expect("open");
    let (flow, _) = bench.next_message().await;
    assert!(flow.remote.is_ipv6() && flow.local.is_ipv6());
    let unnumbered = Flow { connection: None, ..flow };
    assert!(bench.connections.send(unnumbered, Bytes::from_static(b"x")).is_err());
}
