//! What needs no WebSocket: AudioSocket over TCP, RTP over UDP. And what comes first wherever there is a first.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message as Wire;

use super::bench::{Bench, at_url, soon, speech};
use crate::call::{SinkAsk, SinkEvent};
use crate::dialect::audiosocket::Heard;
use crate::dialect::{DialectKind, Format};
use crate::event::{Cause, SpanKind};
use crate::id::{TerminalId, Track};
use crate::media::Control;
use crate::sink::{AudioSocket, HostPort, Kind, Reconnect, Rtp, Settings};

async fn server() -> (TcpListener, HostPort) {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let port = server.local_addr().expect("bound").port();
    (server, HostPort::new("127.0.0.1", port))
}

fn audiosocket(addresses: Vec<HostPort>, heard: Heard) -> Settings {
    let kind = Kind::AudioSocket(AudioSocket { addresses, heard });
    let reconnect =
        Reconnect { attempts: 5, first_delay_ms: 10, max_delay_ms: 50, ..Reconnect::default() };
    Settings { reconnect, ..Settings::new("asr".into(), kind) }
}

/// The next packet: kind and payload.
async fn packet(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let kind = soon(stream.read_u8()).await.expect("a packet");
    let length = soon(stream.read_u16()).await.expect("its length");
    let mut payload = vec![0; length.into()];
    soon(stream.read_exact(&mut payload)).await.expect("its payload");
    (kind, payload)
}

fn samples(payload: &[u8]) -> Vec<i16> {
    payload.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
}

#[tokio::test]
async fn an_audiosocket_server_gets_the_id_the_mixed_speech_and_the_hang_up() {
    let (server, address) = server().await;
    let mut bench = Bench::new(vec![audiosocket(vec![address], Heard::Mixed)]);
    let mut fed = bench.open("asr");
    fed.feed(20);
    let (mut stream, _) = soon(server.accept()).await.expect("a connection");
    let id = u128::from_str_radix(&hexadecimal(&packet(&mut stream).await), 16).expect("an id");
    assert_eq!(id, fed.stream.as_u128());
    // What a two-way server would say to the caller.
    stream.write_all(&[0x10, 0, 2, 0, 0]).await.expect("written");
    for number in 0..20 {
        let (kind, payload) = packet(&mut stream).await;
        let both = speech(Track::FromCustomer, number).into_iter();
        let both = both.zip(speech(Track::ToCustomer, number)).map(|(a, b)| a.saturating_add(b));
        assert_eq!((kind, samples(&payload)), (0x10, both.collect()), "{number}");
    }
    let is_refused = async {
        while bench.handle.pools()[0].refused_messages != 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon(is_refused).await;
    bench.close(&fed);
    assert_eq!(packet(&mut stream).await, (0, Vec::new()));
    assert_eq!(soon(stream.read(&mut [0; 1])).await.expect("the end"), 0);
    drop(stream);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::Request);
    told.manifest.expect("a manifest").check().expect("it adds up");
}

