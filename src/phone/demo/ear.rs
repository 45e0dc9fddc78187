//! A sink of the demo's own: a WebSocket server that reads the native dialect by its published layout, notes when each
//! frame came, and acknowledges. It shares no code with the side that sends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

/// Names of the tracks by their number in a frame.
pub(super) const TRACKS: [&str; 2] = ["from_customer", "to_customer"];
/// Bytes before the samples of a frame.
const HEADER_BYTES: usize = 24;
/// High nibble 1: version; low nibble 1: audio.
const VERSION_AND_TYPE: u8 = 0x11;
/// Finished streams that wait to be looked at.
const STREAMS: usize = 4;
/// Frames of one stream that are kept: a minute of both tracks. A demo is shorter.
const FRAMES: usize = 2 * 50 * 60;
/// A track is acknowledged once in so many frames.
const FRAMES_PER_ACK: usize = 10;

/// One frame as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarFrame {
    /// 0 is `from_customer`, 1 `to_customer`.
    pub track: usize,
    /// 0 is audio; the other kinds are silence of one sort or another.
    pub kind: u8,
    /// Position of its first sample on the stream's clock.
    pub position: u64,
    /// 16-bit samples.
    pub samples: Vec<i16>,
    /// When it came.
    pub arrived: Instant,
}

/// Everything that came on one connection.
#[derive(Clone, Debug, Default)]
pub struct EarStream {
    /// The first message.
    pub hello: Value,
    /// Audio, in the order in which it came.
    pub frames: Vec<EarFrame>,
    /// Every other message, in order.
    pub tellings: Vec<Value>,
    /// The account at the end.
    pub manifest: Option<Value>,
    /// SHA-256 over the payloads of each track, in hexadecimal.
    pub sha256: [String; 2],
    /// Messages that were neither JSON nor a frame, and frames past the limit.
    pub unreadable: u64,
}

/// The listening sink. Dropping it closes its port.
pub struct Ear {
    address: SocketAddr,
    streams: mpsc::Receiver<EarStream>,
    frames: watch::Receiver<u64>,
    stop: CancellationToken,
}

