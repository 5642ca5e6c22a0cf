//! The JSON Schema of the values of a scenario file.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use sim_core::{ByteSize, PacketRate, Ratio, SimDuration};

use crate::document::reader::At;

use super::spec::{ConnectionsSpec, ListenSpec, Ports, PublicAddressSpec, ScenarioSpec};
use super::words::Word;

/// A type whose written form has a schema.
pub(crate) trait Written {
    /// The schema.
    fn schema() -> Schema;
}

/// A value has the schema of its written form; where it stands is no part of it.
impl<T: Written> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl<T: Word> Written for T {
    fn schema() -> Schema {
        let words: Vec<_> = T::WORDS.iter().map(|(word, _)| *word).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

impl Written for String {
    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Written for bool {
    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

impl Written for u64 {
    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

/// A number and a unit.
fn quantity(example: &str) -> Schema {
    json_schema!({ "type": "string", "examples": [example] })
}

impl Written for SimDuration {
    fn schema() -> Schema {
        quantity("100 us")
    }
}

impl Written for ByteSize {
    fn schema() -> Schema {
        quantity("64 KiB")
    }
}

impl Written for PacketRate {
    fn schema() -> Schema {
        quantity("200/s")
    }
}

impl Written for Ratio {
    fn schema() -> Schema {
        quantity("0.1 %")
    }
}

impl Written for Ipv4Net {
    fn schema() -> Schema {
        quantity("10.0.0.0/16")
    }
}

impl Written for Ipv4Addr {
    fn schema() -> Schema {
        quantity("10.0.0.10")
    }
}

impl Written for PublicAddressSpec {
    fn schema() -> Schema {
        json_schema!({
            "anyOf": [{ "type": "boolean" }, { "type": "string", "examples": ["203.0.113.10"] }]
        })
    }
}

impl Written for ListenSpec {
    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 65535 },
                { "type": "string", "examples": ["53/udp"] }
            ]
        })
    }
}

impl Written for Ports {
    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": 65535 },
                { "type": "string", "examples": ["8000-8010"] }
            ]
        })
    }
}

impl Written for ConnectionsSpec {
    fn schema() -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "enum": ["per request"] }
            ]
        })
    }
}

impl ScenarioSpec {
    /// The JSON Schema of scenario files.
    #[must_use]
    pub fn json_schema() -> Schema {
        schemars::schema_for!(ScenarioSpec)
    }
}
