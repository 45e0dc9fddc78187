//! What a contact has gone through in its flows.

use std::collections::VecDeque;

use serde::Serialize;

/// A contact in its flows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct FlowView {
    /// The call.
    pub call: String,
    /// The flow that runs, or ran last, by its id.
    pub flow: String,
    /// The type of the flow that it began with, as the contact API names it.
    pub flow_type: &'static str,
    /// `running`, `ended` or `failed`.
    pub state: &'static str,
    /// How it ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The blocks that were left, in order.
    #[cfg_attr(feature = "server", schema(value_type = Vec<FlowStepView>))]
    pub steps: VecDeque<FlowStepView>,
    /// How many older ones made room.
    pub dropped: u64,
}

/// A block that was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct FlowStepView {
    /// When it was left.
    pub at: String,
    /// The flow, by its id.
    pub flow: String,
    /// The block's identifier in the document.
    pub block: String,
    /// The block's type.
    pub block_type: &'static str,
    /// The branch that was taken.
    pub branch: String,
    /// What it came to, in words. Stored input never shows here.
    pub result: String,
}
