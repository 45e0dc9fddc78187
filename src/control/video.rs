//! Reading stored streams: the shapes that boto3's `kinesisvideo`, `kinesis-video-media` and `kinesis-video-archived-media` clients
//! send and take. Times are seconds since 1970, as numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// Streams in one answer of ListStreams; unless fewer are asked for.
pub const LIST_STREAMS: usize = 10_000;

/// Fragments in one answer of ListFragments, and in one request of GetMediaForFragmentList.
pub const LIST_FRAGMENTS: usize = 1_000;

/// The closed list of error types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoError {
    /// A member is missing or makes no sense.
    InvalidArgument,
    /// No such stream or fragment.
    ResourceNotFound,
    /// Too many readers.
    ClientLimitExceeded,
    /// The request is not signed, or by nobody known here.
    UnrecognizedClient,
    /// The signature does not fit the request, or its time is off.
    InvalidSignature,
    /// The key is not for this.
    NotAuthorized,
}

impl VideoError {
    /// The value of `x-amzn-ErrorType`, from which boto3 takes the exception's class.
    pub const fn type_name(self) -> &'static str {
        match self {
            VideoError::InvalidArgument => "InvalidArgumentException",
            VideoError::ResourceNotFound => "ResourceNotFoundException",
            VideoError::ClientLimitExceeded => "ClientLimitExceededException",
            VideoError::UnrecognizedClient => "UnrecognizedClientException",
            VideoError::InvalidSignature => "InvalidSignatureException",
            VideoError::NotAuthorized => "NotAuthorizedException",
        }
    }

    /// HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            VideoError::InvalidArgument | VideoError::ClientLimitExceeded => 400,
            VideoError::UnrecognizedClient | VideoError::InvalidSignature => 403,
            VideoError::NotAuthorized => 401,
            VideoError::ResourceNotFound => 404,
        }
    }
}

/// Why a request is refused, with the words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct VideoRefusal {
    /// The type.
    pub error: VideoError,
    /// One sentence.
    pub message: String,
}

impl VideoRefusal {
    /// A refusal of this type.
    pub fn new(error: VideoError, message: impl Into<String>) -> Self {
        VideoRefusal { error, message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        VideoRefusal::new(VideoError::InvalidArgument, message)
    }
}

/// The body of every error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct VideoErrorView {
    /// One sentence.
    pub message: String,
}

/// What all of these requests may hold. Unknown members are ignored: the models that boto3 carries grow.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct VideoRequest {
    /// The stream's name, or:
    pub stream_name: Option<String>,
    /// its ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: Option<String>,
    /// GetDataEndpoint: what will be called.
    #[serde(rename = "APIName")]
    pub api_name: Option<String>,
    /// GetMedia: where to begin.
    pub start_selector: Option<StartSelector>,
    /// ListStreams, ListFragments: the most that are wanted.
    pub max_results: Option<u64>,
    /// ListStreams, ListFragments: where the answer before ended.
    pub next_token: Option<String>,
    /// ListStreams: which are wanted.
    pub stream_name_condition: Option<StreamNameCondition>,
    /// ListFragments: which are wanted.
    pub fragment_selector: Option<FragmentSelector>,
    /// GetMediaForFragmentList: which are wanted.
    pub fragments: Option<Vec<String>>,
}

/// Where to begin.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct StartSelector {
    /// `NOW`, `EARLIEST`, `FRAGMENT_NUMBER`, `SERVER_TIMESTAMP`, `PRODUCER_TIMESTAMP` or `CONTINUATION_TOKEN`.
    pub start_selector_type: Option<String>,
    /// The fragment before the first that is wanted.
    pub after_fragment_number: Option<String>,
    /// Seconds since 1970.
    pub start_timestamp: Option<f64>,
    /// The tag `AWS_KINESISVIDEO_CONTINUATION_TOKEN` of the last fragment that was read.
    pub continuation_token: Option<String>,
}

/// Which streams are wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct StreamNameCondition {
    /// `BEGINS_WITH`.
    pub comparison_operator: Option<String>,
    /// The beginning of a name.
    pub comparison_value: Option<String>,
}

