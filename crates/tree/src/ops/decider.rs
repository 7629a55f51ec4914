//! The leader's desk: the tree with everything outstanding on top, and the rules all writes share.

use super::prepared::{Context, QuotaWarning};
use crate::auth;
use crate::digest::Prefix;
use crate::edit::parent_path;
use crate::outstanding::{Outstanding, Record, Use};
use crate::quota::{self, Quota};
use crate::settings::Settings;
use crate::tree::Tree;
use proto::ErrorCode;
use proto::acl::Acl;

/// Nodes that cannot be deleted.
const SYSTEM_NODES: [&str; 4] = ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"];

/// Decides one write.
pub(crate) struct Decider<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) pending: &'a mut Outstanding,
    pub(crate) ctx: &'a Context<'a>,
    pub(crate) warnings: Vec<QuotaWarning>,
    /// Bytes by which the transaction may be larger than its request.
    pub(crate) grown: usize,
}

/// What a create adds to its request: the sequence number, the parent's count, its place in a multi.
const GROWTH_OF_ANY: usize = 32;

impl<'a> Decider<'a> {
    pub(crate) fn settings(&self) -> &'a Settings {
        &self.tree.settings
    }

    /// The node at a path as it will be, if it will be there.
    pub(crate) fn lookup(&self, path: &str) -> Option<Record> {
        let path = if path.is_empty() { "/" } else { path };
        if let Some(change) = self.pending.change(path) {
            return change.record.clone();
        }
        let id = self.tree.nodes.find(path)?;
        let node = self.tree.nodes.get(id);
        Some(Record {
            stat: self.tree.nodes.stat(id),
            children: self.tree.nodes.children(id),
            acl: self.tree.acl_of(id).clone(),
            data_len: node.data_len(),
            prefix: self.prefix(path, node.data()),
        })
    }

    /// The same, an error when it will not be there.
    pub(crate) fn existing(&self, path: &str) -> Result<Record, ErrorCode> {
        self.lookup(path).ok_or(ErrorCode::NoNode)
    }

    /// The CRC of path and data that a [`Record`] needs.
    pub(crate) fn prefix(&self, path: &str, data: Option<&[u8]>) -> Prefix {
        if self.settings().digest { Prefix::new(path, data) } else { Prefix::NONE }
    }

    /// The list to store for the one requested. What replacing `auth` adds is bounded over the whole
    /// request: a transaction that cannot be read back must never be logged (HC-65).
    pub(crate) fn fixup_acl(&mut self, requested: Option<&[Acl]>) -> Result<Vec<Acl>, ErrorCode> {
        let fixed = auth::fixup_acl(self.settings(), requested, self.ctx.auth)?;
        let bytes = |list: &[Acl]| list.iter().map(|a| 12 + a.id.scheme.len() + a.id.id.len()).sum::<usize>();
        self.grown += bytes(&fixed).saturating_sub(bytes(requested.unwrap_or_default())) + GROWTH_OF_ANY;
        if self.grown > self.settings().txn_growth_max { Err(ErrorCode::InvalidAcl) } else { Ok(fixed) }
    }

    /// The session that asks must be there, and not on its way out (HC-68).
    pub(crate) fn require_session(&self) -> Result<(), ErrorCode> {
        let session = self.ctx.session;
        let replicated = || self.tree.has_session(session) || self.ctx.unreplicated.is_some();
        let lives = self.pending.session_lives(session).unwrap_or_else(replicated);
        if lives { Ok(()) } else { Err(ErrorCode::SessionExpired) }
    }

    /// An ephemeral node's owner must be known everywhere, or its node would outlive it (HC-73).
    pub(crate) fn require_replicated_session(&self) -> Result<(), ErrorCode> {
        match self.ctx.unreplicated {
            Some(code) if self.pending.session_lives(self.ctx.session) != Some(true) => Err(code),
            _ => self.require_session(),
        }
    }

    /// The connection must have one of the permissions on a node.
    pub(crate) fn require(&self, node: &Record, perms: i32) -> Result<(), ErrorCode> {
        let granted = auth::may(self.settings(), &node.acl, perms, self.ctx.auth);
        if granted { Ok(()) } else { Err(ErrorCode::NoAuth) }
    }

    /// Notes a node's new state: what it was before, and what it will be.
    pub(crate) fn put(&mut self, path: &str, before: Option<&Record>, after: Option<Record>) {
        if self.settings().digest {
            let part = |record: Option<&Record>| record.map_or(0, Record::digest_part);
            let digest = self.digest().wrapping_sub(part(before)).wrapping_add(part(after.as_ref()));
            self.pending.set_digest(digest);
        }
        let path = if path.is_empty() { "/" } else { path };
        self.pending.put(self.ctx.zxid, path, after);
    }

    /// The digest after everything decided so far.
    pub(crate) fn digest(&self) -> u64 {
        self.pending.digest().unwrap_or(self.tree.digest)
    }

    /// Removes a node and notes that in its parent.
    pub(crate) fn put_deleted(&mut self, path: &str, node: &Record, parent_path: &str, parent: &Record) {
        let mut after = parent.clone();
        after.children = after.children.saturating_sub(1);
        after.stat.pzxid = self.ctx.zxid.0;
        self.put(parent_path, Some(parent), Some(after));
        self.put(path, Some(node), None);
        self.charge(path, Use { count: -1, bytes: -(node.data_len as i64) });
    }

    /// Notes use of the quota covering a path, if there is one.
    pub(crate) fn charge(&mut self, path: &str, usage: Use) {
        if let Some(covered) = self.tree.quotas.covering(path) {
            self.pending.charge(self.ctx.zxid, covered, usage);
        }
    }

    /// Refuses what a hard quota forbids; notes what a soft one would not have.
    ///
    /// //= java: ZooKeeperServer.checkQuota
    pub(crate) fn check_quota(&mut self, path: &str, more: Use) -> Result<(), ErrorCode> {
        let Some(covered) = self.tree.quotas.covering(path) else { return Ok(()) };
        let read = |name| {
            let id = self.tree.quota_node(covered, name)?;
            Some(Quota::parse(self.tree.nodes.get(id).data()))
        };
        let (Some(limits), Some(used)) = (read(quota::LIMITS), read(quota::STATS)) else { return Ok(()) };
        let pending = self.pending.usage(covered);
        for (what, soft, hard, more, total) in [
            ("count", limits.count, limits.count_hard, more.count, used.count + pending.count + more.count),
            ("bytes", limits.bytes, limits.bytes_hard, more.bytes, used.bytes + pending.bytes + more.bytes),
        ] {
            let is_hard = hard > -1;
            let limit = if is_hard { hard } else { soft };
            if more == 0 || limit <= -1 || total <= limit {
                continue;
            }
            let path = covered.to_owned();
            self.warnings.push(QuotaWarning { path, what, used: total, limit, hard: is_hard });
            if is_hard && self.settings().enforce_quota {
                return Err(ErrorCode::QuotaExceeded);
            }
        }
        Ok(())
    }
}

