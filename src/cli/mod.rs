//! The command line: one file per command. No command decides anything that a room should.
//!
//! Exit codes: 0 it went well, 1 it did not, 2 the line was not understood.

mod calls;
mod check;
mod client;
mod console;
mod demo;
mod doctor;
mod flow;
mod hash_password;
mod junit;
mod load;
mod log;
mod manifest;
mod route_test;
mod serve;
mod sink;
mod sinks;
mod stream;
mod streams;
mod table;
mod top;
mod trace;
mod transfer;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::phone;
use crate::server::RuntimeFile;

/// A softswitch and media server: calls, and the live fork of their audio.
///
/// Without a command it serves in development mode: on the loopback, with random credentials, nothing kept.
#[derive(Debug, Parser)]
#[command(name = "sidestream", version, args_conflicts_with_subcommands = true)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve, in development mode or with a configuration.
    Serve(serve::ServeArgs),
    /// Show the whole job on a server of its own: call, bridge, fork, pause, stop; measured from outside.
    Demo(demo::DemoArgs),
    /// Make one call with the built-in phone.
    Call(phone::cli::CallArgs),
    /// Make calls at a rate, with speech, and judge what came of them.
    Load(Box<load::LoadArgs>),
    /// Receive streams: a WebSocket sink in one command.
    Sink(sink::SinkArgs),
    /// List the configured sinks, or test one: a conformance kit for your own.
    Sinks(sinks::SinksArgs),
    /// Control the streams of a call.
    Stream(stream::StreamArgs),
    /// Verify signed manifests, or fetch those of a stream.
    Manifest(manifest::ManifestArgs),
    /// List calls.
    Calls(calls::CallsArgs),
    /// List the streams of every call.
    Streams(streams::StreamsArgs),
    /// Watch calls, the ladder of one of them, streams and sinks.
    Top(top::TopArgs),
    /// Print a link into the web console; it works once.
    Console(console::ConsoleArgs),
    /// Read a password and print its hash, for `[[http.users]]`.
    HashPassword,
    /// Show the SIP messages of a call.
    Trace(trace::TraceArgs),
    /// Connect one party of a call with somebody new.
    Transfer(transfer::TransferArgs),
    /// Check a configuration file.
    Check(check::CheckArgs),
    /// Look at contact flows.
    Flow(flow::FlowArgs),
    /// Show which way a number would go, and why not the others.
    RouteTest(route_test::RouteTestArgs),
    /// Look for what would keep a server from working here.
    Doctor(doctor::DoctorArgs),
    /// Print the commented sample configuration, or what a file comes to.
    PrintConfig(check::PrintConfigArgs),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let line = Line::parse();
    let command = line.command.unwrap_or(Command::Serve(line.serve));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return told(Err(error.into())),
    };
    let code = runtime.block_on(run(command));
    // Tasks that are left are a stopped server's; nothing waits for them.
    runtime.shutdown_background();
    code
}

async fn run(command: Command) -> ExitCode {
    match command {
        Command::Serve(args) => told(serve::run(args).await),
        Command::Demo(args) => demo::run(args).await.unwrap_or_else(|error| told(Err(error))),
        Command::Call(args) => call(args).await,
        Command::Load(args) => told(load::run(*args).await),
        Command::Sink(args) => told(sink::run(args).await),
        Command::Sinks(args) => told(sinks::run(args).await),
        Command::Stream(args) => told(stream::run(args).await),
        Command::Manifest(args) => told(manifest::run(args).await),
        Command::Calls(args) => told(calls::run(args).await),
        Command::Streams(args) => told(streams::run(args).await),
        Command::Top(args) => told(top::run(args).await),
        Command::Console(args) => told(console::run(args).await),
        Command::HashPassword => told(hash_password::run()),
        Command::Trace(args) => told(trace::run(args).await),
        Command::Transfer(args) => told(transfer::run(args).await),
        Command::Check(args) => told(check::check(&args)),
        Command::Flow(args) => told(flow::run(&args)),
        Command::RouteTest(args) => told(route_test::run(&args)),
        Command::Doctor(args) => ExitCode::from(u8::from(!doctor::run(&args))),
        Command::PrintConfig(args) => told(check::print_config(&args)),
    }
}

/// Makes a call; the development server's phones need no password on the line.
async fn call(mut args: phone::cli::CallArgs) -> ExitCode {
    if args.password.is_none() {
        args.password =
            RuntimeFile::read(&RuntimeFile::usual_path()).ok().map(|file| file.password);
    }
    phone::cli::run(args).await
}

/// An error is told once, with what led to it.
fn told(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sidestream: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn no_command_means_serve() {
        let line = Line::try_parse_from(["sidestream", "--free-ports"]).expect("a valid line");
        assert!(line.command.is_none());
        let line =
            Line::try_parse_from(["sidestream", "serve", "--free-ports"]).expect("a valid line");
        assert!(matches!(line.command, Some(Command::Serve(_))));
    }
}