/// Which fragments are wanted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct FragmentSelector {
    /// `SERVER_TIMESTAMP` or `PRODUCER_TIMESTAMP`.
    pub fragment_selector_type: Option<String>,
    /// From when to when.
    pub timestamp_range: TimestampRange,
}

/// From when to when, in seconds since 1970, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct TimestampRange {
    /// From when.
    pub start_timestamp: f64,
    /// To when.
    pub end_timestamp: f64,
}

/// Where GetMedia begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaStart {
    /// The newest fragment.
    Now,
    /// The oldest fragment.
    Earliest,
    /// What follows this fragment.
    After(u64),
    /// What was written at this time, in milliseconds since 1970.
    ServerTime(u64),
    /// What was said at this time, in milliseconds since 1970.
    ProducerTime(u64),
}

/// Reads a body.
pub fn read(body: &[u8]) -> Result<VideoRequest, VideoRefusal> {
    let text = body.trim_ascii();
    // ListStreams without a member may come without a body.
    if text.is_empty() {
        return Ok(VideoRequest::default());
    }
    // serde would also read a struct from a list.
    if text.first() != Some(&b'{') {
        return Err(VideoRefusal::invalid("the body is not a JSON object"));
    }
    serde_json::from_slice(text)
        .map_err(|error| VideoRefusal::invalid(format!("the body: {error}")))
}

impl VideoRequest {
    /// The name of the stream that is meant.
    pub fn name(&self) -> Result<&str, VideoRefusal> {
        match (&self.stream_name, &self.stream_arn) {
            (Some(name), None) => Ok(name),
            // arn:aws:kinesisvideo:local:000000000000:stream/NAME/CREATED
            (None, Some(arn)) => arn
                .rsplit(':')
                .next()
                .and_then(|resource| resource.strip_prefix("stream/"))
                .and_then(|rest| rest.split('/').next())
                .filter(|name| arn.starts_with("arn:") && !name.is_empty())
                .ok_or_else(|| VideoRefusal::invalid("StreamARN is not the ARN of a stream")),
            _ => Err(VideoRefusal::invalid("either StreamName or StreamARN must be given")),
        }
    }

    /// Where GetMedia begins.
    pub fn start(&self) -> Result<MediaStart, VideoRefusal> {
        let Some(selector) = &self.start_selector else {
            return Err(VideoRefusal::invalid("StartSelector is missing"));
        };
        let time = || {
            selector
                .start_timestamp
                .and_then(milliseconds)
                .ok_or_else(|| VideoRefusal::invalid("StartTimestamp is missing or no time"))
        };
        let after = |member: &str, number: &Option<String>| {
            number
                .as_deref()
                .and_then(fragment_number)
                .ok_or_else(|| VideoRefusal::invalid(format!("{member} is missing or no number")))
        };
        Ok(match selector.start_selector_type.as_deref().unwrap_or_default() {
            "NOW" => MediaStart::Now,
            "EARLIEST" => MediaStart::Earliest,
            "FRAGMENT_NUMBER" => {
                MediaStart::After(after("AfterFragmentNumber", &selector.after_fragment_number)?)
            }
            "CONTINUATION_TOKEN" => {
                MediaStart::After(after("ContinuationToken", &selector.continuation_token)?)
            }
            "SERVER_TIMESTAMP" => MediaStart::ServerTime(time()?),
            "PRODUCER_TIMESTAMP" => MediaStart::ProducerTime(time()?),
            unknown => {
                return Err(VideoRefusal::invalid(format!(
                    "StartSelectorType is NOW, EARLIEST, FRAGMENT_NUMBER, SERVER_TIMESTAMP, PRODUCER_TIMESTAMP or \
                     CONTINUATION_TOKEN, not {unknown:?}"
                )));
            }
        })
    }

    /// How many are wanted.
    pub fn most(&self, limit: usize) -> Result<usize, VideoRefusal> {
        let most = self.max_results.unwrap_or(limit as u64);
        match usize::try_from(most) {
            Ok(most) if (1..=limit).contains(&most) => Ok(most),
            _ => Err(VideoRefusal::invalid(format!("MaxResults is 1 to {limit}"))),
        }
    }

