use super::*;

#[tokio::test]
async fn health_and_readiness_need_no_token() {
    let bench = bench().await;
    assert_eq!(bench.send_with("GET", "/healthz", "", &[]).await.0, StatusCode::OK);
    assert_eq!(bench.send_with("GET", "/readyz", "", &[]).await.0, StatusCode::OK);
    bench.gateway.ready.store(false, Ordering::Relaxed);
    let (status, body) = bench.send_with("GET", "/readyz", "", &[]).await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, Some("draining"))
    );
}

#[tokio::test]
async fn metrics_are_text_and_may_be_made_public() {
    let bench = bench().await;
    bench.tell_call();
    let (status, text) = bench.send("GET", "/metrics", "").await;
    let text = text.as_str().unwrap_or_default().to_owned();
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("sidestream_calls_active 1\n") && text.ends_with("# EOF\n"), "{text}");
    let public =
        bench_with(Arc::new(half_past_nine), |settings| settings.public_metrics = true).await;
    assert_eq!(public.send_with("GET", "/metrics", "", &[]).await.0, StatusCode::OK);
    assert_eq!(public.send_with("GET", "/v1/calls", "", &[]).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_a_route() {
    let bench = bench().await;
    let (_, api) = bench.send_with("GET", "/openapi.json", "", &[]).await;
    let mut described = Vec::new();
    for (path, methods) in api["paths"].as_object().expect("paths are an object") {
        for method in methods.as_object().expect("methods are an object").keys() {
            described.push(format!("{} {path}", method.to_uppercase()));
            let url = path
                .replace("{call}", "x")
                .replace("{stream}", "x")
                .replace("{trunk}", "x")
                .replace("{sink}", "x")
                .replace("{source}", "192.0.2.1")
                .replace("{verb}", "stop");
            let status = bench.send_with(&method.to_uppercase(), &url, "", &[]).await.0;
            // Unauthorized where a token is needed, so the route exists; never "no such path" or "no such method".
            assert!(!matches!(status.as_u16(), 404 | 405), "{method} {url}: {status}");
        }
    }
    described.sort();
    let expected = [
        "DELETE /v1/bans/{source}",
        "DELETE /v1/calls/{call}",
        "DELETE /v1/session",
        "GET /.well-known/jwks.json",
        "GET /contact/attributes/{instance}/{contact}",
        "GET /contacts/{instance}/{contact}",
        "GET /healthz",
        "GET /metrics",
        "GET /queues-summary/{instance}",
        "GET /readyz",
        "GET /users-summary/{instance}",
        "GET /v1/audit",
        "GET /v1/bans",
        "GET /v1/calls",
        "GET /v1/calls/{call}",
        "GET /v1/calls/{call}/flow",
        "GET /v1/calls/{call}/messages",
        "GET /v1/calls/{call}/messages.pcap",
        "GET /v1/calls/{call}/streams",
        "GET /v1/events",
        "GET /v1/phones",
        "GET /v1/session",
        "GET /v1/sinks",
        "GET /v1/spools",
        "GET /v1/streams/{stream}",
        "GET /v1/streams/{stream}/manifest",
        "GET /v1/streams/{stream}/manifest.jws",
        "GET /v1/streams/{stream}/scope",
        "GET /v1/trunks",
        "GET /v1/trunks/{trunk}",
        "POST /contact/attributes",
        "POST /contact/resume-recording",
        "POST /contact/start-recording",
        "POST /contact/start-streaming",
        "POST /contact/stop",
        "POST /contact/stop-recording",
        "POST /contact/stop-streaming",
        "POST /contact/suspend-recording",
        "POST /contact/transfer",
        "POST /describeStream",
        "POST /getDataEndpoint",
        "POST /getMedia",
        "POST /getMediaForFragmentList",
        "POST /listFragments",
        "POST /listStreams",
        "POST /metrics/current/{instance}",
        "POST /v1/calls/{call}/streams",
        "POST /v1/calls/{call}/streams/{stream}/tapi/{method}",
        "POST /v1/calls/{call}/streams/{stream}/{verb}",
        "POST /v1/calls/{call}/tapi/{method}",
        "POST /v1/calls/{call}/transfer",
        "POST /v1/session",
        "POST /v1/session/links",
        "POST /v1/sinks/{sink}/test",
        "PUT /users/{instance}/{user}/status",
    ];
    assert_eq!(described, expected);
    assert_eq!(api["openapi"], "3.1.0");
    assert_eq!(api["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_references(&api, &api);
}

/// Every `$ref` names a schema that is there.
fn assert_references(value: &Value, api: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                let pointer = reference.trim_start_matches('#');
                assert!(api.pointer(pointer).is_some(), "{reference} is missing");
            }
            members.values().for_each(|member| assert_references(member, api));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_references(item, api)),
        _ => {}
    }
}

#[tokio::test]
async fn the_docs_page_loads_nothing_from_elsewhere() {
    let bench = bench().await;
    let response = bench.response("GET", "/docs", "", &[]).await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"));
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let page = response.text().await.unwrap();
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
}

#[tokio::test]
async fn answers_are_counted_by_their_class() {
    let bench = bench().await;
    bench.send("GET", "/v1/calls", "").await;
    bench.send("GET", "/v1/nothing", "").await;
    let text = bench.gateway.notify.metrics.to_text();
    for class in ["2xx", "4xx"] {
        let line = format!("sidestream_http_requests_total{{status=\"{class}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }
}
