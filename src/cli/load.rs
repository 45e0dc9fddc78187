//! `sidestream load`: calls at a rate, with speech, and a report that a build server reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::json;

use super::junit::{self, Case, Outcome};
use crate::phone::cli::CallArgs;
use crate::phone::load::{
    Limits, LoadCall, LoadNews, LoadPlan, LoadReport, Verdict, run as make_calls,
};
use crate::server::RuntimeFile;

/// Make calls at a rate, each with speech, and hold what came of them against limits.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    #[command(flatten)]
    call: CallArgs,
    /// How many calls begin in a second.
    #[arg(long, default_value_t = 10.0, value_name = "CALLS_PER_SECOND", value_parser = rate)]
    rate: f64,
    /// How many calls there are.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls: u32,
    /// How many may be up at once; a call beyond it is not made, and fails.
    #[arg(long, default_value_t = 10_000, value_name = "CALLS")]
    most_at_once: u32,
    /// Share of calls that may fail, in per cent.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT")]
    max_failed: f64,
    /// Share of packets that may be lost, in per cent.
    #[arg(long, default_value_t = 1.0, value_name = "PERCENT")]
    max_lost: f64,
    /// INVITE to answer of 95 of 100 calls.
    #[arg(long, value_name = "MS")]
    max_setup_p95: Option<f64>,
    /// Jitter of 95 of 100 calls.
    #[arg(long, value_name = "MS")]
    max_jitter_p95: Option<f64>,
    /// Write a line for each call into this file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a JUnit report into this file: one case for each limit.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Tell of each call in the JSON, too.
    #[arg(long)]
    each: bool,
}

/// Runs the command.
pub(super) async fn run(mut args: LoadArgs) -> anyhow::Result<()> {
    ensure!(args.call.record.is_none(), "a load records nothing: leave --record out");
    if args.call.password.is_none() {
        let file = RuntimeFile::read(&RuntimeFile::usual_path());
        args.call.password = file.ok().map(|file| file.password);
    }
    let limits = Limits {
        failed_percent: args.max_failed,
        lost_percent: args.max_lost,
        setup_p95_ms: args.max_setup_p95,
        jitter_p95_ms: args.max_jitter_p95,
    };
    let json = args.call.json;
    let plan = LoadPlan {
        call: args.call.plan().await?,
        calls: args.calls,
        calls_per_second: args.rate,
        most_at_once: args.most_at_once,
    };
    let bars = Bars::new(args.calls)?;
    let mut report = make_calls(&plan, |news| bars.handle(news)).await;
    bars.finish();
    let verdicts = report.judge(&limits);
    if let Some(path) = &args.csv {
        std::fs::write(path, csv(&report)).with_context(|| path.display().to_string())?;
    }
    if let Some(path) = &args.junit {
        write_junit(path, &report, &verdicts)?;
    }
    if !args.each {
        report.each.clear();
    }
    match json {
        true => {
            let mut shown = serde_json::to_value(&report)?;
            let kept = verdicts.iter().all(|verdict| verdict.kept);
            if let Some(object) = shown.as_object_mut() {
                object.insert("ok".to_owned(), json!(kept));
                object.insert("limits".to_owned(), serde_json::to_value(&verdicts)?);
            }
            println!("{shown}");
        }
        false => println!("{}", story(&report, &verdicts)),
    }
    let broken: Vec<_> = verdicts.iter().filter(|it| !it.kept).map(|it| it.limit).collect();
    ensure!(broken.is_empty(), "not good enough: {}", broken.join(", "));
    Ok(())
}

/// Progress on standard error, where that is a terminal.
struct Bars {
    _both: MultiProgress,
    begun: ProgressBar,
    over: ProgressBar,
    failed: std::cell::Cell<u64>,
}

impl Bars {
    fn new(calls: u32) -> anyhow::Result<Bars> {
        let both = MultiProgress::new();
        let style = |name: &str| {
            let template = format!("{name:<8}[{{bar:40}}] {{pos}}/{{len}} {{msg}}");
            ProgressStyle::with_template(&template).map(|style| style.progress_chars("=> "))
        };
        let bar = |name| -> anyhow::Result<ProgressBar> {
            let bar = both.add(ProgressBar::new(u64::from(calls)));
            bar.set_style(style(name)?);
            Ok(bar)
        };
        let (begun, over) = (bar("begun")?, bar("over")?);
        Ok(Bars { _both: both, begun, over, failed: Default::default() })
    }

