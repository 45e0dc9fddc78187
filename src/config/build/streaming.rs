//! Streams: what a start may be, and which sinks it may name.

use std::collections::{BTreeMap, BTreeSet};

use super::Builder;
use crate::call;
use crate::command::StartStream;
use crate::config::error::Flaw;
use crate::config::file::{Start, Streaming};
use crate::config::place::Place;
use crate::control::request::{self, StartMembers};
use crate::sink;

impl Builder {
    pub(super) fn streaming(
        &mut self,
        file: &Streaming,
        sinks: &[sink::Settings],
        names: &BTreeSet<&str>,
    ) -> call::Streaming {
        let default_sink = file.default_sink.as_deref();
        if let Some(name) = default_sink {
            self.check_sink(Place::at("streaming.default_sink"), name, names);
        }
        let limits = |sink: &sink::Settings| {
            let max_duration = sink.max_duration;
            let limits = call::SinkLimits { max_streams: sink.max_streams, max_duration };
            (sink.name.clone(), limits)
        };
        call::Streaming {
            enabled: file.enabled,
            default_sink: default_sink.map(Into::into),
            sinks: sinks.iter().map(limits).collect::<BTreeMap<_, _>>(),
            max_per_call: self.count(
                "streaming.max_streams_per_call",
                file.max_streams_per_call,
                1..=64,
            ),
            ring_bytes: self.count("streaming.ring_kib", file.ring_kib, 8..=4_096) * 1_024,
            record: file
                .record
                .as_ref()
                .and_then(|start| self.start(&Place::at("streaming.record"), start, names)),
        }
    }

    /// A start that the configuration holds: the same rules as for one that comes from outside.
    pub(super) fn start(
        &mut self,
        place: &Place,
        start: &Start,
        names: &BTreeSet<&str>,
    ) -> Option<StartStream> {
        if let Some(name) = start.sink.as_deref() {
            self.check_sink(place.key("sink"), name, names);
        }
        for name in start.sinks.iter().flatten() {
            self.check_sink(place.key("sinks"), name, names);
        }
        let members = StartMembers {
            sink: start.sink.as_deref(),
            sinks: start.sinks.as_deref(),
            stream: start.label.as_deref(),
            tracks: Some(&start.tracks),
            pause_as: start.pause_as.as_deref(),
            max_duration_s: start.max_duration_s,
            early_media: Some(start.early_media),
            redact_dtmf: Some(start.redact_dtmf),
        };
        match request::start(members) {
            Ok(start) => Some(start),
            Err(member) => {
                self.wrong(place.clone(), member.to_string());
                None
            }
        }
    }

    fn check_sink(&mut self, place: Place, name: &str, names: &BTreeSet<&str>) {
        if names.contains(name) {
            return;
        }
        let near = |known: &&&str| strsim::jaro_winkler(name, known) > 0.75;
        let flaw = Flaw::at(place, format!("there is no sink `{name}`"));
        let help = match names.iter().find(near) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "add it under [[sinks]]".to_owned(),
        };
        self.note(flaw.with_help(help));
    }
}
