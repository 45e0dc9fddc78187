//! `/v1/calls/{call}/streams`, `/v1/streams/{stream}`, `/v1/sinks` and `/v1/spools`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::request::Body;
use super::{Shared, request as http_request};
use crate::command::{Command, Denied, Origin, Target, Verb};
use crate::control::json::{AcceptedView, ScopeView, SinkView, SpoolView, StoredView, StreamView};
use crate::control::request::{self, BadMember, StartMembers};
use crate::id::StreamId;

/// The streams of a call.
#[derive(Serialize, ToSchema)]
pub(super) struct StreamList {
    /// In order of their start; those that ended are among them.
    streams: Vec<StreamView>,
}

/// The configured sinks.
#[derive(Serialize, ToSchema)]
pub(super) struct SinkList {
    /// In the order of the configuration.
    sinks: Vec<SinkView>,
}

/// What is kept for sinks.
#[derive(Serialize, ToSchema)]
pub(super) struct SpoolList {
    /// The oldest stream first.
    spools: Vec<SpoolView>,
}

/// What a start may say. Every member may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    /// Name of a configured sink; without it the default sink.
    sink: Option<String>,
    /// Names of several sinks, in place of `sink`: one terminal each. An empty list makes a stream whose terminals are selected later.
    sinks: Option<Vec<String>>,
    /// A name for the stream, usable in place of its id.
    label: Option<String>,
    /// `from_customer` (the default), `to_customer`, or both.
    tracks: Option<Vec<String>>,
    /// `omit` or `silence`: how a paused stretch looks at the sink.
    pause_as: Option<String>,
    /// Seconds that its clock may run; without it the shortest that its sinks are configured with.
    max_duration_s: Option<u64>,
    /// Whether it begins with the first early media, and not with the answer.
    early_media: Option<bool>,
    /// Whether its sinks are told that a key was pressed, and not which.
    redact_dtmf: Option<bool>,
}

/// What a change may say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeBody {
    /// For mute and unmute: `from_customer` or `to_customer`.
    track: Option<String>,
    /// For mark: its name.
    name: Option<String>,
    /// For select and unselect: name of a configured sink.
    sink: Option<String>,
}

