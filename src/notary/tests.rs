use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::event::{Span, SpanKind, TrackManifest};
use crate::id::{CallId, Track};

const AT: Timestamp = Timestamp::from_unix_millis(1_790_000_000_000);

fn manifest(stream: u128, samples: u64) -> Arc<Manifest> {
    let span = Span { kind: SpanKind::Audio, start: 0, samples: 160 };
    let track = TrackManifest {
        track: Track::FromCustomer,
        spans: vec![span],
        packets: 1,
        duplicates: 0,
        reordered: 0,
        late: 0,
        drift_ppm: None,
        sender_reports: None,
        keys: Vec::new(),
        keys_left_out: 0,
        sha256: [7; 32],
    };
    Arc::new(Manifest {
        call: CallId::from_u128(1),
        stream: StreamId::from_u128(stream),
        terminal: 0,
        sink: "asr".into(),
        sample_rate: 8000,
        clock: samples,
        tracks: vec![track],
    })
}

/// Seals so many manifests in a run of its own.
fn run(settings: &Settings, streams: u128) -> PublicKeys {
    let notary = start(settings).expect("a notary");
    (1..=streams).for_each(|stream| notary.seal(manifest(stream, 160), AT));
    assert!(notary.flush());
    assert_eq!(u128::from(notary.figures().sealed()), streams);
    notary.public_key().clone().into()
}

fn settings(directory: &Path) -> Settings {
    let key = directory.join("node.pem");
    let pair = ring::signature::Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new());
    let pair = pair.expect("a key");
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(pair.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    std::fs::write(&key, pem).expect("a file");
    Settings { key: Some(key), ledger: Some(directory.join("manifests.jws")) }
}

fn lines(settings: &Settings) -> Vec<String> {
    let path = settings.ledger.as_ref().expect("a ledger");
    std::fs::read_to_string(path).expect("the ledger").lines().map(str::to_owned).collect()
}

fn judged(lines: &[String], keys: &PublicKeys) -> Vec<String> {
    let verdict = verify(lines.join("\n").as_bytes(), keys).expect("memory can be read");
    verdict.faults.iter().map(|(line, fault)| format!("{line}: {fault}")).collect()
}

#[test]
fn a_chain_goes_on_over_a_restart_and_holds() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let keys = run(&settings, 3);
    run(&settings, 2);
    let verdict = verify(lines(&settings).join("\n").as_bytes(), &keys).expect("readable");
    assert_eq!((verdict.lines, verdict.first, verdict.holds()), (5, Some(1), true));
}

#[test]
fn each_way_to_falsify_a_ledger_is_seen() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let keys = run(&settings, 4);
    let whole = lines(&settings);
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = whole.clone();
        change(&mut lines);
        judged(&lines, &keys)
    };
    assert_eq!(changed(&|_| {}), [""; 0]);
    assert_eq!(
        changed(&|lines| drop(lines.remove(1))),
        ["2: number 3 follows number 1: a line was taken out or put in"]
    );
    assert_eq!(
        changed(&|lines| lines.insert(2, whole[1].clone())),
        ["3: number 2 follows number 2: a line was taken out or put in"]
    );
    assert_eq!(
        changed(&|lines| lines[2] = lines[2].replacen(".ey", ".fy", 1)),
        ["3: the signature does not fit: the line was altered"]
    );
    assert_eq!(changed(&|lines| lines[0] = "hello".into()), ["1: no sealed manifest"]);
    assert_eq!(changed(&|lines| drop(lines.drain(..2))), [""; 0], "the tail of a chain stands");
}

#[test]
fn a_seal_of_the_same_node_in_anothers_place_breaks_the_chain() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let keys = run(&settings, 2);
    let mut genuine = lines(&settings);
    std::fs::remove_file(settings.ledger.as_ref().expect("a ledger")).expect("it is there");
    let notary = start(&settings).expect("a notary");
    notary.seal(manifest(9, 160), AT);
    assert!(notary.flush());
    genuine[0] = lines(&settings).remove(0);
    assert_eq!(
        judged(&genuine, &keys),
        ["2: does not follow the line before it: that line was exchanged"]
    );
}

#[test]
fn a_manifest_that_does_not_add_up_is_named_however_well_it_is_signed() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let notary = start(&settings).expect("a notary");
    notary.seal(manifest(1, 161), AT);
    assert!(notary.flush());
    let keys = notary.public_key().clone().into();
    let stream = StreamId::from_u128(1);
    assert_eq!(
        judged(&lines(&settings), &keys),
        [format!("1: the manifest of stream {stream} does not add up")]
    );
}

#[test]
fn a_key_that_was_not_given_verifies_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    run(&settings, 1);
    let other = NodeKey::generate().expect("a key").public().clone();
    assert!(judged(&lines(&settings), &other.into())[0].contains("which was not given"));
}

#[test]
fn a_torn_line_is_cut_off_and_the_chain_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let keys = run(&settings, 2);
    let path = settings.ledger.clone().expect("a ledger");
    let mut file = OpenOptions::new().append(true).open(path).expect("it is there");
    file.write_all(b"eyJhbGci").expect("written");
    run(&settings, 1);
    let lines = lines(&settings);
    assert_eq!((lines.len(), judged(&lines, &keys)), (3, vec![]));
}

#[test]
fn a_line_longer_than_a_step_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let notary = start(&settings).expect("a notary");
    let keys = notary.public_key().clone().into();
    let mut long = (*manifest(1, 0)).clone();
    long.tracks[0].spans = (0..5_000)
        .map(|at| Span {
            kind: [SpanKind::Audio, SpanKind::Lost][at as usize % 2],
            start: at * 160,
            samples: 160,
        })
        .collect();
    long.clock = 5_000 * 160;
    notary.seal(Arc::new(long), AT);
    assert!(notary.flush());
    run(&settings, 1);
    assert_eq!(judged(&lines(&settings), &keys), [""; 0]);
}

#[test]
fn what_is_no_ledger_is_not_written_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let path = settings.ledger.clone().expect("a ledger");
    std::fs::write(&path, "a diary\n").expect("written");
    assert!(matches!(start(&settings), Err(NotaryError::Ledger(LedgerError::NoLedger(_)))));
    assert_eq!(std::fs::read_to_string(path).expect("readable"), "a diary\n");
}

#[test]
fn keys_are_told_and_read_as_a_set() {
    let key = NodeKey::generate().expect("a key").public().clone();
    let set = PublicKeys::from_jwks(PublicKeys::from(key.clone()).to_jwks().as_bytes());
    assert!(set.expect("a set").find(&key.id()).is_some());
}

#[test]
fn a_file_without_an_ed25519_key_is_refused_with_the_mend() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("rsa.pem");
    std::fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        .expect("written");
    let error = NodeKey::read(&path).map(|_| ()).expect_err("no key");
    assert!(error.to_string().contains("openssl genpkey -algorithm ed25519"), "{error}");
}

#[test]
fn without_a_ledger_the_latest_seals_are_kept_in_memory() {
    let notary = start(&Settings::default()).expect("a notary");
    notary.seal(manifest(1, 160), AT);
    notary.seal(manifest(2, 160), AT);
    assert!(notary.flush());
    let seals = notary.seals(StreamId::from_u128(2));
    assert_eq!(seals.len(), 1);
    let keys = notary.public_key().clone().into();
    assert_eq!(judged(&[seals[0].to_string()], &keys), [""; 0]);
    assert!(notary.seals(StreamId::from_u128(3)).is_empty());
}
