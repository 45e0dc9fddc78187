//! `/v1/sinks/{sink}/test`: a spoken phrase, or the whole conformance kit, for one sink.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Shared;
use super::error::{ApiError, ErrorBody};
use super::request::Body;
use crate::command::Denied;
use crate::control::json::SinkTestView;
use crate::id::SinkName;

/// What a sink is tested by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkTest {
    /// Three seconds of speech, over the path that every stream takes.
    #[default]
    Phrase,
    /// Every check of the conformance kit: half a minute.
    Conformance,
}

/// Tests a sink; `None` when there is none of this name, an error when it cannot be tested so.
pub type SinkTester = Arc<
    dyn Fn(SinkName, SinkTest) -> BoxFuture<'static, Option<Result<SinkTestView, String>>>
        + Send
        + Sync,
>;

/// What a test may say.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestBody {
    /// `phrase`, unless said otherwise, or `conformance`.
    #[serde(default)]
    test: SinkTest,
}

/// Tests a sink, and answers when that is over. The stream is nobody's call's: it is in no list, no record and no event. One test at a
/// time.
#[utoipa::path(post, path = "/v1/sinks/{sink}/test", tag = "sinks", request_body = TestBody,
    params(("sink" = String, Path, description = "The sink's name")),
    responses((status = 200, body = SinkTestView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn test(
    State(shared): State<Shared>,
    Path(sink): Path<String>,
    body: Body,
) -> Result<Json<SinkTestView>, ApiError> {
    let TestBody { test } = body.json()?;
    let _turn = shared.sink_tests.try_acquire().map_err(|_| ApiError::TestRuns)?;
    match (shared.gateway.test_sink)(SinkName::new(sink), test).await {
        Some(Ok(view)) => Ok(Json(view)),
        Some(Err(why)) => Err(ApiError::BadRequest(why)),
        None => Err(Denied::NoSuchSink.into()),
    }
}
