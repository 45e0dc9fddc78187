//! Examples of the pages: each is read by the parser, or has the members, of what it is an example for.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sidestream::command::{Accepted, Denied, StartStream, StreamState, StreamStatus};
use sidestream::config;
use sidestream::control::contact::{self, ContactRefusal};
use sidestream::control::info::{self, InfoContent, Parsed, RecordProfile};
use sidestream::control::json::{AcceptedView, EventView, ManifestView, Timestamp};
use sidestream::control::tables;
use sidestream::control::tapi::{HResult, Method as TapiMethod, TapiAnswer};
use sidestream::dialect::{audiohook, jambonz, native, telnyx, twilio};
use sidestream::event::Cause;
use sidestream::id::SinkName;
use sidestream::sip::{Message, Method, parse_datagram};
use sidestream::time::MediaTime;

use crate::pages::Block;
use crate::samples;

type Checked = Result<(), String>;

/// Checks one block; blocks of other languages pass.
pub(crate) fn check(block: &Block) -> Checked {
    match (block.language.as_str(), block.mark.as_str()) {
        ("toml", "config") => configuration(&block.text),
        ("sip", "") => sip(&block.text),
        ("json", mark) => json(mark, &block.text),
        ("toml", mark) => Err(format!("a TOML block is a config, not {mark:?}")),
        _ => Ok(()),
    }
}

fn json(mark: &str, text: &str) -> Checked {
    let objects = objects(text)?;
    if objects.is_empty() {
        return Err("no JSON object".to_owned());
    }
    objects.iter().try_for_each(|shown| match mark {
        "info" => info_body(shown),
        "info-answer" => info_answer(shown),
        "native" => same::<native::Telling>(shown),
        "native-answer" => same::<native::Answer>(shown),
        "twilio" => same::<twilio::Telling>(shown),
        "telnyx" => same::<telnyx::Telling>(shown),
        "jambonz" => same::<jambonz::Metadata>(shown),
        "jambonz-text" => same::<jambonz::Telling>(shown),
        "audiohook" => same::<audiohook::Telling>(shown),
        "event" => event(shown),
        "delivery" => fits(shown, &samples::delivery()),
        "record" => record(shown),
        "notice" => notice(shown),
        "accepted" => fits(shown, &AcceptedView::from(&samples::accepted())),
        "call" => fits(shown, &samples::call()),
        "messages" => fits(shown, &samples::messages()),
        "stream" => fits(shown, &samples::stream()),
        "sink" => fits(shown, &samples::sink()),
        "sink-test" => fits(shown, &samples::sink_test()),
        "scope" => fits(shown, &samples::scope()),
        "manifest" => fits(shown, &ManifestView::from(&samples::manifest())),
        "sealed" => value_fits(shown, &samples::sealed(), "payload"),
        "tapi" => {
            let result = HResult::from(Denied::NoTerminal);
            let answer =
                TapiAnswer::new(TapiMethod::StartStream, result, Some(&samples::accepted()));
            fits(shown, &answer)
        }
        "error" => error(shown),
        "contact-answer" => contact_answer(shown),
        "contact-error" => {
            let refusal = ContactRefusal::new(tables::ContactError::InvalidParameter, "words");
            fits(shown, &refusal.body())
        }
        "demo" => fits(shown, &sidestream::phone::demo::DemoReport::default()),
        other => Err(format!("a JSON block needs to say what it is; {other:?} is not known")),
    })
}

/// Every JSON object in a text; what stands between them is prose.
fn objects(text: &str) -> Result<Vec<Value>, String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find('{') {
        let mut values = serde_json::Deserializer::from_str(&rest[start..]).into_iter();
        found.push(values.next().expect("a brace").map_err(|error| error.to_string())?);
        rest = &rest[start + values.byte_offset()..];
    }
    Ok(found)
}

/// Read as `T` and written again, it is what it was.
fn same<T: DeserializeOwned + Serialize>(shown: &Value) -> Checked {
    let read: T = serde_json::from_value(shown.clone()).map_err(|error| error.to_string())?;
    let written = serde_json::to_value(read).expect("it was JSON");
    if &written == shown { Ok(()) } else { Err(format!("it should be {written}")) }
}

/// Every member that is shown is a member of the real thing, and of its type.
fn fits(shown: &Value, real: &impl Serialize) -> Checked {
    let real = serde_json::to_value(real).expect("a view is JSON");
    value_fits(shown, &real, "")
}

fn value_fits(shown: &Value, real: &Value, place: &str) -> Checked {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            shown.iter().try_for_each(|(name, value)| {
                let place = format!("{place}.{name}");
                match real.get(name) {
                    Some(real) => value_fits(value, real, &place),
                    // Maps by kind or reason: an entry that the sample lacks is like those that it has.
                    None => match real.values().next() {
                        Some(first) if real.values().all(Value::is_number) => {
                            value_fits(value, first, &place)
                        }
                        _ => Err(format!("there is no {place}")),
                    },
                }
            })
        }
        (Value::Array(shown), Value::Array(real)) => match real.first() {
            Some(real) => shown.iter().try_for_each(|value| value_fits(value, real, place)),
            None => Ok(()),
        },
        (_, Value::Null) => Ok(()),
        _ if std::mem::discriminant(shown) == std::mem::discriminant(real) => Ok(()),
        _ => Err(format!("{place} is {real}, not {shown}")),
    }
}

/// A call record, by its `record`.
fn record(shown: &Value) -> Checked {
    let records = samples::records();
    let real = records.iter().find(|real| real["record"] == shown["record"]);
    value_fits(shown, real.ok_or("there is no such record")?, "")
}

fn profile() -> RecordProfile {
    let start = StartStream::default();
    RecordProfile { start }
}

