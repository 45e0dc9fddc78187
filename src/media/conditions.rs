//! What a track's samples are subject to at each position: pause, mute, hold. Positions are ticks, so that every terminal has the same.

use std::collections::VecDeque;

use crate::event::SpanKind;

/// A change of one condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Paused(bool),
    Muted(bool),
    Held(bool),
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    paused: bool,
    muted: bool,
    held: bool,
}

impl State {
    fn apply(&mut self, condition: Condition) {
        match condition {
            Condition::Paused(paused) => self.paused = paused,
            Condition::Muted(muted) => self.muted = muted,
            Condition::Held(held) => self.held = held,
        }
    }

    const fn is_withheld(self) -> bool {
        self.paused || self.muted
    }
}

/// The conditions now, and those that begin at a position not reached yet. Commands come at the pace of people, and every one
/// is taken over as the clock reaches it, so the queue needs no limit of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    state: State,
    /// Up to here audio was withheld the last time.
    withheld_until: u64,
    upcoming: VecDeque<(u64, Condition)>,
}

impl Conditions {
    /// From `position` on. An earlier position than that of the change before counts as the same.
    pub(super) fn change(&mut self, position: u64, condition: Condition) {
        let after = self.upcoming.back().map_or(0, |(position, _)| *position);
        self.upcoming.push_back((position.max(after), condition));
    }

    /// Takes over what begins at `position` or before.
    pub(super) fn reach(&mut self, position: u64) {
        while let Some((at, condition)) = self.upcoming.front().copied()
            && at <= position
        {
            let withheld = self.state.is_withheld();
            self.state.apply(condition);
            if withheld && !self.state.is_withheld() {
                self.withheld_until = at;
            }
            self.upcoming.pop_front();
        }
    }

    /// How many ticks from `position` on, `limit` at most, are subject to the same conditions.
    pub(super) fn unchanged(&self, position: u64, limit: u64) -> u64 {
        let next = self.upcoming.front().map_or(u64::MAX, |(at, _)| *at);
        next.saturating_sub(position).min(limit)
    }

    /// What samples become that would be `kind` without conditions.
    pub(super) const fn kind(&self, kind: SpanKind) -> SpanKind {
        match (self.state, kind) {
            (State { paused: true, .. }, _) => SpanKind::Paused,
            (State { muted: true, .. }, _) => SpanKind::Muted,
            (State { held: true, .. }, SpanKind::Silence) => SpanKind::Held,
            (_, kind) => kind,
        }
    }

    /// Whether what the party does at `position` is withheld. Of the past, only the end of the last withheld stretch is known;
    /// everything before it counts as withheld.
    pub(super) fn withheld_at(&self, position: u64) -> bool {
        if position < self.withheld_until {
            return true;
        }
        let mut state = self.state;
        let reached = self.upcoming.iter().take_while(|(at, _)| *at <= position);
        reached.for_each(|(_, condition)| state.apply(*condition));
        state.is_withheld()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_from_its_position_and_pause_wins_over_mute_and_hold() {
        let mut conditions = Conditions::default();
        conditions.change(100, Condition::Held(true));
        conditions.change(200, Condition::Muted(true));
        conditions.change(300, Condition::Paused(true));
        let cases = [
            (0, SpanKind::Audio, SpanKind::Silence),
            (100, SpanKind::Audio, SpanKind::Held),
            (200, SpanKind::Muted, SpanKind::Muted),
            (300, SpanKind::Paused, SpanKind::Paused),
        ];
        for (position, audio, silence) in cases {
            assert_eq!(conditions.withheld_at(position), position >= 200);
            conditions.reach(position);
            assert_eq!(conditions.kind(SpanKind::Audio), audio, "{position}");
            assert_eq!(conditions.kind(SpanKind::Silence), silence, "{position}");
        }
    }

    #[test]
    fn what_was_withheld_stays_withheld_after_the_end() {
        let mut conditions = Conditions::default();
        conditions.change(100, Condition::Paused(true));
        conditions.change(200, Condition::Paused(false));
        conditions.reach(300);
        assert!(conditions.withheld_at(199));
        assert!(!conditions.withheld_at(200));
    }

    #[test]
    fn a_stretch_ends_where_the_next_change_begins() {
        let mut conditions = Conditions::default();
        assert_eq!(conditions.unchanged(0, 50), 50);
        conditions.change(30, Condition::Muted(true));
        assert_eq!(conditions.unchanged(0, 50), 30);
        conditions.reach(30);
        assert_eq!(conditions.unchanged(30, 50), 50);
    }
}
