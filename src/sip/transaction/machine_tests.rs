//! Every pair of a state and an input, for each of the four machines, as text.
//!
//! A row is `State inputs => State effects`; `*` is a whole row of inputs that change nothing and do nothing. Each pair must
//! be named exactly once. Effects: `send ack cancel try pass`, `A=500` starts Timer A with 500 ms, `-A` stops it.

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::Bytes;

use super::machine::{Effect, Effects, Pace};
use super::{TransactionTimers, invite_client, invite_server, non_invite_client, non_invite_server};
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

fn describe(effect: &Effect) -> String {
    match effect {
        Effect::Send(bytes) => format!("send:{}", String::from_utf8_lossy(bytes)),
        Effect::Acknowledge { .. } => "ack".into(),
        Effect::Cancel { .. } => "cancel".into(),
        Effect::Try { .. } => "try".into(),
        Effect::Pass => "pass".into(),
        Effect::Start(timer, wait) => format!("{timer:?}={}", wait.as_millis()),
        Effect::Stop(timer) => format!("-{timer:?}"),
        Effect::TimedOut => "timed-out".into(),
        Effect::Unreachable => "unreachable".into(),
        Effect::Unacknowledged => "unacknowledged".into(),
    }
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

fn check_table<S: Clone + Debug, I: Clone + Debug>(
    states: &[S],
    inputs: &[I],
    step: impl Fn(S, I, &mut Effects) -> S,
    table: &str,
) {
    let state_names: Vec<_> = states.iter().map(name).collect();
    let input_names: Vec<_> = inputs.iter().map(name).collect();
    let mut expected = parse(table, &state_names, &input_names);
    for state in states {
        for input in inputs {
            let pair = (name(state), name(input));
            let mut effects = Effects::new();
            let mut outcome = vec![name(&step(state.clone(), input.clone(), &mut effects))];
            outcome.extend(effects.iter().map(describe));
            let row = expected.remove(&pair).unwrap_or_else(|| panic!("{pair:?} has no row"));
            assert_eq!(outcome.join(" "), row, "{pair:?}");
        }
    }
    assert!(expected.is_empty());
}

fn invite_client_states() -> Vec<invite_client::InviteClient> {
    use invite_client::InviteClient::*;
    let invite = message("INVITE");
    let states = vec![
        Calling { invite: invite.clone(), resend: T1 },
        Cancelling { invite: invite.clone(), resend: T1 },
        Proceeding { invite: invite.clone() },
        Cancelled { invite: invite.clone() },
        Completed { invite },
        Accepted,
        Terminated,
    ];
    // A state that is added to the machine must be added above.
    for state in &states {
        match state {
            Calling { .. } | Cancelling { .. } | Proceeding { .. } | Cancelled { .. } => {}
            Completed { .. } | Accepted | Terminated => {}
        }
    }
    states
}

fn invite_client_inputs() -> Vec<invite_client::Input> {
    use invite_client::Input::*;
    let inputs = vec![
        Provisional,
        Success,
        Failure,
        Cancel,
        TimerA,
        TimerB,
        TimerD,
        TimerM,
        TimerCancelled,
        TransportError,
    ];
    for input in &inputs {
        match input {
            Provisional | Success | Failure | Cancel | TimerA | TimerB | TimerD | TimerM => {}
            TimerCancelled | TransportError => {}
        }
    }
    inputs
}

#[test]
fn the_invite_client_does_over_udp_what_its_table_says() {
    check_table(
        &invite_client_states(),
        &invite_client_inputs(),
        |state, input, effects| state.step(input, &UDP, effects),
        "
        Calling    Provisional    => Proceeding -A -B pass
        Calling    Success        => Accepted -A -B M=32000 pass
        Calling    Failure        => Completed -A -B ack D=32000 pass
        Calling    Cancel         => Cancelling
        Calling    TimerA         => Calling send:INVITE A=1000
        Calling    TimerB         => Terminated -A -B timed-out
        Calling    TransportError => Terminated -A -B unreachable
        Calling    TimerD TimerM TimerCancelled => stay
        Cancelling Provisional    => Cancelled -A -B pass cancel Cancelled=32000
        Cancelling Success        => Accepted -A -B M=32000 pass
        Cancelling Failure        => Completed -A -B ack D=32000 pass
        Cancelling TimerA         => Cancelling send:INVITE A=1000
        Cancelling TimerB         => Terminated -A -B timed-out
        Cancelling TransportError => Terminated -A -B unreachable
        Cancelling Cancel TimerD TimerM TimerCancelled => stay
        Proceeding Provisional    => Proceeding pass
        Proceeding Success        => Accepted M=32000 pass
        Proceeding Failure        => Completed ack D=32000 pass
        Proceeding Cancel         => Cancelled cancel Cancelled=32000
        Proceeding TransportError => Terminated unreachable
        Proceeding TimerA TimerB TimerD TimerM TimerCancelled => stay
        Cancelled  Provisional    => Cancelled pass
        Cancelled  Success        => Accepted -Cancelled M=32000 pass
        Cancelled  Failure        => Completed -Cancelled ack D=32000 pass
        Cancelled  TimerCancelled => Terminated timed-out
        Cancelled  TransportError => Terminated -Cancelled unreachable
        Cancelled  Cancel TimerA TimerB TimerD TimerM => stay
        Completed  Failure        => Completed ack
        Completed  TimerD         => Terminated
        Completed  TransportError => Terminated -D
        Completed  Provisional Success Cancel TimerA TimerB TimerM TimerCancelled => stay
        Accepted   Success        => Accepted pass
        Accepted   TimerM         => Terminated
        Accepted   Provisional Failure Cancel TimerA TimerB TimerD TimerCancelled => stay
        Accepted   TransportError => stay
        Terminated *              => stay
        ",
    );
}

fn non_invite_client_states() -> Vec<non_invite_client::NonInviteClient> {
    use non_invite_client::NonInviteClient::*;
    let request = message("BYE");
    let states = vec![
        Trying { request: request.clone(), resend: T1 },
        Proceeding { request },
        Completed,
        Terminated,
    ];
    for state in &states {
        match state {
            Trying { .. } | Proceeding { .. } | Completed | Terminated => {}
        }
    }
    states
}

fn non_invite_client_inputs() -> Vec<non_invite_client::Input> {
    use non_invite_client::Input::*;
    let inputs = vec![Provisional, Final, TimerE, TimerF, TimerK, TransportError];
    for input in &inputs {
        match input {
            Provisional | Final | TimerE | TimerF | TimerK | TransportError => {}
        }
    }
    inputs
}

#[test]
fn the_non_invite_client_does_over_udp_what_its_table_says() {
    check_table(
        &non_invite_client_states(),
        &non_invite_client_inputs(),
        |state, input, effects| state.step(input, &UDP, effects),
        "
        Trying     Provisional    => Proceeding pass
        Trying     Final          => Completed -E -F K=5000 pass
        Trying     TimerE         => Trying send:BYE E=1000
        Trying     TimerF         => Terminated -E -F timed-out
        Trying     TransportError => Terminated -E -F unreachable
        Trying     TimerK         => stay
        Proceeding Provisional    => Proceeding pass
        Proceeding Final          => Completed -E -F K=5000 pass
        Proceeding TimerE         => Proceeding send:BYE E=4000
        Proceeding TimerF         => Terminated -E -F timed-out
        Proceeding TransportError => Terminated -E -F unreachable
        Proceeding TimerK         => stay
        Completed  TimerK         => Terminated
        Completed  TransportError => Terminated -K
        Completed  Provisional Final TimerE TimerF => stay
        Terminated *              => stay
        ",
    );
}

fn invite_server_states() -> Vec<invite_server::InviteServer> {
    use invite_server::InviteServer::*;
    let states = vec![
        Received { invite: message("INVITE") },
        Proceeding { response: message("180") },
        Completed { response: message("486"), resend: T1 },
        Confirmed,
        Accepted,
        Terminated,
    ];
    for state in &states {
        match state {
            Received { .. } | Proceeding { .. } | Completed { .. } => {}
            Confirmed | Accepted | Terminated => {}
        }
    }
    states
}

fn invite_server_inputs() -> Vec<invite_server::Input> {
    use invite_server::Input::*;
    let inputs = vec![
        Invite,
        Ack,
        Provisional(message("183")),
        Success(message("200")),
        Failure(message("503")),
        TimerTrying,
        TimerG,
        TimerH,
        TimerI,
        TimerL,
        TransportError,
    ];
    for input in &inputs {
        match input {
            Invite | Ack | Provisional(_) | Success(_) | Failure(_) | TimerTrying => {}
            TimerG | TimerH | TimerI | TimerL | TransportError => {}
        }
    }
    inputs
}

#[test]
fn the_invite_server_does_over_udp_what_its_table_says() {
    check_table(
        &invite_server_states(),
        &invite_server_inputs(),
        |state, input, effects| state.step(input, &UDP, effects),
        "
        Received   Provisional => Proceeding -Trying send:183
        Received   Success     => Accepted -Trying send:200 L=32000
        Received   Failure     => Completed -Trying send:503 G=500 H=32000
        Received   TimerTrying => Received try
        Received   Invite Ack TimerG TimerH TimerI TimerL TransportError => stay
        Proceeding Invite      => Proceeding send:180
        Proceeding Provisional => Proceeding send:183
        Proceeding Success     => Accepted send:200 L=32000
        Proceeding Failure     => Completed send:503 G=500 H=32000
        Proceeding Ack TimerTrying TimerG TimerH TimerI TimerL TransportError => stay
        Completed  Invite      => Completed send:486
        Completed  Ack         => Confirmed -G -H I=5000
        Completed  TimerG      => Completed send:486 G=1000
        Completed  TimerH      => Terminated -G unacknowledged
        Completed  Provisional Success Failure => stay
        Completed  TimerTrying TimerI TimerL TransportError => stay
        Confirmed  TimerI      => Terminated
        Confirmed  Invite Ack Provisional Success Failure => stay
        Confirmed  TimerTrying TimerG TimerH TimerL TransportError => stay
        Accepted   Ack         => Accepted pass
        Accepted   Success     => Accepted send:200
        Accepted   TimerL      => Terminated
        Accepted   Invite Provisional Failure => stay
        Accepted   TimerTrying TimerG TimerH TimerI TransportError => stay
        Terminated *           => stay
        ",
    );
}

fn non_invite_server_states() -> Vec<non_invite_server::NonInviteServer> {
    use non_invite_server::NonInviteServer::*;
    let states = vec![
        Trying,
        Proceeding { response: message("100") },
        Completed { response: message("404") },
        Terminated,
    ];
    for state in &states {
        match state {
            Trying | Proceeding { .. } | Completed { .. } | Terminated => {}
        }
    }
    states
}

fn non_invite_server_inputs() -> Vec<non_invite_server::Input> {
    use non_invite_server::Input::*;
    let inputs = vec![
        Request,
        Provisional(message("100")),
        Final(message("200")),
        TimerF,
        TimerJ,
        TransportError,
    ];
    for input in &inputs {
        match input {
            Request | Provisional(_) | Final(_) | TimerF | TimerJ | TransportError => {}
        }
    }
    inputs
}

#[test]
fn the_non_invite_server_does_over_udp_what_its_table_says() {
    check_table(
        &non_invite_server_states(),
        &non_invite_server_inputs(),
        |state, input, effects| state.step(input, &UDP, effects),
        "
        Trying     Provisional => Proceeding send:100
        Trying     Final       => Completed -F send:200 J=32000
        Trying     TimerF      => Terminated
        Trying     Request TimerJ TransportError => stay
        Proceeding Request     => Proceeding send:100
        Proceeding Provisional => Proceeding send:100
        Proceeding Final       => Completed -F send:200 J=32000
        Proceeding TimerF      => Terminated
        Proceeding TimerJ TransportError => stay
        Completed  Request     => Completed send:404
        Completed  TimerJ      => Terminated
        Completed  Provisional Final TimerF TransportError => stay
        Terminated *           => stay
        ",
    );
}

/// The rows of a machine whose outcome over TCP differs from the one over UDP.
fn differences<S: Clone + Debug, I: Clone + Debug>(
    states: &[S],
    inputs: &[I],
    step: impl Fn(S, I, &Pace, &mut Effects) -> S,
) -> String {
    let run = |state: &S, input: &I, pace: &Pace| {
        let mut effects = Effects::new();
        let mut outcome = vec![name(&step(state.clone(), input.clone(), pace, &mut effects))];
        outcome.extend(effects.iter().map(describe));
        outcome.join(" ")
    };
    let mut rows = String::new();
    for state in states {
        for input in inputs {
            let outcome = run(state, input, &TCP);
            if outcome != run(state, input, &UDP) {
                rows += &format!("{} {} => {outcome}\n", name(state), name(input));
            }
        }
    }
    rows
}

#[test]
fn over_tcp_nothing_is_sent_twice_nothing_lingers_and_a_broken_connection_ends_it() {
    let rows = differences(&invite_client_states(), &invite_client_inputs(), |s, i, pace, e| {
        s.step(i, pace, e)
    });
    assert_eq!(
        rows,
        "Calling Failure => Completed -A -B ack D=0 pass\n\
         Cancelling Failure => Completed -A -B ack D=0 pass\n\
         Proceeding Failure => Completed ack D=0 pass\n\
         Cancelled Failure => Completed -Cancelled ack D=0 pass\n"
    );
    let rows =
        differences(&non_invite_client_states(), &non_invite_client_inputs(), |s, i, pace, e| {
            s.step(i, pace, e)
        });
    assert_eq!(
        rows,
        "Trying Final => Completed -E -F K=0 pass\nProceeding Final => Completed -E -F K=0 pass\n"
    );
    let rows = differences(&invite_server_states(), &invite_server_inputs(), |s, i, pace, e| {
        s.step(i, pace, e)
    });
    assert_eq!(
        rows,
        "Received Failure => Completed -Trying send:503 H=32000\n\
         Received TransportError => Terminated -Trying\n\
         Proceeding Failure => Completed send:503 H=32000\n\
         Proceeding TransportError => Terminated\n\
         Completed Ack => Confirmed -G -H I=0\n\
         Completed TransportError => Terminated -G -H\n"
    );
    let rows =
        differences(&non_invite_server_states(), &non_invite_server_inputs(), |s, i, pace, e| {
            s.step(i, pace, e)
        });
    assert_eq!(
        rows,
        "Trying Final => Completed -F send:200 J=0\n\
         Trying TransportError => Terminated -F\n\
         Proceeding Final => Completed -F send:200 J=0\n\
         Proceeding TransportError => Terminated -F\n\
         Completed TransportError => Terminated -J\n"
    );
}

#[test]
fn a_first_step_sends_and_sets_the_timers_of_its_transport() {
    let described = |effects: Effects| effects.iter().map(describe).collect::<Vec<_>>().join(" ");
    let mut effects = Effects::new();
    invite_client::InviteClient::start(message("INVITE"), &UDP, &mut effects);
    assert_eq!(described(std::mem::take(&mut effects)), "send:INVITE A=500 B=32000");
    invite_client::InviteClient::start(message("INVITE"), &TCP, &mut effects);
    assert_eq!(described(std::mem::take(&mut effects)), "send:INVITE B=32000");
    non_invite_client::NonInviteClient::start(message("BYE"), &UDP, &mut effects);
    assert_eq!(described(std::mem::take(&mut effects)), "send:BYE E=500 F=32000");
    non_invite_client::NonInviteClient::start(message("BYE"), &TCP, &mut effects);
    assert_eq!(described(std::mem::take(&mut effects)), "send:BYE F=32000");
    invite_server::InviteServer::start(message("INVITE"), &mut effects);
    assert_eq!(described(std::mem::take(&mut effects)), "Trying=200");
    non_invite_server::NonInviteServer::start(&UDP, &mut effects);
    assert_eq!(described(effects), "F=32000");
}

#[test]
fn retransmission_intervals_double_and_only_the_invite_is_not_capped_at_t2() {
    let intervals = |mut next: Box<dyn FnMut() -> Effects>| -> Vec<u128> {
        (0..6)
            .filter_map(|_| {
                next().iter().find_map(|effect| match effect {
                    Effect::Start(_, wait) => Some(wait.as_millis()),
                    _ => None,
                })
            })
            .collect()
    };
    let mut invite = invite_client::InviteClient::Calling { invite: message("INVITE"), resend: T1 };
    let timer_a = intervals(Box::new(move || {
        let mut effects = Effects::new();
        invite = invite.clone().step(invite_client::Input::TimerA, &UDP, &mut effects);
        effects
    }));
    assert_eq!(timer_a, [1000, 2000, 4000, 8000, 16000, 32000]);
    let mut bye =
        non_invite_client::NonInviteClient::Trying { request: message("BYE"), resend: T1 };
    let timer_e = intervals(Box::new(move || {
        let mut effects = Effects::new();
        bye = bye.clone().step(non_invite_client::Input::TimerE, &UDP, &mut effects);
        effects
    }));
    assert_eq!(timer_e, [1000, 2000, 4000, 4000, 4000, 4000]);
    let mut refusal =
        invite_server::InviteServer::Completed { response: message("486"), resend: T1 };
    let timer_g = intervals(Box::new(move || {
        let mut effects = Effects::new();
        refusal = refusal.clone().step(invite_server::Input::TimerG, &UDP, &mut effects);
        effects
    }));
    assert_eq!(timer_g, [1000, 2000, 4000, 4000, 4000, 4000]);
}
