//! Contact flows on calls.

mod blocks;
mod table;

use super::*;

use serde_json::{Value as Json, json};
use sidestream::event::FlowStep;
use sidestream::flow::{Flow, FlowType, Loading};
use sidestream::switch::{Done, FlowSettings, Input, Job};

/// Half a second of something that is no phone's.
fn prompt() -> std::sync::Arc<[i16]> {
    vec![3_000; 4_000].into()
}

/// Alice calls 7000, which leads to `flow`; Bob answers 2xx.
fn world_with(documents: &[(&str, FlowType, Json)], change: impl FnOnce(&mut Settings)) -> World {
    let mut flows = FlowSettings::default().with_demo();
    for name in ["menu", "done", "failed", "hello"] {
        flows.prompts.insert(name, prompt());
    }
    for (name, kind, actions) in documents {
        let loading = Loading { kind: Some(*kind), ..Loading::default() };
        let flow = Flow::read(name, &document(actions), &loading);
        flows.library.insert(flow.unwrap_or_else(|problems| panic!("{problems}")));
    }
    flows.numbers.insert("7000".into(), "main".into());
    alice_and_bob(|settings| {
        settings.flows = flows;
        change(settings);
    })
}

/// A document of these actions; the first one is the start.
fn document(actions: &Json) -> String {
    let start = &actions[0]["Identifier"];
    json!({"Version": "2019-10-30", "StartAction": start, "Actions": actions}).to_string()
}

/// An action that goes on with `next`, and with `bad` after every error.
fn action(name: &str, kind: &str, parameters: Json, next: &str, bad: &str) -> Json {
    json!({"Identifier": name, "Type": kind, "Parameters": parameters, "Transitions": {
        "NextAction": next, "Errors": [{"NextAction": bad, "ErrorType": "NoMatchingError"}]}})
}

fn last(name: &str) -> Json {
    json!({"Identifier": name, "Type": "DisconnectParticipant", "Parameters": {}, "Transitions": {}})
}

fn streaming(name: &str, state: &str, directions: &[&str], next: &str) -> Json {
    let parameters = json!({"MediaStreamingState": state, "MediaStreamType": "Audio",
        "Participants": [{"ParticipantType": "Customer", "MediaDirections": directions}]});
    action(name, "UpdateContactMediaStreamingBehavior", parameters, next, "bad")
}

fn call_flow(world: &mut World, number: &str) {
    world.act(0, |alice, now| alice.invite(number, now));
    let begun = world.run_until(s(5), |world| {
        world.kinds().iter().any(|kind| matches!(kind, Kind::FlowStarted { .. }))
    });
    assert!(begun, "{}", world.ladder.draw(&["alice", "switch", "bob"]));
}

fn press(world: &mut World, keys: &str) {
    for key in keys.chars() {
        let body = format!("Signal={key}\r\nDuration=160\r\n");
        world.act(0, |alice, now| {
            alice.info(0, now, |info| info.with_body("application/dtmf-relay", body.clone()))
        });
        world.run_for(ms(100));
    }
}

/// `block branch` of each step so far.
fn steps(world: &World) -> Vec<String> {
    let step = |kind: &&Kind| match kind {
        Kind::FlowStep(step) => {
            let FlowStep { block, branch, .. } = step.as_ref();
            Some(format!("{block} {branch}"))
        }
        _ => None,
    };
    world.kinds().iter().filter_map(step).collect()
}

fn count(world: &World, wanted: impl Fn(&Kind) -> bool) -> usize {
    world.kinds().into_iter().filter(|kind| wanted(kind)).count()
}

/// How the flow ended.
fn flow_end(world: &World) -> Option<(String, bool)> {
    world.kinds().into_iter().find_map(|kind| match kind {
        Kind::FlowEnded { result, failed, .. } => Some((result.clone(), *failed)),
        _ => None,
    })
}

#[test]
fn the_demo_starts_and_stops_a_stream_by_key() {
    let mut world = world_with(&[], |_| {});
    call_flow(&mut world, "5000");
    world.run_for(ms(200));
    assert!(world.phones[0].heard.contains_key(&0), "the menu is heard");
    press(&mut world, "1");
    world.run_for(s(1));
    assert_eq!(count(&world, |kind| matches!(kind, Kind::StreamActive)), 1);
    press(&mut world, "2");
    world.run_for(s(1));
    assert_eq!(count(&world, |kind| matches!(kind, Kind::StreamEnded { .. })), 1);
    press(&mut world, "9");
    world.run_for(s(1));
    let expected = [
        "menu Equals 1",
        "start Success",
        "yes Success",
        "menu Equals 2",
        "stop Success",
        "yes Success",
    ];
    assert_eq!(steps(&world)[..6], expected);
    assert_eq!(ended(&world), (200, Outcome::Completed));
    world.assert_empty();
}

#[test]
fn the_demo_pauses_and_resumes_a_stream_by_key() {
    let mut world = world_with(&[], |_| {});
    call_flow(&mut world, "5000");
    press(&mut world, "1");
    world.run_for(s(1));
    press(&mut world, "3");
    world.run_for(s(1));
    press(&mut world, "4");
    world.run_for(s(1));
    assert_eq!(count(&world, |kind| matches!(kind, Kind::StreamPaused)), 1, "{:?}", steps(&world));
    assert_eq!(count(&world, |kind| matches!(kind, Kind::StreamActive)), 2, "{:?}", steps(&world));
    press(&mut world, "9");
    world.assert_empty();
}

