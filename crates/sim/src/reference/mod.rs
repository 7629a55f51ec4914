//! What was ever committed: the first commit of a transaction fixes its place and its bytes, and
//! everything else is compared with that.

mod expect;
pub(crate) mod model;

use crate::client::Ask;
use crate::queue::Time;
use crate::trace::Verdict;
use model::Model;
use proto::peer::Entry;
use proto::txn::{Txn, TxnHeader, decode_entry};
use proto::{SessionId, Zxid};
use std::collections::BTreeMap;
use tree::{Outcome, Settings, Tree};

/// A committed transaction.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) zxid: Zxid,
    pub(crate) header: TxnHeader,
    pub(crate) txn: Txn,
    /// Of the tree after it.
    digest: u64,
}

/// A session's life in the order of transactions.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) ended: Option<Zxid>,
    last_cxid: i32,
}

/// A write somebody asked for, and is not known to have failed.
#[derive(Debug)]
struct Asked {
    ask: Ask,
    /// The client's connection it was sent on.
    connection: u64,
    settled: bool,
}

pub(crate) struct Reference {
    pub(crate) model: Model,
    tree: Tree,
    pub(crate) log: Vec<Committed>,
    pub(crate) sessions: BTreeMap<SessionId, Life>,
    asked: BTreeMap<(SessionId, i32), Asked>,
}

impl Reference {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            model: Model::new(),
            tree: Tree::new(settings),
            log: Vec::new(),
            sessions: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    pub(crate) fn last(&self) -> Zxid {
        self.log.last().map_or(Zxid::ZERO, |c| c.zxid)
    }

    /// The last transaction of earlier epochs.
    pub(crate) fn last_before(&self, epoch: u32) -> Zxid {
        let end = self.log.partition_point(|c| c.zxid.epoch() < epoch);
        end.checked_sub(1).map_or(Zxid::ZERO, |at| self.log[at].zxid)
    }

    pub(crate) fn find(&self, zxid: Zxid) -> Option<&Committed> {
        self.log.binary_search_by_key(&zxid, |c| c.zxid).ok().map(|at| &self.log[at])
    }

