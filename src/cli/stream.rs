//! `sidestream stream …`: start, stop, pause, resume, mute, unmute, mark, select, unselect, list.

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::client::{Request, ServerArgs};
use super::table;

/// Control the streams of a call.
#[derive(Debug, Args)]
pub(super) struct StreamArgs {
    #[command(subcommand)]
    verb: StreamVerb,
}

#[derive(Debug, Subcommand)]
enum StreamVerb {
    /// Start a stream of a call's audio to a configured sink.
    Start {
        /// The call's id.
        call: String,
        /// The configured sink, or several [default: the configured default].
        #[arg(long, value_delimiter = ',')]
        sink: Vec<String>,
        /// What is copied.
        #[arg(long, value_delimiter = ',', value_enum)]
        tracks: Vec<TrackName>,
        /// A name for the stream, to be used in place of its id.
        #[arg(long)]
        label: Option<String>,
        /// How a paused stretch looks at the sink.
        #[arg(long, value_enum)]
        pause_as: Option<PauseAsName>,
        /// Seconds that it may run.
        #[arg(long)]
        max_duration: Option<u64>,
        /// Begin with the first early media, and not with the answer.
        #[arg(long)]
        early_media: bool,
        /// Tell the sink that a key was pressed, and not which.
        #[arg(long)]
        redact_dtmf: bool,
        /// The request's own id: the same id twice starts one stream.
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// End a stream.
    Stop(TargetArgs),
    /// Withhold the audio and keep the sink.
    Pause(TargetArgs),
    /// Go on after a pause.
    Resume(TargetArgs),
    /// Silence one track.
    Mute {
        #[command(flatten)]
        target: TargetArgs,
        /// The track.
        #[arg(long, value_enum)]
        track: TrackName,
    },
    /// Let a muted track be heard again.
    Unmute {
        #[command(flatten)]
        target: TargetArgs,
        /// The track.
        #[arg(long, value_enum)]
        track: TrackName,
    },
    /// Put a named mark on the stream's clock.
    Mark {
        #[command(flatten)]
        target: TargetArgs,
        /// The mark's name.
        #[arg(long)]
        name: String,
    },
    /// Give the stream to one sink more.
    Select(TerminalArgs),
    /// Take a sink from the stream.
    Unselect(TerminalArgs),
    /// List the streams of a call, or of all.
    List {
        /// The call's id.
        call: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Debug, Args)]
struct TargetArgs {
    /// The call's id.
    call: String,
    /// The stream's id or label [default: every live stream of the call].
    stream: Option<String>,
    /// The request's own id: the same id twice is one request.
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
struct TerminalArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// The configured sink.
    #[arg(long)]
    sink: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TrackName {
    /// What the customer says.
    FromCustomer,
    /// What the customer hears.
    ToCustomer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PauseAsName {
    /// A typed gap.
    Omit,
    /// Frames of silence.
    Silence,
}

impl TrackName {
    const fn as_str(self) -> &'static str {
        match self {
            TrackName::FromCustomer => "from_customer",
            TrackName::ToCustomer => "to_customer",
        }
    }
}

impl PauseAsName {
    const fn as_str(self) -> &'static str {
        match self {
            PauseAsName::Omit => "omit",
            PauseAsName::Silence => "silence",
        }
    }
}

/// Runs the command.
pub(super) async fn run(args: StreamArgs) -> anyhow::Result<()> {
    let (request, server) = request(args.verb)?;
    let client = server.client()?;
    if server.curl {
        println!("{}", client.curl(&request));
        return Ok(());
    }
    let answer = client.send(&request).await?;
    if server.json {
        println!("{answer}");
    } else {
        println!("{}", shown(&answer)?);
    }
    Ok(())
}

/// The request that a verb stands for.
fn request(verb: StreamVerb) -> anyhow::Result<(Request, ServerArgs)> {
    Ok(match verb {
        StreamVerb::Start {
            call,
            sink,
            tracks,
            label,
            pause_as,
            max_duration,
            early_media,
            redact_dtmf,
            id,
            server,
        } => {
            let mut body = Map::new();
            let mut put = |name: &str, value: Option<Value>| {
                value.map(|value| body.insert(name.to_string(), value))
            };
            match sink.as_slice() {
                [] => {}
                [one] => drop(put("sink", Some(one.as_str().into()))),
                several => drop(put("sinks", Some(json!(several)))),
            }
            let tracks: Vec<&str> = tracks.into_iter().map(TrackName::as_str).collect();
            put("tracks", (!tracks.is_empty()).then(|| json!(tracks)));
            put("label", label.map(Value::from));
            put("pause_as", pause_as.map(|pause_as| pause_as.as_str().into()));
            put("max_duration_s", max_duration.map(Value::from));
            put("early_media", early_media.then_some(Value::Bool(true)));
            put("redact_dtmf", redact_dtmf.then_some(Value::Bool(true)));
            let request =
                Request::post(format!("/v1/calls/{}/streams", segment(&call)?), body.into());
            (request.with_id(id), server)
        }
        StreamVerb::Stop(target) => change("stop", target, json!({}))?,
        StreamVerb::Pause(target) => change("pause", target, json!({}))?,
        StreamVerb::Resume(target) => change("resume", target, json!({}))?,
        StreamVerb::Mute { target, track } => {
            change("mute", target, json!({"track": track.as_str()}))?
        }
        StreamVerb::Unmute { target, track } => {
            change("unmute", target, json!({"track": track.as_str()}))?
        }
        StreamVerb::Mark { target, name } => change("mark", target, json!({"name": name}))?,
        StreamVerb::Select(TerminalArgs { target, sink }) => {
            change("select", target, json!({"sink": sink}))?
        }
        StreamVerb::Unselect(TerminalArgs { target, sink }) => {
            change("unselect", target, json!({"sink": sink}))?
        }
        StreamVerb::List { call: Some(call), server } => {
            (Request::get(format!("/v1/calls/{}/streams", segment(&call)?)), server)
        }
        StreamVerb::List { call: None, server } => (Request::get("/v1/calls?state=all"), server),
    })
}

/// A change of one stream, or of every live one, which the interface writes `*`.
fn change(verb: &str, target: TargetArgs, body: Value) -> anyhow::Result<(Request, ServerArgs)> {
    let stream = target.stream.as_deref().map_or(Ok("*"), segment)?;
    let path = format!("/v1/calls/{}/streams/{stream}/{verb}", segment(&target.call)?);
    Ok((Request::post(path, body).with_id(target.id), target.server))
}

/// A name as one segment of a path; ids and labels need no escapes.
fn segment(name: &str) -> anyhow::Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let sound = !name.is_empty() && name.chars().all(plain) && !name.starts_with('.');
    sound
        .then_some(name)
        .with_context(|| format!("{name:?} is no id: letters, digits, '-', '_' and '.'"))
}

