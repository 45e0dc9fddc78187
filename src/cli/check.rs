//! `sidestream check` and `sidestream print-config`.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};
use clap::Args;

use crate::config::{self, Config};
use crate::net::tls::{self, Validity};

/// Every key with its meaning and its default.
const SAMPLE: &str = include_str!("../../config/sidestream.toml");

/// Check a configuration file.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The file.
    file: PathBuf,
}

/// Print the commented sample configuration, or what a file comes to.
#[derive(Debug, Args)]
pub(super) struct PrintConfigArgs {
    /// Show this file as it was understood, environment included, without its secrets.
    file: Option<PathBuf>,
}

/// Reads a file; what is wrong is shown with its lines and the mend.
pub(super) fn load(path: &Path) -> anyhow::Result<Config> {
    config::load(path).map_err(|error| anyhow!("{:?}", miette::Report::new(error)))
}

/// Runs `check`.
pub(super) fn check(args: &CheckArgs) -> anyhow::Result<()> {
    let config = load(&args.file)?;
    println!(
        "{} is fine: {} SIP ports, {} users, {} trunks, {} routes, {} sinks, {} API tokens",
        args.file.display(),
        config.listen.len(),
        config.switch.users.len(),
        config.switch.trunks.len(),
        config.switch.routes.len(),
        config.sinks.len(),
        config.http.tokens.len(),
    );
    check_certificates(&config)
}

/// Tells how long each certificate holds.
fn check_certificates(config: &Config) -> anyhow::Result<()> {
    let tls = &config.net.tls;
    let mut out_of_time = 0;
    for files in tls.certificates.iter().chain(&tls.own_certificate) {
        let validity = tls::inspect(files)?;
        println!("the certificate in {} {validity}", files.certificate.display());
        out_of_time += usize::from(!matches!(validity, Validity::For(_)));
    }
    ensure!(
        out_of_time == 0,
        "nobody accepts a certificate that is out of time: have it issued anew"
    );
    Ok(())
}

/// Runs `print-config`.
pub(super) fn print_config(args: &PrintConfigArgs) -> anyhow::Result<()> {
    match &args.file {
        None => print!("{SAMPLE}"),
        Some(path) => println!("{:#?}", load(path)?),
    }
    Ok(())
}
