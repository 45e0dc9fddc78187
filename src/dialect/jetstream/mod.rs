//! A stream as the messages of a log, NATS JetStream: `docs/nats.md` is its description for those who write a consumer.
//!
//! ```text
//!  <prefix>.<call>.<stream>.events          hello, keys, marks, changes of state, manifest: JSON of the native protocol
//!  <prefix>.<call>.<stream>.from_customer   the track: every sample of its clock in one message, as audio or as a typed gap
//!  <prefix>.<call>.<stream>.to_customer
//! ```
//!
//! Where a message begins and ends depends on the timeline alone: on the grid of 100 ms, at a gap, where the kind of the audio changes. So
//! it is the same message when it is sent again, under the same id, and a server that has it takes it once.

mod post;

pub use post::{Found, Lane, Last, Post};

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use sha2::{Digest as _, Sha256};

use super::native::{self, Resume, Telling, encoding_name, hexadecimal};
use super::{Format, Note, StreamInfo};
use crate::event::{Cause, Manifest, Span, SpanKind};
use crate::id::{TerminalId, Track};
use crate::media::{Frame, Item};
use crate::time::{Instant, MediaTime};
use post::{Header, header};

/// Messages of audio in a second.
const GRID_HZ: u32 = 10;

/// What the headers and the longest name of a call, a stream and a prefix take, generously.
const AROUND_BYTES: usize = 1_024;

/// The messages of one stream, over all its connections.
#[derive(Debug)]
pub struct JetStream {
    info: StreamInfo,
    terminal: TerminalId,
    /// The subject without its last token.
    base: String,
    chunks: [Option<Chunk>; 2],
    /// The number of each track's last message, by [`Track::index`].
    sequences: [u64; 2],
    posts: VecDeque<Post>,
}

/// Audio of a track on its way to the end of its message.
#[derive(Debug)]
struct Chunk {
    kind: SpanKind,
    start: u64,
    end: u64,
    /// Where the message is cut: the next line of the grid.
    until: u64,
    data: BytesMut,
    arrival: Option<Instant>,
}

impl JetStream {
    /// A stream of which nothing was sent. `prefix` is what its subjects begin with.
    pub fn new(info: StreamInfo, terminal: TerminalId, prefix: &str) -> JetStream {
        JetStream {
            base: format!("{prefix}.{}.{terminal}", info.call),
            info,
            terminal,
            chunks: [None, None],
            sequences: [0; 2],
            posts: VecDeque::new(),
        }
    }

    /// The longest message that audio of this format makes, in bytes.
    pub fn longest(format: Format) -> usize {
        // A frame more than the grid: one that begins just before its line.
        let samples = format.sample_rate / GRID_HZ + format.sample_rate / 50;
        samples as usize * format.encoding.sample_bytes() + AROUND_BYTES
    }

    /// The subject of a lane.
    pub fn subject(&self, lane: Lane) -> String {
        format!("{}.{}", self.base, lane.as_str())
    }

    /// The lanes of this stream.
    pub fn lanes(&self) -> impl Iterator<Item = Lane> + use<> {
        self.info.tracks.iter().map(Lane::Track).chain([Lane::Events])
    }

    /// A connection begins, and this is what the log has of the stream. Whatever was not sent is given again.
    pub fn begin(&mut self, found: &Found) {
        self.chunks = [None, None];
        self.posts.clear();
        let number = |track| found.last(Lane::Track(track)).map_or(0, |last| last.sequence);
        self.sequences = Track::ALL.map(number);
        if found.last(Lane::Events).is_none() {
            let hello = native::hello(&self.info, 1, Resume { from_customer: 0, to_customer: 0 });
            self.event("hello", format!("{}.hello", self.terminal), &Telling::Hello(hello.into()));
        }
    }

    /// The next message.
    pub fn poll_post(&mut self) -> Option<Post> {
        self.posts.pop_front()
    }

    /// Whether no whole message waits.
    pub fn is_empty(&self) -> bool {
        self.posts.is_empty()
    }

    /// Takes an item of the timeline.
    pub fn item(&mut self, item: &Item) {
        match item {
            Item::Frame(frame) => self.frame(frame),
            Item::Gap(track, span) => self.gap(*track, *span),
            Item::Dtmf { track, digit, duration_ms, position } => {
                let (track, digit, position) = (*track, *digit, *position);
                let duration_ms = *duration_ms;
                self.telling("dtmf", &Telling::Dtmf { track, digit, duration_ms, position });
            }
            Item::Mark { name, position } => {
                self.telling("mark", &Telling::Mark { name: name.clone(), position: *position });
            }
        }
    }

    /// Takes a change of state at sample `position`.
    pub fn note(&mut self, note: Note, position: u64) {
        let telling = native::telling(note, position);
        let name = match note {
            Note::Paused => "paused",
            Note::Resumed => "resumed",
            Note::Muted(_) => "muted",
            Note::Unmuted(_) => "unmuted",
            Note::Held(_) => "held",
            Note::Unheld(_) => "unheld",
        };
        self.telling(name, &telling);
    }

