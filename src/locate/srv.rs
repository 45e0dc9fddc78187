//! Servers of a service, RFC 2782: in the order of their priorities, equals by chance according to their weights.

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// The lower is tried first.
    pub priority: u16,
    /// Its share among equals of priority.
    pub weight: u16,
    /// The port of the server.
    pub port: u16,
    /// The server's name; `.` says that there is no such service.
    pub target: String,
}

/// The servers in the order in which they are tried. `below` gives a number below its argument, by chance.
pub(super) fn in_order(mut records: Vec<Srv>, below: &mut dyn FnMut(u32) -> u32) -> Vec<Srv> {
    records.retain(|record| record.target != "." && !record.target.is_empty());
    // "arranged in any order, except that all those with weight 0 are placed at the beginning of the list"
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let equals = records.partition_point(|record| record.priority == priority);
        let total: u32 = records.iter().take(equals).map(|record| u32::from(record.weight)).sum();
        let chosen = below(total + 1);
        let mut sum = 0;
        let place = records
            .iter()
            .take(equals)
            .position(|record| {
                sum += u32::from(record.weight);
                sum >= chosen
            })
            .unwrap_or(0);
        ordered.push(records.remove(place));
    }
    ordered
}
