//! What a call weighs while it talks, and how often it goes to the allocator.

use std::time::Duration;

use crate::counting::{allocations, held_bytes};
use crate::whole_call::House;

const CALLS: i64 = 1_000;
/// Longer than a transaction lingers, shorter than a call may be silent.
const SETTLED: Duration = Duration::from_secs(40);

/// Bytes of one of many calls: right after its answer, and when its transactions are over.
fn weights(traced: usize) -> [i64; 2] {
    let mut house = House::new(traced);
    // Whatever is made once is made.
    let first = house.place();
    let before = held_bytes();
    let calls: Vec<_> = (0..CALLS).map(|_| house.place()).collect();
    let fresh = held_bytes() - before;
    house.pass(SETTLED);
    let settled = held_bytes() - before;
    for up in calls.into_iter().chain([first]) {
        house.hang_up(up);
    }
    [fresh / CALLS, settled / CALLS]
}

#[test]
fn a_call_weighs_little() {
    let [fresh, settled] = weights(0);
    let [_, traced] = weights(64 << 20);
    println!(
        "a call weighs {fresh} bytes when it is answered, {settled} later, {traced} with its messages"
    );
    // Of the machines and of the tables' room for more calls.
    assert!(fresh < 17 << 10, "{fresh} bytes");
    assert!(settled < 16 << 10, "{settled} bytes");
    assert!(traced - settled < 6 << 10, "{} bytes", traced - settled);
}

#[test]
fn a_call_goes_to_the_allocator_a_few_hundred_times() {
    let mut house = House::new(64 << 20);
    let mut one = || {
        let up = house.place();
        house.hang_up(up);
    };
    (0..1_000).for_each(|_| one());
    let count = allocations(|| (0..100).for_each(|_| one())) / 100;
    println!(
        "a call, with what its parties allocate to write their messages, makes {count} allocations"
    );
    assert!(count < 600, "{count} allocations");
}

#[test]
fn nothing_of_a_thousand_calls_is_left() {
    let mut house = House::new(0);
    let calls: Vec<_> = (0..CALLS).map(|_| house.place()).collect();
    for up in calls {
        house.hang_up(up);
    }
    house.pass(Duration::from_secs(140));
    assert_eq!(house.switch.holdings(), Default::default());
}
