//! AudioHook, version 2, as its client: "AudioHook Protocol Reference" of Genesys Cloud and the reference implementation that
//! goes with it (purecloudlabs/audiohook-reference-implementation).
//!
//! ```text
//!   Closed --greet: open--> Opening --opened--> Open --disconnect, reconnect, farewell: close--> Closing --closed--> Closed
//!                              '- nothing for 5 s: overdue          '- no pong for 5 s: overdue     '- nothing for 5 s: overdue
//! ```
//!
//! Each connection is a session with an id of its own, which the opening request tells as well; the ones before it are listed
//! when the stream comes back. No audio is given before `opened`. Binary messages are samples and nothing else; a server counts
//! them, so a stretch that is left out is told: a pause by `paused` and `resumed`, given-up audio by `discarded`. Lost, held and
//! silent stretches are silence.
//!
//! A server may choose between the formats that are offered: mu-law or linear, both channels or one. Frames come in the format
//! of the configuration and are rewritten when it chose another one.

mod offer;
mod session;
mod wire;

pub use session::duration;
pub use wire::{
    Channel, CloseReason, Continued, Heard, Media, MediaFormat, Open, Participant, Said, Stretch,
    Telling, Told, VERSION,
};

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Format, Message, SinkSays, StreamInfo, names};
use crate::event::{Span, SpanKind};
use crate::id::Track;
use crate::media::{Frame, Item, Joined, JoinedFrame, Joiner};
use crate::time::{Duration, Instant};
use offer::{offers, rewritten};
use session::Session;

/// How long a server may take for `opened` and `closed`.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// The first ping of a session, and the time between two.
const FIRST_PING: Duration = Duration::from_secs(1);
const PING_EVERY: Duration = Duration::from_secs(5);

/// Answers that wait for the socket; a server that asks for more while it reads nothing gets no more.
const ANSWERS_LIMIT: usize = 64;

/// A session that starts paused hears nothing before the pause takes effect, unless that is denied: then it has a second of
/// audio too little.
const PAUSE_PATIENCE: Duration = Duration::from_secs(1);

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Opening,
    Open,
    /// `close` is said; what follows `closed`.
    Closing(After),
}

/// What a closed session means for the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
enum After {
    End,
    Reconnect,
    Unfit(String),
}

/// The ping that is waited for, or the next one.
#[derive(Clone, Copy, Debug)]
enum Ping {
    Due(Instant),
    Sent { seq: u64, at: Instant },
}

/// What waits for the socket. It becomes a message when its turn comes, for a new session counts anew.
#[derive(Debug)]
enum Outgoing {
    Audio {
        end: u64,
        data: Bytes,
    },
    /// Something of the timeline, which then stands at `end`.
    Timeline {
        end: u64,
        told: Told,
    },
    /// An answer within this session.
    Answer(Told),
}

/// The sending side.
#[derive(Debug)]
pub struct AudioHook {
    info: StreamInfo,
    organization: String,
    conversation: String,
    state: State,
    /// When the state began; None before its first moment is known.
    since: Option<Instant>,
    session: Session,
    /// What the customer speaks, if that is known.
    language: Option<String>,
    /// Chosen by the server; None before, or when it wants no audio.
    media: Option<Media>,
    joiner: Joiner,
    /// Where audio was left out, while it is.
    paused: Option<u64>,
    /// Audio before this position is not given: the session starts paused.
    swallow_until: u64,
    ping: Option<Ping>,
    rtt: Option<Duration>,
    now: Instant,
    outgoing: VecDeque<Outgoing>,
    /// Up to where the timeline was given.
    position: u64,
    leaving: CloseReason,
}

impl AudioHook {
    /// A stream that has had no connection yet.
    pub fn new(info: StreamInfo) -> Self {
        let Format { sample_rate, encoding, channels } = info.format;
        let joiner = Joiner::new(channels, info.tracks, sample_rate, encoding);
        AudioHook {
            session: Session::first(info.stream, &info.sink),
            organization: names::hashed_uuid(&["organization", info.sink.as_str()]),
            conversation: names::hashed_uuid(&["conversation", &info.call.to_string()]),
            now: info.start,
            language: info.language(),
            info,
            state: State::Closed,
            since: None,
            media: None,
            joiner,
            paused: None,
            swallow_until: 0,
            ping: None,
            rtt: None,
            outgoing: VecDeque::new(),
            position: 0,
            leaving: CloseReason::End,
        }
    }

