//! The state machine of one stream.
//!
//! ```text
//!             start            media flows               pause
//!    (none) ---------> armed ----------------> active <-----------> paused
//!                        |                        |      resume        |
//!                        |  stop, hang-up, refused, lost for good      |
//!                        +-------------------> ended <-----------------+
//! ```
//! What each verb does in each state, and who may ask, is [`table`]. A pause before the first audio is remembered: the stream is
//! `paused` from then on, and a resume makes it `armed` again. `ended` has two sides: `Closing` (told to the sinks, whose
//! accounts are awaited) and `Ended` (the terminal event has been told).
//!
//! A stream goes to any number of [`terminal`]s, which come and go while its one clock runs.

mod table;
mod terminal;
#[cfg(test)]
mod tests;

pub(super) use table::{Asked, may};
pub(super) use terminal::{Stage, Terminal, Terminals};

use std::sync::Arc;

use crate::command::{Denied, Origin, PauseAs, StreamState, StreamStatus};
use crate::event::{Cause, Manifest};
use crate::id::{StreamId, Track, Tracks};
use crate::time::{Duration, Instant, MediaTime};
use table::{Rule, Stand, rule};

/// What a stream was started with; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) tracks: Tracks,
    pub(super) label: Option<String>,
    pub(super) pause_as: PauseAs,
    pub(super) max_duration: Option<Duration>,
    pub(super) early_media: bool,
    pub(super) redact_dtmf: bool,
}

/// One start-to-end of copying.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) spec: Spec,
    pub(super) terminals: Terminals,
    state: State,
    paused: bool,
    muted: [bool; 2],
}

#[derive(Debug)]
enum State {
    /// Accepted before the call's media begins: neither tap nor sink is there.
    Waiting,
    /// The clock runs. `flowing`: audio has reached a sink.
    Open { start: Instant, flowing: bool },
    /// Told to the sinks; their accounts are awaited.
    Closing { media_time: MediaTime, cause: Cause, origin: Origin },
    /// Final.
    Ended { media_time: MediaTime },
}

/// What an accepted verb asks the call to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The state is as asked already.
    Unchanged,
    /// Tell the sinks and the bus.
    Changed,
}

impl Stream {
    pub(super) fn new(id: StreamId, spec: Spec) -> Self {
        Stream {
            id,
            spec,
            terminals: Terminals::default(),
            state: State::Waiting,
            paused: false,
            muted: [false; 2],
        }
    }

    fn stand(&self) -> Stand {
        match (&self.state, self.paused) {
            (State::Waiting, false) => Stand::Waiting,
            (State::Waiting, true) => Stand::WaitingPaused,
            (State::Open { flowing: false, .. }, false) => Stand::Armed,
            (State::Open { flowing: false, .. }, true) => Stand::ArmedPaused,
            (State::Open { flowing: true, .. }, false) => Stand::Active,
            (State::Open { flowing: true, .. }, true) => Stand::Paused,
            (State::Closing { .. }, _) => Stand::Closing,
            (State::Ended { .. }, _) => Stand::Ended,
        }
    }

    pub(super) fn state(&self) -> StreamState {
        self.stand().state()
    }

    /// Whether its terminal event has been told.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Whether it waits for the call's media to begin.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether its clock runs.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    /// Position 0 of its clock, while it runs.
    pub(super) fn start(&self) -> Option<Instant> {
        match self.state {
            State::Open { start, .. } => Some(start),
            State::Waiting | State::Closing { .. } | State::Ended { .. } => None,
        }
    }

    /// Where its clock stands.
    pub(super) fn media_time(&self, now: Instant) -> MediaTime {
        match self.state {
            State::Waiting => MediaTime::ZERO,
            State::Open { start, .. } => MediaTime::between(start, now),
            State::Closing { media_time, .. } | State::Ended { media_time } => media_time,
        }
    }

    pub(super) fn status(&self, now: Instant) -> StreamStatus {
        let state = self.state();
        StreamStatus {
            stream: self.id,
            label: self.spec.label.clone(),
            sinks: self.terminals.sinks(state == StreamState::Ended),
            state,
            media_time: self.media_time(now),
        }
    }

    /// The call's media begins: the clock starts.
    pub(super) fn open(&mut self, now: Instant) {
        debug_assert!(self.is_waiting(), "a stream is opened once");
        self.state = State::Open { start: now, flowing: false };
    }

