//! The values in effect, each with its row of the table and its origin.

use super::error::{ConfigError, Origin, Warning};
use super::sources::Written;
use super::table::{self, Key, Kind, State};
use super::{suggest, value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Values that give up a safety: key, value, both as shown, and what may happen.
const RISKS: [(&str, &str, &str, &str); 3] = [
    ("forceSync", "no", "forceSync=no", "a power failure may lose acknowledged writes"),
    ("skipACL", "yes", "skipACL=yes", "every client may read and change every node"),
    (
        "snapshot.trust.empty",
        "true",
        "snapshot.trust.empty=true",
        "a lost snapshot goes unnoticed; set it for one start only",
    ),
];

/// A value somebody set. It may be a credential, so there is no `Debug`.
pub(super) struct Setting {
    pub key: &'static Key,
    pub value: String,
    pub origin: Origin,
}

/// Everything set, by name without the `zookeeper.` prefix; what is not set has the table's default.
#[derive(Default)]
pub(super) struct Settings(BTreeMap<String, Setting>);

impl Settings {
    /// Adds a layer, which wins over those before it. Unknown keys become warnings.
    pub(super) fn add(&mut self, layer: Vec<Written>, warnings: &mut Vec<Warning>) {
        for Written { name, value, origin } in layer {
            let name = name.strip_prefix("zookeeper.").unwrap_or(&name).to_string();
            let Some(key) = table::find(&name) else {
                let nearest = suggest::nearest(&name);
                warnings.push(Warning::Unknown { origin, key: name, nearest });
                continue;
            };
            let replaced = self.0.insert(name.clone(), Setting { key, value, origin: origin.clone() });
            let earlier = replaced.map(|setting| setting.origin);
            if let (Some(earlier @ Origin::File { .. }), Origin::File { .. }) = (earlier, &origin) {
                warnings.push(Warning::Duplicate { origin, key: name, earlier });
            }
        }
    }

    /// Checks every value against its row, and what this release does with it.
    ///
    /// # Errors
    /// The first value, in the order of names, that is not allowed or must not be ignored.
    pub(super) fn check(&self, warnings: &mut Vec<Warning>) -> Result<(), ConfigError> {
        for (name, setting) in &self.0 {
            let (key, origin) = (name.clone(), setting.origin.clone());
            let is_default = setting.value.eq_ignore_ascii_case(setting.key.default);
            match setting.key.state {
                State::Meaningless(why) => {
                    warnings.push(Warning::Meaningless { origin, key, why });
                    continue;
                }
                State::Refused(why) if !is_default && !setting.is_harmless() => {
                    return Err(ConfigError::NotInThisRelease { origin, key, why: why.into() });
                }
                State::NotYet(why) if !is_default && !setting.is_harmless() => {
                    warnings.push(Warning::NotYet { origin, key, why });
                }
                State::Refused(_) | State::NotYet(_) | State::Supported | State::EnsembleOnly => {}
            }
            let unset = is_default && setting.value.is_empty();
            if !unset && !value::is_allowed(setting.key.kind, &setting.value) {
                return Err(setting.bad_value(name));
            }
            setting.warn_if_raised(name, warnings);
            setting.warn_if_risky(warnings);
        }
        Ok(())
    }

    /// Tells the operator of a standalone server which keys do nothing for it.
    pub(super) fn warn_alone(&self, warnings: &mut Vec<Warning>) {
        let only = self.0.iter().filter(|(_, setting)| setting.key.state == State::EnsembleOnly);
        for (name, setting) in only {
            let (key, origin) = (name.clone(), setting.origin.clone());
            let why = "it matters in an ensemble only";
            warnings.push(Warning::Meaningless { origin, key, why });
        }
    }

    /// The setting of `name`, if somebody set it.
    pub(super) fn set(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }

    /// Every setting of a family such as `server.`, in the order of names.
    pub(super) fn family<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Setting)> {
        self.0.iter().filter(move |(name, _)| name.starts_with(prefix))
    }

    /// The text in effect; empty when neither set nor defaulted.
    pub(super) fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(setting) => &setting.value,
            None => row(name).default,
        }
    }

    /// The number in effect, raised to the row's floor; `None` when unset without a default.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        let number = self.text(name).parse().ok()?;
        match row(name).kind {
            Kind::Floor { floor, .. } => Some(floor.max(number)),
            _ => Some(number),
        }
    }

    /// A number that is never unset.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.positive(name).unwrap_or(0)
    }

    /// A number of which 0 and less mean "off" or "unlimited".
    pub(super) fn positive(&self, name: &str) -> Option<u64> {
        self.number(name).and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
    }

    /// Like [`Settings::positive`] for rows whose range fits an int.
    pub(super) fn positive_int(&self, name: &str) -> Option<u32> {
        self.positive(name).map(|number| u32::try_from(number).expect("the row's range fits an int"))
    }

    /// Milliseconds; 0 when unset or negative.
    pub(super) fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(self.count(name))
    }

    /// Milliseconds of which 0 and less mean "off".
    pub(super) fn positive_millis(&self, name: &str) -> Option<Duration> {
        self.positive(name).map(Duration::from_millis)
    }

    /// `true` or `yes`.
    pub(super) fn flag(&self, name: &str) -> bool {
        let text = self.text(name);
        value::boolean(text).unwrap_or(text == "yes")
    }

    /// A fraction or a factor.
    pub(super) fn ratio(&self, name: &str) -> f64 {
        self.text(name).parse().expect("checked against its row")
    }
}

impl Setting {
    /// The complaint that this value is not allowed.
    pub(super) fn bad_value(&self, name: &str) -> ConfigError {
        let value = if self.key.kind == Kind::Secret { "***" } else { &self.value };
        ConfigError::BadValue {
            origin: self.origin.clone(),
            key: name.to_string(),
            value: value.to_string(),
            allowed: self.key.kind.allowed(),
        }
    }

    /// Whether the value asks for nothing that is missing: empty, `false`, a port of 0, or the class of a scheme
    /// that is built in.
    fn is_harmless(&self) -> bool {
        self.value.is_empty()
            || (self.key.kind == Kind::Bool && value::boolean(&self.value) == Some(false))
            || (self.key.kind == table::PORT_OR_OFF && self.value == "0")
            || (self.key.name == "authProvider.*" && table::BUILT_IN_PROVIDERS.contains(&self.value.as_str()))
    }

    fn warn_if_risky(&self, warnings: &mut Vec<Warning>) {
        for (key, value, setting, risk) in RISKS {
            if self.key.name == key && self.value.eq_ignore_ascii_case(value) {
                warnings.push(Warning::Risk { origin: self.origin.clone(), setting, risk });
            }
        }
    }

    fn warn_if_raised(&self, name: &str, warnings: &mut Vec<Warning>) {
        let Kind::Floor { floor, .. } = self.key.kind else { return };
        if let Some(number) = self.value.parse().ok().filter(|number| *number < floor) {
            let (origin, key) = (self.origin.clone(), name.to_string());
            warnings.push(Warning::Raised { origin, key, value: number, used: floor });
        }
    }
}

fn row(name: &str) -> &'static Key {
    table::find(name).expect("the code asks only for keys of the table")
}
