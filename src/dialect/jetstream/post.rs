//! One message of the log, and what the last one of a subject tells of those before it.

use bytes::Bytes;

use crate::id::Track;

/// The last message of a stream.
pub(super) const MANIFEST: &str = "manifest";

/// A part of it that others follow.
pub(super) const MANIFEST_PART: &str = "manifest-part";

/// Name and value.
pub(super) type Header = (String, String);

pub(super) fn header(name: &str, value: String) -> Header {
    (format!("Sidestream-{name}"), value)
}

/// One of a stream's subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A track.
    Track(Track),
    /// Everything that is no track.
    Events,
}

impl Lane {
    /// All of them, by [`index`](Lane::index).
    pub const ALL: [Lane; 3] =
        [Lane::Track(Track::FromCustomer), Lane::Track(Track::ToCustomer), Lane::Events];

    /// 0 to 2.
    pub const fn index(self) -> usize {
        match self {
            Lane::Track(Track::FromCustomer) => 0,
            Lane::Track(Track::ToCustomer) => 1,
            Lane::Events => 2,
        }
    }

    /// The last token of its subject.
    pub const fn as_str(self) -> &'static str {
        match self {
            Lane::Track(track) => track.as_str(),
            Lane::Events => "events",
        }
    }
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where it goes.
    pub subject: String,
    /// The same, within the stream.
    pub lane: Lane,
    /// Counts a track's messages from 1; 0 of an event.
    pub sequence: u64,
    /// What a server knows it by that has it already.
    pub id: String,
    /// What it says of itself.
    pub headers: Vec<(String, String)>,
    /// Samples, JSON, or nothing.
    pub payload: Bytes,
    /// Whoever has it and all before it has the track up to here.
    pub reaches: Option<(Track, u64)>,
}

impl Post {
    /// Bytes, but for what the protocol adds.
    pub fn len(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        self.subject.len() + self.id.len() + headers.sum::<usize>() + self.payload.len()
    }

    /// The same, telling what is acknowledged of its track.
    #[must_use]
    pub fn with_behind(mut self, have: &Found) -> Post {
        if let Lane::Track(_) = self.lane {
            let Last { at, sequence, end, .. } = have.last(self.lane).unwrap_or_default();
            self.headers.push(header(BEHIND, format!("{at} {sequence} {end}")));
        }
        self
    }

    /// Never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The last message of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Last {
    /// Its number; 0 of an event.
    pub sequence: u64,
    /// The end of its stretch; 0 of an event.
    pub end: u64,
    /// Whether nothing follows it.
    pub is_manifest: bool,
    /// Its number in the log.
    pub at: u64,
}

/// What is acknowledged of a track when a message of it is sent.
const BEHIND: &str = "Behind";

impl Last {
    /// Reads what the message `at` of the log says of itself; `None` for a message that is not ours.
    pub fn read<'h>(at: u64, value: impl Fn(&str) -> Option<&'h str>) -> Option<Last> {
        let number = |name| value(name)?.parse::<u64>().ok();
        let is_manifest = value("Sidestream-Type")? == MANIFEST;
        let end = || number("Sidestream-Start")?.checked_add(number("Sidestream-Samples")?);
        let sequence = number("Sidestream-Sequence").unwrap_or(0);
        Some(Last { sequence, end: end().unwrap_or(0), is_manifest, at })
    }

    /// Reads what was acknowledged of the track when a message of it was sent: between that and the message there may be holes.
    pub fn behind<'h>(value: impl Fn(&str) -> Option<&'h str>) -> Option<Last> {
        let mut numbers = value("Sidestream-Behind")?.split(' ').map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let (at, sequence, end) = (next()?, next()?, next()?);
        Some(Last { sequence, end, is_manifest: false, at })
    }
}

/// What the log has of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found(pub [Option<Last>; 3]);

impl Found {
    /// The last message of a lane.
    pub fn last(&self, lane: Lane) -> Option<Last> {
        self.0.get(lane.index()).copied().flatten()
    }

    /// Whether the log has the whole stream.
    pub fn is_whole(&self) -> bool {
        self.last(Lane::Events).is_some_and(|last| last.is_manifest)
    }
}
