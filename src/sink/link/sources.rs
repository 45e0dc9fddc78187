//! The tracks of a stream as sources of RTP, each with a synchronization source of its own, and what they report.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use rand::RngExt as _;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::call::StreamPlan;
use crate::dialect::Format;
use crate::dialect::rtp::{Origin, Packetizer};
use crate::id::{StreamId, Track, Tracks};
use crate::media::{Encoding, Frame};
use crate::net::Clock;
use crate::time::{Instant, MediaTime};

/// RFC 3550 §6.2: the least time between reports of a small session.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// How a stream looks as RTP.
pub(in crate::sink) struct Look {
    pub(in crate::sink) stream: StreamId,
    pub(in crate::sink) tracks: Tracks,
    pub(in crate::sink) start: Instant,
    pub(in crate::sink) sample_rate: u32,
    pub(in crate::sink) encoding: Encoding,
    pub(in crate::sink) payload_type: u8,
}

impl Look {
    pub(in crate::sink) fn of(plan: &StreamPlan, format: Format, payload_type: u8) -> Look {
        Look {
            stream: plan.terminal.stream,
            tracks: plan.tracks,
            start: plan.start,
            sample_rate: format.sample_rate,
            encoding: format.encoding,
            payload_type,
        }
    }
}

/// See the module.
pub(super) struct Sources {
    look: Look,
    clock: Clock,
    packetizers: [Packetizer; 2],
}

impl Sources {
    pub(super) fn new(look: Look, clock: Clock) -> Sources {
        let mut chance = rand::rng();
        let mut source = || {
            let origin = Origin {
                ssrc: chance.random(),
                sequence: chance.random(),
                timestamp: chance.random(),
            };
            Packetizer::new(origin, look.payload_type, look.encoding)
        };
        Sources { packetizers: [source(), source()], look, clock }
    }

    pub(super) const fn tracks(&self) -> Tracks {
        self.look.tracks
    }

    /// The packets of a frame.
    pub(super) fn packets(&mut self, frame: &Frame) -> Vec<Bytes> {
        let packetizer = self.packetizers.get_mut(frame.track.index());
        packetizer.map(|packetizer| packetizer.packets(frame)).unwrap_or_default()
    }

    /// Tells each listener how the stream's clock stands beside the wall's.
    pub(super) fn reports(&self) -> Vec<(Track, Bytes)> {
        let (since_1970, position) = self.moment();
        self.each(|source, cname| source.report(since_1970, position, cname))
    }

    /// The last reports and the goodbyes.
    pub(super) fn goodbyes(&self) -> Vec<(Track, Bytes)> {
        let (since_1970, position) = self.moment();
        self.each(|source, cname| source.goodbye(since_1970, position, cname))
    }

    fn each(&self, write: impl Fn(&Packetizer, &str) -> Option<Bytes>) -> Vec<(Track, Bytes)> {
        // All tracks of a stream have one name, so that they belong together: RFC 3550 §6.5.1.
        let cname = format!("{}@sidestream", self.look.stream);
        let report = |track: Track| {
            let source = self.packetizers.get(track.index())?;
            Some((track, write(source, &cname)?))
        };
        self.look.tracks.iter().filter_map(report).collect()
    }

    fn moment(&self) -> (Duration, u64) {
        let now = self.clock.now();
        let since_1970 = self.clock.unix(now).duration_since(UNIX_EPOCH).unwrap_or_default();
        let position = MediaTime::between(self.look.start, now).as_samples(self.look.sample_rate);
        (since_1970, position)
    }
}

/// When reports are due.
pub(super) fn report_times() -> Interval {
    let mut reports = interval(REPORT_EVERY);
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    reports.reset();
    reports
}
