//! The session descriptions of a recording session, RFC 7866 §7.1.1 and §7.2: one media line for each track, which we send, each with
//! a label that the metadata names.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::metadata::label;
use crate::call::{RecordedFormat, RecordedTrack, Recorder};
use crate::sdp::{Direction, Origin};

/// What a description of ours is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'a> {
    pub(super) address: IpAddr,
    pub(super) origin: Origin,
    pub(super) tracks: &'a [RecordedTrack],
    pub(super) format: RecordedFormat,
}

/// A description of a server's, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    kind: String,
    protocol: String,
    formats: Vec<String>,
    port: u16,
    address: Option<IpAddr>,
    direction: Direction,
    rtcp: Option<u16>,
}

/// More lines of media than this are no session of ours.
const MOST_LINES: usize = 16;

impl Remote {
    /// Reads a description. `None` if it is none.
    pub(super) fn parse(bytes: &[u8]) -> Option<Remote> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().map(str::trim_end);
        if lines.next()? != "v=0" {
            return None;
        }
        let mut session = Line::nothing();
        let mut media: Vec<Line> = Vec::new();
        for line in lines {
            let Some((kind, value)) = line.split_once('=') else { continue };
            if kind == "m" {
                if media.len() >= MOST_LINES {
                    return None;
                }
                media.push(Line::parse(value, &session)?);
                continue;
            }
            let scope = media.last_mut().unwrap_or(&mut session);
            match kind {
                "c" => scope.address = value.split_ascii_whitespace().nth(2).and_then(address),
                "a" => scope.take_attribute(value),
                _ => {}
            }
        }
        Some(Remote { lines: media })
    }

    /// Where each of `tracks` goes, by [`Track::index`](crate::id::Track::index): lines answer each other in their order.
    pub(super) fn recorders(
        &self,
        tracks: &[RecordedTrack],
        format: RecordedFormat,
    ) -> [Option<Recorder>; 2] {
        let mut recorders = [None; 2];
        for (track, line) in tracks.iter().zip(&self.lines) {
            if let Some(recorder) = recorders.get_mut(track.track.index()) {
                *recorder = line.recorder(format);
            }
        }
        recorders
    }
}

impl Line {
    const fn nothing() -> Line {
        Line {
            kind: String::new(),
            protocol: String::new(),
            formats: Vec::new(),
            port: 0,
            address: None,
            direction: Direction::SendRecv,
            rtcp: None,
        }
    }

    fn parse(value: &str, session: &Line) -> Option<Line> {
        let mut words = value.split_ascii_whitespace();
        let kind = words.next()?.to_owned();
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = words.next()?.to_owned();
        let formats = words.map(str::to_owned).collect();
        Some(Line { kind, protocol, formats, port, rtcp: None, ..session.clone() })
    }

    fn take_attribute(&mut self, value: &str) {
        if let Some(direction) = Direction::from_name(value) {
            self.direction = direction;
        } else if let Some(rtcp) = value.strip_prefix("rtcp:") {
            // RFC 3605; an address of its own is not followed.
            self.rtcp = rtcp.split_ascii_whitespace().next().and_then(|port| port.parse().ok());
        } else if value == "rtcp-mux" {
            self.rtcp = Some(self.port);
        }
    }

    /// Whether it is audio in our format.
    fn takes(&self, format: RecordedFormat) -> bool {
        let payload_type = format.payload_type.to_string();
        self.kind == "audio"
            && self.protocol.starts_with("RTP/AVP")
            && self.formats.contains(&payload_type)
    }

    /// RFC 3264 §6: port 0 refuses a stream, and whoever does not receive gets nothing.
    fn recorder(&self, format: RecordedFormat) -> Option<Recorder> {
        let address = self.address.filter(|address| !address.is_unspecified())?;
        if self.port == 0 || !self.direction.receives() || !self.takes(format) {
            return None;
        }
        let rtcp = self.rtcp.unwrap_or(self.port.saturating_add(1));
        Some(Recorder {
            rtp: SocketAddr::new(address, self.port),
            rtcp: SocketAddr::new(address, rtcp),
        })
    }
}

