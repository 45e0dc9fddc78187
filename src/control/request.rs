//! The members of a request that every JSON door shares, checked once.

use crate::command::{PauseAs, Sinks, StartStream, Target, Transfer};
use crate::id::{LegId, RequestId, SinkName, StreamId, Track, Tracks};
use crate::sip::Uri;
use crate::time::Duration;

/// Longest sink name and stream label, in bytes.
pub const NAME_BYTES: usize = 64;

/// Longest request id, in bytes. The contact API's ClientToken sets the measure.
pub const REQUEST_ID_BYTES: usize = 500;

/// Longest number or URI of a transfer, in bytes.
pub const TO_BYTES: usize = 256;

/// Longest that a stream may be asked to run: a day.
pub const MAX_DURATION_S: u64 = 86_400;

/// Longest name of a mark, in bytes.
pub const MARK_BYTES: usize = 128;

/// Why a member of a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMember {
    /// A sink that is not a plain name; an address is refused here.
    #[error(
        "sink must be the name of a configured sink: 1 to 64 letters, digits, '.', '_' or '-'; an address is never taken"
    )]
    Sink,
    /// One sink and a list of them.
    #[error("sink and sinks exclude each other")]
    SinkAndSinks,
    /// A stream label that is not a plain name.
    #[error("stream must be 1 to 64 letters, digits, '.', '_' or '-'")]
    Stream,
    /// A label that could be taken for a stream's id.
    #[error("a new stream's label must not have the form of a stream id")]
    LabelLikeId,
    /// An empty or unknown list of tracks.
    #[error("tracks must list \"from_customer\", \"to_customer\" or both")]
    Tracks,
    /// No track, or an unknown one.
    #[error("track must be \"from_customer\" or \"to_customer\"")]
    Track,
    /// An unknown way to pause.
    #[error("pause_as must be \"omit\" or \"silence\"")]
    PauseAs,
    /// No time at all, or more than a day.
    #[error("max_duration_s must be 1 to 86400")]
    MaxDuration,
    /// A mark without a name, or with an unprintable or long one.
    #[error("name must be 1 to 128 bytes without control characters")]
    MarkName,
    /// No one to transfer to, or not as a number or address is written.
    #[error("to must be a number, or a sip: or tel: URI, of 1 to 256 printable characters")]
    To,
    /// An empty, long or unprintable request id.
    #[error("id must be 1 to 500 printable ASCII characters")]
    RequestId,
}

/// The members of a start as a door received them.
#[derive(Clone, Copy, Debug, Default)]
pub struct StartMembers<'a> {
    /// Name of the sink.
    pub sink: Option<&'a str>,
    /// Names of several; an empty list when they are selected later.
    pub sinks: Option<&'a [String]>,
    /// Label of the new stream.
    pub stream: Option<&'a str>,
    /// Names of tracks.
    pub tracks: Option<&'a [String]>,
    /// `omit` or `silence`.
    pub pause_as: Option<&'a str>,
    /// Seconds that its clock may run.
    pub max_duration_s: Option<u64>,
    /// Whether it begins with the first early media.
    pub early_media: Option<bool>,
    /// Whether keys are told without their digits.
    pub redact_dtmf: Option<bool>,
}

/// Checks the members of a start.
pub fn start(members: StartMembers<'_>) -> Result<StartStream, BadMember> {
    let usual = StartStream::default();
    Ok(StartStream {
        sinks: sinks(members.sink, members.sinks)?,
        tracks: members.tracks.map(tracks).transpose()?.unwrap_or(usual.tracks),
        label: members.stream.map(label).transpose()?,
        pause_as: members.pause_as.map(pause_as).transpose()?,
        max_duration: members.max_duration_s.map(max_duration).transpose()?,
        early_media: members.early_media.unwrap_or(usual.early_media),
        redact_dtmf: members.redact_dtmf.unwrap_or(usual.redact_dtmf),
    })
}

/// Where a new stream goes: one sink, a list of them, or the default.
fn sinks(one: Option<&str>, list: Option<&[String]>) -> Result<Sinks, BadMember> {
    match (one, list) {
        (None, None) => Ok(Sinks::Default),
        (Some(name), None) => Ok(Sinks::These(vec![sink(name)?])),
        (None, Some([])) => Ok(Sinks::Later),
        (None, Some(names)) => {
            names.iter().map(|name| sink(name)).collect::<Result<_, _>>().map(Sinks::These)
        }
        (Some(_), Some(_)) => Err(BadMember::SinkAndSinks),
    }
}

/// The sink that a change of terminals names.
pub fn terminal(name: Option<&str>) -> Result<SinkName, BadMember> {
    sink(name.ok_or(BadMember::Sink)?)
}

/// A sink's name.
pub fn sink(text: &str) -> Result<SinkName, BadMember> {
    if is_name(text) { Ok(SinkName::new(text)) } else { Err(BadMember::Sink) }
}

/// The label of a new stream.
pub fn label(text: &str) -> Result<String, BadMember> {
    if !is_name(text) {
        return Err(BadMember::Stream);
    }
    if text.parse::<StreamId>().is_ok() {
        return Err(BadMember::LabelLikeId);
    }
    Ok(text.to_owned())
}

