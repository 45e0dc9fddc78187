//! A registrar and one user's REGISTERs: all or nothing, within its limits, and the store's copy is the same.
//!
//! A script is text. Pieces are parted by empty lines: `@wait N` lets N milliseconds pass, `@closed` closes the connection, `@tcp` and
//! `@udp` say how the following ones come, `@again` repeats the CSeq; anything else is the header lines of a REGISTER.

use std::collections::BTreeMap;

use sidestream::id::UserName;
use sidestream::registrar::{Binding, Change, Outbound, Registrar, Settings, Stored};
use sidestream::sip::{Address, ConnectionId, Flow, Transport, Uri};
use sidestream::time::{Duration, Instant};

use super::head;

/// Pieces of one script.
const MOST_PIECES: usize = 60;

struct Desk {
    registrar: Registrar,
    settings: Settings,
    user: UserName,
    now: Instant,
    transport: Transport,
    cseq: u32,
    /// What the store has, by contact and flow.
    stored: BTreeMap<(String, Option<(String, u32)>), Stored>,
}

/// Plays a script.
pub fn registrar(data: &[u8]) {
    let settings = Settings { contacts_per_user: 3, ..Settings::default() };
    let mut desk = Desk {
        registrar: Registrar::new(settings),
        settings,
        user: UserName::new("alice"),
        now: Instant::from_millis(1_000),
        transport: Transport::Udp,
        cseq: 1,
        stored: BTreeMap::new(),
    };
    let mut rest = data;
    for _ in 0..MOST_PIECES {
        let (piece, after) = head::split_at_empty_line(rest);
        rest = after;
        desk.act(piece);
        desk.check();
        if rest.is_empty() {
            break;
        }
    }
    desk.restart();
    desk.wait(u64::from(settings.max_expires_s) * 1_000 + 1);
    assert!(desk.registrar.is_empty() && desk.stored.is_empty());
    assert_eq!(desk.registrar.poll_timeout(), None);
}

impl Desk {
    fn act(&mut self, piece: &[u8]) {
        let word = std::str::from_utf8(piece).unwrap_or_default().trim();
        match word.split_once(' ').unwrap_or((word, "")) {
            ("@wait", millis) => self.wait(millis.parse().unwrap_or(0).min(10_000_000)),
            ("@closed", _) => self.registrar.handle_flow_closed(ConnectionId(1)),
            ("@tcp", _) => self.transport = Transport::Tcp,
            ("@udp", _) => self.transport = Transport::Udp,
            ("@again", _) => self.cseq = self.cseq.saturating_sub(1),
            _ => self.register(piece),
        }
        self.drain();
    }

    fn register(&mut self, lines: &[u8]) {
        self.cseq += 1;
        let from = b"<sip:alice@pbx.example>";
        let Some(request) = head::request("REGISTER", from, self.cseq, lines) else { return };
        let flow = Flow {
            transport: self.transport,
            local: ([192, 0, 2, 1], 5060).into(),
            remote: head::SOURCE,
            connection: (self.transport == Transport::Tcp).then_some(ConnectionId(1)),
        };
        let before = self.stored.clone();
        let answer = self.registrar.handle_register(&request, &self.user, &flow, self.now);
        self.drain();
        assert!(matches!(answer.status, 200 | 400 | 403 | 420 | 423 | 439 | 500 | 503));
        head::check_answer(&request, answer.status, &answer.headers);
        if answer.status != 200 {
            assert_eq!(self.stored, before, "a refused REGISTER changes nothing");
            return;
        }
        let told = answer.headers.iter().filter(|(name, _)| *name == "Contact");
        let told: Vec<Address<'_>> =
            told.map(|(_, value)| Address::parse(value).expect("an address")).collect();
        assert_eq!(told.len(), self.registrar.len());
        for contact in &told {
            let known = |phone: &Stored| phone.contact == contact.uri;
            assert!(self.stored.values().any(known), "{}", contact.uri);
            let left = contact.param("expires").and_then(|left| left.parse().ok());
            assert!(left.is_some_and(|left: u32| left > 0 && left <= self.settings.max_expires_s));
        }
    }

    fn wait(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(next) = self.registrar.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.registrar.handle_timeout(self.now);
            // Every other phone behind a NAT has gone away.
            while let Some(ping) = self.registrar.poll_ping(self.now) {
                match ping.uri.len() % 2 {
                    0 => self.registrar.handle_pong(ping.id),
                    _ => self.registrar.handle_missed_ping(ping.id),
                }
            }
            self.drain();
        }
        self.now = end;
    }

    /// The store follows every change.
    fn drain(&mut self) {
        while let Some(change) = self.registrar.poll_change() {
            match change {
                Change::Put(phone) => {
                    self.stored.insert(place(&phone.contact, phone.outbound.as_ref()), phone);
                }
                Change::Forget { contact, outbound, .. } => {
                    self.stored.remove(&place(&contact, outbound.as_ref()));
                }
            }
        }
    }

    fn check(&self) {
        assert_eq!(self.registrar.len(), self.stored.len());
        assert!(self.registrar.len() <= self.settings.contacts_per_user);
        let stages = self.registrar.stages(&self.user, self.now);
        for binding in stages.iter().flatten() {
            assert!(Uri::parse(&binding.contact).is_ok_and(|uri| uri.is_sip()));
            assert!((0.0..=1.0).contains(&binding.q) && binding.expires_at > self.now);
            for route in &binding.path {
                let uri = Address::parse(route).ok().and_then(|address| address.parsed_uri());
                assert!(uri.is_some_and(|uri| uri.is_sip()), "a Route of {route:?}");
            }
        }
        let first = |stage: &Vec<Binding>| stage.first().map(|binding| binding.q);
        assert!(stages.windows(2).all(|pair| first(&pair[0]) > first(&pair[1])));
    }

    /// Another process takes back what the store has.
    fn restart(&mut self) {
        let before = self.stored.len();
        let is_cut = |phone: &Stored| phone.flow.transport != Transport::Udp;
        let may_lose = self.stored.values().any(is_cut);
        let mut registrar = Registrar::new(self.settings);
        let kept = registrar.restore(self.stored.values().cloned(), self.now);
        self.registrar = registrar;
        self.drain();
        assert_eq!((kept, self.registrar.len()), (self.stored.len(), kept));
        assert!(kept == before || may_lose, "a phone over UDP is lost");
        self.check();
    }
}

fn place(contact: &str, outbound: Option<&Outbound>) -> (String, Option<(String, u32)>) {
    (contact.to_owned(), outbound.map(|flow| (flow.instance.clone(), flow.reg_id)))
}
