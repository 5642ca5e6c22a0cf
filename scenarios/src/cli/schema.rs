//! `ecsnet schema`.

use std::io::{self, Write as _};

use scenarios::toml::ScenarioSpec;

use super::args::{Document, SchemaArgs};
use super::failure::{Failure, stdout_failed};

/// Prints a schema.
pub(crate) fn main(args: &SchemaArgs) -> Result<(), Failure> {
    let schema = match args.document {
        Document::Scenario => ScenarioSpec::json_schema().to_value(),
        Document::Results => reports::schema::results(),
        Document::Density => reports::schema::density(),
        Document::Reach => reports::schema::reach(),
    };
    writeln!(io::stdout(), "{schema:#}").or_else(|error| stdout_failed(&error))
}
