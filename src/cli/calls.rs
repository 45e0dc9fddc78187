//! `sidestream calls`: the calls as they stand, once or again and again.

use clap::Args;
use serde_json::Value;

use super::client::{Request, ServerArgs};
use super::{table, watch};

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
    let request = Request::get(if args.all { "/v1/calls?state=all" } else { "/v1/calls" });
    watch::look(&args.server, &request, args.watch, |answer| table::of(rows(answer), COLUMNS)).await
}

/// The calls of an answer.
pub(super) fn rows(answer: &Value) -> &[Value] {
    answer.get("calls").unwrap_or(answer).as_array().map_or(&[][..], Vec::as_slice)
}
