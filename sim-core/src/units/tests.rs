use super::{ByteSize, DataRate, PacketRate, ParseUnitError, Ratio};
use crate::rng::Streams;
use crate::time::SimDuration;
use proptest::prelude::*;

fn rate(text: &str) -> DataRate {
    text.parse().unwrap()
}

#[test]
fn data_rates_are_decimal() {
    let cases = [
        ("1 bit/s", 1),
        ("64 kbit/s", 64_000),
        ("2.5 Mbit/s", 2_500_000),
        ("10 Gbit/s", 10_000_000_000),
        ("10Gbps", 10_000_000_000),
        ("1 Tbit/s", 1_000_000_000_000),
    ];
    for (text, bps) in cases {
        assert_eq!(rate(text).bps(), bps, "{text}");
    }
    assert_eq!(rate("2500 Mbit/s").to_string(), "2.5 Gbit/s");
    assert_eq!(DataRate::from_gbps(10), rate("10 Gbit/s"));
    assert_eq!(DataRate::from_mbps(155), rate("155 Mbps"));
    assert_eq!(DataRate::from_bps(0), None);
}

#[test]
fn sizes_are_binary_or_decimal_as_written() {
    let cases = [
        ("1500 B", 1_500),
        ("1 kB", 1_000),
        ("64 KiB", 65_536),
        ("9 MiB", 9 << 20),
        ("1.5 KiB", 1_536),
        ("3 MB", 3_000_000),
        ("1 GiB", 1 << 30),
        ("1 TB", 1_000_000_000_000),
        ("0 B", 0),
    ];
    for (text, bytes) in cases {
        assert_eq!(text.parse(), Ok(ByteSize::from_bytes(bytes)), "{text}");
    }
    assert_eq!(ByteSize::from_bytes(1_500).to_string(), "1500 B");
    assert_eq!(ByteSize::from_kib(64).to_string(), "64 KiB");
    assert_eq!(ByteSize::ZERO.to_string(), "0 B");
}

#[test]
fn packet_rates_count_per_second() {
    for text in [
        "1024 /s",
        "1024/s",
        "1024 packets/s",
        "1024 pps",
        "1.024 kpps",
    ] {
        assert_eq!(
            text.parse(),
            Ok(PacketRate::per_second(1_024).unwrap()),
            "{text}"
        );
    }
    let rate = PacketRate::per_second(3).unwrap();
    assert_eq!(rate.interval().as_ps(), 333_333_333_334);
    assert_eq!(rate.to_string(), "3 /s");
}

