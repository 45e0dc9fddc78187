//! tmp
pub mod calls;
pub mod client;
pub mod doctor;
pub mod stream;
pub mod table;
