//! Connections with a session, and what they wait for.
//!
//! Per connection the node keeps what it has submitted and not been answered, so that replies leave in
//! request order and a read behind a write sees that write and none after it.

use crate::delivery::ConnId;
use crate::member::Request;
use proto::acl::Id;
use proto::txn::TxnHeader;
use proto::{ErrorCode, OpCode, SessionId, Zxid};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Something a connection submitted and has no answer to.
#[derive(Debug)]
pub(crate) enum Pending {
    Write {
        xid: i32,
        op: OpCode,
        started_ms: u64,
        /// Its transaction; `None` when the leader is elsewhere: then session and xid tell.
        zxid: Option<Zxid>,
    },
    Read(Request),
    Sync {
        request: Request,
        done: bool,
    },
    Refusal {
        xid: i32,
        zxid: Option<Zxid>,
        code: ErrorCode,
        started_ms: u64,
        last: bool,
    },
}

impl Pending {
    /// Whether it keeps what is behind it waiting.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Sync { done: false, .. })
    }
}

/// A connection with a session, or about to have one.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) session: SessionId,
    pub(crate) auth: Arc<[Id]>,
    pub(crate) pending: VecDeque<Pending>,
    /// Transactions up to here are no answers: they were on their way before there was this connection, and
    /// some clients begin to count their requests anew with each one.
    since: Zxid,
}

impl Attached {
    pub(crate) fn new(session: SessionId, auth: Arc<[Id]>, since: Zxid) -> Self {
        Self { session, auth, pending: VecDeque::new(), since }
    }

    /// Whether this transaction is the outcome of that request.
    fn is_outcome(&self, pending: &Pending, header: &TxnHeader) -> bool {
        match pending {
            Pending::Write { zxid: Some(zxid), .. } => *zxid == header.zxid,
            Pending::Write { xid, zxid: None, .. } => {
                *xid == header.cxid && self.session == header.client_id && header.zxid > self.since
            }
            _ => false,
        }
    }

    /// The write at the head of the queue, if this transaction is its outcome.
    pub(crate) fn take_answered(&mut self, header: &TxnHeader) -> Option<(OpCode, u64)> {
        if !self.is_outcome(self.pending.front()?, header) {
            return None;
        }
        match self.pending.pop_front()? {
            Pending::Write { op, started_ms, .. } => Some((op, started_ms)),
            _ => None,
        }
    }

    /// Whether this transaction is the outcome of a write that is not at the head of the queue: an answer
    /// before it was lost, and nothing that follows can be put in order.
    pub(crate) fn is_out_of_step(&self, header: &TxnHeader) -> bool {
        self.pending.iter().skip(1).any(|pending| self.is_outcome(pending, header))
    }

    pub(crate) fn finish_sync(&mut self, xid: i32) {
        for pending in &mut self.pending {
            if let Pending::Sync { request, done } = pending
                && request.xid == xid
                && !*done
            {
                *done = true;
                return;
            }
        }
    }
}

/// What waits for the leader's word.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    /// Sessions being created, and the connections that asked.
    pub(crate) opening: BTreeMap<SessionId, ConnId>,
    /// Sessions a leader was asked about, oldest question first: who wants it, and the timeout granted.
    pub(crate) renewing: BTreeMap<SessionId, VecDeque<(ConnId, i32)>>,
    /// Sessions granted to connections that have yet to hear of it, and their timeouts.
    pub(crate) granted: BTreeMap<ConnId, (SessionId, i32)>,
    /// Writes a leader was sent whose connections are gone: their outcomes answer nobody.
    orphans: BTreeMap<SessionId, VecDeque<i32>>,
    /// `sync` requests on their way to the leader, oldest first.
    pub(crate) syncing: VecDeque<(ConnId, i32)>,
    /// `sync` requests answered once this zxid is applied.
    pub(crate) synced: VecDeque<(Zxid, ConnId, i32)>,
    /// Sessions heard from since the leader asked last.
    pub(crate) touched: BTreeMap<SessionId, i32>,
}

impl Clients {
    /// How many things are kept.
    pub(crate) fn len(&self) -> usize {
        let sessions = self.opening.len() + self.renewing.len() + self.granted.len();
        sessions + self.orphans.len() + self.syncing.len() + self.synced.len()
    }

    /// Remembers what a connection that is gone leaves unanswered at the leader.
    pub(crate) fn orphan(&mut self, attached: Attached) {
        for pending in attached.pending {
            if let Pending::Write { xid, zxid: None, .. } = pending {
                self.orphans.entry(attached.session).or_default().push_back(xid);
            }
        }
    }

    /// Whether this transaction is the outcome of a write whose connection is gone.
    pub(crate) fn take_orphan(&mut self, header: &TxnHeader) -> bool {
        let Some(cxids) = self.orphans.get_mut(&header.client_id) else { return false };
        let found = cxids.pop_front_if(|cxid| *cxid == header.cxid).is_some();
        if cxids.is_empty() {
            self.orphans.remove(&header.client_id);
        }
        found
    }

    /// Forgets a session that is gone.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.touched.remove(&session);
        self.orphans.remove(&session);
    }
}
