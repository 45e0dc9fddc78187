//! What changes over TCP, first steps, and the pace of retransmission.

use super::clients::*;
use super::servers::*;
use super::*;

/// The rows of a machine whose outcome over TCP differs from the one over UDP.
fn differences<S: Clone + Debug, I: Clone + Debug>(
    states: &[S],
    inputs: &[I],
    step: impl Fn(S, I, &Pace, &mut Effects) -> S,
) -> String {
    let run = |state: &S, input: &I, pace: &Pace| {
        let mut effects = Effects::new();
        let mut outcome = vec![name(&step(
            state.clone(),
            input.clone(),
            pace,
            &mut effects,
        ))];
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
    let rows = differences(
        &invite_client_states(),
        &invite_client_inputs(),
        |s, i, pace, e| s.step(i, pace, e),
    );
    assert_eq!(
        rows,
        "Calling Failure => Completed -A -B ack D=0 pass\n\
         Cancelling Failure => Completed -A -B ack D=0 pass\n\
         Proceeding Failure => Completed ack D=0 pass\n\
         Cancelled Failure => Completed -Cancelled ack D=0 pass\n"
    );
    let rows = differences(
        &non_invite_client_states(),
        &non_invite_client_inputs(),
        |s, i, pace, e| s.step(i, pace, e),
    );
    assert_eq!(
        rows,
        "Trying Final => Completed -E -F K=0 pass\nProceeding Final => Completed -E -F K=0 pass\n"
    );
    let rows = differences(
        &invite_server_states(),
        &invite_server_inputs(),
        |s, i, pace, e| s.step(i, pace, e),
    );
    assert_eq!(
        rows,
        "Received Failure => Completed -Trying send:503 H=32000\n\
         Received TransportError => Terminated -Trying\n\
         Proceeding Failure => Completed send:503 H=32000\n\
         Proceeding TransportError => Terminated\n\
         Completed Ack => Confirmed -G -H I=0\n\
         Completed TransportError => Terminated -G -H\n"
    );
    let rows = differences(
        &non_invite_server_states(),
        &non_invite_server_inputs(),
        |s, i, pace, e| s.step(i, pace, e),
    );
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
    assert_eq!(
        described(std::mem::take(&mut effects)),
        "send:INVITE A=500 B=32000"
    );
    invite_client::InviteClient::start(message("INVITE"), &TCP, &mut effects);
    assert_eq!(
        described(std::mem::take(&mut effects)),
        "send:INVITE B=32000"
    );
    non_invite_client::NonInviteClient::start(message("BYE"), &UDP, &mut effects);
    assert_eq!(
        described(std::mem::take(&mut effects)),
        "send:BYE E=500 F=32000"
    );
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
    let mut invite = invite_client::InviteClient::Calling {
        invite: message("INVITE"),
        resend: T1,
    };
    let timer_a = intervals(Box::new(move || {
        let mut effects = Effects::new();
        invite = invite
            .clone()
            .step(invite_client::Input::TimerA, &UDP, &mut effects);
        effects
    }));
    assert_eq!(timer_a, [1000, 2000, 4000, 8000, 16000, 32000]);
    let mut bye = non_invite_client::NonInviteClient::Trying {
        request: message("BYE"),
        resend: T1,
    };
    let timer_e = intervals(Box::new(move || {
        let mut effects = Effects::new();
        bye = bye
            .clone()
            .step(non_invite_client::Input::TimerE, &UDP, &mut effects);
        effects
    }));
    assert_eq!(timer_e, [1000, 2000, 4000, 4000, 4000, 4000]);
    let mut refusal = invite_server::InviteServer::Completed {
        response: message("486"),
        resend: T1,
    };
    let timer_g = intervals(Box::new(move || {
        let mut effects = Effects::new();
        refusal = refusal
            .clone()
            .step(invite_server::Input::TimerG, &UDP, &mut effects);
        effects
    }));
    assert_eq!(timer_g, [1000, 2000, 4000, 4000, 4000, 4000]);
}