    /// What the opening request tells. An attempt that came to nothing was no session.
    pub(super) fn handshake(&mut self) -> Vec<(&'static str, String)> {
        self.session.renew(self.info.stream, &self.info.sink);
        vec![
            ("audiohook-organization-id", self.organization.clone()),
            ("audiohook-session-id", self.session.id().to_owned()),
            ("audiohook-correlation-id", self.conversation.clone()),
        ]
    }

    pub(super) fn greet(&mut self) -> Vec<Message> {
        self.outgoing.retain(|waiting| !matches!(waiting, Outgoing::Answer(_)));
        self.enter(State::Opening);
        self.ping = None;
        let info = &self.info;
        let open = Open {
            organization_id: self.organization.clone(),
            conversation_id: self.conversation.clone(),
            participant: Participant {
                id: names::hashed_uuid(&["customer", &info.call.to_string()]),
                ani: info.from.clone(),
                ani_name: String::new(),
                dnis: info.to.clone(),
            },
            media: self.offers(),
            language: self.language.clone(),
            continued_sessions: self.session.continued().to_vec(),
            custom_config: info.parameters(),
        };
        vec![self.telling(Told::Open(Box::new(open)))]
    }

    /// The customer speaks another language. A session that is there is told by `update`, a later one by `open`.
    pub(super) fn set_language(&mut self, tag: &str) {
        let is_new = self.language.as_deref() != Some(tag) && !tag.is_empty();
        if !is_new {
            return;
        }
        self.language = Some(tag.to_owned());
        let is_update =
            |waiting: &Outgoing| matches!(waiting, Outgoing::Answer(Told::Update { .. }));
        self.outgoing.retain(|waiting| !is_update(waiting));
        if let State::Opening | State::Open = self.state {
            self.outgoing.push_back(Outgoing::Answer(Told::Update { language: tag.to_owned() }));
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.since = None;
    }

    /// What the server may choose from. On a later session, what it chose.
    fn offers(&self) -> Vec<Media> {
        match &self.media {
            Some(media) => vec![media.clone()],
            None => offers(self.info.format, self.info.tracks),
        }
    }

    /// Whether audio may be given.
    pub(super) fn is_ready(&self) -> bool {
        self.state == State::Open
    }

    /// Whether an answer to our `close` is waited for.
    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self.state, State::Closing(_))
    }

    /// What the server owes us for too long.
    pub(super) fn overdue(&self, now: Instant) -> Option<&'static str> {
        let is_late = self.since.is_some_and(|since| now.since(since) >= ANSWER_TIME);
        match (&self.state, self.ping) {
            (State::Opening, _) if is_late => Some("the sink did not answer open with opened"),
            (State::Closing(_), _) if is_late => Some("the sink did not answer close with closed"),
            (State::Open, Some(Ping::Sent { at, .. })) if now.since(at) >= PING_EVERY => {
                Some("the sink did not answer a ping")
            }
            (State::Closed | State::Opening | State::Open | State::Closing(_), _) => None,
        }
    }

    /// What there is to be said besides the timeline.
    pub(super) fn poll_message(&mut self, now: Instant) -> Option<Message> {
        self.now = now;
        self.since.get_or_insert(now);
        let due = *self.ping.get_or_insert(Ping::Due(now + FIRST_PING));
        if let (State::Open, Ping::Due(due)) = (&self.state, due)
            && now >= due
        {
            let rtt = self.rtt.map(|rtt| duration(rtt.as_micros() as u64, 1_000_000));
            let message = self.telling(Told::Ping { rtt });
            self.ping = Some(Ping::Sent { seq: self.session.seq(), at: now });
            return Some(message);
        }
        self.next_outgoing()
    }

    fn next_outgoing(&mut self) -> Option<Message> {
        if let State::Opening | State::Closed = self.state {
            return None;
        }
        Some(match self.outgoing.pop_front()? {
            Outgoing::Audio { end, data } => {
                self.position = end;
                Message::Binary(data)
            }
            Outgoing::Timeline { end, told } => {
                let message = self.telling(told);
                self.position = end;
                message
            }
            Outgoing::Answer(told) => self.telling(told),
        })
    }

    pub(super) fn item(&mut self, item: &Item) -> Option<Message> {
        match item {
            // Without media nothing is told either: a later session begins with what it missed.
            Item::Frame(_) | Item::Gap(..) if self.media.is_none() => {}
            Item::Frame(frame) if frame.position < self.swallow_until => {
                let (start, samples) = (frame.position, u64::from(frame.samples));
                self.joiner.put_gap(frame.track, Span { kind: SpanKind::Paused, start, samples });
            }
            Item::Frame(frame) => self.joiner.put_frame(frame),
            Item::Gap(track, span) => {
                if span.kind == SpanKind::Paused {
                    // The stream itself is paused from here on.
                    self.swallow_until = self.swallow_until.min(span.start);
                }
                self.joiner.put_gap(*track, *span);
            }
            // The protocol's monitor has no word for these.
            Item::Dtmf { .. } | Item::Mark { .. } => {}
        }
        self.give_joined();
        self.next_outgoing()
    }

    /// What a frame's audio is, when the server takes none of it: it wants no audio at all, or not this channel; or it has not lifted
    /// the pause that its session began with.
    pub(super) fn withholds(&self, frame: &Frame) -> Option<SpanKind> {
        let channel = match frame.track {
            Track::FromCustomer => Channel::External,
            Track::ToCustomer => Channel::Internal,
        };
        match &self.media {
            Some(media) if !media.channels.contains(&channel) => Some(SpanKind::Discarded),
            Some(_) if frame.position < self.swallow_until => Some(SpanKind::Paused),
            Some(_) => None,
            None => Some(SpanKind::Discarded),
        }
    }

    fn give_joined(&mut self) {
        while let Some(joined) = self.joiner.poll() {
            match joined {
                Joined::Frame(frame) => self.give(&frame),
                Joined::Gap(span) if span.kind == SpanKind::Paused => self.pause_at(span.start),
                Joined::Gap(span) if self.paused.is_none() => {
                    let told = Told::Discarded(self.stretch(span.start, span.samples));
                    self.outgoing
                        .push_back(Outgoing::Timeline { end: span.start + span.samples, told });
                }
                Joined::Gap(_) => {}
            }
        }
    }

    fn pause_at(&mut self, position: u64) {
        if self.paused.is_none() {
            self.paused = Some(position);
            self.outgoing.push_back(Outgoing::Timeline { end: position, told: Told::Paused {} });
        }
    }

    fn give(&mut self, frame: &JoinedFrame) {
        let Some(media) = &self.media else {
            return;
        };
        let data = rewritten(&frame.data, self.info.format, media);
        if let Some(start) = self.paused.take() {
            let told = Told::Resumed(self.stretch(start, frame.position.saturating_sub(start)));
            self.outgoing.push_back(Outgoing::Timeline { end: frame.position, told });
        }
        let end = frame.position + u64::from(frame.samples);
        self.outgoing.push_back(Outgoing::Audio { end, data });
    }

    fn stretch(&self, start: u64, samples: u64) -> Stretch {
        let rate = u64::from(self.info.format.sample_rate);
        Stretch { start: duration(start, rate), discarded: duration(samples, rate) }
    }

    fn telling(&mut self, told: Told) -> Message {
        let rate = u64::from(self.info.format.sample_rate);
        self.session.telling(told, duration(self.position, rate))
    }

    pub(super) fn refuse(&mut self, reason: &str) -> Option<Message> {
        match self.state {
            State::Opening | State::Open => {
                Some(self.telling(Told::Error { code: 400, message: reason.to_owned() }))
            }
            State::Closed | State::Closing(_) => None,
        }
    }

    pub(super) const fn late_samples(&self) -> u64 {
        self.joiner.late_samples()
    }

    /// What is left to be joined, and the end of the session.
    pub(super) fn farewell(&mut self) -> Vec<Message> {
        match self.state {
            State::Open => {
                self.joiner.finish();
                self.give_joined();
            }
            // No audio may follow, or none before `opened`.
            State::Closed | State::Opening | State::Closing(_) => {
                self.outgoing.retain(|waiting| matches!(waiting, Outgoing::Answer(_)));
            }
        }
        let reason = self.leaving;
        self.close(reason, After::End);
        std::iter::from_fn(|| self.next_outgoing()).collect()
    }

    fn close(&mut self, reason: CloseReason, after: After) {
        if !self.awaits_answer() {
            self.outgoing.push_back(Outgoing::Answer(Told::Close { reason }));
        }
        self.enter(State::Closing(after));
    }

    /// Reads what a server said.
    pub(super) fn read(&mut self, message: &Message) -> SinkSays {
        let Message::Text(text) = message else {
            return SinkSays::Refused("audio");
        };
        let heard: Heard = match serde_json::from_str(text) {
            Ok(heard) => heard,
            Err(error) => return SinkSays::garbage(&error.to_string()),
        };
        if heard.version != VERSION || heard.id != self.session.id() {
            return SinkSays::garbage("a message of another version or session");
        }
        self.session.heard(heard.seq);
        match heard.said {
            Said::Opened { media, start_paused } => self.handle_opened(media, start_paused),
            Said::Closed {} => self.handle_closed(),
            Said::Disconnect { reason, info } => self.handle_disconnect(&reason, info),
            Said::Event {} | Said::Updated {} => SinkSays::Noted,
            Said::Pause {} => {
                // One that is paused already is told so: nothing will change on the timeline.
                let is_paused = self.is_ready() && self.paused.is_some();
                if is_paused && self.outgoing.len() < ANSWERS_LIMIT {
                    self.outgoing.push_back(Outgoing::Answer(Told::Paused {}));
                }
                SinkSays::Pause
            }
            Said::Resume {} => SinkSays::Resume,
            Said::Reconnect {} => {
                self.close(CloseReason::Reconnect, After::Reconnect);
                SinkSays::Noted
            }
            Said::Pong {} => self.handle_pong(heard.clientseq),
        }
    }

    fn handle_opened(&mut self, media: Vec<Media>, start_paused: bool) -> SinkSays {
        if self.state != State::Opening {
            return SinkSays::garbage("an opened that nobody asked for");
        }
        let media = match media.as_slice() {
            [] => None,
            [one] if self.offers().contains(one) => Some(one.clone()),
            [_] | [_, _, ..] => {
                let message = "that media was not offered".to_owned();
                self.outgoing.push_back(Outgoing::Answer(Told::Error { code: 400, message }));
                let why = "the sink chose a format that was not offered".to_owned();
                self.close(CloseReason::Error, After::Unfit(why));
                return SinkSays::Noted;
            }
        };
        self.media = media;
        self.enter(State::Open);
        if self.paused.is_some() && self.outgoing.is_empty() {
            // A new session does not know yet that the stream is paused.
            self.outgoing.push_back(Outgoing::Answer(Told::Paused {}));
        }
        if !start_paused {
            return SinkSays::Noted;
        }
        let position = self.joiner.cursor();
        self.pause_at(position);
        let patience = PAUSE_PATIENCE.as_millis() as u64;
        self.swallow_until = position + u64::from(self.info.format.sample_rate) * patience / 1000;
        SinkSays::Pause
    }

    fn handle_closed(&mut self) -> SinkSays {
        let State::Closing(after) = std::mem::replace(&mut self.state, State::Closed) else {
            return SinkSays::Reconnect;
        };
        match after {
            After::End => SinkSays::Noted,
            After::Reconnect => SinkSays::Reconnect,
            After::Unfit(why) => SinkSays::Unfit(why),
        }
    }

    fn handle_disconnect(&mut self, reason: &str, info: Option<String>) -> SinkSays {
        if self.awaits_answer() {
            return SinkSays::Noted;
        }
        self.leaving = CloseReason::Disconnect;
        if reason == "completed" {
            return SinkSays::Stop;
        }
        let why = format!("{reason}: {}", info.unwrap_or_default());
        let SinkSays::Garbage(why) = SinkSays::garbage(&why) else {
            return SinkSays::Noted;
        };
        self.close(CloseReason::Disconnect, After::Unfit(why));
        SinkSays::Noted
    }

    fn handle_pong(&mut self, clientseq: u64) -> SinkSays {
        match self.ping {
            Some(Ping::Sent { seq, at }) if seq == clientseq => {
                self.rtt = Some(self.now.since(at));
                self.ping = Some(Ping::Due(at + PING_EVERY));
                SinkSays::Noted
            }
            Some(Ping::Sent { .. } | Ping::Due(_)) | None => {
                SinkSays::garbage("a pong without a ping")
            }
        }
    }
}
