//! The messages of a call that the running server carried, as HTTP gives them and as a collector gets them; read by tshark, where it
//! is installed.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sidestream::sip::Transport;

use crate::live::server::{Peer, Server, TOKEN};

/// What tshark dissects of a capture: one line per packet, the fields separated by tabs. `None` where it is not installed.
fn dissect(capture: &[u8], port: u16, protocol: &str, fields: &[&str]) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("call.pcap");
    std::fs::write(&file, capture).expect("room for a file");
    let mut command = Command::new("tshark");
    command.args(["-r".as_ref(), file.as_os_str()]).args([
        "-T",
        "fields",
        "-o",
        "udp.check_checksum:TRUE",
    ]);
    command.args(["-d", &format!("udp.port=={port},{protocol}")]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("tshark: {error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

async fn get(server: &Server, path: &str) -> Vec<u8> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}{path}", server.http());
    let answer = client.get(url).bearer_auth(TOKEN).send().await.expect("it listens");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.bytes().await.expect("a body").to_vec()
}

async fn json(server: &Server, path: &str) -> Value {
    serde_json::from_slice(&get(server, path).await).expect("JSON")
}

/// The id of the newest call.
async fn last_call(server: &Server) -> String {
    let calls = json(server, "/v1/calls?state=all").await;
    let calls = calls["calls"].as_array().expect("a list");
    calls.last().and_then(|call| call["call"].as_str()).expect("a call").to_owned()
}

/// First lines in order, with their direction.
fn ladder(messages: &Value) -> Vec<String> {
    let messages = messages["messages"].as_array().expect("a list");
    let line = |message: &Value| {
        let text = message["text"].as_str().unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let word =
            first.strip_prefix("SIP/2.0 ").unwrap_or(first).split(' ').next().unwrap_or_default();
        format!("{} {word}", message["direction"].as_str().unwrap_or_default())
    };
    messages.iter().map(line).collect()
}

const LADDER: [&str; 6] =
    ["received INVITE", "sent 100", "sent 200", "received ACK", "received BYE", "sent 200"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_messages_of_an_ended_call_are_given_as_json_and_as_a_capture() {
    for (transport, listen) in [
        (Transport::Udp, "127.0.0.1"),
        (Transport::Tcp, "127.0.0.1"),
        (Transport::Tls, "127.0.0.1"),
        (Transport::Udp, "[::1]"),
    ] {
        let server = Server::listening(listen, "").await;
        Peer::new(transport, &server).await.call().await.expect("a call");
        let call = last_call(&server).await;
        let messages = json(&server, &format!("/v1/calls/{call}/messages")).await;
        assert_eq!(ladder(&messages), LADDER, "{messages}");
        assert_eq!(messages["messages"][0]["transport"], transport.as_str());
        assert_eq!(messages["dropped"], 0);
        let (local, remote) =
            (&messages["messages"][0]["local"], &messages["messages"][0]["remote"]);
        let port = local
            .as_str()
            .and_then(|local| local.rsplit(':').next()?.parse().ok())
            .expect("a port");

        let capture = get(&server, &format!("/v1/calls/{call}/messages.pcap")).await;
        let fields = [
            "sip.CSeq.method",
            "sip.Status-Code",
            "udp.srcport",
            "udp.checksum.status",
            "_ws.malformed",
        ];
        let Some(lines) = dissect(&capture, port, "sip", &fields) else { return };
        let from = remote.as_str().and_then(|remote| remote.rsplit(':').next()).expect("a port");
        let expected = [
            format!("INVITE\t\t{from}\t1\t"),
            format!("INVITE\t100\t{port}\t1\t"),
            format!("INVITE\t200\t{port}\t1\t"),
            format!("ACK\t\t{from}\t1\t"),
            format!("BYE\t\t{from}\t1\t"),
            format!("BYE\t200\t{port}\t1\t"),
        ];
        assert_eq!(lines, expected, "{transport} {listen}");
        let metrics = String::from_utf8_lossy(&get(&server, "/metrics").await).into_owned();
        for line in [
            "sidestream_sip_requests_total{direction=\"received\",method=\"INVITE\"} 1",
            "sidestream_sip_responses_total{direction=\"sent\",code=\"200\"} 2",
            "sidestream_sip_retransmissions_total{direction=\"sent\"} 0",
            "sidestream_trace_dropped_messages_total 0",
        ] {
            assert!(metrics.lines().any(|shown| shown == line), "{line}\n{metrics}");
        }
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_every_message_of_a_call_under_the_calls_id() {
    let collector = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    collector.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    let address = collector.local_addr().expect("bound");
    let server = Server::listening(
        "127.0.0.1",
        &format!("[trace.hep]\ncollector = \"{address}\"\nagent = 42\n"),
    )
    .await;
    Peer::new(Transport::Udp, &server).await.call().await.expect("a call");
    let call = last_call(&server).await;
    let (mut told, mut buffer) = (Vec::new(), vec![0; 65_535]);
    for _ in LADDER {
        let length = collector.recv(&mut buffer).expect("a packet");
        let chunks = chunks(&buffer[..length]);
        let text = |kind: u16| String::from_utf8_lossy(&chunks[&kind]).into_owned();
        assert_eq!((text(17), &chunks[&12][..]), (call.clone(), &42u32.to_be_bytes()[..]));
        assert_eq!(
            (&chunks[&1][..], &chunks[&2][..], &chunks[&11][..]),
            (&[2][..], &[17][..], &[1][..])
        );
        assert_eq!((&chunks[&3][..], &chunks[&4][..]), (&[127, 0, 0, 1][..], &[127, 0, 0, 1][..]));
        let message = text(15);
        let first = message.strip_prefix("SIP/2.0 ").unwrap_or(&message);
        told.push(first.split(' ').next().unwrap_or_default().to_owned());
    }
    assert_eq!(told, ["INVITE", "100", "200", "ACK", "BYE", "200"]);
    server.stop().await;
}

/// The chunks of a HEP3 packet by type.
fn chunks(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let number = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    assert_eq!((&packet[..4], usize::from(number(4))), (&b"HEP3"[..], packet.len()));
    let (mut at, mut found) = (6, BTreeMap::new());
    while at < packet.len() {
        let length = usize::from(number(at + 4));
        assert_eq!(number(at), 0, "a chunk of the generic vendor");
        found.insert(number(at + 2), packet[at + 6..at + length].to_vec());
        at += length;
    }
    found
}
