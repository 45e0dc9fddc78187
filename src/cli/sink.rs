//! `sidestream sink`: receive streams, tell what came of each.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::sink::listener::{Behaviour, Listener, Options, Protocol, StreamReport};

/// Receive streams: a WebSocket sink in one command.
#[derive(Debug, Args)]
pub(super) struct SinkArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// What to expect.
    #[arg(long, visible_alias = "dialect", value_enum, default_value = "auto")]
    protocol: ProtocolName,
    /// Write one WAV file per stream into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    wav: Option<PathBuf>,
    /// Misbehave on purpose: never-read, byte-a-second, reset:FRAMES, reset-once:FRAMES, close:FRAMES, enough:FRAMES, flap:MS or
    /// garbage.
    #[arg(long, value_name = "HOW", value_parser = behaviour)]
    behave: Option<Behaviour>,
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
    /// Telnyx's media streaming.
    Telnyx,
    /// jambonz and mod_audio_fork.
    Jambonz,
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
        ProtocolName::Telnyx => Protocol::Telnyx,
        ProtocolName::Jambonz => Protocol::Jambonz,
    };
    let options = Options {
        bind: args.listen,
        protocol,
        wav: args.wav.clone(),
        behaviour: args.behave.unwrap_or_default(),
        ..Options::default()
    };
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

fn behaviour(text: &str) -> Result<Behaviour, String> {
    let (name, number) = text.split_once(':').map_or((text, None), |(name, n)| (name, Some(n)));
    let number = number.map(str::parse::<u64>).transpose().map_err(|error| error.to_string())?;
    match (name, number) {
        ("never-read", None) => Ok(Behaviour::NeverRead),
        ("byte-a-second", None) => Ok(Behaviour::ByteASecond),
        ("reset", Some(frames)) => Ok(Behaviour::Reset(frames)),
        ("reset-once", Some(frames)) => Ok(Behaviour::ResetOnce(frames)),
        ("close", Some(frames)) => Ok(Behaviour::CloseAfter(frames)),
        ("enough", Some(frames)) => Ok(Behaviour::Enough(frames)),
        ("flap", Some(ms)) => Ok(Behaviour::Flap(Duration::from_millis(ms))),
        ("garbage", None) => Ok(Behaviour::Garbage),
        _ => Err("try never-read, reset:50 or flap:300; --help lists them all".to_owned()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_behaviour_is_a_name_and_where_needed_a_number() {
        assert_eq!(behaviour("never-read"), Ok(Behaviour::NeverRead));
        assert_eq!(behaviour("flap:300"), Ok(Behaviour::Flap(Duration::from_millis(300))));
        for wrong in ["", "reset", "never-read:1", "flap:x", "sulk"] {
            assert!(behaviour(wrong).is_err(), "{wrong}");
        }
    }
}
