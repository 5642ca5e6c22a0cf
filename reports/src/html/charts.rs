//! The charts of one workload.

use super::view::Mode;
use crate::comparison::curve;
use crate::record::Experiment;
use crate::results::{Metric, ModeResult, Outcome, WorkloadResult};
use crate::svg::bars::{self, Row};
use crate::svg::percentile::{self, Curve};
use crate::svg::series::{self, Track};
use crate::svg::waterfall::{self, Path};

/// A drawn chart with its caption.
pub(super) struct Chart {
    pub(super) svg: String,
    pub(super) caption: String,
}

/// From this share of every mode's time on, one component hides all others, and the waterfall is
/// drawn once more without it.
const OVERWHELMING: f64 = 0.5;

/// All charts of a workload that have something to show.
pub(super) fn of_workload(
    anchor: usize,
    workload: &str,
    experiment: &Experiment,
    modes: &[(Mode<'_>, &ModeResult)],
) -> Vec<Chart> {
    let id = |kind: &str| format!("{kind}-{anchor}");
    let mut charts = Vec::new();
    let mut add = |svg: Option<String>, caption: &str| {
        charts.extend(svg.map(|svg| Chart {
            svg,
            caption: caption.to_owned(),
        }));
    };
    add(
        percentile::chart(
            &id("percentile"),
            workload,
            &curves(workload, experiment, modes),
        ),
        "Latency by percentile. Bands are 95 % intervals over replications; lines end where fewer \
         than ten samples lie beyond.",
    );
    let (metrics, rows) = rows(workload, modes);
    add(
        bars::chart(&id("bars"), workload, &metrics, &rows),
        "Estimates with 95 % intervals (whiskers). Whether modes differ is judged on paired \
         differences in the table, not on the overlap of whiskers.",
    );
    let paths = paths(workload, modes);
    let heaviest = overwhelming(&paths);
    let title = format!("Time per request by component, {workload}");
    add(
        waterfall::chart(&id("hops"), &title, &paths, heaviest.as_deref(), false),
        "Where the time of a request goes, request and response together.",
    );
    if let Some(component) = heaviest {
        let title = format!("{title}, without {component}");
        add(
            waterfall::chart(&id("hops-rest"), &title, &paths, Some(&component), true),
            &format!("The same without {component}, which outweighs all else in every mode."),
        );
    }
    add(
        series::chart(&id("time"), workload, &tracks(workload, experiment, modes)),
        "Mean latency over simulated time, all replications together.",
    );
    charts
}

fn curves(
    workload: &str,
    experiment: &Experiment,
    modes: &[(Mode<'_>, &ModeResult)],
) -> Vec<Curve> {
    let curve = |mode: &Mode<'_>| {
        let points = curve::percentiles(experiment.modes.get(mode.name)?, workload);
        let name = mode.name.to_owned();
        (!points.is_empty()).then_some(Curve {
            series: mode.series,
            name,
            baseline: mode.baseline,
            points,
        })
    };
    modes.iter().filter_map(|(mode, _)| curve(mode)).collect()
}

fn tracks(
    workload: &str,
    experiment: &Experiment,
    modes: &[(Mode<'_>, &ModeResult)],
) -> Vec<Track> {
    let track = |mode: &Mode<'_>| {
        let over_time = curve::over_time(experiment.modes.get(mode.name)?, workload);
        let name = mode.name.to_owned();
        (!over_time.bins.is_empty()).then_some(Track {
            series: mode.series,
            name,
            baseline: mode.baseline,
            over_time,
        })
    };
    modes.iter().filter_map(|(mode, _)| track(mode)).collect()
}

/// The groups of the bar chart and every mode's row in them.
fn rows(workload: &str, modes: &[(Mode<'_>, &ModeResult)]) -> (Vec<Metric>, Vec<Row>) {
    let of = |result: &ModeResult, metric: Metric| {
        result
            .workloads
            .get(workload)
            .and_then(|w| w.metric(metric))
            .cloned()
    };
    let has = |metric: &Metric| {
        modes
            .iter()
            .any(|(_, r)| of(r, *metric).is_some_and(|e| e.estimate.is_some()))
    };
    let latency = [Metric::LatencyP50, Metric::LatencyP99, Metric::LatencyP999];
    let mut metrics: Vec<Metric> = latency.into_iter().filter(has).collect();
    if metrics.is_empty() {
        metrics.extend([Metric::Throughput].into_iter().filter(has));
    }
    let instead = |result: &ModeResult| match result.workloads.get(workload) {
        Some(w) if w.outcome == Outcome::Measured => "",
        Some(w) => w.outcome.word(),
        None if result.deployable => "not run",
        None => "not deployable",
    };
    let rows = modes
        .iter()
        .map(|(mode, result)| Row {
            series: mode.series,
            name: mode.name.to_owned(),
            estimates: metrics.iter().map(|m| of(result, *m)).collect(),
            instead: instead(result).to_owned(),
        })
        .collect();
    (metrics, rows)
}

fn paths(workload: &str, modes: &[(Mode<'_>, &ModeResult)]) -> Vec<Path> {
    let hops = |w: &WorkloadResult| -> Vec<(String, f64)> {
        w.hops
            .iter()
            .filter_map(|h| Some((h.component.clone(), h.ns_per_request?)))
            .collect()
    };
    modes
        .iter()
        .filter_map(|(mode, result)| {
            let hops = hops(result.workloads.get(workload)?);
            (!hops.is_empty()).then(|| Path {
                name: mode.name.to_owned(),
                hops,
            })
        })
        .collect()
}

/// The component that takes more than [`OVERWHELMING`] of the time in every mode.
fn overwhelming(paths: &[Path]) -> Option<String> {
    let largest = |path: &Path| {
        let total: f64 = path.hops.iter().map(|(_, ns)| ns).sum();
        let (name, ns) = path.hops.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        (*ns > OVERWHELMING * total && path.hops.len() > 1).then(|| name.clone())
    };
    let first = largest(paths.first()?)?;
    paths
        .iter()
        .all(|p| largest(p).as_ref() == Some(&first))
        .then_some(first)
}
