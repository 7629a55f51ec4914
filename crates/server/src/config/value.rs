//! From the text of one value to its type, by the rules of its row in the table.

use super::table::Kind;
use std::time::Duration;

/// Whether `text` is a value the kind allows.
pub(super) fn is_allowed(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Bool => boolean(text).is_some(),
        Kind::YesNo => matches!(text, "yes" | "no"),
        Kind::Int { min, max, .. } => text.parse::<i64>().is_ok_and(|number| (min..=max).contains(&number)),
        Kind::Floor { .. } => text.parse::<i64>().is_ok_and(|number| number <= i64::from(i32::MAX)),
        Kind::Ratio => text.parse::<f64>().is_ok_and(|number| (0.0..=1.0).contains(&number)),
        Kind::Factor => text.parse::<f64>().is_ok_and(f64::is_finite),
        Kind::Period => period(text).is_some(),
        Kind::OneOf(words) => words.contains(&text),
        Kind::Text | Kind::Path | Kind::Host | Kind::List | Kind::Secret => !text.contains('\0'),
    }
}

/// `true` or `false` in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    [("true", true), ("false", false)]
        .into_iter()
        .find(|(word, _)| text.eq_ignore_ascii_case(word))
        .map(|(_, value)| value)
}

/// A period in hours, or with a unit behind the number; 0 and less is off.
pub(super) fn period(text: &str) -> Option<Option<Duration>> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let (number, unit_ms) = UNITS
        .iter()
        .find_map(|(suffix, ms)| text.strip_suffix(suffix).map(|number| (number.trim_end(), *ms)))
        .unwrap_or((text, 3_600_000));
    let number: i32 = number.parse().ok()?;
    let count = u64::try_from(number).ok().filter(|count| *count > 0);
    Some(count.map(|count| Duration::from_millis(count * unit_ms)))
}

#[cfg(test)]
mod tests {
    use super::{is_allowed, period};
    use crate::config::table::{Kind, Unit};
    use std::time::Duration;

    #[test]
    fn a_period_is_in_hours_unless_it_says_otherwise() {
        for (text, seconds) in [("2", 7200.0), ("1500ms", 1.5), ("3s", 3.0), ("4 m", 240.0), ("1d", 86400.0)]
        {
            assert_eq!(period(text), Some(Some(Duration::from_secs_f64(seconds))), "{text}");
        }
        assert_eq!(period("0"), Some(None));
        assert_eq!(period("-1"), Some(None));
        for text in ["", "h", "1w", "1.5", "99999999999"] {
            assert_eq!(period(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_outside_their_range_are_not_allowed() {
        let port = Kind::Int { unit: Unit::Port, min: 1, max: 65535 };
        for (text, allowed) in [("1", true), ("65535", true), ("0", false), ("65536", false), ("", false)] {
            assert_eq!(is_allowed(port, text), allowed, "{text}");
        }
        for text in ["NaN", "inf", "-0.1", "1.1", ""] {
            assert!(!is_allowed(Kind::Ratio, text), "{text}");
        }
        assert!(!is_allowed(Kind::Int { unit: Unit::Kb, min: 0, max: i64::MAX }, "9223372036854775808"));
    }
}
