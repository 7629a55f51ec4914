//! The member itself: requests, packets and time in; log entries, packets, replies and events out.
//!
//! A write is prepared against the tree and everything still outstanding, gets its zxid, goes to
//! the log and to the learners, and is applied once a quorum has it. Standalone is a quorum of one on
//! that same path. A learner's write goes to its leader and comes back as a proposal.
//!
//! Here is what the member is made of and where each input goes; what follows from them is in
//! [`crate::requests`] (clients), [`crate::apply`] (the tree), [`crate::roles`] (elections, leading,
//! learning) and [`crate::ledger`] (what is durable).

use crate::attached::{Attached, Clients};
use crate::connection::Submission;
use crate::containers::Sweep;
use crate::delivery::{ConnId, Outbox};
use crate::ledger::Ledger;
use crate::peer::{Membership, PeerInput, Role, Status};
use crate::roles::{Duty, Ensemble};
use crate::sessions::{SessionInfo, Sessions};
use crate::settings::{Now, Settings};
use crate::store::Store;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use proto::{OpCode, SessionId, Zxid};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tree::{Fired, Outstanding, Tree};
use zab::{Broadcast, Quorum, ServerId};

pub use zab::Exhausted;

/// What can happen to a node.
#[derive(Debug)]
pub enum Input {
    /// A connection hands over what it cannot answer itself.
    Submit(Submission),
    /// A client was heard from.
    Touched(SessionId),
    /// A connection is gone; nothing will be delivered to it any more.
    Disconnected(ConnId),
    /// So many of the things handed to the log since the start are durable: entries, records,
    /// truncations and installed snapshots, counted together, in the order they were put out.
    Stored(u64),
    /// A truncation was performed (it counts for [`Input::Stored`], which comes after): the tree read
    /// back from the disk, if that was asked for.
    Truncated(Option<Box<Tree>>),
    /// A snapshot was installed (it counts for [`Input::Stored`], which comes after); here it is back.
    Installed(Box<Tree>),
    /// Something came from another member.
    Peer(PeerInput),
    /// Time has passed; due at [`Node::next_deadline`], harmless at any time.
    Tick,
}

/// A request on its way through the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The client's number for it.
    pub xid: i32,
    /// Which operation.
    pub op: OpCode,
    /// The undecoded record.
    pub body: Vec<u8>,
    /// When it was received, on the monotonic clock, milliseconds.
    pub started_ms: u64,
}

/// A transaction that is in the log but not yet applied.
pub(crate) struct Proposal {
    pub(crate) header: TxnHeader,
    pub(crate) txn: Txn,
    /// What the leader's tree had after it.
    pub(crate) digest: Option<TxnDigest>,
    /// The connection it came from, if it was prepared here.
    pub(crate) origin: Option<ConnId>,
}

/// One member of the service.
pub struct Node {
    pub(crate) settings: Settings,
    pub(crate) me: ServerId,
    pub(crate) store: Arc<Store>,
    pub(crate) duty: Duty,
    /// `None` without an ensemble.
    pub(crate) ensemble: Option<Box<Ensemble>>,
    pub(crate) ledger: Ledger,
    pub(crate) outstanding: Outstanding,
    /// Logged and not applied, in order.
    pub(crate) tail: VecDeque<Proposal>,
    /// What a learner may apply, as far as its leader goes.
    pub(crate) applicable: Zxid,
    /// Told by the leader to serve, once everything up to here is applied.
    pub(crate) welcome: Option<Zxid>,
    pub(crate) sessions: Sessions,
    pub(crate) conns: BTreeMap<ConnId, Attached>,
    pub(crate) clients: Clients,
    pub(crate) sweep: Sweep,
    pub(crate) now: Now,
    pub(crate) fired: Vec<Fired>,
    pub(crate) stopped: Option<Exhausted>,
    pub(crate) diverged: u64,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("me", &self.me).field("duty", &self.duty).finish_non_exhaustive()
    }
}

impl Node {
    /// A member that serves alone, from the state recovered into `store`. All sessions found there
    /// get their whole timeout from `now` on.
    pub fn standalone(settings: Settings, store: Arc<Store>, now: Now) -> Self {
        let me = ServerId(i64::from(settings.server_id));
        let last = store.view().tree.last_zxid();
        let duty = Duty::Alone(Box::new(Broadcast::new(Quorum::majority([me]), last)));
        let mut node = Self::new(settings, me, store, duty, now);
        node.ledger = Ledger::new(last, (0, 0));
        node.track_sessions();
        node.store.set_serving(crate::Serving::Yes);
        node
    }

    /// A member of an ensemble, from the state recovered into `store`: it serves nobody yet, and begins
    /// to look for a leader with the first [`Input::Tick`].
    pub fn member(settings: Settings, membership: Membership, store: Arc<Store>, now: Now) -> Self {
        let mut node = Self::new(settings, membership.me, store, Duty::fresh(now.monotonic_ms), now);
        let epochs = (membership.accepted_epoch, membership.current_epoch);
        node.ledger = Ledger::new(membership.last_logged, epochs);
        node.ledger.set_floor(membership.floor);
        node.ensemble = Some(Box::new(Ensemble::new(membership)));
        node.show_membership();
        node.store.set_serving(crate::Serving::No);
        node
    }

