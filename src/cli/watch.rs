//! Looking again and again: a table that stands still on a terminal, one line of JSON a look in a pipe.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::Value;

use super::client::{Client, Request, ServerArgs};

/// How often `--watch` looks.
pub(super) const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Shows the answer to `request` once, or until it is interrupted.
pub(super) async fn look(
    server: &ServerArgs,
    request: &Request,
    watch: bool,
    shown: impl Fn(&Value) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let client: Client = server.client()?;
    if server.curl {
        println!("{}", client.curl(request));
        return Ok(());
    }
    loop {
        let answer = client.send(request).await?;
        {
            let mut out = std::io::stdout().lock();
            if server.json {
                writeln!(out, "{answer}")?;
            } else {
                if watch && out.is_terminal() {
                    // Clear the screen and go to its first column.
                    write!(out, "\x1b[2J\x1b[H")?;
                }
                writeln!(out, "{}", shown(&answer)?)?;
            }
            out.flush()?;
        }
        if !watch {
            return Ok(());
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}
