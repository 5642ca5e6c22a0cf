//! Ctrl-C and termination: a clean stop, exit status 75, nothing left behind.

#![cfg(unix)]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::Home;

#[test]
fn an_interrupted_comparison_leaves_nothing_behind() {
    for signal in ["-INT", "-TERM"] {
        let home = Home::new();
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("ecsnet"))
            .current_dir(home.path())
            .args(["compare", "--duration", "3600 s", "--out", "a/b"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Once its files are open, the handler is there.
        let opened = || home.listing().len() > 2;
        for _ in 0..600 {
            if opened() {
                break;
            }
            sleep(Duration::from_millis(100));
        }
        assert!(opened(), "no output file was opened");
        let id = child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(75), "{signal}");
        assert!(home.listing().is_empty(), "{:?}", home.listing());
    }
}
