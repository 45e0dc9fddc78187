//! What blocks do.

use serde_json::{Value as Json, json};

use super::bench::{Bench, action, branching, document, flow, flow_of, last, streaming};
use crate::flow::{Channel, DialFailure, Flow, FlowType, Input, Library, Loading, QueueRefusal};

fn input_block(name: &str, parameters: Json, branches: &[(&str, &str)], errors: Json) -> Json {
    let condition = |(key, next): &(&str, &str)| json!({"NextAction": next, "Condition": {"Operator": "Equals", "Operands": [key]}});
    let conditions: Vec<Json> = branches.iter().map(condition).collect();
    json!({"Identifier": name, "Type": "GetParticipantInput", "Parameters": parameters,
        "Transitions": {"NextAction": "none", "Conditions": conditions, "Errors": errors}})
}

fn menu() -> Flow {
    let errors = json!([
        {"NextAction": "late", "ErrorType": "InputTimeLimitExceeded"},
        {"NextAction": "wrong", "ErrorType": "NoMatchingCondition"},
        {"NextAction": "wrong", "ErrorType": "NoMatchingError"}]);
    let parameters =
        json!({"Text": "one or twelve", "InputTimeLimitSeconds": "5", "StoreInput": "False"});
    let menu =
        input_block("menu", parameters, &[("1", "one"), ("12", "twelve"), ("*", "star")], errors);
    let ends = ["one", "twelve", "star", "late", "wrong", "none"].map(last);
    flow(&json!([&[menu][..], &ends[..]].concat()))
}

fn menu_with(inputs: &[Input]) -> String {
    let mut bench = Bench::new(menu());
    bench.input(Input::Begin);
    for input in inputs {
        bench.input(input.clone());
    }
    bench.steps().last().cloned().unwrap_or_default()
}

#[test]
fn a_menu_takes_the_key_that_was_pressed() {
    let key = Input::Digit;
    assert_eq!(menu_with(&[Input::Played, key('*')]), "star Success");
    assert_eq!(menu_with(&[key('*')]), "star Success", "also while the prompt is playing");
    assert_eq!(menu_with(&[Input::Played, Input::Timer]), "late Success");
    assert_eq!(menu_with(&[Input::Played, key('7')]), "wrong Success");
    assert_eq!(menu_with(&[Input::Played, key('1'), Input::Timer]), "one Success");
    assert_eq!(menu_with(&[Input::Played, key('1'), key('2')]), "twelve Success");
    assert_eq!(menu_with(&[Input::NotPlayed("no such file".into())]), "wrong Success");
}

fn stored_with(inputs: &[Input]) -> (Option<String>, Bench) {
    let parameters = json!({"Text": "card", "StoreInput": "True", "InputTimeLimitSeconds": "5",
        "InputValidation": {"CustomValidation": {"MaximumLength": "4"}}});
    let errors = json!([{"NextAction": "none", "ErrorType": "NoMatchingError"}]);
    let actions = json!([input_block("card", parameters, &[], errors), last("none")]);
    let mut bench = Bench::new(flow(&actions));
    bench.input(Input::Begin);
    for input in inputs {
        bench.input(input.clone());
    }
    (bench.contact.stored_input.clone(), bench)
}

#[test]
fn stored_keys_end_by_length_hash_or_time_and_never_show_in_the_history() {
    let keys = |text: &str| text.chars().map(Input::Digit).collect::<Vec<_>>();
    assert_eq!(stored_with(&keys("1234")).0.as_deref(), Some("1234"));
    assert_eq!(stored_with(&keys("12#")).0.as_deref(), Some("12"));
    assert_eq!(stored_with(&keys("99*12#")).0.as_deref(), Some("12"), "a star begins anew");
    let (stored, bench) = stored_with(&keys("4711"));
    assert_eq!(stored.as_deref(), Some("4711"));
    assert!(bench.contact.history.steps().all(|step| !step.result.contains("4711")));
    let silent = stored_with(&[Input::Played, Input::Timer]).0;
    assert_eq!(silent.as_deref(), Some("Timeout"));
}

#[test]
fn references_are_filled_in() {
    let set = action(
        "set",
        "UpdateContactAttributes",
        json!({"Attributes": {"who": "$.CustomerEndpoint.Address", "costs": "$5 for $.SystemEndpoint.Address."}}),
        "say",
    );
    let say = action(
        "say",
        "MessageParticipant",
        json!({"Text": "Hello $.Attributes.who, $['Attributes']['costs']"}),
        "end",
    );
    let mut bench = Bench::new(flow(&json!([set, say, last("end")])));
    let asked = bench.input(Input::Begin);
    assert_eq!(
        asked.last().map(String::as_str),
        Some("play [Text(\"Hello +4930123, $5 for 5000.\")]")
    );
}

