//! Requests to a running server: found, sent, or shown as the `curl` that would send them.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::server::RuntimeFile;

/// How long a server may take for an answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Which server, and how its answer is shown. Shared by every command that asks a server.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// The server's HTTP address [default: the development server of this user].
    #[arg(long, env = "SIDESTREAM_URL", value_name = "URL")]
    server: Option<String>,
    /// The API key.
    #[arg(long, env = "SIDESTREAM_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
    /// Print the server's JSON as it came.
    #[arg(long)]
    pub(super) json: bool,
    /// Show the request as a curl command and send nothing.
    #[arg(long)]
    pub(super) curl: bool,
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    /// `GET`, `POST` or `DELETE`.
    pub(super) method: &'static str,
    /// From `/` on.
    pub(super) path: String,
    /// A JSON body.
    pub(super) body: Option<Value>,
    /// Sent as `Idempotency-Key`: the same id twice is one request.
    pub(super) id: Option<String>,
}

/// A server that answers.
#[derive(Clone, Debug)]
pub(super) struct Client {
    url: String,
    key: String,
    http: reqwest::Client,
}

impl ServerArgs {
    /// The server that the arguments, the environment or the development server's file name.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let found = || RuntimeFile::read(&RuntimeFile::usual_path());
        let (url, key) = match (&self.server, &self.key) {
            (Some(url), key) => (url.clone(), key.clone().unwrap_or_default()),
            (None, key) => {
                let file = found().context(
                    "no server found: start one with `sidestream`, or name one with --server URL and --key KEY",
                )?;
                (file.url, key.clone().unwrap_or(file.key))
            }
        };
        let http = reqwest::Client::builder().timeout(ANSWER_TIME).no_proxy().build()?;
        Ok(Client { url: url.trim_end_matches('/').to_string(), key, http })
    }
}

impl Request {
    /// A request without a body.
    pub(super) fn get(path: impl Into<String>) -> Request {
        Request { method: "GET", path: path.into(), body: None, id: None }
    }

    /// A request with a body.
    pub(super) fn post(path: impl Into<String>, body: Value) -> Request {
        Request { method: "POST", path: path.into(), body: Some(body), id: None }
    }

    /// The same request under an id of its own.
    pub(super) fn with_id(self, id: Option<String>) -> Request {
        Request { id, ..self }
    }
}

impl Client {
    /// The same server, which may take so long for an answer.
    pub(super) fn patient(self, time: Duration) -> anyhow::Result<Client> {
        let http = reqwest::Client::builder().timeout(time).no_proxy().build()?;
        Ok(Client { http, ..self })
    }

    /// Sends the request. An answer of 400 and above is an error that tells what the server said.
    pub(super) async fn send(&self, request: &Request) -> anyhow::Result<Value> {
        let text = self.bytes(request).await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// As [`Client::send`], with the body as it came.
    pub(super) async fn bytes(&self, request: &Request) -> anyhow::Result<Vec<u8>> {
        let method = reqwest::Method::from_bytes(request.method.as_bytes())?;
        let mut builder = self
            .http
            .request(method, format!("{}{}", self.url, request.path))
            .bearer_auth(&self.key);
        if let Some(id) = &request.id {
            builder = builder.header("Idempotency-Key", id);
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        let response =
            builder.send().await.with_context(|| format!("no answer from {}", self.url))?;
        let status = response.status();
        let bytes = response.bytes().await?;
        if status.is_success() {
            return Ok(bytes.to_vec());
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let said = value
            .pointer("/error/message")
            .or_else(|| value.get("message"))
            .and_then(Value::as_str);
        bail!("{status}: {}", said.map_or_else(|| value.to_string(), str::to_string))
    }

    /// Where the server is, without a path.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The request as a command for the shell.
    pub(super) fn curl(&self, request: &Request) -> String {
        let mut command = format!("curl -X{}", request.method);
        command
            .push_str(&format!(" -H {}", quoted(&format!("Authorization: Bearer {}", self.key))));
        if let Some(id) = &request.id {
            command.push_str(&format!(" -H {}", quoted(&format!("Idempotency-Key: {id}"))));
        }
        if let Some(body) = &request.body {
            command.push_str(&format!(
                " -H {} -d {}",
                quoted("Content-Type: application/json"),
                quoted(&body.to_string())
            ));
        }
        command.push_str(&format!(" {}", quoted(&format!("{}{}", self.url, request.path))));
        command
    }
}

/// One word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curl_that_is_shown_survives_the_shell() {
        let client = Client {
            url: "http://127.0.0.1:8080".into(),
            key: "k".into(),
            http: reqwest::Client::new(),
        };
        let request = Request::post("/v1/x", serde_json::json!({"name": "it's"}));
        assert_eq!(
            client.curl(&request),
            r#"curl -XPOST -H 'Authorization: Bearer k' -H 'Content-Type: application/json' -d '{"name":"it'\''s"}' 'http://127.0.0.1:8080/v1/x'"#
        );
    }
}
