//! `/v1/calls`.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::request::Body;
use super::{Shared, request};
use crate::command::{Command, Denied, Origin, Verb};
use crate::control;
use crate::control::json::{AcceptedView, CallState, CallView, FlowView};

/// Which calls are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Which {
    /// Calls that live.
    #[default]
    Live,
    /// Calls that have ended and are still remembered.
    Ended,
    /// Both.
    All,
}

/// The query of the list.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ListQuery {
    /// `live` (the default), `ended` or `all`.
    #[serde(default)]
    state: Which,
}

/// Calls.
#[derive(Serialize, ToSchema)]
pub(super) struct CallList {
    /// In order of arrival.
    calls: Vec<CallView>,
}

/// Calls.
#[utoipa::path(get, path = "/v1/calls", tag = "calls", params(("state" = inline(Option<Which>), Query, description = "Which calls; without it those that live")),
    responses((status = 200, body = CallList), (status = 401, body = ErrorBody)))]
pub(super) async fn list(
    State(shared): State<Shared>,
    Query(query): Query<ListQuery>,
) -> Json<CallList> {
    let wanted = |call: &CallView| match query.state {
        Which::Live => call.state != CallState::Ended,
        Which::Ended => call.state == CallState::Ended,
        Which::All => true,
    };
    Json(CallList { calls: shared.gateway.notify.board.calls(wanted) })
}

/// One call, also for a while after its end.
#[utoipa::path(get, path = "/v1/calls/{call}", tag = "calls", params(("call" = String, Path, description = "The call's id")),
    responses((status = 200, body = CallView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Path(call): Path<String>,
) -> Result<Json<CallView>, ApiError> {
    let view = shared.gateway.notify.board.call(request::call(&call)?);
    Ok(Json(view.ok_or(Denied::NoSuchCall)?))
}

/// What a call has gone through in its contact flows, block by block, also for a while after its end.
#[utoipa::path(get, path = "/v1/calls/{call}/flow", tag = "calls", params(("call" = String, Path, description = "The call's id")),
    responses((status = 200, body = FlowView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody, description = "No such call, or it was in no flow")))]
pub(super) async fn flow(
    State(shared): State<Shared>,
    Path(call): Path<String>,
) -> Result<Json<FlowView>, ApiError> {
    let view = shared.gateway.notify.board.flow(request::call(&call)?);
    Ok(Json(view.ok_or(Denied::NoSuchCall)?))
}

/// Whom to transfer to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferBody {
    /// A number, or a `sip:` or `tel:` URI; the dial plan decides where it leads.
    to: Option<String>,
    /// The leg that leaves; without it the one that talks with the customer.
    leg: Option<u32>,
}

/// Connects one party of a call with somebody new, in the other one's place. Events tell how it goes.
#[utoipa::path(post, path = "/v1/calls/{call}/transfer", tag = "calls", request_body = TransferBody,
    params(("call" = String, Path, description = "The call's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key twice is one request")),
    responses((status = 200, body = AcceptedView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub(super) async fn transfer(
    State(shared): State<Shared>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AcceptedView>, ApiError> {
    let sent: TransferBody = body.json()?;
    let verb = Verb::Transfer(control::request::transfer(sent.to.as_deref(), sent.leg)?);
    let command = Command { request: request::request_id(&headers)?, origin: Origin::Rest, verb };
    let accepted = shared.ask(request::call(&call)?, command).await?;
    Ok(Json(AcceptedView::from(&accepted)))
}

/// Hangs a call up.
#[utoipa::path(delete, path = "/v1/calls/{call}", tag = "calls",
    params(("call" = String, Path, description = "The call's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key twice is one request")),
    responses((status = 200, body = AcceptedView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn hang_up(
    State(shared): State<Shared>,
    Path(call): Path<String>,
    headers: HeaderMap,
) -> Result<Json<AcceptedView>, ApiError> {
    let command = Command {
        request: request::request_id(&headers)?,
        origin: Origin::Rest,
        verb: Verb::HangUp,
    };
    let accepted = shared.ask(request::call(&call)?, command).await?;
    Ok(Json(AcceptedView::from(&accepted)))
}
