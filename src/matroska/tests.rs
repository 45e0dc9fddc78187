use super::*;
use crate::event::{Span, SpanKind};
use Track::{FromCustomer, ToCustomer};

fn head() -> Head {
    Head {
        tracks: Tracks::Both,
        sample_rate: 8000,
        started_at_unix_ms: 1_795_000_000_123,
        tags: vec![("ContactId".into(), "01KAJ4E8Q2X6M5T0V9R7B3C1DF".into())],
    }
}

/// 20 ms of a track; every sample is the number of its frame.
fn put(clusters: &mut Clusters, track: Track, frames: std::ops::Range<u64>) {
    for frame in frames {
        clusters.put_frame(track, frame * 160, &(frame as i16).to_le_bytes().repeat(160));
    }
}

fn gap(kind: SpanKind, start: u64, samples: u64) -> Span {
    Span { kind, start, samples }
}

/// `0-8192 f0 t0 f512 …`: where a cluster begins and ends, and where its blocks begin.
fn shown(cluster: &Cluster) -> String {
    let blocks = cluster.blocks.iter().map(|block| {
        let short = if block.data.len() == FRAME_BYTES {
            String::new()
        } else {
            format!("/{}", block.data.len())
        };
        let name = if block.track == FromCustomer { 'f' } else { 't' };
        format!(" {name}{}{short}", block.position)
    });
    format!("{}-{}{}", cluster.start, cluster.end, blocks.collect::<String>())
}

#[test]
fn a_cluster_waits_for_both_tracks_and_holds_whole_blocks_in_order_of_time() {
    let mut clusters = Clusters::new(Tracks::Both, 8000, 120);
    put(&mut clusters, FromCustomer, 0..20);
    assert_eq!(clusters.poll(), None, "the other track is not known so far");
    put(&mut clusters, ToCustomer, 0..9);
    let cluster = clusters.poll().expect("both tracks are known beyond 120 ms");
    assert_eq!(shown(&cluster), "0-1024 f0 t0 f512 t512");
    assert_eq!(clusters.poll(), None);
    clusters.finish();
    let cluster = clusters.poll().expect("the rest");
    assert_eq!(shown(&cluster), "1024-2048 f1024 t1024/832 f1536");
    assert_eq!(shown(&clusters.poll().expect("the rest")), "2048-3200 f2048 f2560 f3072/256");
    assert_eq!(clusters.poll(), None);
}

#[test]
fn a_gap_is_a_jump_in_time_and_its_kind_is_told_once() {
    let mut clusters = Clusters::new(Tracks::From, 8000, 1000);
    put(&mut clusters, FromCustomer, 0..5);
    clusters.put_gap(FromCustomer, gap(SpanKind::Held, 800, 8000));
    clusters.put_gap(FromCustomer, gap(SpanKind::Held, 8800, 160));
    clusters.put_gap(FromCustomer, gap(SpanKind::Lost, 8960, 160));
    clusters.put_note(Note::Dtmf(FromCustomer, '5', 9120));
    clusters.put_note(Note::Mark("card number".into(), 9120));
    put(&mut clusters, FromCustomer, 57..60);
    clusters.finish();
    let cluster = clusters.poll().expect("audio before the gap");
    assert_eq!(shown(&cluster), "0-800 f0 f512/576");
    let tags: Vec<Tag> = cluster.notes.iter().map(Note::tag).collect();
    let text: Vec<String> = tags.iter().map(|(name, text)| format!("{name}: {text}")).collect();
    let expected = [
        "SIDESTREAM_GAP: from_customer held 800 8160",
        "SIDESTREAM_GAP: from_customer lost 8960 160",
        "SIDESTREAM_DTMF: from_customer 5 9120",
        "SIDESTREAM_MARK: 9120 card number",
    ];
    assert_eq!(text, expected);
    assert_eq!(shown(&clusters.poll().expect("audio behind the gap")), "9120-9600 f9120/960");
}

