//! Scenarios that nobody has to write: the one that runs without arguments, and the one that is
//! built around task definitions.
//!
//! Both are scenario files like any other, and go through the same reader.

use std::io;

mod around;
#[cfg(test)]
mod tests;

pub use around::{Around, Given, around, around_in};

/// File name of the scenario that runs without arguments.
pub const DEFAULT: &str = "web-and-cache.toml";

/// The files of the library, by name.
const LIBRARY: [(&str, &str); 3] = [
    (DEFAULT, include_str!("../library/web-and-cache.toml")),
    ("web.json", include_str!("../library/web.json")),
    ("cache.json", include_str!("../library/cache.json")),
];

/// The text of a file of the library.
///
/// # Errors
/// `NotFound` if the library has no file of that name.
pub fn library(name: &str) -> io::Result<String> {
    let found = LIBRARY.iter().find(|(file, _)| *file == name);
    found
        .map(|(_, text)| (*text).to_owned())
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}
