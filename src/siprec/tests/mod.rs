//! Sessions with a server whose every message a test writes.

mod timers;

use std::net::SocketAddr;

use bytes::Bytes;

use super::{Desk, RecordingOutput, Recordings};
use crate::call::{
    RecordedFormat, RecordedTrack, RecordingAsk, RecordingPlan, Settings, SinkCommand, Standing,
    Tokens,
};
use crate::id::{CallId, StreamId, TerminalId, Track};
use crate::sip::transaction::{Incoming, TransactionOutput, TransactionTimers, Transactions};
use crate::sip::{
    Flow, Message, Method, Request, RequestBuilder, ResponseBuilder, Transport, parse_datagram,
    reason_phrase,
};
use crate::time::{Duration, Instant};
use crate::trunk::Account;

const TERMINAL: TerminalId = TerminalId::first(StreamId::from_u128(2));
const BOTH: &str = "v=0\r\nc=IN IP4 10.0.0.9\r\nm=audio 6000 RTP/AVP 0\r\na=recvonly\r\nm=audio 6002 RTP/AVP 0\r\na=recvonly\r\n";
const NEITHER: &str = "v=0\r\nc=IN IP4 10.0.0.9\r\na=inactive\r\nm=audio 6000 RTP/AVP 0\r\nm=audio 6002 RTP/AVP 0\r\n";

struct Bench {
    recordings: Recordings,
    transactions: Transactions,
    tokens: Tokens,
    settings: Settings,
    now: Instant,
    /// What went to the server.
    sent: Vec<Message>,
    news: Vec<Standing>,
    /// Requests of the server's so far.
    asked: u32,
}

fn flow() -> Flow {
    Flow {
        transport: Transport::Udp,
        local: "10.0.0.1:5060".parse().expect("an address"),
        remote: "10.0.0.9:5060".parse().expect("an address"),
        connection: None,
    }
}

fn plan() -> RecordingPlan {
    let track = |track, rtp| RecordedTrack { track, rtp, rtcp: rtp + 1 };
    let remote: SocketAddr = flow().remote;
    RecordingPlan {
        attempt: 1,
        call: CallId::from_u128(1),
        customer: "100".into(),
        agent: "200".into(),
        server: "sip:srs@10.0.0.9".into(),
        host: "10.0.0.9".into(),
        transport: Transport::Udp,
        remote,
        account: None,
        tracks: vec![track(Track::FromCustomer, 5000), track(Track::ToCustomer, 5002)],
        format: RecordedFormat { payload_type: 0, name: "PCMU", clock_rate: 8_000 },
        sending: [true, true],
        patience: Duration::from_secs(3),
    }
}

impl Bench {
    fn new() -> Bench {
        Bench {
            recordings: Recordings::default(),
            transactions: Transactions::new(TransactionTimers::DEFAULT),
            tokens: Tokens::new([7; 32], 0),
            settings: Settings::default(),
            now: Instant::from_millis(1_000),
            sent: Vec::new(),
            news: Vec::new(),
            asked: 0,
        }
    }

    /// A session that the server has taken.
    fn up() -> Bench {
        let mut bench = Bench::begun(plan());
        bench.answer(0, 200, Some(BOTH));
        assert_eq!(bench.methods(), ["INVITE", "ACK"]);
        assert!(matches!(
            bench.news.pop(),
            Some(Standing::Agreed { recorders: [Some(_), Some(_)], .. })
        ));
        bench.sent.clear();
        bench
    }

    fn begun(plan: RecordingPlan) -> Bench {
        let mut bench = Bench::new();
        bench.ask(RecordingAsk::Begin(Box::new(plan)));
        bench
    }

