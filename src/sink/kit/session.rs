//! One connection of a test: speaks in real time, notes what the sink says, and may do what no stream would.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant as Moment, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message as Wire;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::close::{self, closed_by_itself, line};
use super::speech::{FRAME, Speech, Talk};
use super::{Fault, Subject};
use crate::dialect::{Delivery, Dialect, DialectKind, Message, Note, SinkSays};
use crate::event::{Cause, Manifest};
use crate::id::{StreamId, Track, Tracks};
use crate::media::{Assembler, Control, Frame, Item};
use crate::net::Clock;

/// How long a sink may take nothing, or leave a ping, a session or a farewell unanswered.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What a sink may ask for in one second; more is passed over by a stream.
const ASKS_A_SECOND: u32 = 20;

/// See the module.
pub(super) struct Session {
    wire: close::Wire,
    stream: StreamId,
    tracks: Tracks,
    dialect: Dialect,
    timeline: Assembler,
    speech: Speech,
    clock: Clock,
    /// When the next frame leaves.
    next: Moment,
    /// Frames that the sink has not acknowledged.
    kept: Vec<Frame>,
    pub(super) heard: Heard,
}

/// What the sink said so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// The end of what was sent of each track, in samples.
    pub(super) sent: [u64; 2],
    /// How far it has acknowledged each track.
    pub(super) acknowledged: [Option<u64>; 2],
    /// What it asked for, marks and speech of its own not counted.
    asks: u32,
    asks_since: Option<Moment>,
    pongs: u32,
}

impl Session {
    /// Connects, and says what comes first; `lead` is how long ago the stream began.
    pub(super) async fn open(subject: &Subject, lead: Duration) -> Result<Session, Fault> {
        let now = subject.clock.now();
        let lead_nanos = u64::try_from(lead.as_nanos()).unwrap_or(u64::MAX);
        let start = crate::time::Instant::from_nanos(now.as_nanos().saturating_sub(lead_nanos));
        let info = subject.stream(start);
        let (stream, tracks) = (info.stream, info.tracks);
        let (speech, reader) = Speech::begin(start);
        let timeline = Speech::timeline(&info, reader, subject.dialect.wants_silence());
        let mut dialect = Dialect::new(subject.dialect, info);
        let wire = subject.connect(stream, &mut dialect).await?;
        let mut session = Session {
            wire,
            stream,
            tracks,
            dialect,
            timeline,
            speech,
            clock: subject.clock,
            next: Moment::now(),
            kept: Vec::new(),
            heard: Heard::default(),
        };
        session.greet([0; 2]).await?;
        Ok(session)
    }

    async fn greet(&mut self, resume: [u64; 2]) -> Result<(), Fault> {
        let greeting = self.dialect.greet(resume);
        self.send(greeting).await
    }

    /// Both parties speak for so many frames, the customer as `talk` says.
    pub(super) async fn speak(&mut self, frames: u32, talk: Talk) -> Result<(), Fault> {
        for _ in 0..frames {
            self.speech.next_frame(talk);
            self.timeline.poll(self.speech.now());
            self.give().await?;
            self.next += FRAME;
            self.listen_until(self.next).await?;
        }
        Ok(())
    }

    /// So many frames at once, as after a time in which nothing went through.
    pub(super) async fn catch_up(&mut self, frames: u32) -> Result<(), Fault> {
        for _ in 0..frames {
            self.speech.next_frame(Talk::Speech);
            self.timeline.poll(self.speech.now());
        }
        self.give().await?;
        self.next = Moment::now();
        Ok(())
    }

    /// Sends nothing and listens.
    pub(super) async fn listen(&mut self, time: Duration) -> Result<(), Fault> {
        let end = Moment::now() + time;
        while Moment::now() < end {
            self.give().await?;
            self.listen_until((Moment::now() + FRAME).min(end)).await?;
        }
        self.next = Moment::now();
        Ok(())
    }

    /// The customer presses a key.
    pub(super) fn press_key(&mut self) {
        self.speech.press_key();
    }

    /// Changes the stream, and tells the sink as a stream would.
    pub(super) async fn change(&mut self, control: Control) -> Result<(), Fault> {
        let note = Note::of(&control);
        self.timeline.handle_control(control, self.speech.now());
        self.give().await?;
        let position = self.heard.sent.into_iter().max().unwrap_or_default();
        let message = note.and_then(|note| self.dialect.note(note, position));
        self.send(message.into_iter().collect()).await
    }

    /// Sends a text that no dialect knows yet.
    pub(super) async fn send_text(&mut self, text: String) -> Result<(), Fault> {
        self.send(vec![Message::Text(text)]).await
    }

