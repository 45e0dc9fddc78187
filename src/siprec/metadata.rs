//! What a server is told of the call that it records: RFC 7865 §8. The elements stand in the order of its schema.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::id::{CallId, StreamId, Track};
use crate::sip::Uri;

const NAMESPACE: &str = "urn:ietf:params:xml:ns:recording:1";

/// What is known of one call, and what the server was told of it. Numbers of what there is are base64 of UUIDs, RFC 7865 §6.10.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    realm: String,
    group: String,
    session: String,
    /// When the recording began, as RFC 3339 writes it.
    began: String,
    customer: Participant,
    agent: Participant,
    /// Agents that have left and of whom the server was not told so.
    left: Vec<(Participant, String)>,
    streams: Vec<(Track, String)>,
}

#[derive(Clone, Debug)]
struct Participant {
    id: String,
    name: String,
    joined: String,
}

/// Whether a document stands for itself or says what has changed, RFC 7865 §6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataMode {
    Complete,
    Partial,
}

impl DataMode {
    const fn as_str(self) -> &'static str {
        match self {
            DataMode::Complete => "complete",
            DataMode::Partial => "partial",
        }
    }
}

/// Whom it is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) call: CallId,
    pub(super) stream: StreamId,
    pub(super) realm: &'a str,
    pub(super) customer: &'a str,
    pub(super) agent: &'a str,
}

impl Metadata {
    /// A recording of `tracks` that begins at `began`. Call and stream have the same numbers at every server; the others are
    /// `chance`.
    pub(super) fn new(
        about: About<'_>,
        tracks: impl Iterator<Item = Track>,
        began: &str,
        mut chance: impl FnMut() -> u128,
    ) -> Metadata {
        let mut participant = |name: &str| Participant {
            id: number(chance(), 4),
            name: name.to_owned(),
            joined: began.to_owned(),
        };
        let (customer, agent) = (participant(about.customer), participant(about.agent));
        Metadata {
            realm: about.realm.to_owned(),
            // RFC 9562 §5.8: a UUID whose bits are our own business.
            group: number(about.call.as_u128(), 8),
            session: number(about.stream.as_u128(), 8),
            began: began.to_owned(),
            customer,
            agent,
            left: Vec::new(),
            streams: tracks.map(|track| (track, number(chance(), 4))).collect(),
        }
    }

    /// The customer talks with somebody else from here on. Returns whether that is news.
    pub(super) fn set_agent(&mut self, name: &str, at: &str, chance: u128) -> bool {
        if self.agent.name == name {
            return false;
        }
        let agent =
            Participant { id: number(chance, 4), name: name.to_owned(), joined: at.to_owned() };
        let before = std::mem::replace(&mut self.agent, agent);
        self.left.push((before, at.to_owned()));
        true
    }

    /// The server has been told everything.
    pub(super) fn settle(&mut self) {
        self.left.clear();
    }

