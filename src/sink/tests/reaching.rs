//! The way to a sink: which address is connected to, what is shown there, what fails and how often it is tried.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::A;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::bench::{Bench, at_url, socket, soon};
use crate::call::SinkEvent;
use crate::dialect::DialectKind;
use crate::event::Cause;
use crate::net::DnsSettings;
use crate::net::tls::CertificateFiles;
use crate::sink::listener::{Behaviour, Listener, Options};
use crate::sink::{
    Credentials, Destinations, Failure, Key, Kind, Mercy, PlaceState, Reaching, Secret, Settings,
    Signing, WebSocket,
};

async fn tcp(ip: [u8; 4], port: u16) -> TcpListener {
    TcpListener::bind((Ipv4Addr::from(ip), port)).await.expect("a free port")
}

async fn good() -> Listener {
    Listener::start(Options::default()).await.expect("a free port")
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("bound").port()
}

/// A nameserver that knows every name: the first question is answered with the first list of addresses, the last list is for all that
/// follow. It counts the questions.
pub(super) async fn nameserver(
    answers: &'static [&'static [[u8; 4]]],
) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    let (asked, count) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            let query = question.queries.first().cloned().expect("one question");
            let mut answer = question.into_response();
            if query.query_type() == RecordType::A {
                let turn = asked.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1);
                counted.fetch_add(1, Ordering::Relaxed);
                let record = |ip: &[u8; 4]| {
                    let data = RData::A(A::new(ip[0], ip[1], ip[2], ip[3]));
                    Record::from_rdata(query.name().clone(), 0, data)
                };
                answer.answers = answers[turn].iter().map(record).collect();
            }
            let bytes = answer.to_vec().expect("an answer");
            socket.send_to(&bytes, from).await.expect("sent");
        }
    });
    (address, count)
}

pub(super) fn asking(nameserver: SocketAddr, allow: &str) -> Reaching {
    let allowed = allow.split_whitespace().map(|text| text.parse().expect(text)).collect();
    Reaching {
        dns: DnsSettings { nameservers: vec![nameserver], ..DnsSettings::default() },
        destinations: Destinations { allowed, loopback: false, own: Vec::new() },
    }
}

fn failures(bench: &Bench, kind: Failure) -> u64 {
    let pool = &bench.handle.pools()[0];
    pool.connect_failures
        .iter()
        .find(|(failure, _)| *failure == kind)
        .map_or(0, |(_, count)| *count)
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_after_it_was_judged_leads_nowhere() {
    let options = Options { behaviour: Behaviour::Reset(4), ..Options::default() };
    let listener = Listener::start(options).await.expect("a free port");
    let port = listener.url().trim_end_matches('/').rsplit(':').next().expect("a port").parse();
    let inner = tcp([127, 0, 0, 66], port.expect("a port")).await;
    let (dns, questions) = nameserver(&[&[[127, 0, 0, 1]], &[[127, 0, 0, 66]]]).await;
    let url = format!("ws://rebinding.test:{}/", port_of(&inner));
    let mut bench =
        Bench::reaching(vec![at_url(&url, DialectKind::Native)], asking(dns, "127.0.0.1"));
    let mut fed = bench.open("asr");
    fed.feed(10);
    tokio::select! {
        told = bench.finished(fed.stream) => assert_eq!(told.cause, Cause::SinkLost),
        _ = inner.accept() => panic!("the second answer was connected to"),
    }
    assert_eq!(listener.connections(), 1);
    let refused = failures(&bench, Failure::Destination);
    // One question for each attempt: what was judged is what was connected to.
    assert!(refused >= 5, "{:?}", bench.handle.pools());
    assert_eq!(questions.load(Ordering::Relaxed) as u64, 1 + refused);
}

#[tokio::test]
async fn of_many_answers_only_those_that_are_allowed_are_connected_to_and_all_of_them_are_tried() {
    let listener = good().await;
    let port = listener.url().trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
    // Metadata, a private network, nobody at home, and the sink.
    let (dns, _) =
        nameserver(&[&[[169, 254, 169, 254], [10, 9, 8, 7], [127, 0, 0, 77], [127, 0, 0, 1]]])
            .await;
    let url = format!("ws://many.test:{port}/");
    let mut bench =
        Bench::reaching(vec![at_url(&url, DialectKind::Native)], asking(dns, "127.0.0.0/24"));
    let fed = bench.open("asr");
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Connected { .. })).await;
    bench.close(&fed);
    bench.finished(fed.stream).await;
    assert_eq!(failures(&bench, Failure::Tcp), 0, "the attempt as a whole went well");
}

