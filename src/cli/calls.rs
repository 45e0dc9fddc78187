//! `sidestream calls`: the calls as they stand, once or again and again.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::client::{Request, ServerArgs};
use super::table;

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);

const COLUMNS: &[(&str, &str)] = &[
    ("CALL", "call"),
    ("STATE", "state"),
    ("FROM", "from"),
    ("TO", "to"),
    ("STARTED", "started_at"),
    ("OUTCOME", "outcome"),
    ("LEGS", "legs"),
    ("STREAMS", "streams"),
];

/// List calls.
#[derive(Debug, Args)]
pub(super) struct CallsArgs {
    /// Look again every second.
    #[arg(long)]
    watch: bool,
    /// Also calls that ended a while ago.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(super) async fn run(args: CallsArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let request = Request::get(if args.all { "/v1/calls?state=all" } else { "/v1/calls" });
    if args.server.curl {
        println!("{}", client.curl(&request));
        return Ok(());
    }
    loop {
        let answer = client.send(&request).await?;
        show(&answer, &args)?;
        if !args.watch {
            return Ok(());
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

/// A pipe gets one line of JSON a look, a terminal a table that stands still.
fn show(answer: &Value, args: &CallsArgs) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.server.json {
        writeln!(out, "{answer}")?;
        return Ok(());
    }
    if args.watch && out.is_terminal() {
        // Clear the screen and go to its first column.
        write!(out, "\x1b[2J\x1b[H")?;
    }
    let rows = answer.get("calls").unwrap_or(answer).as_array().map_or(&[][..], Vec::as_slice);
    writeln!(out, "{}", table::of(rows, COLUMNS)?)?;
    Ok(())
}