/// Checks a whole path.
pub(crate) fn valid(path: &str) -> Result<(), ErrorCode> {
    proto::path::validate(path).map_err(|_| ErrorCode::BadArguments)
}

/// The parent of a path that is to be created: more is checked once its final name is known.
pub(crate) fn creatable(path: &str) -> Result<&str, ErrorCode> {
    if path.contains('\0') { None } else { parent_path(path) }.ok_or(ErrorCode::BadArguments)
}

/// The parent of a path that is to be deleted. The system's own nodes are not.
pub(crate) fn deletable(path: &str) -> Result<&str, ErrorCode> {
    if SYSTEM_NODES.contains(&path) { Err(ErrorCode::BadArguments) } else { creatable(path) }
}

/// The version after `current`, if `expected` (-1: any) is met. -1 is passed over, because a client
/// that got it as a version could not ask for it (HC-106).
pub(crate) fn next_version(current: i32, expected: i32) -> Result<i32, ErrorCode> {
    if expected != -1 && expected != current {
        return Err(ErrorCode::BadVersion);
    }
    Ok(match current.wrapping_add(1) {
        -1 => 0,
        next => next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hc_106_no_version_is_ever_minus_one() {
        assert_eq!(next_version(-2, -2), Ok(0));
        assert_eq!(next_version(i32::MAX, -1), Ok(i32::MIN));
        assert_eq!(next_version(4, 4), Ok(5));
        assert_eq!(next_version(4, 3), Err(ErrorCode::BadVersion));
        assert_eq!(next_version(-1, -1), Ok(0));
    }

    #[test]
    fn hc_105_the_systems_nodes_cannot_be_deleted() {
        for path in ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "", "a", "/a\0"] {
            assert_eq!(deletable(path), Err(ErrorCode::BadArguments), "{path}");
        }
        assert_eq!(deletable("/a"), Ok("/"));
        assert_eq!(deletable("/zookeeper/quota/a"), Ok("/zookeeper/quota"));
    }
}
