//! What contact flows have done outside: functions called over signed HTTP, and texts spoken by a local program.
//!
//! Each [`Job`] is a task of its own with a limit of time; its end comes back to the switch, whatever it is. Nothing here makes a call
//! wait but the one whose flow asked.

mod endpoint;
mod signature;
mod speech;
#[cfg(test)]
mod tests;
mod wave;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, mpsc};

pub use endpoint::{Endpoint, EndpointError};
pub use signature::{Key, KeyIdError};
pub use speech::SpeechProgram;
pub use wave::{WaveError, samples};

use crate::switch::{Done, Job, JobId};
use endpoint::Caller;
use speech::Speaker;

/// Functions that are called at once; one more is told that there are too many.
const CALLS_AT_ONCE: usize = 256;
/// What has been done and waits for the driver; a job that finds it full waits.
const DONE_LIMIT: usize = 1_024;

/// What flows may have done.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Functions by the name that documents know them by.
    pub functions: BTreeMap<String, Endpoint>,
    /// What speaks texts.
    pub speech: Option<SpeechProgram>,
}

/// Takes jobs. Cheap to clone.
#[derive(Clone)]
pub struct Functions {
    caller: Arc<Caller>,
    speaker: Option<Arc<Speaker>>,
    permits: Arc<Semaphore>,
    done: mpsc::Sender<(JobId, Done)>,
    counts: Arc<Counts>,
}

/// What has become of jobs so far.
#[derive(Debug, Default)]
pub struct Counts {
    invoked: AtomicU64,
    invocations_failed: AtomicU64,
    spoken: AtomicU64,
    speech_failed: AtomicU64,
}

/// What was counted, at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Functions that answered as they should.
    pub invoked: u64,
    /// Functions that did not.
    pub invocations_failed: u64,
    /// Texts that were spoken.
    pub spoken: u64,
    /// Texts that could not be.
    pub speech_failed: u64,
}

/// Gets ready. What is done comes by the receiver.
///
/// # Errors
/// When there is no HTTP client to be had.
pub fn start(
    settings: &Settings,
) -> Result<(Functions, mpsc::Receiver<(JobId, Done)>), EndpointError> {
    let (done, receiver) = mpsc::channel(DONE_LIMIT);
    let functions = Functions {
        caller: Arc::new(Caller::new(settings.functions.clone())?),
        speaker: settings.speech.clone().map(|program| Arc::new(Speaker::new(program))),
        permits: Arc::new(Semaphore::new(CALLS_AT_ONCE)),
        done,
        counts: Arc::default(),
    };
    Ok((functions, receiver))
}

impl Functions {
    /// Begins a job. It never blocks.
    pub fn send(&self, id: JobId, job: Job) {
        let functions = self.clone();
        tokio::spawn(async move {
            let done = functions.run(job).await;
            functions.counts.count(&done);
            // The driver may have ended.
            let _ = functions.done.send((id, done)).await;
        });
    }

    /// What was counted.
    pub fn figures(&self) -> Figures {
        let counts = &self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            invoked: read(&counts.invoked),
            invocations_failed: read(&counts.invocations_failed),
            spoken: read(&counts.spoken),
            speech_failed: read(&counts.speech_failed),
        }
    }

    async fn run(&self, job: Job) -> Done {
        match job {
            Job::Invoke(function) => {
                let Ok(_permit) = self.permits.try_acquire() else {
                    let why = format!("{CALLS_AT_ONCE} functions are being called already");
                    return Done::Answered(Err(why));
                };
                let answer = self.caller.call(&function).await;
                Done::Answered(answer.map_err(|error| error.to_string()))
            }
            Job::Speak(utterance) => {
                let spoken = match &self.speaker {
                    Some(speaker) => speaker.speak(&utterance).await,
                    None => Err("no program speaks texts".to_owned()),
                };
                Done::Spoken(spoken)
            }
        }
    }
}

impl Counts {
    fn count(&self, done: &Done) {
        let count = match done {
            Done::Answered(Ok(_)) => &self.invoked,
            Done::Answered(Err(_)) => &self.invocations_failed,
            Done::Spoken(Ok(_)) => &self.spoken,
            Done::Spoken(Err(_)) => &self.speech_failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