impl Ear {
    /// Listens on any free port of `local`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(local: IpAddr) -> io::Result<Ear> {
        let listener = TcpListener::bind(SocketAddr::new(local, 0)).await?;
        let address = listener.local_addr()?;
        let (finished, streams) = mpsc::channel(STREAMS);
        let (counted, frames) = watch::channel(0);
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(listen(socket, finished.clone(), counted.clone()));
            }
        }));
        Ok(Ear { address, streams, frames, stop })
    }

    /// What to write into the sink's configuration.
    pub fn url(&self) -> String {
        format!("ws://{}/demo", self.address)
    }

    /// Returns when the first frame has come.
    pub async fn heard_something(&mut self) {
        let _ = self.frames.wait_for(|count| *count > 0).await;
    }

    /// The next stream that is over, whole.
    pub async fn next_stream(&mut self) -> Option<EarStream> {
        self.streams.recv().await
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(socket: TcpStream, finished: mpsc::Sender<EarStream>, counted: watch::Sender<u64>) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(socket).await else {
        return;
    };
    let mut stream = EarStream::default();
    let mut hashes = [Sha256::new(), Sha256::new()];
    let mut received = [0; 2];
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => stream.note(&text),
            Message::Binary(bytes) => {
                let Some(frame) =
                    parse_frame(&bytes, Instant::now()).filter(|_| stream.frames.len() < FRAMES)
                else {
                    stream.unreadable += 1;
                    continue;
                };
                let track = frame.track;
                hashes[track].update(&bytes[HEADER_BYTES..]);
                received[track] += 1;
                let end = frame.position + frame.samples.len() as u64;
                stream.frames.push(frame);
                counted.send_modify(|count| *count += 1);
                if received[track] % FRAMES_PER_ACK == 0 {
                    let ack = json!({ "type": "ack", "track": TRACKS[track], "position": end })
                        .to_string();
                    // A peer that is gone ends the loop at the next read.
                    let _ = socket.send(Message::Text(ack.into())).await;
                }
            }
            Message::Close(_) => break,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    stream.sha256 =
        hashes.map(|hash| hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
    // Nobody looks at streams any more: then this one is not missed either.
    let _ = finished.send(stream).await;
}

impl EarStream {
    fn note(&mut self, text: &str) {
        let Ok(mut telling) = serde_json::from_str::<Value>(text) else {
            return self.unreadable += 1;
        };
        match telling["type"].as_str() {
            Some("hello") if self.hello.is_null() => self.hello = telling,
            Some("manifest") => self.manifest = Some(telling["manifest"].take()),
            Some(_) => self.tellings.push(telling),
            None => self.unreadable += 1,
        }
    }
}

/// Reads a binary message of 16-bit little-endian samples.
fn parse_frame(bytes: &[u8], arrived: Instant) -> Option<EarFrame> {
    let (header, payload) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let [VERSION_AND_TYPE, track, kind, _, _, _, _, _, p0, p1, p2, p3, p4, p5, p6, p7, ..] =
        *header
    else {
        return None;
    };
    let (pairs, rest) = payload.as_chunks::<2>();
    if usize::from(track) >= TRACKS.len() || !rest.is_empty() {
        return None;
    }
    let position = u64::from_be_bytes([p0, p1, p2, p3, p4, p5, p6, p7]);
    let samples = pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
    Some(EarFrame { track: usize::from(track), kind, position, samples, arrived })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn frame(track: u8, position: u64, samples: &[i16]) -> Message {
        let mut bytes = vec![VERSION_AND_TYPE, track, 0, 0, 0, 0, 0, 1];
        bytes.extend(position.to_be_bytes());
        bytes.extend([0; 8]);
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        Message::Binary(bytes.into())
    }

    #[tokio::test]
    async fn a_connection_becomes_one_stream_with_its_frames_and_manifest() {
        let mut ear = Ear::bind(Ipv4Addr::LOCALHOST.into()).await.expect("a port");
        let (mut client, _) = tokio_tungstenite::connect_async(ear.url()).await.expect("connected");
        let text = |value: Value| Message::Text(value.to_string().into());
        client.send(text(json!({ "type": "hello", "sample_rate": 8000 }))).await.expect("sent");
        for index in 0..10 {
            client.send(frame(1, index * 2, &[7, -7])).await.expect("sent");
        }
        ear.heard_something().await;
        let ack =
            client.next().await.expect("an answer").expect("a message").into_text().expect("text");
        let ack: Value = serde_json::from_str(&ack).expect("JSON");
        assert_eq!(ack, json!({ "type": "ack", "track": "to_customer", "position": 20 }));
        client.send(Message::Binary(vec![0x11, 9].into())).await.expect("sent");
        client.send(text(json!({ "type": "gap", "samples": 1 }))).await.expect("sent");
        client
            .send(text(
                json!({ "type": "manifest", "cause": "request", "manifest": { "clock": 20 } }),
            ))
            .await
            .expect("sent");
        client.close(None).await.expect("closed");
        let stream = ear.next_stream().await.expect("a stream");
        assert_eq!(stream.hello["sample_rate"], 8000);
        assert_eq!(stream.frames.len(), 10);
        assert_eq!(
            (stream.frames[9].position, stream.frames[9].samples.as_slice()),
            (18, &[7, -7][..])
        );
        assert_eq!(stream.manifest, Some(json!({ "clock": 20 })));
        assert_eq!((stream.tellings.len(), stream.unreadable), (1, 1));
        let nothing: String =
            Sha256::digest(b"").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(stream.sha256[0], nothing);
        assert_ne!(stream.sha256[1], nothing);
    }
}
