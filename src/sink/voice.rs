//! What a sink says to the parties, and the marks that come back when they have heard so much.

use std::collections::VecDeque;

use crate::media::{Encoding, VoiceWriter, linear};

/// Marks that wait for what was said before them; a sink that sets more is refused.
const MARKS_LIMIT: usize = 256;

/// The back-channel of one sink: the same words for each hearer.
#[derive(Debug)]
pub(super) struct BackChannel {
    voices: Vec<VoiceWriter>,
    encoding: Encoding,
    marks: VecDeque<Mark>,
    samples: Vec<i16>,
    said: u64,
    given_up: u64,
}

/// A longer name is refused: it is kept, and sent back.
const NAME_BYTES: usize = 256;

/// A name, and how far each hearer has to be for it.
#[derive(Debug)]
struct Mark {
    name: String,
    positions: Vec<u64>,
}

impl BackChannel {
    /// The sink writes its samples as `encoding` says. `None` when nobody would hear it.
    pub(super) fn new(voices: Vec<VoiceWriter>, encoding: Encoding) -> Option<Self> {
        let channel = BackChannel {
            voices,
            encoding,
            marks: VecDeque::new(),
            samples: Vec::new(),
            said: 0,
            given_up: 0,
        };
        (!channel.voices.is_empty()).then_some(channel)
    }

    /// Says this behind what was said before. What a full buffer does not take is given up and counted, for the hearer that has the
    /// least room.
    pub(super) fn say(&mut self, payload: &[u8]) {
        self.samples.clear();
        self.samples.extend(linear(self.encoding, payload));
        let living = self.voices.iter_mut().filter(|voice| !voice.is_abandoned());
        let taken = living.map(|voice| voice.write(&self.samples)).min().unwrap_or_default();
        self.said += taken as u64;
        self.given_up += (self.samples.len() - taken) as u64;
    }

    /// The name comes back when everything said so far was heard. False when it is too long, or too many wait already.
    pub(super) fn mark(&mut self, name: String) -> bool {
        if self.marks.len() == MARKS_LIMIT || name.len() > NAME_BYTES {
            return false;
        }
        let positions = self.voices.iter().map(VoiceWriter::written).collect();
        self.marks.push_back(Mark { name, positions });
        true
    }

    /// What was said and not heard yet is not said any more; its marks are reached.
    pub(super) fn hush(&mut self) {
        self.voices.iter_mut().for_each(VoiceWriter::clear);
    }

    /// The next mark up to which every hearer has heard all.
    pub(super) fn next_heard(&mut self) -> Option<String> {
        let mark = self.marks.front()?;
        let mut places = self.voices.iter().zip(&mark.positions);
        let is_reached = places.all(|(voice, position)| {
            // Who is gone is not waited for.
            voice.is_abandoned() || voice.played() >= *position
        });
        if !is_reached {
            return None;
        }
        self.marks.pop_front().map(|mark| mark.name)
    }

    /// Samples that went to the parties' buffers, and samples given up because those were full.
    pub(super) fn sums(&self) -> (u64, u64) {
        (self.said, self.given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::voice;

    #[test]
    fn what_a_full_buffer_does_not_take_is_counted() {
        let (writer, _reader) = voice(8000, 100);
        let mut channel = BackChannel::new(vec![writer], Encoding::Pcmu).expect("a hearer");
        channel.say(&[0xff; 500]);
        channel.say(&[0xff; 500]);
        assert_eq!(channel.sums(), (800, 200));
    }

    #[test]
    fn a_mark_behind_nothing_is_reached_at_once_and_marks_keep_their_order() {
        let (writer, reader) = voice(8000, 1000);
        let mut channel = BackChannel::new(vec![writer], Encoding::L16).expect("a hearer");
        assert!(channel.mark("before".into()));
        channel.say(&[0; 320]);
        assert!(channel.mark("after".into()));
        assert_eq!(channel.next_heard().as_deref(), Some("before"));
        assert_eq!(channel.next_heard(), None, "nobody has heard it");
        drop(reader);
        assert_eq!(channel.next_heard().as_deref(), Some("after"), "nobody will ever hear it");
    }

    #[test]
    fn so_many_marks_wait_and_no_more() {
        let (writer, _reader) = voice(8000, 1000);
        let mut channel = BackChannel::new(vec![writer], Encoding::L16).expect("a hearer");
        channel.say(&[0; 2]);
        let taken = (0..300).filter(|n| channel.mark(n.to_string())).count();
        assert_eq!(taken, MARKS_LIMIT);
        channel.hush();
        assert!(!channel.mark("n".repeat(NAME_BYTES + 1)));
    }

    #[test]
    fn without_a_hearer_there_is_no_back_channel() {
        assert!(BackChannel::new(Vec::new(), Encoding::L16).is_none());
    }
}