    /// The beginning of the names that ListStreams is for.
    pub fn prefix(&self) -> Result<&str, VideoRefusal> {
        let Some(condition) = &self.stream_name_condition else { return Ok("") };
        match condition.comparison_operator.as_deref() {
            None | Some("BEGINS_WITH") => {
                Ok(condition.comparison_value.as_deref().unwrap_or_default())
            }
            Some(_) => Err(VideoRefusal::invalid("ComparisonOperator is BEGINS_WITH")),
        }
    }

    /// What the last answer ended with: a name, or a number.
    pub fn token(&self) -> Result<String, VideoRefusal> {
        let Some(token) = &self.next_token else { return Ok(String::new()) };
        let bytes = BASE64.decode(token).ok();
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| VideoRefusal::invalid("NextToken is none of ours"))
    }

    /// Whether a fragment of these times (in milliseconds since 1970) is wanted by ListFragments.
    pub fn selects(&self) -> Result<impl Fn(u64, u64) -> bool + use<>, VideoRefusal> {
        let (by_server, range) = match &self.fragment_selector {
            None => (true, None),
            Some(selector) => {
                let by_server = match selector.fragment_selector_type.as_deref().unwrap_or_default()
                {
                    "SERVER_TIMESTAMP" => true,
                    "PRODUCER_TIMESTAMP" => false,
                    _ => {
                        return Err(VideoRefusal::invalid(
                            "FragmentSelectorType is SERVER_TIMESTAMP or PRODUCER_TIMESTAMP",
                        ));
                    }
                };
                let TimestampRange { start_timestamp, end_timestamp } = selector.timestamp_range;
                (by_server, Some((start_timestamp, end_timestamp)))
            }
        };
        Ok(move |server_ms: u64, producer_ms: u64| {
            let at = seconds(if by_server { server_ms } else { producer_ms });
            range.is_none_or(|(start, end)| start <= at && at <= end)
        })
    }

    /// The numbers of the fragments that GetMediaForFragmentList is for.
    pub fn numbers(&self) -> Result<Vec<u64>, VideoRefusal> {
        let list = self.fragments.as_deref().unwrap_or_default();
        if !(1..=LIST_FRAGMENTS).contains(&list.len()) {
            return Err(VideoRefusal::invalid(format!(
                "Fragments holds 1 to {LIST_FRAGMENTS} numbers"
            )));
        }
        let numbers: Option<Vec<u64>> = list.iter().map(|text| fragment_number(text)).collect();
        numbers.ok_or_else(|| VideoRefusal::invalid("a fragment number is a decimal number"))
    }
}

/// What an answer ends with, as the token of the next request.
pub fn token(last: &str) -> String {
    BASE64.encode(last)
}

fn fragment_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn milliseconds(seconds: f64) -> Option<u64> {
    (seconds.is_finite() && seconds >= 0.0).then_some((seconds * 1000.0) as u64)
}

/// Milliseconds since 1970 as the seconds of these shapes.
pub fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// The answer to GetDataEndpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct DataEndpointView {
    /// Where the media is: this server, as the client has reached it.
    pub data_endpoint: String,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct StreamInfoView {
    /// `SINK-contact-CALL-STREAM`.
    pub stream_name: String,
    /// The ARN.
    #[serde(rename = "StreamARN")]
    pub stream_arn: String,
    /// `audio/L16`.
    pub media_type: &'static str,
    /// Always 1.
    pub version: &'static str,
    /// Always `ACTIVE`.
    pub status: &'static str,
    /// When it began.
    pub creation_time: f64,
    /// For how long its fragments are kept.
    pub data_retention_in_hours: u64,
}

/// The answer to DescribeStream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct DescribeStreamView {
    /// The stream.
    pub stream_info: StreamInfoView,
}

