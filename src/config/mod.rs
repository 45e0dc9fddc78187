//! The configuration: a TOML file, changed by the environment, as the settings that each room declares itself.
//!
//! 1. The text is read into the shapes of [`file`]; an unknown key is an error at its line.
//! 2. `SIDESTREAM__SECTION__KEY` replaces values; `${env:…}` and `${file:…}` are filled in.
//! 3. Everything is checked and built; all problems are told at once.
//!
//! A file is for production and held to its rules: no weak secrets, no accidental wildcard, no open relay. The server that
//! starts without a file is [`development`]: loopback only, with credentials that are random and new each time.

mod build;
mod choices;
mod development;
mod error;
mod file;
mod layers;
mod place;
mod secrets;
#[cfg(test)]
mod tests;

pub use build::FlowFiles;
pub use development::{Development, DevelopmentPorts, development};
pub use error::{ConfigError, Problem};

use std::path::Path;

use crate::functions;
use crate::http;
use crate::net::NetSettings;
use crate::notary;
use crate::notify::BoardLimits;
use crate::records;
use crate::sink;
use crate::store;
use crate::switch::{self, Listener};
use error::Source;

/// Everything that is configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where SIP is heard. `switch.listeners` is how peers see it, in the same order.
    pub listen: Vec<Listener>,
    /// Signalling, calls and streams.
    pub switch: switch::Settings,
    /// Sockets and media workers.
    pub net: NetSettings,
    /// Where streams can go.
    pub sinks: Vec<sink::Settings>,
    /// How they are reached, and where they may be.
    pub reaching: sink::Reaching,
    /// Where the documents and prompts of flows are.
    pub flows: FlowFiles,
    /// What flows have done outside.
    pub functions: functions::Settings,
    /// Where what sinks are owed is kept.
    pub spool: sink::SpoolSettings,
    /// Where registrations are kept over a restart.
    pub store: Option<store::Settings>,
    /// What signs the manifests.
    pub notary: notary::Settings,
    /// Where call records go.
    pub records: Option<records::Settings>,
    /// The API.
    pub http: http::Settings,
    /// How long ended calls stay readable.
    pub board: BoardLimits,
    /// What is logged.
    pub log: LogSettings,
}

impl Config {
    /// Notes the ports as they were bound (a configured port 0 is any): peers are told these, unless others are advertised.
    pub fn set_bound(&mut self, bound: Vec<Listener>) {
        if self.switch.listeners == self.listen {
            self.switch.listeners.clone_from(&bound);
        }
        self.listen = bound;
    }
}

/// What is logged, and how it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A level or tracing directives.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Reads a file as this process's environment changes it, and looks at the certificates that it names.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let name = path.display().to_string();
    let mut config = parse(&name, &text, directory, std::env::vars().collect())?;
    let mut flaws = build::missing_files(&config.net.tls);
    flaws.extend(build::missing_files_of_sinks(&config.sinks));
    flaws.extend(build::load_flows(&mut config));
    match flaws.is_empty() {
        true => Ok(config),
        false => Err(Source::new(&name, &text).error(flaws)),
    }
}

/// Reads a file's text. Relative paths of `${file:…}` are seen from `directory`; `environment` is what overrides and
/// `${env:…}` see.
pub fn parse(
    name: &str,
    text: &str,
    directory: &Path,
    environment: Vec<(String, String)>,
) -> Result<Config, ConfigError> {
    let source = Source::new(name, text);
    let file = layers::read(&source, directory, &environment)?;
    build::build(file, build::Rules::Production).map_err(|problems| source.error(problems))
}
