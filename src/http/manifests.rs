//! `/v1/streams/{stream}/manifest`, the same signed, and what verifies it.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use serde::Deserialize;

use super::error::{ApiError, ErrorBody};
use super::{Shared, request};
use crate::command::Denied;
use crate::control::json::ManifestView;
use crate::id::{StreamId, TerminalId};
use crate::notary::PublicKeys;

/// Which account of a stream is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhichTerminal {
    /// Number of the terminal; without it, that of the first one.
    terminal: Option<u16>,
}

/// The account of a terminal that has ended: where every sample of its clock went.
#[utoipa::path(get, path = "/v1/streams/{stream}/manifest", tag = "streams",
    params(("stream" = String, Path, description = "The stream's id"),
        ("terminal" = Option<u16>, Query, description = "Number of the terminal; without it that of the first one")),
    responses((status = 200, body = ManifestView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
    Query(query): Query<WhichTerminal>,
) -> Result<Json<ManifestView>, ApiError> {
    let stream = request::stream(&stream)?;
    let number = query.terminal.unwrap_or_default();
    let manifest = shared.gateway.notify.board.manifest(TerminalId { stream, number });
    let manifest = manifest.ok_or_else(|| missing(&shared, stream))?;
    Ok(Json(ManifestView::from(manifest.as_ref())))
}

/// The accounts of a stream's terminals, signed by the server (JWS in compact form, RFC 7515; EdDSA): a line each, as the ledger has them.
#[utoipa::path(get, path = "/v1/streams/{stream}/manifest.jws", tag = "streams",
    params(("stream" = String, Path, description = "The stream's id")),
    responses((status = 200, body = String, content_type = "application/jose"), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub(super) async fn seals(
    State(shared): State<Shared>,
    Path(stream): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let stream = request::stream(&stream)?;
    let seals = shared.gateway.notary.seals(stream);
    if seals.is_empty() {
        return Err(missing(&shared, stream));
    }
    let lines: String = seals.iter().flat_map(|seal| [seal.as_ref(), "\n"]).collect();
    Ok(([(CONTENT_TYPE, "application/jose")], lines))
}

/// The public key that verifies this server's signed manifests, as a JSON Web Key Set (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operation", security(()),
    responses((status = 200, body = String, content_type = "application/jwk-set+json")))]
pub(super) async fn keys(State(shared): State<Shared>) -> impl IntoResponse {
    let keys = PublicKeys::from(shared.gateway.notary.public_key().clone());
    ([(CONTENT_TYPE, "application/jwk-set+json")], keys.to_jwks())
}

/// Why there is nothing to show.
fn missing(shared: &Shared, stream: StreamId) -> ApiError {
    match shared.gateway.notify.board.stream(stream) {
        Some(_) => ApiError::NoManifest,
        None => Denied::NoSuchStream.into(),
    }
}
