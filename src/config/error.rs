//! What is wrong with a configuration, shown at its line with a mend.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use super::place::Place;
use super::secrets;

/// The file as it was read.
pub(super) struct Source {
    name: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Source {
        Source { name: name.to_owned(), text: text.to_owned() }
    }

    /// The problems, each at its place.
    pub(super) fn error(&self, flaws: Vec<Flaw>) -> ConfigError {
        let source = Arc::new(
            NamedSource::new(&self.name, secrets::masked(&self.text)).with_language("toml"),
        );
        let located = flaws.into_iter().map(|flaw| {
            let span = flaw.span.or_else(|| flaw.place.as_ref()?.span(&self.text));
            let message = match &flaw.place {
                Some(place) => format!("{place}: {}", flaw.message),
                None => flaw.message,
            };
            Problem { message, help: flaw.help, span, source: source.clone() }
        });
        let mut problems: Vec<Problem> = located.collect();
        // In the order of the file; what the file does not hold comes last.
        problems.sort_by_key(|problem| problem.span.as_ref().map_or(usize::MAX, |span| span.start));
        ConfigError { name: self.name.clone(), problems }
    }
}

/// Something that is wrong, before it is known where the text says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) place: Option<Place>,
    pub(super) span: Option<Range<usize>>,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Flaw {
    pub(super) fn at(place: Place, message: impl Into<String>) -> Flaw {
        Flaw { place: Some(place), span: None, message: message.into(), help: None }
    }

    pub(super) fn with_help(self, help: impl Into<String>) -> Flaw {
        Flaw { help: Some(help.into()), ..self }
    }
}

/// Why a configuration is refused.
#[derive(Debug)]
pub struct ConfigError {
    name: String,
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
        let name = path.display().to_string();
        let source = Arc::new(NamedSource::new(&name, String::new()));
        let help =
            Some("config/sidestream.toml in the source is a sample with every key".to_owned());
        let problem = Problem {
            message: format!("the file cannot be read: {error}"),
            help,
            span: None,
            source,
        };
        ConfigError { name, problems: vec![problem] }
    }

    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [_] => write!(f, "{} has a problem", self.name),
            problems => write!(f, "{} has {} problems", self.name, problems.len()),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

/// One thing that is wrong.
#[derive(Debug)]
pub struct Problem {
    message: String,
    help: Option<String>,
    span: Option<Range<usize>>,
    source: Arc<NamedSource<String>>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.as_ref().map(|_| self.source.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(span))))
    }
}
