//! An ensemble without faults of its own: messages arrive in order, a millisecond later; disks are quick.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops at its first surprise")]

mod clients;
pub mod memberships;

#[allow(unused_imports, reason = "each test file uses its part")]
pub use clients::{Client, Heard, Reply};

use node::{
    ConnId, EnsembleSettings, Input, Membership, Node, Now, Output, Outputs, PeerInput, Role, Settings, Store,
};
use proto::peer::{Entry, Packet, PacketKind};
use proto::snapshot::SnapshotSink;
use proto::txn::decode_entry;
use proto::{Reader, SessionId, Wire, Zxid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tree::{Loader, Tree};
use zab::{Address, Config, LinkId, Member, MemberRole, Record, ServerId};

pub const TICK_MS: u64 = 200;

/// What is on a member's disk.
#[derive(Debug, Default)]
struct Disk {
    base: Option<(Zxid, Vec<u8>)>,
    log: Vec<(Zxid, Entry)>,
    accepted: u32,
    current: u32,
    stored: u64,
    /// The membership's file, and the one of what may be next.
    config: Option<String>,
    next: Option<String>,
}

impl Disk {
    fn tree(&self, settings: &tree::Settings) -> Tree {
        let mut tree = match &self.base {
            Some((zxid, bytes)) => load(bytes, *zxid, settings),
            None => Tree::new(settings.clone()),
        };
        for (_, entry) in &self.log {
            let (header, txn, _) = decode_entry(entry).unwrap();
            tree.replay(&header, &txn);
        }
        tree
    }

    fn record_config(&mut self, text: String, committed: bool) {
        if committed {
            let is_newer = |next: &String| version(next) > version(&text);
            self.next = self.next.take().filter(is_newer);
            self.config = Some(text);
        } else {
            self.next = Some(text);
        }
    }
}

fn version(text: &str) -> i64 {
    Config::parse(text).unwrap().version
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
    clients: BTreeMap<ConnId, Client>,
    queue: VecDeque<(u64, i64, Event)>,
    settings: EnsembleSettings,
    /// Memberships written for single servers.
    written: BTreeMap<i64, Config>,
    /// Servers that do nothing for a while, with what waits for them.
    paused: BTreeMap<i64, Vec<Event>>,
    /// Servers whose disks do not answer, with the answers that are due.
    held: BTreeMap<i64, Vec<Input>>,
    /// What becomes of packets on their way.
    pub tamper: Option<fn(i64, &mut Packet)>,
    /// Transactions at which a server noticed that it differs from its leader.
    pub diverged: Vec<(i64, Zxid)>,
    jumped_ms: i64,
}

/// What reaches a server.
enum Event {
    Input(Input),
    Frame(ConnId, Vec<u8>),
}

impl Cluster {
    pub fn new(voters: i64, observers: i64) -> Self {
        Self::with(voters, observers, EnsembleSettings::default())
    }

    pub fn with(voters: i64, observers: i64, settings: EnsembleSettings) -> Self {
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
            settings,
            written: BTreeMap::new(),
            paused: BTreeMap::new(),
            held: BTreeMap::new(),
            tamper: None,
            diverged: Vec::new(),
            jumped_ms: 0,
        };
        for id in 1..=voters + observers {
            cluster.start(id);
        }
        cluster
    }

    fn now(&self) -> Now {
        Now { monotonic_ms: self.now_ms, wall_ms: 1_700_000_000_000 + self.jumped_ms + self.now_ms as i64 }
    }

    /// Who may change memberships is not what these tests are about.
    fn tree_settings(&self) -> tree::Settings {
        let reconfig_enabled = self.settings.reconfig;
        tree::Settings { reconfig_enabled, skip_acl: reconfig_enabled, ..tree::Settings::default() }
    }

    /// Starts a server with a membership of its own in its file.
    pub fn start_with(&mut self, id: i64, text: &str) {
        self.written.insert(id, Config::parse(text).unwrap());
        self.start(id);
    }

    pub fn start(&mut self, id: i64) {
        let tree_settings = self.tree_settings();
        let disk = self.disks.entry(id).or_default();
        disk.stored = 0;
        let tree = disk.tree(&tree_settings);
        let read = |text: &String| Config::parse(text).unwrap();
        let written = self.written.get(&id).unwrap_or(&self.config);
        let config = disk.config.as_ref().map_or_else(|| written.clone(), read);
        let last_seen = disk.next.as_ref().map(read).filter(|next| next.version > config.version);
        let membership = Membership {
            me: ServerId(id),
            config,
            last_seen,
            accepted_epoch: disk.accepted,
            current_epoch: disk.current,
            last_logged: tree.last_zxid(),
            floor: disk.base.as_ref().map_or(Zxid::ZERO, |(zxid, _)| *zxid),
            settings: self.settings.clone(),
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
        self.paused.remove(&id);
        self.held.remove(&id);
        self.sever(id);
        for client in self.clients.values_mut().filter(|client| client.at == id) {
            client.end();
        }
    }

    /// What reaches a server waits until it is resumed, and so does its time.
    pub fn pause(&mut self, id: i64) {
        self.paused.entry(id).or_default();
    }

    pub fn resume(&mut self, id: i64) {
        for event in self.paused.remove(&id).unwrap_or_default() {
            self.post_event(id, event);
        }
    }

    /// What waits for a paused server never arrives.
    pub fn drop_pending(&mut self, id: i64) {
        self.paused.insert(id, Vec::new());
        self.queue.retain(|(_, to, _)| *to != id);
        self.sever(id);
        for other in self.nodes.keys().copied().filter(|other| *other != id).collect::<Vec<_>>() {
            self.voter_link(id, other, true);
        }
    }

    pub fn is_running(&self, id: i64) -> bool {
        self.nodes.contains_key(&id)
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

    /// From now on this server's disk takes everything and answers nothing.
    pub fn hold_disk(&mut self, id: i64) {
        self.held.insert(id, Vec::new());
    }

    pub fn release_disk(&mut self, id: i64) {
        for input in self.held.remove(&id).unwrap_or_default() {
            self.post(id, input);
        }
    }

    fn post(&mut self, to: i64, input: Input) {
        if matches!(input, Input::Stored(_) | Input::Truncated(_) | Input::Installed(_))
            && let Some(held) = self.held.get_mut(&to)
        {
            return held.push(input);
        }
        self.post_event(to, Event::Input(input));
    }

    fn post_event(&mut self, to: i64, event: Event) {
        self.queue.push_back((self.now_ms + 1, to, event));
    }

    /// Lets time pass.
    pub fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now_ms += 1;
            while self.queue.front().is_some_and(|(at, ..)| *at <= self.now_ms) {
                match self.queue.pop_front().unwrap() {
                    (_, to, event) if self.paused.contains_key(&to) => {
                        self.paused.entry(to).or_default().push(event);
                    }
                    (_, to, Event::Input(input)) => self.step(to, input),
                    (_, to, Event::Frame(conn, payload)) => self.frame(to, conn, payload),
                }
            }
            self.send_pings();
            let due: Vec<i64> = self
                .nodes
                .iter()
                .filter(|(id, running)| {
                    running.node.next_deadline() <= self.now_ms && !self.paused.contains_key(id)
                })
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
        let tree_settings = self.tree_settings();
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
                    Record::Config { text, committed } => disk.record_config(text, committed),
                }
                self.stored(id);
            }
            Output::Truncate { to, reload } => {
                disk.log.retain(|(zxid, _)| *zxid <= to);
                let tree = reload.then(|| Box::new(disk.tree(&tree_settings)));
                self.post(id, Input::Truncated(tree));
                self.stored(id);
            }
            Output::Install { zxid, tree } => {
                disk.base = Some((zxid, save(&tree)));
                disk.log.clear();
                self.post(id, Input::Installed(tree));
                self.stored(id);
            }
            Output::Send(link, mut packet) => {
                let Some(to) = self.other_end(id, link) else { return };
                if let Some(tamper) = self.tamper {
                    tamper(to, &mut packet);
                }
                let is_snapshot = packet.kind == PacketKind::Snap;
                let zxid = packet.zxid;
                self.post(to, Input::Peer(PeerInput::Packet { link, packet }));
                if is_snapshot {
                    let tree = Box::new(load(&save(&store.view().tree), zxid, &tree_settings));
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
            Output::Diverged(zxid) => self.diverged.push((id, zxid)),
        }
    }

    fn stored(&mut self, id: i64) {
        let disk = self.disks.entry(id).or_default();
        disk.stored += 1;
        let count = disk.stored;
        self.post(id, Input::Stored(count));
    }

    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The servers' wall clocks are set to another time.
    pub fn jump_wall_clock(&mut self, by_ms: i64) {
        self.jumped_ms += by_ms;
    }

    /// Watches on a server.
    pub fn watch_count(&self, id: i64) -> usize {
        self.nodes[&id].store.watches().watch_count()
    }

    pub fn node(&self, id: i64) -> &Node {
        &self.nodes[&id].node
    }

    /// The zxids in a server's log, without what its snapshot has, and the epoch on its disk.
    pub fn on_disk(&self, id: i64) -> (Vec<Zxid>, u32) {
        let disk = &self.disks[&id];
        (disk.log.iter().map(|(zxid, _)| *zxid).collect(), disk.current)
    }

    /// The membership in force at a server, as it writes it.
    pub fn config(&self, id: i64) -> String {
        self.node(id).membership().unwrap().to_text()
    }

    /// The same as its clients see it.
    pub fn shown(&self, id: i64) -> String {
        let view = self.nodes[&id].store.view();
        String::from_utf8(view.tree.shown_membership().unwrap_or_default().to_vec()).unwrap()
    }

    /// The same as it is on disk, and what may be next.
    pub fn config_files(&self, id: i64) -> (Option<&str>, Option<&str>) {
        let disk = &self.disks[&id];
        (disk.config.as_deref(), disk.next.as_deref())
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
fn load(bytes: &[u8], zxid: Zxid, settings: &tree::Settings) -> Tree {
    let mut loader = Loader::new(settings.clone());
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
