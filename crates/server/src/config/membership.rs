//! The `server.N` lines, as far as a standalone server needs them: how many vote, and where clients connect.

use super::error::{ConfigError, Origin};

/// One listed member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The key, `server.N`.
    pub key: String,
    /// Where the line stands.
    pub origin: Origin,
    /// Whether it votes (participant) or only learns (observer).
    pub votes: bool,
    /// Host, if one is given, and port of its client part.
    pub client: Option<(Option<String>, u16)>,
}

const SHAPE: &str =
    "host:quorumPort:electionPort[:participant|observer][;[host:]clientPort[;[host:]securePort]]";

/// Reads one `server.N` line.
///
/// # Errors
/// The operator is at fault: `N` is no number, or the value does not have the shape.
pub(super) fn parse(key: &str, value: &str, origin: &Origin) -> Result<Member, ConfigError> {
    let bad = |allowed: &str| ConfigError::BadValue {
        origin: origin.clone(),
        key: key.to_string(),
        value: value.to_string(),
        allowed: allowed.to_string(),
    };
    let number = key.strip_prefix("server.").unwrap_or(key);
    number.parse::<i64>().map_err(|_| bad("a key server.N with a number N"))?;
    let mut parts = value.split(';').map(str::trim);
    let addresses = parts.next().unwrap_or_default();
    let mut votes = true;
    for address in addresses.split('|') {
        votes = member_address(address).ok_or_else(|| bad(SHAPE))?;
    }
    let client = match parts.next() {
        None | Some("") => None,
        Some(part) => Some(client_address(part).ok_or_else(|| bad(SHAPE))?),
    };
    if let Some(secure) = parts.next().filter(|part| !part.is_empty()) {
        client_address(secure).ok_or_else(|| bad(SHAPE))?;
        return Err(ConfigError::NotInThisRelease {
            origin: origin.clone(),
            key: key.to_string(),
            why: "its line names a TLS client port, and TLS comes in a later release".into(),
        });
    }
    if parts.next().is_some() {
        return Err(bad(SHAPE));
    }
    Ok(Member { key: key.to_string(), origin: origin.clone(), votes, client })
}

/// Checks `host:quorum:election[:role]` and says whether the role votes.
fn member_address(text: &str) -> Option<bool> {
    let (_, rest) = split_host(text.trim())?;
    let mut parts = rest.split(':');
    let quorum = port(parts.next()?)?;
    let election = port(parts.next()?)?;
    let votes = match parts.next().map(str::to_ascii_lowercase).as_deref() {
        None | Some("participant") => true,
        Some("observer") => false,
        Some(_) => return None,
    };
    (quorum != election && parts.next().is_none()).then_some(votes)
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
    (!host.is_empty()).then(|| (host.to_string(), rest))
}

fn client_address(text: &str) -> Option<(Option<String>, u16)> {
    match port(text) {
        Some(number) => Some((None, number)),
        None => {
            let (host, number) = split_host(text)?;
            Some((Some(host), port(number)?))
        }
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|number| *number != 0)
}

#[cfg(test)]
mod tests {
    use super::{Member, parse};
    use crate::config::error::{ConfigError, Origin};

    fn read(value: &str) -> Result<Member, ConfigError> {
        parse("server.1", value, &Origin::Flag)
    }

    #[test]
    fn the_shapes_of_a_server_line_are_read() {
        for (value, votes, client) in [
            ("zk1:2888:3888", true, None),
            ("zk1:2888:3888:observer", false, None),
            ("zk1:2888:3888:PARTICIPANT;2181", true, Some((None, 2181))),
            ("zk1:2888:3888;127.0.0.1:2182", true, Some((Some("127.0.0.1".to_string()), 2182))),
            ("[::1]:2888:3888;[::]:2182", true, Some((Some("::".to_string()), 2182))),
            ("a:1:2|b:3:4;2181", true, Some((None, 2181))),
        ] {
            let member = read(value).unwrap();
            assert_eq!((member.votes, member.client), (votes, client), "{value}");
        }
    }

    #[test]
    fn a_line_of_another_shape_is_refused() {
        for value in
            ["", "host", "host:2888", "host:1:1", ":1:2", "h:1:2:king", "h:1:2;x", "h:1:99999", "[::1:1:2"]
        {
            assert!(matches!(read(value), Err(ConfigError::BadValue { .. })), "{value}");
        }
        assert!(matches!(read("h:1:2;3;4"), Err(ConfigError::NotInThisRelease { .. })));
        assert!(parse("server.x", "h:1:2", &Origin::Flag).is_err());
    }
}
