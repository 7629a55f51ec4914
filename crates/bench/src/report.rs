//! Outcomes as people and as programs read them.

use crate::stats::{Latencies, Outcome, Tally};
use crate::workload::IdleOutcome;
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9), ("p99.99", 99.99)];

/// An outcome as a few lines of text.
pub(crate) fn human(outcome: &Outcome) -> String {
    let mut text = format!(
        "{}: {} operations in {:.2} s, {} per second",
        outcome.name,
        thousands(outcome.ops as f64),
        outcome.elapsed.as_secs_f64(),
        thousands(outcome.rate())
    );
    if let Some(cpu) = outcome.cpu_per_op_us() {
        let _ = write!(text, "; server CPU {cpu:.2} us per operation");
    }
    if let Some(per_flush) = outcome.ops_per_flush().filter(|_| outcome.tally.writes.count() > 0) {
        let _ = write!(text, "; {per_flush:.1} operations per disk flush");
    }
    if let Some(rss) = outcome.server_rss {
        let _ = write!(text, "; server memory {}", mib(rss));
    }
    if outcome.tally.errors > 0 {
        let _ = write!(text, "; {} ERRORS", outcome.tally.errors);
    }
    text.push('\n');
    let _ = write!(text, "  {:<8}{:>12}{:>10}", "", "count", "mean");
    for (name, _) in PERCENTILES {
        let _ = write!(text, "{name:>10}");
    }
    let _ = writeln!(text, "{:>10}", "max");
    for (name, latencies) in kinds(&outcome.tally) {
        human_row(&mut text, name, latencies);
    }
    for (name, latencies) in kinds(&outcome.marked) {
        human_row(&mut text, &format!("{name}*"), latencies);
    }
    text
}

fn human_row(text: &mut String, name: &str, latencies: &Latencies) {
    let _ = write!(
        text,
        "  {name:<8}{:>12}{:>10}",
        thousands(latencies.count() as f64),
        duration(latencies.mean())
    );
    for (_, percent) in PERCENTILES {
        let _ = write!(text, "{:>10}", duration(latencies.percentile(percent)));
    }
    let _ = writeln!(text, "{:>10}", duration(latencies.max()));
}

/// An outcome for programs: times in microseconds, memory in bytes.
pub(crate) fn machine(outcome: &Outcome) -> Value {
    let latencies = kinds(&outcome.tally)
        .map(|(name, latencies)| (name.to_owned(), latencies_json(latencies)))
        .collect::<serde_json::Map<_, _>>();
    json!({
        "name": outcome.name,
        "operations": outcome.ops,
        "errors": outcome.tally.errors,
        "seconds": outcome.elapsed.as_secs_f64(),
        "operations_per_second": outcome.rate(),
        "server_cpu_us_per_operation": outcome.cpu_per_op_us(),
        "operations_per_disk_flush": outcome.ops_per_flush(),
        "server_rss_bytes": outcome.server_rss,
        "latency_us": latencies,
    })
}

fn latencies_json(latencies: &Latencies) -> Value {
    let mut map = serde_json::Map::new();
    map.insert("count".into(), json!(latencies.count()));
    map.insert("mean".into(), json!(micros(latencies.mean())));
    for (name, percent) in PERCENTILES {
        map.insert(name.into(), json!(micros(latencies.percentile(percent))));
    }
    map.insert("max".into(), json!(micros(latencies.max())));
    Value::Object(map)
}

/// Idle sessions as a line of text.
pub(crate) fn human_idle(outcome: &IdleOutcome) -> String {
    let mut text = format!(
        "idle: {} sessions stood with a timeout of {}",
        thousands(outcome.sessions as f64),
        duration(outcome.session_timeout)
    );
    if let Some((before, with)) = outcome.rss {
        let _ = write!(text, "; server memory {} before, {} with them", mib(before), mib(with));
    }
    if let Some(bytes) = outcome.bytes_per_session() {
        let _ = write!(text, ", {} bytes each", thousands(bytes as f64));
    }
    if let Some(cpu) = outcome.cpu_per_second {
        let _ = write!(text, "; server CPU {:.1} %", cpu.as_secs_f64() * 100.0);
    }
    text.push('\n');
    text
}

/// Idle sessions for programs.
pub(crate) fn machine_idle(outcome: &IdleOutcome) -> Value {
    json!({
        "name": "idle",
        "sessions": outcome.sessions,
        "session_timeout_ms": outcome.session_timeout.as_millis() as u64,
        "server_rss_before_bytes": outcome.rss.map(|(before, _)| before),
        "server_rss_bytes": outcome.rss.map(|(_, with)| with),
        "bytes_per_session": outcome.bytes_per_session(),
        "server_cpu_share": outcome.cpu_per_second.map(|cpu| cpu.as_secs_f64()),
    })
}

fn kinds(tally: &Tally) -> impl Iterator<Item = (&'static str, &Latencies)> {
    [("reads", &tally.reads), ("writes", &tally.writes), ("events", &tally.events)]
        .into_iter()
        .filter(|(_, latencies)| latencies.count() > 0)
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1000.0
}

/// A rounded number with its thousands apart; fractions only below 100.
pub(crate) fn thousands(number: f64) -> String {
    if number.abs() < 100.0 && number.fract() != 0.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{:.0}", number.abs());
    let mut text = String::from(if number < 0.0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in the unit that suits it, three digits.
pub(crate) fn duration(duration: Duration) -> String {
    let us = micros(duration);
    match us {
        _ if us >= 1e6 => format!("{:.2} s", us / 1e6),
        _ if us >= 1e4 => format!("{:.1} ms", us / 1e3),
        _ if us >= 1e3 => format!("{:.2} ms", us / 1e3),
        _ if us >= 100.0 => format!("{us:.0} us"),
        _ if us >= 10.0 => format!("{us:.1} us"),
        _ => format!("{us:.2} us"),
    }
}

/// Bytes as mebibytes.
pub(crate) fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(thousands(0.0), "0");
        assert_eq!(thousands(12.34), "12.3");
        assert_eq!(thousands(999.6), "1,000");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(thousands(-1234.0), "-1,234");
    }

    #[test]
    fn durations_choose_their_unit() {
        assert_eq!(duration(Duration::from_nanos(1500)), "1.50 us");
        assert_eq!(duration(Duration::from_micros(250)), "250 us");
        assert_eq!(duration(Duration::from_micros(2500)), "2.50 ms");
        assert_eq!(duration(Duration::from_millis(25)), "25.0 ms");
        assert_eq!(duration(Duration::from_millis(2500)), "2.50 s");
    }

    #[test]
    fn a_report_shows_only_kinds_that_occurred() {
        let mut outcome = Outcome { name: "get".into(), ops: 1, ..Outcome::default() };
        outcome.elapsed = Duration::from_secs(1);
        outcome.tally.reads.record(42_000);
        let text = human(&outcome);
        assert!(text.contains("reads") && !text.contains("writes"), "{text}");
        assert!(text.contains("42.0 us"), "{text}");
        let value = machine(&outcome);
        assert_eq!(value["latency_us"]["reads"]["count"], 1);
        assert!(value["latency_us"].get("writes").is_none());
    }
}
