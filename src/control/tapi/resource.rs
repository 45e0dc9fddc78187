//! The stream-control resource: methods of `ITStream` and `ITStreamControl` as commands, and their results.

use serde::Serialize;

use super::HResult;
use crate::command::{
    Accepted, Denied, Sinks, StartStream, StreamState, StreamStatus, Target, Verb,
};
use crate::control::request;
use crate::id::Tracks;

/// A method of the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the interfaces' own.
pub enum Method {
    StartStream,
    PauseStream,
    StopStream,
    SelectTerminal,
    UnselectTerminal,
    EnumerateTerminals,
    CreateStream,
    RemoveStream,
    EnumerateStreams,
}

impl Method {
    /// The methods of a stream, `ITStream`.
    pub const OF_STREAM: [Method; 6] = [
        Method::StartStream,
        Method::PauseStream,
        Method::StopStream,
        Method::SelectTerminal,
        Method::UnselectTerminal,
        Method::EnumerateTerminals,
    ];

    /// The methods of a call, `ITStreamControl`.
    pub const OF_CALL: [Method; 3] =
        [Method::CreateStream, Method::RemoveStream, Method::EnumerateStreams];

    /// The name in the header file.
    pub const fn name(self) -> &'static str {
        match self {
            Method::StartStream => "StartStream",
            Method::PauseStream => "PauseStream",
            Method::StopStream => "StopStream",
            Method::SelectTerminal => "SelectTerminal",
            Method::UnselectTerminal => "UnselectTerminal",
            Method::EnumerateTerminals => "EnumerateTerminals",
            Method::CreateStream => "CreateStream",
            Method::RemoveStream => "RemoveStream",
            Method::EnumerateStreams => "EnumerateStreams",
        }
    }

    /// The command that a method stands for.
    ///
    /// # Errors
    /// The result of a method whose arguments make no command.
    pub fn verb(self, arguments: Arguments<'_>) -> Result<Verb, HResult> {
        let target = || match arguments.stream {
            Some(stream) => request::target(Some(stream)).map_err(|_| HResult::InvalidStream),
            None => Err(HResult::InvalidStream),
        };
        let terminal =
            || request::terminal(arguments.terminal).map_err(|_| HResult::InvalidTerminal);
        Ok(match self {
            Method::StartStream => Verb::Resume(target()?),
            Method::PauseStream => Verb::Pause(target()?),
            Method::StopStream | Method::RemoveStream => Verb::Stop(target()?),
            Method::SelectTerminal => Verb::SelectTerminal(target()?, terminal()?),
            Method::UnselectTerminal => Verb::UnselectTerminal(target()?, terminal()?),
            Method::EnumerateTerminals => Verb::Status(target()?),
            Method::EnumerateStreams => Verb::Status(Target::All),
            Method::CreateStream => Verb::Start(StartStream {
                sinks: Sinks::Later,
                tracks: arguments.tracks()?,
                label: arguments.label()?,
                ..StartStream::default()
            }),
        })
    }

    /// The result of a method, once the call has answered.
    pub fn result(self, answer: &Result<Accepted, Denied>) -> HResult {
        match answer {
            // A stream that runs is not started again; one that is armed starts by itself, as TAPI's auto-start has it.
            Ok(accepted) if self == Method::StartStream && !accepted.changed => {
                let runs = |status: &StreamStatus| status.state == StreamState::Active;
                if accepted.streams.iter().any(runs) { HResult::NotStopped } else { HResult::Ok }
            }
            Ok(_) => HResult::Ok,
            Err(denied) => HResult::from(*denied),
        }
    }
}

/// What a method may be given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arguments<'a> {
    /// The stream's id or label.
    pub stream: Option<&'a str>,
    /// The terminal: the name of a configured sink.
    pub terminal: Option<&'a str>,
    /// `audio`, or `video`, which cannot be streamed.
    pub media_type: Option<&'a str>,
    /// TERMINAL_DIRECTION by name.
    pub direction: Option<&'a str>,
    /// The new stream's label.
    pub name: Option<&'a str>,
}

impl Arguments<'_> {
    /// The sink is a terminal that renders what a direction captures: `TD_CAPTURE` is what the customer says.
    fn tracks(&self) -> Result<Tracks, HResult> {
        match self.media_type {
            None | Some("audio") => {}
            Some("video") => return Err(HResult::NotSupported),
            Some(_) => return Err(HResult::InvalidMediaType),
        }
        match self.direction {
            None | Some("TD_BIDIRECTIONAL") => Ok(Tracks::Both),
            Some("TD_CAPTURE") => Ok(Tracks::From),
            Some("TD_RENDER") => Ok(Tracks::To),
            Some(_) => Err(HResult::InvalidDirection),
        }
    }

    fn label(&self) -> Result<Option<String>, HResult> {
        self.name.map(request::label).transpose().map_err(|_| HResult::InvalidArgument)
    }
}