    fn with(&mut self, act: impl FnOnce(&mut Recordings, &mut Desk<'_>)) {
        let mut desk = Desk {
            now: self.now,
            unix_ms: 1_700_000_000_000,
            realm: "pbx",
            settings: &self.settings,
            transactions: &mut self.transactions,
            tokens: &mut self.tokens,
        };
        act(&mut self.recordings, &mut desk);
        self.drain();
    }

    fn drain(&mut self) {
        let mut failed = Vec::new();
        while let Some(output) = self.transactions.poll_output() {
            match output {
                TransactionOutput::Send { bytes, .. } => {
                    self.sent.push(parse_datagram(bytes).expect("what we send can be read"));
                }
                TransactionOutput::TimedOut { key } => failed.push(key),
                _ => {}
            }
        }
        while let Some(output) = self.recordings.poll_output() {
            match output {
                RecordingOutput::Sink(SinkCommand::Recording { terminal, news }) => {
                    assert_eq!((terminal, news.attempt), (TERMINAL, 1));
                    self.news.push(news.standing);
                }
                RecordingOutput::Send { bytes, .. } => {
                    self.sent.push(parse_datagram(bytes).expect("what we send can be read"));
                }
                _ => {}
            }
        }
        for key in failed {
            self.with(|recordings, desk| {
                recordings.handle_failure(key, true, desk);
            });
        }
    }

    fn ask(&mut self, ask: RecordingAsk) {
        self.with(|recordings, desk| recordings.handle_ask(TERMINAL, ask, Some(flow()), desk));
    }

    fn wait(&mut self, wait: Duration) {
        self.now += wait;
        self.transactions.handle_timeout(self.now);
        self.drain();
        self.with(Recordings::handle_timeout);
    }

    /// What was sent so far: methods, and statuses.
    fn methods(&self) -> Vec<String> {
        let shown = self.sent.iter().map(|message| match message {
            Message::Request(request) => request.method().to_string(),
            Message::Response(response) => response.status().to_string(),
        });
        shown.collect()
    }

    fn request(&self, index: usize) -> Request {
        match &self.sent[index] {
            Message::Request(request) => request.clone(),
            Message::Response(_) => panic!("{:?}", self.methods()),
        }
    }

    fn body(&self, index: usize) -> String {
        match &self.sent[index] {
            Message::Request(request) => String::from_utf8_lossy(request.body()).into_owned(),
            Message::Response(response) => String::from_utf8_lossy(response.body()).into_owned(),
        }
    }

    /// The server answers the request that was sent as number `index`.
    fn answer(&mut self, index: usize, status: u16, sdp: Option<&str>) {
        self.answer_with(index, status, sdp, &[]);
    }

    fn answer_with(
        &mut self,
        index: usize,
        status: u16,
        sdp: Option<&str>,
        headers: &[(&str, &str)],
    ) {
        let request = self.request(index);
        let response = ResponseBuilder::new(&request, status, reason_phrase(status))
            .to_tag("srs")
            .header("Contact", "<sip:srs@10.0.0.9:5060>");
        let response =
            headers.iter().fold(response, |response, (name, value)| response.header(name, value));
        let response = match sdp {
            Some(sdp) => response.body("application/sdp", sdp.as_bytes()),
            None => response,
        };
        let Ok(Message::Response(response)) = parse_datagram(response.build()) else {
            panic!("a response");
        };
        let heard = self.transactions.handle_response(response, flow(), self.now);
        self.drain();
        if let Some((key, response, flow)) = heard {
            self.with(|recordings, desk| {
                assert!(recordings.handle_response(key, &response, flow, desk));
            });
        }
    }

    /// The server asks something in the dialog that `invite` opened.
    fn serve(&mut self, invite: &Request, method: Method, content_type: &str, body: &str) {
        self.serve_with(invite, method, &[], content_type, body);
    }

    fn serve_with(
        &mut self,
        invite: &Request,
        method: Method,
        headers: &[(&str, &str)],
        content_type: &str,
        body: &str,
    ) {
        self.asked += 1;
        let (asked, acks) = (self.asked, method == Method::Ack);
        let cseq = if acks { asked - 1 } else { asked };
        let builder = RequestBuilder::new(method.clone(), "sip:10.0.0.1")
            .via(Transport::Udp, flow().remote, &format!("z9hG4bK{asked}"))
            .header("From", "<sip:srs@10.0.0.9>;tag=srs")
            .header("To", invite.header("From").expect("a From"))
            .header("Call-ID", invite.call_id())
            .header("CSeq", format!("{cseq} {method}"))
            .header("Contact", "<sip:srs@10.0.0.9:5060>");
        let builder =
            headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        let bytes: Bytes = match body {
            "" => builder.build(),
            body => builder.body(content_type, body.as_bytes()).build(),
        };
        let Ok(Message::Request(request)) = parse_datagram(bytes) else { panic!("a request") };
        match self.transactions.handle_request(request, flow(), self.now) {
            Incoming::New { key, request, flow } => self.with(|recordings, desk| {
                recordings.handle_request(TERMINAL, key, &request, &flow, desk);
            }),
            Incoming::Ack { request, flow } => self.with(|recordings, desk| {
                recordings.handle_ack(TERMINAL, &request, &flow, desk);
            }),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_session_begins_with_both_parts_and_a_preview_is_no_answer() {
    let mut bench = Bench::begun(plan());
    let invite = bench.request(0);
    assert!(invite.has_token("Require", "siprec"));
    assert_eq!(invite.header("Contact"), Some("<sip:10.0.0.1:5060>;+sip.src"));
    let body = bench.body(0);
    assert_eq!((body.matches("a=sendonly").count(), body.matches("<label>").count()), (2, 2));
    bench.answer(0, 183, Some(BOTH));
    assert_eq!((bench.news.len(), bench.methods()), (0, vec!["INVITE".to_owned()]));
    // It has shown that it is there, and has more time.
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.news, []);
    bench.answer(0, 200, Some(BOTH));
    assert!(matches!(bench.news[..], [Standing::Agreed { sending: [true, true], .. }]));
    // Its ACK was lost.
    bench.answer(0, 200, Some(BOTH));
    assert_eq!(bench.methods(), ["INVITE", "ACK", "ACK"]);
    bench.with(|recordings, desk| recordings.handle_finished(TERMINAL, desk));
    assert_eq!(bench.methods().last().map(String::as_str), Some("BYE"));
    assert!(bench.recordings.is_empty());
}

#[test]
fn a_pause_is_a_direction_and_a_resume_waits_for_the_answer() {
    let mut bench = Bench::up();
    bench.ask(RecordingAsk::Send([false, false]));
    let body = bench.body(0);
    assert_eq!(body.matches("a=inactive").count(), 2);
    assert!(body.contains("<datamode>partial</datamode>") && !body.contains("<send>"), "{body}");
    // One change at a time: the resume waits for the answer to the pause.
    bench.ask(RecordingAsk::Send([true, true]));
    assert_eq!(bench.methods(), ["INVITE"]);
    bench.answer(0, 200, Some(NEITHER));
    assert_eq!(bench.methods(), ["INVITE", "ACK", "INVITE"]);
    assert!(matches!(
        bench.news[..],
        [Standing::Agreed { sending: [false, false], recorders: [None, None] }]
    ));
    bench.answer(2, 200, Some(BOTH));
    assert!(matches!(bench.news[1..], [Standing::Agreed { sending: [true, true], .. }]));
}

#[test]
fn a_transfer_is_told_in_the_same_session() {
    let mut bench = Bench::up();
    bench.with(|recordings, desk| recordings.set_agent(TERMINAL, "300".into(), desk));
    let body = bench.body(0);
    assert!(body.contains("sip:300@pbx") && body.contains("<disassociate-time>"), "{body}");
    assert_eq!(bench.methods(), ["INVITE"]);
    bench.answer(0, 200, Some(BOTH));
    bench.with(|recordings, desk| recordings.set_agent(TERMINAL, "300".into(), desk));
    assert_eq!(bench.methods(), ["INVITE", "ACK"], "no news, no request");
}

#[test]
fn a_server_that_refuses_or_is_silent_has_failed_and_a_late_answer_is_ended() {
    for status in [302, 486, 503, 603] {
        let mut bench = Bench::begun(plan());
        bench.answer(0, status, None);
        assert!(matches!(&bench.news[..], [Standing::Failed { is_late: false, .. }]), "{status}");
        assert_eq!(bench.methods(), ["INVITE", "ACK"], "{status}");
        assert!(bench.recordings.is_empty());
    }
    let mut bench = Bench::begun(plan());
    bench.answer(0, 100, None);
    bench.wait(Duration::from_secs(3));
    assert!(matches!(&bench.news[..], [Standing::Failed { is_late: true, .. }]));
    bench.sent.retain(
        |message| matches!(message, Message::Request(it) if *it.method() == Method::Invite),
    );
    bench.answer(0, 200, Some(BOTH));
    assert_eq!(bench.methods().split_off(bench.methods().len() - 2), ["ACK", "BYE"]);
    let mut bench = Bench::begun(plan());
    bench.answer(0, 200, None);
    assert_eq!(bench.methods(), ["INVITE", "ACK", "BYE"], "an answer without a description");
    assert!(matches!(&bench.news[..], [Standing::Failed { .. }]));
}

#[test]
fn a_refused_pause_goes_on_and_a_refused_resume_is_the_end() {
    let mut bench = Bench::up();
    bench.ask(RecordingAsk::Send([false, false]));
    bench.answer(0, 488, None);
    assert_eq!((bench.news.len(), bench.recordings.len()), (0, 1));
    bench.sent.clear();
    bench.ask(RecordingAsk::Send([true, true]));
    bench.answer(0, 200, Some(BOTH));
    bench.sent.clear();
    bench.ask(RecordingAsk::Send([false, false]));
    bench.answer(0, 200, Some(NEITHER));
    bench.ask(RecordingAsk::Send([true, true]));
    bench.answer(2, 488, None);
    assert!(matches!(bench.news.last(), Some(Standing::Ended { .. })));
    assert_eq!(bench.methods().last().map(String::as_str), Some("BYE"));
}

#[test]
fn a_collision_is_tried_again_and_a_lost_dialog_is_the_end() {
    let mut bench = Bench::up();
    bench.ask(RecordingAsk::Send([false, false]));
    bench.answer(0, 491, None);
    assert_eq!(bench.methods(), ["INVITE", "ACK"]);
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.methods(), ["INVITE", "ACK", "INVITE"]);
    bench.answer(2, 481, None);
    assert!(matches!(&bench.news[..], [Standing::Ended { .. }]));
    assert!(bench.recordings.is_empty());
}

#[test]
fn the_servers_bye_ends_the_session() {
    let mut bench = Bench::begun(plan());
    let invite = bench.request(0);
    bench.answer(0, 200, Some(BOTH));
    bench.serve(&invite, Method::Bye, "", "");
    assert_eq!(bench.methods(), ["INVITE", "ACK", "200"]);
    assert!(matches!(bench.news.last(), Some(Standing::Ended { .. })));
    assert!(bench.recordings.is_empty());
}

#[test]
fn the_servers_own_offers_are_answered_and_acknowledged() {
    let mut bench = Bench::begun(plan());
    let invite = bench.request(0);
    bench.answer(0, 200, Some(BOTH));
    bench.sent.clear();
    bench.serve(&invite, Method::Invite, "application/sdp", NEITHER);
    assert_eq!(bench.body(0).matches("a=inactive").count(), 2);
    assert!(matches!(bench.news.last(), Some(Standing::Agreed { recorders: [None, None], .. })));
    // Until the ACK comes the answer goes again, and nothing else is begun.
    bench.ask(RecordingAsk::Send([false, false]));
    bench.wait(Duration::from_millis(600));
    assert_eq!(bench.methods(), ["200", "200"]);
    bench.serve(&invite, Method::Ack, "", "");
    assert_eq!(bench.methods(), ["200", "200", "INVITE"]);
    // And while ours is under way, another one of its collides.
    bench.serve(&invite, Method::Invite, "application/sdp", BOTH);
    assert_eq!(bench.methods().last().map(String::as_str), Some("491"));
}

#[test]
fn a_question_for_metadata_brings_a_complete_document() {
    let mut bench = Bench::begun(plan());
    let invite = bench.request(0);
    bench.answer(0, 200, Some(BOTH));
    bench.sent.clear();
    bench.serve(&invite, Method::Update, "application/rs-metadata-request", "requestsnapshot");
    assert_eq!(bench.methods(), ["200", "INVITE"]);
    assert!(bench.body(1).contains("<datamode>complete</datamode>"));
}

#[test]
fn a_challenge_is_answered_for_the_accounts_realm_alone() {
    let account =
        Account { user: "rec".into(), password: "pass".into(), realm: "srs.example".into() };
    for (realm, expected) in
        [("srs.example", vec!["INVITE", "ACK", "INVITE"]), ("evil", vec!["INVITE", "ACK"])]
    {
        let mut bench = Bench::begun(RecordingPlan { account: Some(account.clone()), ..plan() });
        let challenge = format!("Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\"");
        bench.answer_with(0, 401, None, &[("WWW-Authenticate", &challenge)]);
        assert_eq!(bench.methods(), expected);
        assert_eq!(bench.news.len(), usize::from(realm == "evil"));
        if realm != "evil" {
            let proved = bench.request(2);
            assert!(proved.header("Authorization").is_some_and(|it| it.contains("\"rec\"")));
            bench.answer(2, 200, Some(BOTH));
            assert!(bench.request(3).header("Authorization").is_some(), "so does its ACK");
        }
    }
}

#[test]
fn the_contact_has_the_scheme_of_the_servers_uri() {
    let tls = RecordingPlan {
        server: "sip:srs@10.0.0.9;transport=tls".into(),
        transport: Transport::Tls,
        ..plan()
    };
    let sips = RecordingPlan { server: "sips:srs@10.0.0.9".into(), ..tls.clone() };
    let flow = Flow { transport: Transport::Tls, ..flow() };
    for (plan, contact) in [
        (tls, "<sip:10.0.0.1:5060;transport=tls>;+sip.src"),
        (sips, "<sips:10.0.0.1:5060>;+sip.src"),
    ] {
        let mut bench = Bench::new();
        let ask = RecordingAsk::Begin(Box::new(plan));
        bench.with(|recordings, desk| recordings.handle_ask(TERMINAL, ask, Some(flow), desk));
        assert_eq!(bench.request(0).header("Contact"), Some(contact));
    }
}
