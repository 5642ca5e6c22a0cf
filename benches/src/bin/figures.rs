//! Takes one figure: a row of a table, and the same as JSON.

use benches::figures::{
    Outcome, namespace, pairs, parallel_run, print, print_scaling, replications, scale,
};

const USAGE: &str = "usage: figures parallel-run|break-even|replications|namespace|pairs [ROUNDS]
       figures queues [ROUNDS]    (with the feature `trace`)
       figures scale [CONTAINERS…]";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (figure, rest) = arguments.split_first().ok_or(USAGE)?;
    match (figure.as_str(), rest) {
        ("scale", _) => return scale::print(&sizes(rest)?),
        // What the figures below run in processes of their own.
        ("scale-one", [size, load]) => return scale::one(size.parse()?, load == "load"),
        ("namespace-one", [connections]) => return namespace::one(connections.parse()?),
        ("pairs-one", [pairs]) => return pairs::one(pairs.parse()?),
        _ => {}
    }
    let rounds = match rest.first() {
        Some(rounds) => rounds.parse()?,
        None => 5,
    };
    match figure.as_str() {
        "parallel-run" => print(&parallel_run::figure(rounds)?),
        "break-even" => parallel_run::break_even(rounds)?.iter().for_each(print),
        "replications" => print(&replications::figure(rounds)?),
        #[cfg(feature = "trace")]
        "queues" => drop(benches::figures::queues::figure(rounds)?),
        "namespace" => print_scaling(&namespace::figure(rounds)?),
        "pairs" => print_scaling(&pairs::figure(rounds)?),
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

/// All sizes, or those that are named.
fn sizes(named: &[String]) -> Outcome<Vec<u32>> {
    if named.is_empty() {
        return Ok(scale::SIZES.into());
    }
    let mut sizes = Vec::new();
    for one in named {
        sizes.push(one.parse()?);
    }
    Ok(sizes)
}
