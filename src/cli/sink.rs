//! `sidestream sink`: receive streams, tell what came of each.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::sink::listener::{Listener, Options, Protocol, StreamReport};

/// Receive streams: a WebSocket sink in one command.
#[derive(Debug, Args)]
pub(super) struct SinkArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// What to expect.
    #[arg(long, value_enum, default_value = "auto")]
    protocol: ProtocolName,
    /// Write one WAV file per stream into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    wav: Option<PathBuf>,
    /// End after so many streams; fails when one of them was not good.
    #[arg(long, value_name = "STREAMS")]
    count: Option<usize>,
    /// Print one JSON object per stream.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProtocolName {
    /// The first message decides.
    Auto,
    /// Sidestream's own.
    Native,
    /// Twilio's media streams.
    Twilio,
}

/// Runs the command until it has had enough, or is interrupted.
pub(super) async fn run(args: SinkArgs) -> anyhow::Result<()> {
    if let Some(directory) = &args.wav {
        std::fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    }
    let protocol = match args.protocol {
        ProtocolName::Auto => Protocol::Auto,
        ProtocolName::Native => Protocol::Native,
        ProtocolName::Twilio => Protocol::Twilio,
    };
    let options =
        Options { bind: args.listen, protocol, wav: args.wav.clone(), ..Options::default() };
    let mut listener = Listener::start(options)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    eprintln!("listening on {}", listener.url());
    let (mut seen, mut good) = (0, true);
    while args.count.is_none_or(|count| seen < count) {
        let report = tokio::select! {
            report = listener.report() => report,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(report) = report else { break };
        seen += 1;
        good &= report.is_good();
        show(&report, args.json)?;
    }
    for report in listener.stop().await {
        good &= report.is_good();
        show(&report, args.json)?;
    }
    anyhow::ensure!(good, "a stream was incomplete or broke its protocol");
    Ok(())
}

fn show(report: &StreamReport, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string(report)?);
        return Ok(());
    }
    let holds = report
        .manifest_holds
        .map_or("no manifest", |holds| if holds { "manifest holds" } else { "MANIFEST WRONG" });
    println!(
        "{} {} call {} at {} Hz: {holds}",
        report.protocol, report.stream, report.call, report.sample_rate
    );
    for track in &report.tracks {
        println!(
            "  {:<14} {} frames, {} samples, {} untold",
            track.track, track.frames, track.samples, track.untold
        );
    }
    for problem in &report.problems {
        println!("  problem: {problem}");
    }
    Ok(())
}