    /// Asks for a sign of life, which proves that everything before it was read.
    pub(super) async fn ping(&mut self) -> Result<Duration, Fault> {
        let (begun, before) = (Moment::now(), self.heard.pongs);
        let sent = timeout(PATIENCE, self.wire.send(Wire::Ping(Bytes::from_static(b"kit")))).await;
        sent.map_err(|_| not_reading())?.map_err(|error| lost(&error.to_string()))?;
        while self.heard.pongs == before {
            if begun.elapsed() > PATIENCE {
                return Err(Fault::new(
                    format!("left a ping unanswered for {} s", PATIENCE.as_secs()),
                    "let the sink read while it works, and answer pings (RFC 6455 §5.5.3)",
                ));
            }
            self.listen_until(Moment::now() + FRAME).await?;
        }
        self.next = Moment::now();
        Ok(begun.elapsed())
    }

    /// Waits until every sample that was sent is acknowledged; tells whether it came to that.
    pub(super) async fn settled(&mut self, time: Duration) -> Result<bool, Fault> {
        let end = Moment::now() + time;
        while Moment::now() < end && !self.is_settled() {
            self.listen_until(Moment::now() + FRAME).await?;
        }
        self.next = Moment::now();
        Ok(self.is_settled())
    }

    fn is_settled(&self) -> bool {
        let is_there = |track: Track| {
            self.heard.acknowledged[track.index()] >= Some(self.heard.sent[track.index()])
        };
        self.tracks.iter().all(is_there)
    }

    /// The sink acknowledged something.
    pub(super) fn was_acknowledged(&self) -> bool {
        self.heard.acknowledged.iter().any(Option::is_some)
    }

    /// Hangs up without a word and comes again, as the same stream, behind what the sink acknowledged.
    pub(super) async fn reconnect(&mut self, subject: &Subject) -> Result<usize, Fault> {
        let wire = subject.connect(self.stream, &mut self.dialect).await?;
        // Dropped here: the end of a connection that nobody closed.
        self.wire = wire;
        let is_kept = subject.dialect == DialectKind::Native && self.was_acknowledged();
        let Heard { acknowledged, sent, .. } = &self.heard;
        let resume = [0, 1].map(|track: usize| match is_kept {
            true => acknowledged[track].unwrap_or_default(),
            false => sent[track],
        });
        self.greet(resume).await?;
        let again = std::mem::take(&mut self.kept);
        let again: Vec<Frame> = again.into_iter().filter(|_| is_kept).collect();
        let messages = again
            .iter()
            .filter_map(|frame| self.dialect.item(&Item::Frame(frame.clone()), Delivery::Repeated));
        let messages = messages.collect();
        self.send(messages).await?;
        let repeated = again.len();
        self.kept = again;
        self.next = Moment::now();
        Ok(repeated)
    }

    /// The end as a stream has it: the rest, the last message, the closing handshake. Tells the code of the sink's answer.
    pub(super) async fn part(mut self) -> Result<Option<u16>, Fault> {
        let now = self.speech.now();
        self.timeline.stop(now);
        self.give().await?;
        let manifest: Arc<Manifest> = Arc::new(self.timeline.finish(now));
        let last = self.dialect.farewell(Cause::Request, &manifest);
        self.send(last).await?;
        let end = Moment::now() + PATIENCE;
        while self.dialect.awaits_answer() {
            if Moment::now() >= end {
                return Err(Fault::new(
                    "did not answer the end of the session",
                    "answer `close` with `closed`",
                ));
            }
            self.listen_until(Moment::now() + FRAME).await?;
        }
        let reason = "the stream has ended".into();
        let frame = CloseFrame { code: CloseCode::Normal, reason };
        let closed = timeout_at(end, self.wire.as_mut().close(Some(frame))).await;
        closed.map_err(|_| not_reading())?.map_err(|error| lost(&error.to_string()))?;
        loop {
            match timeout_at(end, self.wire.next()).await {
                Ok(Some(Ok(Wire::Close(frame)))) => {
                    return Ok(frame.map(|frame| u16::from(frame.code)));
                }
                // What it says now is late, and nobody's business any more.
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => {
                    return Err(Fault::new(
                        "ended the connection without the closing handshake",
                        "answer a close with a close (RFC 6455 §5.5.1), then end the connection",
                    ));
                }
                Err(_) => {
                    return Err(Fault::new(
                        format!("did not answer the close within {} s", PATIENCE.as_secs()),
                        "answer a close with a close (RFC 6455 §5.5.1): do not work on what is left before that",
                    ));
                }
            }
        }
    }

    /// Gives what the timeline holds.
    async fn give(&mut self) -> Result<(), Fault> {
        let now = self.clock.now();
        if let Some(what) = self.dialect.overdue(now) {
            return Err(Fault::new(what, "answer what the dialect wants answered, at once"));
        }
        let mut messages = Vec::new();
        loop {
            if let Some(message) = self.dialect.poll_message(now) {
                messages.push(message);
                continue;
            }
            if !self.dialect.is_ready() {
                break;
            }
            let Some(item) = self.timeline.next() else { break };
            if let Item::Frame(frame) = &item {
                let end = frame.position + u64::from(frame.samples);
                self.heard.sent[frame.track.index()] = end;
                self.kept.push(frame.clone());
            }
            if let Item::Gap(track, span) = &item {
                self.heard.sent[track.index()] = span.start + span.samples;
            }
            messages.extend(self.dialect.item(&item, Delivery::First));
        }
        self.send(messages).await
    }

