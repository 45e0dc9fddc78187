//! Texts as speech: a local program reads the text and writes a WAV file.

use std::collections::{HashMap, VecDeque};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::sync::Semaphore;

use super::wave;
use crate::switch::Utterance;

/// Longest WAV file that is read: five minutes at 48 kHz.
const SPEECH_BYTES: u64 = 30_000_000;
/// What of spoken texts is kept: as many samples as fit into 32 MiB. The oldest make room.
const KEPT_SAMPLES: usize = 16 * 1024 * 1024;

/// What speaks texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeechProgram {
    /// The program and its arguments, in which `{language}` and `{voice}` stand for the contact's. The text comes on its standard
    /// input; a WAV file is expected on its standard output.
    pub command: Vec<String>,
    /// How long one text may take.
    pub limit: Duration,
    /// How many may be spoken at once; more wait.
    pub at_once: usize,
}

/// Has texts spoken, and keeps what was spoken.
pub(super) struct Speaker {
    program: SpeechProgram,
    permits: Semaphore,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    samples: HashMap<Utterance, Arc<[i16]>>,
    order: VecDeque<Utterance>,
    total: usize,
}

impl Speaker {
    pub(super) fn new(program: SpeechProgram) -> Speaker {
        let permits = Semaphore::new(program.at_once);
        Speaker { program, permits, kept: Mutex::default() }
    }

    pub(super) async fn speak(&self, utterance: &Utterance) -> Result<Arc<[i16]>, String> {
        if let Some(samples) = self.kept().samples.get(utterance) {
            return Ok(Arc::clone(samples));
        }
        let limit = self.program.limit;
        let spoken = tokio::time::timeout(limit, self.run(utterance)).await;
        let late = || format!("the speech program took longer than {} s", limit.as_secs());
        let samples = spoken.map_err(|_| late())??;
        self.kept().keep(utterance.clone(), Arc::clone(&samples));
        Ok(samples)
    }

    async fn run(&self, utterance: &Utterance) -> Result<Arc<[i16]>, String> {
        let failed = |error: std::io::Error| format!("the speech program failed: {error}");
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|_| "the speech program is not run".to_owned())?;
        let mut child = self.command(utterance)?.spawn().map_err(failed)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let text = utterance.text.clone().into_bytes();
        // A program that writes before it has read everything must not wait for us.
        let writing = async move {
            if let Some(mut input) = input {
                // One that does not want all of it may still speak.
                let _ = input.write_all(&text).await;
            }
        };
        let reading = async move {
            let mut file = Vec::new();
            if let Some(output) = output {
                output.take(SPEECH_BYTES).read_to_end(&mut file).await?;
            }
            Ok(file)
        };
        let ((), file) = tokio::join!(writing, reading);
        let file: Vec<u8> = file.map_err(failed)?;
        let status = child.wait().await.map_err(failed)?;
        if !status.success() {
            return Err(format!("the speech program failed: {status}"));
        }
        wave::samples(&file).map_err(|error| format!("the speech program's output: {error}"))
    }

    fn command(&self, utterance: &Utterance) -> Result<Command, String> {
        let fill = |argument: &String| {
            argument.replace("{language}", &utterance.language).replace("{voice}", &utterance.voice)
        };
        let mut arguments = self.program.command.iter().map(fill);
        let program = arguments.next().ok_or("no speech program is named")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, utterance: Utterance, samples: Arc<[i16]>) {
        if samples.len() > KEPT_SAMPLES || self.samples.contains_key(&utterance) {
            return;
        }
        self.total += samples.len();
        self.samples.insert(utterance.clone(), samples);
        self.order.push_back(utterance);
        while self.total > KEPT_SAMPLES
            && let Some(oldest) = self.order.pop_front()
        {
            let forgotten = self.samples.remove(&oldest);
            self.total -= forgotten.map(|samples| samples.len()).unwrap_or_default();
        }
    }
}