fn package(body: &[u8]) -> InfoContent<'_> {
    InfoContent {
        info_package: Some(info::PACKAGE),
        content_type: Some(info::CONTENT_TYPE),
        record: None,
        body,
    }
}

fn info_body(shown: &Value) -> Checked {
    match info::parse(package(shown.to_string().as_bytes()), &profile()) {
        Ok(Parsed::Command { .. }) => Ok(()),
        Ok(other) => Err(format!("it is no command: {other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

/// The answer that the switch would give to say this.
fn info_answer(shown: &Value) -> Checked {
    let answer = match shown.get("error") {
        Some(error) => {
            let denied = Denied::ALL
                .into_iter()
                .find(|denied| tables::refusal(denied).code == error["code"]);
            info::answer(
                &Err(denied.ok_or_else(|| format!("there is no error {}", error["code"]))?),
            )
        }
        None => {
            let list = shown.get("streams").and_then(Value::as_array);
            let list = list.cloned().unwrap_or_else(|| vec![shown.clone()]);
            let streams = list.iter().map(status).collect::<Result<_, _>>()?;
            info::answer(&Ok(Accepted { streams, changed: shown["changed"] == true }))
        }
    };
    let real: Value = serde_json::from_slice(&answer.body).expect("an answer is JSON");
    if &real == shown { Ok(()) } else { Err(format!("it should be {real}")) }
}

fn status(shown: &Value) -> Result<StreamStatus, String> {
    let text = |name: &str| shown[name].as_str().ok_or_else(|| format!("no {name}"));
    let states = [StreamState::Armed, StreamState::Active, StreamState::Paused, StreamState::Ended];
    let state = states.into_iter().find(|state| shown["state"] == state.as_str());
    Ok(StreamStatus {
        stream: text("stream")?.parse().map_err(|_| "the stream is no ULID".to_owned())?,
        label: shown["label"].as_str().map(str::to_owned),
        sinks: vec![SinkName::new(text("sink")?)],
        state: state.ok_or("no state")?,
        media_time: MediaTime::from_micros(shown["media_time_ms"].as_u64().unwrap_or(0) * 1_000),
    })
}

fn event(shown: &Value) -> Checked {
    let views = samples::kinds().into_iter().map(|kind| {
        EventView::new(1, Timestamp::from_unix_millis(0), &samples::event(kind, Cause::Request))
    });
    let name = shown["kind"].as_str().unwrap_or_default();
    let mut of_kind = views.filter(|view| view.kind.name() == name);
    fits(shown, &of_kind.next().ok_or_else(|| format!("there is no event {name:?}"))?)
}

fn notice(shown: &Value) -> Checked {
    let notices = samples::kinds()
        .into_iter()
        .filter_map(|kind| info::notice(&samples::event(kind, Cause::Request)))
        .map(|body| serde_json::from_slice::<Value>(&body).expect("a notice is JSON"));
    let mut of_kind = notices.filter(|notice| notice["event"] == shown["event"]);
    let real = of_kind.next().ok_or_else(|| format!("there is no notice {}", shown["event"]))?;
    fits(shown, &real)
}

fn error(shown: &Value) -> Checked {
    let code = shown["error"]["code"].as_str().ok_or("no error.code")?;
    shown["error"]["message"].as_str().ok_or("no error.message")?;
    let denied = Denied::ALL.iter().any(|denied| tables::refusal(denied).code == code);
    let source =
        std::fs::read_to_string(crate::pages::root().join("src/http/error.rs")).expect("a source");
    let known = denied || source.contains(&format!("\"{code}\""));
    if known { Ok(()) } else { Err(format!("there is no error {code}")) }
}

fn contact_answer(shown: &Value) -> Checked {
    let stream = samples::STREAM.parse().expect("a ULID");
    fits(shown, &contact::started(stream, "2026-11-21T06:02:02.936Z".to_owned()))
}

/// A part of a file: what every file needs is added.
fn configuration(text: &str) -> Checked {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("secrets")).expect("a new directory");
    std::fs::write(directory.path().join("secrets/1000"), "Zq8-vn3-Kd5-pw2\n").expect("written");
    let secret = |name: &str| (name.to_owned(), "Zq8vn3Kd5pw2Zq8vn3Kd5pw2".to_owned());
    let spool_key = ("SPOOL_KEY".to_owned(), "5e".repeat(32));
    let mut environment: Vec<_> =
        ["SIDESTREAM_API_SECRET", "ASR_TOKEN", "SRS_PASSWORD"].map(secret).into();
    environment.push(spool_key);
    let mut text = text.to_owned();
    if !text.contains("[[http.tokens]]") {
        text += "\n[[http.tokens]]\nid = \"test\"\nsecret = \"${env:SIDESTREAM_API_SECRET}\"\n";
    }
    let config = config::parse("example", &text, directory.path(), environment);
    config.map(drop).map_err(|error| {
        let problems: Vec<String> = error.problems().iter().map(ToString::to_string).collect();
        problems.join("; ")
    })
}

/// A SIP message with plain line ends; the length of its body is filled in.
fn sip(text: &str) -> Checked {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let body = body.trim_end();
    let wire =
        format!("{}\r\nContent-Length: {}\r\n\r\n{body}", head.replace('\n', "\r\n"), body.len());
    let message = parse_datagram(Bytes::from(wire)).map_err(|error| error.to_string())?;
    match message {
        Message::Request(request) if *request.method() == Method::Info => {
            let content = InfoContent {
                info_package: request.header("Info-Package"),
                content_type: request.content_type(),
                record: request.header("Record"),
                body: request.body(),
            };
            info::parse(content, &profile()).map(drop).map_err(|error| error.to_string())
        }
        Message::Request(_) | Message::Response(_) => Ok(()),
    }
}
