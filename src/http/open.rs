//! What needs no token, and `/metrics`.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use super::Shared;

/// One page with its script and style inside, so that it works offline and loads nothing from elsewhere.
const DOCS: &str = include_str!("docs.html");

/// The script and the style are allowed by their digests; everything but reading from this server is forbidden.
static DOCS_POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = |open: &str, close: &str| {
        let (_, rest) = DOCS.split_once(open).expect("the page has a script and a style");
        let (text, _) = rest.split_once(close).expect("which it closes");
        STANDARD.encode(Sha256::digest(text))
    };
    let (script, style) = (digest("<script>", "</script>"), digest("<style>", "</style>"));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

/// `/openapi.json` and `/docs`.
pub(super) fn pages() -> Router<Shared> {
    Router::new().route("/openapi.json", get(openapi)).route("/docs", get(docs))
}

async fn openapi(State(shared): State<Shared>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], shared.openapi.to_string())
}

async fn docs() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 2] =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, &DOCS_POLICY)];
    (headers, DOCS).into_response()
}

/// Counters and gauges for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], shared.gateway.notify.metrics.to_text())
}

/// Whether the process runs.
#[utoipa::path(get, path = "/healthz", tag = "operation", security(()), responses((status = 200, body = String)))]
pub(super) async fn health() -> &'static str {
    "ok\n"
}

/// Whether new calls are taken.
#[utoipa::path(get, path = "/readyz", tag = "operation", security(()),
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(super) async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    if shared.gateway.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, [(CONTENT_TYPE, "application/json")], r#"{"ready":true}"#)
    } else {
        let body =
            r#"{"ready":false,"error":{"code":"draining","message":"no new calls are taken"}}"#;
        (StatusCode::SERVICE_UNAVAILABLE, [(CONTENT_TYPE, "application/json")], body)
    }
}

/// How a client shows who it is.
pub(super) fn add_security(description: &mut OpenApi) {
    let components = description.components.get_or_insert_default();
    components
        .add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components
        .add_security_scheme("key", SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::new("key"))));
}
