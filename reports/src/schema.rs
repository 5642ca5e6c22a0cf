//! JSON Schemas of the documents, the authority on them.

use serde_json::Value;

use crate::density::Density;
use crate::reach::ReachResults;
use crate::results::Results;

/// The schema of `ecsnet.results/1`, also kept as `schema/results.json` in this crate.
#[must_use]
pub fn results() -> Value {
    let mut schema = schemars::schema_for!(Results);
    schema.insert("title".to_owned(), "ecsnet.results/1".into());
    schema.to_value()
}

/// The schema of `ecsnet.density/1`, also kept as `schema/density.json` in this crate.
#[must_use]
pub fn density() -> Value {
    let mut schema = schemars::schema_for!(Density);
    schema.insert("title".to_owned(), crate::density::SCHEMA.into());
    schema.to_value()
}

/// The schema of `ecsnet.reach/1`, also kept as `schema/reach.json` in this crate.
#[must_use]
pub fn reach() -> Value {
    let mut schema = schemars::schema_for!(ReachResults);
    schema.insert("title".to_owned(), "ecsnet.reach/1".into());
    schema.to_value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_of_density_is_the_one_of_the_types() {
        let committed: Value = serde_json::from_str(include_str!("../schema/density.json"))
            .expect("the committed schema is JSON");
        assert!(
            committed == density(),
            "schema/density.json is stale: cargo run -p reports --example schema density \
             > reports/schema/density.json"
        );
    }

    #[test]
    fn the_committed_schema_is_the_one_of_the_types() {
        let committed: Value = serde_json::from_str(include_str!("../schema/results.json"))
            .expect("the committed schema is JSON");
        assert!(
            committed == results(),
            "schema/results.json is stale: cargo run -p reports --example schema \
             > reports/schema/results.json"
        );
    }

    #[test]
    fn the_committed_schema_of_reach_is_the_one_of_the_types() {
        let committed: Value = serde_json::from_str(include_str!("../schema/reach.json"))
            .expect("the committed schema is JSON");
        assert!(
            committed == reach(),
            "schema/reach.json is stale: cargo run -p reports --example schema -- reach \
             > reports/schema/reach.json"
        );
    }
}
