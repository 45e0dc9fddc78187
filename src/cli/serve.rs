//! `sidestream serve`: a server until it is told to stop.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{check, log};
use crate::config::{Development, DevelopmentPorts, development};
use crate::server::{self, Published, Running, RuntimeFile};

/// How long calls may go on after the first signal when nothing else was asked for.
const PRODUCTION_DRAIN_S: u64 = 30;

/// Where and how to serve.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ServeArgs {
    /// The configuration; without one, a development server on the loopback.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A development server on any free ports instead of 5060 and 8080.
    #[arg(long, conflicts_with = "config")]
    free_ports: bool,
    /// Write addresses and credentials to this file, readable by this user alone, once the server is ready.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// How long a stopping server waits for calls to end by themselves [default: 30, in development 0].
    #[arg(long, value_name = "SECONDS")]
    drain_seconds: Option<u64>,
}

/// The signals that a server obeys.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one that stops the server; meanwhile SIGHUP has the certificates read again.
    async fn next(&mut self, running: &Running) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                Some(()) = self.hang_up.recv() => running.net().renew_certificates(),
            }
        }
    }
}

/// Serves until SIGINT or SIGTERM; a second one does not wait for calls. SIGHUP has the certificates read again.
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<()> {
    // Listened to before anything runs, so that a signal during the start stops the server, too.
    let mut signals = Signals::listen()?;
    let (running, _published, patience) = match &args.config {
        Some(path) => {
            let config = check::load(path)?;
            log::start(&config.log);
            let key = config.http.tokens.first().map(|token| token.secret.reveal().to_owned());
            let running = server::run(config).await?;
            let file = runtime_file(&running, key.unwrap_or_default(), String::new());
            let published =
                args.ready_file.as_deref().map(|path| file.publish(path)).transpose()?;
            tracing::info!(sip = %file.sip, http = %file.url, "ready");
            (running, Vec::from_iter(published), PRODUCTION_DRAIN_S)
        }
        None => {
            let (running, published) = develop(&args).await?;
            (running, published, 0)
        }
    };
    tokio::select! {
        () = signals.next(&running) => {}
        () = running.ended() => bail!("the switch ended by a bug; the log says where"),
    }
    let patience = Duration::from_secs(args.drain_seconds.unwrap_or(patience));
    tokio::select! {
        () = running.shutdown(patience) => {}
        () = signals.next(&running) => running.shutdown(Duration::ZERO).await,
    }
    Ok(())
}

/// Starts a development server, tells where it is, and leaves its address where the other commands look.
async fn develop(args: &ServeArgs) -> anyhow::Result<(Running, Vec<Published>)> {
    let ports = match args.free_ports {
        true => DevelopmentPorts { sip: 0, http: 0 },
        false => DevelopmentPorts::default(),
    };
    let Development { config, phones, password, key } = development(ports);
    log::start(&config.log);
    let running = match server::run(config).await {
        Ok(running) => running,
        Err(error) if !args.free_ports => {
            return Err(error
                .context("another program has a usual port: stop it, or serve with --free-ports"));
        }
        Err(error) => return Err(error),
    };
    let file = runtime_file(&running, key, password);
    let mut published = Vec::new();
    if let Some(path) = &args.ready_file {
        published.push(file.publish(path)?);
    } else {
        match file.publish(&RuntimeFile::usual_path()) {
            Ok(usual) => published.push(usual),
            Err(error) => tracing::warn!(%error, "other commands will need --server and --key"),
        }
    }
    print!("{}", server::banner(&file, &phones, &running.console_link()));
    Ok((running, published))
}

fn runtime_file(running: &Running, key: String, password: String) -> RuntimeFile {
    RuntimeFile {
        pid: std::process::id(),
        sip: running
            .udp()
            .iter()
            .chain(running.tcp())
            .next()
            .map(ToString::to_string)
            .unwrap_or_default(),
        url: format!("http://{}", running.http()),
        key,
        password,
    }
}