/// The answer to ListStreams.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct ListStreamsView {
    /// By name.
    pub stream_info_list: Vec<StreamInfoView>,
    /// There are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A fragment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct FragmentView {
    /// Rises within a stream.
    pub fragment_number: String,
    /// Octets.
    pub fragment_size_in_bytes: u64,
    /// When its first sample was said.
    pub producer_timestamp: f64,
    /// When it was written.
    pub server_timestamp: f64,
    /// How long it is.
    pub fragment_length_in_milliseconds: u64,
}

/// The answer to ListFragments.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "PascalCase")]
pub struct ListFragmentsView {
    /// In order.
    pub fragments: Vec<FragmentView>,
    /// There are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_or_given_by_its_arn() {
        for (body, expected) in [
            (r#"{"StreamName":"a-contact-b"}"#, Some("a-contact-b")),
            (
                r#"{"StreamARN":"arn:aws:kinesisvideo:local:000000000000:stream/a-contact-b/17"}"#,
                Some("a-contact-b"),
            ),
            (r#"{"StreamARN":"a-contact-b"}"#, None),
            (r#"{"StreamARN":"arn:aws:kinesisvideo:local:0:channel/x/1"}"#, None),
            (r#"{"StreamName":"a","StreamARN":"arn:aws:kinesisvideo:local:0:stream/a/1"}"#, None),
            ("", None),
        ] {
            let request = read(body.as_bytes()).expect(body);
            assert_eq!(request.name().ok(), expected, "{body}");
        }
    }

    #[test]
    fn every_start_selector_is_read_and_a_half_one_refused() {
        for (selector, expected) in [
            (r#"{"StartSelectorType":"NOW"}"#, Some(MediaStart::Now)),
            (r#"{"StartSelectorType":"EARLIEST"}"#, Some(MediaStart::Earliest)),
            (
                r#"{"StartSelectorType":"FRAGMENT_NUMBER","AfterFragmentNumber":"0007"}"#,
                Some(MediaStart::After(7)),
            ),
            (
                r#"{"StartSelectorType":"CONTINUATION_TOKEN","ContinuationToken":"8"}"#,
                Some(MediaStart::After(8)),
            ),
            (
                r#"{"StartSelectorType":"SERVER_TIMESTAMP","StartTimestamp":12.5}"#,
                Some(MediaStart::ServerTime(12_500)),
            ),
            (
                r#"{"StartSelectorType":"PRODUCER_TIMESTAMP","StartTimestamp":12}"#,
                Some(MediaStart::ProducerTime(12_000)),
            ),
            (r#"{"StartSelectorType":"FRAGMENT_NUMBER"}"#, None),
            (r#"{"StartSelectorType":"FRAGMENT_NUMBER","AfterFragmentNumber":"+7"}"#, None),
            (r#"{"StartSelectorType":"SERVER_TIMESTAMP"}"#, None),
            (r#"{"StartSelectorType":"SERVER_TIMESTAMP","StartTimestamp":-1}"#, None),
            (r#"{"StartSelectorType":"LATEST"}"#, None),
            (r#"{}"#, None),
        ] {
            let body = format!(r#"{{"StartSelector":{selector}}}"#);
            let request = read(body.as_bytes()).expect(&body);
            assert_eq!(request.start().ok(), expected, "{selector}");
        }
        assert!(read(b"{}").expect("an object").start().is_err());
        assert!(read(b"[1]").is_err());
    }

    #[test]
    fn lists_have_limits_and_tokens_lead_on() {
        let request = read(br#"{"MaxResults":3}"#).expect("a request");
        assert_eq!(request.most(10), Ok(3));
        assert!(request.most(2).is_err());
        let request = VideoRequest { next_token: Some(token("a-1")), ..VideoRequest::default() };
        assert_eq!(request.token().as_deref(), Ok("a-1"));
        assert!(read(br#"{"NextToken":"?"}"#).expect("a request").token().is_err());
        assert_eq!(read(br#"{"Fragments":["0012"]}"#).expect("a request").numbers(), Ok(vec![12]));
        assert!(read(br#"{"Fragments":[]}"#).expect("a request").numbers().is_err());
    }
}
