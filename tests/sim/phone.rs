//! A phone that writes SIP as text: registers, calls, answers, holds, sends INFO and RTP, and notices what a server must not do.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use sidestream::sip::digest;
use sidestream::time::{Duration, Instant};

use crate::recent::Recent;
use crate::text::{Text, sdp};

const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const FRAME: Duration = Duration::from_millis(20);
/// A request that crosses the end of its dialog on the way is no fault of the server.
const CROSSING: Duration = Duration::from_secs(2);

/// What a phone does when it is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    AnswerAfter(Duration),
    /// 183 with a description and RTP at once, the answer later.
    EarlyMedia(Duration),
    Reject(u16),
    RingForEver,
    /// Says nothing at all.
    Deaf,
    /// 302 to a number of the server.
    SendOn(u32),
}

/// What a phone does about session timers, RFC 4028.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionHabit {
    /// It does not know them.
    Ignorant,
    /// It refreshes whenever it has to.
    Refreshes,
    /// It says that it will refresh, and never does.
    Forgets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Calling,
    Ringing,
    Up,
    Failed(u16),
    Down,
}

/// One dialog of the phone.
#[derive(Debug)]
pub struct Dialog {
    pub stage: Stage,
    pub call_id: String,
    local: String,
    remote: String,
    target: String,
    cseq: u32,
    invite: Text,
    outgoing: bool,
    version: u32,
    direction: &'static str,
    media: Option<SocketAddr>,
    media_direction: String,
    next_rtp: Option<Instant>,
    rtp_sent: u64,
    /// When we have to refresh the session, and how often.
    refresh: Option<(Instant, Duration)>,
    answer_at: Option<Instant>,
    /// Our 2xx, until its ACK.
    unacknowledged: Option<(Vec<u8>, Instant, Duration)>,
    /// Our reliable response, until its PRACK: its bytes, when it goes again, after which wait, and since when.
    unpracked: Option<(Vec<u8>, Instant, Duration, Instant)>,
    /// The last RSeq that we heard.
    heard_rseq: Option<u32>,
    /// Whether offer and answer crossed before the 2xx, which then has no description.
    settled: bool,
    ack: Option<(u32, Vec<u8>)>,
    dead_since: Option<Instant>,
    last_remote_cseq: u32,
}

#[derive(Debug)]
struct Pending {
    branch: String,
    method: String,
    bytes: Vec<u8>,
    wait: Duration,
    next: Option<Instant>,
    gives_up: Instant,
    provisional: bool,
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    pub name: String,
    pub number: u8,
    pub sip: SocketAddr,
    pub rtp: SocketAddr,
    server: SocketAddr,
    pub manner: Manner,
    pub credentials: Option<(String, String)>,
    pub sends_rtp: bool,
    /// How far its packets are apart.
    pub pace: Duration,
    pub session: SessionHabit,
    /// Whether it speaks PCMA in place of PCMU, in what it offers and answers from here on.
    pub pcma: bool,
    /// Counts its changes of SSRC.
    pub ssrc_epoch: u32,
    /// Whether it sends its provisional responses reliably to those who know 100rel.
    pub reliable: bool,
    pub dialogs: Vec<Dialog>,
    pending: Vec<Pending>,
    finals: Recent<u16>,
    answered: Recent<Vec<u8>>,
    /// When each request to it was sent for the first time.
    first_sent: Recent<Instant>,
    /// Responses to requests that are not INVITEs, in order.
    pub responses: Vec<Text>,
    /// Requests of the server inside dialogs, in order.
    pub requests: Vec<Text>,
    pub outbox: VecDeque<Vec<u8>>,
    pub rtp_outbox: VecDeque<(SocketAddr, Vec<u8>)>,
    /// RTP heard, by the number of the phone that sent it.
    pub heard: HashMap<u8, u64>,
    pub violations: Vec<String>,
    /// Messages that came, by method, or by status and method.
    pub came: BTreeMap<String, u64>,
    counter: u32,
}

impl Phone {
    pub fn new(
        name: &str,
        number: u8,
        sip: SocketAddr,
        rtp: SocketAddr,
        server: SocketAddr,
    ) -> Phone {
        Phone {
            name: name.into(),
            number,
            sip,
            rtp,
            server,
            manner: Manner::AnswerAfter(Duration::from_millis(100)),
            credentials: None,
            sends_rtp: true,
            pace: FRAME,
            session: SessionHabit::Ignorant,
            pcma: false,
            ssrc_epoch: 0,
            reliable: false,
            dialogs: Vec::new(),
            pending: Vec::new(),
            finals: Recent::default(),
            answered: Recent::default(),
            first_sent: Recent::default(),
            responses: Vec::new(),
            requests: Vec::new(),
            outbox: VecDeque::new(),
            rtp_outbox: VecDeque::new(),
            heard: HashMap::new(),
            violations: Vec::new(),
            came: BTreeMap::new(),
            counter: 0,
        }
    }

    // ---- what a person does with it ----

    pub fn register(&mut self, now: Instant) {
        self.register_for("3600", now);
    }

