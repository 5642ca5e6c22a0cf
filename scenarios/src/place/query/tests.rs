use proptest::prelude::*;

use super::*;

fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Whether a `c5.large` in zone `a` of rack `r1`, that runs two tasks of `web`, is a member.
fn holds(expression: &str) -> bool {
    let attributes = facts(&[
        ("ecs.instance-type", "c5.large"),
        ("ecs.availability-zone", "a"),
        ("ecs.os-type", "linux"),
        ("rack", "r1"),
        ("slots", "12"),
    ]);
    let tasks = BTreeMap::from([
        ("service:web".to_owned(), 2),
        ("service:gone".to_owned(), 0),
    ]);
    let facts = Facts {
        attributes: &attributes,
        tasks: &tasks,
    };
    Query::parse(expression)
        .unwrap_or_else(|e| panic!("{e}"))
        .holds(facts)
}

#[test]
fn each_operator_says_what_it_says() {
    for (expression, expected) in [
        ("attribute:rack == r1", true),
        ("attribute:rack == r", false),
        ("attribute:rack equals 'r1'", true),
        ("attribute:rack != r2", true),
        ("attribute:rack not_equals r1", false),
        ("attribute:absent == r1", false),
        ("attribute:absent != r1", true),
        ("attribute:rack exists", true),
        ("attribute:absent exists", false),
        ("attribute:absent !exists", true),
        ("attribute:rack not_exists", false),
        ("attribute:rack in [r0, r1]", true),
        ("attribute:rack in [r0,\"r2\"]", false),
        ("attribute:rack !in [r0, r2]", true),
        ("attribute:rack not_in [r1]", false),
        ("attribute:ecs.instance-type =~ c5.*", true),
        ("attribute:ecs.instance-type =~ c5", false),
        ("attribute:ecs.instance-type matches (c5|m5).large", true),
        ("attribute:ecs.instance-type !~ m5.*", true),
        ("attribute:slots > 9", true),
        ("attribute:slots >= 12", true),
        ("attribute:slots > 12", false),
        ("attribute:slots <= 12", true),
        ("attribute:slots < 12", false),
        ("attribute:rack > 1", false),
        ("task:group == service:web", true),
        ("task:group == service:gone", false),
        ("task:group != service:cache", true),
        ("task:group in [service:a, service:web]", true),
        ("runningTasksCount == 2", true),
        ("runningTasksCount < 2", false),
    ] {
        assert_eq!(holds(expression), expected, "{expression}");
    }
}

#[test]
fn logic_binds_as_it_should() {
    for (expression, expected) in [
        ("attribute:rack == r1 and attribute:slots == 12", true),
        ("attribute:rack == r1 && attribute:slots == 13", false),
        ("attribute:rack == r2 or attribute:slots == 12", true),
        // `and` binds closer than `or`.
        (
            "attribute:rack == r1 or attribute:rack == r2 and attribute:slots == 0",
            true,
        ),
        (
            "(attribute:rack == r1 || attribute:rack == r2) and attribute:slots == 0",
            false,
        ),
        ("not attribute:rack == r2", true),
        ("!(attribute:rack == r1)", false),
        ("not(attribute:rack == r1) or attribute:slots exists", true),
        ("not not attribute:rack == r1", true),
        ("(attribute:ecs.instance-type =~ (c5|m5)[.]l.*)", true),
    ] {
        assert_eq!(holds(expression), expected, "{expression}");
    }
}

#[test]
fn an_error_has_a_place_and_a_remedy() {
    let told = [
        "",
        "attribute:",
        "ecs.instance-type == c5.large",
        "atribute:rack == r1",
        "attribute:rack",
        "attribute:rack = r1",
        "attribute:rack ==",
        "attribute:rack in r1",
        "attribute:rack in [r1",
        "attribute:rack == 'r1",
        "attribute:slots > many",
        "attribute:rack == r1 attribute:slots == 1",
        "(attribute:rack == r1",
        "attribute:rack == r1)",
        "attribute:rack =~ *",
        "attribute:rack =~ r[1-",
        "attribute:rack =~ (r1",
        "attribute:rack =~ r{2}",
        "runningTasksCount exists",
    ]
    .map(|text| {
        let error = Query::parse(text).unwrap_err();
        format!("{error} -- {}", error.help)
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| format!("{}attribute:a exists{}", "(".repeat(n), ")".repeat(n));
    assert!(Query::parse(&deep(20)).is_ok());
    assert!(Query::parse(&deep(100_000)).is_err());
    assert!(Query::parse(&format!("{}attribute:a exists", "!".repeat(100_000))).is_err());
    assert!(Query::parse(&format!("attribute:a =~ {}", "(".repeat(100_000))).is_err());
}

#[test]
fn patterns_take_no_more_than_pattern_times_text() {
    let pattern = Pattern::parse("((a*)*b?)*(a+)+c").unwrap();
    assert!(!pattern.matches(&"a".repeat(300)));
    assert!(pattern.matches(&format!("{}c", "a".repeat(300))));
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,60}") {
        let _ = Query::parse(&text);
    }

    #[test]
    fn nothing_that_looks_like_an_expression_is_a_panic(
        words in proptest::collection::vec(
            prop_oneof![
                Just("attribute:a"), Just("=="), Just("=~"), Just("in"), Just("["), Just("]"),
                Just("("), Just(")"), Just("and"), Just("or"), Just("not"), Just("!"), Just("x"),
                Just(","), Just("'"), Just("exists"), Just(".*"), Just("a|b"),
            ],
            0..12,
        ),
    ) {
        if let Ok(query) = Query::parse(&words.join(" ")) {
            let _ = query.holds(Facts { attributes: &BTreeMap::new(), tasks: &BTreeMap::new() });
        }
    }
}
