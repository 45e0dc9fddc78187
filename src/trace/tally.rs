//! Messages by direction, method and status, in tables of fixed size: what peers write makes no new row.

use super::glance::{Glance, Start};
use super::{Direction, Seen};
use crate::sip::reason_phrase;

/// The methods with a row of their own; all others share one.
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
];
/// The lowest status.
const FIRST_STATUS: u16 = 100;
/// How many statuses there are.
const STATUSES: usize = 600;

/// One count: direction, then method or status, then how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which way.
    pub direction: Direction,
    /// The method or `other`; the status if it is registered, else its class (`4xx`).
    pub name: String,
    /// How many.
    pub count: u64,
}

/// What went one way.
#[derive(Debug)]
struct OneWay {
    direction: Direction,
    requests: [u64; METHODS.len() + 1],
    responses: Box<[u64; STATUSES]>,
    repeats: u64,
}

/// Everything that was counted.
#[derive(Debug)]
pub struct Tally([OneWay; 2]);

impl Default for Tally {
    fn default() -> Tally {
        Tally([Direction::Received, Direction::Sent].map(|direction| OneWay {
            direction,
            requests: [0; METHODS.len() + 1],
            responses: Box::new([0; STATUSES]),
            repeats: 0,
        }))
    }
}

impl Tally {
    /// Counts a message, and whether it was on the wire before.
    pub fn count(&mut self, seen: &Seen, is_repeat: bool) {
        let [received, sent] = &mut self.0;
        let way = match seen.direction {
            Direction::Received => received,
            Direction::Sent => sent,
        };
        way.repeats += u64::from(is_repeat);
        let place = match Glance::at(&seen.bytes).start {
            Some(Start::Request(method)) => {
                let known = METHODS.iter().position(|known| known.as_bytes() == method);
                way.requests.get_mut(known.unwrap_or(METHODS.len()))
            }
            Some(Start::Response(status)) => {
                way.responses.get_mut(usize::from(status.saturating_sub(FIRST_STATUS)))
            }
            None => None,
        };
        if let Some(count) = place {
            *count += 1;
        }
    }

    /// Requests by direction and method, those that came at all.
    pub fn requests(&self) -> Vec<Row> {
        let row = |way: &OneWay, (place, count): (usize, &u64)| Row {
            direction: way.direction,
            name: METHODS.get(place).unwrap_or(&"other").to_string(),
            count: *count,
        };
        let rows = self
            .0
            .iter()
            .flat_map(|way| way.requests.iter().enumerate().map(move |item| row(way, item)));
        rows.filter(|row| row.count > 0).collect()
    }

    /// Responses by direction and status, those that came at all.
    pub fn responses(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for way in &self.0 {
            for (status, &count) in
                (FIRST_STATUS..).zip(way.responses.iter()).filter(|(_, count)| **count > 0)
            {
                let name = status_name(status);
                match rows.iter_mut().find(|row| row.direction == way.direction && row.name == name)
                {
                    Some(row) => row.count += count,
                    None => rows.push(Row { direction: way.direction, name, count }),
                }
            }
        }
        rows
    }

    /// Messages that were on the wire before, by direction.
    pub fn repeats(&self) -> Vec<Row> {
        let row = |way: &OneWay| Row {
            direction: way.direction,
            name: String::new(),
            count: way.repeats,
        };
        self.0.iter().map(row).collect()
    }
}

/// A registered status by its number, any other by its class.
fn status_name(status: u16) -> String {
    let class = status / 100;
    let of_class = reason_phrase(class * 100 + 98);
    // The phrase of the class is what a status without one of its own has; x00 and 183 have it by right.
    let is_registered =
        status.is_multiple_of(100) || status == 183 || reason_phrase(status) != of_class;
    if is_registered { status.to_string() } else { format!("{class}xx") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Method;

    #[test]
    fn every_known_method_has_a_row_and_a_status_without_a_phrase_is_counted_by_class() {
        for method in METHODS {
            assert!(!matches!(Method::from(method), Method::Other(_)), "{method}");
        }
        for (status, name) in [
            (486, "486"),
            (183, "183"),
            (100, "100"),
            (400, "400"),
            (499, "4xx"),
            (699, "6xx"),
            (299, "2xx"),
        ] {
            assert_eq!(status_name(status), name);
        }
    }
}
