//! The program: see `sidestream --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidestream::cli::main()
}
