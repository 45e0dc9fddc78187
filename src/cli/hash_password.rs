//! `sidestream hash-password`: what `[[http.users]]` holds in place of a password.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::bail;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::http::PasswordHash;

/// Shorter passwords are guessed.
const SHORTEST: usize = 10;

/// A terminal that does not show what is typed, until this is dropped.
struct Unseen(Termios);

impl Unseen {
    /// `None` when standard input is no terminal.
    fn begin() -> Option<Unseen> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &silent).ok()?;
        Some(Unseen(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
        eprintln!();
    }
}

/// Reads a password from standard input and prints its hash.
pub(super) fn run() -> anyhow::Result<()> {
    let mut line = String::new();
    {
        let unseen = if io::stdin().is_terminal() { Unseen::begin() } else { None };
        if unseen.is_some() {
            eprint!("Password: ");
            io::stderr().flush()?;
        }
        io::stdin().lock().read_line(&mut line)?;
    }
    let password = line.trim_end_matches(['\r', '\n']);
    if password.chars().count() < SHORTEST {
        bail!("a password needs at least {SHORTEST} characters");
    }
    println!("{}", PasswordHash::of(password)?.reveal());
    Ok(())
}