    /// Registers, or takes its registration back with `0`.
    pub fn register_for(&mut self, expires: &str, now: Instant) {
        let call_id = format!("reg-{}", self.name);
        // Every message takes at least one number, so that a later registration has a higher CSeq.
        self.counter += 1;
        let request = self
            .outside("REGISTER", &format!("sip:{}", self.server), &call_id, self.counter)
            .with("Expires", expires);
        self.send_request(request, now);
    }

    /// Calls a number. Returns the place of the dialog.
    pub fn invite(&mut self, number: &str, now: Instant) -> usize {
        self.invite_with(number, now, |invite| invite)
    }

    pub fn invite_with(
        &mut self,
        number: &str,
        now: Instant,
        change: impl Fn(Text) -> Text,
    ) -> usize {
        let uri = format!("sip:{number}@{}", self.server);
        let call_id = self.unique("call");
        let body = describe(self.rtp, self.pcma, 1, "sendrecv");
        let invite =
            change(self.outside("INVITE", &uri, &call_id, 1).with_body("application/sdp", body));
        let dialog = self.dialog(&invite, true);
        self.dialogs.push(dialog);
        self.send_request(invite, now);
        self.dialogs.len() - 1
    }

    pub fn cancel(&mut self, place: usize, now: Instant) {
        let dialog = &self.dialogs[place];
        if !matches!(dialog.stage, Stage::Calling | Stage::Ringing) {
            return;
        }
        let uri = dialog.invite.start.split(' ').nth(1).expect("a uri").to_owned();
        let mut cancel = Text::request("CANCEL", &uri);
        for name in ["Via", "From", "To", "Call-ID"] {
            cancel = cancel.with(name, dialog.invite.header(name));
        }
        let cancel = cancel
            .with("CSeq", format!("{} CANCEL", dialog.invite.cseq()))
            .with("Max-Forwards", "70");
        self.send_request(cancel, now);
    }

