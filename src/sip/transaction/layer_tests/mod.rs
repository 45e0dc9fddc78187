//! The layer from outside: messages as text, outputs as text, virtual time.

mod clients;
mod servers;
mod swarm;

use bytes::Bytes;

use super::{ClientKey, Incoming, ServerKey, TransactionOutput, TransactionTimers, Transactions};
use crate::sip::{
    ConnectionId, Flow, Message, Method, Request, ResponseBuilder, Transport, parse_datagram,
    reason_phrase,
};
use crate::time::{Duration, Instant};

/// A layer and its clock.
struct Bench {
    layer: Transactions,
    now: Instant,
}

fn udp(host: u8) -> Flow {
    Flow {
        transport: Transport::Udp,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([198, 51, 100, host], 5060).into(),
        connection: None,
    }
}

fn tcp(host: u8, connection: Option<u64>) -> Flow {
    Flow { transport: Transport::Tcp, connection: connection.map(ConnectionId), ..udp(host) }
}

/// A request of the peer: `line` is method, CSeq number and branch; further headers follow.
fn request(line: &str, headers: &[&str]) -> Request {
    let mut words = line.split(' ');
    let mut word = || words.next().expect("method, CSeq number, branch");
    let (method, cseq, branch) = (word(), word(), word());
    let mut text = format!(
        "{method} sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP phone.example:5060;branch={branch}\r\n\
         From: <sip:alice@example.com>;tag=alice\r\nCall-ID: call\r\nCSeq: {cseq} {method}\r\n\
         Max-Forwards: 70\r\nContact: <sip:alice@198.51.100.2>\r\n"
    );
    if !headers.iter().any(|header| header.starts_with("To:")) {
        text += "To: <sip:bob@example.com>\r\n";
    }
    for header in headers {
        // A header given replaces the one above.
        let name = header.split(':').next().expect("a header has a name");
        if let Some(start) = text.find(&format!("\r\n{name}:")) {
            let end = text[start + 2..].find("\r\n").map_or(text.len(), |at| start + 2 + at);
            text.replace_range(start + 2..end, header);
        } else {
            text += &format!("{header}\r\n");
        }
    }
    text += "Content-Length: 0\r\n\r\n";
    match parse_datagram(Bytes::from(text)) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

/// The first line of a message, without the version.
fn first_line(bytes: &Bytes) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or_default();
    line.replace("SIP/2.0", "").trim().to_owned()
}

impl Bench {
    fn new() -> Self {
        Bench { layer: Transactions::new(TransactionTimers::DEFAULT), now: Instant::ZERO }
    }

    fn receive(&mut self, request: Request, flow: Flow) -> Incoming {
        self.layer.handle_request(request, flow, self.now)
    }

    /// Receives what must be a new request.
    fn receive_new(&mut self, request: Request, flow: Flow) -> ServerKey {
        match self.receive(request, flow) {
            Incoming::New { key, .. } => key,
            other => panic!("not new: {other:?}"),
        }
    }

    fn absorbs(&mut self, request: Request, flow: Flow) -> bool {
        matches!(self.receive(request, flow), Incoming::Absorbed)
    }

    fn respond(&mut self, key: ServerKey, request: &Request, status: u16) -> bool {
        let bytes = ResponseBuilder::new(request, status, reason_phrase(status));
        let bytes = bytes.to_tag("bob").build();
        self.layer.respond(key, status, bytes, self.now)
    }

    /// Sends a request of ours.
    fn send(&mut self, method: Method, flow: Flow) -> ClientKey {
        let bytes = Bytes::from(format!(
            "{method} sip:carol@198.51.100.3 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\n\
             From: <sip:bob@example.com>;tag=ours\r\nTo: <sip:carol@example.com>\r\nCall-ID: ours\r\nCSeq: 7 {method}\r\n\
             Route: <sip:198.51.100.9;lr>, <sip:198.51.100.8;lr>\r\nMax-Forwards: 70\r\nContact: <sip:bob@192.0.2.1:5060>\r\nContent-Length: 0\r\n\r\n"
        ));
        self.layer.request(method, "z9hG4bKours", bytes, flow, self.now)
    }

    /// A response to it comes: `line` is status, method and branch. Returns the status passed up.
    fn answer(&mut self, line: &str, flow: Flow) -> Option<(ClientKey, u16)> {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("status, method, branch");
        let (status, method, branch) = (word(), word(), word());
        let text = format!(
            "SIP/2.0 {status} Some\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\nFrom: <sip:bob@example.com>;tag=ours\r\n\
             To: <sip:carol@example.com>;tag=carol\r\nCall-ID: ours\r\nCSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
        );
        let Ok(Message::Response(response)) = parse_datagram(Bytes::from(text)) else {
            panic!("not a response: {line}");
        };
        let passed = self.layer.handle_response(response, flow, self.now);
        passed.map(|(key, response, _)| (key, response.status()))
    }

    /// Everything that the layer wants, as text.
    fn drain(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.layer.poll_output())
            .map(|output| match output {
                TransactionOutput::Send { bytes, .. } => first_line(&bytes),
                TransactionOutput::Locate { uri, .. } => format!("where is {uri}"),
                TransactionOutput::TimedOut { .. } => "timed out".into(),
                TransactionOutput::Unreachable { .. } => "unreachable".into(),
                TransactionOutput::Unacknowledged { .. } => "unacknowledged".into(),
                TransactionOutput::ServerEnded { .. } => "ended".into(),
                TransactionOutput::PlaceFailed { .. } => "place failed".into(),
            })
            .collect()
    }

    /// Lets `wait` pass. Returns what the layer wanted meanwhile, each with its millisecond since the start of the bench.
    fn pass(&mut self, wait: Duration) -> Vec<String> {
        let until = self.now + wait;
        let mut wanted = Vec::new();
        while let Some(due) = self.layer.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.layer.handle_timeout(self.now);
            let at = self.now.as_nanos() / 1_000_000;
            wanted.extend(self.drain().into_iter().map(|output| format!("{at} {output}")));
        }
        self.now = until;
        wanted
    }

    fn is_empty(&self) -> bool {
        self.layer.holds_nothing()
    }
}
