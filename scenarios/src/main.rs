//! The ecsnet command.
fn main() {}
