//! The tree as one would write it down on a napkin: a map from paths to nodes, changed at once, with
//! no overlay, no indexes and no digest.

use crate::auth::{fixup_acl, may};
use crate::ops::WriteOp;
use crate::owner::{CONTAINER, ttl_owner};
use crate::settings::Settings;
use crate::testkit::DumpedNode;
use proto::acl::{Acl, Id, perms};
use proto::multi::MultiOp;
use proto::path::validate;
use proto::stat::StatPersisted;
use proto::{ErrorCode, OpCode, SessionId};
use std::collections::BTreeMap;

use ErrorCode::{
    BadArguments, BadVersion, MarshallingError, NoAuth, NoChildrenForEphemerals, NoNode, NodeExists,
    NotEmpty, ReconfigDisabled, RuntimeInconsistency, SessionExpired,
};

/// What everybody has to agree on.
#[derive(Clone)]
pub(super) struct Model {
    settings: Settings,
    pub(super) nodes: BTreeMap<String, DumpedNode>,
    pub(super) sessions: BTreeMap<SessionId, i32>,
}

/// Who asks when.
pub(super) struct Asker<'a> {
    pub(super) session: SessionId,
    pub(super) auth: &'a [Id],
    pub(super) zxid: i64,
    pub(super) time_ms: i64,
}

type Result<T> = std::result::Result<T, ErrorCode>;

fn parent_of(path: &str) -> Result<String> {
    let at = path.rfind('/').filter(|_| !path.contains('\0')).ok_or(BadArguments)?;
    Ok(if at == 0 { "/".into() } else { path[..at].into() })
}

impl Model {
    pub(super) fn new(settings: Settings, nodes: BTreeMap<String, DumpedNode>) -> Self {
        Self { settings, nodes, sessions: BTreeMap::new() }
    }

    fn node(&self, path: &str) -> Result<&DumpedNode> {
        self.nodes.get(path).ok_or(NoNode)
    }

    fn children(&self, path: &str) -> usize {
        self.nodes.keys().filter(|p| *p != "/" && parent_of(p).as_deref() == Ok(path)).count()
    }

    fn permit(&self, who: &Asker<'_>, path: &str, perms: i32) -> Result<()> {
        if may(&self.settings, &self.node(path)?.2, perms, who.auth) { Ok(()) } else { Err(NoAuth) }
    }

    fn alive(&self, who: &Asker<'_>) -> Result<()> {
        self.sessions.contains_key(&who.session).then_some(()).ok_or(SessionExpired)
    }

    /// Performs a write, or refuses it and stays as it was. The answer to a multi has a code for each
    /// of its parts.
    pub(super) fn run(&mut self, who: &Asker<'_>, op: &WriteOp<'_>) -> Result<Vec<i32>> {
        let part = match op.clone() {
            WriteOp::Multi(ops) => return Ok(self.multi(who, &ops)),
            WriteOp::CreateSession { timeout_ms } => {
                self.sessions.insert(who.session, timeout_ms);
                return Ok(vec![]);
            }
            WriteOp::CloseSession => {
                self.close(who);
                return Ok(vec![]);
            }
            WriteOp::SetAcl(request) => {
                self.alive(who)?;
                validate(&request.path).map_err(|_| BadArguments)?;
                let acl = fixup_acl(&self.settings, request.acl.as_deref(), who.auth)?;
                self.permit(who, &request.path, perms::ADMIN)?;
                let aversion = self.node(&request.path)?.1.aversion;
                self.version(aversion, request.version)?;
                let node = self.nodes.get_mut(&*request.path).unwrap();
                node.1.aversion += 1;
                node.2 = acl;
                return Ok(vec![]);
            }
            WriteOp::DeleteContainer(path) => {
                self.delete_container(who, &path)?;
                return Ok(vec![]);
            }
            WriteOp::Reconfig(_) | WriteOp::SetMembership(_) => return Err(ReconfigDisabled),
            WriteOp::Create(op, request) => MultiOp::Create(op, request),
            WriteOp::CreateTtl(request) => MultiOp::CreateTtl(request),
            WriteOp::Delete(request) => MultiOp::Delete(request),
            WriteOp::SetData(request) => MultiOp::SetData(request),
        };
        self.part(who, &part).map(|()| vec![])
    }

