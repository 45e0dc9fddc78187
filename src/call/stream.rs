//! The state machine of one stream.
//!
//! ```text
//!             start            media flows               pause
//!    (none) ---------> armed ----------------> active <-----------> paused
//!                        |                        |      resume        |
//!                        |  stop, hang-up, refused, lost for good      |
//!                        +-------------------> ended <-----------------+
//! ```
//! `ended` has two sides: `Closing` (told to the sink, whose account is awaited) and `Ended` (the terminal event has been
//! told). From outside both are `ended`, and no verb but a repeated stop or status is accepted in either.

use std::sync::Arc;

use crate::command::{Denied, Origin, PauseAs, StreamState, StreamStatus};
use crate::event::{Cause, Manifest};
use crate::id::{SinkName, StreamId, Track, Tracks};
use crate::time::{Instant, MediaTime};

/// What a stream was started with; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) sink: SinkName,
    pub(super) tracks: Tracks,
    pub(super) label: Option<String>,
    pub(super) pause_as: PauseAs,
}

/// One start-to-end of copying to one sink.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) spec: Spec,
    state: State,
    muted: [bool; 2],
}

#[derive(Debug)]
enum State {
    /// Accepted before the call's media begins: neither tap nor sink is there.
    Waiting,
    /// The sink is being connected, or no audio has reached it.
    Armed { start: Instant },
    /// Audio is copied.
    Active { start: Instant },
    /// The sink and the clock are kept.
    Paused { start: Instant },
    /// Told to the sink; its account is awaited.
    Closing { start: Instant, at: Instant, origin: Origin },
    /// Final.
    Ended { media_time: MediaTime },
}

/// What an accepted verb asks the call to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The state is as asked already.
    Unchanged,
    /// Tell the sink and the bus.
    Changed,
    /// The stream had not been opened anywhere: it ends at once.
    EndedUnopened,
}

impl Stream {
    pub(super) fn new(id: StreamId, spec: Spec) -> Self {
        Stream { id, spec, state: State::Waiting, muted: [false; 2] }
    }

    pub(super) fn state(&self) -> StreamState {
        match self.state {
            State::Waiting | State::Armed { .. } => StreamState::Armed,
            State::Active { .. } => StreamState::Active,
            State::Paused { .. } => StreamState::Paused,
            State::Closing { .. } | State::Ended { .. } => StreamState::Ended,
        }
    }

    /// Whether its terminal event has been told.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Whether it waits for the call's media to begin.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting)
    }

    /// Whether a tap and a sink are open for it, so that controls reach somebody.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Armed { .. } | State::Active { .. } | State::Paused { .. })
    }

    /// Where its clock stands.
    pub(super) fn media_time(&self, now: Instant) -> MediaTime {
        match self.state {
            State::Waiting => MediaTime::ZERO,
            State::Armed { start } | State::Active { start } | State::Paused { start } => {
                MediaTime::between(start, now)
            }
            State::Closing { start, at, .. } => MediaTime::between(start, at),
            State::Ended { media_time } => media_time,
        }
    }

    pub(super) fn status(&self, now: Instant) -> StreamStatus {
        StreamStatus {
            stream: self.id,
            label: self.spec.label.clone(),
            sink: self.spec.sink.clone(),
            state: self.state(),
            media_time: self.media_time(now),
        }
    }

    /// The call's media begins: the clock starts.
    pub(super) fn open(&mut self, now: Instant) {
        debug_assert!(self.is_waiting(), "a stream is opened once");
        self.state = State::Armed { start: now };
    }

    /// The first audio reached the sink. Returns whether that made it active.
    pub(super) fn handle_flowing(&mut self) -> bool {
        let State::Armed { start } = self.state else {
            return false;
        };
        self.state = State::Active { start };
        true
    }

    /// Ends it. `origin` is remembered for the terminal event.
    pub(super) fn stop(&mut self, now: Instant, origin: Origin) -> Step {
        match self.state {
            State::Waiting => {
                self.state = State::Ended { media_time: MediaTime::ZERO };
                Step::EndedUnopened
            }
            State::Armed { start } | State::Active { start } | State::Paused { start } => {
                self.state = State::Closing { start, at: now, origin };
                Step::Changed
            }
            State::Closing { .. } | State::Ended { .. } => Step::Unchanged,
        }
    }

    pub(super) fn pause(&mut self) -> Result<Step, Denied> {
        match self.state {
            State::Active { start } => {
                self.state = State::Paused { start };
                Ok(Step::Changed)
            }
            State::Paused { .. } => Ok(Step::Unchanged),
            State::Waiting | State::Armed { .. } | State::Closing { .. } | State::Ended { .. } => {
                self.wrong_state()
            }
        }
    }

    pub(super) fn resume(&mut self) -> Result<Step, Denied> {
        match self.state {
            State::Paused { start } => {
                self.state = State::Active { start };
                Ok(Step::Changed)
            }
            State::Active { .. } => Ok(Step::Unchanged),
            State::Waiting | State::Armed { .. } | State::Closing { .. } | State::Ended { .. } => {
                self.wrong_state()
            }
        }
    }

    /// Mutes or unmutes a track; a stream that is armed takes it along.
    pub(super) fn set_muted(&mut self, track: Track, muted: bool) -> Result<Step, Denied> {
        if self.state() == StreamState::Ended {
            return self.wrong_state();
        }
        if !self.spec.tracks.contains(track) {
            return Err(Denied::NoSuchTrack);
        }
        let slot = &mut self.muted[track.index()];
        if *slot == muted {
            return Ok(Step::Unchanged);
        }
        *slot = muted;
        Ok(Step::Changed)
    }

    pub(super) fn is_muted(&self, track: Track) -> bool {
        self.muted[track.index()]
    }

    /// Marks need a clock that runs.
    pub(super) fn mark(&self) -> Result<Step, Denied> {
        match self.state {
            State::Active { .. } | State::Paused { .. } => Ok(Step::Changed),
            State::Waiting | State::Armed { .. } | State::Closing { .. } | State::Ended { .. } => {
                self.wrong_state()
            }
        }
    }

    /// Who asked for the end that is under way.
    pub(super) fn closed_by(&self) -> Option<Origin> {
        match self.state {
            State::Closing { origin, .. } => Some(origin),
            State::Waiting
            | State::Armed { .. }
            | State::Active { .. }
            | State::Paused { .. }
            | State::Ended { .. } => None,
        }
    }

    /// The sink's last word. The clock of the manifest, when there is one, tells where the stream stopped.
    pub(super) fn finish(&mut self, manifest: Option<&Arc<Manifest>>, now: Instant) {
        let media_time = match manifest {
            Some(manifest) if manifest.sample_rate > 0 => MediaTime::from_micros(
                manifest.clock.saturating_mul(1_000_000) / u64::from(manifest.sample_rate),
            ),
            _ => self.media_time(now),
        };
        self.state = State::Ended { media_time };
    }

    fn wrong_state(&self) -> Result<Step, Denied> {
        Err(Denied::WrongState(self.state()))
    }
}

