//! `sidestream demo`: the whole job on a server of its own, on free ports, with a sink of its own.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::log;
use crate::call::SinkLimits;
use crate::config::{Config, Development, DevelopmentPorts, LogSettings, development};
use crate::dialect::DialectKind;
use crate::id::SinkName;
use crate::phone::demo::{self, Account, DemoPlan, Ear};
use crate::server;
use crate::sink::{self, Kind, WebSocket};

/// The demo's own sink.
const SINK: &str = "demo";

/// Show the whole job: call, bridge, fork, pause, stop; measured from outside.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// The story on standard error, one JSON object as the last line of standard output.
    #[arg(long)]
    json: bool,
}

/// Runs the command; the exit code is the demo's.
pub(super) async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let Development { mut config, phones, password, key } =
        development(DevelopmentPorts { sip: 0, http: 0 });
    log::start(&LogSettings { level: "warn".to_string(), ..config.log.clone() });
    let ear = Ear::bind(Ipv4Addr::LOCALHOST.into()).await.context("the demo's sink")?;
    add_sink(&mut config, &ear.url())?;
    let running = server::run(config).await?;
    let account = |index: usize| -> anyhow::Result<Account> {
        let user = phones.get(index).context("a development server has two phones")?;
        Ok(Account { user: user.clone(), password: password.clone() })
    };
    let plan = DemoPlan {
        sip: *running.udp().first().context("a development server listens on UDP")?,
        http: format!("http://{}", running.http()),
        token: key,
        caller: account(0)?,
        agent: account(1)?,
        sink: SINK.to_string(),
    };
    let code = demo::run(plan, ear, args.json).await;
    running.shutdown(Duration::ZERO).await;
    Ok(code)
}

/// Configures a WebSocket sink in the native dialect.
fn add_sink(config: &mut Config, url: &str) -> anyhow::Result<()> {
    let kind = Kind::WebSocket(WebSocket::new(url.parse()?, DialectKind::Native));
    let sink = sink::Settings::new(SinkName::new(SINK), kind);
    let limits = SinkLimits::of(sink.max_streams);
    config.switch.call.streaming.sinks.insert(sink.name.clone(), limits);
    config.sinks.push(sink);
    Ok(())
}