    fn handle(&self, news: &LoadNews) {
        match news {
            LoadNews::Begun => self.begun.inc(1),
            LoadNews::Over(call) => {
                self.over.inc(1);
                self.failed.set(self.failed.get() + u64::from(!call.outcome.ok));
            }
        }
        let up = self.begun.position().saturating_sub(self.over.position());
        self.begun.set_message(format!("{up} up"));
        self.over.set_message(format!("{} failed", self.failed.get()));
    }

    fn finish(&self) {
        self.begun.finish_and_clear();
        self.over.finish_and_clear();
    }
}

fn story(report: &LoadReport, verdicts: &[Verdict]) -> String {
    let mut lines = vec![
        format!(
            "{} calls in {:.1} s, at most {} at once: {} good, {} answered, {} silent",
            report.calls,
            report.seconds,
            report.most_at_once,
            report.good,
            report.answered,
            report.silent
        ),
        format!("{:<16}{:>9}{:>9}{:>9}{:>9}", "ms", "p50", "p95", "p99", "max"),
    ];
    for (name, of) in [
        ("setup", report.setup_ms),
        ("jitter", report.jitter_ms),
        ("longest gap", report.max_gap_ms),
        ("begun late", report.late_ms),
    ] {
        lines.push(format!(
            "{name:<16}{:>9.1}{:>9.1}{:>9.1}{:>9.1}",
            of.p50, of.p95, of.p99, of.max
        ));
    }
    lines.push(format!(
        "{} packets sent, {} received, {:.3} % lost",
        report.sent,
        report.received,
        100.0 * report.lost_share
    ));
    lines.extend(report.problems.iter().map(|(problem, count)| format!("{count} × {problem}")));
    for Verdict { limit, kept, text } in verdicts {
        lines.push(format!("{:<8}{limit}: {text}", if *kept { "kept" } else { "BROKEN" }));
    }
    lines.join("\n")
}

const COLUMNS: &str = "number,begun_ms,late_ms,ok,status,setup_ms,talked_ms,ended_by,sent,received,lost,jitter_ms,max_gap_ms,problem";

fn csv(report: &LoadReport) -> String {
    let mut text = format!("{COLUMNS}\n");
    for call in &report.each {
        text.push_str(&row(call));
        text.push('\n');
    }
    text
}

/// RFC 4180.
fn row(call: &LoadCall) -> String {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let of = &call.outcome;
    let media =
        |read: fn(&crate::phone::script::MediaOutcome) -> f64| number(of.media.as_ref().map(read));
    let problem = of.problem.as_deref().unwrap_or_default();
    let problem: String = problem.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    [
        call.number.to_string(),
        call.begun_ms.to_string(),
        call.late_ms.to_string(),
        of.ok.to_string(),
        of.status.to_string(),
        number(of.setup_ms),
        number(of.talked_ms),
        of.ended_by.unwrap_or_default().to_owned(),
        media(|media| media.sent as f64),
        media(|media| media.received as f64),
        media(|media| media.lost as f64),
        media(|media| media.jitter_ms),
        media(|media| media.max_gap_ms),
        format!("\"{}\"", problem.replace('"', "\"\"")),
    ]
    .join(",")
}

fn write_junit(path: &Path, report: &LoadReport, verdicts: &[Verdict]) -> anyhow::Result<()> {
    let case = |verdict: &Verdict| Case {
        name: verdict.limit.to_owned(),
        took: Duration::from_secs_f64(report.seconds),
        outcome: match verdict.kept {
            true => Outcome::Passed(verdict.text.clone()),
            false => Outcome::Failed(verdict.text.clone()),
        },
    };
    junit::write(path, "load", &verdicts.iter().map(case).collect::<Vec<_>>())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    match (0.001..=100_000.0).contains(&rate) {
        true => Ok(rate),
        false => Err("a rate is 0.001 to 100000 calls a second".to_owned()),
    }
}
