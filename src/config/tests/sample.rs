use toml::{Table, Value};

use super::super::file::File;
use super::*;
use crate::command::PauseAs;
use crate::id::{SinkName, Tracks};
use crate::sink::Kind;

const SAMPLE: &str = include_str!("../../../config/sidestream.toml");

/// The sample with everything in it that it shows.
fn uncommented() -> String {
    let shown = |line: &str| {
        let rest = line.strip_prefix('#').unwrap_or(line);
        if rest.starts_with([' ', '#']) { String::new() } else { rest.to_owned() }
    };
    SAMPLE.lines().map(|line| shown(line) + "\n").collect()
}

#[test]
fn the_sample_shows_the_defaults() {
    let sample: File = toml::from_str(SAMPLE).unwrap();
    assert!(sample == File::default(), "a value in the sample is not the default");
}

#[test]
fn the_sample_shows_every_key() {
    let full: Table = toml::from_str(&uncommented()).unwrap();
    let _: File = full.clone().try_into().unwrap();
    let mut sections = Vec::new();
    collect_sections(&Value::Table(full.clone()), &mut Vec::new(), &mut sections);
    assert!(sections.len() > 12, "{sections:?}");
    for way in sections {
        let mut probe = Value::Table(full.clone());
        let section = way.iter().fold(&mut probe, |value, step| match value {
            Value::Table(table) => &mut table[step.as_str()],
            Value::Array(list) => &mut list[step.parse::<usize>().unwrap()],
            _ => unreachable!("a way leads through tables and lists"),
        });
        let Value::Table(section) = section else { unreachable!("a way leads to a table") };
        let have: Vec<String> = section.keys().cloned().collect();
        section.insert("zzz".into(), Value::Boolean(true));
        // serde names every key of the struct when one is unknown. The headers of a sink are free, so they know all keys.
        let Err(error) = probe.try_into::<File>() else {
            continue;
        };
        let (_, known) =
            error.message().split_once(", expected ").unwrap_or_else(|| panic!("{way:?}: {error}"));
        for key in known.split('`').skip(1).step_by(2) {
            // Each excludes what the first of its list shows; the second queue is there to be overflowed into.
            let is_elsewhere = way == ["queues", "help"]
                || matches!(
                    (way.first().map(String::as_str), key),
                    (
                        Some("sinks"),
                        "directory"
                            | "fragment_ms"
                            | "retention_hours"
                            | "max_mib"
                            | "readers_per_stream"
                            | "urls"
                            | "basic"
                            | "address"
                            | "addresses"
                            | "account"
                            | "track"
                            | "payload_type"
                            | "stream"
                            | "subject"
                            | "create"
                            | "token"
                            | "nkey"
                            | "creds"
                    ) | (Some("routes"), "targets")
                        | (Some("routes" | "streaming"), "sink" | "sinks")
                        | (Some("routes" | "trunks"), "replace" | "strip" | "prefix")
                        | (Some("trunks"), "add" | "set" | "remove")
                );
            assert!(
                have.iter().any(|have| have == key) || is_elsewhere,
                "the sample does not show {way:?} {key}"
            );
        }
    }
}

/// The ways to every table; of a list of tables, the first shows every key.
fn collect_sections(value: &Value, way: &mut Vec<String>, sections: &mut Vec<Vec<String>>) {
    match value {
        Value::Table(table) => {
            sections.push(way.clone());
            for (key, value) in table {
                way.push(key.clone());
                collect_sections(value, way, sections);
                way.pop();
            }
        }
        Value::Array(list) => {
            if let Some(first) = list.first() {
                way.push("0".into());
                collect_sections(first, way, sections);
                way.pop();
            }
        }
        _ => {}
    }
}

#[test]
fn everything_that_the_sample_shows_is_accepted() {
    let text = uncommented()
        .replace("${file:secrets/1000}", "${env:PHONE}")
        .replace("${file:secrets/log.creds}", "${env:LOG_CREDS}");
    let secrets = [
        ("SIDESTREAM_API_SECRET", "f3b0c1d2e3f4a5b6c7d8e9f0"),
        ("ASR_TOKEN", "t0k3n"),
        ("ASR_KEY", "k3y-of-asr"),
        ("TWILIO_TOKEN", "t0k3n-of-twilio"),
        ("HEP_KEY", "k3y"),
        ("SPOOL_KEY", "5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e"),
        ("ACME_PASSWORD", "s3cret-of-acme-31"),
        ("ACME_LOGIN", "s3cret-for-acme-32"),
        ("SRS_PASSWORD", "s3cret-of-srs-33"),
        ("LOOKUP_KEY", "s3cret-of-lookup-34"),
        ("PHONE", "correct-horse-battery"),
        ("LOG_CREDS", "a JWT and the seed of its key"),
    ];
    let config = read(&text, &secrets).unwrap_or_else(|error| panic!("{}", report(&error)));
    assert_eq!(config.sinks.len(), 10);
    assert!(
        matches!(&config.sinks[0].kind, Kind::WebSocket(socket) if socket.urls[0].is_secure() && socket.credentials.authorization.is_some())
    );
    assert_eq!(config.switch.call.streaming.default_sink, Some(SinkName::new("asr")));
    let record = config.switch.call.streaming.record.clone().expect("the sample shows one");
    assert_eq!((record.tracks, record.pause_as), (Tracks::Both, Some(PauseAs::Silence)));
    assert_eq!(
        config.switch.routes[0].start.as_ref().and_then(|start| start.label.as_deref()),
        Some("main")
    );
    assert_eq!(config.http.tokens[0].secret.reveal(), "f3b0c1d2e3f4a5b6c7d8e9f0");
    assert_eq!(config.switch.ports, 20_000..=29_999);
    assert!(
        !format!("{config:?}").contains("f3b0c1d2e3f4a5b6c7d8e9f0"),
        "secrets stay out of logs"
    );
}
