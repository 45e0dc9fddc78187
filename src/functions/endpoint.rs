//! Functions as HTTP endpoints: the event goes out as JSON, a JSON object comes back.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::RngExt;
use reqwest::{Client, StatusCode, Url};
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
    url: Url,
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
        let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = parsed.ok_or_else(|| EndpointError::Url(url.to_owned()))?;
        Ok(Endpoint { url, key })
    }

    /// Whether what goes there can be read on the way: it leaves this machine without TLS.
    pub fn is_open(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|it: IpAddr| it.is_loopback());
        self.url.scheme() == "http" && !is_here
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
#[derive(Debug)]
pub(super) struct Caller {
    client: Client,
    functions: BTreeMap<String, Endpoint>,
}

impl Caller {
    pub(super) fn new(functions: BTreeMap<String, Endpoint>) -> Result<Caller, EndpointError> {
        // A redirect would carry the contact's data to where nobody has configured it.
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIME)
            .build()
            .map_err(|error| EndpointError::Client(error.to_string()))?;
        Ok(Caller { client, functions })
    }

    pub(super) async fn call(&self, function: &Function) -> Result<Json, CallError> {
        let endpoint =
            self.find(function).ok_or_else(|| CallError::Unknown(function.function.id.clone()))?;
        let body = function.event.to_string().into_bytes();
        let url = endpoint.url.clone();
        let mut request = self.client.post(url).header("content-type", "application/json");
        for (name, value) in endpoint.key.sign(endpoint.url.as_str(), &body, &once()) {
            request = request.header(name, value);
        }
        let limit = Duration::from_secs(function.limit_s.into());
        let answered = tokio::time::timeout(limit, answer(request.body(body))).await;
        answered.unwrap_or(Err(CallError::Late(function.limit_s)))
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

async fn answer(request: reqwest::RequestBuilder) -> Result<Json, CallError> {
    let unreachable = |error: reqwest::Error| CallError::Unreachable(innermost(&error));
    let mut response = request.send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(CallError::Status(response.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(CallError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|_| CallError::NotJson)
}

/// What went wrong at the bottom of it, without the address: that may hold a secret.
fn innermost(error: &reqwest::Error) -> String {
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    source.to_string()
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
