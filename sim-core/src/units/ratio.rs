//! Exact fractions.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::ParseUnitError;
use super::text::{self, DecimalError, Quantity};
use crate::dist;

/// A fraction of two integers in lowest terms: a loss probability, a share, a factor.
///
/// ```
/// use sim_core::Ratio;
///
/// let loss: Ratio = "0.1 %".parse()?;
/// assert_eq!(loss, "1/1000".parse()?);
/// assert_eq!(loss.scale(25_999), 25);
/// # Ok::<(), sim_core::ParseUnitError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ratio {
    num: u64,
    den: u64,
}

/// For messages; a ratio has its own parser, because it is not a count of anything.
const RATIO: Quantity = Quantity {
    name: "ratio",
    suggested: "%",
    units: &[("part in 10^18", 1)],
    aliases: &[],
    max: u64::MAX,
    max_text: "10^18",
};

/// Units of a ratio, and into how many parts they divide one.
const UNITS: &[(&str, u64)] = &[("", 1), ("%", 100), ("‰", 1_000), ("ppm", 1_000_000)];
const MAX_PART: u64 = 1_000_000_000_000_000_000;

impl Default for Ratio {
    /// Zero.
    fn default() -> Self {
        Self::ZERO
    }
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self { num: 0, den: 1 };
    /// All of it.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// `num / den`, unless the denominator is zero.
    #[must_use]
    pub const fn new(num: u64, den: u64) -> Option<Self> {
        if den == 0 {
            None
        } else {
            Some(Self::reduced(num, den))
        }
    }

    const fn reduced(num: u64, den: u64) -> Self {
        let divisor = gcd(num, den);
        Self {
            num: num / divisor,
            den: den / divisor,
        }
    }

    /// Parts in a million.
    #[must_use]
    pub const fn from_ppm(ppm: u64) -> Self {
        Self::reduced(ppm, 1_000_000)
    }

    /// Parts in a hundred.
    #[must_use]
    pub const fn from_percent(percent: u64) -> Self {
        Self::reduced(percent, 100)
    }

    /// The numerator, in lowest terms.
    #[must_use]
    pub const fn num(self) -> u64 {
        self.num
    }

    /// The denominator, in lowest terms; never zero.
    #[must_use]
    pub const fn den(self) -> u64 {
        self.den
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.num == 0
    }

    /// `value` times this ratio, rounded **down**.
    ///
    /// # Panics
    /// If the result does not fit 64 bits.
    #[must_use]
    pub fn scale(self, value: u64) -> u64 {
        let product = u128::from(value) * u128::from(self.num) / u128::from(self.den);
        u64::try_from(product).expect("a scaled value beyond 64 bits")
    }

    /// True with exactly this probability: an integer draw below the denominator. Ratios of zero
    /// and of one or more draw nothing.
    #[inline]
    pub fn chance(self, rng: &mut impl Rng) -> bool {
        if self.num == 0 || self.num >= self.den {
            return self.num != 0;
        }
        dist::below(rng, self.den) < self.num
    }

    /// For reports and distributions only: not exact.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |a: &Self, b: &Self| u128::from(a.num) * u128::from(b.den);
        cross(self, other).cmp(&cross(other, self))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Ratio {
    /// As a percentage where that is exact and short, as a fraction otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PARTS_OF_PERCENT: u64 = 10_000;
        let scaled = u128::from(self.num) * 100 * u128::from(PARTS_OF_PERCENT);
        let den = u128::from(self.den);
        if !scaled.is_multiple_of(den) || scaled / den > 100 * 1_000_000 {
            return f.pad(&format!("{}/{}", self.num, self.den));
        }
        let parts = scaled / den;
        let (whole, rest) = (
            parts / u128::from(PARTS_OF_PERCENT),
            parts % u128::from(PARTS_OF_PERCENT),
        );
        let fraction = format!("{rest:04}");
        match fraction.trim_end_matches('0') {
            "" => f.pad(&format!("{whole} %")),
            digits => f.pad(&format!("{whole}.{digits} %")),
        }
    }
}

impl FromStr for Ratio {
    type Err = ParseUnitError;

    /// Reads `0.1 %`, `1/1000`, `0.001`, `1 ‰` and `1000 ppm`.
    fn from_str(value: &str) -> Result<Self, ParseUnitError> {
        let fail = |error| RATIO.error(error, value);
        let (first, rest) = text::split(value).map_err(fail)?;
        if let Some(den) = rest.strip_prefix('/') {
            let (second, rest) = match text::split(den) {
                Err(DecimalError::Empty) => return Err(fail(DecimalError::NotANumber)),
                other => other.map_err(fail)?,
            };
            if first.scale != 0 || second.scale != 0 || !rest.is_empty() {
                return Err(fail(DecimalError::NotANumber));
            }
            if second.mantissa == 0 {
                return Err(ParseUnitError::zero(value, "denominator"));
            }
            return Self::of_sensible_size(first.mantissa, second.mantissa)
                .ok_or_else(|| fail(DecimalError::TooLarge));
        }
        let Some((_, parts)) = UNITS.iter().find(|(unit, _)| *unit == rest) else {
            return Err(ParseUnitError::UnknownUnit {
                value: value.trim().to_owned(),
                unit: rest.to_owned(),
                known: "%, ‰, ppm, none, or a fraction such as 1/1000".to_owned(),
            });
        };
        let den = 10_u128.pow(first.scale) * u128::from(*parts);
        Self::of_sensible_size(first.mantissa, den).ok_or_else(|| fail(DecimalError::TooFine))
    }
}

impl Ratio {
    /// The ratio in lowest terms, if both parts are of a sensible size.
    fn of_sensible_size(num: u128, den: u128) -> Option<Self> {
        let (mut a, mut b) = (num, den);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let part = |value: u128| {
            u64::try_from(value / a)
                .ok()
                .filter(|part| *part <= MAX_PART)
        };
        Some(Self {
            num: part(num)?,
            den: part(den)?,
        })
    }
}
