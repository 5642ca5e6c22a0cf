//! Takes one figure: a row of a table, and the same as JSON.

use benches::figures::{Outcome, parallel_run, print, replications};

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = match arguments.get(1) {
        Some(rounds) => rounds.parse()?,
        None => 5,
    };
    match arguments.first().map(String::as_str) {
        Some("parallel-run") => print(&parallel_run::figure(rounds)?),
        Some("break-even") => parallel_run::break_even(rounds)?.iter().for_each(print),
        Some("replications") => print(&replications::figure(rounds)?),
        #[cfg(feature = "trace")]
        Some("queues") => drop(benches::figures::queues::figure(rounds)?),
        _ => return Err("usage: figures parallel-run|break-even|replications [ROUNDS]".into()),
    }
    Ok(())
}
