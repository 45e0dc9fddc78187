//! A connection that speaks our own protocol.

use super::{Next, Session, SessionError, now_us};
use crate::dialect::native::{self, Answer, FrameHeader, Hello, Telling};
use crate::id::Track;
use crate::media::Encoding;
use crate::sink::listener::account::{HIGHEST_RATE, Opening, Received};

/// Frames of a track between two acknowledgements: a fifth of a second.
const ACKNOWLEDGE_EVERY: u64 = 10;

impl Session {
    pub(super) fn handle_native(&mut self, text: &str) -> Result<Next, SessionError> {
        let telling = match serde_json::from_str(text) {
            Ok(telling) => telling,
            Err(error) if self.stream.is_none() => {
                return Err(SessionError::Unknown(error.to_string()));
            }
            Err(error) => return Ok(self.note_problem(error.to_string())),
        };
        match telling {
            Telling::Hello(hello) => return self.handle_hello(*hello),
            Telling::Gap { track, kind, position, samples } => {
                self.with(|account| account.gap(track, kind, position, samples));
            }
            Telling::Dtmf { digit, .. } => self.with(|account| account.dtmf(digit)),
            Telling::Mark { name, .. } => self.with(|account| account.mark(name)),
            Telling::Paused { position } => self.note("paused", None, position),
            Telling::Resumed { position } => self.note("resumed", None, position),
            Telling::Muted { track, position } => self.note("muted", Some(track), position),
            Telling::Unmuted { track, position } => self.note("unmuted", Some(track), position),
            Telling::Held { track, position } => self.note("held", Some(track), position),
            Telling::Unheld { track, position } => self.note("unheld", Some(track), position),
            Telling::Refused { .. } => {}
            Telling::Manifest { cause, manifest } => {
                self.with(|account| account.manifest(cause, &manifest));
                return Ok(self.finish());
            }
        }
        Ok(Next::Read)
    }

    fn handle_hello(&mut self, hello: Hello) -> Result<Next, SessionError> {
        let encoding = Encoding::ALL
            .into_iter()
            .find(|encoding| native::encoding_name(*encoding) == hello.encoding)
            .ok_or_else(|| SessionError::Unknown(format!("encoding {:?}", hello.encoding)))?;
        if hello.version != native::VERSION {
            return Err(SessionError::Unknown(format!("version {}", hello.version)));
        }
        if !(1..=HIGHEST_RATE).contains(&hello.sample_rate) {
            return Err(SessionError::Unknown(format!("a rate of {} Hz", hello.sample_rate)));
        }
        self.stream = Some(hello.stream.clone());
        self.table.open(Opening {
            protocol: "native",
            call: hello.call,
            stream: hello.stream,
            label: hello.label,
            tracks: hello.tracks,
            sample_rate: hello.sample_rate,
            encoding,
            encoding_name: hello.encoding,
            started_at_us: Some(hello.started_at.saturating_mul(1000)),
        });
        Ok(Next::Read)
    }

    pub(super) fn handle_frame(&mut self, message: &[u8]) -> Next {
        let (header, payload) = match FrameHeader::parse(message) {
            Ok(frame) => frame,
            Err(error) => return self.note_problem(error.to_string()),
        };
        let received = Received {
            track: header.track,
            kind: header.kind,
            position: header.position,
            now_us: now_us(),
            arrival_us: header.arrival_us,
            payload,
        };
        self.with(|account| account.frame(received));
        let mut answer = self.after_frame();
        if let Next::Read = answer
            && self.options.acknowledge
            && u64::from(header.sequence) % ACKNOWLEDGE_EVERY == ACKNOWLEDGE_EVERY - 1
        {
            answer = self.acknowledge(header.track);
        }
        answer
    }

    fn acknowledge(&self, track: Track) -> Next {
        let stream = self.stream.as_deref().unwrap_or_default();
        match self.table.with(stream, |account| account.end(track)) {
            Some(position) => Next::Answer(vec![Answer::Ack { track, position }.message()]),
            None => Next::Read,
        }
    }

    fn note(&self, word: &str, track: Option<Track>, position: u64) {
        let note = match track {
            Some(track) => format!("{word}:{track}@{position}"),
            None => format!("{word}@{position}"),
        };
        self.with(|account| account.note(note));
    }
}