#[test]
fn refusals_name_value_and_remedy() {
    let rates = [
        "",
        "10",
        "10 Gb",
        "-10 Gbit/s",
        "NaN Gbit/s",
        "0 Gbit/s",
        "1e9 bit/s",
        "2000 Tbit/s",
        "0.5 bit/s",
    ]
    .map(|text| text.parse::<DataRate>().unwrap_err());
    let sizes = ["", "64", "64 kib", "-1 B", "2000 TiB", "1.0001 B"]
        .map(|text| text.parse::<ByteSize>().unwrap_err());
    let counts = ["5", "0 /s", "5 Hz"].map(|text| text.parse::<PacketRate>().unwrap_err());
    let ratios = [
        "",
        "x",
        "1/0",
        "1/",
        "1/2/3",
        "1.5/2",
        "-0.1 %",
        "1 percent",
        "99999999999999999999/1",
    ]
    .map(|text| text.parse::<Ratio>().unwrap_err());
    let all: Vec<ParseUnitError> = rates
        .into_iter()
        .chain(sizes)
        .chain(counts)
        .chain(ratios)
        .collect();
    insta::assert_snapshot!(
        all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        @r#"
        a data rate is missing; write for example `1 Gbit/s`
        `10` has no unit; write for example `10 Gbit/s` (known units: bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s)
        `10 Gb` has the unknown unit `Gb`; known units: bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s
        `-10 Gbit/s` is negative; a data rate cannot be
        `NaN Gbit/s` is not a data rate; write a decimal number and a unit, for example `1.5 Gbit/s`
        `0 Gbit/s` is zero; a data rate is more than zero
        `1e9 bit/s` is not a data rate; write a decimal number and a unit, for example `1.5 Gbit/s`
        `2000 Tbit/s` is too large; a data rate is at most 1000 Tbit/s
        `0.5 bit/s` is finer than 1 bit/s, the finest step of a data rate
        a size is missing; write for example `1 KiB`
        `64` has no unit; write for example `64 KiB` (known units: B, kB, KiB, MB, MiB, GB, GiB, TB, TiB)
        `64 kib` has the unknown unit `kib`; known units: B, kB, KiB, MB, MiB, GB, GiB, TB, TiB
        `-1 B` is negative; a size cannot be
        `2000 TiB` is too large; a size is at most 1024 TiB
        `1.0001 B` is finer than 1 B, the finest step of a size
        `5` has no unit; write for example `5 /s` (known units: /s, k/s, M/s)
        `0 /s` is zero; a rate is more than zero
        `5 Hz` has the unknown unit `Hz`; known units: /s, k/s, M/s
        a ratio is missing; write for example `1 %`
        `x` is not a ratio; write a decimal number and a unit, for example `1.5 %`
        `1/0` is zero; a denominator is more than zero
        `1/` is not a ratio; write a decimal number and a unit, for example `1.5 %`
        `1/2/3` is not a ratio; write a decimal number and a unit, for example `1.5 %`
        `1.5/2` is not a ratio; write a decimal number and a unit, for example `1.5 %`
        `-0.1 %` is negative; a ratio cannot be
        `1 percent` has the unknown unit `percent`; known units: %, ‰, ppm, none, or a fraction such as 1/1000
        `99999999999999999999/1` is too large; a ratio is at most 10^18
        "#
    );
}

#[test]
fn transmission_time_rounds_up() {
    // 1538 B at 10 Gbit/s: 1.2304 us exactly.
    assert_eq!(
        rate("10 Gbit/s")
            .transmission_time(ByteSize::from_bytes(1_538))
            .as_ps(),
        1_230_400
    );
    // One byte at 3 bit/s: 2.666... s.
    assert_eq!(
        rate("3 bit/s")
            .transmission_time(ByteSize::from_bytes(1))
            .as_ps(),
        2_666_666_666_667
    );
    assert_eq!(
        rate("3 bit/s").transmission_time(ByteSize::ZERO),
        SimDuration::ZERO
    );
    // Beyond 64 bits of bit-picoseconds.
    assert_eq!(
        rate("8 Gbit/s").transmission_time(ByteSize::from_bytes(1_000_000_000_000)),
        SimDuration::from_secs(1_000)
    );
}

#[test]
#[should_panic(expected = "a transmission time above 213 days")]
fn transmission_time_does_not_wrap() {
    let _ = rate("1 bit/s").transmission_time(ByteSize::from_bytes(1 << 40));
}

#[test]
fn ratios_read_alike_however_written() {
    let tenth_of_a_percent = Ratio::new(1, 1_000).unwrap();
    for text in [
        "0.1 %", "0.1%", "1/1000", "1 / 1000", "2/2000", "0.001", "1 ‰", "1000 ppm",
    ] {
        assert_eq!(text.parse(), Ok(tenth_of_a_percent), "{text}");
    }
    assert_eq!(Ratio::from_ppm(1_000), tenth_of_a_percent);
    assert_eq!(Ratio::from_percent(250).to_string(), "250 %");
    assert_eq!(tenth_of_a_percent.to_string(), "0.1 %");
    assert_eq!(Ratio::new(1, 3).unwrap().to_string(), "1/3");
    assert_eq!(Ratio::ZERO.to_string(), "0 %");
    assert_eq!(
        (tenth_of_a_percent.num(), tenth_of_a_percent.den()),
        (1, 1_000)
    );
    assert!(Ratio::ZERO < tenth_of_a_percent && tenth_of_a_percent < Ratio::ONE);
    assert_eq!(Ratio::new(1, 0), None);
    assert_eq!(Ratio::new(2, 3).unwrap().scale(u64::MAX), u64::MAX / 3 * 2);
}