/// The cause of the terminal event: a stream that never carried audio ends as not used, unless something went wrong.
pub(super) fn terminal_cause(cause: Cause, manifest: Option<&Arc<Manifest>>) -> Cause {
    use crate::event::SpanKind::Audio;
    let carried = manifest
        .is_some_and(|manifest| manifest.tracks.iter().any(|track| track.samples(Audio) > 0));
    match cause {
        Cause::Request | Cause::HangUp | Cause::Shutdown if !carried => Cause::NotUsed,
        cause => cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Instant = Instant::from_millis(1_000);

    fn stream(state: &str) -> Stream {
        let spec =
            Spec { sink: "s".into(), tracks: Tracks::From, label: None, pause_as: PauseAs::Omit };
        let mut stream = Stream::new(StreamId::from_u128(1), spec);
        let steps: &[&str] = match state {
            "waiting" => &[],
            "armed" => &["open"],
            "active" => &["open", "flow"],
            "paused" => &["open", "flow", "pause"],
            "closing" => &["open", "flow", "stop"],
            "ended" => &["open", "flow", "stop", "finish"],
            other => panic!("no such state: {other}"),
        };
        steps.iter().for_each(|step| {
            apply(&mut stream, step);
        });
        stream
    }

    fn apply(stream: &mut Stream, input: &str) -> String {
        let answer = match input {
            "open" => {
                stream.open(AT);
                return "opened".into();
            }
            "flow" => {
                return if stream.handle_flowing() { "changed" } else { "-" }.into();
            }
            "finish" => {
                stream.finish(None, AT);
                return "-".into();
            }
            "stop" => Ok(stream.stop(AT, Origin::Rest)),
            "pause" => stream.pause(),
            "resume" => stream.resume(),
            "mute" => stream.set_muted(Track::FromCustomer, true),
            "mute-other" => stream.set_muted(Track::ToCustomer, true),
            "mark" => stream.mark(),
            other => panic!("no such input: {other}"),
        };
        match answer {
            Ok(Step::Unchanged) => "-".into(),
            Ok(Step::Changed) => "changed".into(),
            Ok(Step::EndedUnopened) => "unopened".into(),
            Err(Denied::NoSuchTrack) => "no track".into(),
            Err(Denied::WrongState(_)) => "wrong".into(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn every_state_answers_every_verb_as_the_table_says() {
        let inputs = ["flow", "stop", "pause", "resume", "mute", "mute-other", "mark", "finish"];
        #[rustfmt::skip]
        let table = [
            // state      flow               stop               pause              resume             mute               mute-other          mark              finish
            ("waiting", ["- armed",         "unopened ended",  "wrong armed",     "wrong armed",     "changed armed",   "no track armed",   "wrong armed",    "- ended"]),
            ("armed",   ["changed active",  "changed ended",   "wrong armed",     "wrong armed",     "changed armed",   "no track armed",   "wrong armed",    "- ended"]),
            ("active",  ["- active",        "changed ended",   "changed paused",  "- active",        "changed active",  "no track active",  "changed active", "- ended"]),
            ("paused",  ["- paused",        "changed ended",   "- paused",        "changed active",  "changed paused",  "no track paused",  "changed paused", "- ended"]),
            ("closing", ["- ended",         "- ended",         "wrong ended",     "wrong ended",     "wrong ended",     "wrong ended",      "wrong ended",    "- ended"]),
            ("ended",   ["- ended",         "- ended",         "wrong ended",     "wrong ended",     "wrong ended",     "wrong ended",      "wrong ended",    "- ended"]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.iter().zip(row) {
                let mut stream = stream(state);
                let answer = apply(&mut stream, input);
                assert_eq!(
                    format!("{answer} {}", stream.state().as_str()),
                    expected,
                    "{input} in {state}"
                );
            }
        }
    }

    #[test]
    fn the_clock_stands_still_after_the_stop() {
        let mut stream = stream("active");
        stream.stop(Instant::from_millis(3_500), Origin::Rest);
        assert_eq!(stream.media_time(Instant::from_millis(9_000)).as_millis(), 2_500);
        stream.finish(None, Instant::from_millis(9_500));
        assert_eq!(stream.media_time(Instant::from_millis(99_000)).as_millis(), 2_500);
    }
}
