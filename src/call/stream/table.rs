//! The one table of a stream: what each verb does in each state, and which door may ask for it. A pair that is not here does not
//! compile.

use crate::command::{Origin, StreamState, Verb};

/// Where a stream stands, finer than the world sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// Accepted; the call's media has not begun.
    Waiting,
    /// The same, and a pause is remembered: it will begin paused.
    WaitingPaused,
    /// The clock runs, and no audio has reached a sink.
    Armed,
    /// The same, paused.
    ArmedPaused,
    /// Audio is copied.
    Active,
    /// Audio was copied, and is withheld.
    Paused,
    /// Told to the sinks, whose accounts are awaited.
    Closing,
    /// Final.
    Ended,
}

impl Stand {
    /// As the world sees it.
    pub(super) const fn state(self) -> StreamState {
        match self {
            Stand::Waiting | Stand::Armed => StreamState::Armed,
            Stand::Active => StreamState::Active,
            Stand::WaitingPaused | Stand::ArmedPaused | Stand::Paused => StreamState::Paused,
            Stand::Closing | Stand::Ended => StreamState::Ended,
        }
    }
}

/// A verb without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::call) enum Asked {
    Start,
    Stop,
    Pause,
    Resume,
    Mute,
    Unmute,
    Mark,
    Status,
    Select,
    Unselect,
    Transfer,
    Attributes,
    HangUp,
}

impl From<&Verb> for Asked {
    fn from(verb: &Verb) -> Self {
        match verb {
            Verb::Start(_) => Asked::Start,
            Verb::Stop(_) => Asked::Stop,
            Verb::Pause(_) => Asked::Pause,
            Verb::Resume(_) => Asked::Resume,
            Verb::Mute(..) => Asked::Mute,
            Verb::Unmute(..) => Asked::Unmute,
            Verb::Mark(..) => Asked::Mark,
            Verb::Status(_) => Asked::Status,
            Verb::SelectTerminal(..) => Asked::Select,
            Verb::UnselectTerminal(..) => Asked::Unselect,
            Verb::Transfer(_) => Asked::Transfer,
            Verb::SetAttributes(_) => Asked::Attributes,
            Verb::HangUp => Asked::HangUp,
        }
    }
}

/// What becomes of a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It is carried out.
    Do,
    /// Things are so already: accepted, nothing changes.
    Same,
    /// The state does not allow it.
    Refuse,
    /// It is not about a stream that is there.
    Elsewhere,
}

/// What `asked` does to a stream that stands at `stand`.
pub(super) const fn rule(asked: Asked, stand: Stand) -> Rule {
    use Rule::{Do, Elsewhere, Refuse, Same};
    use Stand::{Active, Armed, ArmedPaused, Closing, Ended, Paused, Waiting, WaitingPaused};
    match (asked, stand) {
        (Asked::Stop, Waiting | WaitingPaused | Armed | ArmedPaused | Active | Paused) => Do,
        (Asked::Stop, Closing | Ended) => Same,
        // A pause of what has not begun is remembered: the last call counts, not the moment of the audio.
        (Asked::Pause, Waiting | Armed | Active) => Do,
        (Asked::Pause, WaitingPaused | ArmedPaused | Paused) => Same,
        (Asked::Pause, Closing | Ended) => Refuse,
        (Asked::Resume, WaitingPaused | ArmedPaused | Paused) => Do,
        // What is armed begins by itself.
        (Asked::Resume, Waiting | Armed | Active) => Same,
        (Asked::Resume, Closing | Ended) => Refuse,
        (
            Asked::Mute | Asked::Unmute,
            Waiting | WaitingPaused | Armed | ArmedPaused | Active | Paused,
        ) => Do,
        (Asked::Mute | Asked::Unmute, Closing | Ended) => Refuse,
        // A mark stands beside audio.
        (Asked::Mark, Active | Paused) => Do,
        (Asked::Mark, Waiting | WaitingPaused | Armed | ArmedPaused | Closing | Ended) => Refuse,
        (
            Asked::Status,
            Waiting | WaitingPaused | Armed | ArmedPaused | Active | Paused | Closing | Ended,
        ) => Same,
        (
            Asked::Select | Asked::Unselect,
            Waiting | WaitingPaused | Armed | ArmedPaused | Active | Paused,
        ) => Do,
        (Asked::Select | Asked::Unselect, Closing | Ended) => Refuse,
        (
            Asked::Start | Asked::Transfer | Asked::Attributes | Asked::HangUp,
            Waiting | WaitingPaused | Armed | ArmedPaused | Active | Paused | Closing | Ended,
        ) => Elsewhere,
    }
}

