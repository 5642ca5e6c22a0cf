//! Why a text is not a quantity.

/// Why a text is not a quantity. Every message names the text and what to write instead, and fits
/// after "cannot read: ".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseUnitError {
    /// There is no text.
    #[error("a {quantity} is missing; write for example `1 {suggested}`")]
    Empty {
        /// What was expected.
        quantity: &'static str,
        /// A unit to suggest.
        suggested: &'static str,
    },
    /// The text does not start with a decimal number.
    #[error(
        "`{value}` is not a {quantity}; write a decimal number and a unit, for example `1.5 {suggested}`"
    )]
    NotANumber {
        /// The text.
        value: String,
        /// What was expected.
        quantity: &'static str,
        /// A unit to suggest.
        suggested: &'static str,
    },
    /// A number without a unit.
    #[error(
        "`{value}` has no unit; write for example `{value} {suggested}` (known units: {known})"
    )]
    MissingUnit {
        /// The text.
        value: String,
        /// The units that exist.
        known: String,
        /// A unit to suggest.
        suggested: &'static str,
    },
    /// A number with a unit that does not exist.
    #[error("`{value}` has the unknown unit `{unit}`; known units: {known}")]
    UnknownUnit {
        /// The text.
        value: String,
        /// The unit in it.
        unit: String,
        /// The units that exist.
        known: String,
    },
    /// A number below zero.
    #[error("`{value}` is negative; a {quantity} cannot be")]
    Negative {
        /// The text.
        value: String,
        /// What was expected.
        quantity: &'static str,
    },
    /// More than is representable or sensible.
    #[error("`{value}` is too large; a {quantity} is at most {max}")]
    TooLarge {
        /// The text.
        value: String,
        /// What was expected.
        quantity: &'static str,
        /// The largest accepted value.
        max: &'static str,
    },
    /// Not a whole number of the smallest unit.
    #[error("`{value}` is finer than 1 {finest}, the finest step of a {quantity}")]
    TooFine {
        /// The text.
        value: String,
        /// What was expected.
        quantity: &'static str,
        /// The smallest unit.
        finest: &'static str,
    },
    /// Zero where nothing would ever happen.
    #[error("`{value}` is zero; a {quantity} is more than zero")]
    Zero {
        /// The text.
        value: String,
        /// What was expected.
        quantity: &'static str,
    },
}

impl ParseUnitError {
    pub(crate) fn zero(value: &str, quantity: &'static str) -> Self {
        Self::Zero {
            value: value.trim().to_owned(),
            quantity,
        }
    }
}
