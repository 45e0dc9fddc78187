//! The two server machines over UDP.

use super::*;

pub(super) fn invite_server_states() -> Vec<invite_server::InviteServer> {
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

pub(super) fn invite_server_inputs() -> Vec<invite_server::Input> {
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

pub(super) fn non_invite_server_states() -> Vec<non_invite_server::NonInviteServer> {
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

pub(super) fn non_invite_server_inputs() -> Vec<non_invite_server::Input> {
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
