//! Documents: read, imported, checked. What is wrong with one is found at once, each problem with its place and its mend.

mod blocks;
mod export;
mod fields;
mod input;
mod language;
mod problem;
mod routing;

use std::sync::Arc;

pub use problem::{Problem, Problems, Severity};

use super::block::Action;
use super::condition::ActionIndex;
use super::kinds::FlowType;

/// Longest document, in bytes. Connect's own limit is a quarter of that.
const DOCUMENT_BYTES: usize = 1_000_000;
/// Most actions of a document.
const ACTIONS: usize = 1_000;

/// A document that may be run.
#[derive(Debug)]
pub struct Flow {
    id: String,
    name: String,
    description: String,
    kind: FlowType,
    content: Arc<str>,
    pub(super) actions: Vec<Action>,
    pub(super) start: ActionIndex,
    remarks: Vec<Problem>,
}

/// How documents are read.
#[derive(Clone, Debug, Default)]
pub struct Loading {
    /// Whether actions that cannot be run are taken, to take their error branch.
    pub allow_unsupported: bool,
    /// The type, if the document does not say it. Without either it is [`FlowType::Contact`].
    pub kind: Option<FlowType>,
    /// The name, if the document does not say it. Without either it is the id.
    pub name: Option<String>,
}

impl Flow {
    /// Reads a document: the flow language, or an older export of the console.
    ///
    /// # Errors
    /// Every problem for which it cannot be run.
    pub fn read(id: &str, text: &str, loading: &Loading) -> Result<Flow, Problems> {
        if text.len() > DOCUMENT_BYTES {
            let what = format!("the document has {} bytes", text.len());
            let mend =
                format!("split it with TransferToFlow; {DOCUMENT_BYTES} bytes are the limit");
            return Err(Problems::of(Problem::document("", what, mend)));
        }
        let json = serde_json::from_str(text).map_err(|error| {
            Problems::of(Problem::document("", format!("not JSON: {error}"), "write a JSON object"))
        })?;
        let read = if export::is_export(&json) {
            language::read(&export::convert(&json)?, loading)
        } else {
            language::read(&json, loading)
        }?;
        Ok(Flow {
            id: id.to_owned(),
            name: read.name.or_else(|| loading.name.clone()).unwrap_or_else(|| id.to_owned()),
            description: read.description,
            kind: read.kind,
            content: text.into(),
            actions: read.actions,
            start: read.start,
            remarks: read.remarks,
        })
    }

    /// Its id: what it is found by first.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for, in words.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Its type.
    pub fn kind(&self) -> FlowType {
        self.kind
    }

    /// The document as it was given.
    pub fn content(&self) -> &str {
        &self.content
    }

    /// How many actions it has.
    pub fn action_count(&self) -> usize {
        self.actions.len()
    }

    /// What should be mended, though it may be run: unsupported actions are among them when they were allowed.
    pub fn remarks(&self) -> &[Problem] {
        &self.remarks
    }
}
