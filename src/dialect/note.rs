//! What changed about a stream, as its sink is told.

use crate::id::Track;
use crate::media::Control;

/// A change of the stream's state, told to the sink in the order of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Samples are withheld from here on.
    Paused,
    /// Samples are given again.
    Resumed,
    /// This track is withheld.
    Muted(Track),
    /// This track is given again.
    Unmuted(Track),
    /// A party put this track's sender on hold.
    Held(Track),
    /// The hold is over.
    Unheld(Track),
}

impl Note {
    /// What a sink is told of a change, if anything.
    pub const fn of(control: &Control) -> Option<Note> {
        match control {
            Control::Pause => Some(Note::Paused),
            Control::Resume => Some(Note::Resumed),
            Control::Mute(track) => Some(Note::Muted(*track)),
            Control::Unmute(track) => Some(Note::Unmuted(*track)),
            Control::Held(track) => Some(Note::Held(*track)),
            Control::Unheld(track) => Some(Note::Unheld(*track)),
            Control::Mark(_) | Control::Payloads(_) | Control::Language(_) => None,
        }
    }
}
