use super::StreamState;

/// Why a command was not carried out. Closed: each door maps every reason to its own status, in one table of `control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Denied {
    /// The call does not exist here, or has ended.
    #[error("there is no such call")]
    NoSuchCall,
    /// The call has no stream of that id or label.
    #[error("the call has no such stream")]
    NoSuchStream,
    /// No sink of that name is configured.
    #[error("no sink of that name is configured")]
    NoSuchSink,
    /// The start names no sink and no default is configured.
    #[error("no sink was named and there is no default sink")]
    NoSinkChosen,
    /// The requester has no grant for this.
    #[error("the requester may not control streams")]
    NotPermitted,
    /// Streaming is switched off for the whole instance.
    #[error("streaming is switched off")]
    StreamingDisabled,
    /// The stream's state does not allow it.
    #[error("a stream that is {} cannot do that", .0.as_str())]
    WrongState(StreamState),
    /// A live stream already has this label.
    #[error("a stream with this label is already running")]
    AlreadyStarted,
    /// The stream does not carry that track.
    #[error("the stream does not carry that track")]
    NoSuchTrack,
    /// The call has no audio that could be streamed.
    #[error("the call has no audio to stream")]
    NoAudio,
    /// The call's codec cannot be turned into the format of the sink.
    #[error("the call's audio cannot be given in the format of that sink")]
    UnsupportedFormat,
    /// The sink serves as many streams as it may.
    #[error("the sink serves as many streams as it may")]
    SinkPoolFull,
    /// The call has as many live streams as it may.
    #[error("the call has as many streams as it may")]
    TooManyStreams,
    /// The stream has no terminal.
    #[error("the stream has no terminal: no sink is selected")]
    NoTerminal,
    /// That sink is not a terminal of the stream.
    #[error("that sink is not a terminal of the stream")]
    NoSuchTerminal,
    /// That sink is a terminal of the stream already.
    #[error("that sink is a terminal of the stream already")]
    TerminalInUse,
    /// The stream has as many terminals as it may.
    #[error("the stream has as many terminals as it may")]
    TooManyTerminals,
    /// The call has no such leg.
    #[error("the call has no such leg")]
    NoSuchLeg,
    /// The dial plan knows no way to that number or address, or the requester may not take it.
    #[error("there is no way to that number or address")]
    NoSuchNumber,
    /// The call is not answered, is being transferred already, or nobody would stay.
    #[error("the call cannot be transferred as it stands")]
    NotTransferable,
    /// The contact's attributes would be too large.
    #[error("the attributes of a contact have no more than 32768 bytes, names and values together")]
    AttributesTooLarge,
    /// The request id was used before for a different request.
    #[error("this request id was used before for a different request")]
    RequestReused,
}

impl Denied {
    /// Every reason, for the tables and their tests.
    pub const ALL: [Denied; 25] = [
        Denied::NoSuchCall,
        Denied::NoSuchStream,
        Denied::NoSuchSink,
        Denied::NoSinkChosen,
        Denied::NotPermitted,
        Denied::StreamingDisabled,
        Denied::WrongState(StreamState::Armed),
        Denied::WrongState(StreamState::Active),
        Denied::WrongState(StreamState::Paused),
        Denied::WrongState(StreamState::Ended),
        Denied::AlreadyStarted,
        Denied::NoSuchTrack,
        Denied::NoAudio,
        Denied::UnsupportedFormat,
        Denied::SinkPoolFull,
        Denied::TooManyStreams,
        Denied::NoTerminal,
        Denied::NoSuchTerminal,
        Denied::TerminalInUse,
        Denied::TooManyTerminals,
        Denied::NoSuchLeg,
        Denied::NoSuchNumber,
        Denied::NotTransferable,
        Denied::AttributesTooLarge,
        Denied::RequestReused,
    ];
}
