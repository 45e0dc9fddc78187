use super::*;
use crate::http::{PasswordHash, User};

const VIEWER: &str = "a-viewer-of-this-test";
const OPERATOR: &str = "an-operator-of-this-test";

async fn bench_with_people() -> Bench {
    bench_with(Arc::new(half_past_nine), |settings| {
        let token =
            |id: &str, secret: &str, role| Token { role, ..Token::new(id, Secret::new(secret)) };
        settings.tokens.push(token("watcher", VIEWER, Role::Viewer));
        settings.tokens.push(token("worker", OPERATOR, Role::Operator));
        let password = PasswordHash::of("correct horse").expect("it can be hashed");
        settings.users.push(User { name: "dana".into(), password, role: Role::Operator });
    })
    .await
}

impl Bench {
    async fn sign_in(&self, body: &str) -> (StatusCode, String) {
        let response = self.response("POST", "/v1/session", body, &[]).await;
        let cookie = response.headers().get("set-cookie").map(|it| it.to_str().unwrap_or_default());
        (response.status(), cookie.unwrap_or_default().to_owned())
    }

    /// The status of a request with a cookie and an origin.
    async fn as_browser(&self, method: &str, path: &str, cookie: &str, origin: &str) -> u16 {
        let secret = cookie.split(';').next().unwrap_or_default();
        let mut headers = vec![("cookie", secret)];
        if !origin.is_empty() {
            headers.push(("origin", origin));
        }
        self.send_with(method, path, "", &headers).await.0.as_u16()
    }

    fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[tokio::test]
async fn a_link_is_exchanged_once_for_a_cookie_that_scripts_cannot_read() {
    let bench = bench().await;
    let (status, link) = bench.send("POST", "/v1/session/links", "").await;
    assert_eq!(status, StatusCode::CREATED);
    let key = link["path"].as_str().and_then(|path| path.strip_prefix("/?key=")).expect("a key");
    let body = format!(r#"{{"key":"{key}"}}"#);
    let (status, cookie) = bench.sign_in(&body).await;
    assert_eq!(status, StatusCode::OK);
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict; "), "{cookie}");
    assert_eq!(bench.as_browser("GET", "/v1/calls", &cookie, "").await, 200);
    assert_eq!(bench.sign_in(&body).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.as_browser("DELETE", "/v1/session", &cookie, &bench.origin()).await, 204);
    assert_eq!(bench.as_browser("GET", "/v1/calls", &cookie, "").await, 401);
}

#[tokio::test]
async fn a_session_is_of_no_use_to_pages_of_elsewhere() {
    let bench = bench().await;
    let (_, cookie) = bench.sign_in(&format!(r#"{{"token":"{TOKEN}"}}"#)).await;
    let call = format!("/v1/calls/{CALL}");
    for origin in ["http://evil.example", "http://127.0.0.1:9", ""] {
        assert_eq!(bench.as_browser("DELETE", &call, &cookie, origin).await, 403, "{origin}");
    }
    assert_eq!(bench.as_browser("DELETE", &call, &cookie, &bench.origin()).await, 200);
    assert_eq!(bench.as_browser("GET", "/v1/calls", &cookie, "http://evil.example").await, 403);
    let elsewhere = [("origin", "http://evil.example")];
    let body = format!(r#"{{"token":"{TOKEN}"}}"#);
    let refused = bench.send_with("POST", "/v1/session", &body, &elsewhere).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn users_sign_in_with_their_password_and_guessing_ends_soon() {
    let bench = bench_with_people().await;
    let right = r#"{"name":"dana","password":"correct horse"}"#;
    let (status, cookie) = bench.sign_in(right).await;
    assert_eq!(status, StatusCode::OK);
    let (_, shown) = bench
        .send_with(
            "GET",
            "/v1/session",
            "",
            &[("cookie", cookie.split(';').next().unwrap_or_default())],
        )
        .await;
    assert_eq!((shown["name"].as_str(), shown["role"].as_str()), (Some("dana"), Some("operator")));
    for wrong in [
        r#"{"name":"dana","password":"wrong horse"}"#,
        r#"{"name":"nobody","password":"correct horse"}"#,
        r#"{"key":"guessed"}"#,
        r#"{"token":"guessed"}"#,
    ] {
        assert_eq!(bench.sign_in(wrong).await.0, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(bench.sign_in(r#"{"name":"dana"}"#).await.0, StatusCode::BAD_REQUEST);
    for _ in 0..16 {
        bench.sign_in(r#"{"key":"guessed"}"#).await;
    }
    assert_eq!(bench.sign_in(right).await.0, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn each_route_asks_for_its_role() {
    let bench = bench_with_people().await;
    let call = format!("/v1/calls/{CALL}");
    let streams = format!("{call}/streams");
    let start = "/contact/start-streaming";
    for (method, path, viewer, operator) in [
        ("GET", "/v1/calls", 200, 200),
        ("GET", "/v1/phones", 200, 200),
        ("DELETE", call.as_str(), 403, 200),
        ("POST", streams.as_str(), 403, 201),
        ("POST", start, 403, 400),
        ("GET", "/v1/audit", 403, 403),
        ("DELETE", "/v1/bans/203.0.113.9", 403, 403),
        ("POST", "/v1/session/links", 403, 403),
    ] {
        for (token, expected) in [(VIEWER, viewer), (OPERATOR, operator)] {
            let bearer = format!("Bearer {token}");
            let (status, _) =
                bench.send_with(method, path, "", &[("authorization", &bearer)]).await;
            assert_eq!(status.as_u16(), expected, "{method} {path} by {token}");
        }
    }
}

#[tokio::test]
async fn every_change_is_audited_with_who_asked_and_what_came_of_it() {
    let bench = bench_with_people().await;
    let call = format!("/v1/calls/{CALL}");
    for token in [VIEWER, OPERATOR] {
        let bearer = format!("Bearer {token}");
        bench.send_with("GET", &call, "", &[("authorization", &bearer)]).await;
        bench.send_with("DELETE", &call, "", &[("authorization", &bearer)]).await;
    }
    let (_, cookie) = bench.sign_in(r#"{"name":"dana","password":"correct horse"}"#).await;
    bench.as_browser("DELETE", &call, &cookie, &bench.origin()).await;
    let (_, audit) = bench.send("GET", "/v1/audit", "").await;
    let line = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        format!("{} {} {} {}", text("who"), text("by"), text("method"), entry["status"])
    };
    let lines: Vec<String> = audit["audit"].as_array().expect("a list").iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "dana session DELETE 200",
            "dana session POST 200",
            "worker token DELETE 200",
            "watcher token DELETE 403",
        ]
    );
}

#[tokio::test]
async fn the_console_loads_nothing_from_elsewhere_and_is_sent_once() {
    let bench = bench().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/console.js", "text/javascript; charset=utf-8"),
        ("/console.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let response = bench.response("GET", path, "", &[]).await;
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|it| it.to_str().ok())
                .unwrap_or_default()
                .to_owned()
        };
        assert_eq!((response.status(), header("content-type").as_str()), (StatusCode::OK, kind));
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"),
            "{policy}"
        );
        let etag = header("etag");
        let again = bench.response("GET", path, "", &[("if-none-match", &etag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }
}