    /// The document; `sending` tells by [`Track::index`] which tracks carry anything.
    pub(super) fn document(&self, mode: DataMode, sending: [bool; 2]) -> String {
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<recording xmlns=\"{NAMESPACE}\">\r\n"
        );
        line(&mut xml, 1, format_args!("<datamode>{}</datamode>", mode.as_str()));
        if mode == DataMode::Complete {
            self.put_session(&mut xml);
        }
        for participant in [&self.customer, &self.agent] {
            self.put_participant(&mut xml, participant);
        }
        if mode == DataMode::Complete {
            for (track, id) in &self.streams {
                line(
                    &mut xml,
                    1,
                    format_args!("<stream stream_id=\"{id}\" session_id=\"{}\">", self.session),
                );
                line(&mut xml, 2, format_args!("<label>{}</label>", label(*track)));
                line(&mut xml, 1, format_args!("</stream>"));
            }
            line(
                &mut xml,
                1,
                format_args!("<sessionrecordingassoc session_id=\"{}\">", self.session),
            );
            put_time(&mut xml, "associate-time", &self.began);
            line(&mut xml, 1, format_args!("</sessionrecordingassoc>"));
        }
        let gone = self.left.iter().map(|(participant, at)| (participant, Some(at)));
        let here = [&self.customer, &self.agent].map(|participant| (participant, None));
        for (participant, left) in gone.clone().chain(here) {
            self.put_session_association(&mut xml, participant, left.map(String::as_str));
        }
        for (participant, left) in gone.chain(here) {
            self.put_stream_association(&mut xml, participant, left.map(String::as_str), sending);
        }
        xml.push_str("</recording>\r\n");
        xml
    }

    fn put_session(&self, xml: &mut String) {
        line(xml, 1, format_args!("<group group_id=\"{}\">", self.group));
        put_time(xml, "associate-time", &self.began);
        line(xml, 1, format_args!("</group>"));
        line(xml, 1, format_args!("<session session_id=\"{}\">", self.session));
        line(xml, 2, format_args!("<group-ref>{}</group-ref>", self.group));
        put_time(xml, "start-time", &self.began);
        line(xml, 1, format_args!("</session>"));
    }

    fn put_participant(&self, xml: &mut String, participant: &Participant) {
        let Participant { id, name, .. } = participant;
        let aor = format!("sip:{}@{}", Uri::escape_user(name), self.realm);
        line(xml, 1, format_args!("<participant participant_id=\"{id}\">"));
        line(xml, 2, format_args!("<nameID aor=\"{}\">", escaped(&aor)));
        line(xml, 3, format_args!("<name>{}</name>", escaped(name)));
        line(xml, 2, format_args!("</nameID>"));
        line(xml, 1, format_args!("</participant>"));
    }

    fn put_session_association(
        &self,
        xml: &mut String,
        participant: &Participant,
        left: Option<&str>,
    ) {
        let (id, session) = (&participant.id, &self.session);
        let head = format_args!(
            "<participantsessionassoc participant_id=\"{id}\" session_id=\"{session}\">"
        );
        line(xml, 1, head);
        put_time(xml, "associate-time", &participant.joined);
        left.inspect(|left| put_time(xml, "disassociate-time", left));
        line(xml, 1, format_args!("</participantsessionassoc>"));
    }

    /// Who speaks on which stream and who is heard on it: what is not sent has neither, RFC 7865 §6.7.
    fn put_stream_association(
        &self,
        xml: &mut String,
        participant: &Participant,
        left: Option<&str>,
        sending: [bool; 2],
    ) {
        let own = match participant.id == self.customer.id {
            true => Track::FromCustomer,
            false => Track::ToCustomer,
        };
        line(
            xml,
            1,
            format_args!("<participantstreamassoc participant_id=\"{}\">", participant.id),
        );
        let is_sent = |track: Track| sending.get(track.index()) == Some(&true);
        let carried = self.streams.iter().filter(|(track, _)| left.is_some() || is_sent(*track));
        for (_, id) in carried.clone().filter(|(track, _)| *track == own) {
            line(xml, 2, format_args!("<send>{id}</send>"));
        }
        for (_, id) in carried.filter(|(track, _)| *track != own) {
            line(xml, 2, format_args!("<recv>{id}</recv>"));
        }
        put_time(xml, "associate-time", &participant.joined);
        left.inspect(|left| put_time(xml, "disassociate-time", left));
        line(xml, 1, format_args!("</participantstreamassoc>"));
    }
}

/// The label of a track's media line and stream, RFC 4574.
pub(super) const fn label(track: Track) -> usize {
    track.index() + 1
}

fn put_time(xml: &mut String, name: &str, at: &str) {
    line(xml, 2, format_args!("<{name}>{at}</{name}>"));
}

fn line(xml: &mut String, depth: usize, text: std::fmt::Arguments<'_>) {
    write!(xml, "{:1$}{text}\r\n", "", 2 * depth).expect("a String takes all");
}

/// The UUID of this version that has the other bits of `bits`.
fn number(bits: u128, version: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0b11 << 62) | version << 76 | 0b10 << 62;
    STANDARD.encode(bits.to_be_bytes())
}

