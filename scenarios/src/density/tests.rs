use super::select::{Filter, Sort, apply};
use super::*;
use crate::instance_types::InstanceTypes;

fn question(kinds: Vec<Kind>, names: &[&str]) -> Question<'static> {
    let table = InstanceTypes::builtin();
    Question {
        kinds,
        ground: Ground::default(),
        modes: Mode::ALL.to_vec(),
        types: match names {
            [] => table.all().collect(),
            names => names.iter().filter_map(|name| table.listed(name)).collect(),
        },
        policy: NonePolicy::AsWritten,
    }
}

fn kind(name: &str, cpu: u32, memory: u32, ports: &str) -> Kind {
    let text = format!(
        "{{ \"family\": \"{name}\", \"containerDefinitions\": [ {{ \"name\": \"c\", \"image\": \"i\", \
         \"cpu\": {cpu}, \"memory\": {memory}, \"portMappings\": [{ports}] }} ] }}"
    );
    let (definition, _) = TaskDefinition::read("f.json", &text).unwrap();
    Kind {
        name: name.to_owned(),
        definition: Arc::new(definition),
        count: 1,
        mode: None,
        subnets: vec![0],
    }
}

fn fit_of<'a>(density: &'a Density, subject: usize, mode: &str) -> &'a Fit {
    &density.subjects[subject].rows[0].fits[mode]
}

#[test]
fn density_is_the_documented_figure_wherever_there_is_one() {
    let density = answer(&question(Vec::new(), &[]));
    let (mut plain, mut trunked) = (0, 0);
    for (listed, row) in InstanceTypes::builtin()
        .all()
        .zip(&density.subjects[0].rows)
    {
        assert_eq!(listed.name, row.instance_type);
        if let Some(documented) = listed.limits.plain_documented {
            assert_eq!(row.fits["awsvpc"].tasks, Some(documented.into()), "{row:?}");
            assert_eq!(row.fits["awsvpc"].eni_source, Some(EniSource::Documented));
            plain += 1;
        }
        if let Some(documented) = listed.limits.trunked_documented {
            assert_eq!(row.fits[TRUNKED].tasks, Some(documented.into()), "{row:?}");
            assert_eq!(row.fits[TRUNKED].eni_source, Some(EniSource::Documented));
            trunked += 1;
        }
    }
    assert_eq!((plain, trunked), (434, 434), "the rows of the guide");
}

#[test]
fn the_same_figures_bind_a_task_that_is_small_enough() {
    // One CPU unit and six MiB, the least that Docker takes: nothing but interfaces can run out.
    let density = answer(&question(vec![kind("tiny", 1, 6, "")], &[]));
    for (listed, row) in InstanceTypes::builtin()
        .all()
        .zip(&density.subjects[0].rows)
    {
        for (key, documented) in [
            ("awsvpc", listed.limits.plain_documented),
            (TRUNKED, listed.limits.trunked_documented),
        ] {
            let fit = &row.fits[key];
            match (documented, &listed.instance) {
                (Some(tasks), Some(_)) => {
                    assert_eq!(fit.tasks, Some(tasks.into()), "{} {key}", listed.name);
                    assert_eq!(fit.limit.as_deref(), Some("ENI"));
                }
                (_, None) => assert_eq!(fit.tasks, None),
                (None, Some(_)) => {}
            }
        }
    }
}

