//! Who says what in the demo: recorded speech where Debian's package has it, our own sample elsewhere.

use std::path::Path;
use std::sync::Arc;

use crate::phone::audio::{parse_wav, read_wav};

/// Where the package `pocketsphinx-testdata` puts its LibriVox recordings.
const RECORDINGS: &str = "/usr/share/pocketsphinx/test/data/librivox";
/// Recordings that are put one after the other for each voice.
const PER_VOICE: usize = 2;

const CUSTOMER: &[u8] = include_bytes!("../../../config/prompts/customer.wav");
const AGENT: &[u8] = include_bytes!("../../../config/prompts/agent.wav");

/// A voice.
pub(in crate::phone) struct Speech {
    /// At 8000 Hz.
    pub(in crate::phone) samples: Arc<[i16]>,
    /// Where it comes from, for the story.
    pub(super) origin: String,
}

impl Speech {
    /// The customer's and the agent's voice.
    pub(super) fn pair() -> (Speech, Speech) {
        Speech::recorded(Path::new(RECORDINGS)).unwrap_or_else(Speech::built_in)
    }

    /// The samples that ship with the program.
    pub(in crate::phone) fn built_in() -> (Speech, Speech) {
        let voice = |bytes, name: &str| Speech {
            samples: parse_wav(bytes).expect("the samples in config/prompts are WAV files").into(),
            origin: format!("{name} (built in)"),
        };
        (voice(CUSTOMER, "customer.wav"), voice(AGENT, "agent.wav"))
    }

    /// Recorded speech; `None` when there is not enough of it for two voices.
    fn recorded(directory: &Path) -> Option<(Speech, Speech)> {
        let entries = std::fs::read_dir(directory).ok()?;
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "wav"));
        files.sort();
        let voice = |files: &[std::path::PathBuf]| {
            let recordings: Result<Vec<_>, _> = files.iter().map(|file| read_wav(file)).collect();
            let samples: Arc<[i16]> = recordings.ok()?.concat().into();
            Some(Speech { samples, origin: format!("LibriVox speech, {} recordings", files.len()) })
        };
        let customer = voice(files.get(..PER_VOICE)?)?;
        let agent = voice(files.get(PER_VOICE..2 * PER_VOICE)?)?;
        Some((customer, agent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_voices_are_speech_of_ten_seconds_and_more() {
        let (customer, agent) = Speech::built_in();
        for voice in [&customer, &agent] {
            assert!(voice.samples.len() > 10 * 8000);
            assert!(voice.samples.iter().any(|sample| sample.unsigned_abs() > 8000));
        }
        assert_ne!(customer.samples, agent.samples);
    }

    #[test]
    fn recordings_are_shared_out_between_the_voices_in_the_order_of_their_names() {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, value) in [("d", 4), ("a", 1), ("c", 3), ("b", 2), ("e", 5)] {
            let path = directory.path().join(name).with_extension("wav");
            crate::phone::write_wav(&path, &[value; 3]).expect("written");
        }
        let (customer, agent) = Speech::recorded(directory.path()).expect("voices");
        assert_eq!(*customer.samples, [1, 1, 1, 2, 2, 2]);
        assert_eq!(*agent.samples, [3, 3, 3, 4, 4, 4]);
    }

    #[test]
    fn a_directory_without_enough_recordings_gives_no_voices() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(Speech::recorded(directory.path()).is_none());
        assert!(Speech::recorded(&directory.path().join("missing")).is_none());
    }
}