/// Whether `asked` may come through the door `origin` at all. Who stands at the door is asked before: a phone for its grant, a
/// program for its token.
pub(in crate::call) const fn may(origin: Origin, asked: Asked) -> bool {
    match (origin, asked) {
        (Origin::Rest, _) => true,
        // A phone drives streams; it ends its call with a BYE and transfers it with a REFER.
        (Origin::Info(_), Asked::Start | Asked::Stop | Asked::Pause | Asked::Resume) => true,
        (Origin::Info(_), Asked::Mute | Asked::Unmute | Asked::Mark | Asked::Status) => true,
        (Origin::Info(_), Asked::Select | Asked::Unselect) => true,
        (Origin::Info(_), Asked::Transfer | Asked::Attributes | Asked::HangUp) => false,
        // start-streaming, stop-streaming, and the recording's four; stop-contact.
        (Origin::ContactApi, Asked::Start | Asked::Stop | Asked::Pause | Asked::Resume) => true,
        (Origin::ContactApi, Asked::Status | Asked::Attributes | Asked::HangUp) => true,
        (Origin::ContactApi, Asked::Mute | Asked::Unmute | Asked::Mark) => false,
        (Origin::ContactApi, Asked::Transfer) => true,
        (Origin::ContactApi, Asked::Select | Asked::Unselect) => false,
        // The Start and Stop media streaming blocks; a Stop of one direction mutes it, and our own blocks pause and resume.
        (Origin::Flow, Asked::Start | Asked::Stop | Asked::Status) => true,
        (Origin::Flow, Asked::Pause | Asked::Resume | Asked::Mute | Asked::Unmute) => true,
        (Origin::Flow, Asked::Attributes) => true,
        (Origin::Flow, Asked::Mark | Asked::Select | Asked::Unselect) => false,
        (Origin::Flow, Asked::Transfer | Asked::HangUp) => false,
        // A rule starts a stream with the call, and is gone.
        (Origin::DialPlan, Asked::Start) => true,
        (Origin::DialPlan, Asked::Stop | Asked::Pause | Asked::Resume | Asked::Status) => false,
        (Origin::DialPlan, Asked::Mute | Asked::Unmute | Asked::Mark) => false,
        (Origin::DialPlan, Asked::Select | Asked::Unselect) => false,
        (Origin::DialPlan, Asked::Transfer | Asked::Attributes | Asked::HangUp) => false,
        // A sink speaks for its own stream, and takes itself away from one that others get as well.
        (Origin::Sink, Asked::Stop | Asked::Pause | Asked::Resume) => true,
        (Origin::Sink, Asked::Mark | Asked::Unselect) => true,
        (Origin::Sink, Asked::Start | Asked::Mute | Asked::Unmute | Asked::Status) => false,
        (Origin::Sink, Asked::Select | Asked::Transfer) => false,
        (Origin::Sink, Asked::Attributes | Asked::HangUp) => false,
        // SIP requests of a leg change the call; its streams follow.
        (Origin::Leg(_), _) => false,
        // Timers and limits end things.
        (Origin::Switch, Asked::Stop | Asked::HangUp) => true,
        (Origin::Switch, Asked::Start | Asked::Pause | Asked::Resume | Asked::Status) => false,
        (Origin::Switch, Asked::Mute | Asked::Unmute | Asked::Mark) => false,
        (Origin::Switch, Asked::Select | Asked::Unselect) => false,
        (Origin::Switch, Asked::Transfer | Asked::Attributes) => false,
    }
}
