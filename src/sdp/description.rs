//! One session description, read and written.

use super::{Audio, AudioFault, Direction, LocalMedia, Origin, tidy};
use sdp_types::{Attribute, Connection, Media, Session, Time};
use std::fmt;
use std::net::IpAddr;
use thiserror::Error;

/// Why there is no description, or no answer to one.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum SdpError {
    /// The body is not SDP.
    #[error("not a session description: {0}")]
    Malformed(sdp_types::ParserError),
    /// No media line that we can use: audio over plain RTP at a literal unicast address, port not zero.
    #[error("the offer has no audio over RTP/AVP")]
    NoAudio,
    /// An audio line, but none of its codecs is supported.
    #[error("the offer has no codec in common with us")]
    NoCommonCodec,
}

/// One session description, RFC 8866.
///
/// Two descriptions are equal when they say the same, so the origin's version is due for a step when a description differs
/// from the last one sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Description {
    pub(super) session: Session,
}

impl Description {
    /// Reads a description as phones really send it.
    ///
    /// # Errors
    /// No `v=0` line first, a media line without a port, or another line beyond mending.
    pub fn parse(bytes: &[u8]) -> Result<Description, SdpError> {
        let session = Session::parse(tidy::tidy(bytes).as_bytes()).map_err(SdpError::Malformed)?;
        Ok(Description::of(session))
    }

    /// A description is never without times, read or made, so that equal ones compare equal: RFC 8866 §5.9 wants a `t=`
    /// line, and "0 0" is a session that is not bounded.
    pub(super) fn of(mut session: Session) -> Description {
        if session.times.is_empty() {
            session.times.push(Time::new(0, 0));
        }
        Description { session }
    }

    /// The description as a message body.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.session.to_string().into_bytes()
    }

    /// The first usable audio line: RTP/AVP or RTP/AVPF, a port that is not zero, a literal unicast address.
    pub fn audio(&self) -> Option<Audio> {
        self.audio_line().map(|(_, audio)| audio)
    }

    /// What is wrong with its audio, if none of it is usable.
    pub fn audio_fault(&self) -> Option<AudioFault> {
        self.audio_line().is_none().then(|| AudioFault::of(&self.session))
    }

    /// How many media lines there are, refused ones included.
    pub fn media_lines(&self) -> usize {
        self.session.medias.len()
    }

    /// The session id and version of its `o=` line.
    pub fn origin(&self) -> Origin {
        let origin = &self.session.origin;
        Origin { session_id: origin.sess_id.parse().unwrap_or(0), version: origin.sess_version }
    }

    /// The same description with another direction of its audio and a new `o=` version: hold and resume of our own.
    pub fn with_direction(&self, direction: Direction, origin: Origin) -> Description {
        let mut session = self.session.clone();
        session.origin.sess_id = origin.session_id.to_string();
        session.origin.sess_version = origin.version;
        if let Some((index, _)) = self.audio_line() {
            session
                .attributes
                .retain(|attribute| Direction::from_name(&attribute.attribute).is_none());
            if let Some(media) = session.medias.get_mut(index) {
                set_direction(media, direction);
            }
        }
        Description { session }
    }

    /// The first usable audio line and its index among the media lines.
    pub(super) fn audio_line(&self) -> Option<(usize, Audio)> {
        let mut lines = self.session.medias.iter().enumerate();
        lines.find_map(|(index, media)| Some((index, Audio::read(&self.session, media)?)))
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({:?})", self.session.to_string())
    }
}

pub(super) fn our_origin(local: IpAddr, origin: Origin) -> sdp_types::Origin {
    sdp_types::Origin::with_ip_addr(origin.session_id, origin.version, local)
}

/// RFC 8866 §5.3: "-" where a session has no meaningful name.
pub(super) const NO_NAME: &str = "-";

pub(super) fn connection(local: LocalMedia) -> Connection {
    Connection::from_ip_addr(local.address)
}

pub(super) fn set_direction(media: &mut Media, direction: Direction) {
    media.attributes.retain(|attribute| Direction::from_name(&attribute.attribute).is_none());
    media.attributes.push(Attribute::new(direction.name()));
}

/// The line as its refusal, RFC 3264 §6: the same kind, protocol and formats, port zero, nothing else.
pub(super) fn refused(media: &Media) -> Media {
    Media {
        media: media.media.clone(),
        port: 0,
        num_ports: None,
        proto: media.proto.clone(),
        fmt: media.fmt.clone(),
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
    }
}