/// A port that takes no more connections: they are begun and never answered.
fn deaf() -> (Socket, Vec<std::net::TcpStream>, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
    socket.listen(0).expect("listening");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("bound");
    let patience = Duration::from_millis(100);
    let taken =
        std::iter::from_fn(|| std::net::TcpStream::connect_timeout(&address, patience).ok());
    let taken = taken.take(64).collect();
    (socket, taken, address)
}

#[tokio::test]
async fn whatever_hangs_ends_within_the_time_for_connecting_and_is_counted_by_its_kind() {
    let silent_dns = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let (_deaf, _taken, deaf_address) = deaf();
    let mute = tcp([127, 0, 0, 1], 0).await;
    let endless = tcp([127, 0, 0, 1], 0).await;
    let (mute_port, endless_port) = (port_of(&mute), port_of(&endless));
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = mute.accept().await {
            open.push(stream);
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = endless.accept().await {
            tokio::spawn(async move {
                let _ = stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nX-Long: ").await;
                while stream.write_all(b"a").await.is_ok() {
                    sleep(Duration::from_millis(5)).await;
                }
            });
        }
    });
    for (url, kind) in [
        ("ws://vanished.test/".to_owned(), Failure::NameLate),
        (format!("ws://{deaf_address}/"), Failure::TcpLate),
        (format!("wss://127.0.0.1:{mute_port}/"), Failure::TlsLate),
        (format!("ws://127.0.0.1:{mute_port}/"), Failure::HandshakeLate),
        (format!("ws://127.0.0.1:{endless_port}/"), Failure::HandshakeLate),
    ] {
        let mut settings = at_url(&url, DialectKind::Native);
        settings.connect_timeout_ms = 300;
        settings.reconnect.attempts = 1;
        let reaching = asking(silent_dns.local_addr().expect("bound"), "* 127.0.0.0/8");
        let mut bench = Bench::reaching(vec![settings], reaching);
        let began = Instant::now();
        let fed = bench.open("asr");
        let told = bench.finished(fed.stream).await;
        assert_eq!(told.cause, Cause::ConnectFailed, "{url}");
        assert!(began.elapsed() >= Duration::from_millis(600), "{url}: nothing hung");
        assert!(began.elapsed() < Duration::from_secs(5), "{url}: {:?}", began.elapsed());
        assert_eq!(failures(&bench, kind), 2, "{url}: {:?}", bench.handle.pools());
    }
}

fn servers(urls: &[String], mercy: Mercy) -> Settings {
    let mut settings = at_url(&urls[0], DialectKind::Native);
    if let Kind::WebSocket(socket) = &mut settings.kind {
        socket.urls = urls.iter().map(|url| url.parse().expect("a URL")).collect();
    }
    settings.reconnect.mercy = mercy;
    settings
}

