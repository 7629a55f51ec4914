//! The membership as text: one key a line, as in
//!
//! ```text
//! server.1=zk1:2888:3888:participant;0.0.0.0:2181
//! version=100000000
//! ```
//!
//! What is written here is compared, digested and stored byte for byte by servers of the reference, so the
//! order of lines, the spelling of addresses and the missing end of the last line are theirs.
//!
//! //= java: QuorumMaj.toString, QuorumHierarchical.toString, QuorumServer.toString

use crate::config::{Address, Config, Member, MemberRole};
use crate::quorum::ServerId;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::Ipv6Addr;

/// One line of a membership text that makes no sense, or does not fit the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigTextError {
    /// Line, from 1; 0 when it is about the text as a whole.
    pub line: u32,
    /// The key as written; empty when it is about the text as a whole.
    pub key: String,
    /// What is wrong with it.
    pub problem: ConfigProblem,
}

/// What can be wrong with a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigProblem {
    /// Not a key of a membership.
    UnknownKey,
    /// The part behind the dot is no number.
    BadId,
    /// The address does not have the form of a server's.
    BadServer,
    /// Quorum port and election port are the same.
    SamePorts,
    /// The addresses of one server have different roles.
    MixedRoles,
    /// A third part: a TLS client port.
    SecurePort,
    /// Not a list of ids separated by colons.
    BadGroup,
    /// A server is in two groups.
    TwoGroups(ServerId),
    /// A voter is in no group although there are groups or weights.
    NoGroup(ServerId),
    /// A server in a group has neither a vote nor a weight.
    NoWeight(ServerId),
    /// Not a number of at least 0.
    BadWeight,
    /// Not a hexadecimal number.
    BadVersion,
    /// Nobody votes.
    NoVoters,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("a membership has only server.N, group.N, weight.N and version"),
            Self::BadId => f.write_str("what follows the dot must be a number"),
            Self::BadServer => f.write_str(
                "expected host:quorumPort:electionPort[:participant|observer][;[host:]clientPort], several addresses \
                 separated by |",
            ),
            Self::SamePorts => f.write_str("quorum port and election port must be different"),
            Self::MixedRoles => f.write_str("all addresses of a server have one role"),
            Self::SecurePort => f.write_str("a TLS client port in a server's line is not supported"),
            Self::BadGroup => f.write_str("expected server ids separated by colons, as in 1:2:3"),
            Self::TwoGroups(id) => write!(f, "server {id} is in two groups"),
            Self::NoGroup(id) => write!(f, "server {id} votes and is in no group"),
            Self::NoWeight(id) => write!(f, "server {id} is in a group and has neither a vote nor a weight"),
            Self::BadWeight => f.write_str("expected a whole number from 0"),
            Self::BadVersion => f.write_str("expected a hexadecimal number"),
            Self::NoVoters => f.write_str("at least one member must vote"),
        }
    }
}

impl fmt::Display for ConfigTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "membership: {}", self.problem),
            line => write!(f, "membership, line {line}: {}: {}", self.key.escape_debug(), self.problem),
        }
    }
}

impl std::error::Error for ConfigTextError {}

/// One key of a membership, wherever it was written.
#[derive(Debug, Clone, Copy)]
pub struct ConfigLine<'a> {
    /// Line, from 1.
    pub number: u32,
    /// Such as `server.1`.
    pub key: &'a str,
    /// What follows the `=`.
    pub value: &'a str,
}

impl Config {
    /// Reads a membership as peers send it and as the node `/zookeeper/config` has it. Never fails on what
    /// [`Config::to_text`] wrote.
    ///
    /// # Errors
    /// The sender is at fault: the first line that makes no sense, or a rule between lines.
    pub fn parse(text: &str) -> Result<Self, ConfigTextError> {
        let lines = (1..).zip(text.split(['\n', '\r'])).filter_map(|(number, line)| {
            let line = line.trim();
            let end = line.find(['=', ':', ' ', '\t']).unwrap_or(line.len());
            let rest = line[end..].trim_start();
            let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
            let is_comment = line.is_empty() || line.starts_with(['#', '!']);
            (!is_comment).then_some(ConfigLine { number, key: &line[..end], value })
        });
        Self::from_lines(lines)
    }

