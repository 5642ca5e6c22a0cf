use reports::{Experiment, compare, html};

use crate::fixture::{experiment, isolated, measured, mode, refused, replication, two_tier};

fn page(experiment: &Experiment) -> String {
    html::render(experiment, &compare(experiment))
}

/// Tags of elements that must be closed, in pairs and properly nested.
fn assert_well_formed(page: &str) {
    const VOID: [&str; 2] = ["meta", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    let style = page.find("<style>").unwrap()..page.find("</style>").unwrap();
    let mut rest = 0;
    while let Some(start) = page[rest..].find('<').map(|i| i + rest) {
        let end = page[start..]
            .find('>')
            .map(|i| i + start)
            .expect("a tag ends");
        let tag = &page[start + 1..end];
        rest = end + 1;
        if style.contains(&start) && start != style.start {
            continue;
        }
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap();
        if VOID.contains(&name) || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "near {}",
                &page[start.saturating_sub(80)..end]
            );
        } else {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn the_report_is_one_well_formed_file_without_network() {
    let page = page(&two_tier(10));
    assert_well_formed(&page);
    for reference in [
        "http:", "https:", "src=", "url(", "@import", "<script", "<link",
    ] {
        assert!(
            !page.contains(reference),
            "{reference} leads out of the file"
        );
    }
    assert!(page.len() < 400_000, "{} bytes", page.len());
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("@media print"));
}

#[test]
fn everything_a_reader_must_know_is_on_the_page() {
    let experiment = two_tier(10);
    let page = page(&experiment);
    let provenance = &experiment.provenance;
    let mut wanted = vec![
        provenance.command.as_str(),
        &provenance.smoltcp_version,
        "Bonferroni",
    ];
    wanted.extend(
        provenance
            .caveats
            .iter()
            .chain(&provenance.assumptions)
            .map(String::as_str),
    );
    wanted.extend(provenance.inputs.iter().map(|i| i.sha256.as_str()));
    wanted.extend(provenance.constants.iter().map(|c| c.source.as_str()));
    wanted.extend([
        "bw_out_allowance_exceeded",
        "172.17.0.1",
        "netfilter: DNAT",
        "warm-up",
    ]);
    for text in wanted {
        assert!(page.contains(text), "{text} is missing");
    }
}

#[test]
fn tables_and_charts_speak_to_those_who_do_not_see_them() {
    let page = page(&two_tier(3));
    let count = |text: &str| page.matches(text).count();
    assert_eq!(
        count("<table"),
        count("<caption"),
        "every table has a caption"
    );
    assert_eq!(
        count("<th"),
        count("<th scope=") + count("<thead"),
        "every heading has a scope"
    );
    assert_eq!(count("<svg"), count("role=\"img\""));
    assert_eq!(count("<svg"), count("</desc>"));
    let mut ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "ids are unique");
}

#[test]
fn user_text_is_escaped_wherever_it_may_stand() {
    let evil = "<script>alert('x')</script>";
    let mut experiment = two_tier(2);
    let provenance = &mut experiment.provenance;
    provenance.scenario_name = evil.to_owned();
    provenance.command = evil.to_owned();
    provenance.seed = evil.to_owned();
    provenance.caveats.push(evil.to_owned());
    provenance.assumptions.push(evil.to_owned());
    provenance.inputs[0].name = evil.to_owned();
    provenance.constants[0].source = evil.to_owned();
    let mut bridge = experiment.modes.shift_remove("bridge").unwrap();
    bridge.placement[0].task = evil.to_owned();
    bridge.placement[0].address = evil.to_owned();
    bridge.density.as_mut().unwrap().binding_limit = evil.to_owned();
    for replication in &mut bridge.replications {
        replication.drops.insert(evil.to_owned(), 1);
        let mut run = replication.workloads.shift_remove("web").unwrap();
        run.hops[0].component = evil.to_owned();
        run.errors.insert(evil.to_owned(), 1);
        run.source_seen = Some(evil.to_owned());
        replication.workloads.insert(evil.to_owned(), run);
    }
    experiment.modes.insert(evil.to_owned(), bridge);
    let mut refused = refused();
    let reason = refused.reason.as_mut().unwrap();
    reason.code = evil.to_owned();
    reason.message = evil.to_owned();
    reason.place = Some(evil.to_owned());
    experiment.modes.insert("awsvpc".to_owned(), refused);
    let page = page(&experiment);
    assert!(!page.contains("<script"), "unescaped");
    assert!(page.matches("script&").count() + page.matches("script&#62;").count() > 20);
    assert_well_formed(&page);
}

#[test]
fn not_deployable_and_isolated_modes_are_shown_with_their_reason() {
    let mut experiment = two_tier(3);
    experiment.modes.insert("awsvpc".to_owned(), refused());
    let page = page(&experiment);
    assert_well_formed(&page);
    assert!(page.contains("the host ports and container ports in port"));
    assert!(page.contains("tomcat_ec2.json: containerDefinitions[0].portMappings[0]"));
    assert!(page.contains("network mode none gives the container a loopback interface"));
}

#[test]
fn pages_of_nothing_and_of_little_still_render() {
    let empty = experiment("host", vec![]);
    let only_refused = experiment("host", vec![("host", refused())]);
    let silent = mode(vec![replication(0, vec![("web", isolated())])]);
    let only_isolated = experiment("none", vec![("none", silent)]);
    let single = mode(vec![replication(0, vec![("web", measured([5_000.0], 1))])]);
    let one_sample = experiment("host", vec![("host", single)]);
    for experiment in [empty, only_refused, only_isolated, one_sample] {
        let page = page(&experiment);
        assert_well_formed(&page);
        assert!(
            !page.contains("NaN") && !page.contains("inf"),
            "{}",
            page.len()
        );
    }
}

#[test]
fn a_broken_balance_of_frames_is_shown() {
    let mut experiment = two_tier(2);
    assert!(!page(&experiment).contains("violated"));
    experiment.modes.get_mut("host").unwrap().replications[0]
        .frames
        .delivered -= 1;
    assert!(page(&experiment).contains("violated"));
}
