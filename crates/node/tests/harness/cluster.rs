//! An ensemble without faults of its own: messages arrive in order, a millisecond later; disks are quick.

#![allow(unreachable_pub, reason = "a test file uses it as a module")]
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

use node::{
    ConnId, EnsembleSettings, Input, Membership, Node, Now, Output, Outputs, PeerInput, Request, Role,
    Settings, Store, Submission, SubmissionKind, What,
};
use proto::acl::Acl;
use proto::peer::{Entry, PacketKind};
use proto::request::{CreateRequest, SyncRequest};
use proto::snapshot::SnapshotSink;
use proto::txn::decode_entry;
use proto::{OpCode, Reader, SessionId, Wire, Zxid, session};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tree::{Loader, Tree};
use zab::{Address, Config, LinkId, Member, MemberRole, Record, ServerId};

const TICK_MS: u64 = 200;

/// What a client heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Opened(SessionId),
    Refused,
    Reply { err: i32 },
    Event,
    Closed,
}

/// What is on a member's disk.
#[derive(Debug, Default)]
struct Disk {
    base: Option<(Zxid, Vec<u8>)>,
    log: Vec<(Zxid, Entry)>,
    accepted: u32,
    current: u32,
    stored: u64,
}

impl Disk {
    fn tree(&self) -> Tree {
        let mut tree = match &self.base {
            Some((zxid, bytes)) => load(bytes, *zxid),
            None => Tree::new(tree::Settings::default()),
        };
        for (_, entry) in &self.log {
            let (header, txn, _) = decode_entry(entry).unwrap();
            tree.replay(&header, &txn);
        }
        tree
    }
}

struct Running {
    node: Node,
    store: Arc<Store>,
}

/// Both ends of a link: who dialed, who was dialed.
type Ends = (i64, i64);

pub struct Cluster {
    config: Config,
    now_ms: u64,
    nodes: BTreeMap<i64, Running>,
    disks: BTreeMap<i64, Disk>,
    links: BTreeMap<LinkId, Ends>,
    next: u64,
    cut: BTreeSet<i64>,
    clients: BTreeMap<ConnId, (i64, SessionId, Vec<Heard>, i32)>,
    queue: VecDeque<(u64, i64, Input)>,
}

impl Cluster {
    pub fn new(voters: i64, observers: i64) -> Self {
        let mut config = Config::default();
        for id in 1..=voters + observers {
            let role = if id > voters { MemberRole::Observer } else { MemberRole::Participant };
            let address = Address { host: format!("s{id}"), quorum_port: 2888, election_port: 3888 };
            config.members.insert(ServerId(id), Member { addresses: vec![address], role, client: None });
        }
        let mut cluster = Self {
            config,
            now_ms: 1000,
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            links: BTreeMap::new(),
            next: 1,
            cut: BTreeSet::new(),
            clients: BTreeMap::new(),
            queue: VecDeque::new(),
        };
        for id in 1..=voters + observers {
            cluster.start(id);
        }
        cluster
    }

    fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall_ms: 1_700_000_000_000 + self.now_ms as i64 }
    }

    pub fn start(&mut self, id: i64) {
        let disk = self.disks.entry(id).or_default();
        disk.stored = 0;
        let tree = disk.tree();
        let membership = Membership {
            me: ServerId(id),
            config: self.config.clone(),
            last_seen: None,
            accepted_epoch: disk.accepted,
            current_epoch: disk.current,
            last_logged: tree.last_zxid(),
            floor: disk.base.as_ref().map_or(Zxid::ZERO, |(zxid, _)| *zxid),
            settings: EnsembleSettings::default(),
        };
        let store = Arc::new(Store::new(tree));
        let settings = Settings { server_id: id as u8, tick_time_ms: TICK_MS, ..Settings::default() };
        let node = Node::member(settings, membership, Arc::clone(&store), self.now());
        self.nodes.insert(id, Running { node, store });
        for other in self.nodes.keys().copied().filter(|other| *other != id).collect::<Vec<_>>() {
            self.voter_link(other, id, true);
        }
        self.step(id, Input::Tick);
    }

    fn voter_link(&mut self, a: i64, b: i64, up: bool) {
        for (to, peer) in [(a, b), (b, a)] {
            self.post(to, Input::Peer(PeerInput::VoterLink { peer: ServerId(peer), up }));
        }
    }

    pub fn kill(&mut self, id: i64) {
        self.nodes.remove(&id);
        self.queue.retain(|(_, to, _)| *to != id);
        self.sever(id);
        for (_, _, heard, _) in self.clients.values_mut().filter(|(at, ..)| *at == id) {
            heard.push(Heard::Closed);
        }
    }

    pub fn wipe(&mut self, id: i64) {
        self.disks.remove(&id);
    }

    pub fn isolate(&mut self, id: i64) {
        self.cut.insert(id);
        self.sever(id);
    }

    pub fn heal(&mut self) {
        for id in std::mem::take(&mut self.cut) {
            for other in self.nodes.keys().copied().filter(|other| *other != id).collect::<Vec<_>>() {
                self.voter_link(id, other, true);
            }
        }
    }

    fn sever(&mut self, id: i64) {
        let gone: Vec<LinkId> =
            self.links.iter().filter(|(_, (a, b))| *a == id || *b == id).map(|(link, _)| *link).collect();
        for link in gone {
            self.close(link);
        }
        for other in self.nodes.keys().copied().filter(|other| *other != id).collect::<Vec<_>>() {
            self.voter_link(id, other, false);
        }
    }

    fn close(&mut self, link: LinkId) {
        if let Some((a, b)) = self.links.remove(&link) {
            for id in [a, b] {
                self.post(id, Input::Peer(PeerInput::Closed(link)));
            }
        }
    }

    fn post(&mut self, to: i64, input: Input) {
        self.queue.push_back((self.now_ms + 1, to, input));
    }

    /// Lets time pass.
    pub fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            while self.queue.front().is_some_and(|(at, ..)| *at <= self.now_ms) {
                let (_, to, input) = self.queue.pop_front().unwrap();
                self.step(to, input);
            }
            let due: Vec<i64> = self
                .nodes
                .iter()
                .filter(|(_, running)| running.node.next_deadline() <= self.now_ms)
                .map(|(id, _)| *id)
                .collect();
            for id in due {
                self.step(id, Input::Tick);
            }
        }
    }

    fn step(&mut self, id: i64, input: Input) {
        let now = self.now();
        let Some(running) = self.nodes.get_mut(&id) else { return };
        let mut out = Outputs::default();
        running.node.step(now, input, &mut out);
        let store = Arc::clone(&running.store);
        for output in out.0 {
            self.perform(id, &store, output);
        }
    }

    fn other_end(&self, id: i64, link: LinkId) -> Option<i64> {
        self.links.get(&link).map(|(a, b)| if *a == id { *b } else { *a })
    }

    fn perform(&mut self, id: i64, store: &Store, output: Output) {
        let disk = self.disks.entry(id).or_default();
        match output {
            Output::Append { zxid, entry } => {
                disk.log.push((zxid, entry));
                self.stored(id);
            }
            Output::Record(record) => {
                match record {
                    Record::AcceptedEpoch(epoch) => disk.accepted = epoch,
                    Record::CurrentEpoch(epoch) => disk.current = epoch,
                    Record::Config { .. } => {}
                }
                self.stored(id);
            }
            Output::Truncate { to, reload } => {
                disk.log.retain(|(zxid, _)| *zxid <= to);
                let tree = reload.then(|| Box::new(disk.tree()));
                self.post(id, Input::Truncated(tree));
                self.stored(id);
            }
            Output::Install { zxid, tree } => {
                disk.base = Some((zxid, save(&tree)));
                disk.log.clear();
                self.post(id, Input::Installed(tree));
                self.stored(id);
            }
            Output::Send(link, packet) => {
                let Some(to) = self.other_end(id, link) else { return };
                let is_snapshot = packet.kind == PacketKind::Snap;
                let zxid = packet.zxid;
                self.post(to, Input::Peer(PeerInput::Packet { link, packet }));
                if is_snapshot {
                    let tree = Box::new(load(&save(&store.view().tree), zxid));
                    self.post(to, Input::Peer(PeerInput::Snapshot { link, tree }));
                }
            }
            Output::SendSnapshot(_) => {}
            Output::ReadHistory { link, after } => {
                let first = disk.log.partition_point(|(zxid, _)| *zxid <= after).saturating_sub(1);
                let reaches = disk.log.get(first).is_some_and(|(zxid, _)| *zxid <= after);
                let entries = reaches.then(|| disk.log[first..].to_vec());
                self.post(id, Input::Peer(PeerInput::History { link, entries }));
            }
            Output::Close(link) => {
                if let Some(to) = self.other_end(id, link) {
                    self.links.remove(&link);
                    self.post(to, Input::Peer(PeerInput::Closed(link)));
                }
            }
            Output::Dial(leader, _) => {
                let reachable = self.nodes.contains_key(&leader.0)
                    && !self.cut.contains(&leader.0)
                    && !self.cut.contains(&id);
                let link = reachable.then(|| {
                    self.next += 1;
                    let link = LinkId(self.next);
                    self.links.insert(link, (id, leader.0));
                    self.post(leader.0, Input::Peer(PeerInput::Accepted(link)));
                    link
                });
                self.post(id, Input::Peer(PeerInput::Dialed { leader, link }));
            }
            Output::Vote(to, vote) => {
                if !self.cut.contains(&to.0) && !self.cut.contains(&id) {
                    self.post(to.0, Input::Peer(PeerInput::Vote { from: ServerId(id), vote }));
                }
            }
            Output::Deliver(delivery) => self.deliver(delivery.conn, delivery.what),
            Output::Role(..) => {}
            Output::Diverged(zxid) => panic!("server {id} diverged at {zxid}"),
        }
    }

    fn stored(&mut self, id: i64) {
        let disk = self.disks.entry(id).or_default();
        disk.stored += 1;
        let count = disk.stored;
        self.post(id, Input::Stored(count));
    }

    fn deliver(&mut self, conn: ConnId, what: What) {
        let Some((_, session, heard, _)) = self.clients.get_mut(&conn) else { return };
        heard.push(match what {
            What::Opened { session: opened, .. } => {
                *session = opened;
                Heard::Opened(opened)
            }
            What::Refused => Heard::Refused,
            What::Reply { frame, .. } => {
                Heard::Reply { err: i32::from_be_bytes(frame[16..20].try_into().unwrap()) }
            }
            What::Event(_) => Heard::Event,
            What::Close => Heard::Closed,
        });
    }

    fn client(&mut self, id: i64, kind: SubmissionKind) -> ConnId {
        self.next += 1;
        let conn = ConnId(self.next);
        self.clients.insert(conn, (id, SessionId::NONE, Vec::new(), 0));
        self.post(id, Input::Submit(Submission { conn, kind }));
        conn
    }

    pub fn connect(&mut self, id: i64) -> ConnId {
        self.client(id, SubmissionKind::Open { timeout_ms: 4000, auth: Arc::from([]), read_only: false })
    }

    pub fn reconnect(&mut self, id: i64, session: SessionId) -> ConnId {
        let password = session::password(session).to_vec();
        self.client(
            id,
            SubmissionKind::Renew {
                session,
                password,
                timeout_ms: 4000,
                auth: Arc::from([]),
                read_only: false,
            },
        )
    }

    fn ask(&mut self, conn: ConnId, op: OpCode, body: Vec<u8>) {
        let started_ms = self.now_ms;
        let (id, _, _, xid) = self.clients.get_mut(&conn).unwrap();
        *xid += 1;
        let (id, xid) = (*id, *xid);
        let request = Request { xid, op, body, started_ms };
        let kind = match op {
            OpCode::Sync => SubmissionKind::Sync(request),
            _ => SubmissionKind::Write(request),
        };
        self.post(id, Input::Submit(Submission { conn, kind }));
    }

    fn create_with(&mut self, conn: ConnId, path: &str, flags: i32) {
        let request =
            CreateRequest { path: path.into(), data: Some(b"x"), acl: Some(vec![Acl::open()]), flags };
        let mut body = Vec::new();
        request.encode(&mut body);
        self.ask(conn, OpCode::Create, body);
    }

    pub fn create(&mut self, conn: ConnId, path: &str) {
        self.create_with(conn, path, 0);
    }

    pub fn create_ephemeral(&mut self, conn: ConnId, path: &str) {
        self.create_with(conn, path, 1);
    }

    pub fn sync(&mut self, conn: ConnId) {
        let mut body = Vec::new();
        SyncRequest { path: Some("/".into()) }.encode(&mut body);
        self.ask(conn, OpCode::Sync, body);
    }

    pub fn heard(&self, conn: ConnId) -> &[Heard] {
        &self.clients[&conn].2
    }

    pub fn session(&self, conn: ConnId) -> SessionId {
        self.clients[&conn].1
    }

    pub fn node(&self, id: i64) -> &Node {
        &self.nodes[&id].node
    }

    pub fn role(&self, id: i64) -> Role {
        self.node(id).role()
    }

    pub fn has(&self, id: i64, path: &str) -> bool {
        let bytes = save(&self.nodes[&id].store.view().tree);
        bytes.windows(path.len()).any(|window| window == path.as_bytes())
    }

    pub fn digest(&self, id: i64) -> u64 {
        self.nodes[&id].store.view().tree.digest()
    }
}

fn save(tree: &Tree) -> Vec<u8> {
    let (mut cursor, mut bytes) = (tree.snapshot_begin(), Vec::new());
    while !tree.snapshot_step(&mut cursor, 1000, &mut bytes) {}
    bytes
}

/// Reads what [`save`] wrote: a snapshot file without its end.
fn load(bytes: &[u8], zxid: Zxid) -> Tree {
    let mut loader = Loader::new(tree::Settings::default());
    let mut from = Reader::new(&bytes[16..]);
    for _ in 0..from.i32().unwrap() {
        loader.session(SessionId(from.i64().unwrap()), from.i32().unwrap());
    }
    for _ in 0..from.i32().unwrap() {
        let id = from.i64().unwrap();
        loader.acl(id, Vec::decode(&mut from).unwrap());
    }
    while from.remaining() > 0 {
        let path = from.string().unwrap().unwrap();
        let data = from.buffer().unwrap();
        let acl = from.i64().unwrap();
        let stat = Wire::decode(&mut from).unwrap();
        loader.node(&proto::snapshot::SnapshotNode { path: &path, data, acl, stat }).unwrap();
    }
    loader.finish(zxid).unwrap()
}
