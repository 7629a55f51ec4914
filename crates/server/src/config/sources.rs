//! Where values come from and which one counts.
//!
//! From weakest to strongest: built-in defaults, the environment, `-D` flags, the file, the command line.
//! That the file overwrites a flag is ZooKeeper's own order. An environment variable is `ZOOKEEPER_`
//! and the key; case does not matter and punctuation is left out or written `_`, so `tickTime` is
//! `ZOOKEEPER_TICK_TIME` and `autopurge.purgeInterval` is `ZOOKEEPER_AUTOPURGE_PURGE_INTERVAL`.

use super::error::{ConfigError, Origin, Warning};
use super::files::Files;
use super::model::Config;
use super::settings::Settings;
use super::{build, properties};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What our environment variables begin with.
const PREFIX: &str = "ZOOKEEPER_";

/// One key with its value as somebody wrote it. The value may be a credential, so there is no `Debug`.
pub(super) struct Written {
    pub name: String,
    pub value: String,
    pub origin: Origin,
}

/// Collects values from all sources; [`Sources::load`] turns them into a [`Config`].
#[derive(Default)]
pub struct Sources {
    defaults: Vec<Written>,
    environment: Vec<Written>,
    flags: Vec<Written>,
    file: Vec<Written>,
    arguments: Vec<Written>,
    data_dir: Option<PathBuf>,
    default_data_dir: Option<PathBuf>,
    static_file: Option<PathBuf>,
    pub(super) files: Files,
    warnings: Vec<Warning>,
}

impl Sources {
    /// Nothing set yet. A file, or at least `dataDir` and `clientPort`, must follow.
    pub fn new() -> Sources {
        Sources::default()
    }

    /// For a server started without a file: port 2181 on 127.0.0.1, a tick of 2 seconds and this data directory,
    /// unless another source says otherwise.
    pub fn standalone(data_dir: PathBuf) -> Sources {
        let mut sources = Sources { default_data_dir: Some(data_dir), ..Sources::default() };
        for (name, value) in
            [("clientPort", "2181"), ("clientPortAddress", "127.0.0.1"), ("tickTime", "2000")]
        {
            let (name, value) = (name.to_string(), value.to_string());
            sources.defaults.push(Written { name, value, origin: Origin::Default });
        }
        sources
    }

    /// ZooKeeper's start without a file: port, data directory, and optionally tick time and connections per
    /// address. As there, the port is bound on every address.
    pub fn positional(
        port: &str,
        data_dir: PathBuf,
        tick_time: Option<&str>,
        connections: Option<&str>,
    ) -> Sources {
        let mut sources = Sources { data_dir: Some(data_dir), ..Sources::default() };
        sources.argument("clientPort", port);
        for (name, value) in [("tickTime", tick_time), ("maxClientCnxns", connections)] {
            if let Some(value) = value {
                sources.argument(name, value);
            }
        }
        sources
    }

    /// Takes the environment's variables, usually `std::env::vars_os()`; others than ours are passed over.
    pub fn environment<T: Into<OsString>>(&mut self, variables: impl IntoIterator<Item = (T, T)>) {
        let texts = |(name, value): (T, T)| {
            let name = name.into().into_string().ok().filter(|name| name.starts_with(PREFIX))?;
            Some((name, value.into().to_string_lossy().into_owned()))
        };
        let mut variables: Vec<(String, String)> = variables.into_iter().filter_map(texts).collect();
        variables.sort();
        for (variable, value) in variables {
            self.variable(&variable, value);
        }
    }

    /// Takes one `-Dname=value`, with or without the `-D`.
    pub fn flag(&mut self, flag: &str) {
        let flag = flag.strip_prefix("-D").unwrap_or(flag);
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        let (name, value) = (name.trim().to_string(), value.trim().to_string());
        self.flags.push(Written { name, value, origin: Origin::Flag });
    }

    /// Sets a key from an option of the command line; this wins over every other source.
    pub fn argument(&mut self, name: &str, value: &str) {
        let (name, value) = (name.to_string(), value.to_string());
        self.arguments.push(Written { name, value, origin: Origin::Argument });
    }

    /// Sets `dataDir` from the command line.
    pub fn data_dir(&mut self, path: PathBuf) {
        self.data_dir = Some(path);
    }

    /// Reads ZooKeeper's configuration file.
    ///
    /// # Errors
    /// The file cannot be read, or a `\u` escape in it is malformed.
    pub fn file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.to_path_buf(), source };
        let bytes = std::fs::read(path).map_err(unreadable)?;
        self.file_bytes(path, &bytes)
    }

    /// Like [`Sources::file`] with the content at hand; `path` is for messages, and for the membership
    /// files beside it.
    ///
    /// # Errors
    /// A `\u` escape is malformed.
    pub fn file_bytes(&mut self, path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
        let entries = properties::parse(bytes)
            .map_err(|bad| ConfigError::BadEscape { path: path.to_path_buf(), line: bad.line })?;
        self.static_file = Some(path.to_path_buf());
        for entry in entries {
            let origin = Origin::File { path: path.to_path_buf(), line: entry.line };
            self.file.push(Written { name: entry.key, value: entry.value, origin });
        }
        Ok(())
    }

    /// Weighs all sources and builds the configuration, with what the operator should be told. A member of
    /// an ensemble reads its `myid` and membership files.
    ///
    /// # Errors
    /// The operator is at fault: a value that is not allowed, a contradiction, a missing key, or a key
    /// that this release must not ignore.
    pub fn load(self) -> Result<(Config, Vec<Warning>), ConfigError> {
        let mut warnings = self.warnings;
        let mut settings = Settings::default();
        for layer in [self.defaults, self.environment, self.flags, self.file, self.arguments] {
            settings.add(layer, &mut warnings);
        }
        settings.check(&mut warnings)?;
        let is_set = settings.set("dataDir").is_some_and(|setting| !setting.value.is_empty());
        let data_dir = self.data_dir.or(self.default_data_dir.filter(|_| !is_set));
        let given = build::Given { data_dir, static_file: self.static_file.as_deref(), files: &self.files };
        let config = build::config(&settings, given, &mut warnings)?;
        Ok((config, warnings))
    }

    fn variable(&mut self, variable: &str, value: String) {
        let letters = letters(&variable[PREFIX.len()..]);
        let key = super::table::keys().find(|key| !key.is_family() && self::letters(key.name) == letters);
        let origin = Origin::Environment(variable.to_string());
        match key {
            // Kubernetes announces a service named "zookeeper-client" as ZOOKEEPER_CLIENT_PORT=tcp://...
            Some(_) if value.starts_with("tcp://") || value.starts_with("udp://") => {
                self.warnings.push(Warning::ServiceLink { variable: variable.to_string() });
            }
            Some(key) => self.environment.push(Written {
                name: key.name.to_string(),
                value: value.trim().to_string(),
                origin,
            }),
            None => {
                if let Some(nearest) = super::suggest::nearest(&letters) {
                    let key = variable.to_string();
                    self.warnings.push(Warning::Unknown { origin, key, nearest: Some(nearest) });
                }
            }
        }
    }
}

/// Letters and digits of a name, in lower case.
fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::letters;
    use crate::config::table;
    use std::collections::BTreeMap;

    #[test]
    fn no_two_keys_share_an_environment_variable() {
        let mut seen = BTreeMap::new();
        for key in table::keys().filter(|key| !key.is_family()) {
            assert_eq!(seen.insert(letters(key.name), key.name), None, "{}", key.name);
        }
    }
}
