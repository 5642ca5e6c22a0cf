//! Rates, sizes and ratios: integers with a unit.

use std::fmt;
use std::iter::Sum;
use std::num::NonZeroU64;
use std::ops::{Add, AddAssign, Mul, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::SimDuration;

mod error;
mod ratio;
pub(crate) mod text;

pub use error::ParseUnitError;
pub use ratio::Ratio;
use text::{Quantity, serde_as_text};

const PS_PER_S: u128 = 1_000_000_000_000;

/// A data rate in bit/s; never zero.
///
/// ```
/// use sim_core::{ByteSize, DataRate, SimDuration};
///
/// let rate: DataRate = "10 Gbit/s".parse()?;
/// assert_eq!(rate.transmission_time(ByteSize::from_bytes(1_250)), SimDuration::from_us(1));
/// # Ok::<(), sim_core::ParseUnitError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DataRate(NonZeroU64);

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

/// A number of packets (or requests, or connections) per second; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PacketRate(NonZeroU64);

/// Decimal multiples, as rates have them.
const KILO: u64 = 1_000;
const MEGA: u64 = 1_000_000;
const GIGA: u64 = 1_000_000_000;
const TERA: u64 = 1_000_000_000_000;

const DATA_RATE: Quantity = Quantity {
    name: "data rate",
    suggested: "Gbit/s",
    units: &[
        ("bit/s", 1),
        ("kbit/s", KILO),
        ("Mbit/s", MEGA),
        ("Gbit/s", GIGA),
        ("Tbit/s", TERA),
    ],
    aliases: &[
        ("bps", "bit/s"),
        ("kbps", "kbit/s"),
        ("Mbps", "Mbit/s"),
        ("Gbps", "Gbit/s"),
        ("Tbps", "Tbit/s"),
    ],
    max: 1_000 * TERA,
    max_text: "1000 Tbit/s",
};

const BYTE_SIZE: Quantity = Quantity {
    name: "size",
    suggested: "KiB",
    units: &[
        ("B", 1),
        ("kB", KILO),
        ("KiB", 1 << 10),
        ("MB", MEGA),
        ("MiB", 1 << 20),
        ("GB", GIGA),
        ("GiB", 1 << 30),
        ("TB", TERA),
        ("TiB", 1 << 40),
    ],
    aliases: &[],
    max: 1 << 50,
    max_text: "1024 TiB",
};

const PACKET_RATE: Quantity = Quantity {
    name: "rate",
    suggested: "/s",
    units: &[("/s", 1), ("k/s", KILO), ("M/s", MEGA)],
    aliases: &[
        ("packets/s", "/s"),
        ("requests/s", "/s"),
        ("connections/s", "/s"),
        ("pps", "/s"),
        ("kpps", "k/s"),
        ("Mpps", "M/s"),
    ],
    max: TERA,
    max_text: "1000000 M/s",
};

impl DataRate {
    /// This many bit/s, unless it is zero.
    #[must_use]
    pub const fn from_bps(bps: u64) -> Option<Self> {
        match NonZeroU64::new(bps) {
            Some(bps) => Some(Self(bps)),
            None => None,
        }
    }

    /// This many Mbit/s.
    ///
    /// # Panics
    /// If it is zero or does not fit 64 bits of bit/s.
    #[must_use]
    pub const fn from_mbps(mbps: u64) -> Self {
        Self(
            NonZeroU64::new(
                mbps.checked_mul(MEGA)
                    .expect("a data rate beyond the range"),
            )
            .expect("a data rate of zero"),
        )
    }

    /// This many Gbit/s.
    ///
    /// # Panics
    /// If it is zero or does not fit 64 bits of bit/s.
    #[must_use]
    pub const fn from_gbps(gbps: u64) -> Self {
        Self(
            NonZeroU64::new(
                gbps.checked_mul(GIGA)
                    .expect("a data rate beyond the range"),
            )
            .expect("a data rate of zero"),
        )
    }

    /// bit/s.
    #[must_use]
    #[inline]
    pub const fn bps(self) -> u64 {
        self.0.get()
    }

    /// The time to clock `size` onto the wire, rounded **up** to a picosecond.
    ///
    /// Computed per frame in 128 bits: a cached time per byte would be 0.25 % fast at 30 Gbit/s.
    ///
    /// # Panics
    /// If it takes more than 213 days.
    #[must_use]
    #[inline]
    pub fn transmission_time(self, size: ByteSize) -> SimDuration {
        // Frames below 2 MB, thus all real ones, need no 128-bit division.
        let ps = match size.0.checked_mul(8 * TERA) {
            Some(bit_ps) => bit_ps.div_ceil(self.bps()),
            None => {
                u64::try_from((u128::from(size.0) * 8 * PS_PER_S).div_ceil(u128::from(self.bps())))
                    .expect("a transmission time above 213 days")
            }
        };
        SimDuration::from_ps(ps)
    }

    /// The whole bytes that this rate carries in `duration`, rounded **down**.
    ///
    /// # Panics
    /// If they do not fit 64 bits.
    #[must_use]
    pub fn bytes_in(self, duration: SimDuration) -> ByteSize {
        let bytes = u128::from(self.bps()) * u128::from(duration.as_ps()) / (8 * PS_PER_S);
        ByteSize(u64::try_from(bytes).expect("a size beyond 64 bits"))
    }
}

impl ByteSize {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// This many bytes.
    #[must_use]
    #[inline]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many units of 1024 bytes.
    ///
    /// # Panics
    /// If it does not fit 64 bits of bytes.
    #[must_use]
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.checked_mul(1 << 10).expect("a size beyond 64 bits"))
    }

    /// Bytes.
    #[must_use]
    #[inline]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The difference, or zero if `other` is larger.
    #[must_use]
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl PacketRate {
    /// This many per second, unless it is zero.
    #[must_use]
    pub const fn per_second(count: u64) -> Option<Self> {
        match NonZeroU64::new(count) {
            Some(count) => Some(Self(count)),
            None => None,
        }
    }

    /// Packets per second.
    #[must_use]
    #[inline]
    pub const fn pps(self) -> u64 {
        self.0.get()
    }

    /// The time from one packet to the next, rounded **up** to a picosecond.
    #[must_use]
    pub const fn interval(self) -> SimDuration {
        SimDuration::from_ps(TERA.div_ceil(self.0.get()))
    }
}

