//! The server's HTTP as the demo uses it: the native REST interface and the contact API.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{DemoError, DemoPlan};

/// How long an HTTP request may take.
const REQUEST: Duration = Duration::from_secs(5);

pub(super) struct Doors<'a> {
    plan: &'a DemoPlan,
    client: Client,
}

impl Doors<'_> {
    pub(super) fn new(plan: &DemoPlan) -> Doors<'_> {
        Doors { plan, client: Client::new() }
    }

    /// The id of the live call that our caller made.
    pub(super) async fn find_call(&self) -> Result<String, DemoError> {
        let step = "find the call";
        let (_, list) = self.send(step, self.client.get(self.url("/v1/calls"))).await?;
        let calls =
            list.get("calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_ours =
            |call: &&Value| call["from"] == *self.plan.caller.user && call["state"] == "answered";
        let id = calls.iter().find(is_ours).and_then(|call| call["call"].as_str());
        id.map(str::to_owned)
            .ok_or_else(|| DemoError::Http { step, what: format!("not listed: {list}") })
    }

    /// Starts a stream of both tracks; its id.
    pub(super) async fn start_stream(&self, call: &str, label: &str) -> Result<String, DemoError> {
        let step = "start the stream";
        let body = json!({ "sink": self.plan.sink, "label": label, "tracks": ["from_customer", "to_customer"] });
        let request = self.client.post(self.url(&format!("/v1/calls/{call}/streams"))).json(&body);
        let (_, accepted) = self.send(step, request).await?;
        let id = accepted["streams"][0]["stream"].as_str();
        id.map(str::to_owned)
            .ok_or_else(|| DemoError::Http { step, what: format!("no stream id: {accepted}") })
    }

    /// Stops it by the contact API, which a client of another make would use.
    pub(super) async fn stop_stream(&self, call: &str, stream: &str) -> Result<(), DemoError> {
        let step = "stop the stream";
        let body = json!({ "InstanceId": "local", "ContactId": call, "StreamingId": stream });
        let request = self.client.post(self.url("/contact/stop-streaming")).json(&body);
        self.send(step, request).await.map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.plan.http)
    }

    async fn send(
        &self,
        step: &'static str,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Value), DemoError> {
        let failed = |what: String| DemoError::Http { step, what };
        let sent = request.bearer_auth(&self.plan.token).timeout(REQUEST).send().await;
        let response = sent.map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| failed(error.to_string()))?;
        if !status.is_success() {
            return Err(failed(format!("answered {status} {text}")));
        }
        let value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::Null)
        };
        Ok((status, value))
    }
}
