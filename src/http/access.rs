//! Who may ask: a bearer token, or `?key=` where a browser cannot set headers.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::ApiError;
use super::sigv4::{self, SignatureError, SignedRequest};
use super::{Settings, Shared, Token};

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
    presented(settings, headers, uri).is_some()
}

/// The token that the request presents.
fn presented<'s>(settings: &'s Settings, headers: &HeaderMap, uri: &Uri) -> Option<&'s Token> {
    let presented = bearer(headers).map(str::to_owned).or_else(|| key(uri));
    presented.and_then(|secret| token_of(settings, &secret))
}

/// Whether a request may be taken twice: the time of a signature has a resolution of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only tells: asking again is harmless, and usual.
    Reads,
    /// It changes something.
    Changes,
}

/// Lets a request pass that is signed by somebody known here, or presents a token. A signed request that may change something
/// passes once.
pub(super) fn admit_signed<'s>(
    shared: &'s Shared,
    request: &SignedRequest<'_>,
    effect: Effect,
) -> Result<&'s Token, SignatureError> {
    let settings = &shared.gateway.settings;
    if !sigv4::is_signed(request.headers) {
        let known = presented(settings, request.headers, request.uri);
        return known.ok_or(SignatureError::Unsigned);
    }
    let now = (shared.gateway.wall)();
    let (token, signature) =
        request.verify(now, |id| settings.tokens.iter().find(|token| token.id == id))?;
    if effect == Effect::Reads || shared.replays.take(&signature, now.as_unix_millis()) {
        Ok(token)
    } else {
        Err(SignatureError::Replayed)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

fn key(uri: &Uri) -> Option<String> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(name, _)| *name == "key").map(|(_, value)| percent_decoded(value))
}

pub(super) fn percent_decoded(value: &str) -> String {
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
fn token_of<'s>(settings: &'s Settings, presented: &str) -> Option<&'s Token> {
    let presented = Sha256::digest(presented);
    let matches = |token: &Token| -> bool {
        Sha256::digest(token.secret.reveal()).as_slice().ct_eq(presented.as_slice()).into()
    };
    settings.tokens.iter().fold(None, |found, token| {
        let is_it = matches(token);
        found.or(is_it.then_some(token))
    })
}
