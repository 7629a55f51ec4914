//! What can be wrong with a configuration, and what is merely worth saying.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Exit code of a process whose configuration cannot be used.
pub const EXIT_CONFIG: i32 = 2;
/// Exit code of a process that cannot use its data directories.
pub const EXIT_DATA_DIR: i32 = 3;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The server's own default.
    Default,
    /// An environment variable.
    Environment(String),
    /// A `-Dname=value` flag.
    Flag,
    /// A configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u32,
    },
    /// An argument or option of the command line.
    Argument,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("built-in default"),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
            Origin::Flag => f.write_str("-D flag"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Argument => f.write_str("command line"),
        }
    }
}

/// Why the server does not start with this configuration. The operator is at fault in every case; the text
/// names the place, the key, the value (never a credential) and what would be accepted.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A `\u` escape is malformed.
    BadEscape {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u32,
    },
    /// A value is not one of the allowed ones.
    BadValue {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// The value; `***` for credentials.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// A key that must be set is not.
    Missing {
        /// The key.
        key: &'static str,
        /// What it is for, and how to set it.
        needed: &'static str,
    },
    /// Values that are fine alone contradict each other.
    Conflict {
        /// Where one of them stands.
        origin: Origin,
        /// Its key.
        key: String,
        /// The contradiction and the way out.
        problem: String,
    },
    /// A member of an ensemble does not know which one it is.
    NoMyId {
        /// Where it should stand.
        path: PathBuf,
    },
    /// The file `myid` does not name a member.
    BadMyId {
        /// The file.
        path: PathBuf,
        /// Its first line.
        text: String,
        /// Why that is none.
        problem: String,
    },
    /// The key asks for something this release does not do and must not ignore.
    NotInThisRelease {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// Why it is refused.
        why: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { path, source } => {
                write!(f, "{}: cannot read the configuration: {source}", path.display())
            }
            ConfigError::BadEscape { path, line } => {
                let path = path.display();
                write!(f, "{path}:{line}: \\u must be followed by the four hexadecimal digits of a character")
            }
            ConfigError::BadValue { origin, key, value, allowed } => {
                write!(f, "{origin}: {key}={} is not allowed; expected {allowed}", value.escape_debug())
            }
            ConfigError::Missing { key, needed } => write!(f, "{key} is not set; {needed}"),
            ConfigError::Conflict { origin, key, problem } => write!(f, "{origin}: {key}: {problem}"),
            ConfigError::NoMyId { path } => {
                let path = path.display();
                write!(
                    f,
                    "{path}: myid file is missing; it says which of the servers listed this is, as in 1"
                )
            }
            ConfigError::BadMyId { path, text, problem } => {
                write!(f, "{}: serverid {} is not usable: {problem}", path.display(), text.escape_debug())
            }
            ConfigError::NotInThisRelease { origin, key, why } => {
                write!(
                    f,
                    "{origin}: {key} is not available in this release: {why}; remove it to start without"
                )
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigError::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Something in the configuration the operator should know. The server starts all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// No such key.
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// The key as written.
        key: String,
        /// The known key it resembles.
        nearest: Option<&'static str>,
    },
    /// A key stands in the file twice; the later line counts.
    Duplicate {
        /// The line that counts.
        origin: Origin,
        /// The key.
        key: String,
        /// The line that does not.
        earlier: Origin,
    },
    /// A number was raised to the least value in effect.
    Raised {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// The number as written.
        value: i64,
        /// The number in effect.
        used: i64,
    },
    /// The key is known, but this release ignores it.
    NotYet {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// What happens instead.
        why: &'static str,
    },
    /// The key is known and changes nothing in this server, now or later.
    Meaningless {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// Why.
        why: &'static str,
    },
    /// The setting gives up a safety that is on by default.
    Risk {
        /// Where it stands.
        origin: Origin,
        /// The key with its value.
        setting: &'static str,
        /// What may happen.
        risk: &'static str,
    },
    /// One member is listed: it serves alone.
    OneServer {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
    },
    /// The setting contradicts another one, which counts.
    Overruled {
        /// Where it stands.
        origin: Origin,
        /// The key.
        key: String,
        /// What counts instead.
        by: String,
    },
    /// An even number of servers vote: one fewer would stand as many failures.
    EvenVoters {
        /// How many.
        voters: usize,
    },
    /// An environment variable that a container platform put there, not an operator.
    ServiceLink {
        /// The variable.
        variable: String,
    },
}

impl Warning {
    /// Whether it is only for information: nothing the operator asked for is missing.
    pub fn is_notice(&self) -> bool {
        matches!(self, Warning::Meaningless { .. } | Warning::OneServer { .. } | Warning::ServiceLink { .. })
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Unknown { origin, key, nearest } => {
                write!(f, "{origin}: {} is not a known key and is ignored", key.escape_debug())?;
                match nearest {
                    Some(name) => write!(f, "; did you mean {name}?"),
                    None => Ok(()),
                }
            }
            Warning::Duplicate { origin, key, earlier } => {
                write!(f, "{origin}: {key} replaces the value of {earlier}")
            }
            Warning::Raised { origin, key, value, used } => {
                write!(f, "{origin}: {key}={value} is too small; {used} is used")
            }
            Warning::NotYet { origin, key, why } => write!(f, "{origin}: {key} is ignored: {why}"),
            Warning::Meaningless { origin, key, why } => {
                write!(f, "{origin}: {key} has no effect here: {why}")
            }
            Warning::Risk { origin, setting, risk } => write!(f, "{origin}: with {setting} {risk}"),
            Warning::OneServer { origin, key } => {
                write!(f, "{origin}: {key} is the only server listed; running standalone")
            }
            Warning::Overruled { origin, key, by } => {
                write!(f, "{origin}: {key} is overruled by {by}")
            }
            Warning::EvenVoters { voters: 2 } => {
                f.write_str("two servers vote: neither may fail; three stand one failure")
            }
            Warning::EvenVoters { voters } => {
                write!(f, "{voters} servers vote: {} would stand as many failures", voters - 1)
            }
            Warning::ServiceLink { variable } => {
                write!(
                    f,
                    "environment variable {variable} looks like a container service link and is ignored"
                )
            }
        }
    }
}
