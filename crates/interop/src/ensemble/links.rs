//! The network between the servers of an ensemble: a small proxy per directed pair of servers and port, whose
//! traffic can be held back, refused, delayed and reset without asking the system for anything.
//!
//! Each server's configuration names the proxies as the other members' addresses. One thing more is needed: a
//! server that is called on its election port by a member it should have called itself hangs up and calls back at
//! the address that member named in its greeting, so the proxies put their own address there.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::ports;

/// A member's number, `N` of its `server.N` line.
pub type Id = u8;

/// Which port of a member a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// Between leader and learners.
    Quorum,
    /// For votes.
    Election,
}

/// What happens to bytes on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They pass, each piece after this long.
    Open(Duration),
    /// They wait until the link is opened again, as in a network that drops packets.
    Held,
    /// Connections are closed at once, as by a host that is there and does not listen.
    Refused,
}

/// The way from one member to another, for bytes of all connections between them, whoever opened those.
#[derive(Debug)]
struct Way {
    flow: Mutex<Flow>,
    changed: Condvar,
    sockets: Mutex<Vec<TcpStream>>,
}

impl Way {
    fn flow(&self) -> Flow {
        *self.flow.lock().expect("no panic while locked")
    }

    fn set(&self, flow: Flow) {
        *self.flow.lock().expect("no panic while locked") = flow;
        self.changed.notify_all();
        if flow == Flow::Refused {
            self.reset();
        }
    }

    fn reset(&self) {
        for socket in self.sockets.lock().expect("no panic while locked").drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Waits until bytes may pass; false when they never will.
    fn pass(&self, over: &AtomicBool) -> bool {
        let mut flow = self.flow.lock().expect("no panic while locked");
        loop {
            match *flow {
                _ if over.load(Ordering::Relaxed) => return false,
                Flow::Refused => return false,
                Flow::Open(delay) => {
                    drop(flow);
                    std::thread::sleep(delay);
                    return true;
                }
                Flow::Held => flow = self.changed.wait(flow).expect("no panic while locked"),
            }
        }
    }

    fn adopt(&self, socket: &TcpStream) -> io::Result<()> {
        let socket = socket.try_clone()?;
        let mut sockets = self.sockets.lock().expect("no panic while locked");
        sockets.retain(|socket| socket.peer_addr().is_ok());
        sockets.push(socket);
        drop(sockets);
        // Whoever refused the link meanwhile has not seen this socket.
        if self.flow() == Flow::Refused {
            self.reset();
        }
        Ok(())
    }
}

/// All links of one ensemble. Dropping it closes them.
#[derive(Debug)]
pub struct Links {
    ways: Arc<BTreeMap<(Id, Id), Way>>,
    proxies: BTreeMap<(Id, Id, Port), SocketAddr>,
    over: Arc<AtomicBool>,
}

impl Links {
    /// Lays links between all members, given the true addresses of their ports.
    ///
    /// # Errors
    /// No port is free.
    pub fn lay(members: &BTreeMap<(Id, Port), SocketAddr>) -> io::Result<Self> {
        let ids: Vec<Id> =
            members.keys().filter(|(_, port)| *port == Port::Quorum).map(|(id, _)| *id).collect();
        let pairs = || ids.iter().flat_map(|&a| ids.iter().map(move |&b| (a, b))).filter(|(a, b)| a != b);
        let way = || Way {
            flow: Mutex::new(Flow::Open(Duration::ZERO)),
            changed: Condvar::new(),
            sockets: Mutex::default(),
        };
        let ways = Arc::new(pairs().map(|pair| (pair, way())).collect());
        let over = Arc::new(AtomicBool::new(false));
        let mut listeners = Vec::new();
        let mut proxies = BTreeMap::new();
        for (from, to) in pairs() {
            for port in [Port::Quorum, Port::Election] {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, ports::free()))?;
                proxies.insert((from, to, port), listener.local_addr()?);
                listeners.push(((from, to, port), listener));
            }
        }
        for ((from, to, port), listener) in listeners {
            let proxy = Proxy {
                from,
                to,
                target: members[&(to, port)],
                callback: (port == Port::Election).then(|| proxies[&(to, from, port)]),
                ways: Arc::clone(&ways),
                over: Arc::clone(&over),
            };
            std::thread::spawn(move || proxy.serve(&listener));
        }
        Ok(Self { ways, proxies, over })
    }

    /// Where `from` finds `to`.
    ///
    /// # Panics
    /// They are not two members.
    pub fn address(&self, from: Id, to: Id, port: Port) -> SocketAddr {
        self.proxies[&(from, to, port)]
    }

    /// Decides over the bytes from one member to another.
    ///
    /// # Panics
    /// They are not two members.
    pub fn set(&self, from: Id, to: Id, flow: Flow) {
        self.ways[&(from, to)].set(flow);
    }

    /// Decides over all bytes to and from one member.
    pub fn isolate(&self, id: Id, flow: Flow) {
        self.ways
            .iter()
            .filter(|((from, to), _)| *from == id || *to == id)
            .for_each(|(_, way)| way.set(flow));
    }

    /// Decides over all bytes between those in `group` and the others.
    pub fn part(&self, group: &[Id], flow: Flow) {
        let across = |(from, to): (Id, Id)| group.contains(&from) != group.contains(&to);
        self.ways.iter().filter(|(pair, _)| across(**pair)).for_each(|(_, way)| way.set(flow));
    }

    /// Closes the connections between two members; new ones may be made.
    ///
    /// # Panics
    /// They are not two members.
    pub fn reset(&self, one: Id, other: Id) {
        self.ways[&(one, other)].reset();
        self.ways[&(other, one)].reset();
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        self.ways.values().for_each(|way| way.set(Flow::Open(Duration::ZERO)));
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.ways.values().for_each(|way| way.set(Flow::Refused));
        // Wakes the threads that accept, so that they see that it is over.
        self.proxies.values().for_each(|proxy| drop(TcpStream::connect(proxy)));
    }
}

