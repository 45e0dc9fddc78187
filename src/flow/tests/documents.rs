//! Documents: what is refused, and what it says.

use serde_json::json;

use super::bench::{action, document, last};
use crate::flow::{Flow, FlowType, Loading};

fn problems(text: &str) -> Vec<String> {
    match Flow::read("f", text, &Loading::default()) {
        Ok(flow) => flow.remarks().iter().map(|problem| format!("warning: {problem}")).collect(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn every_problem_is_found_at_once_with_its_place_and_mend() {
    let text = json!({"Version": "2018-01-01", "StartAction": "nowhere", "Actions": [
        {"Identifier": "loop", "Type": "Loop", "Parameters": {"LoopCount": "200"}, "Transitions": {"NextAction": "gone"}},
        {"Identifier": "stream", "Type": "UpdateContactMediaStreamingBehavior", "Parameters": {"MediaStreamingState": "On", "MediaStreamType": "Audio"}, "Transitions": {}},
        {"Identifier": "bot", "Type": "ConnectParticipantWithLexBot", "Parameters": {}, "Transitions": {}},
    ]})
    .to_string();
    let found = problems(&text);
    for expected in [
        "document, Version: is \"2018-01-01\"; only \"2019-10-30\" is known",
        "document, StartAction: names \"nowhere\", which is none of the actions; name an action's Identifier",
        "action \"loop\", Parameters.LoopCount: is no number that fits; write a whole number from 0 to 100, or one reference",
        "action \"loop\", Transitions.NextAction: leads to \"gone\", which is none of the actions; name an action's Identifier",
        "action \"stream\", Parameters.MediaStreamingState: is none of its words; write one of Enabled, Disabled, Paused, Resumed",
        "action \"bot\", Type: \"ConnectParticipantWithLexBot\" is not supported; there is no Lex; use GetParticipantInput with keys",
    ] {
        assert!(found.iter().any(|problem| problem == expected), "{expected}\n{found:#?}");
    }
}

#[test]
fn an_unsupported_action_is_taken_when_that_is_allowed_and_listed() {
    let text = document(&json!([action("bot", "ShowView", json!({}), "end"), last("end")]));
    let loading = Loading { allow_unsupported: true, ..Loading::default() };
    let flow = Flow::read("f", &text, &loading).expect("allowed");
    assert_eq!(flow.remarks().len(), 1);
    assert!(Flow::read("f", &text, &Loading::default()).is_err());
}

#[test]
fn a_block_in_a_flow_where_it_does_nothing_is_remarked_on() {
    let text = json!({"Version": "2019-10-30", "StartAction": "s", "Metadata": {"type": "customerHold", "name": "Hold"}, "Actions": [
        action("s", "TransferContactToQueue", json!({}), "end"), last("end")]});
    let found = problems(&text.to_string());
    assert!(found[0].contains("does not work in a CUSTOMER_HOLD flow"), "{found:?}");
}

#[test]
fn every_type_is_known_by_both_of_its_names() {
    for kind in FlowType::ALL {
        assert_eq!(FlowType::from_name(kind.as_str()), Some(kind));
    }
    assert_eq!(FlowType::from_name("contactFlow"), Some(FlowType::Contact));
    assert_eq!(FlowType::from_name("agentWhisper"), Some(FlowType::AgentWhisper));
    assert_eq!(FlowType::from_name("CAMPAIGN"), None);
}

#[test]
fn an_older_export_is_imported() {
    let text = json!({"modules": [
        {"id": "m1", "type": "StartMediaStreaming", "branches": [{"condition": "Success", "transition": "m2"}, {"condition": "Error", "transition": "m4"}],
            "parameters": [{"name": "Track", "value": "FromCustomer"}, {"name": "Track", "value": "ToCustomer"}, {"name": "MediaStreamTypes", "value": "Audio"}]},
        {"id": "m2", "type": "GetUserInput", "target": "Digits", "branches": [
            {"condition": "Evaluate", "conditionType": "Equals", "conditionValue": "1", "transition": "m3"},
            {"condition": "Timeout", "transition": "m4"}, {"condition": "NoMatch", "transition": "m4"}, {"condition": "Error", "transition": "m4"}],
            "parameters": [{"name": "Text", "value": "Greeting", "namespace": "External"}, {"name": "TextToSpeechType", "value": "text"}, {"name": "Timeout", "value": "5"}]},
        {"id": "m3", "type": "StopMediaStreaming", "branches": [{"condition": "Success", "transition": "m4"}, {"condition": "Error", "transition": "m4"}], "parameters": []},
        {"id": "m4", "type": "Disconnect", "branches": [], "parameters": []}],
        "version": "1", "type": "contactFlow", "start": "m1", "metadata": {"name": "old"}})
    .to_string();
    let flow = Flow::read("f", &text, &Loading::default()).expect("imported");
    assert_eq!((flow.name(), flow.kind(), flow.action_count()), ("old", FlowType::Contact, 4));
    assert_eq!(flow.remarks(), []);
}
