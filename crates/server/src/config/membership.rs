//! Who is listed: the `server.N`, `group.N` and `weight.N` lines, in the file itself or in `dynamicConfigFile`,
//! and what follows from how many of them vote.

use super::error::{ConfigError, Origin, Warning};
use super::files::Files;
use super::properties;
use super::settings::Settings;
use std::path::{Path, PathBuf};
use zab::{ConfigLine, ConfigProblem, Member, ServerId};

/// A membership with the places of its lines.
pub(super) struct Listed {
    /// Who takes part.
    pub config: zab::Config,
    /// Where the first of the lines stands, and its key, for complaints about the whole.
    pub whole: (Origin, String),
    lines: Vec<Line>,
    /// `dynamicConfigFile`, when the lines stand there.
    pub file: Option<PathBuf>,
}

/// One line, wherever it was written.
struct Line {
    key: String,
    value: String,
    origin: Origin,
}

/// Whether a server needs others.
pub(super) enum Kind {
    /// Nobody is listed, or this server alone: it serves alone, on the client address of its line.
    Alone(Option<(Origin, String, Member)>),
    /// One of several, or of one that others may join.
    Ensemble(Listed),
}

/// Reads the lines and decides what they make.
///
/// # Errors
/// The operator is at fault: a line makes no sense, or those listed cannot form an ensemble.
pub(super) fn read(from: &Settings, files: &Files, warnings: &mut Vec<Warning>) -> Result<Kind, ConfigError> {
    let alone_allowed = from.flag("standaloneEnabled");
    let Some(listed) = listed(from, files)? else {
        return match from.set("standaloneEnabled") {
            Some(setting) if !alone_allowed => Err(ConfigError::Conflict {
                origin: setting.origin.clone(),
                key: "standaloneEnabled".into(),
                problem: "false needs server.N lines; leave it out to run one server".into(),
            }),
            _ => Ok(Kind::Alone(None)),
        };
    };
    let voters = listed.config.voters().count();
    if voters == 1 && alone_allowed {
        if listed.config.members.len() > 1 {
            return Err(listed.conflict("observers need more than one voting member"));
        }
        let (origin, key) = listed.whole;
        warnings.push(Warning::OneServer { origin: origin.clone(), key: key.clone() });
        let only = listed.config.members.into_values().next();
        return Ok(Kind::Alone(only.map(|member| (origin, key, member))));
    }
    if voters > 1 && voters.is_multiple_of(2) {
        warnings.push(Warning::EvenVoters { voters });
    }
    if !from.flag("multiAddress.enabled") {
        let many = listed.config.members.iter().find(|(_, member)| member.addresses.len() > 1);
        if let Some((id, _)) = many {
            return Err(listed.conflict_of(*id, "several addresses need multiAddress.enabled=true".into()));
        }
    }
    Ok(Kind::Ensemble(listed))
}

/// The committed membership, if any line of one is there.
fn listed(from: &Settings, files: &Files) -> Result<Option<Listed>, ConfigError> {
    let families = ["server.", "group.", "weight."].into_iter().flat_map(|prefix| from.family(prefix));
    let lines: Vec<Line> = families
        .map(|(key, setting)| Line {
            key: key.clone(),
            value: setting.value.clone(),
            origin: setting.origin.clone(),
        })
        .collect();
    let file = Some(from.text("dynamicConfigFile")).filter(|text| !text.is_empty()).map(PathBuf::from);
    match (file, lines) {
        (None, lines) if lines.is_empty() => Ok(None),
        (None, lines) => Listed::new(lines, 0, None).map(Some),
        (Some(_), mut lines) if !lines.is_empty() => {
            let Line { key, origin, .. } = lines.swap_remove(0);
            let problem = "it must stand in the file that dynamicConfigFile names, and only there".into();
            Err(ConfigError::Conflict { origin, key, problem })
        }
        (Some(file), _) => from_file(file, files).map(Some).map_err(|error| match error {
            ConfigError::Unreadable { path, source } => ConfigError::Conflict {
                origin: from.set("dynamicConfigFile").map_or(Origin::Default, |set| set.origin.clone()),
                key: "dynamicConfigFile".into(),
                problem: format!("{}: cannot be read: {source}", path.display()),
            },
            error => error,
        }),
    }
}

fn from_file(file: PathBuf, files: &Files) -> Result<Listed, ConfigError> {
    let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
    let bytes = files.read(&file)?;
    let bytes = bytes.ok_or_else(|| ConfigError::Unreadable { path: file.clone(), source: missing })?;
    let lines = lines(&file, &bytes)?;
    if let Some(Line { key, origin, .. }) = lines.iter().find(|line| line.key == "version") {
        let problem = "the name of the file says the version; the file itself must not".into();
        return Err(ConfigError::Conflict { origin: origin.clone(), key: key.clone(), problem });
    }
    let version = version_in_name(&file);
    Listed::new(lines, version, Some(file))
}

