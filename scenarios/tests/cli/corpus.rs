//! Real task definitions, if `ECSNET_CORPUS` says where they are.

use std::path::PathBuf;

use crate::support::{Home, out};

fn corpus() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ECSNET_CORPUS")?);
    Some(std::path::absolute(folder.join("taskdefs")).unwrap())
}

#[test]
fn well_known_task_definitions_run_to_a_full_report() {
    let Some(corpus) = corpus() else { return };
    let firelens = "aws-samples__amazon-ecs-firelens-examples/examples__fluent-bit__";
    // The file, and a mode that has to carry it.
    let cases = [
        (
            "aws-samples__aws-containers-task-definitions/nginx__nginx_ec2.json",
            "bridge",
        ),
        (
            "aws-samples__aws-containers-task-definitions/nginx__nginx_fargate.json",
            "fargate",
        ),
        (
            "awslabs__ecs-nginx-reverse-proxy/static-host__task-definition.json",
            "bridge",
        ),
        (
            "newrelic__nri-ecs/deploy__task_definition_example.json",
            "host",
        ),
        (
            &format!("{firelens}cloudwatchlogs__task-definition-cloudwatch.json"),
            "bridge",
        ),
        (
            &format!("{firelens}datadog__task-definition.json"),
            "bridge",
        ),
        (
            &format!("{firelens}health-check__task-definition-tcp-healthcheck.json"),
            "bridge",
        ),
    ];
    for (file, mode) in cases {
        let home = Home::new();
        let path = corpus.join(file);
        home.succeed(&format!(
            r#"compare --task-definition "{}" --replications 2 --duration "20 ms" --warmup "5 ms""#,
            path.display()
        ));
        let results = home.results("ecsnet-out");
        let modes = results["modes"].as_object().unwrap();
        assert_eq!(modes.len(), 5, "{file}");
        assert_eq!(
            modes[mode]["deployable"], true,
            "{file}: {}",
            modes[mode]["reason"]
        );
        for (name, mode) in modes {
            let said = mode["reason"].is_object() != mode["deployable"].as_bool().unwrap();
            assert!(
                said,
                "{file}: {name} is neither deployable nor refused with a reason"
            );
        }
        assert!(
            !results["provenance"]["assumptions"]
                .as_array()
                .unwrap()
                .is_empty(),
            "{file}"
        );
        assert!(
            home.path().join("ecsnet-out/report.html").exists(),
            "{file}"
        );
    }
}

#[test]
fn every_file_of_the_corpus_is_accepted_or_refused_with_a_reason() {
    let Some(corpus) = corpus() else { return };
    let home = Home::new();
    let mut files = 0;
    for folder in std::fs::read_dir(&corpus).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let output = home.run(&format!("check \"{}\"", path.display()));
            let said = out(&output);
            match output.status.code() {
                Some(0) => assert!(said.contains(": accepted\n"), "{said}"),
                Some(2) => {
                    assert!(said.contains(": refused\n"), "{said}");
                    assert!(
                        said.contains("error") || said.contains("refused: "),
                        "{said}"
                    );
                }
                other => panic!("{}: exit status {other:?}", path.display()),
            }
            files += 1;
        }
    }
    assert!(files > 80, "{files} files");
}

#[test]
fn a_host_port_of_its_own_is_refused_in_awsvpc() {
    let Some(corpus) = corpus() else { return };
    let file = corpus.join("aws-samples__aws-containers-task-definitions/tomcat__tomcat_ec2.json");
    let said = out(&Home::new().run(&format!("check \"{}\"", file.display())));
    let rule =
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.";
    let line = said
        .lines()
        .find(|line| line.contains("awsvpc") && line.contains(rule));
    assert!(line.is_some(), "{said}");
}
