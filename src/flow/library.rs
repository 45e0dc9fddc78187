//! The flows of an instance, found by id, name or ARN.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::Flow;
use super::effect::Resource;

/// Flows by their id.
#[derive(Clone, Debug, Default)]
pub struct Library {
    flows: BTreeMap<String, Arc<Flow>>,
}

impl Library {
    /// Adds a flow, in place of one of the same id.
    pub fn insert(&mut self, flow: Flow) {
        self.flows.insert(flow.id().to_owned(), Arc::new(flow));
    }

    /// Takes a flow away.
    pub fn remove(&mut self, id: &str) -> Option<Arc<Flow>> {
        self.flows.remove(id)
    }

    /// The flow of this id, ARN or name.
    pub fn find(&self, text: &str) -> Option<&Arc<Flow>> {
        let last = text.rsplit('/').next().unwrap_or(text);
        self.flows
            .get(text)
            .or_else(|| self.flows.get(last))
            .or_else(|| self.flows.values().find(|flow| flow.name() == text))
    }

    /// The flow that a document names: by its id, else by the name that the document's editor showed.
    pub fn resolve(&self, resource: &Resource) -> Option<&Arc<Flow>> {
        self.find(&resource.id).or_else(|| self.find(resource.name.as_deref()?))
    }

    /// All flows in order of their ids.
    pub fn flows(&self) -> impl Iterator<Item = &Arc<Flow>> {
        self.flows.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }
}
