//! What a script's `$NAME`s stand for: the tags, branches and numbers of the live call.

use bytes::Bytes;
use sidestream::sip::digest::authorize;
use sidestream::sip::{Headers, Message};

use super::settings::{PASSWORD, USER};

/// The last request that the switch sent to a phone, and the dialog that it has with it.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Call-ID of the dialog.
    pub(super) call: String,
    /// The switch's tag.
    pub(super) tag: String,
    /// Header values of the last request from the switch.
    via: String,
    from: String,
    to: String,
    cseq: String,
    call_of_request: String,
    /// The last challenge of the switch.
    challenge: String,
}

impl Names {
    /// Takes note of a message that the switch sent to this phone.
    pub(super) fn note(&mut self, message: &Message) {
        let request = match message {
            Message::Request(request) => request,
            Message::Response(response) => {
                if let Some(challenge) = response.header("WWW-Authenticate") {
                    self.challenge = challenge.to_owned();
                }
                return;
            }
        };
        let value = |name: &str| request.header(name).unwrap_or_default().to_owned();
        self.via = value("Via");
        self.from = value("From");
        self.to = value("To");
        self.cseq = value("CSeq");
        self.call_of_request = request.call_id().to_owned();
    }

    /// The dialog as the switch's message shows it; its tag is in From of a request and in To of a response.
    pub(super) fn learn_dialog(&mut self, headers: &Headers, tag: Option<&str>) {
        self.call = headers.call_id().to_owned();
        self.tag = tag.unwrap_or_default().to_owned();
    }

    /// The script's text as a message: names filled in, line ends as SIP has them, `$LEN` the length of the body.
    pub(super) fn fill(&self, text: &[u8], serial: u64) -> Bytes {
        let mut out = Vec::with_capacity(text.len() + 200);
        let mut rest = text;
        while let Some((first, following)) = rest.split_first() {
            let length = following.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
            match *first {
                b'$' if length > 0 => {
                    let (name, after) = following.split_at(length);
                    self.write(name, serial, text, &mut out);
                    rest = after;
                    continue;
                }
                b'\n' if out.last() != Some(&b'\r') => out.extend_from_slice(b"\r\n"),
                byte => out.push(byte),
            }
            rest = following;
        }
        with_length(out)
    }

    /// Authorization for the request that begins this text, with the user's password or with none that would do.
    fn credentials(&self, text: &[u8], password: &str, serial: u64) -> Option<String> {
        let mut words =
            std::str::from_utf8(text.split(|byte| *byte == b'\n').next()?).ok()?.split(' ');
        let (method, uri) = (words.next()?, words.next()?);
        let nc = u32::try_from(serial).unwrap_or(1);
        authorize(&self.challenge, method, uri, USER, password, "c", nc)
    }

    fn write(&self, name: &[u8], serial: u64, text: &[u8], out: &mut Vec<u8>) {
        let credentials = |password| self.credentials(text, password, serial).unwrap_or_default();
        let value = match name {
            b"CALL" => &self.call,
            b"TAG" => &self.tag,
            b"VIA" => &self.via,
            b"FROM" => &self.from,
            b"TO" => &self.to,
            b"CSEQ" => &self.cseq,
            b"CID" => &self.call_of_request,
            b"N" => &serial.to_string(),
            b"RIGHT" => &credentials(PASSWORD),
            b"WRONG" => &credentials("wrong"),
            _ => {
                out.push(b'$');
                return out.extend_from_slice(name);
            }
        };
        out.extend_from_slice(value.as_bytes());
    }
}

/// `$LEN`, if it is in the head, becomes the length of what follows the head.
fn with_length(message: Vec<u8>) -> Bytes {
    const PLACE: &[u8] = b"$LEN";
    let find = |needle: &[u8]| message.windows(needle.len()).position(|window| window == needle);
    let (Some(place), Some(end)) = (find(PLACE), find(b"\r\n\r\n")) else {
        return message.into();
    };
    let length = (message.len() - end - 4).to_string();
    let mut message = message;
    message.splice(place..place + PLACE.len(), length.into_bytes());
    message.into()
}