    async fn send(&mut self, messages: Vec<Message>) -> Result<(), Fault> {
        if messages.is_empty() {
            return Ok(());
        }
        let sending = async {
            for message in messages {
                self.wire.feed(wire(message)).await?;
            }
            self.wire.flush().await
        };
        match timeout(PATIENCE, sending).await {
            Ok(Ok(())) => Ok(()),
            // Why it ended may lie in what was not read yet.
            Ok(Err(error)) => match self.listen_until(Moment::now() + FRAME).await {
                Err(fault) => Err(fault),
                Ok(()) => Err(lost(&error.to_string())),
            },
            Err(_) => Err(not_reading()),
        }
    }

    async fn listen_until(&mut self, until: Moment) -> Result<(), Fault> {
        loop {
            match timeout_at(until, self.wire.next()).await {
                Err(_) => return Ok(()),
                Ok(Some(Ok(Wire::Text(text)))) => {
                    self.hear(Message::Text(text.as_str().to_owned())).await?;
                }
                Ok(Some(Ok(Wire::Binary(bytes)))) => self.hear(Message::Binary(bytes)).await?,
                Ok(Some(Ok(Wire::Close(frame)))) => return Err(closed_by_itself(frame.as_ref())),
                Ok(Some(Ok(Wire::Pong(_)))) => self.heard.pongs += 1,
                Ok(Some(Ok(Wire::Ping(_) | Wire::Frame(_)))) => {}
                Ok(Some(Err(error))) => return Err(lost(&error.to_string())),
                Ok(None) => return Err(lost("the connection ended")),
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), Fault> {
        match self.dialect.read(&message) {
            SinkSays::Acknowledged { track, position } => self.acknowledge(track, position),
            SinkSays::Garbage(what) => Err(Fault::new(
                format!("said what is no message: {}", line(&what)),
                "say only what the dialect has words for: docs/native-protocol.md, docs/sinks.md",
            )),
            SinkSays::Unfit(why) => {
                Err(Fault::new(line(&why), "let the sink take one of the offered formats"))
            }
            SinkSays::Stop => Err(Fault::new(
                "asked for the stream's end in the middle of it",
                "ask for the end when enough was heard, and not before",
            )),
            SinkSays::Reconnect => Err(Fault::new(
                "asked for another connection in the middle of a test",
                "try again when the sink is not moving its sessions",
            )),
            SinkSays::SayMark(name) => {
                let answer = self.dialect.heard(&name);
                let sending = answer.map(|message| self.wire.send(wire(message)));
                match sending {
                    Some(sending) => {
                        sending.await.map_err(|error| lost(&error.to_string()))?;
                        self.count_ask()
                    }
                    None => self.count_ask(),
                }
            }
            SinkSays::Pause | SinkSays::Resume | SinkSays::Mark(_) => self.count_ask(),
            SinkSays::Say(_) | SinkSays::Hush | SinkSays::Noted | SinkSays::Refused(_) => Ok(()),
        }
    }

    fn acknowledge(&mut self, track: Track, position: u64) -> Result<(), Fault> {
        let sent = self.heard.sent[track.index()];
        if position > sent {
            return Err(Fault::new(
                format!("acknowledged sample {position} of {track}, of which {sent} were sent"),
                "acknowledge `position` + samples of the last frame that is stored, per track",
            ));
        }
        let acknowledged = &mut self.heard.acknowledged[track.index()];
        *acknowledged = (*acknowledged).max(Some(position));
        self.kept.retain(|frame| {
            frame.track != track || frame.position + u64::from(frame.samples) > position
        });
        Ok(())
    }

    fn count_ask(&mut self) -> Result<(), Fault> {
        if self.heard.asks_since.is_none_or(|since| since.elapsed() > Duration::from_secs(1)) {
            self.heard.asks_since = Some(Moment::now());
            self.heard.asks = 0;
        }
        self.heard.asks += 1;
        match self.heard.asks > ASKS_A_SECOND {
            true => Err(Fault::new(
                format!("asked for more than {ASKS_A_SECOND} changes in a second"),
                "ask once for each change: the rest is passed over",
            )),
            false => Ok(()),
        }
    }
}

fn wire(message: Message) -> Wire {
    match message {
        Message::Text(text) => Wire::Text(text.into()),
        Message::Binary(bytes) => Wire::Binary(bytes),
    }
}

fn lost(why: &str) -> Fault {
    Fault::new(
        format!("lost the connection: {}", line(why)),
        "the sink's own log tells whether it died or threw the connection away",
    )
}

fn not_reading() -> Fault {
    Fault::new(
        format!("took nothing for {} s", PATIENCE.as_secs()),
        "let the sink read all the time, and work in another task or thread",
    )
}
