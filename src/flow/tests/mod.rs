//! Tests of flows.

mod bench;
mod documents;
mod fuzz;
mod runs;
mod samples;
mod table;