#[test]
fn media_streams_are_filled_after_a_start_and_a_stop() {
    let kind = "UpdateContactMediaStreamingBehavior";
    let say = "$.MediaStreams.Customer.Audio.StreamARN $.MediaStreams.Customer.Audio.StartTimestamp $.MediaStreams.Customer.Audio.StartFragmentNumber";
    let mut bench = Bench::new(flow(&json!([
        action("start", kind, streaming("Enabled", &["From"]), "say"),
        action("say", "MessageParticipant", json!({"Text": say}), "stop"),
        action("stop", kind, streaming("Disabled", &["From"]), "end"),
        last("end"),
    ])));
    let asked = bench.input(Input::Begin);
    assert!(asked.contains(&"play [Text(\"arn:x 17 1\")]".to_owned()), "{asked:?}");
    assert_eq!(bench.contact.media.stopped, None);
    bench.input(Input::Played);
    assert_eq!(bench.contact.media.stopped, Some(17));
}

#[test]
fn a_flow_that_loops_without_waiting_is_stopped_with_an_error_that_says_so() {
    let kind = "UpdateContactMediaStreamingBehavior";
    for looping in [
        json!([
            action("a", "UpdateContactAttributes", json!({"Attributes": {"x": "y"}}), "b"),
            action("b", "Compare", json!({"ComparisonValue": "$.Channel"}), "a")
        ]),
        json!([
            action("a", kind, streaming("Enabled", &["From"]), "b"),
            action("b", kind, streaming("Disabled", &["From"]), "a")
        ]),
    ] {
        let mut bench = Bench::new(flow(&looping));
        let asked = bench.input(Input::Begin);
        let end = asked.last().cloned().unwrap_or_default();
        assert!(end.starts_with("ended failed: the flow ran 100 blocks without waiting"), "{end}");
        assert!(bench.run.is_over());
        assert_eq!(bench.contact.history.steps().count(), 100);
    }
}

#[test]
fn a_flow_that_waits_in_its_loop_runs_for_ever_and_its_history_stays_bounded() {
    let actions = json!([action("wait", "Wait", json!({"TimeLimitSeconds": "1"}), "wait")]);
    let mut bench = Bench::new(flow(&actions));
    bench.input(Input::Begin);
    for _ in 0..700 {
        bench.input(Input::Timer);
    }
    assert!(!bench.run.is_over());
    assert_eq!(
        (bench.contact.history.steps().count(), bench.contact.history.dropped()),
        (500, 200)
    );
}

#[test]
fn a_loop_counts_and_begins_again() {
    let conditions = json!([
        {"NextAction": "wait", "Condition": {"Operator": "Equals", "Operands": ["ContinueLooping"]}},
        {"NextAction": "end", "Condition": {"Operator": "Equals", "Operands": ["DoneLooping"]}}]);
    let actions = json!([
        {"Identifier": "loop", "Type": "Loop", "Parameters": {"LoopCount": "2"}, "Transitions": {"Conditions": conditions}},
        action("wait", "Wait", json!({"TimeoutSeconds": 1}), "loop"), last("end")]);
    let mut bench = Bench::new(flow(&actions));
    bench.input(Input::Begin);
    bench.input(Input::Timer);
    bench.input(Input::Timer);
    assert_eq!(bench.steps().last().map(String::as_str), Some("end Success"));
}

#[test]
fn percentages_are_kept_over_many_contacts() {
    let conditions = json!([{"NextAction": "few", "Condition": {"Operator": "NumberLessThan", "Operands": ["21"]}}]);
    let errors = json!([{"NextAction": "many", "ErrorType": "NoMatchingCondition"}]);
    let actions = json!([
        {"Identifier": "by", "Type": "DistributeByPercentage", "Parameters": {}, "Transitions": {"Conditions": conditions, "Errors": errors}},
        last("few"), last("many")]);
    let few = (0..1000).filter(|seed| {
        let mut bench = Bench::new(flow(&actions));
        bench.contact.chance = crate::flow::chance::Chance::new(*seed);
        bench.input(Input::Begin);
        bench.steps().last().is_some_and(|step| step == "few Success")
    });
    let few = few.count();
    assert!((160..=240).contains(&few), "{few} of 1000, 200 are meant");
}

#[test]
fn a_function_is_told_of_the_contact_and_its_answer_is_referred_to() {
    let invoke = branching(
        "call",
        "InvokeLambdaFunction",
        json!({"LambdaFunctionARN": "arn:aws:lambda:x:1:function:lookup", "InvocationTimeLimitSeconds": "3",
            "LambdaInvocationAttributes": {"number": "$.CustomerEndpoint.Address"}}),
        "say",
        "bad",
    );
    let say = action("say", "MessageParticipant", json!({"Text": "$.External.name"}), "end");
    let document = json!([invoke, say, last("end"), last("bad")]);
    let run = |answer: Result<Json, String>| {
        let mut bench = Bench::new(flow(&document));
        let asked = bench.input(Input::Begin);
        assert!(asked[0].contains("\"number\": String(\"+4930123\")"), "{asked:?}");
        bench.input(Input::Answered(answer));
        (bench.steps().first().cloned().unwrap_or_default(), bench.asked)
    };
    let (step, asked) = run(Ok(json!({"name": "Ada"})));
    assert_eq!(step, "call Success");
    assert!(asked.contains(&"play [Text(\"Ada\")]".to_owned()));
    for answer in [Err("no answer".to_owned()), Ok(json!([1])), Ok(json!({"a": {"b": 1}}))] {
        assert_eq!(run(answer).0, "call Error NoMatchingError");
    }
}

