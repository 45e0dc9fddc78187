//! Every pair of a state and an input, for each of the four machines, as text.
//!
//! A row is `State inputs => State effects`; `*` is a whole row of inputs that change nothing and do nothing. Each pair must
//! be named exactly once. Effects: `send ack cancel try pass`, `A=500` starts Timer A with 500 ms, `-A` stops it.

mod clients;
mod pace;
mod servers;

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;
use smallvec::SmallVec;

use super::machine::{ClientEffect, Pace, ServerEffect};
use super::{
    TransactionTimers, invite_client, invite_server, non_invite_client, non_invite_server,
};
use crate::time::Duration;

const UDP: Pace = Pace { timers: TransactionTimers::DEFAULT, reliable: false };
const TCP: Pace = Pace { timers: TransactionTimers::DEFAULT, reliable: true };
/// Half a second, the T1 of the tables.
const T1: Duration = Duration::from_millis(500);

fn message(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// `Calling` of `Calling { invite: .. }`: the machines' own names are those of the tables.
fn name(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// The word of a table for an effect.
trait Describe {
    fn describe(&self) -> String;
}

fn sent(bytes: &Bytes) -> String {
    format!("send:{}", String::from_utf8_lossy(bytes))
}

impl Describe for ClientEffect {
    fn describe(&self) -> String {
        match self {
            ClientEffect::Send(bytes) => sent(bytes),
            ClientEffect::Acknowledge { .. } => "ack".into(),
            ClientEffect::Cancel { .. } => "cancel".into(),
            ClientEffect::Pass => "pass".into(),
            ClientEffect::Start(timer, wait) => format!("{timer:?}={}", wait.as_millis()),
            ClientEffect::Stop(timer) => format!("-{timer:?}"),
            ClientEffect::TimedOut => "timed-out".into(),
            ClientEffect::Unreachable => "unreachable".into(),
        }
    }
}

impl Describe for ServerEffect {
    fn describe(&self) -> String {
        match self {
            ServerEffect::Send(bytes) => sent(bytes),
            ServerEffect::Try { .. } => "try".into(),
            ServerEffect::Pass => "pass".into(),
            ServerEffect::Start(timer, wait) => format!("{timer:?}={}", wait.as_millis()),
            ServerEffect::Stop(timer) => format!("-{timer:?}"),
            ServerEffect::Unacknowledged => "unacknowledged".into(),
        }
    }
}

/// A state and what a step towards it asked for, as a table writes it.
fn outcome<S: Debug, A: smallvec::Array>(step: impl FnOnce(&mut SmallVec<A>) -> S) -> String
where
    A::Item: Describe,
{
    let mut effects = SmallVec::new();
    let mut words = vec![name(&step(&mut effects))];
    words.extend(effects.iter().map(Describe::describe));
    words.join(" ")
}

/// What a table says of each pair: the next state and the effects.
fn parse(table: &str, states: &[String], inputs: &[String]) -> BTreeMap<(String, String), String> {
    let mut rows = BTreeMap::new();
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (pairs, outcome) = line.split_once(" => ").expect("a row has an arrow");
        let mut words = pairs.split_whitespace();
        let state = words.next().expect("a row names a state");
        assert!(states.iter().any(|known| known == state), "no such state: {line}");
        let named: Vec<_> = words.collect();
        let named = match named[..] {
            ["*"] => inputs.iter().map(String::as_str).collect(),
            _ => named,
        };
        for input in named {
            assert!(inputs.iter().any(|known| known == input), "no such input: {line}");
            let outcome = if outcome == "stay" { state } else { outcome };
            let twice = rows.insert((state.to_owned(), input.to_owned()), outcome.to_owned());
            assert_eq!(twice, None, "named twice: {line}");
        }
    }
    rows
}

fn check_table<S: Clone + Debug, I: Clone + Debug, A: smallvec::Array>(
    states: &[S],
    inputs: &[I],
    step: impl Fn(S, I, &mut SmallVec<A>) -> S,
    table: &str,
) where
    A::Item: Describe,
{
    let state_names: Vec<_> = states.iter().map(name).collect();
    let input_names: Vec<_> = inputs.iter().map(name).collect();
    let mut expected = parse(table, &state_names, &input_names);
    for state in states {
        for input in inputs {
            let pair = (name(state), name(input));
            let row = expected.remove(&pair).unwrap_or_else(|| panic!("{pair:?} has no row"));
            let found = outcome(|effects| step(state.clone(), input.clone(), effects));
            assert_eq!(found, row, "{pair:?}");
        }
    }
    assert!(expected.is_empty());
}
