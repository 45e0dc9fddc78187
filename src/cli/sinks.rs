//! `sidestream sinks …`: list the configured sinks, or test one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{Request, ServerArgs};
use super::junit::{self, Case, Outcome};
use super::{check, table};
use crate::control::json::{SinkCheckView, SinkTestView};
use crate::dialect::{DialectKind, Format};
use crate::id::SinkName;
use crate::media::{Channels, Encoding};
use crate::net::{Clock, DnsSettings};
use crate::server::views;
use crate::sink::kit::{Check, Subject, examine};
use crate::sink::{
    Allowed, Credentials, Destinations, Kind, Reaching, Secret, Settings, Url, WebSocket,
};

/// The whole kit takes half a minute on a sink that does well, and longer on one that does not.
const TEST_TIME: Duration = Duration::from_secs(360);

const COLUMNS: &[(&str, &str)] = &[
    ("SINK", "name"),
    ("KIND", "kind"),
    ("DIALECT", "dialect"),
    ("ENCODING", "encoding"),
    ("HZ", "sample_rate"),
    ("CHANNELS", "channels"),
    ("STREAMS", "live_streams"),
    ("MOST", "max_streams"),
];

/// List the configured sinks, or test one.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct SinksArgs {
    #[command(subcommand)]
    verb: Option<SinksVerb>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum SinksVerb {
    /// List the configured sinks.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Test a sink: a conformance kit that plays silence, loss, pauses, reconnects and the like. Exit code 1 when a check failed.
    Test(TestArgs),
}

