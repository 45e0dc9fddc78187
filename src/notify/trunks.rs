//! The last-known state of every trunk, and its gauges.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::control::json::TrunkView;

type Gauges = Family<[(&'static str, String); 1], Gauge>;

/// Every trunk as it was told last.
#[derive(Debug, Default)]
pub struct TrunkBoard {
    trunks: Mutex<BTreeMap<String, TrunkView>>,
    up: Gauges,
    registered: Gauges,
    calls_in: Gauges,
    calls_out: Gauges,
    refused: Gauges,
}

impl TrunkBoard {
    /// Takes a trunk's state. Returns what it was before, if it was told before.
    pub fn handle(&self, view: TrunkView) -> Option<TrunkView> {
        let label = || [("trunk", view.name.clone())];
        let registered = view.registration.as_ref().is_some_and(|it| it.registered);
        self.up.get_or_create(&label()).set(i64::from(view.state == "up"));
        if view.registration.is_some() {
            self.registered.get_or_create(&label()).set(i64::from(registered));
        }
        self.calls_in.get_or_create(&label()).set(view.calls_in.into());
        self.calls_out.get_or_create(&label()).set(view.calls_out.into());
        let refused = i64::try_from(view.calls_refused).unwrap_or(i64::MAX);
        self.refused.get_or_create(&label()).set(refused);
        let mut trunks = self.trunks.lock().unwrap_or_else(PoisonError::into_inner);
        trunks.insert(view.name.clone(), view)
    }

    /// All trunks, by name.
    pub fn trunks(&self) -> Vec<TrunkView> {
        let trunks = self.trunks.lock().unwrap_or_else(PoisonError::into_inner);
        trunks.values().cloned().collect()
    }

    /// One trunk.
    pub fn trunk(&self, name: &str) -> Option<TrunkView> {
        let trunks = self.trunks.lock().unwrap_or_else(PoisonError::into_inner);
        trunks.get(name).cloned()
    }

    /// Puts the gauges where they are scraped.
    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, gauges) in [
            ("trunk_up", "Whether calls are sent to a trunk", &self.up),
            ("trunk_registered", "Whether a trunk knows us", &self.registered),
            ("trunk_calls_in", "Calls from a trunk", &self.calls_in),
            ("trunk_calls_out", "Calls to a trunk", &self.calls_out),
            (
                "trunk_calls_refused",
                "Calls since the start that found a limit of a trunk reached",
                &self.refused,
            ),
        ] {
            registry.register(name, help, gauges.clone());
        }
    }
}
