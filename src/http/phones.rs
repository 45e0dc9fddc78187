//! `/v1/phones`: who is registered where.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Shared;
use super::error::{ApiError, ErrorBody};
use crate::control::json::PhoneView;
use crate::net::CommandError;

/// Registered phones.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PhoneList {
    /// By user, at most a thousand.
    pub phones: Vec<PhoneView>,
    /// How many there are.
    pub registered: usize,
}

/// Registered phones: whose, where, and until when.
#[utoipa::path(get, path = "/v1/phones", tag = "phones",
    responses((status = 200, body = PhoneList), (status = 401, body = ErrorBody)))]
pub(super) async fn list(State(shared): State<Shared>) -> Result<Json<PhoneList>, ApiError> {
    let phones = (shared.gateway.phones)().await;
    Ok(Json(phones.ok_or(CommandError::Unanswered)?))
}
