//! What a whole call costs the switch: `cargo bench --bench signalling`. Figures of one machine; compare runs on the same one only.
//!
//! With `SIDESTREAM_CALLS=N` it places N calls and ends, for a profiler; `scripts/bench-call` counts their instructions.

#![allow(missing_docs, unreachable_pub)] // The macros of criterion make items that nobody documents, and nobody reaches in.

mod whole_call;

use criterion::{Criterion, criterion_group};
use sidestream::trace::TraceLimits;
use whole_call::House;

fn call(c: &mut Criterion) {
    let traced = TraceLimits::default().total_bytes;
    for (name, traced) in [("call/traced", traced), ("call/not traced", 0)] {
        let mut house = House::new(traced);
        c.bench_function(name, |b| {
            b.iter(|| {
                let up = house.place();
                house.hang_up(up);
            });
        });
    }
}

criterion_group!(signalling, call);

fn main() {
    match std::env::var("SIDESTREAM_CALLS").ok().and_then(|calls| calls.parse().ok()) {
        Some(calls) => place(calls),
        None => {
            signalling();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}

fn place(calls: usize) {
    let mut house = House::new(TraceLimits::default().total_bytes);
    for _ in 0..calls {
        let up = house.place();
        house.hang_up(up);
    }
}
