//! Where the log goes: standard error, so that standard output stays the commands' own.
//!
//! What peers write may become part of a line: a reason, an address, an error. [`OneLine`] stands between the log and the terminal
//! or file, so that no such text can begin a line of its own or move a terminal's cursor, whichever line it got into.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogSettings};

/// Sets the log up, once per process. `RUST_LOG` goes before the configuration.
pub(super) fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(&settings.level))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    // Without colours: they are control characters, and none may pass.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(|| OneLine(io::stderr()));
    // A second start in one process is refused and changes nothing.
    let _ = match settings.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}

/// Escapes every control character but the line end of a whole line. The log writes one event at a time.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (line, end) = match event.split_last() {
            Some((b'\n', line)) => (line, "\n"),
            _ => (event, ""),
        };
        let mut text = String::with_capacity(event.len());
        for char in String::from_utf8_lossy(line).chars() {
            if char.is_control() {
                text.extend(char.escape_default());
            } else {
                text.push(char);
            }
        }
        text.push_str(end);
        self.0.write_all(text.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_control_character_that_a_peer_wrote_reaches_the_log() {
        let evil = "x\r\n2026 INFO forged\u{1b}[2J\u{7}\0\u{9b}\u{7f}\ty";
        for json in [false, true] {
            let kept = Kept::default();
            let writer = kept.clone();
            let builder = tracing_subscriber::fmt()
                .with_ansi(false)
                .with_writer(move || OneLine(writer.clone()));
            let log = |text: &str| {
                tracing::warn!(reason = text, error = %text, debug = ?text, "{text}");
                tracing::info!("second");
            };
            if json {
                tracing::subscriber::with_default(builder.json().finish(), || log(evil));
            } else {
                tracing::subscriber::with_default(builder.finish(), || log(evil));
            }
            let text = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let text = String::from_utf8(text).expect("UTF-8");
            assert_eq!(text.lines().count(), 2, "{text:?}");
            assert!(!text.chars().any(|char| char.is_control() && char != '\n'), "{text:?}");
            assert!(text.contains("forged"), "{text:?}");
        }
    }
}
