//! The contact API: boto3's `connect` client with another `endpoint_url`, or anybody with a token.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::request::{Body, fresh_request_id};
use super::sessions::Caller;
use super::sigv4::SignatureError;
use super::{Role, Shared, access};
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
    match admit(&shared, &uri, &headers, body) {
        Ok((body, caller)) => of(caller, answer(started(&shared, &body).await)),
        Err(refusal) => answer(Err(refusal)),
    }
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
    match admit(&shared, &uri, &headers, body) {
        Ok((body, caller)) => of(caller, answer(stopped(&shared, &body).await)),
        Err(refusal) => answer(Err(refusal)),
    }
}

async fn started(shared: &Shared, body: &Bytes) -> Answer {
    let accepted = ask(shared, contact::start(body)?).await?;
    let Some(stream) = accepted.streams.first() else {
        return Err(ContactRefusal::new(
            ContactError::InternalService,
            "the start named no stream",
        ));
    };
    Ok(contact::started(stream.stream, now(shared)))
}

async fn stopped(shared: &Shared, body: &Bytes) -> Answer {
    let request = contact::stop(body)?;
    let stream = stream_name(&request);
    ask(shared, request).await?;
    Ok(contact::stopped(&stream, now(shared)))
}

/// Lets a request pass that is signed by somebody known here, or presents a token.
fn admit(
    shared: &Shared,
    uri: &Uri,
    headers: &HeaderMap,
    body: Result<Body, ApiError>,
) -> Result<(Bytes, Caller), ContactRefusal> {
    let Body(body) =
        body.map_err(|error| ContactRefusal::new(ContactError::InvalidRequest, error.to_string()))?;
    match access::admit_signed(&shared.gateway, SERVICE, Role::Operator, uri, headers, &body) {
        Ok(caller) => Ok((body, caller)),
        Err(error) => {
            let kind = match error {
                SignatureError::Unsigned | SignatureError::UnknownKey => {
                    ContactError::UnrecognizedClient
                }
                SignatureError::Malformed(_)
                | SignatureError::Skewed
                | SignatureError::Mismatch => ContactError::InvalidSignature,
                SignatureError::Forbidden(_) => ContactError::AccessDenied,
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

/// The answer with its asker, for the audit.
fn of(caller: Caller, mut answer: Response) -> Response {
    answer.extensions_mut().insert(caller);
    answer
}

fn answer(answer: Answer) -> Response {
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
