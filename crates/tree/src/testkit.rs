//! What the tests of this crate share: a tree with its pipeline around it, short ways to write
//! requests, and a check of everything that is derived.

use crate::ops::{Context, Outcome, Prepared, ReadContext, ReadOp, WriteOp, prepare, read};
use crate::owner;
use crate::znode::NodeId;
use crate::{Fired, Loader, Outstanding, Settings, Tree, WatcherId, Watches};
use proto::acl::{Acl, Id};
use proto::request::{
    CreateRequest, CreateTtlRequest, DeleteRequest, ReadRequest, SetAclRequest, SetDataRequest,
};
use proto::snapshot::{MAGIC, SnapshotNode, SnapshotSink, ZxidDigest};
use proto::stat::{Stat, StatPersisted};
use proto::{ErrorCode, OpCode, Reader, SessionId, Wire, Zxid};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A session that every [`World`] starts with.
pub(crate) const SESSION: SessionId = SessionId(0x100);

/// A tree, its watches, and what is on the way to it.
pub(crate) struct World {
    pub(crate) tree: Tree,
    pub(crate) pending: Outstanding,
    pub(crate) watches: Watches,
    pub(crate) zxid: i64,
    pub(crate) time_ms: i64,
    pub(crate) auth: Vec<Id>,
    pub(crate) queue: VecDeque<Prepared>,
    /// Everything applied.
    pub(crate) log: Vec<Prepared>,
    pub(crate) fired: Vec<Fired>,
    /// See [`Context::unreplicated`].
    pub(crate) unreplicated: Option<ErrorCode>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Settings { extended_types: true, ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let mut world = Self {
            tree: Tree::new(settings),
            pending: Outstanding::new(),
            watches: Watches::new(),
            zxid: 0,
            time_ms: 1_000_000,
            auth: vec![Id::new("ip", "127.0.0.1")],
            queue: VecDeque::new(),
            log: Vec::new(),
            fired: Vec::new(),
            unreplicated: None,
        };
        world.run_as(SESSION, &WriteOp::CreateSession { timeout_ms: 4000 });
        world
    }

    /// Prepares a write, leaving it outstanding.
    pub(crate) fn submit(&mut self, session: SessionId, op: &WriteOp<'_>) -> Prepared {
        self.zxid += 1;
        self.time_ms += 7;
        let (zxid, time_ms) = (Zxid(self.zxid), self.time_ms);
        let (cxid, unreplicated) = (self.zxid as i32, self.unreplicated);
        let ctx = Context { zxid, time_ms, session, cxid, auth: &self.auth, unreplicated };
        let prepared = prepare(&self.tree, &mut self.pending, &ctx, op);
        self.queue.push_back(prepared.clone());
        prepared
    }

    /// Applies the oldest outstanding write. Its digest has to be the tree's (HC-111).
    pub(crate) fn apply_next(&mut self) -> Outcome {
        let next = self.queue.pop_front().expect("something is outstanding");
        let outcome = self.tree.apply(&next.header, &next.txn, &mut self.watches, &mut self.fired);
        if let Some(digest) = next.digest {
            assert_eq!(digest.digest, self.tree.digest(), "digest of {:?}", next.txn);
        }
        self.log.push(next);
        outcome
    }

    pub(crate) fn run_as(&mut self, session: SessionId, op: &WriteOp<'_>) -> Outcome {
        self.submit(session, op);
        while self.queue.len() > 1 {
            self.apply_next();
        }
        self.apply_next()
    }

    pub(crate) fn run(&mut self, op: &WriteOp<'_>) -> Outcome {
        self.run_as(SESSION, op)
    }

    /// Runs a write that has to succeed.
    pub(crate) fn ok(&mut self, op: &WriteOp<'_>) -> Outcome {
        let outcome = self.run(op);
        assert!(!matches!(outcome, Outcome::Error(_)), "{op:?}: {outcome:?}");
        outcome
    }

    /// Runs a write that has to fail.
    pub(crate) fn err(&mut self, op: &WriteOp<'_>) -> ErrorCode {
        match self.run(op) {
            Outcome::Error(code) => code,
            other => panic!("{op:?}: {other:?}"),
        }
    }

    /// Answers a read of connection 1.
    pub(crate) fn read(&mut self, op: &ReadOp<'_>) -> Result<Vec<u8>, ErrorCode> {
        self.read_as(WatcherId(1), op)
    }

    pub(crate) fn read_as(&mut self, watcher: WatcherId, op: &ReadOp<'_>) -> Result<Vec<u8>, ErrorCode> {
        let who = ReadContext { watcher, session: SESSION, auth: &self.auth };
        let watches = op.touches_watches().then_some(&mut self.watches);
        let mut out = Vec::new();
        let result = read(&self.tree, watches, &mut self.fired, &who, op, &mut out);
        assert!(result.is_ok() || out.is_empty(), "nothing is appended on an error");
        result.map(|()| out)
    }

    pub(crate) fn stat(&self, path: &str) -> Option<Stat> {
        self.tree.nodes.find(path).map(|id| self.tree.stat_of(id))
    }

    /// Events since the last call, as `kind path watcher`.
    pub(crate) fn events(&mut self) -> Vec<String> {
        let text = |f: &Fired| format!("{:?} {} {}", f.kind, f.path, f.watcher.0);
        self.fired.drain(..).map(|f| text(&f)).collect()
    }
}