impl Own<'_> {
    /// The offer; `sending` tells by [`Track::index`](crate::id::Track::index) which tracks are sent.
    pub(super) fn offer(&self, sending: [bool; 2]) -> String {
        let mut sdp = self.head();
        for track in self.tracks {
            let is_sent = sending.get(track.track.index()) == Some(&true);
            self.put_track(&mut sdp, track, is_sent);
        }
        sdp
    }

    /// The answer to an offer of the server's: its lines in its order, those beyond our tracks refused.
    pub(super) fn answer(&self, offer: &Remote, sending: [bool; 2]) -> String {
        let mut sdp = self.head();
        for (index, line) in offer.lines.iter().enumerate() {
            match self.tracks.get(index) {
                Some(track) if line.port != 0 && line.takes(self.format) => {
                    let is_sent = sending.get(track.track.index()) == Some(&true);
                    self.put_track(
                        &mut sdp,
                        track,
                        is_sent && line.recorder(self.format).is_some(),
                    );
                }
                Some(_) | None => {
                    let formats = line.formats.join(" ");
                    let (kind, protocol) = (&line.kind, &line.protocol);
                    put(&mut sdp, format_args!("m={kind} 0 {protocol} {formats}"));
                }
            }
        }
        sdp
    }

    fn head(&self) -> String {
        let Origin { session_id, version } = self.origin;
        let (family, address) = (if self.address.is_ipv4() { "IP4" } else { "IP6" }, self.address);
        let mut sdp = String::with_capacity(512);
        put(&mut sdp, format_args!("v=0"));
        put(&mut sdp, format_args!("o=- {session_id} {version} IN {family} {address}"));
        put(&mut sdp, format_args!("s=-"));
        put(&mut sdp, format_args!("c=IN {family} {address}"));
        put(&mut sdp, format_args!("t=0 0"));
        sdp
    }

    fn put_track(&self, sdp: &mut String, track: &RecordedTrack, is_sent: bool) {
        let RecordedFormat { payload_type, name, clock_rate } = self.format;
        let RecordedTrack { track, rtp, rtcp } = *track;
        let direction = if is_sent { Direction::SendOnly } else { Direction::Inactive };
        put(sdp, format_args!("m=audio {rtp} RTP/AVP {payload_type}"));
        put(sdp, format_args!("a=rtpmap:{payload_type} {name}/{clock_rate}"));
        put(sdp, format_args!("a=rtcp:{rtcp}"));
        put(sdp, format_args!("a=label:{}", label(track)));
        put(sdp, format_args!("a={}", direction.name()));
    }
}

fn put(sdp: &mut String, line: std::fmt::Arguments<'_>) {
    write!(sdp, "{line}\r\n").expect("a String takes all");
}

