//! The one way in which quantities are written and read: an exact decimal and a unit.

use std::fmt;

use super::ParseUnitError;

/// How one kind of quantity is written.
pub(crate) struct Quantity {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    /// The unit that messages suggest.
    pub(crate) suggested: &'static str,
    /// Units and what one of them is in the base unit.
    pub(crate) units: &'static [(&'static str, u64)],
    /// Other spellings of these units.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
    /// The largest accepted value, in the base unit.
    pub(crate) max: u64,
    /// The same for messages.
    pub(crate) max_text: &'static str,
}

/// An unsigned decimal: `mantissa / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: u128,
    pub(crate) scale: u32,
}

/// What is wrong with a number, before anybody knows what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecimalError {
    Empty,
    NotANumber,
    Negative,
    TooLarge,
    TooFine,
}

/// Digits that a number may have before and after the point: more than any quantity needs, and few
/// enough that products with any unit stay within 128 bits.
const MAX_WHOLE_DIGITS: usize = 20;
const MAX_FRACTION_DIGITS: usize = 18;

/// Splits `"1.5 ms"` into its number and the rest, `"ms"`.
pub(crate) fn split(value: &str) -> Result<(Decimal, &str), DecimalError> {
    let text = value.trim();
    if text.is_empty() {
        return Err(DecimalError::Empty);
    }
    if let Some(rest) = text.strip_prefix('-') {
        let negative = rest.trim_start().starts_with(|c: char| c.is_ascii_digit());
        return Err(if negative {
            DecimalError::Negative
        } else {
            DecimalError::NotANumber
        });
    }
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    // A comma, an underscore, an exponent or a second number is a slip in the number, not an
    // unknown unit.
    let unit = rest.trim_start();
    if unit.starts_with(|c: char| matches!(c, ',' | '_' | '\'') || c.is_ascii_digit())
        || is_exponent(rest)
    {
        return Err(DecimalError::NotANumber);
    }
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return Err(DecimalError::NotANumber),
        Some((whole, fraction)) => (whole, fraction.trim_end_matches('0')),
        None => (number, ""),
    };
    if whole.is_empty() || fraction.contains('.') {
        return Err(DecimalError::NotANumber);
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > MAX_WHOLE_DIGITS {
        return Err(DecimalError::TooLarge);
    }
    if fraction.len() > MAX_FRACTION_DIGITS {
        return Err(DecimalError::TooFine);
    }
    let mantissa = whole
        .bytes()
        .chain(fraction.bytes())
        .fold(0, |sum: u128, digit| sum * 10 + u128::from(digit - b'0'));
    let scale = u32::try_from(fraction.len()).expect("at most 18 digits");
    Ok((Decimal { mantissa, scale }, unit))
}

/// Whether what follows a number is an exponent, which we do not read: `1e3`.
fn is_exponent(rest: &str) -> bool {
    rest.strip_prefix(['e', 'E']).is_some_and(|power| {
        power
            .trim_start_matches(['+', '-'])
            .starts_with(|c: char| c.is_ascii_digit())
    })
}

impl Quantity {
    /// Reads a number with a unit, in the base unit. Never rounds.
    pub(crate) fn parse(&self, value: &str) -> Result<u64, ParseUnitError> {
        let (decimal, unit) = split(value).map_err(|error| self.error(error, value))?;
        if unit.is_empty() {
            return Err(ParseUnitError::MissingUnit {
                value: value.trim().to_owned(),
                known: self.known(),
                suggested: self.suggested,
            });
        }
        let unit = self
            .aliases
            .iter()
            .find(|(alias, _)| *alias == unit)
            .map_or(unit, |(_, of)| of);
        let Some((_, factor)) = self.units.iter().find(|(name, _)| *name == unit) else {
            return Err(ParseUnitError::UnknownUnit {
                value: value.trim().to_owned(),
                unit: unit.to_owned(),
                known: self.known(),
            });
        };
        let Some(product) = decimal.mantissa.checked_mul(u128::from(*factor)) else {
            return Err(self.error(DecimalError::TooLarge, value));
        };
        let divisor = 10_u128.pow(decimal.scale);
        if product / divisor > u128::from(self.max) {
            return Err(self.error(DecimalError::TooLarge, value));
        }
        if !product.is_multiple_of(divisor) {
            return Err(self.error(DecimalError::TooFine, value));
        }
        Ok(u64::try_from(product / divisor).expect("compared with a 64-bit maximum"))
    }

    /// The error with its words.
    pub(crate) fn error(&self, error: DecimalError, value: &str) -> ParseUnitError {
        let value = value.trim().to_owned();
        match error {
            DecimalError::Empty => ParseUnitError::Empty {
                quantity: self.name,
                suggested: self.suggested,
            },
            DecimalError::NotANumber => ParseUnitError::NotANumber {
                value,
                quantity: self.name,
                suggested: self.suggested,
            },
            DecimalError::Negative => ParseUnitError::Negative {
                value,
                quantity: self.name,
            },
            DecimalError::TooLarge => ParseUnitError::TooLarge {
                value,
                quantity: self.name,
                max: self.max_text,
            },
            DecimalError::TooFine => ParseUnitError::TooFine {
                value,
                quantity: self.name,
                finest: self.units[0].0,
            },
        }
    }

    /// The units for a message.
    fn known(&self) -> String {
        self.units
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Writes a value exactly, in the largest unit of which it holds at least one. `units` is sorted,
/// smallest first.
pub(crate) fn print(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (name, factor) = units
        .iter()
        .rev()
        .find(|(_, factor)| value >= *factor)
        .unwrap_or(&units[0]);
    let (whole, rest) = (value / factor, value % factor);
    if rest == 0 {
        return f.pad(&format!("{whole} {name}"));
    }
    let mut digits = String::new();
    let mut rest = u128::from(rest);
    // Ends for factors that divide a power of ten or of two, which all of ours do.
    while rest != 0 {
        rest *= 10;
        digits.push(char::from(
            b'0' + u8::try_from(rest / u128::from(*factor)).expect("a digit"),
        ));
        rest %= u128::from(*factor);
    }
    f.pad(&format!("{whole}.{digits} {name}"))
}

/// Serialises as the text form, which is exact, and readable in TOML and JSON.
macro_rules! serde_as_text {
    ($($name:ident),+) => {
        $(
            impl TryFrom<String> for $name {
                type Error = $crate::units::ParseUnitError;

                fn try_from(value: String) -> Result<Self, Self::Error> {
                    value.parse()
                }
            }

            impl From<$name> for String {
                fn from(value: $name) -> Self {
                    value.to_string()
                }
            }
        )+
    };
}
pub(crate) use serde_as_text;