/// What carries the connections that one member opens to one port of another.
#[derive(Debug, Clone)]
struct Proxy {
    from: Id,
    to: Id,
    target: SocketAddr,
    /// Where the called member finds the caller; set on election ports.
    callback: Option<SocketAddr>,
    ways: Arc<BTreeMap<(Id, Id), Way>>,
    over: Arc<AtomicBool>,
}

impl Proxy {
    fn serve(self, listener: &TcpListener) {
        for caller in listener.incoming() {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let Ok(caller) = caller else { continue };
            let proxy = self.clone();
            std::thread::spawn(move || {
                // A connection that fails is closed; that is all there is to tell.
                let _ = proxy.carry(&caller);
                let _ = caller.shutdown(Shutdown::Both);
            });
        }
    }

    fn carry(&self, caller: &TcpStream) -> io::Result<()> {
        let (there, back) = (&self.ways[&(self.from, self.to)], &self.ways[&(self.to, self.from)]);
        there.adopt(caller)?;
        // A connection takes packets both ways.
        if !there.pass(&self.over) || !back.pass(&self.over) {
            return Ok(());
        }
        let mut called = TcpStream::connect(self.target)?;
        there.adopt(&called)?;
        caller.set_nodelay(true)?;
        called.set_nodelay(true)?;
        std::thread::scope(|scope| {
            let (mut from_called, mut to_caller) = (called.try_clone()?, caller.try_clone()?);
            let mut caller = caller.try_clone()?;
            scope.spawn(move || pump(&mut from_called, &mut to_caller, back, &self.over));
            if let Some(callback) = self.callback {
                let greeting = readdress(&mut caller, callback);
                if let Ok(greeting) = &greeting
                    && there.pass(&self.over)
                {
                    called.write_all(greeting)?;
                }
            }
            pump(&mut caller, &mut called, there, &self.over);
            Ok(())
        })
    }
}

