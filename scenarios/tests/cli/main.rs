//! The `ecsnet` command from outside: what it prints, writes and answers.

mod bad_input;
mod checks;
mod corpus;
mod density;
mod determinism;
mod interrupt;
mod library;
mod network;
mod options;
mod reach;
mod scale;
mod support;
