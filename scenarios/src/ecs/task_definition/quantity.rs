//! The ways in which ECS lets CPU and memory be written.

use crate::diagnostic::Problem;

/// Reads the CPU of a task: CPU units (`256`) or vCPUs (`.25 vCPU`).
///
/// # Errors
/// The text is neither, or is no whole number of CPU units.
pub fn parse_cpu(text: &str) -> Result<u32, Problem> {
    parse(text, "vcpu").ok_or_else(|| {
        Problem::new(
            "invalid-cpu",
            format!("invalid 'cpu' setting for task: {text:?}"),
        )
        .with_help("give CPU units (\"256\") or vCPUs (\".25 vCPU\")")
    })
}

/// Reads the memory of a task: MiB (`512`) or GB (`.5 GB`), of which one is 1024 MiB.
///
/// # Errors
/// The text is neither, or is no whole number of MiB.
pub fn parse_memory(text: &str) -> Result<u32, Problem> {
    parse(text, "gb").ok_or_else(|| {
        Problem::new(
            "invalid-memory",
            format!("invalid 'memory' setting for task: {text:?}"),
        )
        .with_help("give MiB (\"512\") or GB (\"2 GB\")")
    })
}

/// A positive whole number, or a decimal one of a unit that is worth 1024.
fn parse(text: &str, unit: &str) -> Option<u32> {
    let lower = text.trim().to_ascii_lowercase();
    let value = match lower.strip_suffix(unit) {
        None => u128::from(whole(&lower)?),
        Some(number) => {
            let (integer, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
            if integer.is_empty() && fraction.is_empty() {
                return None;
            }
            let scale = 10_u128.pow(u32::try_from(fraction.len()).ok().filter(|n| *n <= 9)?);
            let integer = if integer.is_empty() {
                0
            } else {
                whole(integer)?
            };
            let fraction = if fraction.is_empty() {
                0
            } else {
                whole(fraction)?
            };
            let scaled = (u128::from(integer) * scale + u128::from(fraction)) * 1024;
            (scaled % scale == 0).then_some(scaled / scale)?
        }
    };
    u32::try_from(value).ok().filter(|value| *value > 0)
}

/// Digits only: no sign, no space.
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
