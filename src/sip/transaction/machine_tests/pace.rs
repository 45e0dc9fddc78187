//! What changes over TCP, first steps, and the pace of retransmission.

use super::clients::*;
use super::servers::*;
use super::*;
use invite_client::InviteClient;
use invite_server::InviteServer;
use non_invite_client::NonInviteClient;
use non_invite_server::NonInviteServer;

/// The rows of a machine whose outcome over TCP differs from the one over UDP.
fn differences<S: Clone + Debug, I: Clone + Debug, A: smallvec::Array>(
    states: &[S],
    inputs: &[I],
    step: impl Fn(S, I, &Pace, &mut SmallVec<A>) -> S,
) -> String
where
    A::Item: Describe,
{
    let run = |state: &S, input: &I, pace: &Pace| {
        outcome(|effects| step(state.clone(), input.clone(), pace, effects))
    };
    let mut rows = String::new();
    for state in states {
        for input in inputs {
            let found = run(state, input, &TCP);
            if found != run(state, input, &UDP) {
                rows += &format!("{} {} => {found}\n", name(state), name(input));
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
    let invite = |pace| outcome(|e| InviteClient::start(message("INVITE"), pace, e));
    assert_eq!(invite(&UDP), "Calling send:INVITE A=500 B=32000");
    assert_eq!(invite(&TCP), "Calling send:INVITE B=32000");
    let bye = |pace| outcome(|e| NonInviteClient::start(message("BYE"), pace, e));
    assert_eq!(bye(&UDP), "Trying send:BYE E=500 F=32000");
    assert_eq!(bye(&TCP), "Trying send:BYE F=32000");
    let invited = outcome(|e| InviteServer::start(message("INVITE"), e));
    assert_eq!(invited, "Received Trying=200");
    let asked = outcome(|e| NonInviteServer::start(&UDP, e));
    assert_eq!(asked, "Trying F=32000");
}

/// What six expiries of its retransmission timer make of a machine.
fn six_times<S: Clone + Debug, A: smallvec::Array>(
    mut state: S,
    step: impl Fn(S, &mut SmallVec<A>) -> S,
) -> Vec<String>
where
    A::Item: Describe,
{
    let mut once = || {
        outcome(|effects| {
            state = step(state.clone(), effects);
            state.clone()
        })
    };
    (0..6).map(|_| once()).collect()
}

#[test]
fn retransmission_intervals_double_and_only_the_invite_is_not_capped_at_t2() {
    let invite = message("INVITE");
    let calling = InviteClient::Calling { invite, resend: T1 };
    let found = six_times(calling, |state, effects| {
        state.step(invite_client::Input::TimerA, &UDP, effects)
    });
    let wait_ms = [1000, 2000, 4000, 8000, 16000, 32000];
    assert_eq!(found, wait_ms.map(|ms| format!("Calling send:INVITE A={ms}")));

    let request = message("BYE");
    let trying = NonInviteClient::Trying { request, resend: T1 };
    let found = six_times(trying, |state, effects| {
        state.step(non_invite_client::Input::TimerE, &UDP, effects)
    });
    let wait_ms = [1000, 2000, 4000, 4000, 4000, 4000];
    assert_eq!(found, wait_ms.map(|ms| format!("Trying send:BYE E={ms}")));

    let response = message("486");
    let completed = InviteServer::Completed { response, resend: T1 };
    let found = six_times(completed, |state, effects| {
        state.step(invite_server::Input::TimerG, &UDP, effects)
    });
    assert_eq!(found, wait_ms.map(|ms| format!("Completed send:486 G={ms}")));
}
