//! One track's samples in order of position, cut into frames, each sample typed.
//!
//! What is put here comes with positions in ticks; what is given has positions in samples of the sink's rate.

use std::ops::Range;

use bytes::Bytes;

use crate::command::PauseAs;
use crate::event::{Span, SpanKind};
use crate::id::Track;
use crate::time::Instant;

use super::account::Account;
use super::clock::{Clock, Scale};
use super::conditions::{Condition, Conditions};
use super::outbox::{Outbox, Sealed};
use super::{AssemblyPlan, Encoding};

/// What frames look like.
#[derive(Clone, Debug)]
struct Format {
    frame_samples: u64,
    encoding: Encoding,
    pause_as: PauseAs,
    gaps_as_silence: bool,
    /// A whole frame of zero samples.
    zeros: Bytes,
}

impl Format {
    fn of(plan: &AssemblyPlan) -> Format {
        let frame_samples = u64::from(plan.frame_samples().max(1));
        let length = frame_samples as usize * plan.encoding.sample_bytes();
        Format {
            frame_samples,
            encoding: plan.encoding,
            pause_as: plan.pause_as,
            gaps_as_silence: plan.gaps_as_silence,
            zeros: Bytes::from(vec![plan.encoding.zero_byte(); length]),
        }
    }

    /// Whether a stretch without audio is given as frames.
    const fn gives(&self, kind: SpanKind) -> bool {
        match (kind, self.pause_as) {
            (SpanKind::Audio | SpanKind::Silence | SpanKind::Muted, _)
            | (SpanKind::Paused, PauseAs::Silence) => true,
            (SpanKind::Paused, PauseAs::Omit) => false,
            (SpanKind::Lost | SpanKind::Held | SpanKind::Discarded, _) => self.gaps_as_silence,
        }
    }
}

/// The frame that is being filled.
#[derive(Debug, Default)]
struct OpenFrame {
    /// Empty as long as every sample is zero.
    bytes: Vec<u8>,
    samples: u64,
    /// The kind of its first sample; `Audio` as soon as there is some.
    kind: Option<SpanKind>,
    arrival: Option<Instant>,
}

/// How far a track's timeline is, whatever the rate of its terminal.
#[derive(Clone, Debug)]
pub(super) struct Stand {
    cursor: u64,
    is_untouched: bool,
    conditions: Conditions,
}

impl Stand {
    pub(super) const fn cursor(&self) -> u64 {
        self.cursor
    }
}

/// One track's timeline.
#[derive(Debug)]
pub(super) struct Timeline {
    track: Track,
    format: Format,
    scale: Scale,
    /// Whether the sink gets the track, which is placed in any case: the stream's end depends on it.
    is_given: bool,
    /// Before it the terminal was not selected.
    begin: u64,
    /// Everything before it is decided.
    cursor: u64,
    /// Nothing was put yet.
    is_untouched: bool,
    open: OpenFrame,
    conditions: Conditions,
    pub(super) account: Account,
    pub(super) outbox: Outbox,
}

impl Timeline {
    /// A line that begins with the first whole frame behind the plan's begin.
    pub(super) fn new(plan: &AssemblyPlan, track: Track) -> Self {
        let clock = Clock::new(plan);
        Timeline::behind(plan, track, clock.next_frame(clock.position(plan.begin)))
    }

    /// A line that goes on where another terminal's stands, and begins at `begin`.
    pub(super) fn join(plan: &AssemblyPlan, track: Track, other: &Stand, begin: u64) -> Self {
        let frame = Clock::new(plan).frame();
        let mut line = Timeline::behind(plan, track, other.cursor / frame * frame);
        line.begin = line.scale.samples(begin);
        line.conditions = other.conditions.clone();
        line.put_absence(other.cursor, SpanKind::Silence);
        line.is_untouched = other.is_untouched;
        line
    }

    /// A line of which a gap up to `begin` is all that is known.
    fn behind(plan: &AssemblyPlan, track: Track, begin: u64) -> Self {
        let scale = Scale::of(plan.sample_rate);
        let begin = scale.samples(begin);
        let is_given = plan.given.contains(track);
        let mut account = Account::default();
        // A gap is told after a second even if it lasts.
        let mut outbox = Outbox::new(u64::from(plan.sample_rate));
        if begin > 0 {
            account.append(SpanKind::Paused, begin);
        }
        if begin > 0 && is_given {
            // A gap even where a pause is given as frames: they would come all at once.
            outbox.push_gap(Span { kind: SpanKind::Paused, start: 0, samples: begin });
            outbox.close_gap();
        }
        Timeline {
            track,
            format: Format::of(plan),
            scale,
            is_given,
            begin,
            cursor: begin,
            is_untouched: true,
            open: OpenFrame::default(),
            conditions: Conditions::default(),
            account,
            outbox,
        }
    }

    pub(super) const fn track(&self) -> Track {
        self.track
    }

    pub(super) const fn is_given(&self) -> bool {
        self.is_given
    }

    pub(super) const fn is_untouched(&self) -> bool {
        self.is_untouched
    }

    pub(super) const fn cursor(&self) -> u64 {
        self.scale.ticks(self.cursor)
    }

    /// The end of the last frame that is full, and can have been taken.
    pub(super) const fn sealed_end(&self) -> u64 {
        self.scale.ticks(self.cursor - self.open.samples)
    }

    pub(super) const fn scale(&self) -> Scale {
        self.scale
    }

    /// From `position` on; what is behind it already is not changed.
    pub(super) fn change(&mut self, position: u64, condition: Condition) {
        self.conditions.change(position, condition);
    }

