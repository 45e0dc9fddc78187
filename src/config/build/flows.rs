//! Contact flows: which there are, what they let people hear, which numbers lead to them, and what they have done outside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Builder;
use crate::config::Config;
use crate::config::error::Flaw;
use crate::config::file::{File, Flows, Function};
use crate::config::place::Place;
use crate::dialplan::Goal;
use crate::flow::{Flow, Loading};
use crate::functions::{self, Endpoint, Key, SpeechProgram};
use crate::switch::{FlowSettings, Prompts};

/// The prompts of the flow demo.
const PROMPTS: [(&str, &[u8]); 3] = [
    ("menu", include_bytes!("../../../config/prompts/menu.wav")),
    ("done", include_bytes!("../../../config/prompts/done.wav")),
    ("failed", include_bytes!("../../../config/prompts/failed.wav")),
];

/// Shortest secret that a function's requests are signed with.
const SHORTEST_SECRET: usize = 12;

/// Where documents and prompts are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowFiles {
    /// Documents: `NAME.json`.
    pub directory: Option<PathBuf>,
    /// Prompts: `NAME.wav`.
    pub prompts: Option<PathBuf>,
    /// Whether documents may hold actions that cannot be run.
    pub allow_unsupported: bool,
}

impl FlowFiles {
    pub(super) fn of(flows: &Flows) -> FlowFiles {
        FlowFiles {
            directory: flows.directory.as_ref().map(PathBuf::from),
            prompts: flows.prompts.as_ref().map(PathBuf::from),
            allow_unsupported: flows.allow_unsupported,
        }
    }
}

impl Builder {
    /// Flows without their files, which are read when the whole file has been found to be good.
    pub(super) fn flows(&mut self, file: &File) -> FlowSettings {
        let flows = &file.flows;
        for number in flows.numbers.keys() {
            let is_dialled = |c: char| c.is_ascii_digit() || matches!(c, '+' | '*' | '#');
            if number.is_empty() || number.len() > 32 || !number.chars().all(is_dialled) {
                let place = Place::at("flows.numbers").key(number);
                self.wrong(place, format!("`{number}` is no number that can be dialled"));
            }
        }
        let mut prompts = Prompts::default();
        for (name, wav) in PROMPTS {
            let samples = functions::samples(wav).expect("a test reads the files that are shipped");
            prompts.insert(name, samples);
        }
        let settings = FlowSettings {
            numbers: flows.numbers.clone(),
            prompts,
            streaming: flows.streaming,
            speaks: flows.speech.is_some(),
            ..FlowSettings::default()
        };
        if file.sip.test_numbers { settings.with_demo() } else { settings }
    }

    /// What flows have done outside.
    pub(super) fn functions(&mut self, flows: &Flows) -> functions::Settings {
        let place = |name: &str| Place::at("flows.functions").key(name);
        let functions: BTreeMap<String, Endpoint> = flows
            .functions
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), self.function(&place(name), it)?)))
            .collect();
        let speech = flows.speech.as_ref().map(|speech| {
            if speech.command.first().is_none_or(String::is_empty) {
                self.wrong(Place::at("flows.speech.command"), "no program is named");
            }
            SpeechProgram {
                command: speech.command.clone(),
                limit: self.seconds("flows.speech.timeout_s", speech.timeout_s, 1..=120),
                at_once: self.count("flows.speech.at_once", speech.at_once, 1..=256),
            }
        });
        functions::Settings { functions, speech }
    }

    fn function(&mut self, place: &Place, function: &Function) -> Option<Endpoint> {
        let Function { url, key_id, secret } = function;
        self.check_secret(place.key("secret"), secret, key_id, SHORTEST_SECRET);
        let key = Key::new(key_id, secret.as_bytes());
        let key = key.map_err(|error| self.wrong(place.key("key_id"), error.to_string())).ok()?;
        let endpoint = Endpoint::new(url, key);
        let endpoint =
            endpoint.map_err(|error| self.wrong(place.key("url"), error.to_string())).ok()?;
        if endpoint.is_open() {
            let what = "what contacts say would be read by whoever is on the way";
            self.note(Flaw::at(place.key("url"), what).with_help("use https://"));
        }
        Some(endpoint)
    }
}

/// Reads documents and prompts, and looks whether what leads to flows leads to one.
pub(in crate::config) fn load(config: &mut Config) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let FlowFiles { directory, prompts, allow_unsupported } = config.flows.clone();
    let flows = &mut config.switch.flows;
    if let Some(directory) = directory {
        let place = Place::at("flows.directory");
        for (name, path) in files(&directory, "json", &place, &mut flaws) {
            let loading = Loading { allow_unsupported, ..Loading::default() };
            let read = fs::read_to_string(&path).map_err(|error| error.to_string());
            let flow = read.and_then(|text| {
                Flow::read(&name, &text, &loading).map_err(|problems| problems.to_string())
            });
            match flow {
                Ok(flow) => flows.library.insert(flow),
                Err(why) => {
                    let flaw = Flaw::at(place.clone(), format!("{}: {why}", path.display()));
                    flaws.push(flaw.with_help("`sidestream flow check FILE` looks at one file"));
                }
            }
        }
    }
    if let Some(directory) = prompts {
        let place = Place::at("flows.prompts");
        for (name, path) in files(&directory, "wav", &place, &mut flaws) {
            let read = fs::read(&path).map_err(|error| error.to_string());
            let samples = read.and_then(|wav| functions::samples(&wav).map_err(|e| e.to_string()));
            match samples {
                Ok(samples) => flows.prompts.insert(name, samples),
                Err(why) => {
                    let why = format!("{}: {why}", path.display());
                    flaws.push(Flaw::at(place.clone(), why));
                }
            }
        }
    }
    flaws.extend(dead_ends(config));
    flaws
}

/// Numbers and routes that lead to flows which are not there.
fn dead_ends(config: &Config) -> Vec<Flaw> {
    let library = &config.switch.flows.library;
    let missing = |place: Place, name: &str| {
        let flaw = Flaw::at(place, format!("there is no flow `{name}`"));
        let known: Vec<&str> = library.flows().map(|flow| flow.id()).collect();
        flaw.with_help(format!("there are: {}", known.join(", ")))
    };
    let is_missing = |name: &str| library.find(name).is_none();
    let numbers = config.switch.flows.numbers.iter().filter(|(_, name)| is_missing(name));
    let numbers =
        numbers.map(|(number, name)| missing(Place::at("flows.numbers").key(number), name));
    let routes = config.switch.routes.iter().enumerate().flat_map(|(index, route)| {
        let goals = route.stages.iter().flat_map(|stage| &stage.goals);
        goals.filter_map(move |goal| match goal {
            Goal::Flow(name) => Some((index, name)),
            Goal::User(_) | Goal::Test(_) | Goal::Trunk(_) | Goal::Uri(_) => None,
        })
    });
    let routes = routes
        .filter(|(_, name)| is_missing(name))
        .map(|(index, name)| missing(Place::at("routes").index(index), name));
    numbers.chain(routes).collect()
}

/// The files of a kind in a directory, each with its name without the extension, in order of these.
fn files(
    directory: &Path,
    extension: &str,
    place: &Place,
    flaws: &mut Vec<Flaw>,
) -> BTreeMap<String, PathBuf> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("{}: {error}", directory.display());
            flaws.push(Flaw::at(place.clone(), message));
            return BTreeMap::new();
        }
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wanted = paths.filter(|path| path.extension().is_some_and(|it| it == extension));
    wanted.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path))).collect()
}
