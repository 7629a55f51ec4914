//! Several real server processes that form one ensemble: any mix of kinds and roles, each with its own files and
//! ports, to be started, stopped, killed, paused, replaced by another kind, and cut off from each other.

pub mod links;
pub mod netns;
mod ports;
pub mod roamer;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::server::{Kind, Server};
pub use links::{Flow, Id, Links, Port};
use netns::Net;

/// Longest wait for an ensemble to serve; virtual machines that start side by side on few cores take their time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often another leader is deposed before the one that was asked for is given up.
const ATTEMPTS: usize = 5;

/// Whether a member votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It does.
    Participant,
    /// It only follows.
    Observer,
}

/// What connects the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiring {
    /// Their loopback ports, directly.
    Direct,
    /// A proxy for each pair, see [`links`].
    Proxied,
    /// A network of their own, see [`netns`]. The caller has to be inside it.
    Namespaces,
}

#[derive(Debug)]
struct Member {
    server: Server,
    role: Role,
    ports: BTreeMap<Port, SocketAddr>,
}

/// An ensemble whose members are numbered from 1. Dropping it kills them and removes their files.
#[derive(Debug)]
pub struct Ensemble {
    members: BTreeMap<Id, Member>,
    links: Option<Links>,
    net: Option<Net>,
    dir: TempDir,
}

impl Ensemble {
    /// Lays out one participant of each of `kinds`; nothing is started yet.
    ///
    /// # Errors
    /// No ports, no directory, or no network.
    pub fn of(kinds: &[Kind], wiring: Wiring) -> io::Result<Self> {
        let members: Vec<_> = kinds.iter().map(|kind| (*kind, Role::Participant)).collect();
        Self::new(&members, wiring, &[])
    }

