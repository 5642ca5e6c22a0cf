//! From values to coordinates.

/// How values are spread over an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Linear,
    Logarithmic,
}

/// Maps `from` to `to`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    kind: Kind,
    from: (f64, f64),
    to: (f64, f64),
}

impl Scale {
    /// A scale over exactly `from`.
    pub(crate) const fn new(kind: Kind, from: (f64, f64), to: (f64, f64)) -> Self {
        Self { kind, from, to }
    }

    /// A scale for values that need not start at zero: widened to round numbers, logarithmic if
    /// they span more than a factor of eight.
    pub(crate) fn around(values: impl Iterator<Item = f64>, to: (f64, f64)) -> Self {
        let (mut least, mut most) = (f64::MAX, 0.0_f64);
        for value in values {
            least = least.min(value);
            most = most.max(value);
        }
        if least > most {
            (least, most) = (0.0, 1.0);
        }
        if least > 0.0 && most / least > 8.0 {
            return Self::new(Kind::Logarithmic, (least * 0.9, most * 1.1), to);
        }
        let step = step((most - least).max(most * 0.02).max(1e-9), 6);
        let from = (
            libm::floor(least / step) * step,
            libm::ceil(most / step) * step,
        );
        Self::new(
            Kind::Linear,
            (from.0.max(0.0), from.1.max(from.0 + step)),
            to,
        )
    }

    /// A linear scale from zero, for bars.
    pub(crate) fn from_zero(most: f64, to: (f64, f64)) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        Self::new(Kind::Linear, (0.0, most), to)
    }

    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = match self.kind {
            Kind::Linear => (value - self.from.0) / (self.from.1 - self.from.0),
            Kind::Logarithmic => {
                libm::log(value / self.from.0) / libm::log(self.from.1 / self.from.0)
            }
        };
        self.to.0 + share.clamp(0.0, 1.0) * (self.to.1 - self.to.0)
    }

    pub(crate) const fn starts_at_zero(&self) -> bool {
        self.from.0 <= 0.0
    }

    pub(crate) fn is_logarithmic(&self) -> bool {
        self.kind == Kind::Logarithmic
    }

    /// Round values for about `wanted` tick marks.
    pub(crate) fn ticks(&self, wanted: u32) -> Vec<f64> {
        match self.kind {
            Kind::Linear => {
                let step = step(self.from.1 - self.from.0, wanted);
                let first = libm::ceil(self.from.0 / step - 1e-9);
                (0..100)
                    .map(|i| (first + f64::from(i)) * step)
                    .take_while(|v| *v <= self.from.1 + step * 1e-6)
                    .collect()
            }
            Kind::Logarithmic => self.logarithmic_ticks(),
        }
    }

    /// 1, 2 and 5 of every decade; only 1 if the axis spans more than three.
    fn logarithmic_ticks(&self) -> Vec<f64> {
        let decades = libm::log10(self.from.1 / self.from.0);
        let steps: &[f64] = if decades > 3.0 {
            &[1.0]
        } else {
            &[1.0, 2.0, 5.0]
        };
        let mut decade = libm::exp10(libm::floor(libm::log10(self.from.0)));
        let mut ticks = Vec::new();
        while decade <= self.from.1 && ticks.len() < 100 {
            ticks.extend(
                steps
                    .iter()
                    .map(|s| s * decade)
                    .filter(|v| (self.from.0..=self.from.1).contains(v)),
            );
            decade *= 10.0;
        }
        ticks
    }
}

/// The round step (1, 2 or 5 times a power of ten) that divides `span` in about `wanted` parts.
fn step(span: f64, wanted: u32) -> f64 {
    let raw = span / f64::from(wanted.max(1));
    let decade = libm::exp10(libm::floor(libm::log10(raw)));
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|f| f * decade >= raw * 0.999)
        .unwrap_or(10.0);
    factor * decade
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::around([382.0, 618.0].into_iter(), (0.0, 100.0));
        assert_eq!(
            scale.ticks(6),
            [350.0, 400.0, 450.0, 500.0, 550.0, 600.0, 650.0]
        );
        assert!(scale.at(350.0).abs() < 1e-9 && (scale.at(650.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_wide_range_turns_logarithmic() {
        let scale = Scale::around([10.0, 1_000.0].into_iter(), (0.0, 1.0));
        assert!(scale.is_logarithmic());
        assert_eq!(
            scale.ticks(4),
            [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0]
        );
    }

    #[test]
    fn equal_values_and_no_values_still_give_an_axis() {
        for values in [vec![], vec![0.0], vec![5.0, 5.0]] {
            let scale = Scale::around(values.into_iter(), (0.0, 1.0));
            assert!(scale.ticks(4).len() >= 2, "{scale:?}");
            assert!(scale.at(5.0).is_finite());
        }
    }
}