/// The answer for a person: one row per stream.
fn shown(answer: &Value) -> anyhow::Result<String> {
    let list = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let calls = list(answer, "calls");
    let of_calls = calls.iter().flat_map(|call| list(call, "streams"));
    let streams: Vec<Value> = list(answer, "streams").into_iter().chain(of_calls).collect();
    table::of(&streams, COLUMNS)
}

const COLUMNS: &[(&str, &str)] = &[
    ("STREAM", "stream"),
    ("LABEL", "label"),
    ("SINK", "sink"),
    ("STATE", "state"),
    ("CLOCK MS", "media_time_ms"),
    ("CALL", "call"),
];

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        verb: StreamVerb,
    }

    fn check(line: &str, path: &str, body: Value) {
        let parsed = Line::try_parse_from(std::iter::once("stream").chain(line.split(' ')))
            .expect("a valid line");
        let (request, _) = request(parsed.verb).expect("a request");
        assert_eq!((request.path.as_str(), request.body), (path, Some(body)), "{line}");
    }

    #[test]
    fn every_verb_becomes_the_request_that_the_interface_documents() {
        check("start 01A", "/v1/calls/01A/streams", json!({}));
        check(
            "start 01A --sink asr --tracks from-customer,to-customer --label s1 --pause-as silence",
            "/v1/calls/01A/streams",
            json!({"sink": "asr", "tracks": ["from_customer", "to_customer"], "label": "s1", "pause_as": "silence"}),
        );
        check(
            "start 01A --max-duration 60 --early-media --redact-dtmf",
            "/v1/calls/01A/streams",
            json!({"max_duration_s": 60, "early_media": true, "redact_dtmf": true}),
        );
        check("stop 01A", "/v1/calls/01A/streams/*/stop", json!({}));
        check("pause 01A s1", "/v1/calls/01A/streams/s1/pause", json!({}));
        check("resume 01A s1", "/v1/calls/01A/streams/s1/resume", json!({}));
        check(
            "mute 01A s1 --track from-customer",
            "/v1/calls/01A/streams/s1/mute",
            json!({"track": "from_customer"}),
        );
        check(
            "unmute 01A --track to-customer",
            "/v1/calls/01A/streams/*/unmute",
            json!({"track": "to_customer"}),
        );
        check(
            "start 01A --sink asr,recorder",
            "/v1/calls/01A/streams",
            json!({"sinks": ["asr", "recorder"]}),
        );
        check(
            "select 01A s1 --sink rec",
            "/v1/calls/01A/streams/s1/select",
            json!({"sink": "rec"}),
        );
        check(
            "unselect 01A --sink rec",
            "/v1/calls/01A/streams/*/unselect",
            json!({"sink": "rec"}),
        );
        check("mark 01A s1 --name card", "/v1/calls/01A/streams/s1/mark", json!({"name": "card"}));
    }

    #[test]
    fn a_name_that_would_leave_its_place_in_the_path_is_refused() {
        for name in ["", "..", "a/b", "a?b", "*"] {
            assert!(segment(name).is_err(), "{name:?}");
        }
    }
}