    pub fn cancel_if_calling(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].outgoing {
            self.cancel(place, now);
        }
    }

    pub fn bye(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].stage != Stage::Up {
            return;
        }
        let bye = self.inside(place, "BYE");
        let dialog = &mut self.dialogs[place];
        // The server knows of it when it answers.
        dialog.stage = Stage::Down;
        dialog.next_rtp = None;
        dialog.unacknowledged = None;
        self.send_request(bye, now);
    }

    pub fn info(&mut self, place: usize, now: Instant, change: impl Fn(Text) -> Text) {
        if self.dialogs[place].stage == Stage::Up {
            let info = change(self.inside(place, "INFO"));
            self.send_request(info, now);
        }
    }

    /// Sends a media-stream INFO with this JSON.
    pub fn stream_info(&mut self, place: usize, json: &str, now: Instant) {
        self.info(place, now, |info| {
            info.with("Info-Package", "media-stream")
                .with("Content-Disposition", "Info-Package")
                .with_body("application/media-stream+json", json)
        });
    }

    /// Asks the server to connect whoever talks in this dialog with `to`.
    pub fn refer(&mut self, place: usize, to: &str, now: Instant) {
        if self.dialogs[place].stage == Stage::Up {
            let refer = self.inside(place, "REFER").with("Refer-To", to);
            self.send_request(refer, now);
        }
    }

    /// What Replaces says of a dialog, as the server knows it.
    pub fn replaces(&self, place: usize) -> String {
        let dialog = &self.dialogs[place];
        let tag = |value: &str| value.split("tag=").nth(1).unwrap_or_default().to_owned();
        let (to, from) = (tag(&dialog.remote), tag(&dialog.local));
        format!("{};to-tag={to};from-tag={from}", dialog.call_id)
    }

    /// Asks the server to connect the other sides of two dialogs.
    pub fn refer_to_each_other(&mut self, place: usize, other: usize, now: Instant) {
        let replaces = self.replaces(other).replace(';', "%3B").replace('=', "%3D");
        let to = format!("<sip:x@{}?Replaces={replaces}>", self.server);
        if self.dialogs[other].stage == Stage::Up {
            self.refer(place, &to, now);
        }
    }

    pub fn reinvite(&mut self, place: usize, direction: &'static str, now: Instant) {
        if self.dialogs[place].stage != Stage::Up || self.is_offering(place) {
            return;
        }
        self.dialogs[place].direction = direction;
        self.offer_anew(place, self.rtp, direction, now);
    }

    /// A hold as phones made it before there were directions (RFC 2543 §B.5): media is wanted nowhere.
    pub fn hold_by_address(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].stage == Stage::Up && !self.is_offering(place) {
            let nowhere = SocketAddr::from(([0, 0, 0, 0], self.rtp.port()));
            self.offer_anew(place, nowhere, "sendrecv", now);
        }
    }

    /// Begins to talk, or falls silent and sends nothing.
    pub fn talk(&mut self, place: usize, talks: bool, now: Instant) {
        self.dialogs[place].next_rtp = talks.then_some(now);
    }

    /// How many packets it has sent, or would have but for a hold.
    pub fn rtp_sent(&self, place: usize) -> u64 {
        self.dialogs[place].rtp_sent
    }

    fn offer_anew(&mut self, place: usize, media: SocketAddr, direction: &str, now: Instant) {
        self.dialogs[place].version += 1;
        let body = describe(media, self.pcma, self.dialogs[place].version, direction);
        let invite = self.inside(place, "INVITE").with_body("application/sdp", body);
        self.send_request(invite, now);
    }

    /// An offer by UPDATE: in a call, or before it once offer and answer have crossed.
    pub fn update(&mut self, place: usize, direction: &'static str, now: Instant) {
        let dialog = &self.dialogs[place];
        let may = match dialog.stage {
            Stage::Up => true,
            Stage::Ringing => dialog.settled && dialog.unpracked.is_none(),
            Stage::Calling | Stage::Failed(_) | Stage::Down => false,
        };
        if !may || self.is_offering(place) {
            return;
        }
        self.dialogs[place].direction = direction;
        self.dialogs[place].version += 1;
        let body = describe(self.rtp, self.pcma, self.dialogs[place].version, direction);
        let update = self.inside(place, "UPDATE").with_body("application/sdp", body);
        self.send_request(update, now);
    }

    /// Any request outside a dialog.
    pub fn request(
        &mut self,
        method: &str,
        uri: &str,
        now: Instant,
        change: impl Fn(Text) -> Text,
    ) {
        let call_id = self.unique("any");
        let request = change(self.outside(method, uri, &call_id, 1));
        self.send_request(request, now);
    }

    fn is_offering(&self, place: usize) -> bool {
        let call_id = &self.dialogs[place].call_id;
        let updates = |p: &Pending| {
            p.method == "UPDATE" && Text::parse(&p.bytes).header("Call-ID") == call_id
        };
        self.is_inviting(place) || self.pending.iter().any(updates)
    }

    fn is_inviting(&self, place: usize) -> bool {
        let call_id = &self.dialogs[place].call_id;
        self.dialogs[place].unacknowledged.is_some()
            || self
                .pending
                .iter()
                .any(|p| p.method == "INVITE" && Text::parse(&p.bytes).header("Call-ID") == call_id)
    }

    // ---- what comes from the network ----

    /// The server sends it a message, which has not arrived and may never.
    pub fn foresee(&mut self, bytes: &[u8], now: Instant) {
        if !bytes.starts_with(b"SIP/2.0") {
            let message = Text::parse(bytes);
            self.first_sent.get_or_insert(message.branch(), message.method(), now);
        }
    }

    pub fn handle(&mut self, bytes: &[u8], now: Instant) {
        let message = Text::parse(bytes);
        let kind = match message.status() {
            Some(status) => format!("{status} {}", message.method()),
            None => message.method().to_owned(),
        };
        *self.came.entry(kind).or_default() += 1;
        match message.status() {
            Some(status) => self.handle_response(message, status, now),
            None => self.handle_request(message, now),
        }
    }

    pub fn handle_rtp(&mut self, packet: &[u8]) {
        let Some((number, rest)) = packet.get(12..).and_then(|payload| payload.split_first())
        else {
            return self.violations.push(format!("{}: a mutilated RTP packet", self.name));
        };
        // Prompts of the switch are not ours to check; phones' packets carry their number and a pattern.
        if packet.len() == 172 && rest.iter().all(|byte| *byte == number.wrapping_mul(7)) {
            *self.heard.entry(*number).or_default() += 1;
        } else {
            *self.heard.entry(0).or_default() += 1;
        }
    }

    fn handle_response(&mut self, response: Text, status: u16, now: Instant) {
        let method = response.method().to_owned();
        let branch = response.branch().to_owned();
        if status >= 200 {
            let known = *self.finals.get_or_insert(&branch, &method, status);
            if known != status {
                self.violations.push(format!(
                    "{}: two final responses to one {method}: {known} and {status}",
                    self.name
                ));
            }
        }
        let place = self.pending.iter().position(|p| p.branch == branch && p.method == method);
        if let Some(place) = place {
            let pending = &mut self.pending[place];
            if status < 200 {
                pending.provisional = true;
                pending.next = if method == "INVITE" { None } else { Some(now + T2) };
            } else {
                let request = Text::parse(&self.pending.swap_remove(place).bytes);
                if method == "BYE"
                    && let Some(dialog) =
                        self.dialogs.iter_mut().find(|d| d.call_id == request.header("Call-ID"))
                {
                    dialog.dead_since = Some(now);
                }
                if method != "INVITE" && status != 401 {
                    self.responses.push(response.clone());
                }
                if status == 401
                    && request.find("Authorization").is_none()
                    && self.credentials.is_some()
                {
                    self.acknowledge_failure(&request, &response);
                    return self.retry_with_credentials(request, &response, now);
                }
            }
        }
        if method == "INVITE" {
            self.handle_invite_response(&response, status, now);
        }
    }

    fn handle_invite_response(&mut self, response: &Text, status: u16, now: Instant) {
        let call_id = response.header("Call-ID").to_owned();
        let Some(place) = self.dialogs.iter().position(|d| d.call_id == call_id) else { return };
        if (200..300).contains(&status) {
            return self.handle_answer(place, response, now);
        }
        if status >= 300 {
            let mut request = self.dialogs[place].invite.clone();
            if let Some(via) = request.headers.iter_mut().find(|(name, _)| name == "Via") {
                via.1 = response.header("Via").to_owned();
            }
            request.headers.retain(|(name, _)| name != "CSeq");
            let request = request.with("CSeq", response.header("CSeq"));
            self.acknowledge_failure(&request, response);
        }
        if status < 200 && response.find("RSeq").is_some() {
            return self.handle_reliable(place, response, now);
        }
        let dialog = &mut self.dialogs[place];
        match status {
            180..=199 if dialog.stage == Stage::Calling => {
                dialog.stage = Stage::Ringing;
                if let Some((media, direction)) = response.media() {
                    dialog.media = Some(media);
                    dialog.media_direction = direction.to_owned();
                }
            }
            300.. if matches!(dialog.stage, Stage::Calling | Stage::Ringing) => {
                dialog.stage = Stage::Failed(status);
                dialog.dead_since = Some(now);
            }
            _ => {}
        }
    }

    /// A reliable provisional response: acknowledged in order, and answered if it offers.
    fn handle_reliable(&mut self, place: usize, response: &Text, now: Instant) {
        let invite = &self.dialogs[place].invite;
        let asked = |name| invite.find(name).is_some_and(|value| value.contains("100rel"));
        if !asked("Supported") && !asked("Require") {
            self.violations.push(format!("{}: 100rel was not asked for", self.name));
        }
        let rseq: u32 = response.header("RSeq").parse().expect("a number");
        let dialog = &mut self.dialogs[place];
        if dialog.heard_rseq.is_some_and(|last| rseq != last + 1)
            || !matches!(dialog.stage, Stage::Calling | Stage::Ringing)
        {
            return;
        }
        dialog.heard_rseq = Some(rseq);
        dialog.stage = Stage::Ringing;
        dialog.remote = response.header("To").to_owned();
        dialog.target = response.contact().expect("a Contact").to_owned();
        let offered = dialog.invite.body.is_empty() && !dialog.settled;
        if let Some((media, direction)) = response.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
            dialog.settled = true;
        }
        let rack = format!("{rseq} {}", response.header("CSeq"));
        let mut prack = self.inside(place, "PRACK").with("RAck", rack);
        if offered && response.media().is_some() {
            prack =
                prack.with_body("application/sdp", describe(self.rtp, self.pcma, 1, "sendrecv"));
        }
        self.send_request(prack, now);
    }

    fn handle_answer(&mut self, place: usize, response: &Text, now: Instant) {
        let cseq = response.cseq();
        if let Some((acked, bytes)) = &self.dialogs[place].ack
            && *acked == cseq
        {
            self.outbox.push_back(bytes.clone());
            return;
        }
        {
            let dialog = &mut self.dialogs[place];
            dialog.remote = response.header("To").to_owned();
            if let Some(contact) = response.contact() {
                dialog.target = contact.to_owned();
            }
            if let Some((media, direction)) = response.media() {
                dialog.media = Some(media);
                dialog.media_direction = direction.to_owned();
            }
        }
        let mut ack = self.inside_with_cseq(place, "ACK", cseq);
        if self.dialogs[place].invite.body.is_empty()
            && self.dialogs[place].stage != Stage::Up
            && !self.dialogs[place].settled
        {
            ack = ack.with_body("application/sdp", describe(self.rtp, self.pcma, 1, "sendrecv"));
        }
        let bytes = ack.print();
        self.outbox.push_back(bytes.clone());
        let sends_rtp = self.sends_rtp;
        let dialog = &mut self.dialogs[place];
        dialog.ack = Some((cseq, bytes));
        self.agree_on_session(place, "uac", response, now);
        let dialog = &mut self.dialogs[place];
        if matches!(dialog.stage, Stage::Calling | Stage::Ringing) {
            dialog.stage = Stage::Up;
            dialog.next_rtp = sends_rtp.then_some(now);
        }
    }

    fn acknowledge_failure(&mut self, request: &Text, response: &Text) {
        if response.method() != "INVITE" {
            return;
        }
        let uri = request.start.split(' ').nth(1).expect("a uri");
        let ack = Text::request("ACK", uri)
            .with("Via", response.header("Via"))
            .with("From", response.header("From"))
            .with("To", response.header("To"))
            .with("Call-ID", response.header("Call-ID"))
            .with("CSeq", format!("{} ACK", response.cseq()))
            .with("Max-Forwards", "70");
        self.outbox.push_back(ack.print());
    }

    fn retry_with_credentials(&mut self, mut request: Text, response: &Text, now: Instant) {
        let (user, password) = self.credentials.clone().expect("checked by the caller");
        let uri = request.start.split(' ').nth(1).expect("a uri").to_owned();
        let method = request.method().to_owned();
        let challenge = response.header("WWW-Authenticate");
        let Some(authorization) =
            digest::authorize(challenge, &method, &uri, &user, &password, "c0ffee", 1)
        else {
            return;
        };
        let cseq = request.cseq() + 1;
        request
            .headers
            .retain(|(name, _)| name != "CSeq" && name != "Via" && name != "Content-Length");
        let via = self.via();
        let request = request
            .with("CSeq", format!("{cseq} {method}"))
            .with("Via", via)
            .with("Authorization", authorization);
        if let Some(dialog) =
            self.dialogs.iter_mut().find(|d| d.call_id == request.header("Call-ID"))
            && method == "INVITE"
            && dialog.stage == Stage::Calling
        {
            dialog.cseq = cseq;
            dialog.invite = request.clone();
        }
        self.send_request(request, now);
    }

    fn handle_request(&mut self, request: Text, now: Instant) {
        let method = request.method().to_owned();
        if let Some(bytes) = self.answered.get(request.branch(), &method) {
            self.outbox.push_back(bytes.clone());
            return;
        }
        let place = self.dialogs.iter().position(|d| d.call_id == request.header("Call-ID"));
        if let Some(place) = place
            && request.tag_of("To").is_some()
        {
            self.notice(place, &request, now);
        }
        match (method.as_str(), place) {
            ("ACK", Some(place)) => self.handle_ack(place, &request),
            ("ACK", None) => {}
            ("INVITE", None) => self.handle_first_invite(request, now),
            ("INVITE", Some(place)) => self.handle_reinvite(place, request, now),
            ("CANCEL", place) => self.handle_cancel(place, request, now),
            ("BYE", Some(place)) => {
                let dialog = &mut self.dialogs[place];
                dialog.stage = Stage::Down;
                dialog.dead_since = Some(now);
                dialog.next_rtp = None;
                dialog.unacknowledged = None;
                self.respond(&request, 200);
            }
            ("PRACK", Some(place)) => self.handle_prack(place, &request),
            ("UPDATE", Some(place)) if !request.body.is_empty() => {
                self.handle_update(place, &request);
            }
            ("UPDATE", Some(_)) if self.session != SessionHabit::Ignorant => {
                self.respond(&request, 200);
            }
            (_, Some(_)) => {
                self.requests.push(request.clone());
                self.respond(&request, 200);
            }
            (_, None) => self.respond(&request, 481),
        }
    }

    /// Nothing new may come in a dialog that is over, and numbers only grow.
    fn notice(&mut self, place: usize, request: &Text, now: Instant) {
        let name = self.name.clone();
        let dialog = &mut self.dialogs[place];
        if matches!(request.method(), "ACK" | "CANCEL") {
            return;
        }
        let first_sent = self.first_sent.get(request.branch(), request.method());
        if let Some(dead) = dialog.dead_since
            // A network that loses much may let through no more than a late repetition of what was sent in time.
            && first_sent.copied().unwrap_or(now).since(dead) > CROSSING
            // What was asked for in a dialog is told in it, though it be over (RFC 5057).
            && !matches!(request.method(), "BYE" | "NOTIFY")
        {
            self.violations.push(format!("{name}: {} in a dialog that is over", request.start));
        }
        dialog.last_remote_cseq = dialog.last_remote_cseq.max(request.cseq());
    }

    fn handle_first_invite(&mut self, request: Text, now: Instant) {
        let mut dialog = self.dialog(&request, false);
        let tag = format!("t{}", self.unique(""));
        dialog.local = format!("{};tag={tag}", request.header("To"));
        dialog.remote = request.header("From").to_owned();
        dialog.target = request.contact().unwrap_or_default().to_owned();
        dialog.stage = Stage::Ringing;
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        let manner = self.manner;
        match manner {
            Manner::Deaf => {}
            Manner::SendOn(number) => {
                dialog.stage = Stage::Failed(302);
                self.dialogs.push(dialog);
                let response = Text::response(&request, 302, &tag)
                    .with("Contact", format!("<sip:{number}@{}>", self.server));
                self.reply(&request, &response);
            }
            Manner::Reject(status) => {
                dialog.stage = Stage::Failed(status);
                self.dialogs.push(dialog);
                self.respond_tagged(&request, status, &tag, None);
            }
            Manner::RingForEver => {
                self.dialogs.push(dialog);
                self.progress(self.dialogs.len() - 1, 180, None, now);
            }
            Manner::AnswerAfter(wait) => {
                dialog.answer_at = Some(now + wait);
                self.dialogs.push(dialog);
                self.progress(self.dialogs.len() - 1, 180, None, now);
            }
            Manner::EarlyMedia(wait) => {
                dialog.answer_at = Some(now + wait);
                dialog.next_rtp = self.sends_rtp.then_some(now);
                self.dialogs.push(dialog);
                let body = describe(self.rtp, self.pcma, 1, "sendrecv");
                self.progress(self.dialogs.len() - 1, 183, Some(body), now);
            }
        }
    }

    /// A provisional response, reliable when both sides know how.
    fn progress(&mut self, place: usize, status: u16, body: Option<String>, now: Instant) {
        let invite = self.dialogs[place].invite.clone();
        let tag = self.dialogs[place].local.rsplit("tag=").next().expect("a tag").to_owned();
        let knows = |name| invite.find(name).is_some_and(|value| value.contains("100rel"));
        if !(knows("Require") || self.reliable && knows("Supported")) {
            // An offer needs a reliable response.
            let body = body.filter(|_| !invite.body.is_empty());
            self.respond_tagged(&invite, status, &tag, body);
            return;
        }
        let mut response = Text::response(&invite, status, &tag)
            .with("Contact", format!("<sip:{}>", self.sip))
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK")
            .with("Require", "100rel")
            .with("RSeq", "5");
        if let Some(body) = body {
            response = response.with_body("application/sdp", body);
            self.dialogs[place].settled = true;
        }
        let bytes = response.print();
        self.answered.insert(invite.branch(), "INVITE", bytes.clone());
        self.dialogs[place].unpracked = Some((bytes.clone(), now + T1, T1, now));
        self.outbox.push_back(bytes);
    }

    fn handle_prack(&mut self, place: usize, request: &Text) {
        let dialog = &mut self.dialogs[place];
        let fits = request.header("RAck") == format!("5 {} INVITE", dialog.invite.cseq());
        if !fits || dialog.unpracked.take().is_none() {
            return self.respond(request, 481);
        }
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        self.respond(request, 200);
    }

    fn handle_update(&mut self, place: usize, request: &Text) {
        let may = match self.dialogs[place].stage {
            Stage::Up => true,
            Stage::Ringing => self.dialogs[place].settled,
            Stage::Calling | Stage::Failed(_) | Stage::Down => false,
        };
        if !may {
            return self.respond(request, 481);
        }
        if self.is_offering(place) {
            return self.respond(request, 491);
        }
        let dialog = &mut self.dialogs[place];
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        dialog.version += 1;
        let body = describe(self.rtp, self.pcma, dialog.version, mirrored(&dialog.media_direction));
        self.respond_tagged(request, 200, "x", Some(body));
    }

    fn handle_reinvite(&mut self, place: usize, request: Text, now: Instant) {
        if request.tag_of("To").is_none() {
            return;
        }
        if self.is_inviting(place) {
            return self.respond(&request, 491);
        }
        let dialog = &mut self.dialogs[place];
        if dialog.stage != Stage::Up {
            return self.respond(&request, 481);
        }
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        dialog.version += 1;
        let body = describe(self.rtp, self.pcma, dialog.version, mirrored(&dialog.media_direction));
        self.answer_invite(place, &request, Some(body), now);
    }

    fn handle_cancel(&mut self, place: Option<usize>, request: Text, now: Instant) {
        self.respond(&request, if place.is_some() { 200 } else { 481 });
        let Some(place) = place else { return };
        let dialog = &mut self.dialogs[place];
        if dialog.stage == Stage::Ringing && !dialog.outgoing {
            dialog.stage = Stage::Failed(487);
            dialog.dead_since = Some(now);
            dialog.answer_at = None;
            dialog.unpracked = None;
            dialog.next_rtp = None;
            let invite = dialog.invite.clone();
            let tag = dialog.local.rsplit("tag=").next().expect("a tag").to_owned();
            self.respond_tagged(&invite, 487, &tag, None);
        }
    }

    fn handle_ack(&mut self, place: usize, request: &Text) {
        let dialog = &mut self.dialogs[place];
        dialog.unacknowledged = None;
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
    }

    // ---- time ----

    pub fn poll_timeout(&self) -> Option<Instant> {
        let dialogs = self.dialogs.iter().flat_map(|d| {
            [
                d.next_rtp.filter(|_| d.media.is_some()),
                d.answer_at,
                d.refresh.map(|(at, _)| at),
                d.unacknowledged.as_ref().map(|(_, next, _)| *next),
                d.unpracked.as_ref().map(|(_, next, _, _)| *next),
            ]
        });
        let pending =
            self.pending.iter().map(|p| Some(p.next.unwrap_or(p.gives_up).min(p.gives_up)));
        dialogs.chain(pending).flatten().min()
    }

    /// Forgets dialogs that are long over, which only keep a swarm waiting, and what only scenarios read.
    pub fn forget(&mut self, now: Instant) {
        self.responses.clear();
        self.requests.clear();
        self.finals.forget(now);
        self.answered.forget(now);
        self.first_sent.forget(now);
        self.dialogs
            .retain(|dialog| dialog.dead_since.is_none_or(|dead| now.since(dead) < T1 * 80));
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        let mut again = Vec::new();
        self.pending.retain_mut(|pending| {
            if pending.gives_up <= now {
                return false;
            }
            if pending.next.is_some_and(|next| next <= now) {
                pending.wait = if pending.method == "INVITE" {
                    pending.wait * 2
                } else {
                    (pending.wait * 2).min(T2)
                };
                pending.next = Some(now + pending.wait);
                again.push(pending.bytes.clone());
            }
            true
        });
        self.outbox.extend(again);
        for place in 0..self.dialogs.len() {
            self.dialog_timeout(place, now);
        }
    }

    fn dialog_timeout(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].answer_at.is_some_and(|at| at <= now) {
            // RFC 3262 §3: a 2xx waits for the PRACK.
            if self.dialogs[place].unpracked.is_some() {
                self.dialogs[place].answer_at = Some(now + T1);
                return self.repeat_unpracked(place, now);
            }
            self.dialogs[place].answer_at = None;
            let invite = self.dialogs[place].invite.clone();
            self.dialogs[place].stage = Stage::Up;
            let body = (!self.dialogs[place].settled)
                .then(|| describe(self.rtp, self.pcma, 1, "sendrecv"));
            self.answer_invite(place, &invite, body, now);
            self.dialogs[place].next_rtp =
                self.dialogs[place].next_rtp.or(self.sends_rtp.then_some(now));
        }
        if let Some((bytes, next, wait)) = &mut self.dialogs[place].unacknowledged
            && *next <= now
        {
            *wait = (*wait * 2).min(T2);
            *next = now + *wait;
            self.outbox.push_back(bytes.clone());
        }
        self.repeat_unpracked(place, now);
        self.refresh_session(place, now);
        let (voice, pace) = ((self.number, self.pcma, self.ssrc_epoch), self.pace);
        let dialog = &mut self.dialogs[place];
        if let (Some(next), Some(media)) = (dialog.next_rtp, dialog.media)
            && next <= now
        {
            dialog.next_rtp = Some(next + pace);
            let may_send = matches!(dialog.media_direction.as_str(), "sendrecv" | "recvonly");
            let wants_to = matches!(dialog.direction, "sendrecv" | "sendonly");
            if may_send && wants_to {
                self.rtp_outbox.push_back((media, rtp_packet(voice, dialog.rtp_sent)));
            }
            dialog.rtp_sent += 1;
        }
    }

    /// A reliable response goes again until its PRACK comes, but not for ever.
    fn repeat_unpracked(&mut self, place: usize, now: Instant) {
        let dialog = &mut self.dialogs[place];
        let Some((bytes, next, wait, since)) = &mut dialog.unpracked else { return };
        if *next > now {
            return;
        }
        if now.since(*since) < T1 * 64 {
            *wait *= 2;
            *next = now + *wait;
            return self.outbox.push_back(bytes.clone());
        }
        dialog.unpracked = None;
        dialog.answer_at = None;
        dialog.next_rtp = None;
        dialog.stage = Stage::Failed(504);
        dialog.dead_since = Some(now);
        let invite = dialog.invite.clone();
        let tag = dialog.local.rsplit("tag=").next().expect("a tag").to_owned();
        self.respond_tagged(&invite, 504, &tag, None);
    }

    // ---- session timers, RFC 4028 ----

    /// The session that a 2xx of ours agrees to.
    fn session_answer(&self, request: &Text, status: u16) -> Option<String> {
        let asked = request.find("Session-Expires")?;
        let may = self.session != SessionHabit::Ignorant
            && (200..300).contains(&status)
            && matches!(request.method(), "INVITE" | "UPDATE");
        let named = if asked.contains("refresher=") { "" } else { ";refresher=uas" };
        may.then(|| format!("{asked}{named}"))
    }

    /// Takes what a 2xx says of the session; `us` is our role in its transaction.
    fn agree_on_session(&mut self, place: usize, us: &str, response: &Text, now: Instant) {
        let Some((interval, refresher)) =
            response.find("Session-Expires").and_then(|value| value.split_once(";refresher="))
        else {
            return;
        };
        let half = Duration::from_secs(interval.parse::<u64>().expect("seconds")) / 2;
        let ours = refresher == us && self.session == SessionHabit::Refreshes;
        self.dialogs[place].refresh = ours.then_some((now + half, half));
    }

    fn refresh_session(&mut self, place: usize, now: Instant) {
        let dialog = &mut self.dialogs[place];
        let Some((_, half)) = dialog.refresh.filter(|(at, _)| *at <= now) else { return };
        dialog.refresh = (dialog.stage == Stage::Up).then_some((now + half, half));
        if dialog.stage == Stage::Up && !self.is_offering(place) {
            let expires = format!("{};refresher=uac", half.as_secs() * 2);
            let update = self.inside(place, "UPDATE").with("Supported", "timer");
            self.send_request(update.with("Session-Expires", expires), now);
        }
    }

    // ---- writing ----

    fn answer_invite(&mut self, place: usize, invite: &Text, body: Option<String>, now: Instant) {
        let dialog = &self.dialogs[place];
        let tag = dialog.local.rsplit("tag=").next().expect("a tag").to_owned();
        let bytes = self.respond_tagged(invite, 200, &tag, body);
        self.dialogs[place].unacknowledged = Some((bytes.clone(), now + T1, T1));
        self.agree_on_session(place, "uas", &Text::parse(&bytes), now);
    }

    fn respond(&mut self, request: &Text, status: u16) {
        self.respond_tagged(request, status, "x", None);
    }

    fn respond_tagged(
        &mut self,
        request: &Text,
        status: u16,
        tag: &str,
        body: Option<String>,
    ) -> Vec<u8> {
        let mut response = Text::response(request, status, tag)
            .with("Contact", format!("<sip:{}>", self.sip))
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
            .with("Recv-Info", "media-stream");
        if let Some(session) = self.session_answer(request, status) {
            response = response.with("Session-Expires", session);
        }
        if let Some(body) = body {
            response = response.with_body("application/sdp", body);
        }
        self.reply(request, &response)
    }

    fn reply(&mut self, request: &Text, response: &Text) -> Vec<u8> {
        let bytes = response.print();
        self.answered.insert(request.branch(), request.method(), bytes.clone());
        self.outbox.push_back(bytes.clone());
        bytes
    }

    fn outside(&mut self, method: &str, uri: &str, call_id: &str, cseq: u32) -> Text {
        let user = self.credentials.as_ref().map_or(self.name.clone(), |(user, _)| user.clone());
        let tag = self.unique("f");
        let from = format!("<sip:{user}@{}>;tag={tag}", self.server);
        let to = if method == "REGISTER" {
            format!("<sip:{user}@{}>", self.server)
        } else {
            format!("<{uri}>")
        };
        Text::request(method, uri)
            .with("Via", self.via())
            .with("Max-Forwards", "70")
            .with("From", from)
            .with("To", to)
            .with("Call-ID", call_id)
            .with("CSeq", format!("{cseq} {method}"))
            .with("Contact", format!("<sip:{user}@{}>", self.sip))
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
    }

    fn inside(&mut self, place: usize, method: &str) -> Text {
        self.dialogs[place].cseq += 1;
        let cseq = self.dialogs[place].cseq;
        self.inside_with_cseq(place, method, cseq)
    }

    fn inside_with_cseq(&mut self, place: usize, method: &str, cseq: u32) -> Text {
        let via = self.via();
        let dialog = &self.dialogs[place];
        Text::request(method, &dialog.target)
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", dialog.local.clone())
            .with("To", dialog.remote.clone())
            .with("Call-ID", dialog.call_id.clone())
            .with("CSeq", format!("{cseq} {method}"))
            .with("Contact", format!("<sip:{}>", self.sip))
    }

    fn send_request(&mut self, request: Text, now: Instant) {
        let bytes = request.print();
        self.pending.push(Pending {
            branch: request.branch().to_owned(),
            method: request.method().to_owned(),
            bytes: bytes.clone(),
            wait: T1,
            next: Some(now + T1),
            gives_up: now + T1 * 64,
            provisional: false,
        });
        self.outbox.push_back(bytes);
    }

    fn dialog(&self, invite: &Text, outgoing: bool) -> Dialog {
        Dialog {
            stage: Stage::Calling,
            call_id: invite.header("Call-ID").to_owned(),
            local: invite.header("From").to_owned(),
            remote: invite.header("To").to_owned(),
            target: invite.start.split(' ').nth(1).expect("a uri").to_owned(),
            cseq: if outgoing { invite.cseq() } else { 0 },
            invite: invite.clone(),
            outgoing,
            version: 1,
            direction: "sendrecv",
            media: None,
            media_direction: "sendrecv".into(),
            next_rtp: None,
            rtp_sent: 0,
            refresh: None,
            answer_at: None,
            unacknowledged: None,
            unpracked: None,
            heard_rseq: None,
            settled: false,
            ack: None,
            dead_since: None,
            last_remote_cseq: 0,
        }
    }

    fn via(&mut self) -> String {
        let branch = self.unique("b");
        format!("SIP/2.0/UDP {};rport;branch=z9hG4bK{branch}", self.sip)
    }

    fn unique(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}{}-{}", self.name, self.counter)
    }
}

