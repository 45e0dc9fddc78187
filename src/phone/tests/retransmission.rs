//! Datagrams get lost: what is sent again, by whom, and until when.

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use super::registration::{config_at, raw_server};
use super::*;

/// A peer that writes its own messages.
struct Raw {
    socket: UdpSocket,
    peer: SocketAddr,
}

impl Raw {
    async fn at(peer: SocketAddr) -> Raw {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
        Raw { socket, peer }
    }

    async fn send(&self, method: &str, cseq: u32, to_tag: &str, body: &str) {
        let here = self.socket.local_addr().expect("an address");
        // An INVITE and its retransmission share a branch; other requests have one each.
        let text = format!(
            "{method} sip:bob@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:raw@{here}>;tag=raw\r\nTo: <sip:bob@{peer}>{to_tag}\r\nCall-ID: raw-call\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:raw@{here}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{body}",
            peer = self.peer,
            length = body.len(),
        );
        self.socket.send_to(text.as_bytes(), self.peer).await.expect("sent");
    }

    async fn receive(&self, patience: Duration) -> Option<String> {
        let mut buffer = [0; 4096];
        let (length, _) = timeout(patience, self.socket.recv_from(&mut buffer)).await.ok()?.ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    async fn receive_status(&self, status: u16) -> String {
        let start = format!("SIP/2.0 {status} ");
        loop {
            let message = self.receive(PATIENCE).await.expect("a response");
            if message.starts_with(&start) {
                return message;
            }
        }
    }
}

fn to_tag(response: &str) -> String {
    let to = response.lines().find(|line| line.starts_with("To:")).expect("a To");
    format!(";tag={}", message::tag(to).expect("a tag"))
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n";

#[tokio::test]
async fn a_request_that_is_lost_is_sent_again_after_t1() {
    let server = raw_server(2, |_, count| {
        let answer = "SIP/2.0 200 OK\r\nCOPIED\r\nContent-Length: 0\r\n\r\n";
        // What is not SIP is as good as nothing.
        if count == 0 { "lost".to_owned() } else { answer.to_owned() }
    })
    .await;
    let phone = Phone::bind(config_at(server)).await.expect("a socket");
    let since = Instant::now();
    phone.register().await.expect("registered");
    assert!(since.elapsed() >= client::T1);
    assert_eq!(phone.unreadable(), 1);
}

#[tokio::test]
async fn a_200_comes_again_until_its_ack_and_a_request_twice_gets_one_answer() {
    let bob = udp_pair().await.bob;
    let raw = Raw::at(bob.local_addr()).await;
    raw.send("INVITE", 1, "", OFFER).await;
    let mut call =
        bob.accept().await.expect("a call").answer(saying(440.0)).await.expect("answered");
    let first = raw.receive_status(200).await;
    assert_eq!(raw.receive_status(200).await, first);
    raw.send("ACK", 1, &to_tag(&first), "").await;
    while raw.receive(Duration::from_millis(50)).await.is_some() {}
    assert_eq!(raw.receive(client::T1 * 3).await, None);
    raw.send("INFO", 2, &to_tag(&first), "x").await;
    let answer = raw.receive_status(200).await;
    raw.send("INFO", 2, &to_tag(&first), "x").await;
    assert_eq!(raw.receive_status(200).await, answer);
    raw.send("BYE", 3, &to_tag(&first), "").await;
    raw.receive_status(200).await;
    assert!(matches!(next_event(&mut call).await, CallEvent::Info { .. }));
    assert_eq!(next_event(&mut call).await, CallEvent::Ended(EndedBy::Remote));
}

#[tokio::test]
async fn an_invite_without_description_gets_an_offer_and_its_answer_is_taken_from_the_ack() {
    let bob = udp_pair().await.bob;
    let raw = Raw::at(bob.local_addr()).await;
    raw.send("INVITE", 1, "", "").await;
    let call = bob.accept().await.expect("a call").answer(saying(440.0)).await.expect("answered");
    let answer = raw.receive_status(200).await;
    assert!(
        answer.contains("m=audio") && answer.contains("a=rtpmap:101 telephone-event/8000"),
        "{answer}"
    );
    assert_eq!(call.stats().sent, 0);
    let listener = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    raw.send("ACK", 1, &to_tag(&answer), &OFFER.replace("audio 9 ", &format!("audio {port} ")))
        .await;
    let mut packet = [0; 400];
    let heard = timeout(PATIENCE, listener.recv(&mut packet)).await.expect("in time");
    assert_eq!(heard.expect("a packet"), 12 + 160);
}

#[tokio::test]
async fn requests_of_no_dialog_are_refused_as_they_should_be() {
    let bob = udp_pair().await.bob;
    let raw = Raw::at(bob.local_addr()).await;
    let cases = [
        ("BYE", ";tag=none", 481),
        ("INFO", "", 481),
        ("CANCEL", "", 481),
        ("REGISTER", "", 405),
        ("OPTIONS", "", 200),
    ];
    for ((method, tag, status), cseq) in cases.into_iter().zip(1..) {
        raw.send(method, cseq, tag, "").await;
        let answer = raw.receive(PATIENCE).await.expect("a response");
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{method}: {answer}");
    }
}
