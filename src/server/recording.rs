//! From events to call records: what was known of a call is taken at its end.

use std::collections::HashMap;
use std::sync::Arc;

use crate::control::json::{CallView, Timestamp, outcome_name};
use crate::event::{Delivery, Event, Kind};
use crate::id::CallId;
use crate::notify::Notify;
use crate::records::{self, Ended, FileError, Look, Records, Settings};

/// See the module.
pub(super) struct Recording {
    records: Records,
    notify: Arc<Notify>,
    /// When each live call began and was answered.
    times: HashMap<CallId, (Timestamp, Option<Timestamp>)>,
}

impl Recording {
    /// Opens the file.
    pub(super) fn start(settings: &Settings, notify: &Arc<Notify>) -> Result<Recording, FileError> {
        let board = Arc::clone(notify);
        let look: Look = Box::new(move |call| board.board.call(call));
        let records = records::start(settings, look)?;
        Ok(Recording { records, notify: Arc::clone(notify), times: HashMap::new() })
    }

    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    /// Takes an event before the board does: afterwards an ended call may be forgotten.
    pub(super) fn handle_event(&mut self, event: &Event) {
        let at = self.notify.wall(event.at);
        match &event.kind {
            Kind::CallInitiated { from, to } => {
                self.times.insert(event.call, (at, None));
                self.records.begun(event.call, from, to, at);
            }
            Kind::CallAnswered => {
                if let Some((_, answered)) = self.times.get_mut(&event.call) {
                    answered.get_or_insert(at);
                }
            }
            Kind::CallEnded { status, outcome } => {
                let (began, answered) = self.times.remove(&event.call).unwrap_or((at, None));
                let Some(view) = self.notify.board.call(event.call) else { return };
                let view = CallView {
                    outcome: Some(outcome_name(*outcome)),
                    status: Some(*status),
                    cause: Some(event.cause.as_str()),
                    ..view
                };
                let streams = view.streams.iter().filter_map(|stream| stream.stream.parse().ok());
                let manifests = streams.flat_map(|id| self.notify.board.manifests(id)).collect();
                self.records.ended(Ended { view, began, answered, ended: at, manifests });
            }
            // What else there is to tell stands on the board.
            _ => {}
        }
    }

    /// Takes what became of what a sink is owed.
    pub(super) fn handle_delivery(&self, delivery: &Delivery) {
        self.records.delivered(delivery, self.notify.wall(delivery.at));
    }
}