#[tokio::test]
async fn the_next_address_takes_over_and_the_first_is_tried_again_by_one_after_its_rest() {
    let first = tcp([127, 0, 0, 1], 0).await;
    let bind = first.local_addr().expect("bound");
    drop(first);
    let second = good().await;
    let mercy = Mercy { failures: 3, rest: Duration::from_millis(1500), ..Mercy::default() };
    let urls = [format!("ws://{bind}/"), second.url()];
    let mut bench = Bench::new(vec![servers(&urls, mercy)]);
    let connected = |event: &SinkEvent| matches!(event, SinkEvent::Connected { .. });
    let mut opened = Vec::new();
    for _ in 0..10 {
        let fed = bench.open("asr");
        bench.until(fed.stream, connected).await;
        opened.push(fed);
    }
    // Three streams found out for all; the others did not even try.
    assert_eq!((second.connections(), failures(&bench, Failure::Tcp)), (10, 3));
    let places = bench.handle.pools()[0].places.clone();
    assert_eq!(
        places.iter().map(|place| place.state).collect::<Vec<_>>(),
        [PlaceState::Open, PlaceState::Closed]
    );
    assert!(places[0].last_failure.as_deref().is_some_and(|why| why.contains("no connection")));

    let back = Listener::start(Options { bind, ..Options::default() }).await.expect("its old port");
    sleep(mercy.rest).await;
    let fed = bench.open("asr");
    bench.until(fed.stream, connected).await;
    assert_eq!((back.connections(), second.connections()), (1, 10));
    let place = &bench.handle.pools()[0].places[0];
    assert_eq!((place.state, &place.last_failure), (PlaceState::Closed, &None));
    opened.push(fed);
    for fed in &opened {
        bench.close(fed);
        bench.finished(fed.stream).await;
    }
}

#[tokio::test]
async fn streams_that_come_all_at_once_connect_one_after_the_other() {
    let listener = good().await;
    let mut settings = socket(&listener, DialectKind::Native);
    settings.reconnect.mercy.connects_per_s = 20;
    let mut bench = Bench::new(vec![settings]);
    let began = Instant::now();
    let opened: Vec<_> = (0..35).map(|_| bench.open("asr")).collect();
    soon(async {
        while listener.connections() < 35 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    // Twenty at once, and then twenty a second: the last of 35 has waited 750 ms.
    assert!(began.elapsed() >= Duration::from_millis(700), "{:?}", began.elapsed());
    for fed in &opened {
        bench.close(fed);
        bench.finished(fed.stream).await;
    }
}

/// The head of the next request that comes.
async fn request_head(server: &TcpListener) -> String {
    let (mut stream, _) = soon(server.accept()).await.expect("a connection");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.expect("a header"));
    }
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn each_attempt_is_signed_for_its_stream_with_a_nonce_of_its_own() {
    let server = tcp([127, 0, 0, 1], 0).await;
    let url = format!("ws://127.0.0.1:{}/a?b=c", port_of(&server));
    let credentials = Credentials {
        authorization: Some(Secret::basic("us", "hunter2").expect("a login")),
        signing: Some(Signing::new("key-1", Key::new("hunter2")).expect("a name")),
        twilio: Some(Key::new("hunter2")),
        headers: Vec::new(),
    };
    let kind = Kind::WebSocket(WebSocket {
        credentials,
        ..WebSocket::new(url.parse().expect("a URL"), DialectKind::Native)
    });
    let settings = Settings { kind, ..at_url(&url, DialectKind::Native) };
    assert!(!format!("{settings:?}").contains("hunter2"));
    let mut bench = Bench::new(vec![settings]);
    let fed = bench.open("asr");
    let (first, second) = (request_head(&server).await, request_head(&server).await);
    let header = |head: &str, name: &str| {
        let line = head.lines().find_map(|line| {
            line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name))
        });
        line.map(|(_, value)| value.to_owned()).unwrap_or_else(|| panic!("no {name} in {head}"))
    };
    assert!(first.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{first}");
    assert_eq!(header(&first, "authorization"), "Basic dXM6aHVudGVyMg==");
    assert_eq!(header(&first, "sidestream-stream-id"), fed.stream.to_string());
    assert_ne!(header(&first, "signature-input"), header(&second, "signature-input"));
    assert_ne!(header(&first, "signature"), header(&second, "signature"));
    assert_eq!(header(&first, "x-twilio-signature"), header(&second, "x-twilio-signature"));
    bench.close(&fed);
    bench.finished(fed.stream).await;
}

