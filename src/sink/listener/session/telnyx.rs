//! A connection that speaks Telnyx's protocol.

use super::{Next, Session, SessionError, now_us};
use crate::dialect::telnyx::{self, Telling};
use crate::event::SpanKind;
use crate::id::Track;
use crate::media::Encoding;
use crate::sink::listener::account::{HIGHEST_RATE, Opening, Received};

impl Session {
    pub(super) fn handle_telnyx(&mut self, text: &str) -> Result<Next, SessionError> {
        let telling = match serde_json::from_str(text) {
            Ok(telling) => telling,
            Err(error) if self.stream.is_none() => {
                return Err(SessionError::Unknown(error.to_string()));
            }
            Err(error) => return Ok(self.note_problem(error.to_string())),
        };
        Ok(match telling {
            Telling::Connected { .. } | Telling::Error { .. } => Next::Read,
            Telling::Start { start, stream_id, .. } => {
                return self.handle_telnyx_start(start, stream_id);
            }
            Telling::Media { media, .. } => self.handle_telnyx_media(&media),
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

    fn handle_telnyx_start(
        &mut self,
        start: telnyx::Start,
        stream: String,
    ) -> Result<Next, SessionError> {
        let format = start.media_format;
        let encoding = telnyx::encoding_named(&format.encoding)
            .ok_or_else(|| SessionError::Unknown(format!("encoding {:?}", format.encoding)))?;
        let sample_rate = format.sample_rate.clamp(1, HIGHEST_RATE);
        self.stream = Some(stream.clone());
        self.format = (sample_rate, encoding);
        self.table.open(Opening {
            protocol: "telnyx",
            call: start.call_control_id,
            stream,
            label: start.custom_parameters.get("label").cloned(),
            // Which ones will come is not told.
            tracks: Track::ALL.to_vec(),
            sample_rate,
            encoding,
            encoding_name: format.encoding,
            started_at_us: None,
        });
        Ok(Next::Read)
    }

    fn handle_telnyx_media(&mut self, media: &telnyx::Media) -> Next {
        let (rate, encoding): (u32, Encoding) = self.format;
        let (track, position) = (telnyx::track(media), telnyx::position(media, rate));
        let (Some(track), Some(position), Ok(payload)) =
            (track, position, telnyx::payload(media, encoding))
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
