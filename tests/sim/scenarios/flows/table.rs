//! Start and Stop media streaming on calls: every flow type, block and instance, and the branch that is taken.

use super::*;

const MAY_STREAM: [FlowType; 7] = [
    FlowType::Contact,
    FlowType::CustomerQueue,
    FlowType::CustomerWhisper,
    FlowType::AgentWhisper,
    FlowType::OutboundWhisper,
    FlowType::AgentTransfer,
    FlowType::QueueTransfer,
];

/// The branch of the block, and how many streams there were.
fn branch(kind: FlowType, state: &str, enabled: bool) -> (String, usize) {
    let flow = json!([
        streaming("block", state, &["From", "To"], "wait"),
        action("wait", "Wait", json!({"TimeLimitSeconds": "1"}), "good", "bad"),
        last("good"),
        last("bad")
    ]);
    let mut world =
        world_with(&[("main", kind, flow)], |settings| settings.flows.streaming = enabled);
    call_flow(&mut world, "7000");
    assert!(world.run_until(s(5), |world| flow_end(world).is_some()), "{kind} {state} {enabled}");
    let taken = steps(&world).remove(0);
    let streams = count(&world, |kind| matches!(kind, Kind::StreamArmed { .. }));
    world.assert_empty();
    (taken, streams)
}

#[test]
fn every_flow_type_block_and_instance_takes_its_branch_on_a_call() {
    let mut rows = 0;
    for kind in FlowType::ALL {
        for state in ["Enabled", "Disabled"] {
            for enabled in [true, false] {
                let works = MAY_STREAM.contains(&kind) && enabled;
                let branch_taken =
                    if works { "block Success" } else { "block Error NoMatchingError" };
                let streams = usize::from(works && state == "Enabled");
                let expected = (branch_taken.to_owned(), streams);
                assert_eq!(branch(kind, state, enabled), expected, "{kind} {state} {enabled}");
                rows += 1;
            }
        }
    }
    assert_eq!(rows, 40);
}
