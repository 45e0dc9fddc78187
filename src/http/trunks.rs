//! `/v1/trunks`.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::error::{ApiError, ErrorBody};
use crate::control::json::TrunkView;

/// Trunks.
#[derive(Serialize, ToSchema)]
pub(super) struct TrunkList {
    /// By name.
    trunks: Vec<TrunkView>,
}

/// Trunks: registration, health, channels, and what is wrong.
#[utoipa::path(get, path = "/v1/trunks", tag = "trunks",
    responses((status = 200, body = TrunkList), (status = 401, body = ErrorBody)))]
pub(super) async fn list(State(shared): State<Shared>) -> Json<TrunkList> {
    Json(TrunkList { trunks: shared.gateway.notify.trunks.trunks() })
}

/// One trunk.
#[utoipa::path(get, path = "/v1/trunks/{trunk}", tag = "trunks", params(("trunk" = String, Path, description = "The trunk's name")),
    responses((status = 200, body = TrunkView), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn show(
    State(shared): State<Shared>,
    Path(trunk): Path<String>,
) -> Result<Json<TrunkView>, ApiError> {
    let view = shared.gateway.notify.trunks.trunk(&trunk);
    view.map(Json).ok_or(ApiError::NoSuchTrunk)
}