/// What a method answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TapiAnswer {
    /// The method.
    pub method: &'static str,
    /// The result by name.
    pub hresult: &'static str,
    /// And by number.
    pub code: String,
    /// The streams that the method was about.
    pub streams: Vec<TapiStreamView>,
}

/// A stream in TAPI's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TapiStreamView {
    /// The stream's id.
    pub stream: String,
    /// Its label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `armed`, `active`, `paused` or `ended`.
    pub state: &'static str,
    /// The selected terminals: names of sinks.
    pub terminals: Vec<String>,
}

impl TapiAnswer {
    /// The answer of `method` with this result.
    pub fn new(method: Method, result: HResult, accepted: Option<&Accepted>) -> TapiAnswer {
        let view = |status: &StreamStatus| TapiStreamView {
            stream: status.stream.to_string(),
            name: status.label.clone(),
            state: status.state.as_str(),
            terminals: status.sinks.iter().map(ToString::to_string).collect(),
        };
        TapiAnswer {
            method: method.name(),
            hresult: result.name(),
            code: result.code(),
            streams: accepted.iter().flat_map(|it| &it.streams).map(view).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StreamId;
    use crate::time::MediaTime;

    fn verb(method: Method, arguments: Arguments<'_>) -> String {
        match method.verb(arguments) {
            Ok(verb) => format!("{verb:?}"),
            Err(result) => result.name().to_owned(),
        }
    }

    #[test]
    fn a_method_is_a_command_or_says_what_is_wrong_with_its_arguments() {
        let stream = Arguments { stream: Some("s1"), ..Arguments::default() };
        let terminal = Arguments { terminal: Some("asr"), ..stream };
        let address = Arguments { terminal: Some("ws://10.0.0.1/"), ..stream };
        for (method, arguments, expected) in [
            (Method::StartStream, stream, r#"Resume(Label("s1"))"#),
            (Method::PauseStream, stream, r#"Pause(Label("s1"))"#),
            (Method::StopStream, stream, r#"Stop(Label("s1"))"#),
            (Method::RemoveStream, stream, r#"Stop(Label("s1"))"#),
            (Method::RemoveStream, Arguments::default(), "TAPI_E_INVALIDSTREAM"),
            (Method::SelectTerminal, terminal, r#"SelectTerminal(Label("s1"), "asr")"#),
            (Method::SelectTerminal, stream, "TAPI_E_INVALIDTERMINAL"),
            (Method::SelectTerminal, address, "TAPI_E_INVALIDTERMINAL"),
            (Method::UnselectTerminal, terminal, r#"UnselectTerminal(Label("s1"), "asr")"#),
            (Method::EnumerateTerminals, stream, r#"Status(Label("s1"))"#),
            (Method::EnumerateStreams, Arguments::default(), "Status(All)"),
        ] {
            assert_eq!(verb(method, arguments), expected, "{method:?}");
        }
    }

    #[test]
    fn a_new_stream_is_audio_in_a_direction_and_has_no_terminal() {
        let of = |media_type, direction| Arguments {
            media_type,
            direction,
            name: Some("s1"),
            ..Arguments::default()
        };
        let tracks = |arguments| match Method::CreateStream.verb(arguments) {
            Ok(Verb::Start(start)) => {
                assert_eq!((start.sinks, start.label.as_deref()), (Sinks::Later, Some("s1")));
                format!("{:?}", start.tracks)
            }
            Ok(other) => panic!("{other:?}"),
            Err(result) => result.name().to_owned(),
        };
        for (media_type, direction, expected) in [
            (None, None, "Both"),
            (Some("audio"), Some("TD_CAPTURE"), "From"),
            (Some("audio"), Some("TD_RENDER"), "To"),
            (Some("audio"), Some("TD_NONE"), "TAPI_E_INVALIDDIRECTION"),
            (Some("video"), None, "TAPI_E_NOTSUPPORTED"),
            (Some("smell"), None, "TAPI_E_INVALIDMEDIATYPE"),
        ] {
            assert_eq!(tracks(of(media_type, direction)), expected);
        }
    }

    #[test]
    fn only_a_stream_that_runs_cannot_be_started() {
        let answer = |state, changed| {
            let status = StreamStatus {
                stream: StreamId::from_u128(7),
                label: None,
                sinks: vec!["asr".into()],
                state,
                media_time: MediaTime::ZERO,
            };
            Ok(Accepted { streams: vec![status], changed })
        };
        for (state, changed, expected) in [
            (StreamState::Active, false, HResult::NotStopped),
            (StreamState::Active, true, HResult::Ok),
            (StreamState::Armed, false, HResult::Ok),
            (StreamState::Armed, true, HResult::Ok),
        ] {
            assert_eq!(Method::StartStream.result(&answer(state, changed)), expected);
        }
        let paused = answer(StreamState::Active, false);
        assert_eq!(Method::PauseStream.result(&paused), HResult::Ok);
        let none = Err(Denied::NoTerminal);
        assert_eq!(Method::StartStream.result(&none).code(), "0x8004003F");
    }
}
