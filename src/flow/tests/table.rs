//! Start and Stop media streaming: every flow type, channel, block and instance, and the branch that is taken.

use serde_json::json;

use super::bench::{Bench, branching, flow_of, last, streaming};
use crate::command::Denied;
use crate::flow::{Channel, FlowType, Input, Library};

const BOTH: [&str; 2] = ["From", "To"];

fn branch(
    kind: FlowType,
    channel: Channel,
    state: &str,
    enabled: bool,
    denied: Option<Denied>,
) -> String {
    let block = branching(
        "block",
        "UpdateContactMediaStreamingBehavior",
        streaming(state, &BOTH),
        "good",
        "bad",
    );
    let flow = flow_of(kind, &json!([block, last("good"), last("bad")]));
    let mut bench = Bench::with(flow, channel, Library::default());
    bench.contact.streaming = enabled;
    bench.denied = denied;
    bench.input(Input::Begin);
    bench.steps().remove(0)
}

#[test]
fn every_flow_type_channel_block_and_instance_takes_its_branch() {
    let streams = [
        FlowType::Contact,
        FlowType::CustomerQueue,
        FlowType::CustomerWhisper,
        FlowType::AgentWhisper,
        FlowType::OutboundWhisper,
        FlowType::AgentTransfer,
        FlowType::QueueTransfer,
    ];
    let mut rows = 0;
    for kind in FlowType::ALL {
        for channel in Channel::ALL {
            for state in ["Enabled", "Disabled"] {
                for enabled in [true, false] {
                    let works = streams.contains(&kind) && channel == Channel::Voice && enabled;
                    let expected =
                        if works { "block Success" } else { "block Error NoMatchingError" };
                    let taken = branch(kind, channel, state, enabled, None);
                    assert_eq!(taken, expected, "{kind} {channel:?} {state} enabled={enabled}");
                    rows += 1;
                }
            }
        }
    }
    assert_eq!(rows, 10 * 3 * 2 * 2);
}

#[test]
fn a_denied_start_takes_the_error_branch() {
    for denied in [Denied::SinkPoolFull, Denied::NoSinkChosen, Denied::StreamingDisabled] {
        let taken = branch(FlowType::Contact, Channel::Voice, "Enabled", true, Some(denied));
        assert_eq!(taken, "block Error NoMatchingError", "{denied}");
    }
}

fn asked(blocks: &[(&str, &[&str])]) -> Vec<String> {
    let mut actions = Vec::new();
    for (index, (state, directions)) in blocks.iter().enumerate() {
        let (name, next) = (format!("b{index}"), format!("b{}", index + 1));
        let kind = "UpdateContactMediaStreamingBehavior";
        actions.push(branching(&name, kind, streaming(state, directions), &next, "bad"));
    }
    actions.push(last(&format!("b{}", blocks.len())));
    actions.push(last("bad"));
    let mut bench = Bench::new(flow_of(FlowType::Contact, &json!(actions)));
    let mut asked = bench.input(Input::Begin);
    asked.retain(|asked| !asked.starts_with("left"));
    assert!(bench.steps().iter().all(|step| step.ends_with("Success")), "{:?}", bench.steps());
    asked
}

#[test]
fn a_stop_of_one_direction_mutes_it_and_a_stop_of_the_rest_ends_the_stream() {
    let asked = asked(&[("Enabled", &BOTH), ("Disabled", &["To"]), ("Disabled", &["From"])]);
    assert_eq!(
        asked[..3],
        ["start Both as flow", "Mute(Label(\"flow\"), ToCustomer)", "Stop(Label(\"flow\"))",]
    );
}

#[test]
fn a_second_start_changes_nothing_and_one_of_a_stopped_direction_lets_it_be_heard() {
    let start: (&str, &[&str]) = ("Enabled", &BOTH);
    let asked = asked(&[start, start, ("Disabled", &["From"]), ("Enabled", &["From"])]);
    assert_eq!(
        asked[..3],
        [
            "start Both as flow",
            "Mute(Label(\"flow\"), FromCustomer)",
            "Unmute(Label(\"flow\"), FromCustomer)",
        ]
    );
}

#[test]
fn a_start_of_the_other_direction_is_a_stream_of_its_own() {
    let asked = asked(&[("Enabled", &["From"]), ("Enabled", &BOTH), ("Disabled", &BOTH)]);
    assert_eq!(
        asked[..4],
        [
            "start From as flow",
            "start To as flow-2",
            "Stop(Label(\"flow\"))",
            "Stop(Label(\"flow-2\"))",
        ]
    );
}
