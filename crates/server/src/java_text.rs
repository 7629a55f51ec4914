//! Numbers, dates and addresses written as Java writes them, for text that existing tools parse.

use std::net::{IpAddr, SocketAddr};

/// `java.util.Date.toString` in UTC: `Fri Nov 20 21:08:08 UTC 2026`. The reference prints its local time zone;
/// here it is always UTC, so that the text does not depend on the machine.
pub fn date(epoch_ms: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = epoch_ms.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        DAYS[days.rem_euclid(7) as usize],
        MONTHS[month as usize - 1],
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Year, month and day of a count of days since 1970-01-01, in the proleptic Gregorian calendar. Years are
/// counted from March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// `Double.toString`: `0.0`, `9.3651`, `1.0E7`, `5.0E-4`.
pub fn double(value: f64) -> String {
    let size = value.abs();
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

/// The average as the reference reports it: at most 4 decimals, halves rounded up; 0 without samples.
pub fn average(total: u64, count: u64) -> f64 {
    if count == 0 {
        return 0.0;
    }
    // The reference rounds the exact decimal expansion of the quotient, whose fifth digit alone decides.
    let exact = format!("{:.30}", total as f64 / count as f64);
    let (whole, decimals) = exact.split_once('.').unwrap_or((&exact, ""));
    let (kept, next) = decimals.split_at(4);
    let ten_thousandths: u128 = format!("{whole}{kept}").parse().expect("digits of a finite quotient");
    let rounded = ten_thousandths + u128::from(next.as_bytes()[0] >= b'5');
    format!("{}.{:04}", rounded / 10_000, rounded % 10_000).parse().expect("a decimal number")
}

/// `InetSocketAddress.toString` of an address without a name: `/127.0.0.1:2181`,
/// `/[0:0:0:0:0:0:0:1]:2181`. IPv4 inside IPv6 is written as IPv4.
pub fn socket_address(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("/{ip}:{}", address.port()),
        IpAddr::V6(ip) => {
            let groups = ip.segments().map(|group| format!("{group:x}")).join(":");
            let scope = match address {
                SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("%{}", v6.scope_id()),
                _ => String::new(),
            };
            format!("/[{groups}{scope}]:{}", address.port())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{average, date, double, socket_address};

    #[test]
    fn dates_are_written_as_java_writes_them() {
        for (ms, text) in [
            (0, "Thu Jan 01 00:00:00 UTC 1970"),
            (1_795_208_888_208, "Fri Nov 20 21:08:08 UTC 2026"),
            (951_782_400_000, "Tue Feb 29 00:00:00 UTC 2000"),
            (4_107_542_399_999, "Sun Feb 28 23:59:59 UTC 2100"),
            (4_107_542_400_000, "Mon Mar 01 00:00:00 UTC 2100"),
            (-1, "Wed Dec 31 23:59:59 UTC 1969"),
        ] {
            assert_eq!(date(ms), text);
        }
    }

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (1.0, "1.0"),
            (9.3651, "9.3651"),
            (0.001, "0.001"),
            (0.0005, "5.0E-4"),
            (0.00012, "1.2E-4"),
            (9_999_999.5, "9999999.5"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (-2.5, "-2.5"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double(value), text);
        }
    }

    #[test]
    fn averages_have_four_decimals_with_halves_up() {
        for (total, count, value) in [
            (0, 0, 0.0),
            (0, 5, 0.0),
            (1, 3, 0.3333),
            (2, 3, 0.6667),
            (1, 32, 0.0313),
            (3, 32, 0.0938),
            (10, 315, 0.0317),
            (590, 63, 9.3651),
            (19_999, 20_000, 1.0),
            (u64::MAX, 1, 18_446_744_073_709_551_616.0),
        ] {
            assert_eq!(average(total, count), value, "{total}/{count}");
        }
    }

    #[test]
    fn addresses_are_written_without_compression() {
        for (address, text) in [
            ("127.0.0.1:2181", "/127.0.0.1:2181"),
            ("[::ffff:10.0.0.1]:80", "/10.0.0.1:80"),
            ("[::1]:2181", "/[0:0:0:0:0:0:0:1]:2181"),
            ("[2001:db8::ab:0]:1", "/[2001:db8:0:0:0:0:ab:0]:1"),
        ] {
            assert_eq!(socket_address(address.parse().unwrap()), text);
        }
    }
}
