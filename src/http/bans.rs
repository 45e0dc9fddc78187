//! `/v1/bans`: sources that are not heard because they failed to authenticate.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::{BanView, Shared};
use crate::net::CommandError;

/// Bans.
#[derive(Serialize, ToSchema)]
pub(super) struct BanList {
    /// The one that ends first first.
    bans: Vec<BanView>,
}

/// A ban that was lifted.
#[derive(Serialize, ToSchema)]
pub(super) struct Lifted {
    /// The address that is heard again.
    source: String,
}

/// Sources that are not heard for a time, because they failed to authenticate too often.
#[utoipa::path(get, path = "/v1/bans", tag = "operation",
    responses((status = 200, body = BanList), (status = 401, body = ErrorBody)))]
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<BanList>, ApiError> {
    let bans = (shared.gateway.bans)().await;
    Ok(Json(BanList { bans: bans.ok_or(CommandError::Unanswered)? }))
}

/// Hears a banned source again. An IPv6 address stands for its /64.
#[utoipa::path(delete, path = "/v1/bans/{source}", tag = "operation",
    params(("source" = String, Path, description = "The banned address")),
    responses((status = 200, body = Lifted), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub(super) async fn lift(
    State(shared): State<Shared>,
    Path(source): Path<String>,
) -> Result<Json<Lifted>, ApiError> {
    let address: IpAddr =
        source.parse().map_err(|_| ApiError::BadRequest("the source is an IP address".into()))?;
    match (shared.gateway.lift_ban)(address).await.ok_or(CommandError::Unanswered)? {
        true => Ok(Json(Lifted { source })),
        false => Err(ApiError::NotBanned),
    }
}