/// The streams of a call.
#[utoipa::path(get, path = "/v1/calls/{call}/streams", tag = "streams",
    params(("call" = String, Path, description = "The call's id")),
    responses((status = 200, body = StreamList), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(
    State(shared): State<Shared>,
    Path(call): Path<String>,
) -> Result<Json<StreamList>, ApiError> {
    let view = shared.gateway.notify.board.call(http_request::call(&call)?);
    Ok(Json(StreamList { streams: view.ok_or(Denied::NoSuchCall)?.streams }))
}

/// Starts a stream.
#[utoipa::path(post, path = "/v1/calls/{call}/streams", tag = "streams", request_body = StartBody,
    params(("call" = String, Path, description = "The call's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key twice starts one stream")),
    responses((status = 201, body = AcceptedView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(super) async fn start(
    State(shared): State<Shared>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let sent: StartBody = body.json()?;
    let verb = Verb::Start(request::start(StartMembers {
        sink: sent.sink.as_deref(),
        sinks: sent.sinks.as_deref(),
        stream: sent.label.as_deref(),
        tracks: sent.tracks.as_deref(),
        pause_as: sent.pause_as.as_deref(),
        max_duration_s: sent.max_duration_s,
        early_media: sent.early_media,
        redact_dtmf: sent.redact_dtmf,
    })?);
    let command =
        Command { request: http_request::request_id(&headers)?, origin: Origin::Rest, verb };
    let accepted = shared.ask(http_request::call(&call)?, command).await?;
    let view = AcceptedView::from(&accepted);
    let location =
        view.streams.first().map(|stream| [(LOCATION, format!("/v1/streams/{}", stream.stream))]);
    Ok((StatusCode::CREATED, location, Json(view)).into_response())
}

/// Changes a stream of a call: `stop`, `pause`, `resume`, `mute`, `unmute`, `mark`, `select` or `unselect`.
#[utoipa::path(post, path = "/v1/calls/{call}/streams/{stream}/{verb}", tag = "streams", request_body = ChangeBody,
    params(("call" = String, Path, description = "The call's id"),
        ("stream" = String, Path, description = "The stream's id or label, or * for every live stream of the call"),
        ("verb" = String, Path, description = "stop, pause, resume, mute, unmute, mark, select or unselect"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key twice is one request")),
    responses((status = 200, body = AcceptedView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
        (status = 422, body = ErrorBody)))]
pub(super) async fn change(
    State(shared): State<Shared>,
    Path((call, stream, verb)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AcceptedView>, ApiError> {
    let target = if stream == "*" { Target::All } else { request::target(Some(&stream))? };
    let sent: ChangeBody = body.json()?;
    let verb = sent.verb(&verb, target)?;
    let command =
        Command { request: http_request::request_id(&headers)?, origin: Origin::Rest, verb };
    let accepted = shared.ask(http_request::call(&call)?, command).await?;
    Ok(Json(AcceptedView::from(&accepted)))
}

impl ChangeBody {
    fn verb(&self, verb: &str, target: Target) -> Result<Verb, ApiError> {
        let track = || -> Result<_, BadMember> { request::track(self.track.as_deref()) };
        let (takes_track, takes_name) = (matches!(verb, "mute" | "unmute"), verb == "mark");
        let takes_sink = matches!(verb, "select" | "unselect");
        let is_misplaced = self.track.is_some() && !takes_track
            || self.name.is_some() && !takes_name
            || self.sink.is_some() && !takes_sink;
        if is_misplaced {
            return Err(ApiError::BadRequest(format!(
                "track is for mute and unmute, name for mark, sink for select and unselect; {verb} has another member"
            )));
        }
        Ok(match verb {
            "stop" => Verb::Stop(target),
            "pause" => Verb::Pause(target),
            "resume" => Verb::Resume(target),
            "mute" => Verb::Mute(target, track()?),
            "unmute" => Verb::Unmute(target, track()?),
            "select" => Verb::SelectTerminal(target, request::terminal(self.sink.as_deref())?),
            "unselect" => Verb::UnselectTerminal(target, request::terminal(self.sink.as_deref())?),
            "mark" => Verb::Mark(target, request::mark_name(self.name.as_deref())?),
            unknown => return Err(ApiError::NoSuchPath(format!("…/{unknown}"))),
        })
    }
}

/// One stream, also for a while after its end.
#[utoipa::path(get, path = "/v1/streams/{stream}", tag = "streams",
    params(("stream" = String, Path, description = "The stream's id")),
    responses((status = 200, body = StreamView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
) -> Result<Json<StreamView>, ApiError> {
    let stream = http_request::stream(&stream)?;
    let view = shared.gateway.notify.board.stream(stream).ok_or(Denied::NoSuchStream)?;
    Ok(Json(StreamView { store: stored(&shared, stream), ..view }))
}

/// Where the stream is in the stream store.
fn stored(shared: &Shared, stream: StreamId) -> Option<StoredView> {
    let kept = shared.gateway.stores.iter().find_map(|store| store.of_stream(stream))?;
    let (first, last) = kept.span();
    Some(StoredView {
        arn: kept.arn(),
        start_fragment: first,
        stop_fragment: last.filter(|_| kept.is_ended()),
    })
}

/// The query of the scope.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ScopeQuery {
    /// Leave out the levels that begin before this sample.
    #[serde(default)]
    from: u64,
}

/// Levels of a stream that goes to the built-in scope: the last five minutes.
#[utoipa::path(get, path = "/v1/streams/{stream}/scope", tag = "streams",
    params(("stream" = String, Path, description = "The stream's id"),
        ("from" = Option<u64>, Query, description = "Leave out the levels that begin before this sample")),
    responses((status = 200, body = ScopeView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn scope(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Query(query): Query<ScopeQuery>,
) -> Result<Json<ScopeView>, ApiError> {
    let view = (shared.gateway.scope)(http_request::stream(&stream)?, query.from);
    Ok(Json(view.ok_or(ApiError::NoScope)?))
}

/// The configured sinks and how many streams go to each.
#[utoipa::path(get, path = "/v1/sinks", tag = "sinks",
    responses((status = 200, body = SinkList), (status = 401, body = ErrorBody)))]
pub(super) async fn sinks(State(shared): State<Shared>) -> Json<SinkList> {
    let board = &shared.gateway.notify.board;
    let with_load =
        |sink: SinkView| SinkView { live_streams: board.live_streams(&sink.name), ..sink };
    Json(SinkList { sinks: (shared.gateway.sinks)().into_iter().map(with_load).collect() })
}

/// What is kept for sinks with `delivery = "complete"`: of live streams, of streams that have ended, and of those of an earlier process.
#[utoipa::path(get, path = "/v1/spools", tag = "sinks",
    responses((status = 200, body = SpoolList), (status = 401, body = ErrorBody)))]
pub(super) async fn spools(State(shared): State<Shared>) -> Json<SpoolList> {
    Json(SpoolList { spools: (shared.gateway.spools)() })
}
