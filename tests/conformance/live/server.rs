//! A server on free ports of the loopback, a telephone that is always busy, and peers that send any bytes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sidestream::config;
use sidestream::server::{Running, run};
use sidestream::sip::{
    Framed, Framer, Message, Method, ResponseBuilder, Transport, parse_datagram,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The token of the API.
pub(crate) const TOKEN: &str = "kX7wq2m9adkX7wq2m9ad";

/// The running server.
pub(crate) struct Server {
    running: Running,
    certificate: CertificateDer<'static>,
    /// Where the certificate and its key lie.
    _files: tempfile::TempDir,
}

impl Server {
    /// Every number but the test numbers leads to the busy telephone; the loopback needs no password.
    pub(crate) async fn start() -> Server {
        Server::listening("127.0.0.1", "").await
    }

    /// The same on another address, with `more` in its configuration.
    pub(crate) async fn listening(host: &str, more: &str) -> Server {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a key");
        let files = tempfile::tempdir().expect("a folder");
        let path = |name: &str| files.path().join(name);
        std::fs::write(path("cert.pem"), made.cert.pem()).expect("room");
        std::fs::write(path("key.pem"), made.signing_key.serialize_pem()).expect("room");
        let phone = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = phone.local_addr().expect("bound");
        tokio::spawn(busy(phone));
        let text = format!(
            "[sip]\nlisten = [\"udp:{host}:0\", \"tcp:{host}:0\", \"tls:{host}:0\"]\n[sip.tcp]\nmessage_time_s = 1\n\
             [sip.tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[[http.tokens]]\nid = \"test\"\nsecret = \"{TOKEN}\"\n\
             [[peers]]\nname = \"torture\"\nnetworks = [\"127.0.0.1/32\", \"::1\"]\n\
             [[routes]]\npattern = \"9196\"\n[[routes]]\npattern = \"*\"\ntarget = \"sip:busy@{address}\"\n{more}",
            path("cert.pem").display(),
            path("key.pem").display(),
        );
        let config =
            config::parse("test", &text, Path::new(""), Vec::new()).expect("a sound configuration");
        Server {
            running: run(config).await.expect("free ports"),
            certificate: made.cert.der().clone(),
            _files: files,
        }
    }

    /// TLS towards this server, whose certificate is trusted.
    async fn secure(&self, stream: TcpStream) -> impl Stream + use<> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
    }

    /// Where the API is heard.
    pub(crate) fn http(&self) -> SocketAddr {
        self.running.http()
    }

    pub(crate) async fn stop(&self) {
        self.running.shutdown(Duration::ZERO).await;
    }
}

/// Answers 486 to every INVITE and 200 to the rest.
async fn busy(socket: UdpSocket) {
    let mut buffer = vec![0; 65_535];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let bytes = buffer[..length].to_vec();
        let Ok(Message::Request(request)) = parse_datagram(bytes.into()) else { continue };
        let (status, phrase) = match request.method() {
            Method::Invite => (486, "Busy Here"),
            Method::Ack => continue,
            _ => (200, "OK"),
        };
        let answer = ResponseBuilder::new(&request, status, phrase).to_tag("busy").build();
        let _ = socket.send_to(&answer, from).await;
    }
}

/// Somebody who talks to the server.
pub(crate) struct Peer {
    way: Way,
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
}

enum Way {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>, Box<Framer>),
}

/// A connection, inside TLS or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What comes back.
enum Heard {
    Response(Answer),
    /// A request of the server's own.
    Request,
    Closed,
    /// Nothing more within the time.
    Nothing,
}

/// A response, read line by line: it repeats the Vias of a request that may be malformed.
struct Answer {
    status: u16,
    call_id: String,
    method: String,
    to_tag: String,
}

impl Answer {
    fn read(text: &str) -> Option<Answer> {
        let header = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        Some(Answer {
            status: text.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()?,
            call_id: header("Call-ID:"),
            method: header("CSeq:").split(' ').nth(1).unwrap_or_default().to_owned(),
            to_tag: header("To:").split(";tag=").nth(1).unwrap_or_default().to_owned(),
        })
    }
}

impl Peer {
    pub(crate) async fn new(transport: Transport, server: &Server) -> Peer {
        let running = &server.running;
        let heard = match transport {
            Transport::Udp => running.udp(),
            Transport::Tcp => running.tcp(),
            Transport::Tls => running.tls(),
            Transport::Ws | Transport::Wss => panic!("{transport} is not spoken here"),
        };
        let remote = heard.first().copied().expect("it listens");
        if transport == Transport::Udp {
            let socket = UdpSocket::bind((remote.ip(), 0)).await.expect("a free port");
            let local = socket.local_addr().expect("bound");
            return Peer { local, way: Way::Udp(socket), transport, remote };
        }
        let stream = TcpStream::connect(remote).await.expect("it listens");
        let local = stream.local_addr().expect("connected");
        let stream: Box<dyn Stream> = match transport {
            Transport::Tls => Box::new(server.secure(stream).await),
            _ => Box::new(stream),
        };
        Peer { local, way: Way::Stream(stream, Box::default()), transport, remote }
    }

