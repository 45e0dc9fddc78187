//! tmp
mod runtime_file;
pub use runtime_file::*;