/// An address without the time to live that multicast has.
fn address(text: &str) -> Option<IpAddr> {
    text.split('/').next().and_then(|address| address.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Track;

    const FORMAT: RecordedFormat =
        RecordedFormat { payload_type: 0, name: "PCMU", clock_rate: 8_000 };
    const TRACKS: [RecordedTrack; 2] = [
        RecordedTrack { track: Track::FromCustomer, rtp: 5000, rtcp: 5001 },
        RecordedTrack { track: Track::ToCustomer, rtp: 5002, rtcp: 5007 },
    ];

    fn own() -> Own<'static> {
        Own {
            address: "192.0.2.1".parse().expect("an address"),
            origin: Origin { session_id: 7, version: 2 },
            tracks: &TRACKS,
            format: FORMAT,
        }
    }

    fn read(text: &str) -> Remote {
        Remote::parse(text.replace('|', "\r\n").as_bytes()).expect("a description")
    }

    #[track_caller]
    fn check(answer: &str, from: Option<&str>, to: Option<&str>) {
        let shown = read(answer).recorders(&TRACKS, FORMAT).map(|recorder| {
            recorder.map(|recorder| format!("{} {}", recorder.rtp, recorder.rtcp.port()))
        });
        assert_eq!([shown[0].as_deref(), shown[1].as_deref()], [from, to], "{answer}");
    }

    #[test]
    fn an_offer_has_a_labelled_line_for_each_track() {
        let head = "v=0|o=- 7 2 IN IP4 192.0.2.1|s=-|c=IN IP4 192.0.2.1|t=0 0|";
        let line = |port, rtcp, label, direction| {
            format!(
                "m=audio {port} RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=rtcp:{rtcp}|a=label:{label}|a={direction}|"
            )
        };
        let (from, to) = (line(5000, 5001, 1, "sendonly"), line(5002, 5007, 2, "inactive"));
        let offer = own().offer([true, false]).replace("\r\n", "|");
        assert_eq!(offer, format!("{head}{from}{to}"));
    }

    #[test]
    fn an_answer_says_where_each_track_goes_and_what_is_not_wanted() {
        let head = "v=0|o=- 1 1 IN IP4 198.51.100.1|s=-|c=IN IP4 198.51.100.1|t=0 0|";
        let (one, two) = (Some("198.51.100.1:6000 6001"), Some("198.51.100.1:6002 6003"));
        for (lines, from, to) in [
            ("m=audio 6000 RTP/AVP 0|a=recvonly|m=audio 6002 RTP/AVP 0", one, two),
            ("a=inactive|m=audio 6000 RTP/AVP 0|a=recvonly|m=audio 6002 RTP/AVP 0|", one, None),
            ("m=audio 6000 RTP/AVP 0|a=recvonly|m=audio 0 RTP/AVP 0|", one, None),
            ("m=audio 6000 RTP/AVP 0|a=inactive|m=audio 6002 RTP/AVP 0|a=sendrecv", None, two),
            ("m=audio 6000 RTP/AVP 8|m=audio 6002 RTP/AVP 8 0|", None, two),
            ("m=video 6000 RTP/AVP 0|m=audio 6002 RTP/AVP 0|a=sendonly", None, None),
            ("m=audio 6000 RTP/SAVP 0|m=audio 6002 RTP/AVP 0|c=IN IP4 0.0.0.0", None, None),
            ("m=audio 6000 RTP/AVP 0|c=IN IP6 2001:db8::1|", Some("[2001:db8::1]:6000 6001"), None),
            (
                "m=audio 6000/2 RTP/AVP 0|a=rtcp-mux|m=audio 6002 RTP/AVP 0|a=rtcp:53020 IN IP4 1.2.3.4",
                Some("198.51.100.1:6000 6000"),
                Some("198.51.100.1:6002 53020"),
            ),
            ("", None, None),
        ] {
            check(&format!("{head}{lines}"), from, to);
        }
        check("v=0|m=audio 6000 RTP/AVP 0|", None, None);
        check("v=0|c=IN IP4 srs.example|m=audio 6000 RTP/AVP 0|", None, None);
    }

    #[test]
    fn what_is_no_description_is_none() {
        let many = format!("v=0\n{}", "m=audio 1 RTP/AVP 0\n".repeat(MOST_LINES + 1));
        for text in
            ["", "v=1\r\n", "<recording/>", "v=0\nm=audio x RTP/AVP 0", "v=0\nm=audio", &many]
        {
            assert_eq!(Remote::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_offer_of_the_server_is_answered_line_by_line() {
        let offer = read(
            "v=0|c=IN IP4 198.51.100.1|m=audio 6000 RTP/AVP 0|a=inactive|m=audio 6002 RTP/AVP 0 8|a=recvonly|m=video 9 RTP/AVP 96 97|",
        );
        let answer = own().answer(&offer, [true, true]);
        let lines: Vec<_> = answer
            .lines()
            .filter(|line| line.starts_with("m=") || line.contains("ive") || line.contains("only"))
            .collect();
        assert_eq!(
            lines,
            [
                "m=audio 5000 RTP/AVP 0",
                "a=inactive",
                "m=audio 5002 RTP/AVP 0",
                "a=sendonly",
                "m=video 0 RTP/AVP 96 97"
            ]
        );
    }
}
