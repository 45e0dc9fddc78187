//! Who asks, and whether they may: a bearer token, `?key=` where a browser cannot set headers, or the cookie of a session.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::ApiError;
use super::sessions::Caller;
use super::sigv4::{self, SignatureError, SignedRequest};
use super::{Role, Settings, Shared, Token, audit};

/// Lets a request pass whose sender has at least this role. Handlers find the sender as an extension, and so does the audit.
pub(super) async fn require(
    State((shared, role)): State<(Shared, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    if shared.gateway.settings.public_metrics && request.uri().path() == "/metrics" {
        return next.run(request).await;
    }
    let caller = match identify(&shared, &request) {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    audit::asked_by(caller.clone());
    if caller.role < role {
        return ApiError::Forbidden { needed: role, has: caller.role }.into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// Who sends the request: the bearer of a token, or a browser that is signed in.
fn identify(shared: &Shared, request: &Request) -> Result<Caller, ApiError> {
    let headers = request.headers();
    if let Some(secret) = presented(headers, request.uri()) {
        return bearer_of(&shared.gateway.settings, &secret).ok_or(ApiError::Unauthorized);
    }
    let caller = cookie(headers)
        .and_then(|secret| shared.gateway.sessions.caller(secret, Instant::now()))
        .ok_or(ApiError::Unauthorized)?;
    // SameSite keeps the cookie from other sites, and every port of this host is the same site: their pages are told apart here.
    let must_tell = !request.method().is_safe() || headers.contains_key(UPGRADE);
    if (must_tell || headers.contains_key(ORIGIN)) && !is_own_page(headers) {
        return Err(ApiError::ForeignPage);
    }
    Ok(caller)
}

/// Whether the page that sends the request came from this server, as the browser says.
pub(super) fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text(ORIGIN).and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, authority)| {
        text(HOST).is_some_and(|host| host.eq_ignore_ascii_case(authority))
    })
}

/// The cookie of a session. It has the port in it, because browsers keep one jar for all ports of a host.
pub(super) fn cookie_name(host: Option<&HeaderValue>) -> String {
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    format!("sidestream_{}", if is_port { port } else { "console" })
}

/// The session's secret, if the request brings one.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let name = cookie_name(headers.get(HOST));
    let pairs = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

/// The bearer of the token with this secret.
pub(super) fn bearer_of(settings: &Settings, secret: &str) -> Option<Caller> {
    token_of(settings, secret).map(|token| Caller::with(token, "token"))
}

/// What the request presents as a token's secret.
fn presented(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    bearer(headers).map(str::to_owned).or_else(|| key(uri))
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
    let is_signed = sigv4::is_signed(request.headers);
    let token = if is_signed {
        let now = (shared.gateway.wall)();
        let (token, signature) =
            request.verify(now, |id| settings.tokens.iter().find(|token| token.id == id))?;
        if effect == Effect::Changes && !shared.replays.take(&signature, now.as_unix_millis()) {
            return Err(SignatureError::Replayed);
        }
        token
    } else {
        presented(request.headers, request.uri)
            .and_then(|secret| token_of(settings, &secret))
            .ok_or(SignatureError::Unsigned)?
    };
    if effect == Effect::Changes {
        audit::asked_by(Caller::with(token, if is_signed { "signature" } else { "token" }));
        if token.role < Role::Operator {
            return Err(SignatureError::Forbidden);
        }
    }
    Ok(token)
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
