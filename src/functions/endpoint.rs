//! Functions as HTTP endpoints: the event goes out as JSON, a JSON object comes back.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::{Request, StatusCode, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rand::RngExt;
use serde_json::Value as Json;

use super::signature::{Key, Once};
use crate::flow::Function;

/// Longest answer that is read, in bytes. The flow takes less: this is so much that it can say so.
const ANSWER_BYTES: usize = 128 * 1024;
/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(3);

/// Where a function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
    key: Key,
}

/// A function cannot be called at all.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// It is no address of a function.
    #[error("`{0}` is no http:// or https:// URL")]
    Url(String),
    /// There is no HTTP client to be had.
    #[error("no HTTP client: {0}")]
    Client(String),
}

impl Endpoint {
    /// A function at `url`. What goes there is signed with `key`.
    ///
    /// # Errors
    /// [`EndpointError::Url`].
    pub fn new(url: &str, key: Key) -> Result<Endpoint, EndpointError> {
        let is_web =
            |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        let uri = url.parse().ok().filter(is_web);
        Ok(Endpoint { uri: uri.ok_or_else(|| EndpointError::Url(url.to_owned()))?, key })
    }

    /// Whether what goes there can be read on the way: it leaves this machine without TLS.
    pub fn is_open(&self) -> bool {
        let host = self.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|it: IpAddr| it.is_loopback());
        self.uri.scheme_str() == Some("http") && !is_here
    }
}

/// Why one call has come to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    #[error("there is no function \"{0}\": define it as [flows.functions.NAME]")]
    Unknown(String),
    #[error("the function did not answer within {0} s")]
    Late(u32),
    #[error("the function could not be reached: {0}")]
    Unreachable(String),
    #[error("the function answered {0}")]
    Status(StatusCode),
    #[error("the function's answer is no JSON")]
    NotJson,
    #[error("the function's answer is longer than {ANSWER_BYTES} bytes")]
    TooLong,
}

/// Calls functions.
pub(super) struct Caller {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    functions: BTreeMap<String, Endpoint>,
}

impl Caller {
    pub(super) fn new(functions: BTreeMap<String, Endpoint>) -> Result<Caller, EndpointError> {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT_TIME));
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // It follows no redirect: that would carry what contacts say to where nobody has configured it.
        Ok(Caller { client: Client::builder(TokioExecutor::new()).build(connector), functions })
    }

    pub(super) async fn call(&self, function: &Function) -> Result<Json, CallError> {
        let endpoint =
            self.find(function).ok_or_else(|| CallError::Unknown(function.function.id.clone()))?;
        let body = Bytes::from(function.event.to_string());
        let mut request = Request::post(&endpoint.uri).header("content-type", "application/json");
        for (name, value) in endpoint.key.sign(&endpoint.uri.to_string(), &body, &once()) {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(unreachable)?;
        let limit = Duration::from_secs(function.limit_s.into());
        let answered = tokio::time::timeout(limit, self.answer(request)).await;
        answered.unwrap_or(Err(CallError::Late(function.limit_s)))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Result<Json, CallError> {
        let response = self.client.request(request).await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(CallError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => CallError::TooLong,
            false => CallError::Unreachable(innermost(error.as_ref())),
        })?;
        serde_json::from_slice(&body.to_bytes()).map_err(|_| CallError::NotJson)
    }

    /// The function that a document names: by its name, or by an ARN that ends in it.
    fn find(&self, function: &Function) -> Option<&Endpoint> {
        let named = function.function.names().find_map(|name| self.functions.get(name));
        // arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS
        let in_arn = || {
            let (_, rest) = function.function.id.split_once(":function:")?;
            self.functions.get(rest.split(':').next()?)
        };
        named.or_else(in_arn)
    }
}

fn unreachable(error: impl Error + 'static) -> CallError {
    CallError::Unreachable(innermost(&error))
}

/// What went wrong at the bottom of it, without the address: that may hold a secret.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut source = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.functions.keys()).finish()
    }
}

fn once() -> Once {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Once { unix_s: since.as_secs(), nonce: rand::rng().random() }
}

/// We believe the authorities of the system.
fn tls() -> Result<rustls::ClientConfig, EndpointError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EndpointError::Client(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