/// A membership that was proposed and perhaps not committed, which lies beside the configuration file.
///
/// # Errors
/// It is there and makes no sense.
pub(super) fn last_seen(static_file: &Path, files: &Files) -> Result<Option<zab::Config>, ConfigError> {
    let mut name = static_file.as_os_str().to_owned();
    name.push(".dynamic.next");
    let path = PathBuf::from(name);
    let Some(bytes) = files.read(&path)? else { return Ok(None) };
    Listed::new(lines(&path, &bytes)?, 0, None).map(|listed| Some(listed.config))
}

fn lines(path: &Path, bytes: &[u8]) -> Result<Vec<Line>, ConfigError> {
    let entries = properties::parse(bytes)
        .map_err(|bad| ConfigError::BadEscape { path: path.to_path_buf(), line: bad.line })?;
    let origin = |line| Origin::File { path: path.to_path_buf(), line };
    let lines = entries.into_iter().map(|entry| Line {
        key: entry.key,
        value: entry.value,
        origin: origin(entry.line),
    });
    Ok(lines.collect())
}

/// What stands behind the last dot of a membership file's name, as a hexadecimal number; 0 when it is none.
fn version_in_name(file: &Path) -> i64 {
    let name = file.as_os_str().to_string_lossy();
    name.rsplit_once('.').and_then(|(_, hex)| i64::from_str_radix(hex, 16).ok()).unwrap_or(0)
}

impl Listed {
    fn new(lines: Vec<Line>, version: i64, file: Option<PathBuf>) -> Result<Self, ConfigError> {
        let numbered = (1..).zip(&lines);
        let read = zab::Config::from_lines(numbered.map(|(number, line)| ConfigLine {
            number,
            key: &line.key,
            value: &line.value,
        }));
        let last = lines.iter().rev().find(|line| line.key.starts_with("server.")).or(lines.last());
        let whole = match (last, &file) {
            (Some(line), _) => (line.origin.clone(), line.key.clone()),
            (None, Some(path)) => (Origin::File { path: path.clone(), line: 1 }, "dynamicConfigFile".into()),
            (None, None) => (Origin::Default, "server.N".into()),
        };
        match read {
            Ok(mut config) => {
                config.version = config.version.max(version);
                Ok(Self { config, whole, lines, file })
            }
            Err(error) => {
                let line = (error.line as usize).checked_sub(1).and_then(|at| lines.get(at));
                let (origin, key) = line.map_or(whole, |line| (line.origin.clone(), line.key.clone()));
                Err(complaint(origin, key, error.problem))
            }
        }
    }

    /// A complaint about the whole.
    pub(super) fn conflict(&self, problem: &str) -> ConfigError {
        let (origin, key) = self.whole.clone();
        ConfigError::Conflict { origin, key, problem: problem.into() }
    }

    /// A complaint about one member.
    pub(super) fn conflict_of(&self, id: ServerId, problem: String) -> ConfigError {
        let (origin, key) = self.place_of(id);
        ConfigError::Conflict { origin, key, problem }
    }

    /// Where a member's line stands, and its key.
    pub(super) fn place_of(&self, id: ServerId) -> (Origin, String) {
        let is_its =
            |line: &&Line| line.key.strip_prefix("server.").is_some_and(|number| number.parse() == Ok(id.0));
        let line = self.lines.iter().rev().find(is_its);
        line.map_or_else(|| self.whole.clone(), |line| (line.origin.clone(), line.key.clone()))
    }
}

fn complaint(origin: Origin, key: String, problem: ConfigProblem) -> ConfigError {
    let problem = match problem {
        ConfigProblem::SecurePort => {
            let why = "its line names a TLS client port, and TLS comes in a later release".into();
            return ConfigError::NotInThisRelease { origin, key, why };
        }
        ConfigProblem::NoVoters => "only observers are listed; at least one member must vote".into(),
        problem => problem.to_string(),
    };
    ConfigError::Conflict { origin, key, problem }
}

#[cfg(test)]
mod tests {
    use super::version_in_name;
    use std::path::Path;

    #[test]
    fn the_version_is_what_the_name_of_the_file_ends_in() {
        for (name, version) in [
            ("/etc/zoo.cfg.dynamic.100000000", 0x1_0000_0000),
            ("zoo.cfg.dynamic.1F", 0x1f),
            ("zoo.cfg.dynamic", 0),
            ("zoo.cfg.dynamic.next", 0),
            ("zoo.cfg.dynamic.", 0),
            ("members", 0),
        ] {
            assert_eq!(version_in_name(Path::new(name)), version, "{name}");
        }
    }
}
