//! What packets and calls take from the allocator.

#![allow(unreachable_pub)] // Nobody outside reaches into a test binary.

mod call;
mod counting;
mod digest;
mod relay;
#[path = "../../benches/whole_call/mod.rs"]
mod whole_call;