/// Text as XML 1.0 holds it; what no document may hold is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            control if control.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN: &str = "2026-01-02T03:04:05Z";

    fn metadata(customer: &str, tracks: &[Track]) -> Metadata {
        let about = About {
            call: CallId::from_u128(1),
            stream: StreamId::from_u128(2),
            realm: "pbx.example",
            customer,
            agent: "200",
        };
        let mut next = 0x10;
        let chance = || {
            next += 1;
            next
        };
        Metadata::new(about, tracks.iter().copied(), BEGAN, chance)
    }

    /// Every line without its indentation.
    fn lines(xml: &str) -> Vec<&str> {
        xml.lines().map(str::trim).collect()
    }

    #[test]
    fn a_complete_document_names_everything_and_everybody() {
        let xml = metadata("+4930<&\">1", &Track::ALL).document(DataMode::Complete, [true, true]);
        let (group, session) = ("AAAAAAAAgACAAAAAAAAAAQ==", "AAAAAAAAgACAAAAAAAAAAg==");
        let (customer, agent) = ("AAAAAAAAQACAAAAAAAAAEQ==", "AAAAAAAAQACAAAAAAAAAEg==");
        let (from, to) = ("AAAAAAAAQACAAAAAAAAAEw==", "AAAAAAAAQACAAAAAAAAAFA==");
        let expected = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
            <recording xmlns=\"urn:ietf:params:xml:ns:recording:1\">
            <datamode>complete</datamode>
            <group group_id=\"{group}\">
            <associate-time>{BEGAN}</associate-time>
            </group>
            <session session_id=\"{session}\">
            <group-ref>{group}</group-ref>
            <start-time>{BEGAN}</start-time>
            </session>
            <participant participant_id=\"{customer}\">
            <nameID aor=\"sip:+4930%3C&amp;%22%3E1@pbx.example\">
            <name>+4930&lt;&amp;&quot;&gt;1</name>
            </nameID>
            </participant>
            <participant participant_id=\"{agent}\">
            <nameID aor=\"sip:200@pbx.example\">
            <name>200</name>
            </nameID>
            </participant>
            <stream stream_id=\"{from}\" session_id=\"{session}\">
            <label>1</label>
            </stream>
            <stream stream_id=\"{to}\" session_id=\"{session}\">
            <label>2</label>
            </stream>
            <sessionrecordingassoc session_id=\"{session}\">
            <associate-time>{BEGAN}</associate-time>
            </sessionrecordingassoc>
            <participantsessionassoc participant_id=\"{customer}\" session_id=\"{session}\">
            <associate-time>{BEGAN}</associate-time>
            </participantsessionassoc>
            <participantsessionassoc participant_id=\"{agent}\" session_id=\"{session}\">
            <associate-time>{BEGAN}</associate-time>
            </participantsessionassoc>
            <participantstreamassoc participant_id=\"{customer}\">
            <send>{from}</send>
            <recv>{to}</recv>
            <associate-time>{BEGAN}</associate-time>
            </participantstreamassoc>
            <participantstreamassoc participant_id=\"{agent}\">
            <send>{to}</send>
            <recv>{from}</recv>
            <associate-time>{BEGAN}</associate-time>
            </participantstreamassoc>
            </recording>"
        );
        assert_eq!(lines(&xml), lines(&expected));
    }

    #[test]
    fn a_partial_document_tells_of_a_pause_by_streams_that_nobody_sends() {
        let xml = metadata("100", &Track::ALL).document(DataMode::Partial, [true, false]);
        assert!(xml.contains("<datamode>partial</datamode>"));
        assert_eq!((xml.matches("<send>").count(), xml.matches("<recv>").count()), (1, 1));
        for absent in ["<session ", "<group", "<stream ", "<sessionrecordingassoc"] {
            assert!(!xml.contains(absent), "{absent}: {xml}");
        }
        let silent = metadata("100", &Track::ALL).document(DataMode::Partial, [false; 2]);
        assert!(!silent.contains("<send>") && !silent.contains("<recv>"));
    }

    #[test]
    fn an_agent_who_leaves_is_told_of_until_the_server_knows() {
        let mut metadata = metadata("100", &[Track::FromCustomer]);
        assert!(!metadata.set_agent("200", "later", 7), "nothing has changed");
        assert!(metadata.set_agent("300", "2026-01-02T03:05:00Z", 7));
        let told = metadata.document(DataMode::Partial, [true, true]);
        assert_eq!(told.matches("<disassociate-time>2026-01-02T03:05:00Z<").count(), 2);
        assert!(told.contains("aor=\"sip:300@pbx.example\"") && !told.contains("sip:200@"));
        metadata.settle();
        let after = metadata.document(DataMode::Complete, [true, true]);
        assert!(!after.contains("disassociate-time"));
        assert_eq!(after.matches("<participant ").count(), 2);
    }

    #[test]
    fn what_no_document_may_hold_is_left_out() {
        let xml = metadata("a\u{0}\u{7}\r\n\u{ffff}b", &[Track::ToCustomer])
            .document(DataMode::Complete, [true, true]);
        assert!(xml.contains("<name>ab</name>"), "{xml}");
        assert!(xml.contains("<label>2</label>") && !xml.contains("<label>1</label>"));
    }
}