    /// Puts a membership together from keys and values read elsewhere; of two with one key the later counts.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn from_lines<'a>(lines: impl IntoIterator<Item = ConfigLine<'a>>) -> Result<Self, ConfigTextError> {
        let mut config = Self::default();
        for line in lines {
            let outcome = config.take_line(line.key, line.value);
            outcome.map_err(|problem| ConfigTextError {
                line: line.number,
                key: line.key.into(),
                problem,
            })?;
        }
        let whole = |problem| ConfigTextError { line: 0, key: String::new(), problem };
        config.complete().map_err(whole)?;
        Ok(config)
    }

    fn take_line(&mut self, key: &str, value: &str) -> Result<(), ConfigProblem> {
        if key == "version" {
            self.version = i64::from_str_radix(value, 16).map_err(|_| ConfigProblem::BadVersion)?;
            return Ok(());
        }
        let (kind, id) = key.split_once('.').ok_or(ConfigProblem::UnknownKey)?;
        if !matches!(kind, "server" | "group" | "weight") {
            return Err(ConfigProblem::UnknownKey);
        }
        let id: i64 = id.parse().map_err(|_| ConfigProblem::BadId)?;
        match kind {
            "server" => drop(self.members.insert(ServerId(id), Member::parse(value)?)),
            "group" => drop(self.groups.insert(id, group(value)?)),
            _ => {
                let weight = value.parse().ok().filter(|weight| *weight >= 0);
                self.weights.insert(ServerId(id), weight.ok_or(ConfigProblem::BadWeight)?);
            }
        }
        Ok(())
    }

    /// Checks the rules between lines and fills in the weights that are not given.
    fn complete(&mut self) -> Result<(), ConfigProblem> {
        let voters: Vec<ServerId> = self.voters().collect();
        if voters.is_empty() {
            return Err(ConfigProblem::NoVoters);
        }
        if self.groups.is_empty() && self.weights.is_empty() {
            return Ok(());
        }
        let group_of = self.group_of();
        if let Some(id) = voters.iter().find(|id| !group_of.contains_key(id)) {
            return Err(ConfigProblem::NoGroup(*id));
        }
        for id in voters {
            self.weights.entry(id).or_insert(1);
        }
        let mut seen = BTreeMap::new();
        for (group, id) in self.groups.iter().flat_map(|(group, ids)| ids.iter().map(move |id| (group, *id)))
        {
            if seen.insert(id, group).is_some() {
                return Err(ConfigProblem::TwoGroups(id));
            }
            if !self.weights.contains_key(&id) {
                return Err(ConfigProblem::NoWeight(id));
            }
        }
        Ok(())
    }

    /// The text, byte for byte as the reference writes it.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for id in java_order(self.members.keys().map(|id| id.0)) {
            // The ids are the map's own.
            if let Some(member) = self.members.get(&ServerId(id)) {
                write(&mut out, format_args!("server.{id}={member}\n"));
            }
        }
        let mut groups: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        let group_of = self.group_of();
        for id in java_order(group_of.keys().map(|id| id.0)) {
            groups.entry(group_of[&ServerId(id)]).or_default().push(id.to_string());
        }
        for group in java_order(groups.keys().copied()) {
            write(&mut out, format_args!("group.{group}={}\n", groups[&group].join(":")));
        }
        for id in java_order(self.weights.keys().map(|id| id.0)) {
            write(&mut out, format_args!("weight.{id}={}\n", self.weights[&ServerId(id)]));
        }
        write(&mut out, format_args!("version={:x}", self.version));
        out
    }
}

fn write(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes all text");
}

fn group(value: &str) -> Result<Vec<ServerId>, ConfigProblem> {
    let ids = value.split(':').map(|id| id.trim().parse().map(ServerId));
    let mut ids: Vec<ServerId> = ids.collect::<Result<_, _>>().map_err(|_| ConfigProblem::BadGroup)?;
    ids.sort();
    Ok(ids)
}

/// Ids in the order in which a Java `HashMap<Long, …>` that grew to hold them lists them. Ids that share a
/// slot are listed as they were put in there, which a map of ours cannot tell; here they ascend.
fn java_order(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut ids: Vec<i64> = ids.collect();
    let mut slots: usize = 16;
    while ids.len() > slots / 4 * 3 {
        slots *= 2;
    }
    let slot = |id: i64| {
        let hash = (id as u64 ^ (id as u64 >> 32)) as u32;
        (hash ^ (hash >> 16)) as usize & (slots - 1)
    };
    ids.sort_by_key(|id| (slot(*id), *id));
    ids
}