/// Which stream is meant: an id, a label, or every live stream when none is named.
pub fn target(stream: Option<&str>) -> Result<Target, BadMember> {
    let Some(text) = stream else {
        return Ok(Target::All);
    };
    if !is_name(text) {
        return Err(BadMember::Stream);
    }
    Ok(match text.parse::<StreamId>() {
        Ok(id) => Target::Id(id),
        Err(_) => Target::Label(text.to_owned()),
    })
}

/// A non-empty list of tracks.
pub fn tracks(names: &[String]) -> Result<Tracks, BadMember> {
    let list = names
        .iter()
        .map(|name| track(Some(name)).map_err(|_| BadMember::Tracks))
        .collect::<Result<Vec<Track>, BadMember>>()?;
    Tracks::of(&list).ok_or(BadMember::Tracks)
}

/// One track.
pub fn track(name: Option<&str>) -> Result<Track, BadMember> {
    Track::ALL.into_iter().find(|track| name == Some(track.as_str())).ok_or(BadMember::Track)
}

/// How a paused stretch looks.
pub fn pause_as(name: &str) -> Result<PauseAs, BadMember> {
    match name {
        "omit" => Ok(PauseAs::Omit),
        "silence" => Ok(PauseAs::Silence),
        _ => Err(BadMember::PauseAs),
    }
}

/// How long a stream's clock may run.
pub fn max_duration(seconds: u64) -> Result<Duration, BadMember> {
    match seconds {
        1..=MAX_DURATION_S => Ok(Duration::from_secs(seconds)),
        _ => Err(BadMember::MaxDuration),
    }
}

/// The name of a mark.
pub fn mark_name(name: Option<&str>) -> Result<String, BadMember> {
    let name = name.ok_or(BadMember::MarkName)?;
    if name.is_empty() || name.len() > MARK_BYTES || name.chars().any(char::is_control) {
        return Err(BadMember::MarkName);
    }
    Ok(name.to_owned())
}

/// A transfer: `to` is a number or a URI, `leg` the number of the leg that leaves.
pub fn transfer(to: Option<&str>, leg: Option<u32>) -> Result<Transfer, BadMember> {
    let to = to.ok_or(BadMember::To)?;
    if to.is_empty() || to.len() > TO_BYTES || !to.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadMember::To);
    }
    // What has a colon is a URI; a number has none.
    let is_callable =
        Uri::parse(to).is_ok_and(|uri| uri.is_sip() || uri.scheme.eq_ignore_ascii_case("tel"));
    if to.contains(':') && !is_callable {
        return Err(BadMember::To);
    }
    Ok(Transfer { to: to.to_owned(), leg: leg.map(LegId) })
}

/// A request id.
pub fn request_id(text: &str) -> Result<RequestId, BadMember> {
    let printable = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if text.is_empty() || text.len() > REQUEST_ID_BYTES || !printable {
        return Err(BadMember::RequestId);
    }
    Ok(RequestId::new(text))
}

/// Whether `text` is a plain name: no slash, colon or at-sign, so never an address.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= NAME_BYTES
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_goes_to_a_number_or_an_address_and_nowhere_else() {
        for to in ["300", "+4930123", "*98#", "sip:300@example.com;transport=tcp", "tel:+4930123"] {
            assert_eq!(transfer(Some(to), Some(1)).map(|it| it.to), Ok(to.to_owned()));
        }
        for to in ["", "3 0", "http://example.com", "sip:", "3\r\n0", "mailto:a@b", ":"] {
            assert_eq!(transfer(Some(to), None), Err(BadMember::To), "{to}");
        }
        assert_eq!(transfer(None, None), Err(BadMember::To));
        assert_eq!(transfer(Some(&"1".repeat(257)), None), Err(BadMember::To));
    }

    #[test]
    fn an_address_is_never_a_sink() {
        for text in [
            "ws://10.0.0.1/",
            "wss:x",
            "10.0.0.1:9000",
            "a/b",
            "a@b",
            "",
            "a b",
            "ä",
            &"x".repeat(65),
        ] {
            assert_eq!(sink(text), Err(BadMember::Sink), "{text}");
        }
        assert_eq!(sink("asr-1.eu_west"), Ok(SinkName::new("asr-1.eu_west")));
    }

    #[test]
    fn a_stream_is_meant_by_id_by_label_or_not_at_all() {
        let id = StreamId::from_u128(7);
        assert_eq!(target(Some(&id.to_string())), Ok(Target::Id(id)));
        assert_eq!(target(Some("s1")), Ok(Target::Label("s1".into())));
        assert_eq!(target(None), Ok(Target::All));
        assert_eq!(label(&id.to_string()), Err(BadMember::LabelLikeId));
    }

    #[test]
    fn a_start_without_tracks_copies_what_the_customer_says() {
        assert_eq!(start(StartMembers::default()).map(|start| start.tracks), Ok(Tracks::From));
        assert_eq!(tracks(&[]), Err(BadMember::Tracks));
        assert_eq!(tracks(&["from_customer".into(), "agent".into()]), Err(BadMember::Tracks));
    }

    #[test]
    fn a_request_id_is_printable_and_bounded() {
        assert!(request_id("req-7").is_ok());
        for bad in ["", "a\nb", "ü", &"x".repeat(501)] {
            assert_eq!(request_id(bad), Err(BadMember::RequestId));
        }
    }
}