    fn multi(&mut self, who: &Asker<'_>, ops: &[MultiOp<'_>]) -> Vec<i32> {
        let before = self.clone();
        for (at, op) in ops.iter().enumerate() {
            if let Err(code) = self.part(who, op) {
                *self = before;
                let code = |n: usize| match n.cmp(&at) {
                    std::cmp::Ordering::Less => 0,
                    std::cmp::Ordering::Equal => code.code(),
                    std::cmp::Ordering::Greater => RuntimeInconsistency.code(),
                };
                return (0..ops.len()).map(code).collect();
            }
        }
        vec![0; ops.len()]
    }

    fn version(&self, current: i32, expected: i32) -> Result<()> {
        if expected == -1 || expected == current { Ok(()) } else { Err(BadVersion) }
    }

    fn part(&mut self, who: &Asker<'_>, op: &MultiOp<'_>) -> Result<()> {
        match op {
            MultiOp::Create(op, r) => {
                let owner = match (op, r.flags) {
                    (OpCode::CreateContainer, _) => CONTAINER,
                    (_, 1 | 3) => who.session.0,
                    _ => 0,
                };
                let sequential = matches!(r.flags, 2 | 3);
                self.create(who, &r.path, sequential, owner, r.data, r.acl.as_deref())
            }
            MultiOp::CreateTtl(r) => {
                if r.ttl == 0 {
                    return Err(BadArguments);
                }
                self.create(who, &r.path, r.flags == 6, ttl_owner(r.ttl), r.data, r.acl.as_deref())
            }
            MultiOp::Delete(r) => {
                self.alive(who)?;
                let parent = parent_of(&r.path)?;
                if ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"].contains(&&*r.path) {
                    return Err(BadArguments);
                }
                self.permit(who, &parent, perms::DELETE)?;
                self.version(self.node(&r.path)?.1.version, r.version)?;
                self.remove_childless(who, &r.path)
            }
            MultiOp::SetData(r) => {
                self.alive(who)?;
                validate(&r.path).map_err(|_| BadArguments)?;
                self.permit(who, &r.path, perms::WRITE)?;
                self.version(self.node(&r.path)?.1.version, r.version)?;
                let node = self.nodes.get_mut(&*r.path).unwrap();
                node.0 = r.data.map(<[u8]>::to_vec);
                node.1.version += 1;
                node.1.mzxid = who.zxid;
                node.1.mtime = who.time_ms;
                Ok(())
            }
            MultiOp::Check(r) => {
                self.alive(who)?;
                validate(&r.path).map_err(|_| BadArguments)?;
                self.permit(who, &r.path, perms::READ)?;
                self.version(self.node(&r.path)?.1.version, r.version)
            }
            _ => Err(MarshallingError),
        }
    }

    fn create(
        &mut self,
        who: &Asker<'_>,
        path: &str,
        sequential: bool,
        owner: i64,
        data: Option<&[u8]>,
        acl: Option<&[Acl]>,
    ) -> Result<()> {
        self.alive(who)?;
        let parent = parent_of(path)?;
        let acl = fixup_acl(&self.settings, acl, who.auth)?;
        self.permit(who, &parent, perms::CREATE)?;
        let above = self.node(&parent)?.1;
        let path = if sequential { format!("{path}{:010}", above.cversion) } else { path.to_owned() };
        validate(&path).map_err(|_| BadArguments)?;
        if self.nodes.contains_key(&path) {
            return Err(NodeExists);
        }
        if SessionId(above.ephemeral_owner) > SessionId(0) {
            return Err(NoChildrenForEphemerals);
        }
        let parent = &mut self.nodes.get_mut(&parent).unwrap().1;
        parent.cversion += 1;
        parent.pzxid = who.zxid;
        let stat = StatPersisted {
            czxid: who.zxid,
            mzxid: who.zxid,
            pzxid: who.zxid,
            ctime: who.time_ms,
            mtime: who.time_ms,
            ephemeral_owner: owner,
            ..StatPersisted::default()
        };
        self.nodes.insert(path, (data.map(<[u8]>::to_vec), stat, acl));
        Ok(())
    }

    fn delete_container(&mut self, who: &Asker<'_>, path: &str) -> Result<()> {
        parent_of(path)?;
        if ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"].contains(&path) {
            return Err(BadArguments);
        }
        let owner = self.node(path)?.1.ephemeral_owner;
        if self.children(path) > 0 {
            return Err(NotEmpty);
        }
        if owner >= 0 {
            return Err(BadVersion);
        }
        self.remove_childless(who, path)
    }

    fn remove_childless(&mut self, who: &Asker<'_>, path: &str) -> Result<()> {
        if self.children(path) > 0 {
            return Err(NotEmpty);
        }
        self.nodes.remove(path);
        self.nodes.get_mut(&parent_of(path)?).unwrap().1.pzxid = who.zxid;
        Ok(())
    }

    fn close(&mut self, who: &Asker<'_>) {
        let owned = |node: &DumpedNode| node.1.ephemeral_owner == who.session.0;
        let paths: Vec<_> = self.nodes.iter().filter(|(_, n)| owned(n)).map(|(p, _)| p.clone()).collect();
        for path in paths {
            self.remove_childless(who, &path).unwrap();
        }
        self.sessions.remove(&who.session);
    }
}