#[test]
fn a_contact_is_queued_or_takes_the_branch_for_a_full_queue() {
    let errors = json!([{"NextAction": "full", "ErrorType": "QueueAtCapacity"}, {"NextAction": "bad", "ErrorType": "NoMatchingError"}]);
    let actions = json!([
        action("hook", "UpdateContactEventHooks", json!({"EventHooks": {"CustomerQueue": "music"}}), "set"),
        action("set", "UpdateContactTargetQueue", json!({"QueueId": "arn:aws:connect:x:1:instance/1/queue/sales"}), "to"),
        {"Identifier": "to", "Type": "TransferContactToQueue", "Parameters": {}, "Transitions": {"NextAction": "bad", "Errors": errors}},
        last("full"), last("bad")]);
    for (answer, expected) in [
        (Ok(()), "to Success"),
        (Err(QueueRefusal::AtCapacity), "full Success"),
        (Err(QueueRefusal::Refused), "bad Success"),
    ] {
        let mut bench = Bench::new(flow(&actions));
        let asked = bench.input(Input::Begin);
        assert!(
            asked
                .last()
                .is_some_and(|asked| asked.contains("queue/sales") && asked.contains("music")),
            "{asked:?}"
        );
        bench.input(Input::Queued(answer));
        assert_eq!(bench.steps().last().map(String::as_str), Some(expected));
    }
}

#[test]
fn a_third_party_is_called_and_the_flow_goes_on_afterwards() {
    let errors = json!([
        {"NextAction": "late", "ErrorType": "ConnectionTimeLimitExceeded"},
        {"NextAction": "bad", "ErrorType": "CallFailed"}]);
    let parameters = json!({"ThirdPartyPhoneNumber": "+49301", "ThirdPartyConnectionTimeLimitSeconds": "20", "ContinueFlowExecution": "True"});
    let actions = json!([
        {"Identifier": "dial", "Type": "TransferParticipantToThirdParty", "Parameters": parameters, "Transitions": {"NextAction": "after", "Errors": errors}},
        last("after"), last("late"), last("bad")]);
    for (answer, expected) in [
        (Ok(()), "after Success"),
        (Err(DialFailure::NoAnswer), "late Success"),
        (Err(DialFailure::Failed), "bad Success"),
    ] {
        let mut bench = Bench::new(flow(&actions));
        bench.input(Input::Begin);
        bench.input(Input::Dialled(answer));
        assert_eq!(bench.steps().last().map(String::as_str), Some(expected));
    }
}

#[test]
fn another_flow_is_found_by_name_and_streams_go_on_in_it() {
    let kind = "UpdateContactMediaStreamingBehavior";
    let mut library = Library::default();
    let text = document(&json!([
        action("stop", kind, streaming("Disabled", &["From"]), "end"),
        last("end")
    ]));
    let loading = Loading { name: Some("Second".to_owned()), ..Loading::default() };
    library.insert(Flow::read("f2", &text, &loading).expect("runs"));
    let first = flow(&json!([
        action("start", kind, streaming("Enabled", &["From"]), "on"),
        branching("on", "TransferToFlow", json!({"ContactFlowId": "Second"}), "end", "end"),
        last("end")
    ]));
    let mut bench = Bench::with(first, Channel::Voice, library);
    let asked = bench.input(Input::Begin);
    assert!(asked.contains(&"Stop(Label(\"flow\"))".to_owned()), "{asked:?}");
}

#[test]
fn looped_prompts_are_interrupted() {
    let conditions = json!([{"NextAction": "end", "Condition": {"Operator": "Equals", "Operands": ["MessagesInterrupted"]}}]);
    let parameters = json!({"Messages": [{"PromptId": "music.wav"}, {"Text": "please wait"}], "InterruptFrequencySeconds": "30"});
    let actions = json!([
        {"Identifier": "loop", "Type": "MessageParticipantIteratively", "Parameters": parameters, "Transitions": {"Conditions": conditions}},
        {"Identifier": "end", "Type": "EndFlowExecution", "Parameters": {}, "Transitions": {}}]);
    let mut bench = Bench::new(flow_of(FlowType::CustomerQueue, &actions));
    let asked = bench.input(Input::Begin);
    assert_eq!(asked.last().map(String::as_str), Some("timer 30000"));
    let asked = bench.input(Input::Timer);
    assert_eq!(asked.first().map(String::as_str), Some("StopPlaying"));
    assert_eq!(asked.last().map(String::as_str), Some("ended finished"));
}
