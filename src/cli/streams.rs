//! `sidestream streams`: the streams of every call as they stand, once or again and again.

use clap::Args;
use serde_json::{Value, json};

use super::calls::rows;
use super::client::{Request, ServerArgs};
use super::{table, watch};

const COLUMNS: &[(&str, &str)] = &[
    ("STREAM", "stream"),
    ("STATE", "state"),
    ("FROM", "from"),
    ("TO", "to"),
    ("LABEL", "label"),
    ("SINKS", "sinks"),
    ("TRACKS", "tracks"),
    ("CLOCK", "clock"),
    ("GIVEN", "given"),
    ("BEHIND", "behind"),
    ("GIVEN UP", "given_up"),
];

/// List the streams of every call.
#[derive(Debug, Args)]
pub(super) struct StreamsArgs {
    /// Look again every second.
    #[arg(long)]
    watch: bool,
    /// Also streams that ended a while ago.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(super) async fn run(args: StreamsArgs) -> anyhow::Result<()> {
    let request = Request::get(if args.all { "/v1/calls?state=all" } else { "/v1/calls" });
    let shown = |answer: &Value| table::of(&of_calls(rows(answer), args.all), COLUMNS);
    watch::look(&args.server, &request, args.watch, shown).await
}

/// A row for each stream; those that ended only where `all` are wanted.
pub(super) fn of_calls(calls: &[Value], all: bool) -> Vec<Value> {
    let streams = |call: &Value| {
        let streams = call["streams"].as_array().cloned().unwrap_or_default();
        let (from, to) = (call["from"].clone(), call["to"].clone());
        let wanted = streams.into_iter().filter(move |stream| all || stream["state"] != "ended");
        wanted.map(move |stream| row(&stream, &from, &to))
    };
    calls.iter().flat_map(streams).collect()
}

fn row(stream: &Value, from: &Value, to: &Value) -> Value {
    let list = |member: &Value, name: &str| {
        let names = member.as_array().into_iter().flatten();
        let names = names.filter_map(|one| one.get(name).unwrap_or(one).as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let terminals = stream["terminals"].as_array().into_iter().flatten();
    let figures: Vec<&Value> = terminals.map(|terminal| &terminal["figures"]).collect();
    let sum = |name: &str| figures.iter().filter_map(|of| of[name].as_u64()).sum::<u64>();
    let behind = figures.iter().filter_map(|of| of["lag_ms"].as_u64()).max().unwrap_or_default();
    let clock_ms = stream["media_time_ms"].as_u64().unwrap_or_default();
    json!({
        "stream": stream["stream"],
        "state": stream["state"],
        "from": from,
        "to": to,
        "label": stream["label"],
        "sinks": list(&stream["terminals"], "sink"),
        "tracks": list(&stream["tracks"], ""),
        "clock": format!("{:.1} s", clock_ms as f64 / 1000.0),
        "given": format!("{:.1} kB", sum("bytes") as f64 / 1000.0),
        "behind": format!("{behind} ms"),
        "given_up": sum("discarded_samples"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_shown_with_its_sinks_and_the_one_that_is_furthest_behind() {
        let stream = |state: &str| {
            json!({"stream": "01B", "state": state, "tracks": ["from_customer", "to_customer"], "media_time_ms": 2500,
                "terminals": [{"sink": "asr", "figures": {"bytes": 1500, "lag_ms": 20, "discarded_samples": 0}},
                    {"sink": "bot", "figures": {"bytes": 500, "lag_ms": 340, "discarded_samples": 160}}]})
        };
        let calls = [
            json!({"call": "01A", "from": "1000", "to": "9000", "streams": [stream("active"), stream("ended")]}),
        ];
        let rows = of_calls(&calls, false);
        assert_eq!(rows.len(), 1);
        assert_eq!(of_calls(&calls, true).len(), 2);
        let row = &rows[0];
        assert_eq!(
            (&row["sinks"], &row["tracks"]),
            (&json!("asr, bot"), &json!("from_customer, to_customer"))
        );
        assert_eq!(
            (&row["clock"], &row["given"], &row["behind"]),
            (&json!("2.5 s"), &json!("2.0 kB"), &json!("340 ms"))
        );
        assert_eq!((&row["from"], &row["given_up"]), (&json!("1000"), &json!(160)));
    }
}
