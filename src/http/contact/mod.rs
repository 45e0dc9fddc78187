//! The contact API: boto3's `connect` client with another `endpoint_url`, or anybody with a token.

pub(super) mod operations;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use serde::Serialize;

use super::access::Effect;
use super::error::ApiError;
use super::request::{Body, fresh_request_id};
use super::settings::Scope;
use super::sigv4::{SignatureError, SignedRequest};
use super::{Shared, access};
use crate::command::{Accepted, Command, Origin, Verb};
use crate::control::contact::{
    self, ContactErrorView, ContactRefusal, ContactRequest, ContactSuccessView,
    StartContactStreaming, StopContactStreaming,
};
use crate::control::tables::ContactError;
use crate::net::CommandError;

/// From which boto3 takes the exception's class.
pub(super) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Which clients show in their own logs.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// What the `connect` client signs for.
const SERVICE: &str = "connect";

type Answer = Result<ContactSuccessView, ContactRefusal>;

/// Starts a stream of the contact's audio, both tracks, to the sink that StreamingEndpointArn names.
///
/// In the service that this shape comes from, the operation streams chat messages; here it streams voice.
#[utoipa::path(post, path = "/contact/start-streaming", tag = "contact API", request_body = StartContactStreaming,
    responses((status = 200, body = ContactSuccessView), (status = 400, body = ContactErrorView),
        (status = 403, body = ContactErrorView), (status = 404, body = ContactErrorView),
        (status = 429, body = ContactErrorView), (status = 500, body = ContactErrorView)))]
pub(super) async fn start(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    answer(started(&shared, &uri, &headers, body).await)
}

/// Stops a stream. Stopping a stream that has ended succeeds.
#[utoipa::path(post, path = "/contact/stop-streaming", tag = "contact API", request_body = StopContactStreaming,
    responses((status = 200, body = ContactSuccessView), (status = 400, body = ContactErrorView),
        (status = 403, body = ContactErrorView), (status = 404, body = ContactErrorView),
        (status = 500, body = ContactErrorView)))]
pub(super) async fn stop(
    State(shared): State<Shared>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Result<Body, ApiError>,
) -> Response {
    answer(stopped(&shared, &uri, &headers, body).await)
}

async fn started(
    shared: &Shared,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Body, ApiError>,
) -> Answer {
    let body = admit(shared, &Method::POST, uri, headers, body, Scope::Streams)?;
    let accepted = ask(shared, contact::start(&body)?).await?;
    let Some(stream) = accepted.streams.first() else {
        return Err(ContactRefusal::new(
            ContactError::InternalService,
            "the start named no stream",
        ));
    };
    Ok(contact::started(stream.stream, now(shared)))
}

async fn stopped(
    shared: &Shared,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Body, ApiError>,
) -> Answer {
    let body = admit(shared, &Method::POST, uri, headers, body, Scope::Streams)?;
    let request = contact::stop(&body)?;
    let stream = stream_name(&request);
    ask(shared, request).await?;
    Ok(contact::stopped(&stream, now(shared)))
}

/// Lets a request pass that is signed by somebody known here, or presents a token.
fn admit(
    shared: &Shared,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Body, ApiError>,
    scope: Scope,
) -> Result<Bytes, ContactRefusal> {
    let Body(body) =
        body.map_err(|error| ContactRefusal::new(ContactError::InvalidRequest, error.to_string()))?;
    let signed = SignedRequest { service: SERVICE, method, uri, headers, body: &body };
    let is_read = *method == Method::GET || uri.path().starts_with("/metrics/");
    let effect = if is_read { Effect::Reads } else { Effect::Changes };
    match access::admit_signed(shared, &signed, effect) {
        Ok(token) if token.scopes.contains(&scope) => Ok(body),
        Ok(token) => Err(ContactRefusal::new(
            ContactError::AccessDenied,
            format!("the key `{}` has not the scope `{}`", token.id, scope.as_str()),
        )),
        Err(error) => {
            let kind = match error {
                SignatureError::Unsigned | SignatureError::UnknownKey => {
                    ContactError::UnrecognizedClient
                }
                SignatureError::Malformed(_)
                | SignatureError::Skewed
                | SignatureError::Replayed
                | SignatureError::Mismatch => ContactError::InvalidSignature,
                SignatureError::Forbidden => ContactError::AccessDenied,
            };
            Err(ContactRefusal::new(kind, error.to_string()))
        }
    }
}

async fn ask(shared: &Shared, asked: ContactRequest) -> Result<Accepted, ContactRefusal> {
    let request = asked.request.unwrap_or_else(fresh_request_id);
    let command = Command { request, origin: Origin::ContactApi, verb: asked.verb };
    shared.ask(asked.call, command).await.map_err(|error| match error {
        CommandError::Denied(denied) => denied.into(),
        CommandError::Busy => ContactRefusal::new(ContactError::LimitExceeded, error.to_string()),
        CommandError::Unanswered => {
            ContactRefusal::new(ContactError::InternalService, error.to_string())
        }
    })
}

fn stream_name(request: &ContactRequest) -> String {
    match &request.verb {
        Verb::Stop(crate::command::Target::Id(stream)) => stream.to_string(),
        _ => String::new(),
    }
}

fn now(shared: &Shared) -> String {
    (shared.gateway.wall)().to_string()
}

fn answer<T: Serialize>(answer: Result<T, ContactRefusal>) -> Response {
    let mut response = match answer {
        Ok(view) => Json(view).into_response(),
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.error.status())
                .expect("the table holds only statuses of HTTP");
            let kind = HeaderValue::from_static(refusal.error.type_name());
            (status, [(ERROR_TYPE, kind)], Json(refusal.body())).into_response()
        }
    };
    let id = HeaderValue::from_str(&format!("{:032x}", rand::random::<u128>()))
        .expect("hexadecimal digits are visible");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
