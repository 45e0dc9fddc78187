//! The JSON body of the package, version 1.

use serde::Deserialize;

use super::{BODY_BYTES, InfoError};
use crate::command::Verb;
use crate::control::request::{self, BadMember, StartMembers};
use crate::id::RequestId;

/// Deepest nesting: the request's object and the list of tracks.
const DEPTH: usize = 2;

/// Every member that any operation knows. Others are refused by name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    v: u64,
    op: Op,
    id: Option<String>,
    stream: Option<String>,
    sink: Option<String>,
    sinks: Option<Vec<String>>,
    tracks: Option<Vec<String>>,
    pause_as: Option<String>,
    max_duration_s: Option<u64>,
    early_media: Option<bool>,
    redact_dtmf: Option<bool>,
    track: Option<String>,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
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
}

/// Reads a body: who asks (if it says so) and what is asked.
pub(super) fn parse(bytes: &[u8]) -> Result<(Option<RequestId>, Verb), InfoError> {
    let body = read(bytes)?;
    body.check_members()?;
    let request = body.id.as_deref().map(request::request_id).transpose().map_err(bad)?;
    let verb = body.verb().map_err(bad)?;
    Ok((request, verb))
}

fn read(bytes: &[u8]) -> Result<Body, InfoError> {
    let refuse = |why: &str| Err(InfoError::Body(why.to_owned()));
    if bytes.is_empty() {
        return refuse("the body is empty");
    }
    if bytes.len() > BODY_BYTES {
        return refuse("the body is longer than 4096 bytes");
    }
    // serde would also read a struct from a list; a request is an object.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return refuse("the body is not a JSON object");
    }
    if depth(bytes) > DEPTH {
        return refuse("the body is nested too deeply");
    }
    let body: Body =
        serde_json::from_slice(bytes).map_err(|error| InfoError::Body(error.to_string()))?;
    if body.v != 1 {
        return refuse("v must be 1");
    }
    Ok(body)
}

impl Body {
    /// A member that the operation has no use for is a misunderstanding, so it is refused instead of ignored.
    fn check_members(&self) -> Result<(), InfoError> {
        let is_start = self.op == Op::Start;
        let names_sink = is_start || matches!(self.op, Op::Select | Op::Unselect);
        let is_mute = matches!(self.op, Op::Mute | Op::Unmute);
        let given = [
            ("sink", self.sink.is_some(), names_sink),
            ("sinks", self.sinks.is_some(), is_start),
            ("tracks", self.tracks.is_some(), is_start),
            ("pause_as", self.pause_as.is_some(), is_start),
            ("max_duration_s", self.max_duration_s.is_some(), is_start),
            ("early_media", self.early_media.is_some(), is_start),
            ("redact_dtmf", self.redact_dtmf.is_some(), is_start),
            ("track", self.track.is_some(), is_mute),
            ("name", self.name.is_some(), self.op == Op::Mark),
        ];
        match given.iter().find(|(_, is_given, is_known)| *is_given && !is_known) {
            Some((name, ..)) => Err(InfoError::Body(format!("{name} has no meaning for this op"))),
            None => Ok(()),
        }
    }

    fn verb(&self) -> Result<Verb, BadMember> {
        let target = || request::target(self.stream.as_deref());
        let track = || request::track(self.track.as_deref());
        let terminal = || request::terminal(self.sink.as_deref());
        Ok(match self.op {
            Op::Start => Verb::Start(request::start(StartMembers {
                sink: self.sink.as_deref(),
                sinks: self.sinks.as_deref(),
                stream: self.stream.as_deref(),
                tracks: self.tracks.as_deref(),
                pause_as: self.pause_as.as_deref(),
                max_duration_s: self.max_duration_s,
                early_media: self.early_media,
                redact_dtmf: self.redact_dtmf,
            })?),
            Op::Stop => Verb::Stop(target()?),
            Op::Pause => Verb::Pause(target()?),
            Op::Resume => Verb::Resume(target()?),
            Op::Mute => Verb::Mute(target()?, track()?),
            Op::Unmute => Verb::Unmute(target()?, track()?),
            Op::Mark => Verb::Mark(target()?, request::mark_name(self.name.as_deref())?),
            Op::Status => Verb::Status(target()?),
            Op::Select => Verb::SelectTerminal(target()?, terminal()?),
            Op::Unselect => Verb::UnselectTerminal(target()?, terminal()?),
        })
    }
}

fn bad(member: BadMember) -> InfoError {
    InfoError::Body(member.to_string())
}

/// How deeply the text's brackets nest outside its strings.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