impl Member {
    /// Reads what follows `server.N=`: one or more addresses, a role, and where clients connect.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(value: &str) -> Result<Self, ConfigProblem> {
        let mut parts = value.trim_end_matches(';').split(';').map(str::trim);
        let mut addresses = Vec::new();
        let mut role = None;
        for part in parts.next().unwrap_or_default().split('|') {
            let (address, its_role) = server_address(part.trim())?;
            if its_role.is_some() && role.is_some() && its_role != role {
                return Err(ConfigProblem::MixedRoles);
            }
            role = role.or(its_role);
            addresses.push(address);
        }
        addresses.sort();
        addresses.dedup();
        let client = match parts.next() {
            None | Some("") => None,
            Some(part) => Some(client_address(part).ok_or(ConfigProblem::BadServer)?),
        };
        if parts.next().is_some() {
            return Err(ConfigProblem::SecurePort);
        }
        Ok(Self { addresses, role: role.unwrap_or(MemberRole::Participant), client })
    }
}

impl fmt::Display for Member {
    /// As it stands behind `server.N=`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, Address { host, quorum_port, election_port }) in self.addresses.iter().enumerate() {
            let joint = if n == 0 { "" } else { "|" };
            write!(f, "{joint}{}:{quorum_port}:{election_port}", Bracketed(host))?;
        }
        f.write_str(match self.role {
            MemberRole::Participant => ":participant",
            MemberRole::Observer => ":observer",
        })?;
        match &self.client {
            Some((host, port)) => write!(f, ";{}:{port}", Bracketed(host)),
            None => Ok(()),
        }
    }
}

/// A host, in brackets when it has colons of its own.
struct Bracketed<'a>(&'a str);

impl fmt::Display for Bracketed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.contains(':') {
            true => write!(f, "[{}]", self.0),
            false => f.write_str(self.0),
        }
    }
}

fn server_address(text: &str) -> Result<(Address, Option<MemberRole>), ConfigProblem> {
    let (host, rest) = split_host(text).ok_or(ConfigProblem::BadServer)?;
    let parts: Vec<&str> = rest.split(':').map(str::trim).collect();
    let (ports, role) = match parts[..] {
        [quorum, election] => ([quorum, election], None),
        [quorum, election, role] => {
            ([quorum, election], Some(member_role(role).ok_or(ConfigProblem::BadServer)?))
        }
        _ => return Err(ConfigProblem::BadServer),
    };
    let [Some(quorum_port), Some(election_port)] = ports.map(port) else {
        return Err(ConfigProblem::BadServer);
    };
    if quorum_port == election_port {
        return Err(ConfigProblem::SamePorts);
    }
    Ok((Address { host, quorum_port, election_port }, role))
}

fn member_role(text: &str) -> Option<MemberRole> {
    let is = |word| text.eq_ignore_ascii_case(word);
    match (is("participant"), is("observer")) {
        (true, _) => Some(MemberRole::Participant),
        (_, true) => Some(MemberRole::Observer),
        _ => None,
    }
}

fn client_address(text: &str) -> Option<(String, u16)> {
    match port(text) {
        Some(number) => Some(("0.0.0.0".into(), number)),
        None => split_host(text).and_then(|(host, number)| Some((host, port(number)?))),
    }
}

/// Splits off the host, which is in brackets when it is an IPv6 address.
fn split_host(text: &str) -> Option<(String, &str)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            (host, rest.strip_prefix(':')?)
        }
        None => text.split_once(':')?,
    };
    let is_one_word = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control());
    is_one_word.then(|| (java_host(host), rest))
}

/// A host as Java prints it: IPv6 addresses without their short forms.
fn java_host(host: &str) -> String {
    match host.parse::<Ipv6Addr>() {
        Err(_) => host.into(),
        Ok(address) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => address.segments().map(|segment| format!("{segment:x}")).join(":"),
        },
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|number| *number != 0)
}

#[cfg(test)]
mod tests;
