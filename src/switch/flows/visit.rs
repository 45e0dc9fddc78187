//! One contact in the switch's flows: what is known of it, the run that has it, and what that run waits for outside.

use std::sync::Arc;

use super::jobs::JobId;
use crate::flow::{Contact, Run};
use crate::id::PlayId;
use crate::media::Prompt;

/// See the module.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) contact: Contact,
    /// `None` between flows: the contact is with a third party, or waits.
    pub(super) run: Option<Run>,
    pub(super) hears: Hears,
    /// The function whose answer is awaited.
    pub(super) function: Option<JobId>,
    pub(super) dialling: Option<Dialling>,
    /// What is to be recorded once somebody has joined the customer.
    pub(super) recorded_later: bool,
}

/// What the customer hears of its flow.
#[derive(Debug, Default)]
pub(super) enum Hears {
    #[default]
    Nothing,
    /// This prompt.
    Playing(PlayId),
    /// Nothing so far: texts of it are being spoken.
    Awaiting(Composition),
}

/// A call to a third party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialling {
    /// Whether the flow goes on when the third party has hung up.
    pub(super) resume: bool,
}

/// What is to be heard, some of it still to be spoken.
#[derive(Debug)]
pub(super) struct Composition {
    pub(super) parts: Vec<Part>,
    pub(super) repeat: bool,
}

/// A part of it.
#[derive(Debug)]
pub(super) enum Part {
    Ready(Prompt),
    Job(JobId),
}

impl Visit {
    pub(super) fn new(contact: Contact) -> Visit {
        Visit {
            contact,
            run: None,
            hears: Hears::Nothing,
            function: None,
            dialling: None,
            recorded_later: false,
        }
    }
}

impl Composition {
    /// Puts what was spoken in its place. Returns whether it had one.
    pub(super) fn fill(&mut self, job: JobId, samples: Arc<[i16]>) -> bool {
        let awaited = |part: &&mut Part| matches!(part, Part::Job(id) if *id == job);
        let Some(part) = self.parts.iter_mut().find(awaited) else { return false };
        *part = Part::Ready(Prompt::Recording(samples));
        true
    }

    pub(super) fn awaits(&self, job: JobId) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Job(id) if *id == job))
    }

    /// All of it, once nothing is missing.
    pub(super) fn prompt(&self) -> Option<Prompt> {
        let ready = self.parts.iter().map(|part| match part {
            Part::Ready(prompt) => Some(prompt.clone()),
            Part::Job(_) => None,
        });
        let mut prompts = ready.collect::<Option<Vec<Prompt>>>()?;
        match prompts.len() {
            1 => prompts.pop(),
            _ => Some(Prompt::Sequence(prompts)),
        }
    }
}
