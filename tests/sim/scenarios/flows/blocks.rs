//! What single blocks do on a call, and what happens when the customer hangs up in them.

use super::*;

use sidestream::event::Cause;
use sidestream::id::Track;

fn dial(resume: bool) -> Json {
    json!({"Identifier": "block", "Type": "TransferParticipantToThirdParty",
        "Parameters": {"ThirdPartyPhoneNumber": "200", "ThirdPartyConnectionTimeLimitSeconds": "5",
            "ContinueFlowExecution": if resume { "True" } else { "False" }},
        "Transitions": {"NextAction": "good", "Errors": [
            {"NextAction": "failed", "ErrorType": "CallFailed"},
            {"NextAction": "late", "ErrorType": "ConnectionTimeLimitExceeded"},
            {"NextAction": "bad", "ErrorType": "NoMatchingError"}]}})
}

/// A call to a flow of this one block.
fn block(block: Json, kind: FlowType, change: impl FnOnce(&mut Settings)) -> World {
    let flow = json!([block, last("good"), last("bad"), last("failed"), last("late")]);
    let mut world = world_with(&[("main", kind, flow)], change);
    call_flow(&mut world, "7000");
    world
}

fn end_of(world: &mut World) -> Vec<String> {
    assert!(world.run_until(s(30), |world| flow_end(world).is_some()), "{:?}", steps(world));
    let steps = steps(world);
    world.assert_empty();
    steps
}

#[test]
fn a_third_party_that_does_not_answer_or_refuses_takes_its_branch() {
    for (manner, expected) in [
        (crate::phone::Manner::RingForEver, "block Error ConnectionTimeLimitExceeded"),
        (crate::phone::Manner::Reject(486), "block Error CallFailed"),
    ] {
        let mut world = block(dial(true), FlowType::Contact, |_| {});
        world.phones[1].manner = manner;
        assert_eq!(end_of(&mut world)[0], expected);
    }
}

#[test]
fn a_third_party_that_the_flow_hands_over_to_ends_the_call_with_itself() {
    let mut world = block(dial(false), FlowType::Contact, |_| {});
    assert!(world.run_until(s(5), |world| flow_end(world).is_some()));
    assert_eq!(flow_end(&world), Some(("handed over".to_owned(), false)));
    world.run_for(s(5));
    assert_eq!(count(&world, |kind| matches!(kind, Kind::CallEnded { .. })), 0, "they talk");
    world.act(1, |bob, now| bob.bye(0, now));
    world.run_for(s(1));
    assert_eq!(ended(&world), (200, Outcome::Completed));
    world.assert_empty();
}

#[test]
fn a_route_may_be_for_other_callers_than_flows() {
    let mut world = block(dial(true), FlowType::Contact, |settings| {
        for route in &mut settings.routes {
            route.callers = vec!["peer:*".parse().unwrap()];
        }
    });
    assert_eq!(end_of(&mut world)[0], "block Error CallFailed");
}

#[test]
fn a_stop_of_one_direction_leaves_the_other_one() {
    let flow = json!([
        streaming("start", "Enabled", &["From", "To"], "half"),
        streaming("half", "Disabled", &["To"], "wait"),
        action("wait", "Wait", json!({"TimeLimitSeconds": "2"}), "stop", "bad"),
        streaming("stop", "Disabled", &["From"], "rest"),
        action("rest", "Wait", json!({"TimeLimitSeconds": "2"}), "bad", "bad"),
        last("bad")
    ]);
    let mut world = world_with(&[("main", FlowType::Contact, flow)], |_| {});
    call_flow(&mut world, "7000");
    world.run_for(s(3));
    let muted = |kind: &Kind| matches!(kind, Kind::StreamMuted(Track::ToCustomer));
    assert_eq!(count(&world, muted), 1);
    assert_eq!(count(&world, |kind| matches!(kind, Kind::StreamArmed { .. })), 1);
    let ended = world.events.iter().find(|it| matches!(it.kind, Kind::StreamEnded { .. }));
    assert_eq!(ended.map(|event| event.cause), Some(Cause::Request), "{:?}", steps(&world));
    world.run_for(s(3));
    world.assert_empty();
}

