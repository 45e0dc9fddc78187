//! The parts of `scripts/bench-relay` that must cost little: phones that speak RTP at the pace of a clock, the least relay that
//! could be, and a WebSocket sink that reads as seldom as it can. `scripts/bench/media.py` sets up the calls and starts these.
//!
//! ```text
//! relay_load phones               binds the phones, tells their ports, then measures once for each line of standard input
//! relay_load floor CALLS A B      relays between as many ports of its own and the phones' ports A and B, and tells its own
//! relay_load sink                 takes WebSocket streams; tells what came for each line of standard input
//! ```

mod account;
mod cpu;
mod delays;
mod floor;
mod packet;
mod phones;
mod sink;

use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["phones"] => phones::run(),
        ["floor", calls, a, b] => floor::run(calls.parse()?, [a.parse()?, b.parse()?]),
        ["sink"] => sink::run(),
        _ => Err("relay_load phones | floor CALLS A B | sink".into()),
    }
}

/// One line of JSON for the script.
fn tell(line: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The script's lines, until it closes its end.
fn orders() -> impl Iterator<Item = std::io::Result<String>> {
    std::io::stdin().lock().lines()
}