#[test]
fn each_mode_has_the_limit_that_binds_in_it() {
    let web = kind("web", 256, 512, r#"{ "containerPort": 80 }"#);
    let density = answer(&question(vec![web], &["c5.large"]));
    let told = |mode| {
        let fit = fit_of(&density, 0, mode);
        (fit.tasks, fit.limit.as_deref().unwrap())
    };
    assert_eq!(told("none"), (None, "refused"));
    assert_eq!(told("bridge"), (Some(7), "memory"));
    assert_eq!(told("host"), (Some(1), "ports"));
    assert_eq!(told("awsvpc"), (Some(2), "ENI"));
    assert_eq!(told(TRUNKED), (Some(7), "memory"));
    assert!(density.subjects[0].refused.contains_key("none"));
    let fargate = &density.subjects[0].fargate[0];
    assert_eq!(
        (fargate.cpu, fargate.memory_mib, fargate.exact),
        (256, 512, true)
    );
}

#[test]
fn a_mix_is_counted_in_sets_of_its_ratio() {
    let mut web = kind("web", 256, 256, r#"{ "containerPort": 80 }"#);
    let mut cache = kind("cache", 512, 512, "");
    (web.count, cache.count) = (4, 2);
    let density = answer(&question(vec![web, cache], &["m5.xlarge"]));
    let mix = &density.subjects[2];
    assert_eq!(
        (mix.name.as_str(), mix.cpu, mix.memory_mib),
        ("mix", 1024, 1024)
    );
    assert_eq!(mix.tasks.values().copied().collect::<Vec<_>>(), [2, 1]);
    let bridge = fit_of(&density, 2, "bridge");
    assert_eq!((bridge.sets, bridge.tasks), (Some(4), Some(12)));
    // Two tasks of a set on one port of the instance.
    assert_eq!(fit_of(&density, 2, "host").sets, Some(0));
    assert_eq!(fit_of(&density, 2, "awsvpc").sets, Some(1));
}

#[test]
fn the_ground_of_a_scenario_counts() {
    let web = kind("web", 1, 100, r#"{ "containerPort": 80 }"#);
    let mut question = question(vec![web], &["c5.large"]);
    let tasks = |question: &Question<'_>, mode: &str| fit_of(&answer(question), 0, mode).clone();
    assert_eq!(tasks(&question, "bridge").tasks, Some(39));
    question.ground.reserved_memory_mib = 1000;
    assert_eq!(tasks(&question, "bridge").tasks, Some(29));
    question.ground.dynamic_ports = 40_000..=40_004;
    let bridge = tasks(&question, "bridge");
    assert_eq!(
        (bridge.tasks, bridge.limit.as_deref()),
        (Some(5), Some("dynamic ports"))
    );
    let free = vec![Some(8)];
    question.ground.network = Some(Network { free, own: 0 });
    let trunked = tasks(&question, TRUNKED);
    assert_eq!(
        (trunked.tasks, trunked.limit.as_deref()),
        (Some(6), Some("subnet addresses")),
        "two of eight are the instance's own"
    );
}

#[test]
fn only_subnets_of_tasks_with_interfaces_count() {
    let mut own = kind("own", 1, 6, "");
    own.mode = Some(Mode::Awsvpc);
    let mut shared = kind("shared", 1, 6, "");
    shared.subnets = vec![1];
    let mut question = question(vec![own, shared], &["m5.4xlarge"]);
    let free = vec![Some(4), Some(100)];
    question.ground.network = Some(Network { free, own: 1 });
    let density = answer(&question);
    let mix = |mode: &str| {
        let fit = fit_of(&density, 2, mode);
        (fit.sets, fit.limit.as_deref().unwrap())
    };
    // The other half of the mix has no interfaces, and its subnet none to give.
    assert_eq!(mix("bridge"), (Some(4), "subnet addresses"));
}

#[test]
fn tasks_that_are_kept_on_fargate_are_not_counted_on_an_instance() {
    let web = kind("web", 256, 512, "");
    // Fargate wants the size of the task.
    let text = r#"{ "family": "batch", "cpu": "256", "memory": "512",
        "containerDefinitions": [{ "name": "c", "image": "i" }] }"#;
    let mut batch = kind("batch", 256, 512, "");
    batch.definition = Arc::new(TaskDefinition::read("batch.json", text).unwrap().0);
    batch.mode = Some(Mode::Fargate);
    let density = answer(&question(vec![web, batch], &["m5.large"]));
    let bridge = fit_of(&density, 2, "bridge");
    assert_eq!((bridge.sets, bridge.tasks), (Some(8), Some(8)));
}

#[test]
fn rows_are_filtered_and_sorted() {
    let names = |filters: &[&str], sort: Option<&str>| {
        let filters: Vec<_> = filters
            .iter()
            .map(|text| Filter::parse(text).unwrap())
            .collect();
        let sort = sort.map(|text| Sort::parse(text).unwrap());
        let mut density = answer(&question(Vec::new(), &[]));
        apply(&mut density, &filters, sort);
        let rows = density.subjects.remove(0).rows;
        rows.into_iter()
            .map(|row| row.instance_type)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["family=c5", "vcpus<=8"], None),
        ["c5.large", "c5.xlarge", "c5.2xlarge"]
    );
    assert_eq!(
        names(&["family=c5", "vcpus<=8"], Some("-trunked")),
        ["c5.2xlarge", "c5.xlarge", "c5.large"]
    );
    assert_eq!(
        names(&["type=t3.large,t4g.large", "arch=arm64"], None),
        ["t4g.large"]
    );
    assert_eq!(
        names(&["family=t3", "memory>8GiB"], Some("-memory")),
        ["t3.2xlarge", "t3.xlarge"]
    );
    assert!(names(&["trunking=true", "family=t3"], None).is_empty());
    assert_eq!(
        names(&["enis>=2", "family=g4ad", "awsvpc<2"], Some("type")).len(),
        2
    );
    assert!(
        names(&["family=g4ad", "vcpus>=1"], None).is_empty(),
        "a size that is not known"
    );
    assert_eq!(
        names(&["family=c5", "hypervisor!=nitro"], None),
        ["c5.metal"]
    );
    let last = names(&["family=c5,p3"], Some("vcpus")).pop().unwrap();
    assert!(
        last.starts_with("p3"),
        "what is not known comes last: {last}"
    );
}

#[test]
fn a_bad_filter_or_column_is_told_with_a_remedy() {
    let told = [
        "family",
        "famly=c5",
        "arch>arm64",
        "vcpus=many",
        "memory=16",
        "trunking=yes",
        "vcpus>=1,2",
        "family=",
    ]
    .map(|text| {
        let error = Filter::parse(text).unwrap_err();
        format!("{error} -- {}", error.help)
    });
    let sort = Sort::parse("-price").unwrap_err();
    insta::assert_snapshot!(format!("{}\n{sort} -- {}", told.join("\n"), sort.help));
}
