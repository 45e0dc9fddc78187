//! `/v1/calls/{call}/tapi/…` and `/v1/calls/{call}/streams/{stream}/tapi/…`: the stream-control resource of TAPI 3.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::request::Body;
use super::{Shared, request};
use crate::command::{Command, Denied, Origin};
use crate::control::tables;
use crate::control::tapi::{Arguments, HResult, Method, TapiAnswer};
use crate::net::CommandError;

/// What a method may be given. Each takes what it needs.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArgumentsBody {
    /// For RemoveStream: the stream's id or label.
    stream: Option<String>,
    /// For SelectTerminal and UnselectTerminal: name of a configured sink.
    terminal: Option<String>,
    /// For CreateStream: `audio` (the default).
    media_type: Option<String>,
    /// For CreateStream: `TD_BIDIRECTIONAL` (the default), `TD_CAPTURE` or `TD_RENDER`.
    direction: Option<String>,
    /// For CreateStream: the stream's label.
    name: Option<String>,
}

/// A method of a call's streams: `CreateStream`, `RemoveStream` or `EnumerateStreams`.
#[utoipa::path(post, path = "/v1/calls/{call}/tapi/{method}", tag = "tapi", request_body = ArgumentsBody,
    params(("call" = String, Path, description = "The call's id"),
        ("method" = String, Path, description = "CreateStream, RemoveStream or EnumerateStreams"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key twice is one request")),
    responses((status = 200, body = TapiAnswer), (status = 400, body = TapiAnswer), (status = 401, body = ErrorBody),
        (status = 404, body = TapiAnswer), (status = 409, body = TapiAnswer), (status = 503, body = TapiAnswer)))]
pub(super) async fn of_call(
    State(shared): State<Shared>,
    Path((call, method)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let sent: ArgumentsBody = body.json()?;
    let arguments = Arguments { stream: sent.stream.as_deref(), ..sent.arguments() };
    let method = known(&Method::OF_CALL, &method)?;
    answer(&shared, &call, &headers, method, arguments).await
}

/// A method of one stream: `StartStream`, `PauseStream`, `StopStream`, `SelectTerminal`, `UnselectTerminal` or `EnumerateTerminals`.
#[utoipa::path(post, path = "/v1/calls/{call}/streams/{stream}/tapi/{method}", tag = "tapi", request_body = ArgumentsBody,
    params(("call" = String, Path, description = "The call's id"),
        ("stream" = String, Path, description = "The stream's id or label"),
        ("method" = String, Path, description = "The name of a method of ITStream"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key twice is one request")),
    responses((status = 200, body = TapiAnswer), (status = 400, body = TapiAnswer), (status = 401, body = ErrorBody),
        (status = 404, body = TapiAnswer), (status = 409, body = TapiAnswer), (status = 503, body = TapiAnswer)))]
pub(super) async fn of_stream(
    State(shared): State<Shared>,
    Path((call, stream, method)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let sent: ArgumentsBody = body.json()?;
    let arguments = Arguments { stream: Some(&stream), ..sent.arguments() };
    let method = known(&Method::OF_STREAM, &method)?;
    answer(&shared, &call, &headers, method, arguments).await
}

impl ArgumentsBody {
    fn arguments(&self) -> Arguments<'_> {
        Arguments {
            stream: None,
            terminal: self.terminal.as_deref(),
            media_type: self.media_type.as_deref(),
            direction: self.direction.as_deref(),
            name: self.name.as_deref(),
        }
    }
}

fn known(methods: &[Method], name: &str) -> Result<Method, ApiError> {
    let method = methods.iter().find(|method| method.name() == name);
    method.copied().ok_or_else(|| ApiError::NoSuchPath(format!("…/tapi/{name}")))
}

/// Asks the call's one door, and says what came of it in TAPI's words.
async fn answer(
    shared: &Shared,
    call: &str,
    headers: &HeaderMap,
    method: Method,
    arguments: Arguments<'_>,
) -> Result<Response, ApiError> {
    let verb = match method.verb(arguments) {
        Ok(verb) => verb,
        Err(result) => {
            let answer = TapiAnswer::new(method, result, None);
            return Ok((StatusCode::BAD_REQUEST, Json(answer)).into_response());
        }
    };
    let request = request::request_id(headers)?;
    let command = Command { request, origin: Origin::Rest, verb };
    // What is no id names no call.
    let asked = match call.parse() {
        Ok(call) => shared.ask(call, command).await,
        Err(_) => Err(CommandError::Denied(Denied::NoSuchCall)),
    };
    let asked = match asked {
        Ok(accepted) => Ok(accepted),
        Err(CommandError::Denied(denied)) => Err(denied),
        Err(error) => return Err(error.into()),
    };
    let result = method.result(&asked);
    let status = match &asked {
        Ok(_) if result == HResult::Ok => 200,
        Ok(_) => 409,
        Err(denied) => tables::refusal(denied).http,
    };
    let status = StatusCode::from_u16(status).expect("the tables hold only statuses of HTTP");
    let answer = TapiAnswer::new(method, result, asked.as_ref().ok());
    Ok((status, Json(answer)).into_response())
}
