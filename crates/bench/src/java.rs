//! Finds the reference server on this machine and knows how to run it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The class that `zkServer.sh` starts.
const MAIN_CLASS: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/// Where Debian's package puts the server; its manifest names the rest.
const DEBIAN_JAR: &str = "/usr/share/java/zookeeper.jar";

/// An installed reference server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    java: PathBuf,
    class_path: String,
}

impl Java {
    /// The server under `$ZOOKEEPER_HOME`, else Debian's; `None` without a server or without Java.
    pub fn find() -> Option<Self> {
        let java = java_program()?;
        let class_path = std::env::var_os("ZOOKEEPER_HOME")
            .map(|home| format!("{}/lib/*", Path::new(&home).display()))
            .or_else(|| Path::new(DEBIAN_JAR).exists().then(|| DEBIAN_JAR.to_owned()))?;
        Some(Self { java, class_path })
    }

    /// The command that serves `config`, with a heap as `-Xmx` takes it or the virtual machine's own choice.
    pub fn command(&self, config: &Path, heap: Option<&str>) -> Command {
        let mut command = Command::new(&self.java);
        if let Some(heap) = heap {
            command.arg(format!("-Xmx{heap}"));
        }
        command.arg("-cp").arg(&self.class_path).arg(MAIN_CLASS).arg(config);
        command
    }

    /// What runs, for reports.
    pub fn description(&self) -> String {
        let version = Command::new(&self.java).arg("-version").output().ok();
        let version = version.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let first_line = version.as_deref().and_then(|text| text.lines().next()).unwrap_or("java");
        let name = jar_name(&self.class_path).unwrap_or_else(|| self.class_path.clone());
        format!("{name} on {first_line}")
    }
}

/// The name of the server's archive, which has its version in it.
fn jar_name(class_path: &str) -> Option<String> {
    let jar = match class_path.strip_suffix("/*") {
        None => std::fs::canonicalize(class_path).ok()?,
        Some(dir) => {
            let jars = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
            let is_server = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let version = name.strip_prefix("zookeeper-").unwrap_or_default();
                version.starts_with(|c: char| c.is_ascii_digit()) && name.ends_with(".jar")
            };
            jars.filter(is_server).min()?
        }
    };
    Some(jar.file_stem()?.to_string_lossy().into_owned())
}

fn java_program() -> Option<PathBuf> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = home.into_iter().chain(std::env::split_paths(&path));
    places.find_map(|place| Some(place.join("java")).filter(|program| program.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heap_is_left_alone_unless_asked_for() {
        let java = Java { java: "java".into(), class_path: "a.jar".into() };
        let arguments = |heap| {
            let command = java.command(Path::new("zoo.cfg"), heap);
            command.get_args().map(|a| a.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(arguments(None), ["-cp", "a.jar", MAIN_CLASS, "zoo.cfg"]);
        assert_eq!(arguments(Some("512m"))[0], "-Xmx512m");
    }
}
