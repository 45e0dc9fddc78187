//! Functions against a real HTTP server, speech by real programs, WAV files of several kinds.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::post;
use serde_json::json;

use super::*;
use crate::flow::{Function, Resource};
use crate::switch::Utterance;

/// What the server was sent.
type Seen = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// Functions at a server of their own: what it was sent is seen.
async fn functions() -> (Functions, mpsc::Receiver<(JobId, Done)>, Seen, String) {
    let seen = Seen::default();
    let note = Arc::clone(&seen);
    let answer = move |headers: HeaderMap, body: String| async move {
        note.lock().expect("no test panics while it holds it").push((headers, body));
        r#"{"tier":"gold"}"#
    };
    let late = || std::future::pending::<&'static str>();
    let router = Router::new()
        .route("/good", post(answer))
        .route("/late", post(late))
        .route("/text", post(|| async { "hello" }))
        .route("/long", post(|| async { "x".repeat(200_000) }))
        .route("/away", post(|| async { Redirect::temporary("/good") }))
        .route("/broken", post(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let named = ["good", "late", "text", "long", "away", "broken"].map(|name| {
        let key = Key::new("k1", "s3cret").expect("a key");
        (name.to_owned(), Endpoint::new(&format!("{base}/{name}"), key).expect("a URL"))
    });
    let settings = Settings { functions: BTreeMap::from(named), speech: None };
    let (functions, done) = start(&settings).expect("a client");
    (functions, done, seen, base)
}

fn invoke(id: &str) -> Job {
    Job::Invoke(Function {
        function: Resource { id: id.to_owned(), name: None },
        limit_s: 1,
        event: json!({"Name": "ContactFlowEvent"}),
        asynchronous: false,
    })
}

#[tokio::test]
async fn a_function_is_asked_with_a_signature_and_its_answer_comes_back() {
    let (functions, mut done, seen, base) = functions().await;
    functions.send(JobId(7), invoke("arn:aws:lambda:eu-west-1:123456789012:function:good:PROD"));
    let answer = done.recv().await.expect("an answer");
    assert_eq!(answer, (JobId(7), Done::Answered(Ok(json!({"tier": "gold"})))));
    let (headers, body) = seen.lock().expect("nobody panicked").remove(0);
    assert_eq!(body, r#"{"Name":"ContactFlowEvent"}"#);
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap_or(""));
    let input = header("signature-input").strip_prefix("sig1=").expect("one signature");
    let digest = header("content-digest");
    // RFC 9421 §2.5, as a receiver makes it again.
    let signed = format!(
        "\"@method\": POST\n\"@target-uri\": {base}/good\n\"content-type\": application/json\n\
         \"content-digest\": {digest}\n\"@signature-params\": {input}"
    );
    use base64::Engine as _;
    use hmac::{KeyInit as _, Mac as _};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"s3cret").expect("a key");
    mac.update(signed.as_bytes());
    let made = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header("signature"), format!("sig1=:{made}:"));
    assert_eq!(functions.figures().invoked, 1);
}

#[tokio::test]
async fn whatever_a_function_does_wrong_is_told_in_words() {
    let (functions, mut done, seen, _) = functions().await;
    for (name, expected) in [
        ("late", "the function did not answer within 1 s"),
        ("text", "the function's answer is no JSON"),
        ("long", "the function's answer is longer than 131072 bytes"),
        ("away", "the function answered 307 Temporary Redirect"),
        ("broken", "the function answered 500 Internal Server Error"),
        ("unheard-of", "there is no function \"unheard-of\": define it as [flows.functions.NAME]"),
    ] {
        functions.send(JobId(1), invoke(name));
        let (_, answer) = done.recv().await.expect("an answer");
        assert_eq!(answer, Done::Answered(Err(expected.to_owned())), "{name}");
    }
    assert!(seen.lock().expect("nobody panicked").is_empty(), "nobody was led elsewhere");
    assert_eq!(functions.figures().invocations_failed, 6);
}

fn said(text: &str) -> Job {
    let (language, voice) = ("en-US".to_owned(), "Joanna".to_owned());
    Job::Speak(Utterance { text: text.to_owned(), is_ssml: false, language, voice })
}

async fn spoken(script: &str, limit: Duration) -> Result<usize, String> {
    let command = ["sh", "-c", script].map(str::to_owned).into();
    let speech = Some(SpeechProgram { command, limit, at_once: 1 });
    let (functions, mut done) =
        start(&Settings { functions: BTreeMap::new(), speech }).expect("a client");
    functions.send(JobId(1), said("hello"));
    match done.recv().await.expect("an end") {
        (_, Done::Spoken(spoken)) => spoken.map(|samples| samples.len()),
        (_, other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_text_is_spoken_by_a_program() {
    let wav = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prompts/done.wav");
    let second = Duration::from_secs(20);
    let whole = spoken(&format!("cat > /dev/null; cat {wav}"), second).await.expect("samples");
    assert!(whole > 2_000, "{whole}");
    // One that does not read its text speaks as well.
    assert_eq!(spoken(&format!("cat {wav}"), second).await, Ok(whole));
    let failed = spoken("exit 3", second).await.expect_err("it failed");
    assert!(failed.contains("exit status: 3"), "{failed}");
    let failed = spoken("echo hello", second).await.expect_err("no WAV file");
    assert!(failed.contains("no WAV file"), "{failed}");
    let late = spoken("sleep 20", Duration::from_millis(300)).await.expect_err("it is late");
    assert!(late.contains("took longer"), "{late}");
}

fn wav(channels: u16, sample_rate: u32, bits: u16, samples: &[i32]) -> Vec<u8> {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels, sample_rate, bits_per_sample: bits, sample_format };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("a writer");
    samples.iter().for_each(|sample| writer.write_sample(*sample).expect("a sample"));
    writer.finalize().expect("a file");
    file.into_inner()
}

#[test]
fn wav_files_of_any_usual_kind_become_prompts() {
    let same = samples(&wav(1, 8_000, 16, &[100; 800])).expect("samples");
    assert_eq!(*same, [100; 800]);
    let stereo = samples(&wav(2, 8_000, 16, &[100, 300].repeat(800))).expect("samples");
    assert_eq!(*stereo, [200; 800]);
    let wide = samples(&wav(1, 48_000, 24, &[256_000; 48_000])).expect("samples");
    assert_eq!(wide.len(), 8_000);
    assert!((990..1_010).contains(&wide[4_000]), "{}", wide[4_000]);
    // As a program that writes to a pipe leaves it.
    let mut piped = wav(1, 8_000, 16, &[100; 800]);
    let at = piped.windows(4).position(|four| four == b"data").expect("a chunk") + 4;
    piped[at..at + 4].copy_from_slice(&[0xff; 4]);
    assert_eq!(samples(&piped).expect("samples").len(), 800);
    for broken in [wav(1, 8_000, 16, &[]), wav(1, 500, 16, &[1; 10]), b"RIFF".to_vec(), Vec::new()]
    {
        assert!(samples(&broken).is_err());
    }
}
