//! Configuration files: read, or refused with words at a place.

use std::path::Path;

use sidestream::config;

/// A file's text, without an environment.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // A text may name files; the fuzzer has none to show.
    if text.contains("${file:") {
        return;
    }
    let read = || config::parse("fuzz.toml", text, Path::new("/nonexistent"), Vec::new());
    match read() {
        Ok(config) => {
            assert!(!config.listen.is_empty(), "a server without a listener");
            assert_eq!(config.listen.len(), config.switch.listeners.len());
            let mut sinks: Vec<_> = config.sinks.iter().map(|sink| sink.name.clone()).collect();
            sinks.sort();
            sinks.dedup();
            assert_eq!(sinks.len(), config.sinks.len(), "two sinks of one name");
            let known: Vec<_> = config.switch.call.streaming.sinks.keys().cloned().collect();
            assert_eq!(known, sinks, "the switch knows the sinks");
            if let Some(default) = &config.switch.call.streaming.default_sink {
                assert!(known.contains(default), "the default sink is one of them");
            }
            assert!(config.switch.ports.clone().count() >= 2);
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            let told = error.to_string();
            assert!(told.contains("fuzz.toml"), "{told}");
            let again = read().expect_err("the same text is refused again");
            assert_eq!(again.to_string(), told);
            assert!(error.problems().iter().all(|problem| !problem.to_string().is_empty()));
            // As a terminal shows it: the line, the place in it, the mend.
            let shown = format!("{:?}", miette::Report::new(error));
            assert!(shown.contains("fuzz.toml"), "{shown}");
        }
    }
}
