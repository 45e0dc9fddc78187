//! What the configuration may say about contact flows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::flow::{Flow, Library, Loading, Resource};
use crate::media::Prompt;

/// The number of the flow demo.
const DEMO_NUMBER: &str = "5000";
/// The id of the flow demo.
const DEMO: &str = "demo";
const DEMO_DOCUMENT: &str = include_str!("../../../config/flows/demo.json");

/// Settings of contact flows.
#[derive(Clone, Debug)]
pub struct FlowSettings {
    /// The flows.
    pub library: Library,
    /// Which number leads to which flow, by the flow's id or name.
    pub numbers: BTreeMap<String, String>,
    /// What the flows let people hear, by name: samples at [`PROMPT_RATE_HZ`](crate::media::PROMPT_RATE_HZ).
    pub prompts: Prompts,
    /// Whether the blocks Start and Stop media streaming do anything.
    pub streaming: bool,
    /// Whether texts can be spoken.
    pub speaks: bool,
}

impl Default for FlowSettings {
    /// The flow demo alone, without a number.
    fn default() -> Self {
        let mut library = Library::default();
        let demo = Flow::read(DEMO, DEMO_DOCUMENT, &Loading::default());
        library.insert(demo.expect("a test reads the document that is shipped"));
        FlowSettings {
            library,
            numbers: BTreeMap::new(),
            prompts: Prompts::default(),
            streaming: true,
            speaks: false,
        }
    }
}

impl FlowSettings {
    /// Lets the flow demo be dialled, unless its number is taken.
    pub fn with_demo(mut self) -> FlowSettings {
        self.numbers.entry(DEMO_NUMBER.to_owned()).or_insert_with(|| DEMO.to_owned());
        self
    }
}

/// Recorded sounds by name.
#[derive(Clone, Default)]
pub struct Prompts(BTreeMap<String, Arc<[i16]>>);

impl Prompts {
    /// Adds one, in place of one of the same name. A name has no `.wav`.
    pub fn insert(&mut self, name: impl Into<String>, samples: Arc<[i16]>) {
        self.0.insert(name.into(), samples);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The prompt that a document names. `music` is the switch's own unless there is one of that name.
    pub(super) fn find(&self, resource: &Resource) -> Option<Prompt> {
        let known = resource.names().find_map(|name| self.named(name));
        let is_music = || resource.names().any(|name| stem(name).eq_ignore_ascii_case("music"));
        known.or_else(|| is_music().then_some(Prompt::Music))
    }

    /// The prompt that an address names by its last part.
    pub(super) fn at(&self, uri: &str) -> Option<Prompt> {
        self.named(uri.split(['?', '#']).next()?.rsplit('/').next()?)
    }

    fn named(&self, name: &str) -> Option<Prompt> {
        let samples = self.0.get(name).or_else(|| self.0.get(stem(name)))?;
        Some(Prompt::Recording(Arc::clone(samples)))
    }
}

impl std::fmt::Debug for Prompts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn stem(name: &str) -> &str {
    let path = Path::new(name);
    let is_wav = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
    if is_wav { name.get(..name.len() - ".wav".len()).unwrap_or(name) } else { name }
}
