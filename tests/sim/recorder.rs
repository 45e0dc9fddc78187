//! A session recording server that writes SIP as text: RFC 7866 §6.2.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use crate::text::Text;

/// What it does with what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// Takes every session and every change.
    Takes,
    /// Refuses every session.
    Refuses(u16),
    /// Takes sessions and refuses changes.
    RefusesChanges(u16),
    /// Says nothing any more.
    Silent,
}

/// See the module.
#[derive(Debug)]
pub struct Recorder {
    pub name: String,
    pub sip: SocketAddr,
    pub conduct: Conduct,
    /// `Session-Expires` of its 2xx.
    pub session: Option<&'static str>,
    /// What came, in order; what came again is not in it.
    pub came: Vec<Text>,
    pub outbox: VecDeque<Vec<u8>>,
    answered: HashMap<(String, String), Vec<u8>>,
    dialog: Option<Dialog>,
    counter: u32,
}

#[derive(Clone, Debug)]
struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
}

impl Recorder {
    pub fn new(name: &str, sip: SocketAddr) -> Recorder {
        Recorder {
            name: name.into(),
            sip,
            conduct: Conduct::Takes,
            session: None,
            came: Vec::new(),
            outbox: VecDeque::new(),
            answered: HashMap::new(),
            dialog: None,
            counter: 0,
        }
    }

    pub fn handle(&mut self, bytes: &[u8]) {
        let message = Text::parse(bytes);
        if let Some(status) = message.status() {
            if status >= 200 && message.method() == "INVITE" {
                let ack = self.request("ACK", message.cseq());
                let ack = if status < 300 { ack } else { ack.with_branch_of(&message) };
                self.outbox.push_back(ack.print());
            }
            return self.came.push(message);
        }
        let key = (message.branch().to_owned(), message.method().to_owned());
        if let Some(answer) = self.answered.get(&key) {
            return self.outbox.push_back(answer.clone());
        }
        if self.conduct != Conduct::Silent
            && let Some(answer) = self.answer(&message)
        {
            self.answered.insert(key, answer.print());
            self.outbox.push_back(answer.print());
        }
        self.came.push(message);
    }

    fn answer(&mut self, request: &Text) -> Option<Text> {
        let is_change = request.tag_of("To").is_some();
        let status = match (request.method(), self.conduct) {
            ("ACK", _) => return None,
            ("INVITE", Conduct::Refuses(status)) => status,
            ("INVITE", Conduct::RefusesChanges(status)) if is_change => status,
            (..) => 200,
        };
        let response = Text::response(request, status, "srs")
            .with("Contact", format!("<sip:{}>;+sip.srs", self.sip))
            .with("Allow", "INVITE, ACK, BYE, UPDATE");
        match request.method() {
            "BYE" => self.dialog = None,
            "INVITE" if status == 200 => {
                self.dialog = Some(Dialog {
                    call_id: request.header("Call-ID").into(),
                    local: response.header("To").into(),
                    remote: request.header("From").into(),
                    target: request.contact().expect("a Contact").into(),
                });
                let response = match self.session {
                    Some(session) => response.with("Session-Expires", session),
                    None => response,
                };
                let answer = self.description(&directions(request));
                return Some(response.with_body("application/sdp", answer));
            }
            _ => {}
        }
        Some(response)
    }

    /// Takes what is sent, in a line for each track.
    fn description(&self, offered: &[&str]) -> String {
        let ip = self.sip.ip();
        let head = format!("v=0\r\no=srs 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n");
        let line = |(place, offered): (usize, &&str)| {
            let direction = if *offered == "sendonly" { "recvonly" } else { "inactive" };
            format!("m=audio {} RTP/AVP 0\r\na={direction}\r\n", 6_000 + 2 * place)
        };
        offered.iter().enumerate().map(line).fold(head, |sdp, line| sdp + &line)
    }

    fn request(&mut self, method: &str, cseq: u32) -> Text {
        self.counter += 1;
        let dialog = self.dialog.clone().expect("a session");
        Text::request(method, &dialog.target)
            .with("Via", format!("SIP/2.0/UDP {};branch=z9hG4bKsrs{}", self.sip, self.counter))
            .with("Max-Forwards", "70")
            .with("From", dialog.local)
            .with("To", dialog.remote)
            .with("Call-ID", dialog.call_id)
            .with("CSeq", format!("{cseq} {method}"))
            .with("Contact", format!("<sip:{}>", self.sip))
    }

    /// Asks both tracks for this direction of itself.
    pub fn reinvite(&mut self, direction: &str) {
        let cseq = self.counter + 1;
        let offered = if direction == "recvonly" { "sendonly" } else { "inactive" };
        let sdp = self.description(&[offered, offered]);
        let invite = self.request("INVITE", cseq).with_body("application/sdp", sdp);
        self.outbox.push_back(invite.print());
    }

    pub fn bye(&mut self) {
        let cseq = self.counter + 1;
        let bye = self.request("BYE", cseq);
        self.outbox.push_back(bye.print());
        self.dialog = None;
    }

    /// The INVITEs that came: directions of their lines, and the metadata.
    pub fn invites(&self) -> Vec<(Vec<&str>, &str)> {
        let invites =
            self.came.iter().filter(|it| it.status().is_none() && it.method() == "INVITE");
        let told = invites.map(|it| {
            let metadata = it.body.split_once("<recording ").map_or("", |(_, rest)| rest);
            (directions(it), metadata)
        });
        told.collect()
    }
}

/// The direction of each line of media.
fn directions(invite: &Text) -> Vec<&str> {
    let named = invite.body.lines().filter_map(|line| line.strip_prefix("a="));
    named
        .filter(|name| matches!(*name, "sendonly" | "recvonly" | "inactive" | "sendrecv"))
        .collect()
}
