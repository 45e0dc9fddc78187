//! The stream-control resource of TAPI.

use super::*;
use crate::command::Denied;

async fn told(bench: &Bench, path: &str, body: &str) -> String {
    let (status, answer) = bench.send("POST", &format!("/v1/calls/{CALL}/{path}"), body).await;
    let text = |name: &str| answer[name].as_str().unwrap_or("?").to_owned();
    format!("{} {} {}", status.as_u16(), text("hresult"), text("code"))
}

#[tokio::test]
async fn every_method_answers_with_the_names_and_numbers_of_the_header_file() {
    let bench = bench().await;
    let changed = |changed| Accepted { changed, ..one_stream() };
    let start = "streams/s1/tapi/StartStream";
    for (path, body, answer, expected) in [
        (start, "", Ok(changed(true)), "200 S_OK 0x00000000"),
        (start, "", Ok(changed(false)), "409 TAPI_E_NOTSTOPPED 0x80040041"),
        (start, "", Err(Denied::NoTerminal), "409 TAPI_E_NOTERMINALSELECTED 0x8004003F"),
        (start, "", Err(Denied::NoSuchStream), "404 TAPI_E_INVALIDSTREAM 0x80040043"),
        ("streams/s1/tapi/PauseStream", "", Ok(changed(true)), "200 S_OK 0x00000000"),
        ("streams/s1/tapi/StopStream", "{}", Ok(changed(false)), "200 S_OK 0x00000000"),
        (
            "streams/s1/tapi/SelectTerminal",
            r#"{"terminal":"asr"}"#,
            Err(Denied::TerminalInUse),
            "409 TAPI_E_TERMINALINUSE 0x80040040",
        ),
        (
            "streams/s1/tapi/SelectTerminal",
            r#"{"terminal":"asr"}"#,
            Err(Denied::TooManyTerminals),
            "409 TAPI_E_MAXTERMINALS 0x80040042",
        ),
        (
            "streams/s1/tapi/UnselectTerminal",
            r#"{"terminal":"asr"}"#,
            Err(Denied::NoSuchTerminal),
            "404 TAPI_E_INVALIDTERMINAL 0x8004003B",
        ),
        ("tapi/EnumerateStreams", "", Ok(changed(false)), "200 S_OK 0x00000000"),
        ("tapi/CreateStream", "", Err(Denied::NoAudio), "409 E_NOTIMPL 0x80004001"),
        ("tapi/CreateStream", "", Err(Denied::TooManyStreams), "409 TAPI_E_MAXSTREAMS 0x8004003E"),
        ("tapi/RemoveStream", r#"{"stream":"s1"}"#, Ok(changed(true)), "200 S_OK 0x00000000"),
    ] {
        bench.will_answer(answer.map_err(CommandError::Denied));
        assert_eq!(told(&bench, path, body).await, expected, "{path}");
    }
    for (path, body, expected) in [
        (
            "streams/s1/tapi/SelectTerminal",
            r#"{"terminal":"ws://10.0.0.1/"}"#,
            "400 TAPI_E_INVALIDTERMINAL 0x8004003B",
        ),
        ("tapi/CreateStream", r#"{"media_type":"video"}"#, "400 TAPI_E_NOTSUPPORTED 0x80040003"),
        ("tapi/StartStream", "", "404 ? ?"),
        ("streams/s1/tapi/CreateStream", "", "404 ? ?"),
    ] {
        assert_eq!(told(&bench, path, body).await, expected, "{path}");
    }
}

#[tokio::test]
async fn the_terminals_of_a_stream_are_named_by_their_sinks() {
    let bench = bench().await;
    let path = format!("/v1/calls/{CALL}/streams/s1/tapi/EnumerateTerminals");
    let (_, answer) = bench.send("POST", &path, "").await;
    assert_eq!(answer["streams"][0]["terminals"], serde_json::json!(["asr"]));
    assert_eq!(answer["method"], "EnumerateTerminals");
    let (status, answer) = bench.send("POST", "/v1/calls/x/tapi/EnumerateStreams", "").await;
    assert_eq!((status.as_u16(), answer["hresult"].as_str()), (404, Some("TAPI_E_CALLUNAVAIL")));
}