pub(crate) fn create(path: &str) -> WriteOp<'_> {
    create_with(path, 0)
}

pub(crate) fn create_with(path: &str, flags: i32) -> WriteOp<'_> {
    WriteOp::Create(OpCode::Create2, create_request(path, flags))
}

pub(crate) fn create_request(path: &str, flags: i32) -> CreateRequest<'_> {
    CreateRequest { path: path.into(), data: Some(b"data"), acl: Some(vec![Acl::open()]), flags }
}

pub(crate) fn create_container(path: &str) -> WriteOp<'_> {
    WriteOp::Create(OpCode::CreateContainer, create_request(path, 4))
}

pub(crate) fn create_ttl(path: &str, flags: i32, ttl: i64) -> WriteOp<'_> {
    let acl = Some(vec![Acl::open()]);
    WriteOp::CreateTtl(CreateTtlRequest { path: path.into(), data: None, acl, flags, ttl })
}

pub(crate) fn delete(path: &str) -> WriteOp<'_> {
    WriteOp::Delete(DeleteRequest { path: path.into(), version: -1 })
}

pub(crate) fn set_data<'a>(path: &'a str, data: &'a [u8], version: i32) -> WriteOp<'a> {
    WriteOp::SetData(SetDataRequest { path: path.into(), data: Some(data), version })
}

pub(crate) fn set_acl(path: &str, acl: Vec<Acl>) -> WriteOp<'_> {
    WriteOp::SetAcl(SetAclRequest { path: path.into(), acl: Some(acl), version: -1 })
}

pub(crate) fn watch(path: &str) -> ReadRequest<'_> {
    ReadRequest { path: path.into(), watch: true }
}

pub(crate) fn peek(path: &str) -> ReadRequest<'_> {
    ReadRequest { path: path.into(), watch: false }
}

/// One node, as far as replicas have to agree on it.
pub(crate) type DumpedNode = (Option<Vec<u8>>, StatPersisted, Vec<Acl>);

/// All replicated state.
pub(crate) fn dump(tree: &Tree) -> (BTreeMap<String, DumpedNode>, Vec<(SessionId, i32)>) {
    let ids = std::iter::once(NodeId::ROOT).chain(tree.nodes.descendants(NodeId::ROOT));
    let node = |id: NodeId| {
        let data = tree.nodes.get(id).data().map(<[u8]>::to_vec);
        (tree.nodes.path(id), (data, tree.nodes.stat(id), tree.acl_of(id).to_vec()))
    };
    (ids.map(node).collect(), tree.sessions().collect())
}

/// Computes everything derived anew and compares.
pub(crate) fn check_derived(tree: &Tree) {
    let mut digest = 0u64;
    let mut lists = BTreeMap::new();
    let mut ephemerals: BTreeMap<SessionId, Vec<String>> = BTreeMap::new();
    let ids: Vec<_> = std::iter::once(NodeId::ROOT).chain(tree.nodes.descendants(NodeId::ROOT)).collect();
    assert_eq!(ids.len(), tree.nodes.len());
    for id in ids {
        let path = tree.nodes.path(id);
        assert_eq!(tree.nodes.find(&path), Some(id), "{path} leads elsewhere");
        assert_eq!(tree.nodes.children_of(id).count(), tree.nodes.children(id) as usize, "{path}");
        digest = digest.wrapping_add(tree.digest_part(id, &path));
        if tree.nodes.get(id).acl != crate::acl::OPEN {
            *lists.entry(tree.acl_of(id).to_vec()).or_insert(0u64) += 1;
        }
        if let owner::Owner::Session(session) = owner::classify(&tree.settings, tree.nodes.owner(id)) {
            ephemerals.entry(session).or_default().push(path);
        }
    }
    assert_eq!(digest, tree.digest());
    assert_eq!(lists.len(), tree.acls.len(), "lists in use");
    for (session, mut paths) in ephemerals {
        paths.sort();
        assert_eq!(tree.ephemerals_of(session), paths);
    }
}

/// Reads a snapshot's bytes as the storage crate would.
pub(crate) fn load(settings: &Settings, bytes: &[u8], zxid: Zxid, digest: Option<ZxidDigest>) -> Tree {
    let mut loader = Loader::new(settings.clone());
    let mut from = Reader::new(bytes);
    assert_eq!(from.i32(), Ok(MAGIC));
    from.bytes(12, "rest of the header").unwrap();
    for _ in 0..from.i32().unwrap() {
        loader.session(SessionId(from.i64().unwrap()), from.i32().unwrap());
    }
    for _ in 0..from.i32().unwrap() {
        loader.acl(from.i64().unwrap(), Wire::decode(&mut from).unwrap());
    }
    let mut seen = BTreeSet::new();
    while from.remaining() > 0 {
        let path = from.string().unwrap().unwrap();
        assert!(seen.insert(path.clone().into_owned()), "{path} comes twice");
        let data = from.buffer().unwrap();
        let acl = from.i64().unwrap();
        let stat = Wire::decode(&mut from).unwrap();
        loader.node(&SnapshotNode { path: &path, data, acl, stat }).unwrap();
    }
    if let Some(digest) = digest {
        loader.digest(digest);
    }
    loader.finish(zxid).unwrap()
}
