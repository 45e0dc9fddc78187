use std::path::Path;

use expect_test::{Expect, expect};
use miette::{GraphicalReportHandler, GraphicalTheme};
use toml::{Table, Value};

use super::file::File;
use super::*;
use crate::command::PauseAs;
use crate::id::{SinkName, Tracks};
use crate::sink::Kind;

const SAMPLE: &str = include_str!("../../config/sidestream.toml");

/// The least that a file must say.
const LEAST: &str = "[[http.tokens]]\nid = \"console\"\nsecret = \"0123abcd0123abcd0123abcd\"\n";

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str, pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    parse("test.toml", text, Path::new("/nonexistent"), environment(pairs))
}

fn report(error: &ConfigError) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_width(140);
    let mut text = String::new();
    handler.render_report(&mut text, error).unwrap();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn refused(text: &str, expected: Expect) {
    let error = read(text, &[]).expect_err("the file breaks a rule");
    expected.assert_eq(&report(&error));
}

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
        let Err(error) = probe.try_into::<File>() else { continue };
        let (_, known) = error.message().split_once("expected one of ").unwrap_or_else(|| panic!("{way:?}: {error}"));
        for key in known.split('`').skip(1).step_by(2) {
            let is_elsewhere = way.first().is_some_and(|first| first == "sinks") && key == "directory";
            assert!(have.iter().any(|have| have == key) || is_elsewhere, "the sample does not show {way:?} {key}");
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
    let text = uncommented().replace("${file:secrets/1000}", "${env:PHONE}");
    let secrets = [
        ("SIDESTREAM_API_SECRET", "f3b0c1d2e3f4a5b6c7d8e9f0"),
        ("ASR_TOKEN", "t0k3n"),
        ("PHONE", "correct-horse-battery"),
    ];
    let config = read(&text, &secrets).unwrap_or_else(|error| panic!("{}", report(&error)));
    assert_eq!(config.sinks.len(), 3);
    assert!(matches!(&config.sinks[0].kind, Kind::WebSocket(socket) if socket.url.is_secure() && socket.bearer.is_some()));
    assert_eq!(config.switch.call.streaming.default_sink, Some(SinkName::new("asr")));
    let record = config.switch.call.streaming.record.clone().expect("the sample shows one");
    assert_eq!((record.tracks, record.pause_as), (Tracks::Both, Some(PauseAs::Silence)));
    assert_eq!(config.switch.routes[0].start.as_ref().and_then(|start| start.label.as_deref()), Some("main"));
    assert_eq!(config.http.tokens[0].secret.reveal(), "f3b0c1d2e3f4a5b6c7d8e9f0");
    assert_eq!(config.switch.ports, 20_000..=29_999);
    assert!(!format!("{config:?}").contains("f3b0c1d2e3f4a5b6c7d8e9f0"), "secrets stay out of logs");
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_known_one() {
    refused("[sip]\nrealm = \"x\"\nlisen = []\n", expect![[""]]);
    refused("[[sinks]]\nname = \"a\"\nkind = \"websockets\"\n", expect![[""]]);
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_its_line() {
    refused("[media]\nfirst_port = \"20000\"\n", expect![[""]]);
    refused("[media\n", expect![[""]]);
}

#[test]
fn every_problem_is_told_at_once_each_with_its_line_and_mend() {
    refused(
        r#"
[sip]
listen = ["udp:0.0.0.0:5060", "sctp:127.0.0.1:5060"]
ring_timeout_s = 0

[media]
first_port = 20001
last_port = 20000

[streaming]
default_sink = "asrr"

[[sinks]]
name = "asr"
kind = "websocket"
url = "https://asr.example/"

[[sinks]]
name = "asr"
kind = "scope"
directory = "/tmp"

[[users]]
name = "1000"
password = "1000"
"#,
        expect![[""]],
    );
}

#[test]
fn everybody_may_not_call_through_to_other_servers() {
    let route = "[[routes]]\npattern = \"0*\"\ntarget = \"sip:{number}@192.0.2.7\"\n";
    let peer = "[[peers]]\nname = \"all\"\nnetworks = [\"0.0.0.0/0\"]\n";
    assert!(read(&format!("{LEAST}{peer}"), &[]).is_ok(), "without a route nobody is harmed");
    refused(&format!("{LEAST}{route}{peer}"), expect![[""]]);
}

#[test]
fn secrets_that_can_be_guessed_are_refused() {
    for (secret, expected) in [
        ("", "a secret is missing"),
        ("short", "a secret needs at least 20 characters"),
        ("changeme-changeme-changeme", "this secret is among the first that anybody tries"),
    ] {
        let text = format!("[[http.tokens]]\nid = \"console\"\nsecret = \"{secret}\"\n");
        let error = read(&text, &[]).expect_err("it can be guessed");
        assert_eq!(error.problems()[0].to_string(), format!("http.tokens[0].secret: {expected}"));
    }
    let error = read("", &[]).expect_err("nobody could use the API");
    assert!(error.problems()[0].to_string().contains("there is no API token"));
}

#[test]
fn the_environment_replaces_values() {
    let text = format!("{LEAST}[[users]]\nname = \"1000\"\npassword = \"correct-horse-battery\"\n");
    let pairs = [
        ("SIDESTREAM__SIP__REALM", "example"),
        ("SIDESTREAM__MEDIA__FIRST_PORT", "30000"),
        ("SIDESTREAM__MEDIA__LAST_PORT", "30999"),
        ("SIDESTREAM__SIP__LISTEN", r#"["udp:127.0.0.1:0"]"#),
        ("SIDESTREAM__USERS__0__PASSWORD", "123412341234"),
        ("SIDESTREAM_URL", "ignored"),
    ];
    let config = read(&text, &pairs).unwrap_or_else(|error| panic!("{}", report(&error)));
    assert_eq!(config.switch.realm, "example");
    assert_eq!(config.switch.ports, 30_000..=30_999);
    assert_eq!(config.listen.len(), 1);
    for (name, value, expected) in [
        ("SIDESTREAM__SIP__LISEN", "[]", "unknown field `lisen`"),
        ("SIDESTREAM__MEDIA__FIRST_PORT", "high", "invalid type: string \"high\", expected u16"),
        ("SIDESTREAM__USERS__3__NAME", "x", "the list has no item 3"),
        ("SIDESTREAM__SIP__REALM__X", "x", "`x` is not inside a section"),
    ] {
        let error = read(&text, &[(name, value)]).expect_err("it cannot be laid over");
        let message = error.problems()[0].to_string();
        assert!(message.starts_with(&format!("the environment variable {name}: ")), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn secrets_come_from_files_and_variables() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("key"), "f3b0c1d2e3f4a5b6c7d8e9f0\n").unwrap();
    let with = |secret: &str| format!("[[http.tokens]]\nid = \"console\"\nsecret = \"{secret}\"\n");
    let read = |secret: &str| parse("t", &with(secret), directory.path(), environment(&[("HALF", "f3b0c1d2e3f4")]));
    for secret in ["${file:key}", "${env:HALF}a5b6c7d8e9f0"] {
        let config = read(secret).unwrap_or_else(|error| panic!("{}", report(&error)));
        assert_eq!(config.http.tokens[0].secret.reveal(), "f3b0c1d2e3f4a5b6c7d8e9f0");
    }
    for (secret, expected) in [
        ("${env:MISSING}", "http.tokens[0].secret: the environment variable MISSING is not set"),
        ("${env:HALF", "http.tokens[0].secret: `${` is not closed by `}`"),
        ("${vault:x}", "http.tokens[0].secret: `${vault:x}` is neither ${env:NAME} nor ${file:PATH}"),
    ] {
        assert_eq!(read(secret).expect_err("it cannot be filled in").problems()[0].to_string(), expected);
    }
    let missing = read("${file:missing}").expect_err("the file is not there");
    assert!(missing.problems()[0].to_string().contains("missing cannot be read: "));
}

#[test]
fn peers_are_told_what_is_advertised_else_what_was_bound() {
    let text = format!("{LEAST}[sip]\nlisten = [\"udp:127.0.0.1:0\"]\n");
    let bound = vec![Listener { transport: crate::sip::Transport::Udp, address: "127.0.0.1:33333".parse().unwrap() }];
    let mut plain = read(&text, &[]).unwrap();
    plain.set_bound(bound.clone());
    assert_eq!((plain.listen.clone(), plain.switch.listeners), (bound.clone(), bound.clone()));
    let mut behind_nat = read(&format!("{text}advertise = [\"udp:192.0.2.7:5060\"]\n"), &[]).unwrap();
    behind_nat.set_bound(bound);
    assert_eq!(behind_nat.switch.listeners[0].address, "192.0.2.7:5060".parse().unwrap());
}

#[test]
fn a_development_server_is_on_loopback_with_credentials_that_nobody_knows() {
    let (one, two) = (development(DevelopmentPorts::default()), development(DevelopmentPorts { sip: 0, http: 0 }));
    assert_ne!((&one.password, &one.key), (&two.password, &two.key));
    assert_eq!((one.password.len(), one.key.len()), (11, 29));
    assert_eq!((one.phones.first().map(String::as_str), one.phones.len()), (Some("1000"), 10));
    let config = &two.config;
    assert!(config.listen.iter().all(|listener| listener.address.ip().is_loopback() && listener.address.port() == 0));
    assert!(config.http.listen.ip().is_loopback());
    assert!(matches!(config.sinks[0].kind, Kind::Scope));
    assert_eq!(config.http.tokens[0].secret.reveal(), two.key);
    assert!(!format!("{two:?}").contains(&two.password));
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let error = load(Path::new("/nonexistent/sidestream.toml")).expect_err("it is not there");
    assert!(error.problems()[0].to_string().starts_with("the file cannot be read: "));
    assert_eq!(error.to_string(), "/nonexistent/sidestream.toml has a problem");
}