    /// Lays out `members` with `settings` in all their configurations; nothing is started yet.
    ///
    /// # Errors
    /// No ports, no directory, or no network.
    pub fn new(members: &[(Kind, Role)], wiring: Wiring, settings: &[(&str, &str)]) -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let ids = 1..=members.len() as Id;
        let net = match wiring {
            Wiring::Namespaces => Some(Net::of(ids.clone())?),
            _ => None,
        };
        let host = |id| net.as_ref().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |net| net.host(id));
        let mut ensemble = Self { members: BTreeMap::new(), links: None, net: None, dir };
        for (id, (kind, role)) in ids.zip(members) {
            let mut own: Vec<_> =
                settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            for (key, value) in DEFAULTS {
                if !own.iter().any(|(other, _)| other == key) {
                    own.push((key.to_owned(), value.to_owned()));
                }
            }
            if *role == Role::Observer {
                own.push(("peerType".to_owned(), "observer".to_owned()));
            }
            let addr = (host(id), ports::free()).into();
            let mut server = Server::prepare(*kind, &ensemble.member_dir(id), addr, own);
            if let Some(net) = &net {
                server.run_by(net.wrapper(id));
            }
            let ports = [Port::Quorum, Port::Election];
            let ports = ports.map(|port| (port, (host(id), ports::free()).into())).into();
            ensemble.members.insert(id, Member { server, role: *role, ports });
            ensemble.write_id(id)?;
        }
        if wiring == Wiring::Proxied {
            let members = ensemble.members.iter();
            let all = members.flat_map(|(id, m)| m.ports.iter().map(|(port, addr)| ((*id, *port), *addr)));
            ensemble.links = Some(Links::lay(&all.collect())?);
        }
        ensemble.net = net;
        ensemble.introduce();
        Ok(ensemble)
    }

    /// Where a member keeps its files.
    pub fn member_dir(&self, id: Id) -> PathBuf {
        self.dir.path().join(format!("server{id}"))
    }

    /// A place for other files, removed with the ensemble.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a member's number into its data directory.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_id(&self, id: Id) -> io::Result<()> {
        let data = self.member_dir(id).join("data");
        fs::create_dir_all(&data)?;
        fs::write(data.join("myid"), format!("{id}\n"))
    }

    /// Gives every member's configuration its lines about the others.
    fn introduce(&mut self) {
        let ids = self.ids();
        for &id in &ids {
            for &other in &ids {
                let place = |port| match &self.links {
                    Some(links) if id != other => links.address(id, other, port),
                    _ => self.members[&other].ports[&port],
                };
                let role = match self.members[&other].role {
                    Role::Participant => "participant",
                    Role::Observer => "observer",
                };
                let (quorum, election) = (place(Port::Quorum), place(Port::Election));
                let line = format!("{}:{}:{}:{role}", quorum.ip(), quorum.port(), election.port());
                self.server_mut(id).set(&format!("server.{other}"), &line);
            }
        }
    }

    /// All members' numbers.
    pub fn ids(&self) -> Vec<Id> {
        self.members.keys().copied().collect()
    }

    /// The numbers of those who vote.
    pub fn voters(&self) -> Vec<Id> {
        let voters = self.members.iter().filter(|(_, member)| member.role == Role::Participant);
        voters.map(|(id, _)| *id).collect()
    }

    /// The client addresses of all members in order of their numbers.
    pub fn addrs(&self) -> Vec<SocketAddr> {
        self.members.values().map(|member| member.server.addr()).collect()
    }

    /// The client address of one member.
    pub fn addr(&self, id: Id) -> SocketAddr {
        self.server(id).addr()
    }

    /// One member's process.
    ///
    /// # Panics
    /// There is no such member.
    pub fn server(&self, id: Id) -> &Server {
        &self.members[&id].server
    }

    /// One member's process.
    ///
    /// # Panics
    /// There is no such member.
    pub fn server_mut(&mut self, id: Id) -> &mut Server {
        &mut self.members.get_mut(&id).expect("a member of this ensemble").server
    }

    /// The links between the members.
    ///
    /// # Panics
    /// They are wired directly.
    pub fn links(&self) -> &Links {
        self.links.as_ref().expect("an ensemble whose wiring is proxied")
    }

    /// The network between the members.
    ///
    /// # Panics
    /// They have none of their own.
    pub fn net(&self) -> &Net {
        self.net.as_ref().expect("an ensemble in namespaces")
    }

    /// Starts all members and waits until all serve.
    ///
    /// # Errors
    /// One ended or does not serve in time.
    pub fn start(&mut self) -> io::Result<()> {
        let ids = self.ids();
        ids.iter().try_for_each(|id| self.server_mut(*id).spawn())?;
        self.await_serving(&ids)
    }

    /// Starts all members such that `leader` leads: it is there before the others, and its history is as long as
    /// theirs. At equal histories only the one with the greatest number can be made to lead.
    ///
    /// # Errors
    /// One ended or does not serve in time, or another leads.
    pub fn start_led_by(&mut self, leader: Id) -> io::Result<()> {
        self.server_mut(leader).spawn()?;
        let port = self.members[&leader].ports[&Port::Election];
        self.until("the first member listens for votes", |_| {
            Ok(std::net::TcpStream::connect_timeout(&port, Duration::from_millis(100)).is_ok())
        })?;
        let others: Vec<_> = self.ids().into_iter().filter(|id| *id != leader).collect();
        others.iter().try_for_each(|id| self.server_mut(*id).spawn())?;
        let all = self.ids();
        self.await_serving(&all)?;
        // On a busy machine the others may have agreed before the first could say anything.
        for _ in 0..ATTEMPTS {
            match self.await_leader_among(&all)? {
                id if id == leader => return Ok(()),
                id => {
                    self.kill(id);
                    let left: Vec<_> = all.iter().copied().filter(|other| *other != id).collect();
                    self.await_leader_among(&left)?;
                    self.launch(id)?;
                }
            }
        }
        Err(io::Error::other(format!("{leader} was to lead, not {:?}\n{}", self.leader(), self.logs(40))))
    }

    /// Waits until each of `ids` serves.
    ///
    /// # Errors
    /// One ended or does not serve in time; the message holds the end of its log.
    pub fn await_serving(&mut self, ids: &[Id]) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for &id in ids {
            while self.server(id).mode().is_none() {
                self.server_mut(id).check_running()?;
                if Instant::now() > deadline {
                    return Err(self.server(id).failure("did not serve in time"));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    /// Who says that it leads.
    pub fn leader(&self) -> Option<Id> {
        self.leader_among(&self.ids())
    }

    /// Who of `ids` says that it leads.
    pub fn leader_among(&self, ids: &[Id]) -> Option<Id> {
        ids.iter().copied().find(|id| self.server(*id).mode().as_deref() == Some("leader"))
    }

    /// Waits until one of `ids` leads.
    ///
    /// # Errors
    /// None does in time.
    pub fn await_leader_among(&mut self, ids: &[Id]) -> io::Result<Id> {
        let mut leader = None;
        self.until("one of the members leads", |ensemble| {
            leader = ensemble.leader_among(ids);
            Ok(leader.is_some())
        })?;
        Ok(leader.expect("awaited"))
    }

    /// A member that serves and does not lead.
    ///
    /// # Errors
    /// There is none in time.
    pub fn await_follower(&mut self) -> io::Result<Id> {
        let mut follower = None;
        self.until("one of the members follows", |ensemble| {
            let follows = |id: &Id| ensemble.server(*id).mode().as_deref() == Some("follower");
            follower = ensemble.ids().into_iter().find(follows);
            Ok(follower.is_some())
        })?;
        Ok(follower.expect("awaited"))
    }

    /// Waits until all members have applied the same last transaction; nobody may write meanwhile.
    ///
    /// # Errors
    /// They have not in time; the message says how far each is.
    pub fn await_level(&mut self) -> io::Result<i64> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let zxids: Vec<_> = self.members.values().map(|member| member.server.zxid()).collect();
            if let Some(Some(zxid)) = zxids.first()
                && zxids.iter().all(|other| *other == Some(*zxid))
            {
                return Ok(*zxid);
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "the members never came level: {zxids:x?}\n{}",
                    self.logs(8)
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for `condition`, which is asked again and again.
    ///
    /// # Errors
    /// It failed or does not hold in time.
    pub fn until(
        &mut self,
        what: &str,
        mut condition: impl FnMut(&mut Self) -> io::Result<bool>,
    ) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !condition(self)? {
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("not in time: {what}\n{}", self.logs(8))));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Starts one member and waits until it serves.
    ///
    /// # Errors
    /// It ended or does not serve in time.
    pub fn launch(&mut self, id: Id) -> io::Result<()> {
        self.server_mut(id).spawn()?;
        self.await_serving(&[id])
    }

    /// Ends one member with SIGKILL.
    pub fn kill(&mut self, id: Id) {
        self.server_mut(id).kill();
    }

    /// Ends one member with SIGTERM.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(&mut self, id: Id) -> io::Result<()> {
        self.server_mut(id).stop()
    }

    /// Replaces one member's program by another on the same files and ports, and waits until it serves.
    ///
    /// # Errors
    /// The old one does not end or the new one does not serve.
    pub fn replace(&mut self, id: Id, kind: Kind) -> io::Result<()> {
        self.stop(id)?;
        self.server_mut(id).become_kind(kind);
        self.launch(id)
    }

    /// Ends all members, those that voted last first, so that nobody elects anybody.
    ///
    /// # Errors
    /// One does not end.
    pub fn stop_all(&mut self) -> io::Result<()> {
        let leader = self.leader();
        let mut ids = self.ids();
        ids.sort_by_key(|id| Some(*id) == leader);
        ids.iter().try_for_each(|id| self.stop(*id))
    }

    /// The last `lines` of each member's log.
    pub fn logs(&self, lines: usize) -> String {
        let mut text = String::new();
        for (id, member) in &self.members {
            let log = fs::read(member.server.log_path()).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let all: Vec<_> = log.lines().collect();
            let kind = member.server.kind();
            text.push_str(&format!("end of the log of {id} ({kind}):\n"));
            for line in &all[all.len().saturating_sub(lines)..] {
                text.push_str(&format!("  {line}\n"));
            }
        }
        text
    }
}

/// Short enough for tests, long enough for four virtual machines on two cores.
const DEFAULTS: [(&str, &str); 5] = [
    ("tickTime", "500"),
    ("initLimit", "40"),
    ("syncLimit", "4"),
    ("maxClientCnxns", "0"),
    ("snapCount", "1000"),
];