#[test]
fn a_stream_goes_on_across_flows_and_a_third_party_until_its_stop() {
    let dial = json!({"ThirdPartyPhoneNumber": "200", "ThirdPartyConnectionTimeLimitSeconds": "20",
        "ContinueFlowExecution": "True"});
    let main = json!([
        streaming("start", "Enabled", &["From", "To"], "on"),
        action("on", "TransferToFlow", json!({"ContactFlowId": "second"}), "bad", "bad"),
        last("bad")
    ]);
    let second = json!([
        action("hello", "MessageParticipant", json!({"PromptId": "hello"}), "dial", "bad"),
        {"Identifier": "dial", "Type": "TransferParticipantToThirdParty", "Parameters": dial,
         "Transitions": {"NextAction": "after", "Errors": [
            {"NextAction": "bad", "ErrorType": "CallFailed"},
            {"NextAction": "bad", "ErrorType": "ConnectionTimeLimitExceeded"},
            {"NextAction": "bad", "ErrorType": "NoMatchingError"}]}},
        action("after", "MessageParticipant", json!({"PromptId": "hello"}), "stop", "bad"),
        streaming("stop", "Disabled", &["From", "To"], "rest"),
        action("rest", "MessageParticipant", json!({"PromptId": "hello"}), "end", "bad"),
        last("end"),
        last("bad")
    ]);
    let documents = [("main", FlowType::Contact, main), ("second", FlowType::Contact, second)];
    let mut world = world_with(&documents, |_| {});
    call_flow(&mut world, "7000");
    let is_joined = |world: &World| count(world, |it| matches!(it, Kind::TransferCompleted { .. }));
    assert!(world.run_until(s(5), |world| is_joined(world) == 1), "{:?}", steps(&world));
    world.run_for(s(2));
    assert!(world.phones[1].heard.get(&1).is_some_and(|heard| *heard > 50), "bob hears alice");
    world.act(1, |bob, now| bob.bye(0, now));
    assert!(world.run_until(s(20), |world| flow_end(world).is_some()), "{:?}", steps(&world));
    let expected = [
        "start Success",
        "on Success",
        "hello Success",
        "dial Success",
        "after Success",
        "stop Success",
        "rest Success",
        "end Success",
    ];
    assert_eq!(steps(&world), expected);
    assert_eq!(count(&world, |kind| matches!(kind, Kind::StreamArmed { .. })), 1);
    let stopped = world.kinds().iter().position(|it| matches!(it, Kind::StreamEnded { .. }));
    let rested = world
        .kinds()
        .iter()
        .position(|it| matches!(it, Kind::FlowStep(step) if step.block == "rest"));
    assert!(stopped < rested, "the stop ends it, and not the call's end");
    world.assert_empty();
}

#[test]
fn a_hang_up_ends_the_flow_before_the_call() {
    let main = json!([
        streaming("start", "Enabled", &["From"], "wait"),
        action("wait", "Wait", json!({"TimeLimitSeconds": "60"}), "bad", "bad"),
        last("bad")
    ]);
    let mut world = world_with(&[("main", FlowType::Contact, main)], |_| {});
    call_flow(&mut world, "7000");
    world.run_for(s(1));
    world.act(0, |alice, now| alice.bye(0, now));
    world.run_for(s(2));
    assert_eq!(flow_end(&world), Some(("the contact is over".to_owned(), false)));
    assert_eq!(steps(&world), ["start Success"]);
    world.assert_empty();
}

#[test]
fn stored_keys_are_told_to_nobody() {
    let gather = json!({"PromptId": "hello", "StoreInput": "True",
        "InputValidation": {"CustomValidation": {"MaximumLength": "8"}}});
    let main = json!([
        action("card", "GetParticipantInput", gather, "end", "bad"),
        last("end"),
        last("bad")
    ]);
    let mut world = world_with(&[("main", FlowType::Contact, main)], |_| {});
    call_flow(&mut world, "7000");
    press(&mut world, "4111#");
    world.run_for(s(1));
    let keys: String = world
        .kinds()
        .iter()
        .filter_map(|kind| match kind {
            Kind::Dtmf { digit, .. } => Some(*digit),
            _ => None,
        })
        .collect();
    assert_eq!(keys, "*****");
    assert_eq!(steps(&world), ["card Success", "end Success"]);
    assert!(!format!("{:?}", world.events).contains("4111"));
    world.assert_empty();
}

#[test]
fn a_function_that_does_not_answer_takes_the_error_branch() {
    let invoke = json!({"LambdaFunctionARN": "lookup", "InvocationTimeLimitSeconds": "3"});
    let main = json!([
        action("ask", "InvokeLambdaFunction", invoke.clone(), "again", "bad"),
        action("again", "InvokeLambdaFunction", invoke, "end", "late"),
        last("end"),
        last("bad"),
        last("late")
    ]);
    let mut world = world_with(&[("main", FlowType::Contact, main)], |_| {});
    call_flow(&mut world, "7000");
    let (id, job) = world.jobs.remove(0);
    let Job::Invoke(function) = job else { panic!("{job:?}") };
    assert_eq!(function.event["Details"]["ContactData"]["SystemEndpoint"]["Address"], "7000");
    world.input(Input::Done { id, done: Done::Answered(Ok(json!({"tier": "gold"}))) });
    assert_eq!(steps(&world), ["ask Success"]);
    world.run_for(s(6));
    assert_eq!(steps(&world)[1], "again Error NoMatchingError");
    let (id, _) = world.jobs.remove(0);
    // Its answer comes when nobody waits any more.
    world.input(Input::Done { id, done: Done::Answered(Ok(json!({}))) });
    world.assert_empty();
}
