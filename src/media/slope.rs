//! The slope of points that came in runs: runs share a slope, not an offset.

/// Sums over the points of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Points {
    pub(super) count: u32,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
    yy: f64,
}

/// How points lie around the means of their runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scatter {
    pub(super) points: u32,
    runs: u32,
    xx: f64,
    xy: f64,
    yy: f64,
}

impl Points {
    pub(super) fn add(&mut self, x: f64, y: f64) {
        self.count += 1;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
        self.yy += y * y;
    }
}

impl Scatter {
    pub(super) const EMPTY: Scatter = Scatter { points: 0, runs: 0, xx: 0.0, xy: 0.0, yy: 0.0 };

    /// With one more run; a run of one point shows no slope.
    pub(super) fn and(self, run: Points) -> Scatter {
        if run.count < 2 {
            return self;
        }
        let count = f64::from(run.count);
        Scatter {
            points: self.points + run.count,
            runs: self.runs + 1,
            xx: self.xx + run.xx - run.x * run.x / count,
            xy: self.xy + run.xy - run.x * run.y / count,
            yy: self.yy + run.yy - run.y * run.y / count,
        }
    }

    /// The slope of the line through each run that fits best; `None` when there is none.
    pub(super) fn slope(self) -> Option<f64> {
        (self.xx > 0.0).then(|| self.xy / self.xx)
    }

    /// The standard error of the slope; `None` where there are too few points to tell.
    pub(super) fn error(self) -> Option<f64> {
        let slope = self.slope()?;
        let freedom = f64::from(self.points.checked_sub(self.runs + 1).filter(|free| *free > 0)?);
        let rest = (self.yy - slope * self.xy).max(0.0);
        Some((rest / freedom / self.xx).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_with_offsets_of_their_own_have_one_slope_and_its_error() {
        let mut scatter = Scatter::EMPTY;
        for offset in [0.0, 1000.0] {
            let mut points = Points::default();
            for x in 0..10 {
                points.add(f64::from(x), offset + 3.0 * f64::from(x));
            }
            scatter = scatter.and(points);
        }
        assert_eq!(scatter.slope(), Some(3.0));
        assert!(scatter.error().is_some_and(|error| error < 1e-6), "{:?}", scatter.error());
        let mut noisy = Points::default();
        for x in 0..10 {
            noisy.add(f64::from(x), f64::from(x % 2) * 9.0);
        }
        let scatter = Scatter::EMPTY.and(noisy);
        assert!(scatter.error().is_some_and(|error| (0.4..0.7).contains(&error)));
        let mut two = Points::default();
        two.add(0.0, 0.0);
        assert_eq!(Scatter::EMPTY.and(two).slope(), None);
        two.add(1.0, 1.0);
        assert_eq!(Scatter::EMPTY.and(two).error(), None);
    }
}