#[test]
fn chance_is_as_frequent_as_the_ratio_says() {
    let mut rng = Streams::new(1).stream("ratio", "chance");
    let ratio = Ratio::new(1, 3).unwrap();
    let draws = 30_000;
    let hits = (0..draws).filter(|_| ratio.chance(&mut rng)).count();
    // Five standard deviations, sqrt(30000 * 2 / 9) = 82.
    assert!((hits as i64 - 10_000).abs() < 5 * 82, "{hits}");
}

#[test]
fn certain_chances_draw_nothing() {
    let mut rng = Streams::new(1).stream("ratio", "certain");
    assert!(!Ratio::ZERO.chance(&mut rng));
    assert!(Ratio::ONE.chance(&mut rng));
    assert!(Ratio::from_percent(200).chance(&mut rng));
    assert_eq!(rng.get_word_pos(), 0);
}

proptest! {
    #[test]
    fn text_is_exact_in_both_directions(
        bps in 1..=1_000_000_000_000_000_u64,
        bytes in 0..=1_u64 << 50,
        pps in 1..=1_000_000_000_000_u64,
        num in 0..=1_000_000_000_000_000_000_u64,
        den in 1..=1_000_000_000_000_000_000_u64,
    ) {
        let rate = DataRate::from_bps(bps).unwrap();
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        let size = ByteSize::from_bytes(bytes);
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        let packets = PacketRate::per_second(pps).unwrap();
        prop_assert_eq!(packets.to_string().parse(), Ok(packets));
        let ratio = Ratio::new(num, den).unwrap();
        prop_assert_eq!(ratio.to_string().parse(), Ok(ratio));
    }

    #[test]
    fn percentages_survive_the_round_trip(hundredths in 0..100_000_u64) {
        let ratio = Ratio::new(hundredths, 10_000).unwrap();
        prop_assert_eq!(ratio.to_string().parse(), Ok(ratio));
    }

    #[test]
    fn parsing_never_panics(text in "[-+0-9., a-zA-Z%‰/]{0,45}") {
        let _ = text.parse::<DataRate>();
        let _ = text.parse::<ByteSize>();
        let _ = text.parse::<PacketRate>();
        let _ = text.parse::<Ratio>();
    }

    /// The time is the least whole number of picoseconds in which the bits fit.
    #[test]
    fn transmission_time_is_the_least_that_carries_the_bits(
        bps in 1_000..400_000_000_000_u64,
        bytes in 0..100_000_000_u64,
    ) {
        let rate = DataRate::from_bps(bps).unwrap();
        let ps = u128::from(rate.transmission_time(ByteSize::from_bytes(bytes)).as_ps());
        let bits = u128::from(bytes) * 8 * 1_000_000_000_000;
        prop_assert!(ps * u128::from(bps) >= bits);
        prop_assert!(ps == 0 || (ps - 1) * u128::from(bps) < bits);
    }

    #[test]
    fn bytes_in_is_the_inverse_of_transmission_time(
        bps in 1_000..400_000_000_000_u64,
        bytes in 0..100_000_000_u64,
    ) {
        let (rate, size) = (DataRate::from_bps(bps).unwrap(), ByteSize::from_bytes(bytes));
        let time = rate.transmission_time(size);
        prop_assert!(rate.bytes_in(time) >= size);
        if !time.is_zero() {
            prop_assert!(rate.bytes_in(time - SimDuration::from_ps(1)) < size);
        }
    }
}
