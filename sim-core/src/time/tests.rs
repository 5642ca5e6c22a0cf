use super::{SimDuration, SimTime};
use proptest::prelude::*;

#[test]
fn constructors_name_their_unit() {
    assert_eq!(SimDuration::from_ns(1).as_ps(), 1_000);
    assert_eq!(SimDuration::from_us(1), SimDuration::from_ns(1_000));
    assert_eq!(SimDuration::from_ms(1), SimDuration::from_us(1_000));
    assert_eq!(SimDuration::from_secs(1), SimDuration::from_ms(1_000));
    assert_eq!(SimDuration::from_ps(1_999).as_ns(), 1);
    assert_eq!(SimTime::from_ps(1_999).as_ns(), 1);
    assert!((SimDuration::from_ms(1_500).as_secs_f64() - 1.5).abs() < 1e-15);
}

#[test]
fn prints_exactly_in_the_largest_unit_that_fits() {
    let cases = [
        (0, "0 ps"),
        (1, "1 ps"),
        (999, "999 ps"),
        (1_000, "1 ns"),
        (1_500_000, "1.5 us"),
        (1_000_001, "1.000001 us"),
        (2_000_000_000_000, "2 s"),
        (90_000_000_000_000, "90 s"),
    ];
    for (ps, text) in cases {
        assert_eq!(SimDuration::from_ps(ps).to_string(), text);
        assert_eq!(format!("{:?}", SimTime::from_ps(ps)), text);
    }
    assert_eq!(format!("{:>8}", SimDuration::from_ns(5)), "    5 ns");
    assert_eq!(SimTime::MAX.to_string(), "never");
}

#[test]
fn parses_every_unit_with_and_without_a_space() {
    let cases = [
        ("100 us", SimDuration::from_us(100)),
        ("100us", SimDuration::from_us(100)),
        ("100 µs", SimDuration::from_us(100)),
        (" 2s ", SimDuration::from_secs(2)),
        ("1.5 ms", SimDuration::from_us(1_500)),
        ("0.001 ns", SimDuration::from_ps(1)),
        ("7 ps", SimDuration::from_ps(7)),
        ("2 min", SimDuration::from_secs(120)),
        ("1 h", SimDuration::from_secs(3_600)),
        ("0 s", SimDuration::ZERO),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
}

#[test]
fn refuses_with_a_message_that_names_value_and_remedy() {
    let message = |text: &str| text.parse::<SimDuration>().unwrap_err().to_string();
    insta::assert_snapshot!(
        ["", "10", "ten us", "NaN s", "-1 ms", "-x", "1 fortnight", "1,5 ms", "1. s", "1.2.3 s",
         "0.0001 ns", "214 days", "99999999 s", "1e3 s", "+1 s", "340282366920938463463374607431768211456 s"]
            .map(|text| format!("{text:14} | {}", message(text)))
            .join("\n"),
        @r#"
                       | a duration is missing; write for example `1 us`
        10             | `10` has no unit; write for example `10 us` (known units: ps, ns, us, ms, s, min, h)
        ten us         | `ten us` is not a duration; write a decimal number and a unit, for example `1.5 us`
        NaN s          | `NaN s` is not a duration; write a decimal number and a unit, for example `1.5 us`
        -1 ms          | `-1 ms` is negative; a duration cannot be
        -x             | `-x` is not a duration; write a decimal number and a unit, for example `1.5 us`
        1 fortnight    | `1 fortnight` has the unknown unit `fortnight`; known units: ps, ns, us, ms, s, min, h
        1,5 ms         | `1,5 ms` is not a duration; write a decimal number and a unit, for example `1.5 us`
        1. s           | `1. s` is not a duration; write a decimal number and a unit, for example `1.5 us`
        1.2.3 s        | `1.2.3 s` is not a duration; write a decimal number and a unit, for example `1.5 us`
        0.0001 ns      | `0.0001 ns` is finer than 1 ps, the finest step of a duration
        214 days       | `214 days` has the unknown unit `days`; known units: ps, ns, us, ms, s, min, h
        99999999 s     | `99999999 s` is too large; a duration is at most 213 days
        1e3 s          | `1e3 s` is not a duration; write a decimal number and a unit, for example `1.5 us`
        +1 s           | `+1 s` is not a duration; write a decimal number and a unit, for example `1.5 us`
        340282366920938463463374607431768211456 s | `340282366920938463463374607431768211456 s` is too large; a duration is at most 213 days
        "#
    );
}

#[test]
#[should_panic(expected = "a negative span of time")]
fn a_negative_span_is_a_bug() {
    let _ = SimTime::ZERO - SimTime::from_ps(1);
}

#[test]
#[should_panic(expected = "beyond 213 days")]
fn time_does_not_wrap() {
    let _ = SimTime::MAX + SimDuration::from_ps(1);
}

#[test]
fn saturating_operations_stop_at_the_ends() {
    let one = SimDuration::from_ps(1);
    assert_eq!(SimTime::MAX.saturating_add(one), SimTime::MAX);
    assert_eq!(SimDuration::MAX.saturating_add(one), SimDuration::MAX);
    assert_eq!(SimDuration::MAX.checked_add(one), None);
    assert_eq!(one.saturating_sub(one * 2), SimDuration::ZERO);
    assert_eq!(
        SimTime::ZERO.saturating_since(SimTime::from_ps(5)),
        SimDuration::ZERO
    );
    assert_eq!(
        SimDuration::from_ps(10).div_ceil(SimDuration::from_ps(3)),
        4
    );
    assert_eq!((one * 10) / 3, one * 3);
    assert_eq!([one, one * 2].into_iter().sum::<SimDuration>(), one * 3);
}

proptest! {
    #[test]
    fn text_is_exact_in_both_directions(ps in any::<u64>()) {
        let duration = SimDuration::from_ps(ps);
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        let time = SimTime::from_ps(ps);
        prop_assert_eq!(time.to_string().parse(), Ok(time));
    }

    #[test]
    fn parsing_never_panics(text in "[-+0-9., a-zµ%/]{0,40}") {
        let _ = text.parse::<SimDuration>();
    }

    #[test]
    fn adding_and_subtracting_agree(start in 0..=u64::MAX / 2, span in 0..=u64::MAX / 2) {
        let (start, span) = (SimTime::from_ps(start), SimDuration::from_ps(span));
        prop_assert_eq!((start + span) - start, span);
        prop_assert_eq!((start + span) - span, start);
        prop_assert_eq!((start + span).saturating_since(start), span);
    }
}
