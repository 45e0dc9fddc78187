use super::*;
use crate::id::{CallId, TerminalId, Track, Tracks};
use crate::matroska::{Clusters, Head, find_fragment, tags_of};

fn settings(directory: &std::path::Path) -> Settings {
    Settings {
        directory: directory.join("store"),
        retention: Duration::from_secs(3600),
        max_bytes: 1 << 30,
        fragment_ms: 100,
        readers_per_stream: 2,
    }
}

fn opened(settings: &Settings) -> StreamStore {
    StreamStore::open("calls", settings.clone(), Clock::start()).expect("a store")
}

fn begin(store: &StreamStore, stream: u128) -> StreamWriter {
    let head = Head {
        tracks: Tracks::From,
        sample_rate: 8000,
        started_at_unix_ms: 1_795_000_000_000,
        tags: vec![("ContactId".into(), CallId::from_u128(1).to_string())],
    };
    let terminal = TerminalId::first(StreamId::from_u128(stream));
    store.begin(Begin { call: CallId::from_u128(1), terminal, head }).expect("a stream")
}

/// Appends fragments of 128 ms.
fn append(writer: &mut StreamWriter, fragments: std::ops::Range<u64>) {
    for fragment in fragments {
        let mut clusters = Clusters::new(Tracks::From, 8000, 100);
        clusters.put_frame(Track::FromCustomer, fragment * 1024, &[fragment as u8; 2048]);
        clusters.finish();
        writer.append(&clusters.poll().expect("a cluster")).expect("written");
    }
}

fn kept(store: &StreamStore, stream: u128) -> Arc<Kept> {
    store.of_stream(StreamId::from_u128(stream)).expect("the stream")
}

fn tag(fragment: &[u8], wanted: &str) -> String {
    let found = tags_of(fragment).into_iter().find(|(name, _)| name == wanted);
    found.map(|(_, text)| text).unwrap_or_default()
}

/// What a reader is given until the stream has ended: the first octet of each fragment's audio.
async fn read_all(mut reader: Reader) -> Vec<u8> {
    let mut heard = Vec::new();
    while let Some(fragment) = reader.next().await {
        // Behind the cluster come the tags of the moment; their length is known.
        let length = find_fragment(&fragment).expect("a fragment").length;
        assert_eq!(length, fragment.len() as u64);
        assert_eq!(
            tag(&fragment, "AWS_KINESISVIDEO_CONTINUATION_TOKEN"),
            tag(&fragment, writer::FRAGMENT_NUMBER)
        );
        let producer: u64 =
            writer::milliseconds(&tag(&fragment, writer::PRODUCER_TIMESTAMP)).expect("a time");
        heard.push(((producer - 1_795_000_000_000) / 128) as u8);
    }
    heard
}

#[tokio::test]
async fn readers_begin_where_they_want_and_end_with_the_stream() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = opened(&settings(directory.path()));
    let mut writer = begin(&store, 7);
    let stream = kept(&store, 7);
    append(&mut writer, 0..4);
    let numbers: Vec<u64> = stream.after(0, 9).iter().map(|fragment| fragment.number).collect();
    assert!(numbers.is_sorted_by(|one, two| one < two), "{numbers:?}");
    let at = |start| store.read(&stream, start).expect("a reader");
    let now = at(Start::Now);
    let earliest = at(Start::Earliest);
    assert_eq!(store.read(&stream, Start::Now).err(), Some(ReadError::TooManyReaders));
    append(&mut writer, 4..6);
    drop(writer);
    assert_eq!(read_all(now).await, [3, 4, 5]);
    assert_eq!(read_all(earliest).await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(read_all(at(Start::After(numbers[1]))).await, [2, 3, 4, 5]);
    assert_eq!(read_all(at(Start::ProducerTime(1_795_000_000_000 + 300))).await, [2, 3, 4, 5]);
    assert_eq!(read_all(at(Start::ProducerTime(1_795_000_009_000))).await, [0_u8; 0]);
    let server_ms = stream.after(0, 1)[0].server_ms;
    assert_eq!(read_all(at(Start::ServerTime(server_ms))).await, [0, 1, 2, 3, 4, 5]);
    let figures = store.figures();
    assert_eq!((figures.fragments, figures.written, figures.readers), (6, 6, 0));
    assert_eq!(figures.refused_readers, 1);
}

