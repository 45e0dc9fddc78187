//! `sidestream trace`: the SIP messages of a call, for a person or as a capture file.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::Value;

use super::client::{Request, ServerArgs};

/// Show the SIP messages of a call.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// The call's id, as `sidestream calls --all` shows it.
    call: String,
    /// Write a capture file for Wireshark instead.
    #[arg(long, value_name = "FILE", conflicts_with = "full")]
    pcap: Option<PathBuf>,
    /// Show whole messages, not only their first lines.
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(super) async fn run(args: TraceArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let suffix = if args.pcap.is_some() { ".pcap" } else { "" };
    let request = Request::get(format!("/v1/calls/{}/messages{suffix}", args.call));
    if args.server.curl {
        println!("{}", client.curl(&request));
        return Ok(());
    }
    if let Some(file) = &args.pcap {
        let capture = client.bytes(&request).await?;
        return std::fs::write(file, capture)
            .with_context(|| format!("cannot write {}", file.display()));
    }
    let answer = client.send(&request).await?;
    if args.server.json {
        println!("{answer}");
        return Ok(());
    }
    print!("{}", shown(&answer, args.full));
    Ok(())
}

/// One line per message, with `full` the message below it.
fn shown(answer: &Value, full: bool) -> String {
    let mut out = String::new();
    for message in answer.get("messages").and_then(Value::as_array).into_iter().flatten() {
        let member = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        let arrow = if member("direction") == "sent" { "->" } else { "<-" };
        let text = member("text").trim_start_matches("\r\n");
        let first = text.lines().next().unwrap_or_default();
        let (at, transport, remote) = (member("at"), member("transport"), member("remote"));
        out.push_str(&format!("{at}  {transport:<3} {arrow} {remote:<24} {}\n", plain(first)));
        if full {
            for line in text.lines() {
                out.push_str(&format!("    {}\n", plain(line)));
            }
        }
    }
    if let Some(dropped) =
        answer.get("dropped").and_then(Value::as_u64).filter(|dropped| *dropped > 0)
    {
        out.push_str(&format!("{dropped} older messages were not kept\n"));
    }
    if out.is_empty() { "none\n".to_owned() } else { out }
}

/// A peer's line without what would move the terminal's cursor or change its colours.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    for char in line.chars() {
        if char.is_control() && char != '\t' {
            out.extend(char.escape_default());
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_line_and_no_byte_of_it_reaches_the_terminal_as_a_control() {
        let answer = serde_json::json!({"dropped": 2, "messages": [
            {"at": "T", "direction": "received", "transport": "TLS", "remote": "[::1]:5061",
             "text": "INVITE sip:\u{1b}[2J SIP/2.0\r\nX: \u{7}\r\n\r\n"},
        ]});
        let brief = shown(&answer, false);
        assert!(brief.starts_with("T  TLS <- [::1]:5061 "), "{brief}");
        assert!(brief.contains("INVITE sip:\\u{1b}[2J SIP/2.0\n2 older"), "{brief}");
        let full = shown(&answer, true);
        assert!(full.contains("    X: \\u{7}\n"), "{full}");
        assert!(!full.contains(['\u{1b}', '\u{7}']));
        assert_eq!(shown(&serde_json::json!({"messages": []}), true), "none\n");
    }
}
