//! `sidestream top`: calls, the ladder of one of them, streams and sinks on a screen that stands still.
//!
//! Drawn by hand on purpose: three tables of text need no toolkit, whose features would have half of what is built here built anew.

mod screen;
mod terminal;

use std::io::{IsTerminal, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::calls::rows;
use super::client::{Client, Request, ServerArgs};
use super::watch::WATCH_EVERY;
use crate::control::json::Timestamp;
use screen::{Seen, Size};
use terminal::{Key, Terminal};

/// A pipe has no size.
const PAPER: Size = Size { columns: 120, rows: 40 };

/// Watch calls, the ladder of one of them, streams and sinks.
#[derive(Debug, Args)]
pub(super) struct TopArgs {
    /// Look once, print, and end.
    #[arg(long)]
    once: bool,
    /// The call whose ladder is shown [default: the first].
    #[arg(long, value_name = "CALL")]
    call: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the command.
pub(super) async fn run(args: TopArgs) -> anyhow::Result<()> {
    let client = args.server.client()?;
    if args.server.curl {
        for path in ["/v1/calls", "/v1/sinks"] {
            println!("{}", client.curl(&Request::get(path)));
        }
        return Ok(());
    }
    let mut chosen = args.call.clone();
    if args.once || args.server.json || !std::io::stdout().is_terminal() {
        let seen = look(&client, &mut chosen, 0).await?;
        match args.server.json {
            true => println!(
                "{}",
                json!({"calls": seen.calls, "sinks": seen.sinks, "messages": seen.messages})
            ),
            false => println!("{}", screen::draw(&seen, PAPER).join("\n")),
        }
        return Ok(());
    }
    let terminal = Terminal::open()?;
    let mut keys = terminal::keys();
    watch(&client, &mut chosen, &terminal, &mut keys).await
}

async fn watch(
    client: &Client,
    chosen: &mut Option<String>,
    terminal: &Terminal,
    keys: &mut mpsc::Receiver<Key>,
) -> anyhow::Result<()> {
    let mut step = 0;
    loop {
        let lines = match look(client, chosen, step).await {
            Ok(seen) => screen::draw(&seen, terminal.size()),
            // The server may be starting anew: the screen waits for it.
            Err(error) => vec![format!("{error:#}"), "q ends".to_owned()],
        };
        step = 0;
        let mut out = std::io::stdout().lock();
        write!(out, "\x1b[H{}\x1b[J", lines.join("\x1b[K\r\n"))?;
        out.flush()?;
        drop(out);
        match timeout_at(Instant::now() + WATCH_EVERY, keys.recv()).await {
            Ok(Some(Key::Quit) | None) => return Ok(()),
            Ok(Some(Key::Down)) => step = 1,
            Ok(Some(Key::Up)) => step = -1,
            Err(_) => {}
        }
    }
}

/// What the server says, and the messages of the chosen call; `step` chooses one below (1) or above (-1).
async fn look(client: &Client, chosen: &mut Option<String>, step: isize) -> anyhow::Result<Seen> {
    let calls = client.send(&Request::get("/v1/calls")).await?;
    let sinks = client.send(&Request::get("/v1/sinks")).await?;
    let calls = rows(&calls).to_vec();
    let sinks = sinks["sinks"].as_array().cloned().unwrap_or_default();
    let id = |call: &Value| call["call"].as_str().map(str::to_owned);
    let place = calls.iter().position(|call| id(call) == *chosen).unwrap_or_default();
    let place = place.saturating_add_signed(step).min(calls.len().saturating_sub(1));
    *chosen = calls.get(place).and_then(id).or(chosen.take());
    let messages = match calls.get(place).and_then(id) {
        Some(call) => {
            let path = format!("/v1/calls/{call}/messages");
            let answer = client.send(&Request::get(path)).await?;
            answer["messages"].as_array().cloned().unwrap_or_default()
        }
        None => Vec::new(),
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let now = Timestamp::from_unix_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    Ok(Seen {
        server: client.url().to_owned(),
        now: now.to_string(),
        calls,
        sinks,
        messages,
        place,
    })
}
