//! `sidestream flow check`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use crate::flow::{Flow, FlowType, Loading, Problem, Severity};

/// Look at contact flows.
#[derive(Debug, Args)]
pub(super) struct FlowArgs {
    #[command(subcommand)]
    command: FlowCommand,
}

#[derive(Debug, Subcommand)]
enum FlowCommand {
    /// Check documents as the server would: every problem, its action, its field and its mend. Starts nothing.
    Check(FlowCheckArgs),
}

#[derive(Debug, Args)]
struct FlowCheckArgs {
    /// Documents in the flow language, or older exports of the console.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Take documents whose actions cannot all be run, as `allow_unsupported` in [flows] does.
    #[arg(long)]
    allow_unsupported: bool,
    /// The type of documents that do not say it, like CONTACT_FLOW or CUSTOMER_QUEUE.
    #[arg(long = "type", value_name = "TYPE", value_parser = flow_type)]
    kind: Option<FlowType>,
}

/// Runs `flow`. Fails when a document cannot be run.
pub(super) fn run(args: &FlowArgs) -> anyhow::Result<()> {
    let FlowCommand::Check(args) = &args.command;
    let mut bad = 0;
    for file in &args.files {
        bad += usize::from(!is_good(file, args)?);
    }
    if bad > 0 {
        bail!("{bad} of {} documents cannot be run", args.files.len());
    }
    Ok(())
}

fn is_good(file: &Path, args: &FlowCheckArgs) -> anyhow::Result<bool> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let id = file.file_stem().unwrap_or_default().to_string_lossy();
    let loading =
        Loading { allow_unsupported: args.allow_unsupported, kind: args.kind, name: None };
    match Flow::read(&id, &text, &loading) {
        Ok(flow) => {
            println!(
                "{} is fine: {} \"{}\", {} actions",
                file.display(),
                flow.kind(),
                flow.name(),
                flow.action_count()
            );
            flow.remarks().iter().for_each(|problem| tell(file, problem));
            Ok(true)
        }
        Err(problems) => {
            problems.0.iter().for_each(|problem| tell(file, problem));
            Ok(false)
        }
    }
}

fn tell(file: &Path, problem: &Problem) {
    let word = match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    println!("{}: {word}: {problem}", file.display());
}

fn flow_type(text: &str) -> Result<FlowType, String> {
    let known = || FlowType::ALL.map(FlowType::as_str).join(", ");
    FlowType::from_name(text).ok_or_else(|| format!("there are {}", known()))
}
