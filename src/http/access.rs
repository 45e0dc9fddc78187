//! Who may ask: a bearer token, or `?key=` where a browser cannot set headers.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::error::ApiError;
use super::sigv4::{self, SignatureError, SignedRequest};
use super::{Gateway, Settings, Shared};

/// Lets a request pass that presents a token.
pub(super) async fn require_token(
    State(shared): State<Shared>,
    request: Request,
    next: Next,
) -> Response {
    let settings = &shared.gateway.settings;
    let is_public = settings.public_metrics && request.uri().path() == "/metrics";
    if is_public || presents_token(settings, request.headers(), request.uri()) {
        next.run(request).await
    } else {
        ApiError::Unauthorized.into_response()
    }
}

/// Whether the request presents one of the tokens.
pub(super) fn presents_token(settings: &Settings, headers: &HeaderMap, uri: &Uri) -> bool {
    let presented = bearer(headers).map(str::to_owned).or_else(|| key(uri));
    presented.is_some_and(|secret| is_token(settings, &secret))
}

/// Lets a request pass that is signed for `service` by somebody known here, or presents a token.
pub(super) fn admit_signed(
    gateway: &Gateway,
    service: &str,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), SignatureError> {
    let settings = &gateway.settings;
    if !sigv4::is_signed(headers) {
        let is_known = presents_token(settings, headers, uri);
        return if is_known { Ok(()) } else { Err(SignatureError::Unsigned) };
    }
    let signed = SignedRequest { service, method: &Method::POST, uri, headers, body };
    signed.verify((gateway.wall)(), |id| {
        settings.tokens.iter().find(|token| token.id == id).map(|token| token.secret.reveal())
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn key(uri: &Uri) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(name, _)| *name == "key").map(|(_, value)| percent_decoded(value))
}

fn percent_decoded(value: &str) -> String {
    let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (byte, tail)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            decoded.push(high << 4 | low);
            rest = after;
        } else {
            decoded.push(*byte);
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Compares digests instead of texts, and with every token: the time tells neither a length nor a match.
fn is_token(settings: &Settings, presented: &str) -> bool {
    let presented = Sha256::digest(presented);
    let matches = |secret: &str| Sha256::digest(secret).as_slice().ct_eq(presented.as_slice());
    let any = |found: Choice, token: &super::Token| found | matches(token.secret.reveal());
    settings.tokens.iter().fold(Choice::from(0), any).into()
}
