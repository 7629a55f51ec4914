//! The process's surroundings for `envi`. The one place of this module that asks the system.

use std::path::Path;

/// Names and values of `envi`, with `version` as the server's own. The names are the reference's; what only a
/// JVM has is `<NA>`, as Java itself writes a property it does not have.
pub fn environment(version: &str) -> Vec<(&'static str, String)> {
    const ABSENT: &str = "<NA>";
    let text = |value: Option<String>| value.unwrap_or_else(|| ABSENT.into());
    let shown = |path: &Path| path.display().to_string();
    let (free, total) = memory_kb();
    let resident = status_kb("VmRSS:");
    let megabytes = |kb: Option<u64>| kb.map_or_else(|| ABSENT.into(), |kb| format!("{}MB", kb / 1024));
    vec![
        ("zookeeper.version", version.into()),
        ("host.name", text(proc_line("/proc/sys/kernel/hostname"))),
        ("java.version", ABSENT.into()),
        ("java.vendor", ABSENT.into()),
        ("java.home", ABSENT.into()),
        ("java.class.path", ABSENT.into()),
        ("java.library.path", ABSENT.into()),
        ("java.io.tmpdir", shown(&std::env::temp_dir())),
        ("java.compiler", ABSENT.into()),
        ("os.name", if cfg!(target_os = "linux") { "Linux".into() } else { std::env::consts::OS.into() }),
        ("os.arch", architecture().into()),
        ("os.version", text(proc_line("/proc/sys/kernel/osrelease"))),
        ("user.name", text(user_name())),
        ("user.home", text(std::env::home_dir().map(|path| shown(&path)))),
        ("user.dir", text(std::env::current_dir().ok().map(|path| shown(&path)))),
        ("os.memory.free", megabytes(free)),
        ("os.memory.max", megabytes(total)),
        ("os.memory.total", megabytes(resident)),
    ]
}

/// The architecture by Java's name.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        other => other,
    }
}

/// The name of the process's user, from the list of users rather than from variables that `su` leaves behind.
fn user_name() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let real =
        status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.to_string();
    name_of(&std::fs::read_to_string("/etc/passwd").ok()?, &real)
}

fn name_of(users: &str, id: &str) -> Option<String> {
    let mut fields = users.lines().map(|line| line.split(':'));
    fields.find_map(|mut user| {
        let name = user.next()?;
        (user.nth(1)? == id).then(|| name.to_string())
    })
}

fn proc_line(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_string()).filter(|text| !text.is_empty())
}

/// Memory the machine has available and in total.
fn memory_kb() -> (Option<u64>, Option<u64>) {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    (field_kb(&text, "MemAvailable:"), field_kb(&text, "MemTotal:"))
}

fn status_kb(name: &str) -> Option<u64> {
    field_kb(&std::fs::read_to_string("/proc/self/status").unwrap_or_default(), name)
}

fn field_kb(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{environment, field_kb, name_of};

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nzk:x:1001:1001::/var:/bin/false\n";
        assert_eq!(name_of(users, "1001").as_deref(), Some("zk"));
        assert_eq!(name_of(users, "7"), None);
    }

    #[test]
    fn the_names_are_the_reference_ones_in_its_order() {
        let names: Vec<_> = environment("3.9.4").iter().map(|(name, _)| *name).collect();
        assert_eq!(names[..3], ["zookeeper.version", "host.name", "java.version"]);
        assert_eq!(names[15..], ["os.memory.free", "os.memory.max", "os.memory.total"]);
        assert!(environment("3.9.4").iter().all(|(_, value)| !value.contains('\n')));
    }

    #[test]
    fn a_field_of_proc_is_read_in_kilobytes() {
        let text = "MemTotal:        8152836 kB\nMemFree: x\n";
        assert_eq!(field_kb(text, "MemTotal:"), Some(8_152_836));
        assert_eq!(field_kb(text, "MemFree:"), None);
        assert_eq!(field_kb(text, "Absent:"), None);
    }
}
