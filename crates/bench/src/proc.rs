//! What the kernel knows of a process and of the disks: CPU time, memory, cache flushes.

use std::fs;
use std::time::Duration;

/// CPU time (user and system) that process `pid` has used; `None` when it is gone or not Linux.
pub fn cpu_time(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = parse_cpu_ticks(&stat)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// Resident memory of process `pid` in bytes.
pub fn rss(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    parse_rss(&status)
}

/// Cache flushes all disks of this machine have done since boot.
pub fn disk_flushes() -> Option<u64> {
    let mut sum = None;
    for entry in fs::read_dir("/sys/block").ok()?.flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(flushes) = parse_flushes(&stat) {
            sum = Some(sum.unwrap_or(0) + flushes);
        }
    }
    sum
}

/// CPU time all cores of this machine have spent since boot, idle and in all, in clock ticks.
pub fn machine_ticks() -> Option<(u64, u64)> {
    parse_machine_ticks(&fs::read_to_string("/proc/stat").ok()?)
}

/// Waiting for a disk is idle for a processor, but not for those who want that disk.
fn parse_machine_ticks(stat: &str) -> Option<(u64, u64)> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
    let ticks: Vec<u64> = fields.map_while(|field| field.parse().ok()).take(8).collect();
    Some((*ticks.get(3)?, ticks.iter().sum()))
}

/// The sum of `utime` and `stime`. The command name before them may contain anything.
fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn parse_rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn parse_flushes(stat: &str) -> Option<u64> {
    stat.split_ascii_whitespace().nth(15)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_are_found_behind_any_command_name() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0 1";
        assert_eq!(parse_cpu_ticks(stat), Some(42));
        assert_eq!(parse_cpu_ticks("7 (x) S 1"), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(parse_rss("Name:\tx\nVmRSS:\t   12 kB\n"), Some(12 * 1024));
        assert_eq!(parse_rss("Name:\tx\n"), None);
    }

    #[test]
    fn idle_ticks_are_the_fourth_of_all() {
        assert_eq!(parse_machine_ticks("cpu  1 2 3 40 5 6 7 8 9 9\ncpu0 1"), Some((40, 72)));
        assert_eq!(parse_machine_ticks("intr 1"), None);
    }

    #[test]
    fn flushes_are_the_sixteenth_number() {
        let stat = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 99 17";
        assert_eq!(parse_flushes(stat), Some(99));
        assert_eq!(parse_flushes("1 2 3"), None);
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let pid = std::process::id();
        assert!(rss(pid).is_some_and(|bytes| bytes > 100_000));
        assert!(cpu_time(pid).is_some());
    }
}
