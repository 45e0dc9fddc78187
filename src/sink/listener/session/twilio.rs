//! A connection that speaks Twilio's protocol.

use super::{Next, Session, SessionError, now_us};
use crate::dialect::twilio::{self, Telling};
use crate::event::SpanKind;
use crate::media::Encoding;
use crate::sink::listener::account::{HIGHEST_RATE, Opening, Received};

impl Session {
    pub(super) fn handle_twilio(&mut self, text: &str) -> Result<Next, SessionError> {
        let telling = match serde_json::from_str(text) {
            Ok(telling) => telling,
            Err(error) if self.stream.is_none() => {
                return Err(SessionError::Unknown(error.to_string()));
            }
            Err(error) => return Ok(self.note_problem(error.to_string())),
        };
        Ok(match telling {
            Telling::Connected(_) => Next::Read,
            Telling::Start { start, .. } => {
                self.handle_start(start);
                Next::Read
            }
            Telling::Media { media, .. } => self.handle_media(&media),
            Telling::Dtmf { dtmf, .. } => {
                dtmf.digit.chars().for_each(|digit| self.with(|account| account.dtmf(digit)));
                Next::Read
            }
            Telling::Mark { mark, .. } => {
                self.with(|account| account.mark(mark.name));
                Next::Read
            }
            Telling::Stop { .. } => {
                self.with(|account| account.stop());
                self.finish()
            }
        })
    }

    fn handle_start(&mut self, start: twilio::Start) {
        self.stream = Some(start.stream_sid.clone());
        self.table.open(Opening {
            protocol: "twilio",
            call: start.call_sid,
            stream: start.stream_sid,
            label: start.custom_parameters.get("label").cloned(),
            tracks: start.tracks.iter().filter_map(|name| twilio::track_named(name)).collect(),
            sample_rate: start.media_format.sample_rate.clamp(1, HIGHEST_RATE),
            encoding: Encoding::Pcmu,
            encoding_name: start.media_format.encoding,
            started_at_us: None,
        });
    }

    fn handle_media(&mut self, media: &twilio::Media) -> Next {
        let (track, position) = (twilio::track_named(&media.track), twilio::position(media));
        let (Some(track), Some(position), Ok(payload)) = (track, position, twilio::payload(media))
        else {
            return self.note_problem("a media message that makes no sense".to_owned());
        };
        let received = Received {
            track,
            kind: SpanKind::Audio,
            position,
            now_us: now_us(),
            arrival_us: None,
            payload: &payload,
        };
        self.with(|account| account.frame(received));
        self.after_frame()
    }
}