fn hexadecimal((kind, payload): &(u8, Vec<u8>)) -> String {
    assert_eq!(*kind, 1, "the id comes first");
    payload.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_audiosocket_server_that_hangs_up_stops_its_stream_and_one_that_dies_is_sought_again() {
    let (server, address) = server().await;
    let mut bench = Bench::new(vec![audiosocket(vec![address], Heard::Only(Track::FromCustomer))]);
    let mut fed = bench.open("asr");
    let (stream, _) = soon(server.accept()).await.expect("a connection");
    drop(stream);
    fed.feed(5);
    let (mut stream, _) = soon(server.accept()).await.expect("it comes again");
    hexadecimal(&packet(&mut stream).await);
    let (kind, payload) = packet(&mut stream).await;
    assert_eq!((kind, payload.len()), (0x10, 320));
    stream.write_all(&[0, 0, 0]).await.expect("written");
    let asked = bench.until(fed.stream, |event| matches!(event, SinkEvent::Asked { .. })).await;
    assert_eq!(
        asked,
        SinkEvent::Asked { terminal: TerminalId::first(fed.stream), verb: SinkAsk::Stop }
    );
    bench.close(&fed);
    bench.finished(fed.stream).await;
}

/// "After a reconnect no media is sent", or endless reconnects (amigniter/mod_audio_stream#29 and #82).
#[tokio::test]
async fn reconnect_sends_media() {
    // The others want an answer of their own in the handshake, or behind it.
    for dialect in [DialectKind::Native, DialectKind::Twilio, DialectKind::Telnyx] {
        let (server, address) = server().await;
        let mut bench = Bench::new(vec![at_url(&format!("ws://{address}/"), dialect)]);
        let mut fed = bench.open("asr");
        for round in 0..4 {
            let (stream, _) = soon(server.accept()).await.expect("it comes again");
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
            // A second of both tracks, spoken when the connection is there.
            fed.feed(50);
            let mut media = 0;
            while media < 40 {
                let message = soon(socket.next()).await.expect("a message").expect("unbroken");
                media += u32::from(match message {
                    Wire::Text(text) => text.contains("\"media\""),
                    Wire::Binary(_) => true,
                    _ => false,
                });
            }
            // The connection is lost in the middle of it, without a word.
            drop(socket);
            if round > 0 {
                bench.until(fed.stream, |event| matches!(event, SinkEvent::Back { .. })).await;
            }
        }
        bench.close(&fed);
        bench.finished(fed.stream).await;
    }
}

/// "Audio before the message that starts it, in a tenth of the calls" (asterisk/asterisk#1712), "connected, but no metadata"
/// (drachtio/drachtio-freeswitch-modules#69).
#[tokio::test]
async fn no_audio_before_metadata() {
    let is_metadata = |message: &Wire| match message {
        Wire::Text(text) => !text.contains("\"media\""),
        _ => false,
    };
    for (dialect, metadata) in [(DialectKind::Native, 1), (DialectKind::Twilio, 2)] {
        let (server, address) = server().await;
        let mut bench = Bench::new(vec![at_url(&format!("ws://{address}/"), dialect)]);
        let mut fed = bench.open("asr");
        // A second of audio waits before the handshake is over, and again before the second one is.
        for _ in 0..2 {
            fed.feed(50);
            let (stream, _) = soon(server.accept()).await.expect("a connection");
            sleep(Duration::from_millis(50)).await;
            let mut socket = tokio_tungstenite::accept_async(stream).await.expect("a handshake");
            let mut heard = Vec::new();
            while heard.len() < 10 {
                heard.push(soon(socket.next()).await.expect("a message").expect("unbroken"));
            }
            let first = heard.iter().take_while(|message| is_metadata(message)).count();
            assert_eq!(first, metadata, "{dialect:?}: {heard:?}");
        }
        bench.close(&fed);
        bench.finished(fed.stream).await;
    }
}

/// Four sockets on ports in a row.
async fn four_ports() -> [UdpSocket; 4] {
    loop {
        let first = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let port = first.local_addr().expect("bound").port();
        let further = |n| UdpSocket::bind((Ipv4Addr::LOCALHOST, port.wrapping_add(n)));
        if let (Ok(second), Ok(third), Ok(fourth)) =
            (further(1).await, further(2).await, further(3).await)
        {
            return [first, second, third, fourth];
        }
    }
}

struct Packet {
    sequence: u16,
    timestamp: u32,
    marker: bool,
    ssrc: u32,
    payload: Vec<u8>,
}

async fn rtp(socket: &UdpSocket) -> Packet {
    let mut datagram = [0; 2_000];
    let length = soon(socket.recv(&mut datagram)).await.expect("a packet");
    let field = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().expect("four"));
    Packet {
        sequence: u16::from_be_bytes([datagram[2], datagram[3]]),
        timestamp: field(4),
        marker: datagram[1] & 0x80 != 0,
        ssrc: field(8),
        payload: datagram[12..length].to_vec(),
    }
}

#[tokio::test]
async fn a_place_that_gets_rtp_hears_each_track_at_its_port_and_a_pause_as_time() {
    let [from, from_control, to, to_control] = four_ports().await;
    let address = HostPort::new("localhost", from.local_addr().expect("bound").port());
    let mut settings = Settings::new("asr".into(), Kind::Rtp(Rtp { address, payload_type: 97 }));
    settings.format = Format::TELEPHONE;
    let mut bench = Bench::new(vec![settings]);
    let mut fed = bench.open("asr");
    fed.feed(10);
    bench.until(fed.stream, |event| matches!(event, SinkEvent::Flowing { .. })).await;
    bench.control(&fed, Control::Pause);
    fed.feed(15);
    bench.control(&fed, Control::Resume);
    fed.feed(10);
    let mut sources = Vec::new();
    for (track, socket) in [(Track::FromCustomer, &from), (Track::ToCustomer, &to)] {
        let first = rtp(socket).await;
        assert!(first.marker);
        for number in (1..10).chain(25..35) {
            let next = rtp(socket).await;
            let samples = next.payload.as_chunks::<2>().0.iter();
            let samples: Vec<i16> = samples.map(|sample| i16::from_be_bytes(*sample)).collect();
            assert_eq!(samples, speech(track, number), "{track} {number}");
            let sent = if number < 10 { number } else { number - 15 };
            assert_eq!(next.sequence, first.sequence.wrapping_add(sent as u16));
            assert_eq!(next.timestamp, first.timestamp.wrapping_add(number as u32 * 160));
            assert_eq!((next.marker, next.ssrc), (number == 25, first.ssrc));
        }
        sources.push(first.ssrc);
    }
    assert_ne!(sources[0], sources[1]);
    bench.close(&fed);
    let told = bench.finished(fed.stream).await;
    assert_eq!(told.cause, Cause::Request);
    let manifest = told.manifest.expect("a manifest");
    assert!(manifest.tracks.iter().all(|account| account.samples(SpanKind::Audio) == 20 * 160));
    // A sender report (200) with what was sent, and the goodbye.
    for (socket, ssrc) in [(&from_control, sources[0]), (&to_control, sources[1])] {
        let mut datagram = [0; 500];
        let length = soon(socket.recv(&mut datagram)).await.expect("a report");
        assert_eq!((datagram[1], &datagram[4..8]), (200, &ssrc.to_be_bytes()[..]));
        assert_eq!(datagram[20..24], 20_u32.to_be_bytes());
        assert!(datagram[..length].windows(2).any(|bytes| bytes == [0x81, 203]), "no goodbye");
    }
    // Nobody sends any more.
    assert!(timeout(Duration::from_millis(50), from.recv(&mut [0; 10])).await.is_err());
}
