//! Start and Stop media streaming: which streams a flow has running, and which commands change them.
//!
//! A start makes one stream with the named directions. A stop that names one direction of two mutes that direction, because a stream
//! keeps its id and its clock; a stop of what is left ends it. A start of a direction that is muted lets it be heard again. Streams belong
//! to the contact: they run on from flow to flow.

use super::block::StreamingChange;
use crate::command::{Accepted, StartStream, StreamState, Target, Verb};
use crate::id::{StreamId, Track, Tracks};

/// The streams that flows of this contact have started and not stopped.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    live: Vec<Live>,
    /// How many were started so far: no label is used twice.
    started: u32,
}

#[derive(Clone, Debug)]
struct Live {
    label: String,
    id: Option<StreamId>,
    tracks: Tracks,
    muted: [bool; 2],
}

impl Live {
    fn is_heard(&self, track: Track) -> bool {
        self.tracks.contains(track) && !self.muted[track.index()]
    }
}

/// One command, and what it changes when it is accepted.
#[derive(Clone, Debug)]
pub(super) struct Change {
    label: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Start(Tracks, bool),
    Mute(Track, bool),
    Stop,
    Pause,
    Resume,
}

impl Change {
    pub(super) fn verb(&self) -> Verb {
        let target = || Target::Label(self.label.clone());
        match &self.what {
            What::Start(tracks, redact_dtmf) => Verb::Start(StartStream {
                tracks: *tracks,
                label: Some(self.label.clone()),
                redact_dtmf: *redact_dtmf,
                ..StartStream::default()
            }),
            What::Mute(track, true) => Verb::Mute(target(), *track),
            What::Mute(track, false) => Verb::Unmute(target(), *track),
            What::Stop => Verb::Stop(target()),
            What::Pause => Verb::Pause(target()),
            What::Resume => Verb::Resume(target()),
        }
    }

    pub(super) fn starts(&self) -> bool {
        matches!(self.what, What::Start(..))
    }

    pub(super) fn stops(&self) -> bool {
        matches!(self.what, What::Stop)
    }
}

impl Streams {
    /// What is to be commanded, in order, so that `change` is done to `tracks`.
    pub(super) fn plan(
        &mut self,
        change: StreamingChange,
        tracks: Tracks,
        redact_digits: bool,
    ) -> Vec<Change> {
        match change {
            StreamingChange::Start => self.plan_start(tracks, redact_digits),
            StreamingChange::Stop => self.plan_stop(tracks),
            StreamingChange::Pause => self.each(What::Pause),
            StreamingChange::Resume => self.each(What::Resume),
        }
    }

    fn plan_start(&mut self, tracks: Tracks, redact_digits: bool) -> Vec<Change> {
        let wanted: Vec<Track> = tracks.iter().collect();
        let missing: Vec<Track> = wanted
            .iter()
            .copied()
            .filter(|track| !self.live.iter().any(|live| live.tracks.contains(*track)))
            .collect();
        let mut changes = Vec::new();
        for live in &self.live {
            for track in wanted.iter().filter(|track| live.muted[track.index()]) {
                changes.push(Change { label: live.label.clone(), what: What::Mute(*track, false) });
            }
        }
        if let Some(tracks) = Tracks::of(&missing) {
            self.started += 1;
            let label = match self.started {
                1 => "flow".to_owned(),
                number => format!("flow-{number}"),
            };
            changes.push(Change { label, what: What::Start(tracks, redact_digits) });
        }
        changes
    }

    fn plan_stop(&self, tracks: Tracks) -> Vec<Change> {
        let mut changes = Vec::new();
        for live in &self.live {
            let mut heard = live.tracks.iter().filter(|track| live.is_heard(*track));
            if heard.all(|track| tracks.contains(track)) {
                changes.push(Change { label: live.label.clone(), what: What::Stop });
                continue;
            }
            for track in tracks.iter().filter(|track| live.is_heard(*track)) {
                changes.push(Change { label: live.label.clone(), what: What::Mute(track, true) });
            }
        }
        changes
    }

    fn each(&self, what: What) -> Vec<Change> {
        let change = |live: &Live| Change { label: live.label.clone(), what: what.clone() };
        self.live.iter().map(change).collect()
    }

    /// An accepted change has been made.
    pub(super) fn apply(&mut self, change: &Change, accepted: &Accepted) {
        let status = accepted.streams.first();
        match &change.what {
            What::Start(tracks, _) => self.live.push(Live {
                label: change.label.clone(),
                id: status.map(|status| status.stream),
                tracks: *tracks,
                muted: [false; 2],
            }),
            What::Stop => self.live.retain(|live| live.label != change.label),
            What::Mute(track, muted) => {
                let live = self.live.iter_mut().find(|live| live.label == change.label);
                if let Some(live) = live {
                    live.muted[track.index()] = *muted;
                }
            }
            What::Pause | What::Resume => {}
        }
        let over = status.filter(|status| status.state == StreamState::Ended);
        if let Some(status) = over {
            self.ended(status.stream);
        }
    }

    /// A stream is over, whoever ended it.
    pub(super) fn ended(&mut self, id: StreamId) {
        self.live.retain(|live| live.id != Some(id));
    }

    /// Whether any is running.
    pub(super) fn is_any_live(&self) -> bool {
        !self.live.is_empty()
    }
}