    /// The stream ends: what is on its way to the end of a message leaves, and then the manifest, in parts of at most `most` bytes.
    pub fn farewell(&mut self, cause: Cause, manifest: &Manifest, most: usize) {
        for track in Track::ALL {
            self.close(track);
        }
        let json = Bytes::from(Telling::last(cause, manifest).json());
        let most = most.saturating_sub(AROUND_BYTES).max(AROUND_BYTES);
        let parts = json.len().div_ceil(most).max(1);
        for part in 1..=parts {
            let from = (part - 1) * most;
            let payload = json.slice(from..json.len().min(from + most));
            let id = format!("{}.manifest.{part}", self.terminal);
            let kind = if part == parts { post::MANIFEST } else { post::MANIFEST_PART };
            let headers = vec![header("Part", format!("{part}/{parts}"))];
            self.post(Lane::Events, id, (kind, headers), payload, None);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        let track = frame.track;
        let fits = |chunk: &Chunk| chunk.end == frame.position && chunk.kind == frame.kind;
        if !self.chunk(track).as_ref().is_some_and(fits) {
            self.close(track);
        }
        let grid = u64::from(self.info.format.sample_rate / GRID_HZ).max(1);
        let chunk = self.chunk(track).get_or_insert_with(|| Chunk {
            kind: frame.kind,
            start: frame.position,
            end: frame.position,
            until: (frame.position / grid + 1) * grid,
            data: BytesMut::new(),
            arrival: frame.arrival,
        });
        chunk.data.extend_from_slice(&frame.data);
        chunk.end += u64::from(frame.samples);
        if chunk.end >= chunk.until {
            self.close(track);
        }
    }

    fn chunk(&mut self, track: Track) -> &mut Option<Chunk> {
        let [from_customer, to_customer] = &mut self.chunks;
        match track {
            Track::FromCustomer => from_customer,
            Track::ToCustomer => to_customer,
        }
    }

    fn close(&mut self, track: Track) {
        let Some(chunk) = self.chunk(track).take() else { return };
        let arrival = chunk.arrival.map(|at| MediaTime::between(self.info.start, at).as_micros());
        let arrival = arrival.map(|micros| header("Arrival-Us", micros.to_string()));
        self.stretch(track, chunk.kind, chunk.start..chunk.end, chunk.data.freeze(), arrival);
    }

    fn gap(&mut self, track: Track, span: Span) {
        self.close(track);
        self.stretch(track, span.kind, span.start..span.start + span.samples, Bytes::new(), None);
    }

    /// A stretch of a track's clock, with its samples or without.
    fn stretch(
        &mut self,
        track: Track,
        kind: SpanKind,
        range: std::ops::Range<u64>,
        samples: Bytes,
        arrival: Option<Header>,
    ) {
        let id = format!("{}.{track}.{}-{}", self.terminal, range.start, range.end);
        let format = self.info.format;
        let mut headers = vec![
            header("Kind", kind.as_str().to_owned()),
            header("Start", range.start.to_string()),
            header("Samples", (range.end - range.start).to_string()),
            header("Format", encoding_name(format.encoding).to_owned()),
            header("Rate", format.sample_rate.to_string()),
        ];
        headers.extend(arrival);
        let name = if samples.is_empty() { "gap" } else { "audio" };
        self.post(Lane::Track(track), id, (name, headers), samples, Some((track, range.end)));
    }

    /// An event that may come again after a loss: its id is made of what it says.
    fn telling(&mut self, name: &'static str, telling: &Telling) {
        let digest = Sha256::digest(telling.json());
        let id = format!("{}.{name}.{}", self.terminal, hexadecimal(&digest[..8]));
        self.event(name, id, telling);
    }

    fn event(&mut self, name: &'static str, id: String, telling: &Telling) {
        self.post(Lane::Events, id, (name, Vec::new()), telling.json().into(), None);
    }

    fn post(
        &mut self,
        lane: Lane,
        id: String,
        (name, mut headers): (&'static str, Vec<Header>),
        payload: Bytes,
        reaches: Option<(Track, u64)>,
    ) {
        // An event at the place of a loss comes again, and the log takes it once: numbers would have holes.
        let sequence = match lane {
            Lane::Track(track) => {
                let sequence = &mut self.sequences[track.index()];
                *sequence += 1;
                headers.push(header("Sequence", sequence.to_string()));
                *sequence
            }
            Lane::Events => 0,
        };
        headers.extend([
            header("Type", name.to_owned()),
            header("Call", self.info.call.to_string()),
            header("Stream", self.terminal.to_string()),
        ]);
        let subject = self.subject(lane);
        self.posts.push_back(Post { subject, lane, sequence, id, headers, payload, reaches });
    }
}
