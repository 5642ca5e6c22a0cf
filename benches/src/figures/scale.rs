//! What large fleets cost: the scenarios of `scenarios/library/scale/`, each in a process of its own,
//! and the same without load for the memory of an idle container.

use serde_json::{Value, json};

use super::child::{child, cpu_s, memory_kib, number};
use super::{Outcome, say, timed};
use crate::fleet;

/// How many containers the fleets have.
pub const SIZES: [u32; 3] = [1_000, 10_000, 100_000];

/// Prints a table of some sizes, and the same as JSON.
///
/// # Errors
/// If a scenario does not run.
pub fn print(sizes: &[u32]) -> Outcome<()> {
    say(&format!(
        "{:>10}{:>9}{:>9}{:>9}{:>9}{:>10}{:>10}{:>13}{:>12}",
        "containers",
        "build s",
        "CPU s",
        "run s",
        "CPU s",
        "answered",
        "peak MiB",
        "idle KiB each",
        "frames/CPU s"
    ));
    let mut rows = Vec::new();
    for size in sizes {
        let size = size.to_string();
        let busy = child(&["scale-one", &size, "load"])?;
        let idle = child(&["scale-one", &size, "idle"])?;
        let row = row(&busy, &idle);
        print_row(&row);
        rows.push(row);
    }
    say(&serde_json::to_string_pretty(&rows)?);
    Ok(())
}

fn row(busy: &Value, idle: &Value) -> Value {
    let idle = number(idle, "world_kib") / number(idle, "containers");
    let mut row = busy.clone();
    row["idle_kib_per_container"] = json!(idle);
    row["frames_per_cpu_s"] = json!(number(busy, "frames") / number(busy, "run_cpu_s"));
    row
}

fn print_row(row: &Value) {
    let n = |key| number(row, key);
    say(&format!(
        "{:>10}{:>9.2}{:>9.2}{:>9.2}{:>9.2}{:>10}{:>10.0}{:>13.2}{:>12.0}",
        n("containers"),
        n("build_s"),
        n("build_cpu_s"),
        n("run_s"),
        n("run_cpu_s"),
        n("answered"),
        n("peak_kib") / 1024.0,
        n("idle_kib_per_container"),
        n("frames_per_cpu_s"),
    ));
}

/// Builds and runs one fleet in this process, with its load or idle, and prints what it took.
///
/// # Errors
/// If CPU time or memory cannot be read.
pub fn one(size: u32, load: bool) -> Outcome<()> {
    let (cpu, before) = (cpu_s()?, memory_kib("VmRSS")?);
    let ((containers, world), build) = timed(|| {
        let plan = fleet::plan(size, load);
        let containers: usize = plan.tasks.iter().map(|task| task.containers.len()).sum();
        // The plan goes; what is left is the world.
        (containers, crate::world(&plan))
    });
    let build_cpu_s = cpu_s()? - cpu;
    let world_kib = memory_kib("VmRSS")?.saturating_sub(before);
    let cpu = cpu_s()?;
    let (outcome, run) = timed(|| crate::run(world));
    let row = json!({
        "containers": containers,
        "build_s": build.as_secs_f64(),
        "build_cpu_s": build_cpu_s,
        "run_s": run.as_secs_f64(),
        "run_cpu_s": cpu_s()? - cpu,
        "world_kib": world_kib,
        "peak_kib": memory_kib("VmHWM")?,
        "answered": outcome.workloads.iter().map(|w| w.ok).sum::<u64>(),
        "frames": outcome.frames.delivered,
        "events": outcome.events,
    });
    say(&row.to_string());
    Ok(())
}