#[test]
fn a_track_that_stays_away_holds_the_other_for_two_seconds_at_most() {
    let mut clusters = Clusters::new(Tracks::Both, 8000, 1000);
    put(&mut clusters, ToCustomer, 0..150);
    assert_eq!(clusters.poll(), None);
    put(&mut clusters, ToCustomer, 150..151);
    let cluster = clusters.poll().expect("the wait is over");
    assert!(cluster.blocks.iter().all(|block| block.track == ToCustomer));
    assert_eq!((cluster.start, cluster.end), (0, 16 * 512));
}

#[test]
fn what_comes_twice_is_passed_over() {
    let mut clusters = Clusters::new(Tracks::From, 8000, 10);
    put(&mut clusters, FromCustomer, 0..4);
    put(&mut clusters, FromCustomer, 1..5);
    clusters.put_frame(FromCustomer, 700, &[9; 400]);
    clusters.finish();
    let all = std::iter::from_fn(|| clusters.poll()).flat_map(|cluster| cluster.blocks);
    let data: Vec<u8> = all.flat_map(|block| block.data).collect();
    assert_eq!(data.len(), 2 * 900);
    assert_eq!(data.get(1600..), Some(&[9; 200][..]));
}

#[test]
fn notes_do_not_wait_for_audio_for_ever() {
    let mut clusters = Clusters::new(Tracks::From, 8000, 1000);
    clusters.put_gap(FromCustomer, gap(SpanKind::Paused, 0, 8000));
    assert_eq!(clusters.poll(), None);
    for number in 0..63 {
        clusters.put_note(Note::Mark(number.to_string(), 8000));
    }
    let cluster = clusters.poll().expect("so many are told");
    assert_eq!((cluster.start, cluster.blocks.len(), cluster.notes.len()), (8000, 0, 64));
    clusters.put_note(Note::Mark("last".into(), 8000));
    assert_eq!(clusters.poll(), None);
    clusters.finish();
    assert_eq!(clusters.poll().map(|cluster| cluster.notes.len()), Some(1));
}

#[test]
fn a_fragment_is_found_again_with_its_tags_and_takes_more_at_its_end() {
    let mut clusters = Clusters::new(Tracks::Both, 8000, 1000);
    put(&mut clusters, FromCustomer, 0..10);
    clusters.finish();
    let cluster = clusters.poll().expect("a cluster");
    let more = [("AWS_KINESISVIDEO_FRAGMENT_NUMBER".to_owned(), "7".to_owned())];
    let mut fragment = head().fragment(&more, &cluster);
    let expected: Vec<Tag> = head().tags.into_iter().chain(more).collect();
    let found = find_fragment(&fragment).expect("a fragment");
    assert_eq!((found.length, found.tags.as_ref()), (fragment.len() as u64, Some(&expected)));
    let cut = find_fragment(fragment.get(..80).unwrap_or_default()).expect("its beginning");
    assert_eq!(cut, Found { length: fragment.len() as u64, tags: None });
    assert_eq!(find_fragment(fragment.get(..40).unwrap_or_default()), None);
    assert_eq!(find_fragment(b"anything else that is no Matroska at all"), None);

    let last = [("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW".to_owned(), "0".to_owned())];
    append_to_fragment(&mut fragment, &tags(&last));
    let found = find_fragment(&fragment).expect("a fragment");
    assert_eq!(found.length, fragment.len() as u64);
    assert_eq!(tags_of(&fragment), [expected, last.to_vec()].concat());
}

#[test]
fn a_file_is_completed_in_its_place() {
    let opening = head().opening();
    let mut file = opening.bytes.clone();
    file.extend([0; 100]);
    let length = file.len() as u64;
    for (at, bytes) in opening.completion(length, 1234) {
        let at = at as usize;
        file.get_mut(at..at + bytes.len()).expect("within the opening").copy_from_slice(&bytes);
    }
    let segment = found::segment(&file).expect("a segment of known size");
    assert_eq!(segment.body_at as u64 + segment.size, length);
    let body = file.get(segment.body_at..).expect("a body");
    let (id, info) = ebml::elements(body).next().expect("the information");
    assert_eq!(id, ids::INFO);
    let duration = ebml::elements(info).find(|(id, _)| *id == ids::DURATION).map(|(_, body)| body);
    assert_eq!(duration, Some(&1234f64.to_be_bytes()[..]));
}