    /// The tree's digest after everything up to `zxid`, which need not be a transaction.
    pub(crate) fn digest_at(&self, zxid: Zxid) -> Option<u64> {
        let after = self.log.partition_point(|c| c.zxid <= zxid);
        after.checked_sub(1).map(|at| self.log[at].digest)
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// A client sent a write.
    pub(crate) fn asked(&mut self, session: SessionId, xid: i32, ask: Ask, connection: u64) {
        self.asked.insert((session, xid), Asked { ask, connection, settled: false });
    }

    /// A write was answered without a transaction.
    pub(crate) fn refused(&mut self, session: SessionId, xid: i32) {
        if let Some(asked) = self.asked.get_mut(&(session, xid)) {
            asked.settled = true;
        }
    }

    /// The next transaction in the order of all.
    pub(crate) fn commit(&mut self, now: Time, zxid: Zxid, entry: Entry, verdict: &mut Verdict) {
        let (header, txn, digest) = match decode_entry(&entry) {
            Ok(decoded) => decoded,
            Err(error) => return verdict.fail(now, "Integrity", format!("{zxid}: {error}")),
        };
        if zxid <= self.last() || header.zxid != zxid {
            let what = format!("{zxid} (header {}) committed after {}", header.zxid, self.last());
            return verdict.fail(now, "TotalOrder", what);
        }
        self.check_session(now, &header, &txn, verdict);
        self.check_request(now, &header, &txn, verdict);
        self.apply_to_model(&header, &txn);
        let outcome = self.tree.replay(&header, &txn);
        if let Outcome::Error(code) = outcome
            && !matches!(txn, Txn::Error(_))
        {
            verdict.fail(now, "NoPoison", format!("{zxid} does not apply: {code:?}"));
        }
        if digest.is_some_and(|digest| !self.tree.agrees_with(digest)) {
            verdict.fail(now, "Digest", format!("the digest in {zxid} is not that of the tree"));
        }
        if let Txn::CloseSession(_) = txn {
            let left: Vec<_> = self.model.owned_by(header.client_id.0).cloned().collect();
            verdict.require(now, "EphemeralOwner", left.is_empty(), || {
                format!("{left:?} outlive their session, closed by {zxid}")
            });
        }
        let digest = self.tree.digest();
        self.log.push(Committed { zxid, header, txn, digest });
    }

    fn check_session(&mut self, now: Time, header: &TxnHeader, txn: &Txn, verdict: &mut Verdict) {
        let (session, zxid) = (header.client_id, header.zxid);
        match txn {
            Txn::CreateSession(_) => {
                let life = Life { ended: None, last_cxid: 0 };
                if self.sessions.insert(session, life).is_some() {
                    verdict.fail(now, "Session", format!("{zxid} creates session {session} again"));
                }
            }
            Txn::CloseSession(_) => {
                if let Some(life) = self.sessions.get_mut(&session) {
                    life.ended.get_or_insert(zxid);
                }
            }
            Txn::Error(_) => {}
            Txn::Multi(parts) if parts.iter().any(|part| matches!(part, Txn::Error(_))) => {}
            _ if session == SessionId::NONE => {}
            _ => {
                let lives = self.sessions.get(&session).is_some_and(|life| life.ended.is_none());
                verdict.require(now, "Session", lives, || {
                    format!("{zxid} takes effect for session {session}, which does not live")
                });
            }
        }
    }

    fn check_request(&mut self, now: Time, header: &TxnHeader, txn: &Txn, verdict: &mut Verdict) {
        let (session, xid) = (header.client_id, header.cxid);
        if xid == 0 {
            return;
        }
        let Some(asked) = self.asked.get_mut(&(session, xid)) else {
            let what = format!("{} claims a request {session}/{xid} nobody sent", header.zxid);
            return verdict.fail(now, "Integrity", what);
        };
        if std::mem::replace(&mut asked.settled, true) {
            let what = format!("request {session}/{xid} took effect twice, by {}", header.zxid);
            return verdict.fail(now, "FifoClient", what);
        }
        if expect::is_turned_away(txn) {
            return;
        }
        let connection = asked.connection;
        if let Err(what) = expect::check(&asked.ask, session.0, txn, &self.model) {
            verdict.fail(now, "Versions", format!("{}: {what}", header.zxid));
        }
        if let Some(life) = self.sessions.get_mut(&session) {
            let before = std::mem::replace(&mut life.last_cxid, xid);
            verdict.require(now, "FifoClient", xid > before, || {
                format!("request {session}/{xid} took effect after {before}")
            });
            let mut skipped = self.asked.range((session, before.saturating_add(1).min(xid))..(session, xid));
            if let Some(((_, lost), _)) = skipped.find(|(_, a)| a.connection == connection && !a.settled) {
                let what = format!("request {session}/{xid} took effect, {lost} before it did not");
                verdict.fail(now, "FifoClient", what);
            }
        }
    }

    fn apply_to_model(&mut self, header: &TxnHeader, txn: &Txn) {
        let (zxid, time, model) = (header.zxid, header.time, &mut self.model);
        match txn {
            Txn::Create(_, t) => {
                let owner = if t.ephemeral { header.client_id.0 } else { 0 };
                model.create(&t.path, t.data.as_deref().unwrap_or_default(), owner, zxid, time);
            }
            Txn::Delete(_, path) => model.delete(path, zxid),
            Txn::SetData(_, t) => {
                model.set_data(&t.path, t.data.as_deref().unwrap_or_default(), t.version, zxid, time);
            }
            Txn::Multi(parts) if !parts.iter().any(|p| matches!(p, Txn::Error(_))) => {
                for part in parts {
                    self.apply_to_model(header, part);
                }
            }
            Txn::CloseSession(_) => {
                let paths: Vec<_> = model.owned_by(header.client_id.0).cloned().collect();
                for path in paths {
                    model.delete(&path, zxid);
                }
            }
            _ => {}
        }
    }
}
