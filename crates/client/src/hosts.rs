//! Where servers are to be found.
//!
//! A [`HostSource`] is asked again whenever all the hosts it last named have been tried, so a change of
//! names, files or zones is noticed by the next round at the latest. Names are resolved at every single
//! attempt.

use crate::connect_string::parse_hosts;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

/// A server's name or address, and its client port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// A name to resolve, or an address (IPv6 without brackets).
    pub name: String,
    /// The client port.
    pub port: u16,
}

impl Host {
    /// A host from its parts.
    pub fn new(name: impl Into<String>, port: u16) -> Self {
        Self { name: name.into(), port }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

impl From<std::net::SocketAddr> for Host {
    fn from(address: std::net::SocketAddr) -> Self {
        Self::new(address.ip().to_string(), address.port())
    }
}

/// Hosts in order of preference: all of a group are as good as each other and are tried in random order,
/// before any of the next group.
pub type HostGroups = Vec<Vec<Host>>;

/// What [`HostSource::hosts`] returns.
pub type HostsFuture<'a> = Pin<Box<dyn Future<Output = io::Result<HostGroups>> + Send + 'a>>;

/// Something that knows the servers.
///
/// ```
/// use zabra_client::{Host, HostSource, HostsFuture};
///
/// /// Asks an inventory.
/// #[derive(Debug)]
/// struct Inventory;
///
/// impl HostSource for Inventory {
///     fn hosts(&self) -> HostsFuture<'_> {
///         Box::pin(async { Ok(vec![vec![Host::new("zk1.example.com", 2181)]]) })
///     }
/// }
/// ```
pub trait HostSource: fmt::Debug + Send + Sync + 'static {
    /// The servers as known now. An error or an empty answer counts as a failed attempt: the source is
    /// asked again after a pause. The answer may take as long as an attempt to connect.
    fn hosts(&self) -> HostsFuture<'_>;
}

/// Servers known beforehand. Their names are still resolved at every attempt.
#[derive(Debug, Clone)]
pub struct StaticHosts(Vec<Host>);

impl StaticHosts {
    /// These servers, in random order.
    pub fn new(hosts: impl IntoIterator<Item = Host>) -> Self {
        Self(hosts.into_iter().collect())
    }
}

impl HostSource for StaticHosts {
    fn hosts(&self) -> HostsFuture<'_> {
        Box::pin(async { Ok(vec![self.0.clone()]) })
    }
}

/// All the addresses one name stands for, each a server.
///
/// ```
/// use zabra_client::{DnsHosts, HostSource};
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let source = DnsHosts::new("localhost", 2181);
/// assert!(!source.hosts().await?[0].is_empty());
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct DnsHosts(Host);

impl DnsHosts {
    /// The servers behind `name`, all on the same port.
    pub fn new(name: impl Into<String>, port: u16) -> Self {
        Self(Host::new(name, port))
    }
}

impl HostSource for DnsHosts {
    fn hosts(&self) -> HostsFuture<'_> {
        Box::pin(async {
            let addresses = tokio::net::lookup_host((self.0.name.as_str(), self.0.port)).await?;
            let mut hosts: Vec<Host> = addresses.map(Host::from).collect();
            hosts.dedup();
            Ok(vec![hosts])
        })
    }
}

/// A file with hosts as in a connect string, between commas or line ends; `#` starts a comment.
///
/// It is read again for every round of attempts. A running connection is not given up when its server
/// leaves the file.
#[derive(Debug, Clone)]
pub struct FileHosts(PathBuf);

impl FileHosts {
    /// The servers named in the file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl HostSource for FileHosts {
    fn hosts(&self) -> HostsFuture<'_> {
        let path = self.0.clone();
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(path));
            let text = read.await.map_err(io::Error::other)??;
            let mut hosts = Vec::new();
            for line in text.lines() {
                let line = line.split('#').next().unwrap_or_default();
                hosts.extend(
                    parse_hosts(line)
                        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?,
                );
            }
            Ok(vec![hosts])
        })
    }
}

/// The hosts of several sources, those of the first before those of the second: nearest zone first.
///
/// A zone whose source fails is left out, unless all fail. A client that had to go to a farther zone stays
/// there until it loses that connection.
///
/// ```
/// use zabra_client::{Host, HostSource, NearestFirst, StaticHosts};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let here = StaticHosts::new([Host::new("zk-a1", 2181), Host::new("zk-a2", 2181)]);
/// let there = StaticHosts::new([Host::new("zk-b1", 2181)]);
/// let zones = NearestFirst::new().then(here).then(there);
/// let groups = zones.hosts().await?;
/// assert_eq!((groups[0].len(), groups[1].len()), (2, 1));
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct NearestFirst(Vec<Arc<dyn HostSource>>);

impl NearestFirst {
    /// No zone yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more zone, farther than those before.
    #[must_use]
    pub fn then(mut self, zone: impl HostSource) -> Self {
        self.0.push(Arc::new(zone));
        self
    }
}

impl HostSource for NearestFirst {
    fn hosts(&self) -> HostsFuture<'_> {
        Box::pin(async {
            let mut groups = Vec::new();
            let mut failure = None;
            for zone in &self.0 {
                match zone.hosts().await {
                    Ok(found) => groups.extend(found),
                    Err(error) => failure = Some(error),
                }
            }
            match failure {
                Some(error) if groups.is_empty() => Err(error),
                _ => Ok(groups),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{FileHosts, Host, HostSource, NearestFirst, StaticHosts};

    fn ask(source: &impl HostSource) -> std::io::Result<Vec<Vec<String>>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let groups = runtime.block_on(source.hosts())?;
        Ok(groups.iter().map(|group| group.iter().map(Host::to_string).collect()).collect())
    }

    #[test]
    fn a_file_is_read_at_every_question() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        let source = FileHosts::new(&path);
        assert!(ask(&source).is_err());
        std::fs::write(&path, "a:1, b:2 # two\n\n# none\n[::1]:3\n").unwrap();
        assert_eq!(ask(&source).unwrap(), [["a:1", "b:2", "[::1]:3"]]);
        std::fs::write(&path, "c").unwrap();
        assert_eq!(ask(&source).unwrap(), [["c:2181"]]);
        std::fs::write(&path, "c:x").unwrap();
        assert!(ask(&source).unwrap_err().to_string().contains("c:x"));
    }

    #[test]
    fn a_zone_that_cannot_be_asked_is_left_out_unless_none_can() {
        let zones = NearestFirst::new().then(FileHosts::new("/nowhere/at/all"));
        assert!(ask(&zones).is_err());
        let zones = zones.then(StaticHosts::new([Host::new("b", 2)]));
        assert_eq!(ask(&zones).unwrap(), [["b:2"]]);
    }
}