#[test]
fn a_key_ends_the_prompt_that_it_interrupts() {
    let mut world = world_with(&[], |settings| {
        // Ten seconds of a menu.
        settings.flows.prompts.insert("menu", vec![3_000; 80_000].into());
    });
    call_flow(&mut world, "5000");
    world.run_for(s(1));
    press(&mut world, "9");
    world.run_for(ms(500));
    assert_eq!(steps(&world)[0], "menu Equals 9");
    assert_eq!(ended(&world), (200, Outcome::Completed));
    world.assert_empty();
}

#[test]
fn a_flow_that_loops_without_waiting_is_stopped_with_the_call() {
    let flow = json!([
        action("a", "UpdateContactAttributes", json!({"Attributes": {"x": "y"}}), "b", "b"),
        action("b", "UpdateContactAttributes", json!({"Attributes": {"x": "z"}}), "a", "a")
    ]);
    let mut world = world_with(&[("main", FlowType::Contact, flow)], |_| {});
    call_flow(&mut world, "7000");
    world.run_for(s(1));
    let (result, failed) = flow_end(&world).expect("it was stopped");
    assert!(failed && result.contains("ran 100 blocks without waiting"), "{result}");
    assert_eq!(ended(&world), (200, Outcome::Completed));
    world.assert_empty();
}

#[test]
fn a_text_is_spoken_outside_or_takes_the_error_branch() {
    let say = || action("block", "MessageParticipant", json!({"Text": "hello"}), "good", "bad");
    let mut world = block(say(), FlowType::Contact, |_| {});
    assert_eq!(end_of(&mut world)[0], "block Error NoMatchingError");

    let mut world = block(say(), FlowType::Contact, |settings| settings.flows.speaks = true);
    let (id, job) = world.jobs.remove(0);
    assert!(matches!(&job, Job::Speak(utterance) if utterance.text == "hello"), "{job:?}");
    world.run_for(s(1));
    assert_eq!(steps(&world), [""; 0], "it waits for the voice");
    world.input(Input::Done { id, done: Done::Spoken(Ok(prompt())) });
    assert_eq!(end_of(&mut world)[0], "block Success");
}

#[test]
fn a_hang_up_in_any_block_leaves_nothing() {
    let loops = json!({"Messages": [{"PromptId": "hello"}], "InterruptFrequencySeconds": "20"});
    let ask = json!({"LambdaFunctionARN": "lookup", "InvocationTimeLimitSeconds": "8"});
    let keys = json!({"PromptId": "hello", "StoreInput": "True"});
    let one = |kind: &str, parameters: Json| action("block", kind, parameters, "good", "bad");
    let blocks = [
        (FlowType::Contact, one("MessageParticipant", json!({"PromptId": "hello"}))),
        (FlowType::CustomerQueue, one("MessageParticipantIteratively", loops)),
        (FlowType::Contact, one("GetParticipantInput", keys)),
        (FlowType::Contact, one("Wait", json!({"TimeLimitSeconds": "60"}))),
        (FlowType::Contact, one("InvokeLambdaFunction", ask)),
        (FlowType::Contact, one("MessageParticipant", json!({"Text": "hello"}))),
        (FlowType::Contact, dial(true)),
    ];
    for (kind, it) in blocks {
        for wait in [10, 150, 300, 450] {
            let mut world = block(it.clone(), kind, |settings| settings.flows.speaks = true);
            world.run_for(ms(wait));
            world.act(0, |alice, now| alice.bye(0, now));
            world.run_for(s(1));
            let end = flow_end(&world);
            assert_eq!(end, Some(("the contact is over".to_owned(), false)), "{it} {wait}");
            for (id, job) in std::mem::take(&mut world.jobs) {
                let done = match job {
                    Job::Invoke(_) => Done::Answered(Ok(json!({}))),
                    Job::Speak(_) => Done::Spoken(Ok(prompt())),
                };
                world.input(Input::Done { id, done });
            }
            world.assert_empty();
        }
    }
}