/// An authority, and a way to have it sign.
pub(super) fn authority() -> (Issuer<'static, KeyPair>, rcgen::Certificate) {
    let key = KeyPair::generate().expect("chance");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    (Issuer::new(params, key), certificate)
}

pub(super) fn issue(
    issuer: &Issuer<'static, KeyPair>,
    name: &str,
) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("chance");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    (params.signed_by(&key, issuer).expect("a certificate"), key)
}

#[tokio::test]
async fn a_sink_that_wants_a_certificate_gets_ours_and_a_new_one_as_soon_as_the_files_change() {
    let (issuer, ca) = authority();
    let (stranger, _) = authority();
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let (certificate, key) = issue(&issuer, "127.0.0.1");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("a certificate");
    let tls = Some(TlsAcceptor::from(Arc::new(server)));
    let listener =
        Listener::start(Options { tls, ..Options::default() }).await.expect("a free port");

    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("ca.pem"), ca.pem()).expect("written");
    let files = CertificateFiles { certificate: path("us.pem"), key: path("us.key") };
    let write = |(certificate, key): (rcgen::Certificate, KeyPair)| {
        std::fs::write(&files.certificate, certificate.pem()).expect("written");
        std::fs::write(&files.key, key.serialize_pem()).expect("written");
    };
    write(issue(&stranger, "us"));
    let mut settings = at_url(&listener.url(), DialectKind::Native);
    settings.reconnect.attempts = 1000;
    settings.reconnect.mercy.failures = 0;
    if let Kind::WebSocket(socket) = &mut settings.kind {
        socket.extra_ca = Some(path("ca.pem"));
        socket.client_certificate = Some(files.clone());
    }
    let mut bench = Bench::new(vec![settings]);
    let fed = bench.open("asr");
    // TLS 1.3: the server's no comes after our end of the handshake.
    let is_refused =
        |bench: &Bench| failures(bench, Failure::Tls) + failures(bench, Failure::Handshake) > 0;
    soon(async {
        while !is_refused(&bench) {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    write(issue(&issuer, "us"));
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Connected { .. })).await;
    assert_eq!(bench.handle.pools()[0].certificates_renewed, 1);
    bench.close(&fed);
    bench.finished(fed.stream).await;
}

/// Sockets of this process towards `port` in the state CLOSE_WAIT (8 in the kernel's table).
fn in_close_wait(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("Linux tells");
    let remote = format!(":{port:04X} 08");
    table.lines().filter(|line| line.contains(&remote)).count()
}

/// "The fork survives the call, and its sockets are stuck in CLOSE_WAIT" (nadirhamid/asterisk-audiofork#30).
#[tokio::test]
async fn close_on_hangup_leaves_no_close_wait() {
    let server = tcp([127, 0, 0, 1], 0).await;
    let port = port_of(&server);
    // Takes the handshake, and closes its half as soon as anything follows: when the stream ends, and once in its middle.
    let ended = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = server.accept().await.expect("a connection");
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
            let stream: &mut TcpStream = socket.get_mut();
            let _ = stream.read(&mut [0; 64]).await;
            stream.shutdown().await.expect("closed");
            // Held open on this side: whoever does not close is seen.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
    });
    let mut bench =
        Bench::new(vec![at_url(&format!("ws://127.0.0.1:{port}/"), DialectKind::Twilio)]);
    let mut fed = bench.open("asr");
    fed.feed(5);
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Back { .. })).await;
    bench.close(&fed);
    assert_eq!(bench.finished(fed.stream).await.cause, Cause::Request);
    assert_eq!(in_close_wait(port), 0);
    soon(ended).await.expect("both ends closed");
}