    /// Sends `bytes` and, when `due` final responses have come, an OPTIONS of its own. Tells what came for the bytes: final
    /// statuses in order, `silence`, and `closed` when the connection was.
    pub(crate) async fn provoke(&mut self, bytes: &[u8], due: usize) -> String {
        let probe_id = format!("probe-{}", self.local);
        let probe = self.request("OPTIONS", "probe", 1, "", &probe_id);
        self.send(bytes).await;
        let (mut finals, mut trying) = (Vec::new(), BTreeSet::new());
        let mut sent = false;
        loop {
            if !sent && finals.len() >= due {
                self.send(probe.as_bytes()).await;
                sent = true;
            }
            match self.hear().await {
                Heard::Response(answer) if answer.call_id == probe_id => {
                    if answer.status == 200 && trying.is_empty() {
                        break;
                    }
                    finals.push("and another answers".to_owned());
                }
                Heard::Response(answer) if answer.status < 200 => {
                    trying.insert(answer.call_id);
                }
                Heard::Response(answer) => {
                    trying.remove(&answer.call_id);
                    // A final response to an INVITE comes again until its ACK, which nobody sends here.
                    let status = answer.status.to_string();
                    if finals.last() != Some(&status) {
                        finals.push(status);
                    }
                }
                Heard::Request => finals.push("and a request".to_owned()),
                Heard::Closed => {
                    finals.push("closed".to_owned());
                    break;
                }
                Heard::Nothing if sent => {
                    finals.push("and the server hangs".to_owned());
                    break;
                }
                Heard::Nothing => {
                    self.send(probe.as_bytes()).await;
                    sent = true;
                }
            }
        }
        if finals.is_empty() { "silence".to_owned() } else { finals.join(" ") }
    }

    /// Calls the echo, and hangs up.
    pub(crate) async fn call(&mut self) -> Result<(), String> {
        let id = format!("call-{}", self.local);
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";
        let invite = self.request("INVITE", "9196", 1, "", &id);
        let invite = invite.replace(
            "Content-Length: 0\r\n\r\n",
            &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()),
        );
        self.send(invite.as_bytes()).await;
        let tag = self.expect(200, &id).await?;
        self.send(self.request("ACK", "9196", 1, &tag, &id).as_bytes()).await;
        self.send(self.request("BYE", "9196", 2, &tag, &id).as_bytes()).await;
        self.expect_of(200, &id, "BYE").await.map(drop)
    }

    async fn expect(&mut self, status: u16, id: &str) -> Result<String, String> {
        self.expect_of(status, id, "INVITE").await
    }

    /// The To-tag of the final response, if it has this status.
    async fn expect_of(&mut self, status: u16, id: &str, method: &str) -> Result<String, String> {
        loop {
            match self.hear().await {
                Heard::Response(response)
                    if response.status < 200
                        || response.call_id != id
                        || response.method != method => {}
                Heard::Response(response) if response.status == status => {
                    return Ok(response.to_tag);
                }
                Heard::Response(response) => return Err(format!("{method}: {}", response.status)),
                Heard::Request => {}
                Heard::Closed => return Err(format!("{method}: the connection was closed")),
                Heard::Nothing => return Err(format!("{method}: no answer")),
            }
        }
    }

    fn request(&self, method: &str, user: &str, cseq: u32, to_tag: &str, call_id: &str) -> String {
        let (local, remote) = (self.local, self.remote);
        let (name, param) = (self.transport, self.transport.as_param());
        let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        format!(
            "{method} sip:{user}@{remote} SIP/2.0\r\nVia: SIP/2.0/{name} {local};rport;branch=z9hG4bK-{call_id}-{cseq}{method}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:caller@{local}>;tag=c\r\nTo: <sip:{user}@{remote}>{tag}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:caller@{local};transport={param}>\r\nContent-Length: 0\r\n\r\n"
        )
    }

    async fn send(&mut self, bytes: &[u8]) {
        match &mut self.way {
            Way::Udp(socket) => drop(socket.send_to(bytes, self.remote).await.expect("it fits")),
            // A connection that the server has closed is found out by reading.
            Way::Stream(stream, _) => drop(stream.write_all(bytes).await),
        }
    }

    async fn hear(&mut self) -> Heard {
        match tokio::time::timeout(PATIENCE, self.next()).await {
            Err(_) => Heard::Nothing,
            Ok(None) => Heard::Closed,
            Ok(Some(bytes)) => match Answer::read(&String::from_utf8_lossy(&bytes)) {
                Some(answer) => Heard::Response(answer),
                None => Heard::Request,
            },
        }
    }

    /// The next message; `None` at the end of a connection.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 65_535];
        match &mut self.way {
            Way::Udp(socket) => {
                let length = socket.recv(&mut buffer).await.expect("the server listens");
                buffer.truncate(length);
                Some(buffer)
            }
            Way::Stream(stream, framer) => loop {
                match framer.next().expect("the server frames well") {
                    Some(Framed::Message(bytes)) => return Some(bytes.to_vec()),
                    Some(Framed::Ping) => {}
                    None => match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return None,
                        Ok(length) => framer.push(&buffer[..length]),
                    },
                }
            },
        }
    }
}
