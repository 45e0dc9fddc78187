//! The whole house in virtual time: switch, relay, phones and sinks on links that lose, delay, double and reorder.
//!
//! `scenarios` drive a few phones and assert the ladder; `swarm` lets a seed make thousands of calls and checks what must hold
//! after every step and that everything is empty at the end; `audit` holds what every sink received against its manifest.

#![allow(unreachable_pub)] // Nobody outside reaches into a test binary.

mod audit;
mod ladder;
mod ledger;
mod link;
mod phone;
mod recent;
mod recorder;
mod scenarios;
mod sinks;
mod swarm;
mod tapes;
mod text;
mod wire;
mod world;
