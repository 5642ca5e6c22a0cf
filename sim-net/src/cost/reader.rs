//! Reading a profile's text: all problems at once, and numbers without a detour through floats.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Primitive;
use super::profile::{Class, Cost, Price, ProfileProblem};

/// One second: no operation of a data path takes longer.
const MOST_PS: u64 = 1_000_000_000_000;

const TOP_KEYS: &str = "name, description, primitives";
const PRICE_KEYS: &str = "per_packet_ns, per_byte_ns, class, source";

/// Name, description, and one price per primitive in the order of [`Primitive::ALL`].
pub(super) fn read(text: &str) -> Result<(String, String, Vec<Price>), Vec<ProfileProblem>> {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            return Err(vec![ProfileProblem::Syntax {
                message: error.to_string().trim_end().to_owned(),
            }]);
        }
    };
    let mut reader = Reader {
        text,
        problems: Vec::new(),
    };
    let read = reader.top(table.get_ref());
    match read {
        Some(read) if reader.problems.is_empty() => Ok(read),
        _ => Err(reader.problems),
    }
}

struct Reader<'t> {
    text: &'t str,
    problems: Vec<ProfileProblem>,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) -> Option<(String, String, Vec<Price>)> {
        for (key, _) in table {
            if !matches!(
                key.get_ref().as_ref(),
                "name" | "description" | "primitives"
            ) {
                self.problems.push(ProfileProblem::UnknownKey {
                    line: self.line(key.span().start),
                    key: key.get_ref().to_string(),
                    known: TOP_KEYS,
                });
            }
        }
        let name = self.string(table, "name", "", 1);
        let description = self.string(table, "description", "", 1);
        let prices = self.prices(table);
        Some((name?, description?, prices?))
    }

    fn prices(&mut self, table: &DeTable<'_>) -> Option<Vec<Price>> {
        let empty = DeTable::new();
        let listed = match table.get("primitives").map(Spanned::get_ref) {
            Some(DeValue::Table(listed)) => listed,
            Some(_) => {
                self.wrong_kind("primitives", &table["primitives"], "a table");
                &empty
            }
            None => &empty,
        };
        let mut prices: Vec<Option<Price>> = vec![None; Primitive::COUNT];
        let mut seen = [false; Primitive::COUNT];
        let mut in_order: Vec<_> = listed.iter().collect();
        in_order.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in in_order {
            let Some(primitive) = Primitive::from_name(key.get_ref()) else {
                self.problems.push(ProfileProblem::UnknownPrimitive {
                    line: self.line(key.span().start),
                    name: key.get_ref().to_string(),
                });
                continue;
            };
            seen[primitive as usize] = true;
            prices[primitive as usize] = self.price(primitive, key.span().start, value);
        }
        for &primitive in Primitive::ALL {
            if !seen[primitive as usize] {
                self.problems.push(ProfileProblem::MissingPrimitive {
                    name: primitive.name(),
                });
            }
        }
        prices.into_iter().collect()
    }

    fn price(
        &mut self,
        primitive: Primitive,
        at: usize,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<Price> {
        let path = format!("primitives.{}", primitive.name());
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_kind(&path, value, "a table");
            return None;
        };
        for (key, _) in table {
            if !PRICE_KEYS.split(", ").any(|k| k == key.get_ref()) {
                self.problems.push(ProfileProblem::UnknownKey {
                    line: self.line(key.span().start),
                    key: format!("{path}.{}", key.get_ref()),
                    known: PRICE_KEYS,
                });
            }
        }
        let line = self.line(at);
        let per_packet_ps = self.nanoseconds(table, "per_packet_ns", &path, line);
        let per_byte_ps = self.nanoseconds(table, "per_byte_ns", &path, line);
        let class = self.class(table, &path, line);
        let source = self.string(table, "source", &path, line);
        Some(Price {
            cost: Cost {
                per_packet_ps: per_packet_ps?,
                per_byte_ps: per_byte_ps?,
            },
            class: class?,
            source: source?,
        })
    }

    fn nanoseconds(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        path: &str,
        line: usize,
    ) -> Option<u64> {
        let value = self.value(table, key, path, line)?;
        let key = join(path, key);
        let typed = match value.get_ref() {
            DeValue::Integer(n) if n.radix() == 10 => n.as_str(),
            DeValue::Float(n) => n.as_str(),
            _ => {
                self.wrong_kind(&key, value, "a decimal number of nanoseconds");
                return None;
            }
        };
        let line = self.line(value.span().start);
        let value = typed.to_owned();
        let problem = match picoseconds(typed) {
            Ok(ps) if ps <= MOST_PS => return Some(ps),
            Ok(_) | Err(NotACost::TooLarge) => ProfileProblem::TooLarge { line, key, value },
            Err(NotACost::Negative) => ProfileProblem::Negative { line, key, value },
            Err(NotACost::TooFine) => ProfileProblem::TooFine { line, key, value },
            Err(NotACost::NotDecimal) => ProfileProblem::WrongKind {
                line,
                key,
                expected: "a decimal number of nanoseconds",
            },
        };
        self.problems.push(problem);
        None
    }

    fn class(&mut self, table: &DeTable<'_>, path: &str, line: usize) -> Option<Class> {
        let value = self.value(table, "class", path, line)?;
        let key = join(path, "class");
        let DeValue::String(typed) = value.get_ref() else {
            self.wrong_kind(&key, value, "a string");
            return None;
        };
        let class = Class::ALL.iter().copied().find(|c| c.name() == typed);
        if class.is_none() {
            self.problems.push(ProfileProblem::UnknownClass {
                line: self.line(value.span().start),
                key,
                value: typed.to_string(),
            });
        }
        class
    }

    fn string(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        path: &str,
        line: usize,
    ) -> Option<String> {
        let value = self.value(table, key, path, line)?;
        match value.get_ref() {
            DeValue::String(s) if !s.trim().is_empty() => Some(s.to_string()),
            _ => {
                self.wrong_kind(&join(path, key), value, "a string that is not empty");
                None
            }
        }
    }

    fn value<'v, 'i>(
        &mut self,
        table: &'v DeTable<'i>,
        key: &str,
        path: &str,
        line: usize,
    ) -> Option<&'v Spanned<DeValue<'i>>> {
        let value = table.get(key);
        if value.is_none() {
            self.problems.push(ProfileProblem::MissingKey {
                line,
                key: join(path, key),
            });
        }
        value
    }

    fn wrong_kind(&mut self, key: &str, value: &Spanned<DeValue<'_>>, expected: &'static str) {
        self.problems.push(ProfileProblem::WrongKind {
            line: self.line(value.span().start),
            key: key.to_owned(),
            expected,
        });
    }

    fn line(&self, offset: usize) -> usize {
        self.text
            .bytes()
            .take(offset)
            .filter(|&b| b == b'\n')
            .count()
            + 1
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[derive(Debug, PartialEq, Eq)]
enum NotACost {
    Negative,
    TooFine,
    TooLarge,
    NotDecimal,
}

/// Decimal nanoseconds as picoseconds, exactly.
fn picoseconds(typed: &str) -> Result<u64, NotACost> {
    let (negative, digits) = match typed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, typed.strip_prefix('+').unwrap_or(typed)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let decimal = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !decimal(whole) || !decimal(fraction) {
        return Err(NotACost::NotDecimal);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 3 {
        return Err(NotACost::TooFine);
    }
    let nanoseconds: u64 = whole.parse().map_err(|_| NotACost::TooLarge)?;
    let thousandths: u64 = format!("{fraction:0<3}")
        .parse()
        .map_err(|_| NotACost::NotDecimal)?;
    let ps = nanoseconds
        .checked_mul(1000)
        .and_then(|ps| ps.checked_add(thousandths))
        .ok_or(NotACost::TooLarge)?;
    if negative && ps > 0 {
        return Err(NotACost::Negative);
    }
    Ok(ps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cost::CostProfile;

    fn complete() -> String {
        let mut text = "name = \"t\"\ndescription = \"a test\"\n".to_owned();
        for p in Primitive::ALL {
            text += &format!("[primitives.{}]\n", p.name());
            text += "per_packet_ns = 3.5\nper_byte_ns = 0.125\nclass = \"assumed\"\n";
            text += "source = \"a test\"\n";
        }
        text
    }

    fn problems(text: &str) -> Vec<String> {
        let error = CostProfile::from_toml(text).expect_err("it is wrong");
        error.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn decimals_are_read_to_the_picosecond() {
        assert_eq!(picoseconds("3.5"), Ok(3_500));
        assert_eq!(picoseconds("0.001"), Ok(1));
        assert_eq!(picoseconds("+12"), Ok(12_000));
        assert_eq!(picoseconds("0.1000"), Ok(100));
        assert_eq!(picoseconds("0.0001"), Err(NotACost::TooFine));
        assert_eq!(picoseconds("-1"), Err(NotACost::Negative));
        assert_eq!(picoseconds("1e3"), Err(NotACost::NotDecimal));
        assert_eq!(picoseconds("nan"), Err(NotACost::NotDecimal));
        assert_eq!(picoseconds("99999999999999999999"), Err(NotACost::TooLarge));
    }

    #[test]
    fn a_profile_may_come_with_underscores_and_comments() {
        let text = complete().replacen("3.5", "1_000 # a microsecond", 1);
        let profile = CostProfile::from_toml(&text).expect("it is TOML");
        assert_eq!(profile.cost(Primitive::ALL[0], 0).as_ps(), 1_000_000);
    }

    #[test]
    fn what_is_not_toml_is_said_once() {
        assert_eq!(problems("name = ").len(), 1);
        assert!(problems("name = ")[0].starts_with("not TOML: "));
    }

    #[test]
    fn all_problems_are_listed_with_their_lines() {
        let text = complete()
            .replacen("per_packet_ns = 3.5", "per_packet_ns = -3.5", 1)
            .replacen("per_byte_ns = 0.125", "per_byte_ns = 0.1255", 1)
            .replacen("class = \"assumed\"", "class = \"guessed\"", 1)
            .replacen("source = \"a test\"", "source = \"\"\nsauce = 1", 1)
            .replacen(
                "[primitives.syscall_accept]",
                "[primitives.syscall_except]",
                1,
            )
            .replacen("name = \"t\"", "nam = \"t\"", 1);
        insta::assert_snapshot!(problems(&text).join("\n"), @r"
        line 1: unknown key `nam`; known are name, description, primitives
        line 1: `name` is missing
        line 8: unknown key `primitives.syscall_send.sauce`; known are per_packet_ns, per_byte_ns, class, source
        line 4: `primitives.syscall_send.per_packet_ns` = -3.5 is negative
        line 5: `primitives.syscall_send.per_byte_ns` = 0.1255 is finer than a picosecond; give at most three decimals
        line 6: unknown class `guessed` of `primitives.syscall_send.class`; known are specified, vendor, measured, assumed
        line 7: `primitives.syscall_send.source` must be a string that is not empty
        line 14: unknown primitive `syscall_except`
        primitive `syscall_accept` has no price
        ");
        assert_eq!(problems(&text).len(), 9);
    }

    #[test]
    fn nothing_may_take_longer_than_a_second() {
        let text = complete().replacen("3.5", "1000000000.001", 1);
        assert!(problems(&text)[0].ends_with("is above one second"));
        let text = complete().replacen("3.5", "1000000000", 1);
        assert!(CostProfile::from_toml(&text).is_ok());
    }

    #[test]
    fn a_missing_price_is_named() {
        let mut text = complete();
        let at = text.find("[primitives.proxy_relay]").expect("it is last");
        text.truncate(at);
        assert_eq!(problems(&text), ["primitive `proxy_relay` has no price"]);
    }

    proptest! {
        #[test]
        fn a_price_survives_being_written_and_read(ps in 0..=MOST_PS) {
            let typed = format!("{}.{:03}", ps / 1000, ps % 1000);
            prop_assert_eq!(picoseconds(&typed), Ok(ps));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,200}") {
            prop_assert!(CostProfile::from_toml(&text).is_err());
        }
    }
}
