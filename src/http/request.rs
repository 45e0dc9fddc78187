//! What handlers take from a request.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::BODY_TIME;
use super::error::ApiError;
use crate::command::Denied;
use crate::control::request;
use crate::id::{CallId, RequestId, StreamId};

/// The header that makes a request idempotent.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A body: no longer than the settings allow, and here in time.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, state)).await;
        match read {
            Ok(Ok(bytes)) => Ok(Body(bytes)),
            Ok(Err(rejection)) => Err(refused(rejection)),
            Err(_) => Err(ApiError::TooSlow),
        }
    }
}

fn refused(rejection: BytesRejection) -> ApiError {
    if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::TooLong
    } else {
        ApiError::BadRequest("the body could not be read".to_owned())
    }
}

impl Body {
    /// The JSON object in the body; an empty body is an empty object.
    pub(super) fn json<'a, T: Deserialize<'a> + Default>(&'a self) -> Result<T, ApiError> {
        let text = self.0.trim_ascii();
        if text.is_empty() {
            return Ok(T::default());
        }
        // serde would also read a struct from a list.
        if text.first() != Some(&b'{') {
            return Err(ApiError::BadRequest("the body is not a JSON object".to_owned()));
        }
        serde_json::from_slice(text)
            .map_err(|error| ApiError::BadRequest(format!("the body: {error}")))
    }
}

/// The request's id: what the client gave, or one that nobody else has.
pub(super) fn request_id(headers: &HeaderMap) -> Result<RequestId, ApiError> {
    match headers.get(IDEMPOTENCY_KEY) {
        Some(value) => Ok(request::request_id(value.to_str().unwrap_or_default())?),
        None => Ok(fresh_request_id()),
    }
}

/// An id that nobody else has.
pub(super) fn fresh_request_id() -> RequestId {
    RequestId::new(format!("http-{:032x}", rand::random::<u128>()))
}

/// A call by the id in the path. What is no id names no call.
pub(super) fn call(text: &str) -> Result<CallId, ApiError> {
    text.parse().map_err(|_| Denied::NoSuchCall.into())
}

/// A stream by the id in the path.
pub(super) fn stream(text: &str) -> Result<StreamId, ApiError> {
    text.parse().map_err(|_| Denied::NoSuchStream.into())
}
