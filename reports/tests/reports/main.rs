//! Every output format on fabricated experiments, each golden file beside a bound.

mod compare;
mod coverage;
mod csv;
#[path = "../fixture/mod.rs"]
mod fixture;
mod html;
mod isolation;
mod json;
mod pcapng;
mod reach;
#[path = "../fixture/schema_check.rs"]
mod schema_check;
mod terminal;
