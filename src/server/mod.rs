//! tmp
mod runtime_file; pub use runtime_file::*;
mod banner; pub use banner::banner; mod figures; mod limits; mod stop;