    /// Whether what the party does at `position` is withheld.
    pub(super) fn withheld_at(&self, position: u64) -> bool {
        position < self.scale.ticks(self.begin) || self.conditions.withheld_at(position)
    }

    /// How far it is, for another terminal's.
    pub(super) fn stand(&self) -> Stand {
        let conditions = self.conditions.clone();
        Stand { cursor: self.cursor(), is_untouched: self.is_untouched, conditions }
    }

    /// Puts samples, encoded as the plan says, at the cursor.
    pub(super) fn put_audio(&mut self, mut bytes: &[u8], arrival: Instant) {
        let sample_bytes = self.format.encoding.sample_bytes();
        while !bytes.is_empty() {
            let stretch = self.stretch((bytes.len() / sample_bytes) as u64);
            if stretch == 0 {
                return;
            }
            let (head, tail) = bytes.split_at(stretch as usize * sample_bytes);
            match self.kind(SpanKind::Audio) {
                SpanKind::Audio => {
                    self.pad_open();
                    self.open.bytes.extend_from_slice(head);
                    self.open.kind = Some(SpanKind::Audio);
                    self.open.arrival = Some(arrival);
                    self.advance(SpanKind::Audio, stretch);
                }
                withheld => self.put_zeros(withheld, stretch),
            }
            bytes = tail;
        }
    }

    /// Puts zero samples from the cursor to `until`, typed `kind` unless a condition types them otherwise.
    pub(super) fn put_absence(&mut self, until: u64, kind: SpanKind) {
        let until = self.scale.samples(until);
        while self.cursor < until {
            let stretch = self.stretch(until - self.cursor);
            self.put_zeros(self.kind(kind), stretch);
        }
    }

    /// Types a stretch that was taken for silence: it lies before the cursor, or partly, or wholly behind.
    pub(super) fn explain(&mut self, range: Range<u64>, kind: SpanKind) {
        let (start, end) = (self.scale.samples(range.start), self.scale.samples(range.end));
        self.account.retype(start..end.min(self.cursor), SpanKind::Silence, kind);
        self.put_absence(range.end, kind);
    }

    /// Ends the timeline at `end`, which no whole frame lies behind; the last frame is cut short there.
    pub(super) fn finish(&mut self, end: u64) {
        self.put_absence(end, SpanKind::Silence);
        let end = self.scale.samples(end);
        if self.cursor > end {
            self.truncate(end);
        }
        self.seal();
        self.outbox.close_gap();
    }

    /// Gives up what the sink did not take.
    pub(super) fn give_up_rest(&mut self) {
        if let Some(rest) = self.outbox.clear() {
            self.account.withdraw(rest, SpanKind::Discarded);
        }
    }

    /// How many of `samples` can be put before a condition changes or the frame is full; conditions that begin at the cursor
    /// are taken over first.
    fn stretch(&mut self, samples: u64) -> u64 {
        let cursor = self.cursor();
        self.conditions.reach(cursor);
        // A terminal begins with a whole frame, so that no frame is half before it.
        let room = self.format.frame_samples - self.open.samples;
        let ticks = self.scale.ticks(samples.min(room));
        self.scale.samples(self.conditions.unchanged(cursor, ticks))
    }

    /// What a sample at the cursor becomes that would be `kind`.
    const fn kind(&self, kind: SpanKind) -> SpanKind {
        if self.cursor < self.begin { SpanKind::Paused } else { self.conditions.kind(kind) }
    }

    fn put_zeros(&mut self, kind: SpanKind, samples: u64) {
        self.open.kind.get_or_insert(kind);
        self.advance(kind, samples);
    }

    fn advance(&mut self, kind: SpanKind, samples: u64) {
        self.is_untouched = false;
        self.account.append(kind, samples);
        self.cursor += samples;
        self.open.samples += samples;
        if self.open.samples == self.format.frame_samples {
            self.seal();
        }
    }

    /// Writes the zeros down that the open frame has behind its last audio.
    fn pad_open(&mut self) {
        let length = self.open.samples as usize * self.format.encoding.sample_bytes();
        self.open.bytes.resize(length, self.format.encoding.zero_byte());
    }

    /// Closes the open frame, full or not.
    fn seal(&mut self) {
        let Some(kind) = self.open.kind else { return };
        if !self.is_given {
            self.open = OpenFrame::default();
            return;
        }
        if kind == SpanKind::Audio {
            self.pad_open();
        }
        let open = std::mem::take(&mut self.open);
        let position = self.cursor - open.samples;
        let excess = if self.format.gives(kind) && position >= self.begin {
            let data = match kind {
                SpanKind::Audio => Bytes::from(open.bytes),
                _ => self.zeros(open.samples),
            };
            self.outbox.push_frame(Sealed {
                position,
                data,
                samples: open.samples as u32,
                kind,
                arrival: open.arrival,
            })
        } else {
            let span = Span { kind, start: position, samples: open.samples };
            self.outbox.push_gap(span)
        };
        if let Some(excess) = excess {
            self.account.withdraw(excess, SpanKind::Discarded);
        }
    }

    fn zeros(&self, samples: u64) -> Bytes {
        let length = samples as usize * self.format.encoding.sample_bytes();
        self.format.zeros.slice(..length.min(self.format.zeros.len()))
    }

    /// Cuts the open frame short.
    fn truncate(&mut self, end: u64) {
        let sample_bytes = self.format.encoding.sample_bytes();
        let samples = end - (self.cursor - self.open.samples);
        self.open.bytes.truncate(samples as usize * sample_bytes);
        match samples {
            0 => self.open = OpenFrame::default(),
            samples => self.open.samples = samples,
        }
        self.account.truncate(end);
        self.cursor = end;
    }
}