/// Copies bytes until either end closes, and closes the other.
fn pump(from: &mut TcpStream, to: &mut TcpStream, way: &Way, over: &AtomicBool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(n) = from.read(&mut bytes) {
        if n == 0 || !way.pass(over) || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    // No peer closes one half only, so neither half is of use any more.
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// Reads the greeting of an election connection and puts another address into it.
fn readdress(caller: &mut impl Read, callback: SocketAddr) -> io::Result<Vec<u8>> {
    let mut head = [0; 8];
    caller.read_exact(&mut head)?;
    let mut greeting = head.to_vec();
    // Versions before 3.5 send their number alone, and it is not negative.
    if i64::from_be_bytes(head) >= 0 {
        return Ok(greeting);
    }
    let mut rest = [0; 12];
    caller.read_exact(&mut rest)?;
    let (id, length) = rest.split_at(8);
    let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
    if length > 4096 {
        return Err(io::Error::other("no greeting"));
    }
    caller.read_exact(&mut vec![0; length as usize])?;
    let address = callback.to_string();
    greeting.extend_from_slice(id);
    greeting.extend_from_slice(&(address.len() as u32).to_be_bytes());
    greeting.extend_from_slice(address.as_bytes());
    Ok(greeting)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two members of which only the ports of the second are listened on.
    fn pair() -> (Links, TcpListener, TcpListener) {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let (quorum, election) = (bind(), bind());
        let nowhere: SocketAddr = (Ipv4Addr::LOCALHOST, 1).into();
        let members = BTreeMap::from([
            ((1, Port::Quorum), nowhere),
            ((1, Port::Election), nowhere),
            ((2, Port::Quorum), quorum.local_addr().expect("bound")),
            ((2, Port::Election), election.local_addr().expect("bound")),
        ]);
        (Links::lay(&members).expect("free ports"), quorum, election)
    }

    fn connected(links: &Links, listener: &TcpListener) -> (TcpStream, TcpStream) {
        let caller = TcpStream::connect(links.address(1, 2, Port::Quorum)).expect("the proxy listens");
        let called = listener.accept().expect("the proxy connects").0;
        for socket in [&caller, &called] {
            socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        }
        (caller, called)
    }

    #[test]
    fn held_bytes_come_later_and_only_the_held_way_waits() {
        let (links, quorum, _election) = pair();
        let (mut caller, mut called) = connected(&links, &quorum);
        links.set(1, 2, Flow::Held);
        caller.write_all(b"there").expect("sent");
        called.write_all(b"back").expect("sent");
        let mut four = [0; 4];
        caller.read_exact(&mut four).expect("the other way is open");
        called.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        assert!(called.read(&mut four).is_err(), "nothing passes");
        links.heal();
        called.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut five = [0; 5];
        called.read_exact(&mut five).expect("they come when the link opens");
        assert_eq!((&four, &five), (b"back", b"there"));
    }

    #[test]
    fn a_refused_link_closes_old_and_new_connections() {
        let (links, quorum, _election) = pair();
        let (mut caller, mut called) = connected(&links, &quorum);
        links.isolate(2, Flow::Refused);
        assert!(matches!(caller.read(&mut [0; 1]), Ok(0) | Err(_)));
        assert!(matches!(called.read(&mut [0; 1]), Ok(0) | Err(_)));
        let mut again = TcpStream::connect(links.address(1, 2, Port::Quorum)).expect("the proxy listens");
        assert!(matches!(again.read(&mut [0; 1]), Ok(0) | Err(_)));
        links.heal();
        connected(&links, &quorum);
    }

    #[test]
    fn a_member_that_is_not_there_closes_connections() {
        let (links, _quorum, _election) = pair();
        let mut caller = TcpStream::connect(links.address(2, 1, Port::Quorum)).expect("the proxy listens");
        caller.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let closed = match caller.read(&mut [0; 1]) {
            Ok(n) => n == 0,
            Err(error) => crate::client::is_close(&error),
        };
        assert!(closed);
    }

    #[test]
    fn a_greeting_names_the_proxy_for_the_way_back() {
        let (links, _quorum, election) = pair();
        let mut caller = TcpStream::connect(links.address(1, 2, Port::Election)).expect("the proxy listens");
        let mut greeting = (-65536i64).to_be_bytes().to_vec();
        greeting.extend_from_slice(&7i64.to_be_bytes());
        greeting.extend_from_slice(&9u32.to_be_bytes());
        greeting.extend_from_slice(b"host:3888after");
        caller.write_all(&greeting).expect("sent");
        caller.shutdown(Shutdown::Write).expect("open");
        let mut seen = Vec::new();
        election.accept().expect("the proxy connects").0.read_to_end(&mut seen).expect("an end");
        let address = links.address(2, 1, Port::Election).to_string();
        assert_eq!(&seen[..16], &greeting[..16]);
        assert_eq!(&seen[20..], format!("{address}after").as_bytes());
    }
}
