//! Whether the signalling task is too busy for new calls. It becomes so at once or soon, and stops being so only after a while of
//! quiet: a server at its limit that flaps refuses and accepts in turns and serves nobody well.
//!
//! ```text
//!            busy >= busy_high, LOOKS_HIGH in a row; or lag >= lag_high once
//!   +-----+ ----------------------------------------------------------------> +------+
//!   | low |                                                                    | high |
//!   +-----+ <---------------------------------------------------------------- +------+
//!            busy < busy_low and lag < lag_high / 4, LOOKS_LOW in a row
//! ```

use crate::time::Duration;

/// The shell looks about ten times a second.
const LOOKS_HIGH: u32 = 10;
const LOOKS_LOW: u32 = 20;

/// How busy the signalling task was since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The share of time that it worked, in thousandths.
    pub busy_permille: u16,
    /// How long what waits for it will have waited.
    pub lag: Duration,
}

/// When the signalling task is too busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PressureSettings {
    /// New calls are refused at this share of busy time, in thousandths; above 1000 never.
    pub busy_high_permille: u16,
    /// They are taken again below this one.
    pub busy_low_permille: u16,
    /// New calls are refused when messages wait this long. Phones repeat themselves after 500 ms.
    pub lag_high: Duration,
}

impl Default for PressureSettings {
    fn default() -> Self {
        PressureSettings {
            busy_high_permille: 950,
            busy_low_permille: 800,
            lag_high: Duration::from_millis(400),
        }
    }
}

/// Where it stands, and for how many looks it has looked otherwise.
#[derive(Debug)]
pub(super) struct Pressure {
    settings: PressureSettings,
    state: State,
}

#[derive(Debug)]
enum State {
    Low { busy: u32 },
    High { quiet: u32 },
}

impl Pressure {
    pub(super) fn new(settings: PressureSettings) -> Pressure {
        Pressure { settings, state: State::Low { busy: 0 } }
    }

    pub(super) fn is_high(&self) -> bool {
        matches!(self.state, State::High { .. })
    }

    pub(super) fn handle_load(&mut self, load: Load) {
        let settings = &self.settings;
        self.state = match self.state {
            State::Low { .. } if load.lag >= settings.lag_high => State::High { quiet: 0 },
            State::Low { busy } if load.busy_permille >= settings.busy_high_permille => {
                if busy + 1 >= LOOKS_HIGH {
                    State::High { quiet: 0 }
                } else {
                    State::Low { busy: busy + 1 }
                }
            }
            State::Low { .. } => State::Low { busy: 0 },
            State::High { quiet } => {
                let is_quiet = load.busy_permille < settings.busy_low_permille
                    && load.lag < settings.lag_high / 4;
                match is_quiet {
                    true if quiet + 1 >= LOOKS_LOW => State::Low { busy: 0 },
                    true => State::High { quiet: quiet + 1 },
                    false => State::High { quiet: 0 },
                }
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(pressure: &mut Pressure, busy_permille: u16, lag_ms: u64, looks: u32) -> bool {
        for _ in 0..looks {
            pressure.handle_load(Load { busy_permille, lag: Duration::from_millis(lag_ms) });
        }
        pressure.is_high()
    }

    #[test]
    fn a_busy_second_refuses_calls_and_a_moment_does_not() {
        let mut pressure = Pressure::new(PressureSettings::default());
        assert!(!feed(&mut pressure, 1_000, 0, LOOKS_HIGH - 1));
        assert!(!feed(&mut pressure, 900, 0, 1));
        assert!(!feed(&mut pressure, 1_000, 0, LOOKS_HIGH - 1));
        assert!(feed(&mut pressure, 1_000, 0, 1));
    }

    #[test]
    fn a_long_queue_refuses_calls_at_once_and_only_quiet_lets_them_in_again() {
        let mut pressure = Pressure::new(PressureSettings::default());
        assert!(feed(&mut pressure, 0, 400, 1));
        assert!(feed(&mut pressure, 100, 0, LOOKS_LOW - 1));
        assert!(feed(&mut pressure, 850, 0, 1), "between the marks nothing changes");
        assert!(feed(&mut pressure, 100, 0, LOOKS_LOW - 1));
        assert!(!feed(&mut pressure, 100, 0, 1));
    }
}
