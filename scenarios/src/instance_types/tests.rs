use super::*;

#[test]
fn the_table_is_whole_and_plausible() {
    let types = InstanceTypes::builtin();
    assert_eq!(types.all().count(), 1410);
    assert_eq!(types.iter().count(), 1386);
    for one in types.iter() {
        assert!(
            one.vcpus > 0 && one.memory_mib > 0 && one.max_enis > 0,
            "{one:?}"
        );
        assert!(one.baseline <= one.peak, "{one:?}");
    }
    for listed in types.all() {
        assert!(listed.limits.plain().is_some(), "{listed:?}");
    }
}

#[test]
fn known_types_have_the_documented_numbers() {
    let c5 = InstanceTypes::builtin().get("c5.large").unwrap();
    assert_eq!((c5.vcpus, c5.memory_mib, c5.max_enis), (2, 4096, 3));
    assert_eq!(c5.baseline, DataRate::from_bps(750_000_000).unwrap());
    assert_eq!(c5.peak, DataRate::from_bps(10_000_000_000).unwrap());
    assert_eq!(c5.limits.plain(), Some(TaskLimit::Documented(2)));
    assert_eq!(c5.limits.trunked(), Some(TaskLimit::Documented(10)));
    assert_eq!(
        (c5.task_interfaces(false), c5.task_interfaces(true)),
        (2, 10)
    );
    let t3 = InstanceTypes::builtin().get("t3.large").unwrap();
    assert!(!t3.can_trunk());
    assert_eq!(
        (t3.task_interfaces(false), t3.task_interfaces(true)),
        (2, 2)
    );
    let m7g = InstanceTypes::builtin().get("m7g.large").unwrap();
    assert_eq!(m7g.architecture, Architecture::Arm);
}

#[test]
fn the_documented_table_comes_before_what_is_counted_or_derived() {
    let limits = |name: &str| InstanceTypes::builtin().listed(name).unwrap().limits;
    // Several network cards: 16 interfaces, of which ECS uses one card's.
    let c6in = limits("c6in.32xlarge");
    assert_eq!(
        (c6in.max_enis, c6in.plain()),
        (Some(16), Some(TaskLimit::Documented(13)))
    );
    // 120 branches: the formula gives 133, the guide 248.
    let i4i = limits("i4i.16xlarge");
    assert_eq!(i4i.trunked(), Some(TaskLimit::Documented(248)));
    // Newer than the guide.
    let m8g = limits("m8g.large");
    assert_eq!(m8g.plain(), Some(TaskLimit::InterfacesLessOne(2)));
    assert!(
        matches!(m8g.trunked(), Some(TaskLimit::Derived(_))),
        "{m8g:?}"
    );
    // No size is known, and the limits are.
    assert!(InstanceTypes::builtin().get("g4ad.xlarge").is_none());
    assert_eq!(
        limits("g4ad.xlarge").trunked(),
        Some(TaskLimit::Documented(12))
    );
}

#[test]
fn the_formula_fits_the_guide_as_often_as_is_said() {
    let (mut equal, mut compared, mut plain) = (0, 0, 0);
    for Listed { limits, .. } in InstanceTypes::builtin().all() {
        plain += u32::from(
            limits.max_enis.is_some() && limits.plain_documented == limits.max_enis.map(|n| n - 1),
        );
        let formula = EniLimits {
            trunked_documented: None,
            ..*limits
        };
        if let (Some(documented), Some(fit)) = (limits.trunked_documented, formula.trunked()) {
            compared += 1;
            equal += u32::from(fit.tasks() == documented);
        }
    }
    assert_eq!(plain, 422);
    assert_eq!((equal, compared), (422, 426));
}

#[test]
fn a_misspelt_type_has_a_nearest_one() {
    let types = InstanceTypes::builtin();
    assert_eq!(types.get("c5.lrage"), None);
    assert_eq!(types.nearest("c5.lrage"), Some("c5.large"));
    assert_eq!(types.nearest("M5.XLARGE"), Some("m5.xlarge"));
    assert_eq!(types.nearest("a bicycle"), None);
}
