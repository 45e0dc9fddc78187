//! The web console: a page, a script, a style and an icon, from this binary and from nowhere else.
//!
//! Sources and build are in `console/`; the build's four files have fixed names, so `include_bytes!` is enough: a file that is missing
//! does not compile, and no crate has to be trusted with serving a folder.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::Shared;

/// Nothing but what this server gives: no inline script, no inline style, no other origin, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the build.
struct Asset {
    content_type: &'static str,
    bytes: &'static [u8],
    etag: HeaderValue,
}

static PAGE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("text/html; charset=utf-8", include_bytes!("../../console/dist/index.html"))
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("text/javascript; charset=utf-8", include_bytes!("../../console/dist/console.js"))
});
static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("text/css; charset=utf-8", include_bytes!("../../console/dist/console.css"))
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("image/svg+xml", include_bytes!("../../console/dist/icon.svg")));

/// The console's files. They hold no secret: who is not signed in sees where to sign in.
pub(super) fn pages() -> Router<Shared> {
    Router::new()
        .route("/", get(async |headers: HeaderMap| PAGE.answer(&headers)))
        .route("/console.js", get(async |headers: HeaderMap| SCRIPT.answer(&headers)))
        .route("/console.css", get(async |headers: HeaderMap| STYLE.answer(&headers)))
        .route("/icon.svg", get(async |headers: HeaderMap| ICON.answer(&headers)))
}

impl Asset {
    fn new(content_type: &'static str, bytes: &'static [u8]) -> Asset {
        let digest: String =
            Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let etag = HeaderValue::from_str(&format!("\"{digest}\"")).expect("it is hexadecimal");
        Asset { content_type, bytes, etag }
    }

    /// The file, unless the browser has it.
    fn answer(&self, headers: &HeaderMap) -> Response {
        let common: [(HeaderName, HeaderValue); 3] = [
            (ETAG, self.etag.clone()),
            // Asked for each time and sent again only after an upgrade.
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        ];
        if headers.get(IF_NONE_MATCH) == Some(&self.etag) {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        (common, [(CONTENT_TYPE, self.content_type)], self.bytes).into_response()
    }
}