#[derive(Debug, Args)]
struct TestArgs {
    /// A `ws://` or `wss://` address; or the name of a sink: of the running server, or of the file that --config names.
    #[arg(value_name = "NAME|URL")]
    sink: String,
    /// Only say a phrase of three seconds, over the path that every stream takes; for a sink of the running server, of any kind.
    #[arg(long)]
    phrase: bool,
    /// The configuration that the sink is in: it is tested from here, without a server.
    #[arg(long, value_name = "FILE", conflicts_with = "phrase")]
    config: Option<PathBuf>,
    /// Only these checks.
    #[arg(long, value_delimiter = ',', value_name = "CHECK", value_parser = check_of_name)]
    check: Vec<Check>,
    /// What the sink at a URL speaks.
    #[arg(long, value_enum, default_value = "native")]
    dialect: DialectName,
    /// How its samples are written [default: what the dialect usually has].
    #[arg(long, value_enum)]
    encoding: Option<EncodingName>,
    /// Its samples per second.
    #[arg(long, default_value_t = 8000, value_name = "HZ")]
    sample_rate: u32,
    /// Shown as `Authorization: Bearer`.
    #[arg(long, env = "SIDESTREAM_SINK_BEARER", hide_env_values = true, value_name = "TOKEN")]
    bearer: Option<String>,
    /// Certificates (PEM) that are trusted beside the system's.
    #[arg(long, value_name = "FILE")]
    extra_ca: Option<PathBuf>,
    /// Write a JUnit report into this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DialectName {
    /// Sidestream's own.
    Native,
    /// Twilio's media streams.
    Twilio,
    /// Telnyx's media streaming.
    Telnyx,
    /// jambonz and mod_audio_fork.
    Jambonz,
    /// Genesys AudioHook.
    Audiohook,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EncodingName {
    /// 16 bit linear.
    L16,
    /// G.711 mu-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// Runs the command.
pub(super) async fn run(args: SinksArgs) -> anyhow::Result<()> {
    match args.verb {
        None => list(&args.server).await,
        Some(SinksVerb::List { server }) => list(&server).await,
        Some(SinksVerb::Test(args)) => test(&args).await,
    }
}

async fn list(server: &ServerArgs) -> anyhow::Result<()> {
    let (client, request) = (server.client()?, Request::get("/v1/sinks"));
    if server.curl {
        println!("{}", client.curl(&request));
        return Ok(());
    }
    let answer = client.send(&request).await?;
    match server.json {
        true => println!("{answer}"),
        false => {
            let rows = answer["sinks"].as_array().map_or(&[][..], Vec::as_slice);
            println!("{}", table::of(rows, COLUMNS)?);
        }
    }
    Ok(())
}

async fn test(args: &TestArgs) -> anyhow::Result<()> {
    let is_url = args.sink.starts_with("ws://") || args.sink.starts_with("wss://");
    let Some(report) = (match (&args.config, is_url) {
        (Some(file), false) => Some(test_configured(args, file).await?),
        (_, true) => Some(test_url(args).await?),
        (None, false) => ask_server(args).await?,
    }) else {
        return Ok(());
    };
    if let Some(path) = &args.junit {
        junit::write(path, &format!("sink {}", args.sink), &cases(&report))?;
    }
    if args.server.json {
        println!("{report}");
    }
    let checks = report["checks"].as_array().map_or(&[][..], Vec::as_slice);
    let count = |verdict: &str| checks.iter().filter(|check| check["verdict"] == verdict).count();
    let (passed, failed, skipped) = (count("passed"), count("failed"), count("skipped"));
    if !args.server.json {
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    ensure!(failed == 0, "the sink failed {failed} of {} checks", passed + failed);
    Ok(())
}

/// Lets the server test one of its own sinks.
async fn ask_server(args: &TestArgs) -> anyhow::Result<Option<Value>> {
    ensure!(
        args.check.is_empty(),
        "single checks are made of a URL, or of a sink in a file: --config FILE"
    );
    let client = args.server.client()?.patient(TEST_TIME)?;
    let test = if args.phrase { "phrase" } else { "conformance" };
    let path = format!("/v1/sinks/{}/test", args.sink);
    let request = Request::post(path, json!({ "test": test }));
    if args.server.curl {
        println!("{}", client.curl(&request));
        return Ok(None);
    }
    let report = client.send(&request).await?;
    if !args.server.json {
        for check in report["checks"].as_array().into_iter().flatten() {
            show(check);
        }
    }
    Ok(Some(report))
}

/// Tests a sink of a file from here.
async fn test_configured(args: &TestArgs, file: &Path) -> anyhow::Result<Value> {
    let config = check::load(file)?;
    let settings = config.sinks.iter().find(|sink| sink.name.as_str() == args.sink);
    let settings =
        settings.ok_or_else(|| anyhow!("{} has no sink {}", file.display(), args.sink))?;
    run_kit(args, settings, &config.reaching).await
}

/// Tests whatever is at an address.
async fn test_url(args: &TestArgs) -> anyhow::Result<Value> {
    ensure!(!args.phrase, "the phrase is for a sink of the running server: give its name");
    let url: Url = args.sink.parse().with_context(|| args.sink.clone())?;
    let dialect = args.dialect.kind();
    let authorization = args.bearer.as_deref().map(Secret::bearer).transpose()?;
    let socket = WebSocket {
        credentials: Credentials { authorization, ..Credentials::default() },
        extra_ca: args.extra_ca.clone(),
        ..WebSocket::new(url, dialect)
    };
    let mut settings = Settings::new(SinkName::from("test"), Kind::WebSocket(socket));
    settings.format = Format {
        sample_rate: args.sample_rate,
        encoding: args.encoding.map_or(dialect.encodings()[0], EncodingName::encoding),
        channels: dialect.channels().first().copied().unwrap_or(Channels::Separate),
    };
    ensure!(
        settings.effective_format() == settings.format,
        "the dialect {} knows no {} at {} Hz",
        dialect.as_str(),
        settings.format.encoding.as_str(),
        args.sample_rate
    );
    // Whoever types an address means it; the rules are for the addresses of files.
    let everywhere = ["0.0.0.0/0", "::/0"].map(str::parse::<Allowed>);
    let allowed = everywhere.into_iter().collect::<Result<Vec<_>, _>>()?;
    let allowed = allowed.into_iter().chain([Allowed::Everywhere]).collect();
    let destinations = Destinations { allowed, loopback: true, own: Vec::new() };
    let reaching = Reaching { dns: DnsSettings::default(), destinations };
    run_kit(args, &settings, &reaching).await
}

async fn run_kit(
    args: &TestArgs,
    settings: &Settings,
    reaching: &Reaching,
) -> anyhow::Result<Value> {
    let subject = Subject::new(settings, reaching, Clock::start())?;
    let checks = if args.check.is_empty() { &Check::ALL[..] } else { &args.check };
    let report = examine(&subject, checks, |finding| {
        if !args.server.json {
            let view: SinkCheckView = views::sink_check(finding.clone());
            show(&serde_json::to_value(view).unwrap_or_default());
        }
    });
    let view: SinkTestView = views::sink_test(report.await);
    Ok(serde_json::to_value(view)?)
}

/// One check for a person, as soon as it is over.
fn show(check: &Value) {
    let text = |member: &str| check[member].as_str().unwrap_or_default();
    println!(
        "{:<8}{:<18}{:>6} ms  {}",
        text("verdict"),
        text("check"),
        check["took_ms"].as_u64().unwrap_or_default(),
        text("text")
    );
    if let Some(mend) = check["mend"].as_str() {
        println!("{:<8}{:<18}{:>6}     mend: {mend}", "", "", "");
    }
}

fn cases(report: &Value) -> Vec<Case> {
    let case = |check: &Value| {
        let text = |member: &str| check[member].as_str().unwrap_or_default().to_owned();
        let outcome = match text("verdict").as_str() {
            "passed" => Outcome::Passed(text("text")),
            "skipped" => Outcome::Skipped(text("text")),
            _ => Outcome::Failed(format!("{}; mend: {}", text("text"), text("mend"))),
        };
        let took = Duration::from_millis(check["took_ms"].as_u64().unwrap_or_default());
        Case { name: text("check"), took, outcome }
    };
    report["checks"].as_array().into_iter().flatten().map(case).collect()
}

fn check_of_name(name: &str) -> Result<Check, String> {
    let known = || Check::ALL.map(Check::as_str).join(", ");
    Check::ALL
        .into_iter()
        .find(|check| check.as_str() == name)
        .ok_or_else(|| format!("the checks are {}", known()))
}

impl DialectName {
    const fn kind(self) -> DialectKind {
        match self {
            DialectName::Native => DialectKind::Native,
            DialectName::Twilio => DialectKind::Twilio,
            DialectName::Telnyx => DialectKind::Telnyx,
            DialectName::Jambonz => DialectKind::Jambonz,
            DialectName::Audiohook => DialectKind::AudioHook,
        }
    }
}

impl EncodingName {
    const fn encoding(self) -> Encoding {
        match self {
            EncodingName::L16 => Encoding::L16,
            EncodingName::Pcmu => Encoding::Pcmu,
            EncodingName::Pcma => Encoding::Pcma,
        }
    }
}
