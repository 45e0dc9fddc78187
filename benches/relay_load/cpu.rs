//! What a process's threads have used so far.

use std::collections::BTreeMap;
use std::fs;

/// The time that threads of one name were on a processor, and how often they gave it up to wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) ns: u64,
    pub(crate) waits: u64,
}

/// Every thread of a process by its name, threads of the same name together.
pub(crate) fn used(pid: u32) -> BTreeMap<String, Used> {
    let mut threads: BTreeMap<String, Used> = BTreeMap::new();
    for entry in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        // Nanoseconds on a processor come first; the ticks of `stat` are too coarse.
        let ns = read("schedstat").split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
        let status = read("status");
        let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let sum = threads.entry(read("comm").trim().to_owned()).or_default();
        sum.ns += ns;
        sum.waits += waits.and_then(|waits| waits.trim().parse().ok()).unwrap_or(0);
    }
    threads
}

/// What was used between two looks.
pub(crate) fn between(
    before: &BTreeMap<String, Used>,
    after: &BTreeMap<String, Used>,
) -> BTreeMap<String, Used> {
    let difference = |(name, after): (&String, &Used)| {
        let before = before.get(name).copied().unwrap_or_default();
        let ns = after.ns.saturating_sub(before.ns);
        (name.clone(), Used { ns, waits: after.waits.saturating_sub(before.waits) })
    };
    after.iter().map(difference).collect()
}