    /// Audio reached a sink. Returns whether that made the stream active.
    pub(super) fn handle_flowing(&mut self) -> bool {
        let State::Open { flowing, .. } = &mut self.state else {
            return false;
        };
        !std::mem::replace(flowing, true) && !self.paused
    }

    /// The last sink was taken from it: it is armed until there is another one.
    pub(super) fn rearm(&mut self) {
        if let State::Open { flowing, .. } = &mut self.state {
            *flowing = false;
        }
    }

    /// Ends it. Cause and origin are kept for the terminal event.
    pub(super) fn stop(&mut self, now: Instant, cause: Cause, origin: Origin) -> Step {
        match rule(Asked::Stop, self.stand()) {
            Rule::Do => {
                let media_time = self.media_time(now);
                self.state = State::Closing { media_time, cause, origin };
                Step::Changed
            }
            Rule::Same | Rule::Refuse | Rule::Elsewhere => Step::Unchanged,
        }
    }

    pub(super) fn pause(&mut self) -> Result<Step, Denied> {
        let step = self.judge(Asked::Pause)?;
        self.paused |= step == Step::Changed;
        Ok(step)
    }

    pub(super) fn resume(&mut self) -> Result<Step, Denied> {
        let step = self.judge(Asked::Resume)?;
        if self.terminals.live().next().is_none() {
            return Err(Denied::NoTerminal);
        }
        self.paused &= step != Step::Changed;
        Ok(step)
    }

    /// Mutes or unmutes a track; a stream that is armed takes it along.
    pub(super) fn set_muted(&mut self, track: Track, muted: bool) -> Result<Step, Denied> {
        self.judge(if muted { Asked::Mute } else { Asked::Unmute })?;
        if !self.spec.tracks.contains(track) {
            return Err(Denied::NoSuchTrack);
        }
        let before = std::mem::replace(&mut self.muted[track.index()], muted);
        Ok(if before == muted { Step::Unchanged } else { Step::Changed })
    }

    pub(super) fn is_muted(&self, track: Track) -> bool {
        self.muted[track.index()]
    }

    /// Marks need a clock that runs.
    pub(super) fn mark(&self) -> Result<Step, Denied> {
        self.judge(Asked::Mark)
    }

    /// Whether terminals may come and go.
    pub(super) fn change_terminals(&self, asked: Asked) -> Result<Step, Denied> {
        self.judge(asked)
    }

    /// The sinks' last words have come: the cause and origin of the terminal event. `cause` is that of the sink that spoke last.
    /// `None` while the stream goes on, or accounts are awaited.
    pub(super) fn settle(&mut self, cause: Cause) -> Option<(Cause, Origin)> {
        let State::Closing { media_time, cause: asked, origin } = self.state else {
            return None;
        };
        if !self.terminals.all().all(Terminal::is_over) {
            return None;
        }
        let manifests = self.terminals.manifests();
        // The clocks of the accounts tell exactly where the stream stopped.
        let media_time = manifests.iter().map(|it| clock(it)).max().unwrap_or(media_time);
        self.state = State::Ended { media_time };
        let as_asked = self.terminals.any_ended_by(asked) || self.terminals.all().next().is_none();
        Some((terminal_cause(if as_asked { asked } else { cause }, &manifests), origin))
    }

    fn judge(&self, asked: Asked) -> Result<Step, Denied> {
        match rule(asked, self.stand()) {
            Rule::Do => Ok(Step::Changed),
            Rule::Same => Ok(Step::Unchanged),
            Rule::Refuse | Rule::Elsewhere => Err(Denied::WrongState(self.state())),
        }
    }
}

fn clock(manifest: &Manifest) -> MediaTime {
    let rate = u64::from(manifest.sample_rate.max(1));
    MediaTime::from_micros(manifest.clock.saturating_mul(1_000_000) / rate)
}

/// The cause of a terminal event: what never carried audio ends as not used, unless something went wrong.
pub(super) fn terminal_cause(cause: Cause, manifests: &[Arc<Manifest>]) -> Cause {
    use crate::event::SpanKind::Audio;
    let carried =
        |manifest: &Arc<Manifest>| manifest.tracks.iter().any(|track| track.samples(Audio) > 0);
    match cause {
        Cause::Request | Cause::HangUp | Cause::Shutdown if !manifests.iter().any(carried) => {
            Cause::NotUsed
        }
        cause => cause,
    }
}
