//! A network of network namespaces, one for each member, in which packets can really get lost.
//!
//! The process has to be in a namespace of its own already ([`inside`]), so that nothing of the machine's network is
//! touched and everything is gone when it ends. That namespace holds a bridge; each member's namespace hangs on it by a
//! pair of virtual interfaces. A member is cut off from another by a wrong hardware address for it: packets leave and
//! nobody takes them, which is what a broken network looks like.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use super::links::Id;

/// Tells a process started by [`inside`] that it is inside.
const INSIDE: &str = "ZABRA_TEST_NAMESPACE";
/// A hardware address nobody has.
const NOWHERE: &str = "02:00:00:00:00:ff";

/// A command that runs this program anew, inside a network namespace of its own, with which processes die too.
///
/// # Errors
/// The machine does not allow it.
pub fn inside() -> io::Result<Command> {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"]);
        command.arg("--mount-proc");
        command
    };
    let tried = unshare().args(["ip", "link", "add", "zabra", "type", "bridge"]).output()?;
    if !tried.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&tried.stderr).trim().to_owned()));
    }
    let mut command = unshare();
    command.arg(std::env::current_exe()?).env(INSIDE, "1");
    Ok(command)
}

/// Whether this process was started by [`inside`].
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// The network of one ensemble. Dropping it removes it.
#[derive(Debug)]
pub struct Net {
    ids: Vec<Id>,
}

impl Net {
    /// Lays a network for members with these numbers.
    ///
    /// # Errors
    /// The process is not inside a namespace, or the machine does not allow it.
    pub fn of(ids: impl Iterator<Item = Id>) -> io::Result<Self> {
        if !is_inside() {
            return Err(io::Error::other("not inside a network namespace"));
        }
        // `ip netns` keeps its names here; the mount is this namespace's own.
        run("mount -t tmpfs tmpfs /run")?;
        let net = Self { ids: ids.collect() };
        run("ip link set lo up")?;
        run("ip link add zabra type bridge")?;
        run("ip addr add 10.77.0.254/24 dev zabra")?;
        run("ip link set zabra up")?;
        for &id in &net.ids {
            run(&format!("ip netns add member{id}"))?;
            run(&format!("ip link add hub{id} type veth peer name eth0 netns member{id}"))?;
            run(&format!("ip link set hub{id} master zabra"))?;
            run(&format!("ip link set hub{id} up"))?;
            run(&format!("ip -n member{id} link set lo up"))?;
            run(&format!("ip -n member{id} addr add {}/24 dev eth0", net.host(id)))?;
            run(&format!("ip -n member{id} link set eth0 up"))?;
        }
        Ok(net)
    }

    /// A member's address.
    pub fn host(&self, id: Id) -> IpAddr {
        Ipv4Addr::new(10, 77, 0, id).into()
    }

    /// What starts a program inside a member's namespace.
    pub fn wrapper(&self, id: Id) -> Vec<String> {
        ["ip", "netns", "exec", &format!("member{id}")].map(str::to_owned).to_vec()
    }

    /// Loses all packets from one member to another.
    ///
    /// # Errors
    /// The machine does not allow it.
    pub fn cut(&self, from: Id, to: Id) -> io::Result<()> {
        let to = self.host(to);
        run(&format!("ip -n member{from} neigh replace {to} lladdr {NOWHERE} dev eth0 nud permanent"))
    }

    /// Loses all packets between those in `group` and the other members.
    ///
    /// # Errors
    /// The machine does not allow it.
    pub fn part(&self, group: &[Id]) -> io::Result<()> {
        let pairs = self.ids.iter().flat_map(|&a| self.ids.iter().map(move |&b| (a, b)));
        pairs
            .filter(|(a, b)| group.contains(a) != group.contains(b))
            .try_for_each(|(from, to)| self.cut(from, to))
    }

    /// Loses no packets any more.
    ///
    /// # Errors
    /// The machine does not allow it.
    pub fn heal(&self) -> io::Result<()> {
        self.ids.iter().try_for_each(|id| run(&format!("ip -n member{id} neigh flush all nud permanent")))
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for id in &self.ids {
            let _ = run(&format!("ip netns del member{id}"));
        }
        let _ = run("ip link del zabra");
        let _ = run("umount /run");
    }
}

fn run(line: &str) -> io::Result<()> {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap_or_default()).args(words).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{line}: {}", String::from_utf8_lossy(&output.stderr).trim())))
}