#[tokio::test]
async fn a_reader_that_waits_is_woken_by_what_is_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = opened(&settings(directory.path()));
    let mut writer = begin(&store, 7);
    let mut reader = store.read(&kept(&store, 7), Start::Now).expect("a reader");
    let (next, ()) = tokio::join!(reader.next(), async {
        tokio::task::yield_now().await;
        append(&mut writer, 0..1);
    });
    assert_eq!(tag(&next.expect("a fragment"), "ContactId"), CallId::from_u128(1).to_string());
    drop(writer);
    assert_eq!(reader.next().await, None);
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything_but_the_torn_fragment() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = settings(directory.path());
    let store = opened(&settings);
    let mut writer = begin(&store, 7);
    append(&mut writer, 0..33);
    let stream = kept(&store, 7);
    let before = stream.after(0, 99);
    let path = stream.file(2);
    let whole = std::fs::metadata(&path).expect("the second file").len();
    let mut torn = std::fs::read(&path).expect("the second file");
    torn.truncate(700);
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| io::Write::write_all(&mut file, &torn))
        .expect("a torn fragment");
    drop((writer, store));

    let store = opened(&settings);
    let stream = kept(&store, 7);
    assert_eq!(stream.after(0, 99), before);
    assert_eq!(std::fs::metadata(&path).expect("the second file").len(), whole);
    let bytes: u64 = before.iter().map(|fragment| fragment.length).sum();
    assert_eq!((store.figures().torn, store.figures().bytes), (1, bytes));
    assert!(stream.is_ended());
    let reader = store.read(&stream, Start::Earliest).expect("a reader");
    assert_eq!(read_all(reader).await.len(), 33);
}

#[test]
fn what_is_too_old_goes_file_by_file_and_a_stream_goes_with_its_last() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = opened(&settings(directory.path()));
    let mut writer = begin(&store, 7);
    append(&mut writer, 0..35);
    let now = store.0.now();
    store.0.sweep(now + 3_500_000);
    assert_eq!(store.figures().fragments, 35);
    store.0.sweep(now + 3_700_000);
    assert_eq!((store.figures().fragments, store.figures().removed), (5, 30), "one is written to");
    let (start, stop) = kept(&store, 7).span();
    drop(writer);
    store.0.sweep(now + 3_700_000);
    let figures = store.figures();
    assert_eq!((figures.streams, figures.fragments, figures.bytes), (0, 0, 0));
    assert!(start.is_some() && start < stop);
    let left = std::fs::read_dir(directory.path().join("store")).expect("the store").count();
    assert_eq!((left, figures.failed_removals), (0, 0));
}

#[test]
fn a_store_that_is_full_gives_up_the_oldest_of_all_streams() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = Settings { max_bytes: 200_000, ..settings(directory.path()) };
    let store = opened(&settings);
    let (mut first, mut second) = (begin(&store, 7), begin(&store, 8));
    append(&mut first, 0..31);
    append(&mut second, 0..100);
    let figures = store.figures();
    assert!(figures.bytes <= 200_000, "{figures:?}");
    assert_eq!(figures.written, figures.removed + figures.fragments as u64);
    assert_eq!(kept(&store, 7).len(), 1, "its full file went first");
}

#[tokio::test]
async fn a_fragment_that_was_removed_is_passed_over_and_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = opened(&settings(directory.path()));
    let mut writer = begin(&store, 7);
    append(&mut writer, 0..32);
    drop(writer);
    let stream = kept(&store, 7);
    std::fs::remove_file(stream.file(1)).expect("the first file");
    let reader = store.read(&stream, Start::Earliest).expect("a reader");
    assert_eq!(read_all(reader).await, [30, 31]);
    assert_eq!(store.figures().passed_over, 30);
}

#[test]
fn the_names_are_those_that_amazons_clients_take() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = opened(&settings(directory.path()));
    let _writer = begin(&store, 7);
    let stream = kept(&store, 7);
    let prefix = format!("calls-contact-{}", CallId::from_u128(1));
    assert_eq!(stream.name(), format!("{prefix}-{}", StreamId::from_u128(7)));
    assert!(
        stream.arn().starts_with("arn:aws:kinesisvideo:local:000000000000:stream/calls-contact-")
    );
    assert_eq!(store.list(&prefix, "", 9).len(), 1);
    assert_eq!(store.list("others", "", 9).len() + store.list("", stream.name(), 9).len(), 0);
}
