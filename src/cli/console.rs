//! `sidestream console`: a fresh link into the web console.

use clap::Args;
use serde_json::{Value, json};

use super::client::{Request, ServerArgs};

/// Print a link into the web console. It signs its bearer in once.
#[derive(Debug, Args)]
pub(super) struct ConsoleArgs {
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(super) async fn run(args: ConsoleArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let request = Request::post("/v1/session/links", json!({}));
    if args.server.curl {
        println!("{}", client.curl(&request));
        return Ok(());
    }
    let answer = client.send(&request).await?;
    if args.server.json {
        println!("{answer}");
        return Ok(());
    }
    let path = answer.get("path").and_then(Value::as_str).unwrap_or_default();
    println!("{}{path}", client.url());
    Ok(())
}
