//! When a route is open: days of the week and times of the day on the wall clock of a time zone.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Times of the week. Summer time is the zone's.
#[derive(Clone, Debug)]
pub struct Hours {
    zone: TimeZone,
    /// Monday first.
    days: [bool; 7],
    spans: Vec<Span>,
}

/// Minutes of the day, the last one not included. A span whose end is not after its begin goes on into the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: u16,
    to: u16,
}

/// Why times are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Not days.
    #[error("`{0}` is not a day like mon, or days like mon-fri")]
    Days(String),
    /// Not a time of the day.
    #[error("`{0}` is not a time like 09:00-17:30")]
    Times(String),
}

/// Midnight at the end of a day.
const DAY_MINUTES: u16 = 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Hours {
    /// `days` like `mon-fri` and `sat` (none: every day), `times` like `09:00-17:30` and `22:00-06:00` (none: all day). A time
    /// over midnight belongs to the day on which it begins.
    ///
    /// # Errors
    /// When a day or a time is not written so.
    pub fn new(zone: TimeZone, days: &[String], times: &[String]) -> Result<Hours, HoursError> {
        let mut week = [days.is_empty(); 7];
        for text in days {
            mark_days(&mut week, text).ok_or_else(|| HoursError::Days(text.clone()))?;
        }
        let span = |text: &String| Span::parse(text).ok_or_else(|| HoursError::Times(text.clone()));
        let mut spans = times.iter().map(span).collect::<Result<Vec<_>, _>>()?;
        if spans.is_empty() {
            spans.push(Span { from: 0, to: DAY_MINUTES });
        }
        Ok(Hours { zone, days: week, spans })
    }

    /// Whether this moment is among them.
    pub fn contains(&self, at: Timestamp) -> bool {
        let wall = at.to_zoned(self.zone.clone());
        let minute =
            u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs());
        let today = self.is_open_on(wall.weekday());
        let yesterday = self.is_open_on(wall.weekday().previous());
        self.spans.iter().any(|span| span.holds(minute, today, yesterday))
    }

    fn is_open_on(&self, day: Weekday) -> bool {
        let index = usize::from(day.to_monday_zero_offset().unsigned_abs());
        self.days.get(index).copied().unwrap_or(false)
    }
}

impl Span {
    fn parse(text: &str) -> Option<Span> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from < DAY_MINUTES && from != to).then_some(Span { from, to })
    }

    fn holds(self, minute: u16, today: bool, yesterday: bool) -> bool {
        if self.from < self.to {
            return today && (self.from..self.to).contains(&minute);
        }
        today && minute >= self.from || yesterday && minute < self.to
    }
}

/// `mon`, `mon-fri`, or over the end of the week: `sat-mon`.
fn mark_days(week: &mut [bool; 7], text: &str) -> Option<()> {
    let index = |name: &str| DAYS.iter().position(|day| day.eq_ignore_ascii_case(name.trim()));
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (index(first)?, index(last)?),
        None => (index(text)?, index(text)?),
    };
    let count = (last + 7 - first) % 7;
    for day in first..=first + count {
        if let Some(open) = week.get_mut(day % 7) {
            *open = true;
        }
    }
    Some(())
}

/// `09:30`, up to `24:00`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MINUTES).then_some(total)
}
