//! `sidestream transfer`: one party of a call is connected with somebody new.

use clap::Args;
use serde_json::{Value, json};

use super::client::{Request, ServerArgs};

/// Transfer a call.
#[derive(Debug, Args)]
pub(super) struct TransferArgs {
    /// The call's id.
    call: String,
    /// Who is called: a number, or a sip: or tel: URI.
    to: String,
    /// The leg that leaves [default: the one that talks with the customer].
    #[arg(long)]
    leg: Option<u32>,
    /// The request's own id: the same id twice is one request.
    #[arg(long)]
    id: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(super) async fn run(args: TransferArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let request = request(&args);
    if args.server.curl {
        println!("{}", client.curl(&request));
        return Ok(());
    }
    let answer = client.send(&request).await?;
    if args.server.json {
        println!("{answer}");
    } else {
        println!(
            "{} is being called; `transfer_completed` or `transfer_failed` tells how it went",
            args.to
        );
    }
    Ok(())
}

fn request(args: &TransferArgs) -> Request {
    let mut body = json!({"to": args.to});
    if let (Some(leg), Value::Object(members)) = (args.leg, &mut body) {
        members.insert("leg".to_owned(), json!(leg));
    }
    Request::post(format!("/v1/calls/{}/transfer", args.call), body).with_id(args.id.clone())
}
