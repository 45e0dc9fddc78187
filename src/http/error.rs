//! Errors as JSON, and what every answer gets on its way out.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::header::{HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{Role, Shared, audit};
use crate::command::Denied;
use crate::control::json::ErrorView;
use crate::control::request::BadMember;
use crate::control::tables::{self, RETRY_AFTER_S};
use crate::net::CommandError;

/// The body of every error.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ErrorBody {
    /// What went wrong.
    error: ErrorView,
}

/// What the native interface answers when it does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("a token is needed: Authorization: Bearer …, or ?key=…, or a session of the console")]
    Unauthorized,
    #[error(
        "the link, token, name or password is not right: a link works once, and `sidestream console` makes a new one"
    )]
    SignInRefused,
    #[error("too many sign-ins at once or in vain: try again in a minute")]
    TooManySignIns,
    #[error("this needs the role {}; yours is {}", needed.as_str(), has.as_str())]
    Forbidden { needed: Role, has: Role },
    #[error("a page that did not come from this server may not use its session")]
    ForeignPage,
    #[error("{0}")]
    BadRequest(String),
    #[error(transparent)]
    BadMember(#[from] BadMember),
    #[error("the body is longer than this server reads")]
    TooLong,
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("there is nothing at {0}")]
    NoSuchPath(String),
    #[error("the stream has no manifest: it has not ended, or never reached its sink")]
    NoManifest,
    #[error("the stream does not go to the built-in scope, or has given it no audio")]
    NoScope,
    #[error("there is no such trunk")]
    NoSuchTrunk,
    #[error("another sink is being tested: try again when that is over")]
    TestRuns,
    #[error("this source is not banned")]
    NotBanned,
    #[error("as many listeners as may are listening to the events")]
    TooManyListeners,
    #[error("events are given as text/event-stream or over WebSocket")]
    NotAcceptable,
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        ApiError::Command(CommandError::Denied(denied))
    }
}

impl ApiError {
    fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            ApiError::Unauthorized => (401, "unauthorized"),
            ApiError::SignInRefused => (401, "sign_in_refused"),
            ApiError::TooManySignIns => (429, "too_many_sign_ins"),
            ApiError::Forbidden { .. } => (403, "forbidden"),
            ApiError::ForeignPage => (403, "foreign_page"),
            ApiError::BadRequest(_) => (400, "bad_request"),
            ApiError::BadMember(_) => (400, "bad_member"),
            ApiError::TooLong => (413, "body_too_long"),
            ApiError::TooSlow => (408, "body_too_slow"),
            ApiError::NoSuchPath(_) => (404, "no_such_path"),
            ApiError::NoManifest => (404, "no_manifest"),
            ApiError::NoScope => (404, "no_scope"),
            ApiError::NoSuchTrunk => (404, "no_such_trunk"),
            ApiError::TestRuns => (409, "test_runs"),
            ApiError::NotBanned => (404, "not_banned"),
            ApiError::TooManyListeners => (503, "too_many_listeners"),
            ApiError::NotAcceptable => (406, "not_acceptable"),
            ApiError::Command(CommandError::Busy) => (503, "busy"),
            ApiError::Command(CommandError::Unanswered) => (504, "unanswered"),
            ApiError::Command(CommandError::Denied(denied)) => {
                let refusal = tables::refusal(denied);
                (refusal.http, refusal.code)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let status = StatusCode::from_u16(status).expect("the tables hold only statuses of HTTP");
        let mut response = json_error(status, code, self.to_string());
        match status {
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
            }
            _ => {}
        }
        response
    }
}

fn json_error(status: StatusCode, code: &str, message: String) -> Response {
    (status, Json(ErrorBody { error: ErrorView::new(code, message) })).into_response()
}

/// The answer for a path that no route has.
pub(super) async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::NoSuchPath(uri.path().to_owned())
}

/// Counts the answer, turns the framework's plain-text errors into JSON and adds the headers that every answer has.
pub(super) async fn finish(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (response, caller) = audit::listening(next.run(request)).await;
    let mut response = as_json(response);
    let status = response.status().as_u16();
    shared.gateway.notify.metrics.count_http(status);
    if let Some(caller) = caller.filter(|_| !method.is_safe()) {
        shared.audit.note(&caller, (shared.gateway.wall)(), &method, &path, status);
    }
    // The query is left out: it may hold a key.
    tracing::debug!(%method, path, status, "http request");
    let headers = response.headers_mut();
    let constant: [(HeaderName, &'static str); 3] = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in constant {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn as_json(response: Response) -> Response {
    let status = response.status();
    let content_type =
        response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if content_type == b"application/json"
        || !(status.is_client_error() || status.is_server_error())
    {
        return response;
    }
    let (code, message) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            ("method_not_allowed", "this path does not know that method")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ("body_too_long", "the body is longer than this server reads")
        }
        StatusCode::UPGRADE_REQUIRED => {
            ("upgrade_required", "this is not a WebSocket handshake of version 13")
        }
        status if status.is_client_error() => ("bad_request", "the request could not be read"),
        _ => ("internal", "an error in this program"),
    };
    let mut error = json_error(status, code, message.to_owned());
    // What the framework says about the status, Allow for instance, stays.
    for (name, value) in response.headers() {
        if !error.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            error.headers_mut().insert(name.clone(), value.clone());
        }
    }
    error
}
