//! What is shown of calls, streams, events and manifests. The core derives no `Serialize`: a wire shape changes when we
//! decide that it changes.

mod call;
mod delivery;
mod event;
mod flow;
mod manifest;
mod message;
mod phone;
mod sink;
mod sink_test;
mod stream;
mod timestamp;
mod trunk;

pub use call::{CallState, CallView, LegFiguresView, LegView};
pub use delivery::{DeliveryView, delivery_kind};
pub use event::{EventView, KindView, TapiView, origin_name, outcome_name, track_names};
pub use flow::{FlowStepView, FlowView};
pub use manifest::{ManifestView, SpanView, TrackManifestView};
pub use message::{MessageView, MessagesView};
pub use phone::PhoneView;
pub use sink::{ScopeLevelView, ScopeTrackView, ScopeView, SinkAddressView, SinkView, SpoolView};
pub use sink_test::{SinkCheckView, SinkTestView};
pub use stream::{
    AcceptedView, SpanSamplesView, StoredView, StreamFiguresView, StreamStatusView, StreamView,
    TerminalView,
};
pub use timestamp::Timestamp;
pub use trunk::{TrunkRegistrationView, TrunkView};

use serde::Serialize;

/// What went wrong, for a program and for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct ErrorView {
    /// Stable for programs, in snake_case.
    #[cfg_attr(feature = "server", schema(example = "no_such_stream"))]
    pub code: String,
    /// One sentence.
    pub message: String,
}

impl ErrorView {
    /// An error of this code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        ErrorView { code: code.to_owned(), message: message.into() }
    }
}
