//! Many calls at a rate, each of which speaks and listens: the engine of `sidestream load`.
//!
//! The rate is kept whatever the server does: a call begins when its turn has come, not when another has been answered. Otherwise a slow
//! server would be asked less, and look well.

mod report;

pub use report::{Limits, LoadReport, Percentiles, Verdict};

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::AudioSource;
use super::demo::speech::Speech;
use super::script::{CallOutcome, CallPlan, run_saying};

/// What may wait for whoever shows the progress; it reads faster than calls can begin.
const NEWS: usize = 1024;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// What each call does.
    pub call: CallPlan,
    /// How many calls there are.
    pub calls: u32,
    /// How many begin in a second.
    pub calls_per_second: f64,
    /// How many may be up at once: a call whose turn comes beyond it is not made, and counts as a failure.
    pub most_at_once: u32,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum LoadNews {
    /// A call began.
    Begun,
    /// A call is over.
    Over(Box<LoadCall>),
}

/// One call of a load.
#[derive(Clone, Debug, Serialize)]
pub struct LoadCall {
    /// Counts from 1 in the order of their beginning.
    pub number: u32,
    /// When it began, after the load did.
    pub begun_ms: u64,
    /// How far behind its turn it began: the machine that makes the load is at its limit when this grows.
    pub late_ms: f64,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: CallOutcome,
}

/// Makes the calls; `told` hears of each as it begins and ends.
pub async fn run(plan: &LoadPlan, mut told: impl FnMut(&LoadNews)) -> LoadReport {
    let (news, mut heard) = mpsc::channel(NEWS);
    let play = match &plan.call.play {
        Some(path) => AudioSource::wav(path).map_err(|error| error.to_string()),
        None => {
            let samples = Speech::built_in().0.samples;
            Ok(AudioSource::Samples { samples, repeat: true })
        }
    };
    let begun = Instant::now();
    let making = tokio::spawn(make(plan.clone(), play, begun, news));
    let mut calls = Vec::new();
    let mut now_up: u32 = 0;
    let mut most_up = 0;
    while let Some(news) = heard.recv().await {
        told(&news);
        match news {
            LoadNews::Begun => {
                now_up += 1;
                most_up = most_up.max(now_up);
            }
            LoadNews::Over(call) => {
                now_up = now_up.saturating_sub(1);
                calls.push(*call);
            }
        }
    }
    // It ended: its sender is gone.
    let _ = making.await;
    calls.sort_by_key(|call| call.number);
    LoadReport::of(calls, begun.elapsed(), most_up)
}

async fn make(
    plan: LoadPlan,
    play: Result<AudioSource, String>,
    begun: Instant,
    news: mpsc::Sender<LoadNews>,
) {
    let plan = Arc::new(plan);
    let mut up = JoinSet::new();
    for number in 1..=plan.calls {
        let turn = begun + Duration::from_secs_f64(f64::from(number - 1) / plan.calls_per_second);
        sleep_until(turn).await;
        while up.try_join_next().is_some() {}
        let late = turn.elapsed();
        let of = move |outcome| {
            let begun_ms = u64::try_from((turn - begun).as_millis()).unwrap_or(u64::MAX);
            let late_ms = (late.as_secs_f64() * 100_000.0).round() / 100.0;
            LoadNews::Over(Box::new(LoadCall { number, begun_ms, late_ms, outcome }))
        };
        // An error means that whoever asked is gone.
        let _ = news.send(LoadNews::Begun).await;
        let play = match &play {
            Ok(play) if up.len() < plan.most_at_once as usize => play.clone(),
            Ok(_) => {
                let why = format!("{} calls were up already", plan.most_at_once);
                let _ = news.send(of(unmade(why))).await;
                continue;
            }
            Err(why) => {
                let _ = news.send(of(unmade(why.clone()))).await;
                continue;
            }
        };
        let (plan, news) = (Arc::clone(&plan), news.clone());
        up.spawn(async move {
            let outcome = run_saying(&plan.call, play).await;
            let _ = news.send(of(outcome)).await;
        });
    }
    while up.join_next().await.is_some() {}
}

fn unmade(why: String) -> CallOutcome {
    CallOutcome { problem: Some(why), ..CallOutcome::default() }
}
