//! The two client machines over UDP.

use super::*;

pub(super) fn invite_client_states() -> Vec<invite_client::InviteClient> {
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

pub(super) fn invite_client_inputs() -> Vec<invite_client::Input> {
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

pub(super) fn non_invite_client_states() -> Vec<non_invite_client::NonInviteClient> {
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

pub(super) fn non_invite_client_inputs() -> Vec<non_invite_client::Input> {
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
