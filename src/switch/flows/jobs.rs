//! What flows have done outside of the switch, each answered once.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::flow::Function;
use crate::id::CallId;

/// Ties what was done to the job that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub u64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    /// Call a function.
    Invoke(Function),
    /// Speak a text.
    Speak(Utterance),
}

/// A text to be spoken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Utterance {
    /// The text.
    pub text: String,
    /// Whether it is marked up, as SSML.
    pub is_ssml: bool,
    /// The contact's language, like `en-US`.
    pub language: String,
    /// The voice that its flow has chosen.
    pub voice: String,
}

/// What has become of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// The function's answer, or what went wrong.
    Answered(Result<Json, String>),
    /// The text as samples at [`PROMPT_RATE_HZ`](crate::media::PROMPT_RATE_HZ), or what went wrong.
    Spoken(Result<Arc<[i16]>, String>),
}

/// Jobs that are not done, each with the contact that waits. One whose contact has gone stays until it is done.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    last: u64,
    waiting: HashMap<JobId, CallId>,
}

impl Jobs {
    pub(super) fn begin(&mut self, contact: CallId) -> JobId {
        self.last += 1;
        let id = JobId(self.last);
        self.waiting.insert(id, contact);
        id
    }

    pub(super) fn finish(&mut self, id: JobId) -> Option<CallId> {
        self.waiting.remove(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
