//! What was measured on: the head of every report.

use crate::compare::lab::Lab;
use std::fs;
use std::path::Path;

/// Processor, cores, kernel, file system and servers, as a list in Markdown.
pub(super) fn describe(lab: &Lab) -> String {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu_info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().and_then(|line| line.split_ascii_whitespace().nth(1));
    let gib = memory.and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / (1024.0 * 1024.0);
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "- machine: {} × {}, {gib:.0} GiB, Linux {}; load when started {}\n- data on: {}\n- servers: zabra {}; {}\n- command: `{}`\n",
        cores,
        cpu.trim_start_matches([':', ' ', '\t']),
        kernel.trim(),
        load.split(' ').next().unwrap_or("?"),
        file_system(&mounts, lab.dir()).unwrap_or_else(|| "unknown".into()),
        env!("CARGO_PKG_VERSION"),
        lab.java_description().unwrap_or_else(|| "no reference server".into()),
        std::env::args().collect::<Vec<_>>().join(" "),
    )
}

/// The mount that holds `dir`: device, type and options.
fn file_system(mounts: &str, dir: &Path) -> Option<String> {
    let fields = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let holding = fields.filter(|f| f.len() >= 4 && dir.starts_with(f[1]));
    let nearest = holding.max_by_key(|f| f[1].len())?;
    Some(format!("{} ({}, {})", nearest[2], nearest[0], nearest[3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_holds_the_directory() {
        let mounts = "/dev/a / ext4 rw 0 0\n/dev/b /home xfs rw,noatime 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/home/x")).unwrap(), "xfs (/dev/b, rw,noatime)");
        assert_eq!(file_system(mounts, Path::new("/homes")).unwrap(), "ext4 (/dev/a, rw)");
    }
}
