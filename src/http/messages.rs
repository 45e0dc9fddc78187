//! `/v1/calls/{call}/messages`: what was said on the wire.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;

use super::error::{ApiError, ErrorBody};
use super::{Shared, request};
use crate::command::Denied;
use crate::control::json::MessagesView;
use crate::id::CallId;

/// The SIP messages of a call, also for a while after its end; those of TLS and WebSocket as plain SIP. Proofs of passwords are
/// hidden unless the configuration says otherwise.
#[utoipa::path(get, path = "/v1/calls/{call}/messages", tag = "calls", params(("call" = String, Path, description = "The call's id")),
    responses((status = 200, body = MessagesView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn list(
    State(shared): State<Shared>,
    Path(call): Path<String>,
) -> Result<Json<MessagesView>, ApiError> {
    let call = known(&shared, &call)?;
    Ok(Json((shared.gateway.trace.messages)(call)))
}

/// The same as a capture file for Wireshark: each message a UDP datagram between the real addresses.
#[utoipa::path(get, path = "/v1/calls/{call}/messages.pcap", tag = "calls", params(("call" = String, Path, description = "The call's id")),
    responses((status = 200, body = Vec<u8>, content_type = "application/vnd.tcpdump.pcap"), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub(super) async fn pcap(
    State(shared): State<Shared>,
    Path(call): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let call = known(&shared, &call)?;
    let headers = [
        (CONTENT_TYPE, "application/vnd.tcpdump.pcap".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{call}.pcap\"")),
    ];
    Ok((headers, (shared.gateway.trace.pcap)(call)))
}

/// The call, if the board remembers it.
fn known(shared: &Shared, call: &str) -> Result<CallId, ApiError> {
    let call = request::call(call)?;
    shared.gateway.notify.board.call(call).map(|_| call).ok_or(Denied::NoSuchCall.into())
}
