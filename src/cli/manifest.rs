//! `sidestream manifest …`: what a stream's signed account says, and whether a ledger of them holds.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};

use super::client::{Request, ServerArgs};
use crate::notary::{PublicKeys, verify};

/// Verify signed manifests, or fetch those of a stream.
#[derive(Debug, Args)]
pub(super) struct ManifestArgs {
    #[command(subcommand)]
    verb: ManifestVerb,
}

#[derive(Debug, Subcommand)]
enum ManifestVerb {
    /// Fetch the manifest of a stream that has ended.
    Show {
        /// The stream's id.
        stream: String,
        /// Print it signed: a line to be verified.
        #[arg(long)]
        signed: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Verify every signature, the chain from line to line, and that each manifest adds up.
    Verify {
        /// The ledger, or lines of one.
        file: PathBuf,
        /// The public key: PEM, or a JSON Web Key Set [default: asked of the server].
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// Runs the command.
pub(super) async fn run(args: ManifestArgs) -> anyhow::Result<()> {
    match args.verb {
        ManifestVerb::Show { stream, signed, server } => show(&stream, signed, &server).await,
        ManifestVerb::Verify { file, public_key, server } => {
            let keys = match public_key {
                Some(key) => PublicKeys::read(&key)?,
                None => asked(&server).await?,
            };
            check(&file, &keys, server.json)
        }
    }
}

async fn show(stream: &str, signed: bool, server: &ServerArgs) -> anyhow::Result<()> {
    let client = server.client()?;
    let suffix = if signed { ".jws" } else { "" };
    let request = Request::get(format!("/v1/streams/{stream}/manifest{suffix}"));
    if server.curl {
        println!("{}", client.curl(&request));
        return Ok(());
    }
    let text = String::from_utf8(client.bytes(&request).await?)?;
    println!("{}", text.trim_end());
    Ok(())
}

async fn asked(server: &ServerArgs) -> anyhow::Result<PublicKeys> {
    let set = server.client()?.bytes(&Request::get("/.well-known/jwks.json")).await?;
    PublicKeys::from_jwks(&set).context("the server's keys cannot be read")
}

fn check(file: &PathBuf, keys: &PublicKeys, as_json: bool) -> anyhow::Result<()> {
    let ledger = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let verdict = verify(BufReader::new(ledger), keys)
        .with_context(|| format!("cannot read {}", file.display()))?;
    if as_json {
        let faults: Vec<_> = verdict
            .faults
            .iter()
            .map(|(line, fault)| serde_json::json!({"line": line, "fault": fault.to_string()}))
            .collect();
        let (lines, first) = (verdict.lines, verdict.first);
        let holds = verdict.holds();
        println!(
            "{}",
            serde_json::json!({"manifests": lines, "first": first, "holds": holds, "faults": faults})
        );
    } else {
        for (line, fault) in &verdict.faults {
            println!("line {line}: {fault}");
        }
    }
    ensure!(verdict.lines > 0, "{} is empty", file.display());
    ensure!(verdict.holds(), "{} does not hold: {} faults", file.display(), verdict.faults.len());
    if !as_json {
        let first = verdict.first.unwrap_or_default();
        println!(
            "{} manifests from number {first} on: signed, chained, and each adds up",
            verdict.lines
        );
    }
    Ok(())
}
