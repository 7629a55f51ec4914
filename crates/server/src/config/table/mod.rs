//! The one table of settings: ZooKeeper's key, type, unit, range, default, doc and how far it is supported.
//!
//! The parser, `--help-config` and COMPATIBILITY.md are all made from these rows; nothing else in the
//! project knows a key's default or range. Rows are split by the area of the manual they stand in.

/// Rows of one area: name, kind, default, since, state, doc.
macro_rules! rows {
    ($place:expr; $($name:literal, $kind:expr, $default:literal, $since:literal, $state:expr, $doc:literal;)*) => {
        &[$(Key {
            name: $name,
            place: $place,
            kind: $kind,
            default: $default,
            since: $since,
            state: $state,
            doc: $doc,
        },)*]
    };
}

mod admin;
mod ensemble;
mod network;
mod raw;
mod requests;
mod security;
mod startup;
mod storage;

/// Where ZooKeeper itself takes a key from. All of them are accepted from everywhere here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Parsed by name from the file; no system property.
    File,
    /// `K` in the file or `-Dzookeeper.K`.
    Property,
    /// Only `-DK`, without a prefix; in the file it is an extension.
    Raw,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    Count,
    /// Milliseconds.
    Ms,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Multiples of `tickTime`.
    Ticks,
    /// Bytes.
    Bytes,
    /// Units of 1024 bytes.
    Kb,
    /// A TCP port.
    Port,
}

impl Unit {
    /// How the unit is written behind a number; empty for plain numbers.
    pub fn suffix(self) -> &'static str {
        match self {
            Unit::Count | Unit::Port => "",
            Unit::Ms => "ms",
            Unit::Seconds => "s",
            Unit::Minutes => "min",
            Unit::Ticks => "ticks",
            Unit::Bytes => "bytes",
            Unit::Kb => "KB",
        }
    }
}

/// A key's type and what values it may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Bool,
    /// `yes` or `no`.
    YesNo,
    /// A whole number in an inclusive range.
    Int {
        /// What it counts.
        unit: Unit,
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A whole number; a smaller one than `floor` is raised to it with a warning.
    Floor {
        /// What it counts.
        unit: Unit,
        /// The least value in effect.
        floor: i64,
    },
    /// A fraction of 0 to 1.
    Ratio,
    /// A factor; below 0 it is off.
    Factor,
    /// A time in hours, or with one of the suffixes ms, s, m, h, d.
    Period,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Free text.
    Text,
    /// A file or directory.
    Path,
    /// A host name or address.
    Host,
    /// Comma-separated words.
    List,
    /// A credential; never printed.
    Secret,
}

impl Kind {
    /// The allowed values in words, for messages and help.
    pub fn allowed(self) -> String {
        let with_unit = |unit: Unit| match unit.suffix() {
            "" => String::new(),
            suffix => format!(" {suffix}"),
        };
        match self {
            Kind::Bool => "true or false".into(),
            Kind::YesNo => "yes or no".into(),
            Kind::Int { unit, min, max } => format!("a whole number from {min} to {max}{}", with_unit(unit)),
            Kind::Floor { unit, floor } => {
                format!("a whole number, {floor} or more{}", with_unit(unit))
            }
            Kind::Ratio => "a number from 0 to 1".into(),
            Kind::Factor => "a number; less than 0 is off".into(),
            Kind::Period => "hours as a whole number, or a number with ms, s, m, h or d".into(),
            Kind::OneOf(words) => {
                let shown = |word: &&str| if word.is_empty() { "nothing".into() } else { word.to_string() };
                words.iter().map(shown).collect::<Vec<String>>().join(", ")
            }
            Kind::Text => "text".into(),
            Kind::Path => "a path".into(),
            Kind::Host => "a host name or an address".into(),
            Kind::List => "a comma-separated list".into(),
            Kind::Secret => "text that is not printed".into(),
        }
    }
}