/// The direction that answers another one.
fn mirrored(direction: &str) -> &'static str {
    match direction {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        "inactive" => "inactive",
        _ => "sendrecv",
    }
}

fn describe(media: SocketAddr, pcma: bool, version: u32, direction: &str) -> String {
    let text = sdp(media, version, direction);
    if pcma { text.replace("AVP 0 ", "AVP 8 ").replace("0 PCMU", "8 PCMA") } else { text }
}

/// 20 ms of G.711: the phone's number and a pattern made of it.
fn rtp_packet((number, pcma, ssrc_epoch): (u8, bool, u32), count: u64) -> Vec<u8> {
    let mut packet = vec![0x80, if pcma { 8 } else { 0 }];
    packet.extend_from_slice(&(count as u16).to_be_bytes());
    packet.extend_from_slice(&(count as u32).wrapping_mul(160).to_be_bytes());
    packet.extend_from_slice(&(u32::from(number) + (ssrc_epoch << 8)).to_be_bytes());
    packet.push(number);
    packet.resize(172, number.wrapping_mul(7));
    packet
}

// ---- for tests that look inside ----

impl Phone {
    /// A request as this phone would write it inside a dialog, without sending it.
    pub fn forge(&mut self, place: usize, method: &str) -> Text {
        let cseq = self.dialogs[place].cseq + 1;
        self.inside_with_cseq(place, method, cseq)
    }
}

impl Dialog {
    /// The INVITE that made the dialog.
    pub fn invite_text(&self) -> &Text {
        &self.invite
    }

    /// The highest CSeq that the server has used.
    pub fn remote_cseq(&self) -> u32 {
        self.last_remote_cseq
    }
}