    fn new(settings: Settings, me: ServerId, store: Arc<Store>, duty: Duty, now: Now) -> Self {
        let seed_ms = now.wall_ms.unsigned_abs();
        let applicable = store.view().tree.last_zxid();
        Self {
            me,
            duty,
            ensemble: None,
            ledger: Ledger::new(applicable, (0, 0)),
            outstanding: Outstanding::new(),
            tail: VecDeque::new(),
            applicable,
            welcome: None,
            sessions: Sessions::new(settings.tick_time_ms, settings.server_id, seed_ms),
            conns: BTreeMap::new(),
            clients: Clients::default(),
            sweep: Sweep::new(&settings, now.monotonic_ms),
            now,
            fired: Vec::new(),
            stopped: None,
            diverged: 0,
            settings,
            store,
        }
    }

    /// All sessions in the tree get their whole timeout from now on (HC-78).
    pub(crate) fn track_sessions(&mut self) {
        self.sessions.restart(true);
        let view = self.store.view();
        for (id, timeout_ms) in view.tree.sessions() {
            self.sessions.track(id, timeout_ms, None, self.now.monotonic_ms);
        }
    }

    /// Takes one input and puts out what follows from it.
    pub fn step(&mut self, now: Now, input: Input, out: &mut impl Outbox) {
        self.now = now;
        match input {
            Input::Submit(Submission { conn, kind }) => self.on_submission(conn, kind, out),
            Input::Touched(session) => self.on_touched(session),
            Input::Disconnected(conn) => self.on_disconnected(conn),
            Input::Stored(count) => self.on_stored(count, out),
            Input::Truncated(tree) => self.on_reloaded(tree, out),
            Input::Installed(tree) => self.on_reloaded(Some(tree), out),
            Input::Peer(input) => self.on_peer(input, out),
            Input::Tick => self.on_tick(out),
        }
    }

    /// When a [`Input::Tick`] is next needed, on the monotonic clock, milliseconds.
    pub fn next_deadline(&self) -> u64 {
        let mut due = self.roles_deadline();
        if self.leads() {
            due = due.min(self.sweep.next_deadline());
        }
        due = self.sessions.next_deadline().map_or(due, |session| session.min(due));
        due
    }

    /// Transactions prepared and not yet applied.
    pub fn outstanding(&self) -> usize {
        self.tail.len()
    }

    /// Every session, in id order.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.sessions.list()
    }

    /// Number of sessions.
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// Connections known here, and what they asked and have no answer to: nothing once all are gone (HC-168).
    pub fn clients_kept(&self) -> usize {
        self.conns.len() + self.clients.len()
    }

    /// Set when no further transaction can be numbered: the process must end and say so.
    pub fn stopped(&self) -> Option<Exhausted> {
        self.stopped
    }

    /// What this member is doing.
    pub fn role(&self) -> Role {
        match &self.duty {
            Duty::Alone(_) => Role::Standalone,
            Duty::Leaving { .. } | Duty::Looking { .. } => match self.store.serving() {
                crate::Serving::ReadOnly => Role::ReadOnly,
                _ => Role::Looking,
            },
            Duty::Leading(_) => Role::Leading,
            Duty::Learning(learner) if learner.observes() => Role::Observing(learner.leader()),
            Duty::Learning(learner) => Role::Following(learner.leader()),
        }
    }

    /// The member as operators see it.
    pub fn status(&self) -> Status {
        let (accepted_epoch, current_epoch) = self.ledger.epochs();
        let leader = match &self.duty {
            Duty::Leading(leader) => Some(leader),
            _ => None,
        };
        Status {
            role: self.role(),
            serving: self.store.serving() == crate::Serving::Yes,
            accepted_epoch,
            current_epoch,
            last_logged: self.ledger.last_logged(),
            committed: self.commit_point(),
            last_proposed: leader.map_or(Zxid::ZERO, |leader| leader.last_proposed()),
            learners: leader.map_or_else(Vec::new, |leader| leader.learners()),
            pending_syncs: leader.map_or(0, |leader| leader.pending_syncs()),
            diverged: self.diverged,
            election_ms: self.ensemble.as_ref().map_or(0, |ensemble| ensemble.election_ms),
        }
    }

    /// The committed membership; `None` for a standalone server.
    pub fn membership(&self) -> Option<&zab::Config> {
        self.ensemble.as_ref().map(|ensemble| &ensemble.config)
    }

    /// Whether transactions are prepared here.
    pub(crate) fn leads(&self) -> bool {
        match &self.duty {
            Duty::Alone(_) => true,
            Duty::Leading(leader) => leader.is_established(),
            _ => false,
        }
    }

    /// Sweeps containers; a leader's work.
    pub(crate) fn housekeep(&mut self, out: &mut impl Outbox) {
        let now = self.now;
        let never_used_ms = self.settings.container_max_never_used_ms;
        let store = &self.store;
        self.sweep
            .check(now.monotonic_ms, || store.view().tree.expired_containers(now.wall_ms, never_used_ms));
        while let Some(path) = self.sweep.due(now.monotonic_ms) {
            self.delete_container(path, out);
        }
    }
}