/// How far a key is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It does what it does in ZooKeeper.
    Supported,
    /// It has no meaning here; setting it changes nothing. Says why.
    Meaningless(&'static str),
    /// It does what it does in ZooKeeper, between servers: a standalone server of either kind passes it over.
    EnsembleOnly,
    /// Ignored with a warning until the feature arrives. Says what happens meanwhile.
    NotYet(&'static str),
    /// Refused until the feature arrives, because ignoring it would break a promise the operator relies on.
    Refused(&'static str),
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    /// ZooKeeper's name without the `zookeeper.` prefix. A trailing `*` stands for any rest.
    pub name: &'static str,
    /// Where ZooKeeper takes it from.
    pub place: Place,
    /// Type, unit and range.
    pub kind: Kind,
    /// The default as it would be written in the file; empty when unset.
    pub default: &'static str,
    /// First release that has it; empty for 3.4 and before.
    pub since: &'static str,
    /// How far it is supported.
    pub state: State,
    /// One line of documentation.
    pub doc: &'static str,
}

impl Key {
    /// Whether the row covers a family of keys (`server.*`).
    pub fn is_family(&self) -> bool {
        self.name.ends_with('*')
    }

    /// Whether `name` belongs to the row's family.
    fn covers(&self, name: &str) -> bool {
        let prefix = self.name.strip_suffix('*');
        prefix.is_some_and(|prefix| name.len() > prefix.len() && name.starts_with(prefix))
    }
}

/// Rows of one area with its heading.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// Heading in help and documents.
    pub title: &'static str,
    /// The rows.
    pub keys: &'static [Key],
}

/// The whole table in the order of the manual.
pub const AREAS: &[Area] = &[
    Area { title: "Start-up", keys: startup::KEYS },
    Area { title: "Storage", keys: storage::KEYS },
    Area { title: "Requests and sessions", keys: requests::KEYS },
    Area { title: "Network", keys: network::KEYS },
    Area { title: "Ensemble", keys: ensemble::KEYS },
    Area { title: "Security and ACLs", keys: security::KEYS },
    Area { title: "Admin, metrics, audit", keys: admin::KEYS },
    Area { title: "Java system properties without a prefix", keys: raw::KEYS },
];

/// Headings of the manual that are not the key's name, with the name that works.
pub const GUIDE_NAMES: &[(&str, &str)] = &[
    ("connectionMaxTokens", "connection_throttle_tokens"),
    ("connectionTokenFillTime", "connection_throttle_fill_time"),
    ("connectionTokenFillCount", "connection_throttle_fill_count"),
    ("connectionFreezeTime", "connection_throttle_freeze_time"),
    ("connectionDropIncrease", "connection_throttle_drop_increase"),
    ("connectionDropDecrease", "connection_throttle_drop_decrease"),
    ("connectionDecreaseRatio", "connection_throttle_decrease_ratio"),
    ("requestThrottleLimit", "request_throttle_max_requests"),
    ("requestThrottleStallTime", "request_throttle_stall_time"),
    ("requestThrottleDropStale", "request_throttle_drop_stale"),
    ("requestStaleLatencyCheck", "request_stale_latency_check"),
    ("requestStaleConnectionCheck", "request_stale_connection_check"),
    ("throttledOpWaitTime", "throttled_op_wait_time"),
    ("advancedFlowControlEnabled", "netty.advancedFlowControl.enabled"),
    ("outstandingHandshake.limit", "netty.server.outstandingHandshake.limit"),
    ("maxConcurrentSnapSyncs", "leader.maxConcurrentSnapSyncs"),
    ("maxConcurrentDiffSyncs", "leader.maxConcurrentDiffSyncs"),
    ("maxTimeToWaitForEpoch", "leader.maxTimeToWaitForEpoch"),
];

/// The reference's class for the scheme `ensemble`, which exists only where it is registered.
pub(super) const ENSEMBLE_PROVIDER: &str = "org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider";

/// The reference's classes for schemes that need no plug-in here.
pub(super) const BUILT_IN_PROVIDERS: [&str; 3] = [
    "org.apache.zookeeper.server.auth.DigestAuthenticationProvider",
    "org.apache.zookeeper.server.auth.IPAuthenticationProvider",
    ENSEMBLE_PROVIDER,
];

/// Every row.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    AREAS.iter().flat_map(|area| area.keys)
}

/// The row for `name`, which may carry the `zookeeper.` prefix. An exact name wins over a family, and a
/// longer family over a shorter one.
pub fn find(name: &str) -> Option<&'static Key> {
    let name = name.strip_prefix("zookeeper.").unwrap_or(name);
    keys()
        .find(|key| key.name == name)
        .or_else(|| keys().filter(|key| key.covers(name)).max_by_key(|key| key.name.len()))
}

const JVM: &str = "there is no JVM";

const INT_MAX: i64 = i32::MAX as i64;

const fn int(unit: Unit, min: i64) -> Kind {
    Kind::Int { unit, min, max: INT_MAX }
}

const fn kb(min: i64) -> Kind {
    Kind::Int { unit: Unit::Kb, min, max: i64::MAX / 1024 }
}

const fn ms(min: i64) -> Kind {
    int(Unit::Ms, min)
}

const fn count(min: i64) -> Kind {
    int(Unit::Count, min)
}

const PORT: Kind = Kind::Int { unit: Unit::Port, min: 1, max: 65535 };
pub(super) const PORT_OR_OFF: Kind = Kind::Int { unit: Unit::Port, min: 0, max: 65535 };

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_key_stands_in_the_table_twice() {
        let mut seen = BTreeSet::new();
        for key in keys() {
            assert!(seen.insert(key.name), "{} is there twice", key.name);
        }
    }

    #[test]
    fn every_row_says_what_it_is() {
        for key in keys() {
            assert!(!key.doc.is_empty() && !key.doc.ends_with('.'), "{}", key.name);
            if let State::Meaningless(why) | State::NotYet(why) | State::Refused(why) = key.state {
                assert!(!why.is_empty(), "{}", key.name);
            }
        }
    }

    #[test]
    fn guide_names_lead_to_keys_and_are_none_themselves() {
        for (guide, real) in GUIDE_NAMES {
            assert!(find(real).is_some(), "{real}");
            assert!(find(guide).is_none(), "{guide}");
        }
    }

    #[test]
    fn an_exact_name_wins_over_a_family() {
        assert_eq!(find("zookeeper.metricsProvider.className").unwrap().name, "metricsProvider.className");
        assert_eq!(find("metricsProvider.httpPort").unwrap().name, "metricsProvider.*");
        assert_eq!(find("ssl.quorum.keyStore.location").unwrap().name, "ssl.quorum.*");
        assert_eq!(find("server.7").unwrap().name, "server.*");
        assert_eq!(find("server."), None);
        assert_eq!(find("tickTimes"), None);
    }
}
