//! Connect strings: `host:port,[::1]:2182,other/chroot`.

use crate::chroot::Chroot;
use crate::hosts::Host;
use std::fmt;
use std::str::FromStr;

/// The port servers have when a connect string names none.
pub const DEFAULT_PORT: u16 = 2181;

/// Servers, and the node below which a client lives.
///
/// Hosts stand between commas, each `name`, `name:port`, `address:port` or `[IPv6 address]:port`; the port
/// is 2181 when left out. A path at the end makes all paths of the client relative to it.
///
/// ```
/// use zabra_client::ConnectString;
///
/// let parsed: ConnectString = "zk1.example.com, [2001:db8::1]:2182/apps/shop".parse()?;
/// assert_eq!(parsed.hosts().len(), 2);
/// assert_eq!(parsed.hosts()[1].to_string(), "[2001:db8::1]:2182");
/// assert_eq!(parsed.chroot(), Some("/apps/shop"));
/// # Ok::<(), zabra_client::ConnectStringError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectString {
    hosts: Vec<Host>,
    pub(crate) root: Chroot,
}

impl ConnectString {
    /// The servers, in the order written.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The node that is the client's root; `None`: the servers' own.
    pub fn chroot(&self) -> Option<&str> {
        self.root.path()
    }
}

/// Why a connect string cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectStringError {
    /// No host in it.
    NoHost,
    /// This part is not `host`, `host:port` or `[IPv6 address]:port`.
    BadHost(String),
    /// What follows the hosts is not a valid path.
    BadChroot(proto::path::PathError),
}

impl fmt::Display for ConnectStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => f.write_str("no host in the connect string: write host:port,host:port/chroot"),
            Self::BadHost(part) => {
                write!(f, "{part:?} is not a host: write name:port, address:port or [IPv6 address]:port")
            }
            Self::BadChroot(error) => write!(f, "the chroot of the connect string is invalid: {error}"),
        }
    }
}

impl std::error::Error for ConnectStringError {}

impl FromStr for ConnectString {
    type Err = ConnectStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (hosts, path) = match text.find('/') {
            Some(at) => (&text[..at], &text[at..]),
            None => (text, "/"),
        };
        let root = Chroot::new(path.trim_end()).map_err(ConnectStringError::BadChroot)?;
        let hosts = parse_hosts(hosts)?;
        if hosts.is_empty() { Err(ConnectStringError::NoHost) } else { Ok(Self { hosts, root }) }
    }
}

/// Reads hosts between commas; empty parts are left out.
pub(crate) fn parse_hosts(text: &str) -> Result<Vec<Host>, ConnectStringError> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(parse_host).collect()
}

fn parse_host(part: &str) -> Result<Host, ConnectStringError> {
    let bad = || ConnectStringError::BadHost(part.to_owned());
    let (name, port) = if let Some(inside) = part.strip_prefix('[') {
        let (address, rest) = inside.split_once(']').ok_or_else(bad)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
        match rest {
            "" => (address, None),
            _ => (address, Some(rest.strip_prefix(':').ok_or_else(bad)?)),
        }
    } else {
        match part.split_once(':') {
            // An IPv6 address without brackets cannot have a port, and is unmistakable only as a whole.
            Some((_, rest)) if rest.contains(':') => {
                part.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
                (part, None)
            }
            Some((name, port)) => (name, Some(port)),
            None => (part, None),
        }
    };
    let port = port.map_or(Ok(DEFAULT_PORT), str::parse).map_err(|_| bad())?;
    if name.is_empty() || port == 0 || name.contains(char::is_whitespace) {
        return Err(bad());
    }
    Ok(Host::new(name, port))
}

#[cfg(test)]
mod tests {
    use super::{ConnectString, ConnectStringError};

    fn hosts(text: &str) -> Vec<String> {
        text.parse::<ConnectString>().unwrap().hosts().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_form_of_host_is_read() {
        assert_eq!(hosts("a"), ["a:2181"]);
        assert_eq!(hosts("a:1,b:2"), ["a:1", "b:2"]);
        assert_eq!(hosts(" 10.0.0.1 , ,b:2,"), ["10.0.0.1:2181", "b:2"]);
        assert_eq!(hosts("[::1]:2182,[fe80::1],::1"), ["[::1]:2182", "[fe80::1]:2181", "[::1]:2181"]);
    }

    #[test]
    fn a_path_at_the_end_is_the_chroot() {
        let chroot = |text: &str| text.parse::<ConnectString>().unwrap().chroot().map(str::to_owned);
        assert_eq!(chroot("a/x/y"), Some("/x/y".to_owned()));
        assert_eq!(chroot("a/"), None);
        assert_eq!(chroot("a"), None);
        for bad in ["a//x", "a/x/", "a/./x", "a/x,b"] {
            let read = bad.parse::<ConnectString>();
            // A comma is a fine character in a path.
            assert_eq!(read.is_ok(), bad == "a/x,b", "{bad}");
        }
    }

    #[test]
    fn what_is_not_a_host_is_named() {
        for bad in ["a:", "a:0", "a:65536", "a:x", ":2181", "[::1", "[::1]2181", "[a]:1", "a:1:2", "a b"] {
            let error = bad.parse::<ConnectString>().unwrap_err();
            assert_eq!(error, ConnectStringError::BadHost(bad.to_owned()));
        }
        assert_eq!("".parse::<ConnectString>(), Err(ConnectStringError::NoHost));
        assert_eq!("/a".parse::<ConnectString>(), Err(ConnectStringError::NoHost));
    }
}
