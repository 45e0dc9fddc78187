//! A stream of bytes in every kind of pieces.

use super::*;
use crate::sip::MAX_MESSAGE;

/// Three messages, one with a body, with a keep-alive in between.
fn three() -> (Vec<u8>, [Vec<u8>; 3]) {
    let text = String::from_utf8_lossy(OPTIONS);
    let with_body =
        text.replace("Content-Length: 0\r\n\r\n", "Content-Length: 9\r\n\r\n\r\n\r\nabcde");
    let compact = text.replace("Content-Length: 0", "l : 0").replace("Call-ID: 1", "i: 2");
    let parts = [OPTIONS.to_vec(), with_body.into_bytes(), compact.into_bytes()];
    let stream = [&parts[0][..], b"\r\n\r\n", &parts[1], b"\r\n", &parts[2]].concat();
    (stream, parts)
}

async fn check(pieces: impl Iterator<Item = &[u8]>, parts: &[Vec<u8>; 3]) {
    let mut bench = Bench::with(TcpLimits::default());
    let mut peer = bench.connect().await;
    for piece in pieces {
        peer.write_all(piece).await.expect("open");
        // The kernel may still join pieces; the framer's own tests cut at every byte without one.
        tokio::task::yield_now().await;
    }
    for part in parts {
        assert_eq!(bench.next_message().await.1, part);
    }
    assert_eq!(bench.counters.tcp_keep_alives.read(), 1);
}

#[tokio::test]
async fn messages_come_whole_whatever_the_pieces() {
    let (stream, parts) = three();
    check([&stream[..]].into_iter(), &parts).await;
    for size in [1, 2, 3, 7, 64, 191] {
        check(stream.chunks(size), &parts).await;
    }
}

#[tokio::test]
async fn a_message_that_claims_to_be_too_large_is_refused_before_it_comes() {
    let mut bench = Bench::with(TcpLimits::default());
    let mut peer = bench.connect().await;
    let claim = format!("Content-Length: {MAX_MESSAGE}");
    let large = String::from_utf8_lossy(OPTIONS).replace("Content-Length: 0", &claim);
    peer.write_all(large.as_bytes()).await.expect("open");
    let answer = read_some(&mut peer).await;
    assert!(answer.starts_with(b"SIP/2.0 513 "), "{}", String::from_utf8_lossy(&answer));
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_framing.read(), 1);
}

#[tokio::test]
async fn a_message_that_drips_byte_by_byte_is_cut_off_at_the_message_time() {
    let mut bench = Bench::with(brief(Duration::from_millis(200), Duration::from_secs(60)));
    let mut peer = bench.connect().await;
    peer.write_all(OPTIONS).await.expect("open");
    bench.next_message().await;
    for byte in OPTIONS.chunks(1) {
        // Each byte comes in time; all of them together do not.
        if peer.write_all(byte).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(matches!(bench.next().await, Inbound::Closed { .. }));
    assert_eq!(bench.counters.tcp_closed_slow.read(), 1);
}

#[tokio::test]
async fn silent_connections_of_one_address_are_refused_beyond_their_number_and_talking_ones_are_not()
 {
    let mut bench = Bench::with(TcpLimits { unproven_per_address: 1, ..TcpLimits::default() });
    let mut silent = bench.connect().await;
    let mut refused = bench.connect().await;
    assert_eq!(read_some(&mut refused).await, b"");
    assert_eq!(bench.counters.tcp_refused.read(), 1);
    silent.write_all(OPTIONS).await.expect("open");
    bench.next_message().await;
    let mut welcome = bench.connect().await;
    welcome.write_all(OPTIONS).await.expect("open");
    bench.next_message().await;
}
