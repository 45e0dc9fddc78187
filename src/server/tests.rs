//! A whole server in this process, on free ports, against plain sockets.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::{Running, run};
use crate::config::{Development, DevelopmentPorts, development};
use crate::sip::Transport;
use crate::switch::Listener;

async fn server() -> (Running, Development) {
    let mut development = development(DevelopmentPorts { sip: 0, http: 0 });
    let v6 = |transport| Listener { transport, address: "[::1]:0".parse().expect("an address") };
    let both = [v6(Transport::Udp), v6(Transport::Tcp)];
    development.config.listen.extend(both);
    development.config.switch.listeners.extend(both);
    (run(development.config.clone()).await.expect("free ports"), development)
}

fn options(transport: &str, local: SocketAddr, to: SocketAddr) -> String {
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{port};rport\r\n\
         From: <sip:t@{local}>;tag=a\r\nTo: <sip:{to}>\r\nCall-ID: {port}@t\r\nCSeq: 1 OPTIONS\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
        port = local.port()
    )
}

async fn udp_answer(to: SocketAddr) -> String {
    let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).await.expect("a free port");
    let local = socket.local_addr().expect("bound");
    socket.send_to(options("UDP", local, to).as_bytes(), to).await.expect("the loopback takes it");
    let mut buffer = vec![0; 4096];
    let received = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut buffer)).await;
    String::from_utf8_lossy(&buffer[..received.expect("an answer within 5 s").expect("it is open")])
        .into_owned()
}

async fn tcp_answer(to: SocketAddr) -> String {
    let mut stream = TcpStream::connect(to).await.expect("it listens");
    let local = stream.local_addr().expect("connected");
    stream.write_all(options("TCP", local, to).as_bytes()).await.expect("it is open");
    let mut buffer = vec![0; 4096];
    let received = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await;
    String::from_utf8_lossy(&buffer[..received.expect("an answer within 5 s").expect("it is open")])
        .into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_is_answered_over_udp_and_tcp_on_ipv4_and_ipv6() {
    let (server, _) = server().await;
    for address in server.udp() {
        let answer = udp_answer(*address).await;
        assert!(answer.starts_with("SIP/2.0 200 "), "{address}: {answer}");
    }
    for address in server.tcp() {
        let answer = tcp_answer(*address).await;
        assert!(answer.starts_with("SIP/2.0 200 "), "{address}: {answer}");
    }
    assert_eq!((server.udp().len(), server.tcp().len()), (2, 2));
    assert_eq!(server.net().counters().udp_received.read(), 2);
    server.shutdown(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_answers_who_has_the_key_and_a_stopped_server_leaves_its_ports() {
    let (server, development) = server().await;
    let url = format!("http://{}/v1/calls", server.http());
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let refused = client.get(&url).send().await.expect("it listens");
    assert_eq!(refused.status(), 401);
    let calls = client.get(&url).bearer_auth(&development.key).send().await.expect("it listens");
    assert_eq!(calls.status(), 200);
    assert_eq!(calls.text().await.expect("a body"), r#"{"calls":[]}"#);

    let (sip, http) = (server.udp().first().copied().expect("it listens"), server.http());
    server.shutdown(Duration::ZERO).await;
    UdpSocket::bind(sip).await.expect("the SIP port is free again");
    assert!(client.get(format!("http://{http}/healthz")).send().await.is_err());
}
