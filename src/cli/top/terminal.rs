//! The terminal while something is drawn on it: its own page, keys as they are pressed, and everything as it was afterwards.

use std::io::{Read, Write};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

use super::screen::Size;

/// Keys that wait to be obeyed.
const KEYS: usize = 16;

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Up,
    Down,
}

/// A terminal that gives keys at once and shows none. Dropping it puts everything back.
pub(super) struct Terminal {
    before: Termios,
}

impl Terminal {
    pub(super) fn open() -> anyhow::Result<Terminal> {
        let before = tcgetattr(std::io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw)?;
        // The other page, no cursor.
        write!(std::io::stdout(), "\x1b[?1049h\x1b[?25l")?;
        Ok(Terminal { before })
    }

    /// Asked for each time: people resize windows.
    pub(super) fn size(&self) -> Size {
        // A line without a window says 0 by 0.
        let size = tcgetwinsize(std::io::stdout()).ok();
        let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
        size.map_or(Size { columns: 80, rows: 24 }, |size| Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = write!(std::io::stdout(), "\x1b[?25h\x1b[?1049l");
        let _ = std::io::stdout().flush();
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The keys as they are pressed. The thread that reads them ends with the program: nothing else can wake it.
pub(super) fn keys() -> mpsc::Receiver<Key> {
    let (sender, keys) = mpsc::channel(KEYS);
    std::thread::spawn(move || {
        let mut reader = Reader::default();
        for byte in std::io::stdin().lock().bytes() {
            let Ok(byte) = byte else { return };
            if let Some(key) = reader.key(byte)
                && sender.blocking_send(key).is_err()
            {
                return;
            }
        }
    });
    keys
}

/// Reads the sequences of the arrow keys, ECMA-48 §5.4.
#[derive(Default)]
struct Reader {
    escape: u8,
}

impl Reader {
    fn key(&mut self, byte: u8) -> Option<Key> {
        let before = std::mem::take(&mut self.escape);
        match (before, byte) {
            (0, 0x1b) => self.escape = 1,
            (1, b'[') => self.escape = 2,
            (2, b'A') | (0, b'k') => return Some(Key::Up),
            (2, b'B') | (0, b'j') => return Some(Key::Down),
            // In raw mode Ctrl-C is a byte like others.
            (0, b'q' | 0x03) => return Some(Key::Quit),
            (_, _) => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_and_letters_choose_and_others_do_nothing() {
        let mut reader = Reader::default();
        let keys: Vec<Key> = b"jk\x1b[A\x1b[B\x1b[Cx\x1bjq\x03"
            .iter()
            .filter_map(|byte| reader.key(*byte))
            .collect();
        assert_eq!(keys, [Key::Down, Key::Up, Key::Up, Key::Down, Key::Quit, Key::Quit]);
    }
}