impl Add for ByteSize {
    type Output = Self;

    /// # Panics
    /// If the sum does not fit 64 bits.
    #[inline]
    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("a size beyond 64 bits"))
    }
}

impl AddAssign for ByteSize {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for ByteSize {
    type Output = Self;

    /// # Panics
    /// If `other` is larger.
    #[inline]
    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("a negative size"))
    }
}

impl Mul<u64> for ByteSize {
    type Output = Self;

    /// # Panics
    /// If the product does not fit 64 bits.
    #[inline]
    fn mul(self, factor: u64) -> Self {
        Self(self.0.checked_mul(factor).expect("a size beyond 64 bits"))
    }
}

impl Sum for ByteSize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for DataRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::print(f, self.bps(), DATA_RATE.units)
    }
}

impl fmt::Display for ByteSize {
    /// In the largest binary unit that divides the size, so that nothing is rounded and a frame of
    /// 1500 B stays one of 1500 B.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        let unit = binary
            .iter()
            .find(|(_, bits)| self.0 != 0 && self.0.trailing_zeros() >= *bits);
        let (name, bits) = unit.unwrap_or(&("B", 0));
        f.pad(&format!("{} {name}", self.0 >> bits))
    }
}

impl fmt::Display for PacketRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} /s", self.pps()))
    }
}

/// Debug prints what Display prints: a number with its unit.
macro_rules! debug_as_text {
    ($($name:ident),+) => {
        $(
            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    fmt::Display::fmt(self, f)
                }
            }
        )+
    };
}
debug_as_text!(DataRate, ByteSize, PacketRate, Ratio);

impl FromStr for DataRate {
    type Err = ParseUnitError;

    fn from_str(value: &str) -> Result<Self, ParseUnitError> {
        let bps = DATA_RATE.parse(value)?;
        Self::from_bps(bps).ok_or_else(|| ParseUnitError::zero(value, DATA_RATE.name))
    }
}

impl FromStr for ByteSize {
    type Err = ParseUnitError;

    fn from_str(value: &str) -> Result<Self, ParseUnitError> {
        BYTE_SIZE.parse(value).map(Self)
    }
}

impl FromStr for PacketRate {
    type Err = ParseUnitError;

    fn from_str(value: &str) -> Result<Self, ParseUnitError> {
        let pps = PACKET_RATE.parse(value)?;
        Self::per_second(pps).ok_or_else(|| ParseUnitError::zero(value, PACKET_RATE.name))
    }
}

serde_as_text!(DataRate, ByteSize, PacketRate, Ratio);

#[cfg(test)]
mod tests;
