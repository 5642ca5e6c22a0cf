//! The large fleets of the library. Only the smallest is run here; the benchmark `figures scale` runs
//! all of them.

use std::path::Path;

use crate::support::{Home, out};

fn fleet(containers: u32) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/scale");
    let file = folder.join(format!("{containers}.toml"));
    format!("\"{}\"", file.display())
}

/// The number in front of a word.
fn before(text: &str, word: &str) -> u64 {
    let mut words = text.split_whitespace();
    let mut last = "";
    let found = words.find(|one| {
        let found = *one == word;
        if !found {
            last = one;
        }
        found
    });
    assert!(found.is_some(), "no {word} in {text}");
    last.parse().unwrap()
}

#[test]
fn a_thousand_containers_talk_and_lose_no_frame() {
    let home = Home::new();
    let said = out(&home.succeed(&format!("run {} --mode bridge", fleet(1000))));
    // 600 + 275 + 100 tasks of one container, 5 of five.
    assert!(said.contains("and 880 more tasks"), "{said}");
    let frames = said.lines().find(|line| line.starts_with("frames: "));
    let frames = frames.unwrap();
    let (sent, delivered) = (before(frames, "sent"), before(frames, "delivered"));
    let (dropped, in_flight) = (before(frames, "dropped"), before(frames, "in"));
    assert_eq!(sent, delivered + dropped + in_flight);
    assert_eq!(dropped, 0, "{said}");
    // Two connections of each of 980 clients but the agents' one, and one more of each worker:
    // three frames open one, and a request is three more.
    let connections = 2 * (600 + 275 + 100 + 5) + 100;
    let requests: u64 = ["page", "job", "callback", "health", "scrape"]
        .iter()
        .map(|name| {
            let line = said
                .lines()
                .find(|line| line.starts_with(&format!("{name}: ")));
            before(line.unwrap(), "answered,")
        })
        .sum();
    // A request for each container and second, for a tenth of one.
    assert!((60..140).contains(&requests), "{requests}");
    assert!(sent >= 3 * connections + 2 * requests, "{sent}");
}

#[test]
fn every_fleet_is_a_sound_scenario() {
    let home = Home::new();
    for containers in [1000, 10_000, 100_000] {
        let said = out(&home.succeed(&format!("check {}", fleet(containers))));
        assert!(!said.contains("warning"), "{said}");
    }
}
