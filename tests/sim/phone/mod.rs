//! A phone that writes SIP as text: registers, calls, answers, holds, sends INFO and RTP, and notices what a server must not do.

mod deadlines;
mod dialog;
mod person;
mod requests;
mod responses;
mod session;
mod voice;
mod writing;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use sidestream::time::{Duration, Instant};

pub use dialog::Dialog;
use dialog::Pending;

use crate::recent::Recent;
use crate::text::Text;

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
}
