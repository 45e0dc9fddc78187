//! A call that lives long remembers no more than one that has just begun.

use super::*;

use sidestream::command::{Target, Verb};

use crate::wire::Wire;

#[test]
fn hundreds_of_requests_leave_nothing_in_a_call() {
    let (mut wire, mut alice, mut bob) = Wire::bridged(with_bob(|_| {}));
    wire.pass(s(40));
    let before = wire.switch.holdings();
    for round in 0..500 {
        let direction = if round % 2 == 0 { "sendonly" } else { "sendrecv" };
        let (one, other) = if round % 3 == 0 { (&mut bob, &alice) } else { (&mut alice, &bob) };
        let reinvite = one.offer("INVITE", round + 2, direction);
        wire.send(one, &reinvite);
        let carried = wire.take(other);
        wire.send(other, &other.answer(&carried, round + 2, "sendrecv"));
        assert_eq!(wire.take(other).method(), "ACK", "round {round}");
        assert_eq!(wire.take(one).status(), Some(200));
        let ack = one.request_with_cseq("ACK", reinvite.cseq());
        wire.send(one, &ack);

        let update = one.offer("UPDATE", round + 1_000, direction);
        wire.send(one, &update);
        let carried = wire.take(other);
        wire.send(other, &other.answer(&carried, round + 1_000, "sendrecv"));
        assert_eq!(wire.take(one).status(), Some(200));

        let info = one.request("INFO").with_body("application/dtmf-relay", "Signal=5\r\n");
        wire.send(one, &info);
        let carried = wire.take(other);
        wire.send(other, &other.reply(&carried, 200));
        assert_eq!(wire.take(one).status(), Some(200));

        let options = one.request("OPTIONS");
        wire.send(one, &options);
        assert_eq!(wire.take(one).status(), Some(200));
        wire.pass(ms(20));
        wire.sent.clear();
        let owned = wire.switch.holdings().owned_transactions;
        assert!(owned <= 32, "round {round}: {owned}");
    }
    wire.pass(s(40));
    assert_eq!(wire.switch.holdings(), before);
    wire.assert_empty();
}

#[test]
fn streams_that_ended_long_ago_are_forgotten() {
    let (mut wire, ..) = Wire::bridged(with_bob(|_| {}));
    let mut first = None;
    let mut last = None;
    for _ in 0..400 {
        let stream = wire.command(start("good", Tracks::Both)).unwrap().streams[0].stream;
        wire.command(Verb::Stop(Target::Id(stream))).unwrap();
        first = first.or(Some(stream));
        last = Some(stream);
    }
    assert_eq!(
        wire.command(Verb::Status(Target::Id(first.unwrap()))),
        Err(sidestream::command::Denied::NoSuchStream)
    );
    assert!(wire.command(Verb::Status(Target::Id(last.unwrap()))).is_ok());
    wire.assert_empty();
}
