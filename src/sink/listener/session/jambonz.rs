//! A connection that speaks the protocol of jambonz and mod_audio_fork.

use super::{Next, Session, SessionError, now_us};
use crate::dialect::jambonz::{Metadata, Telling};
use crate::event::SpanKind;
use crate::id::Track;
use crate::media::{Channels, Encoding};
use crate::sink::listener::account::{HIGHEST_RATE, Opening, Received};

/// Where the samples of a connection stand.
#[derive(Clone, Copy)]
pub(super) struct Place {
    channels: Channels,
    position: u64,
    sample_rate: u32,
}

impl Place {
    /// Milliseconds as samples.
    const fn samples(self, millis: u64) -> u64 {
        millis.saturating_mul(self.sample_rate as u64) / 1000
    }
}

impl Session {
    pub(super) fn handle_jambonz(&mut self, text: &str) -> Result<Next, SessionError> {
        if self.place.is_none() {
            let metadata: Metadata = serde_json::from_str(text)
                .map_err(|error| SessionError::Unknown(error.to_string()))?;
            return self.handle_metadata(metadata);
        }
        match serde_json::from_str(text) {
            Ok(Telling::Dtmf { dtmf, .. }) => {
                dtmf.chars().for_each(|digit| self.with(|account| account.dtmf(digit)));
            }
            Ok(Telling::Mark { name }) => self.with(|account| account.mark(name)),
            Ok(Telling::Discarded { duration, .. }) => {
                if let Some(place) = &mut self.place {
                    let (start, samples) = (place.position, place.samples(duration));
                    place.position = start.saturating_add(samples);
                    for track in Track::ALL {
                        self.with(|account| {
                            account.gap(track, SpanKind::Discarded, start, samples);
                        });
                    }
                }
            }
            Err(error) => return Ok(self.note_problem(error.to_string())),
        }
        Ok(Next::Read)
    }

    fn handle_metadata(&mut self, metadata: Metadata) -> Result<Next, SessionError> {
        let channels = Channels::ALL
            .into_iter()
            .filter(|channels| *channels != Channels::Separate)
            .find(|channels| channels.as_str() == metadata.mix_type)
            .ok_or_else(|| SessionError::Unknown(format!("mixType {:?}", metadata.mix_type)))?;
        let sample_rate = metadata.sample_rate.clamp(1, HIGHEST_RATE);
        let place = Place { channels, position: 0, sample_rate };
        self.place = Some(Place { position: place.samples(metadata.start), ..place });
        self.stream = Some(metadata.stream_id.clone());
        self.table.open(Opening {
            protocol: "jambonz",
            call: metadata.call_sid,
            stream: metadata.stream_id,
            label: metadata.label,
            tracks: match channels {
                Channels::Stereo => Track::ALL.to_vec(),
                // Whatever is in it, it is one channel.
                Channels::Separate | Channels::Mono | Channels::Mixed => vec![Track::FromCustomer],
            },
            sample_rate,
            encoding: Encoding::L16,
            encoding_name: format!("l16 {}", metadata.mix_type),
            started_at_us: None,
        });
        Ok(Next::Read)
    }

    pub(super) fn handle_samples(&mut self, bytes: &[u8]) -> Next {
        let Some(place) = &mut self.place else {
            return self.note_problem("samples before the metadata".to_owned());
        };
        let size = 2 * place.channels.count() as usize;
        let (position, stereo) = (place.position, place.channels == Channels::Stereo);
        place.position = position.saturating_add((bytes.len() / size) as u64);
        if !bytes.len().is_multiple_of(size) {
            return self.note_problem(format!("{} bytes end inside a sample", bytes.len()));
        }
        let part = |at: usize| -> Vec<u8> {
            bytes.chunks_exact(size).flat_map(|both| both[at..at + 2].iter().copied()).collect()
        };
        let tracks: &[Track] = if stereo { &Track::ALL } else { &[Track::FromCustomer] };
        for track in tracks {
            let payload = part(2 * track.index());
            let received = Received {
                track: *track,
                kind: SpanKind::Audio,
                position,
                now_us: now_us(),
                arrival_us: None,
                payload: &payload,
            };
            self.with(|account| account.frame(received));
        }
        self.after_frame()
    }

    /// The connection of a protocol without a last message is closed in the orderly way.
    pub(super) fn handle_close(&mut self) {
        if self.place.is_some() {
            self.with(|account| account.stop());
            self.finish();
        }
    }
}
