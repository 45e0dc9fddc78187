//! A WebSocket sink for thousands of streams that reads ten times a second, many frames at once, and counts them. It shares a
//! core with the phones, and what it costs must not be theirs.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use sha1::{Digest, Sha1};

use crate::{orders, tell};

const BETWEEN_READS: Duration = Duration::from_millis(100);
/// RFC 6455 §1.3.
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// RFC 6455 §11.8.
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// What came of all streams.
#[derive(Default)]
struct Totals {
    streams: u64,
    /// Frames of audio, and those of anything else: lost, silence, discarded.
    audio: u64,
    other: u64,
    /// Told gaps and what else is text.
    texts: u64,
}

/// Takes streams; for each line of the script it tells what came since the line before.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    tell(&json!({ "port": listener.local_addr()?.port() }))?;
    let (asked, asks) = mpsc::sync_channel(1);
    std::thread::spawn(move || orders().take_while(Result::is_ok).all(|_| asked.send(()).is_ok()));
    let mut connections: Vec<Connection> = Vec::new();
    let mut totals = Totals::default();
    loop {
        while let Ok((socket, _)) = listener.accept() {
            socket.set_nonblocking(true)?;
            connections.push(Connection { socket, bytes: Vec::new(), open: false });
        }
        connections.retain_mut(|connection| connection.read(&mut totals));
        match asks.try_recv() {
            Ok(()) => {
                let Totals { streams, audio, other, texts } = std::mem::take(&mut totals);
                tell(
                    &json!({ "streams": streams, "audio": audio, "other": other, "texts": texts }),
                )?;
            }
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
        }
        std::thread::sleep(BETWEEN_READS);
    }
}

struct Connection {
    socket: TcpStream,
    bytes: Vec<u8>,
    open: bool,
}

impl Connection {
    /// Reads what has come; whether more may come.
    fn read(&mut self, totals: &mut Totals) -> bool {
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => return false,
                Ok(length) => self.bytes.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        if !self.open && !self.shake_hands(totals) {
            return true;
        }
        let mut at = 0;
        while let Some((opcode, third, end)) = frame(&self.bytes, at) {
            match opcode {
                // docs/native-protocol.md: the third byte is the frame's kind.
                BINARY if third == 0 => totals.audio += 1,
                BINARY => totals.other += 1,
                TEXT => totals.texts += 1,
                CLOSE => {
                    // An empty close frame of a server.
                    let _ = self.socket.write_all(&[0x88, 0]);
                    return false;
                }
                _ => {}
            }
            at = end;
        }
        self.bytes.drain(..at);
        true
    }

    /// Answers the request when it is whole; whether it was.
    fn shake_hands(&mut self, totals: &mut Totals) -> bool {
        let Some(end) = self.bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let request = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        let header = |wanted: &str| {
            let found = request.lines().filter_map(|line| line.split_once(':'));
            found
                .filter(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, it)| it.trim())
                .next()
        };
        let key = header("Sec-WebSocket-Key").unwrap_or_default();
        let accept = STANDARD.encode(Sha1::digest(format!("{key}{KEY_SUFFIX}")));
        let protocol = header("Sec-WebSocket-Protocol")
            .map(|it| format!("Sec-WebSocket-Protocol: {it}\r\n"))
            .unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{protocol}\r\n"
        );
        self.bytes.drain(..end + 4);
        self.open = self.socket.write_all(answer.as_bytes()).is_ok();
        totals.streams += u64::from(self.open);
        self.open
    }
}

/// The frame of a client at `at`, RFC 6455 §5.2: its opcode, the third byte of its payload, and where it ends.
fn frame(bytes: &[u8], at: usize) -> Option<(u8, u8, usize)> {
    let (first, second) = (*bytes.get(at)?, *bytes.get(at + 1)?);
    let (length, mask) = match second & 0x7F {
        126 => (u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?) as usize, at + 4),
        127 => (u64::from_be_bytes(bytes.get(at + 2..at + 10)?.try_into().ok()?) as usize, at + 10),
        short => (short as usize, at + 2),
    };
    // What a client sends is masked, always.
    let payload = mask + 4;
    let end = payload.checked_add(length).filter(|end| *end <= bytes.len())?;
    let third = bytes.get(payload + 2).map_or(0, |byte| byte ^ bytes[mask + 2]);
    Some((first & 0x0F, third, end))
}
