//! `/v1/session`: signing in to the console and out of it.
//!
//! A browser gets a cookie that its scripts cannot read and that no page of elsewhere can send. What the cookie's bearer may do is
//! decided at each route, by the role ([`access`](super::access)).

use std::sync::LazyLock;
use std::time::Instant;

use axum::extract::State;
use axum::http::header::{HOST, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::password::PasswordHash;
use super::request::Body;
use super::sessions::{Caller, SESSION_TIME};
use super::{Role, Shared};
use super::{access, audit};

/// The longest password that is looked at.
const LONGEST_PASSWORD: usize = 1024;

/// What a password of a user who is not there is checked against, so that the time tells nobody who is there.
static NOBODY: LazyLock<Option<PasswordHash>> =
    LazyLock::new(|| PasswordHash::of("nobody has this password").ok());

/// One of three ways in: the key of a one-time link, an API token, or a name with its password.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// What a one-time link has behind `?key=`.
    key: Option<String>,
    /// An API token's secret.
    token: Option<String>,
    /// Name of a configured user.
    name: Option<String>,
    /// The user's password.
    password: Option<String>,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionView {
    /// The name that the audit tells.
    name: String,
    /// What may be done.
    role: Role,
    /// This server's version.
    version: &'static str,
}

/// A way into the console.
#[derive(Serialize, ToSchema)]
pub(super) struct LinkView {
    /// Path and query, to be put behind the server's address; good for one use.
    path: String,
}

/// Signs in: the answer sets a cookie. A link's key is used up by it.
#[utoipa::path(post, path = "/v1/session", tag = "console", request_body = SignIn, security(()),
    responses((status = 200, body = SessionView), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(super) async fn sign_in(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    if headers.contains_key(ORIGIN) && !access::is_own_page(&headers) {
        return Err(ApiError::ForeignPage);
    }
    let sessions = &shared.gateway.sessions;
    let now = Instant::now();
    if !sessions.hears(now) {
        return Err(ApiError::TooManySignIns);
    }
    let sent: SignIn = body.json()?;
    let Some(caller) = known(&shared, sent, now).await? else {
        sessions.refused(now);
        tracing::warn!("a sign-in to the console was refused");
        return Err(ApiError::SignInRefused);
    };
    let secret = sessions.open(caller.clone(), now);
    let cookie = cookie(&headers, &secret, SESSION_TIME.as_secs());
    let view = SessionView::of(&caller);
    audit::asked_by(caller);
    Ok(([(SET_COOKIE, cookie)], Json(view)).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/v1/session", tag = "console",
    responses((status = 200, body = SessionView), (status = 401, body = ErrorBody)))]
pub(super) async fn show(Extension(caller): Extension<Caller>) -> Json<SessionView> {
    Json(SessionView::of(&caller))
}

/// Signs out.
#[utoipa::path(delete, path = "/v1/session", tag = "console",
    responses((status = 204), (status = 401, body = ErrorBody)))]
pub(super) async fn sign_out(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> impl IntoResponse {
    if let Some(secret) = access::cookie(&headers) {
        shared.gateway.sessions.close(secret);
    }
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie(&headers, "", 0))])
}

/// Makes a link that signs its bearer in once, as the one who asks.
#[utoipa::path(post, path = "/v1/session/links", tag = "console",
    responses((status = 201, body = LinkView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
pub(super) async fn link(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> impl IntoResponse {
    let key = shared.gateway.sessions.link(&caller.name, caller.role);
    (StatusCode::CREATED, Json(LinkView { path: format!("/?key={key}") }))
}

/// Whom the sign-in is of; `None` when it is of nobody.
async fn known(shared: &Shared, sent: SignIn, now: Instant) -> Result<Option<Caller>, ApiError> {
    let settings = &shared.gateway.settings;
    match sent {
        SignIn { key: Some(key), token: None, name: None, password: None } => {
            Ok(shared.gateway.sessions.redeem(&key, now))
        }
        SignIn { token: Some(token), key: None, name: None, password: None } => {
            let caller = access::bearer_of(settings, &token);
            Ok(caller.map(|caller| Caller { by: "session", ..caller }))
        }
        SignIn { name: Some(name), password: Some(password), key: None, token: None } => {
            by_password(shared, name, password).await
        }
        _ => Err(ApiError::BadRequest(
            "a sign-in has a key, or a token, or a name and a password".to_owned(),
        )),
    }
}

async fn by_password(
    shared: &Shared,
    name: String,
    password: String,
) -> Result<Option<Caller>, ApiError> {
    if password.len() > LONGEST_PASSWORD {
        return Ok(None);
    }
    // Each check takes a core and megabytes for tens of milliseconds, so only so many are made at once.
    let permit =
        shared.sign_ins.clone().try_acquire_owned().map_err(|_| ApiError::TooManySignIns)?;
    let user = shared.gateway.settings.users.iter().find(|user| user.name == name).cloned();
    let check = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let hash = user.as_ref().map(|user| &user.password).or(NOBODY.as_ref());
        let is_right = hash.is_some_and(|hash| hash.is_of(&password));
        user.filter(|_| is_right)
    });
    let user = check.await.unwrap_or_default();
    Ok(user.map(|user| Caller { name: user.name.into(), role: user.role, by: "session" }))
}

/// The cookie that a browser is to keep for so long.
fn cookie(headers: &HeaderMap, secret: &str, seconds: u64) -> HeaderValue {
    // What a proxy with TLS in front of us says; whoever lies here only loses his own session.
    let is_secure =
        headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes() == b"https");
    let secure = if is_secure { "; Secure" } else { "" };
    let name = access::cookie_name(headers.get(HOST));
    let text =
        format!("{name}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    HeaderValue::from_str(&text).expect("a port, base64 and digits are visible characters")
}

impl SessionView {
    fn of(caller: &Caller) -> SessionView {
        SessionView {
            name: caller.name.to_string(),
            role: caller.role,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
