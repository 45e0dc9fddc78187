//! What contacts have gone through in their flows, reduced from the events of their calls.

use std::collections::VecDeque;

use dashmap::DashMap;

use crate::control::json::{FlowStepView, FlowView, Timestamp};
use crate::event::{Event, FlowStep, Kind};
use crate::id::CallId;

/// So many steps of a contact are shown: the oldest make room, and are counted.
const STEPS_SHOWN: usize = 500;

/// The step histories of the calls that the board knows.
#[derive(Default)]
pub(super) struct Histories(DashMap<CallId, FlowView>);

impl Histories {
    pub(super) fn handle_event(&self, event: &Event, at: Timestamp) {
        match &event.kind {
            Kind::FlowStarted { flow, flow_type } => self.begin(event.call, flow, flow_type),
            Kind::FlowStep(step) => {
                if let Some(mut view) = self.0.get_mut(&event.call) {
                    add(&mut view, step, at);
                }
            }
            Kind::FlowEnded { flow, result, failed } => {
                if let Some(mut view) = self.0.get_mut(&event.call) {
                    view.flow.clone_from(flow);
                    view.state = if *failed { "failed" } else { "ended" };
                    view.result = Some(result.clone());
                }
            }
            _ => {}
        }
    }

    pub(super) fn of(&self, call: CallId) -> Option<FlowView> {
        self.0.get(&call).map(|view| view.clone())
    }

    pub(super) fn forget(&self, call: CallId) {
        self.0.remove(&call);
    }

    /// A contact may be in one flow after the other: its history goes on.
    fn begin(&self, call: CallId, flow: &str, flow_type: &'static str) {
        let mut view = self.0.entry(call).or_insert_with(|| FlowView {
            call: call.to_string(),
            flow: flow.to_owned(),
            flow_type,
            state: "running",
            result: None,
            steps: VecDeque::new(),
            dropped: 0,
        });
        flow.clone_into(&mut view.flow);
        view.flow_type = flow_type;
        view.state = "running";
        view.result = None;
    }
}

fn add(view: &mut FlowView, step: &FlowStep, at: Timestamp) {
    let FlowStep { flow, block, block_type, branch, result } = step.clone();
    if view.steps.len() == STEPS_SHOWN {
        view.steps.pop_front();
        view.dropped += 1;
    }
    view.flow.clone_from(&flow);
    view.steps.push_back(FlowStepView {
        at: at.to_string(),
        flow,
        block,
        block_type,
        branch,
        result,
    });
}
