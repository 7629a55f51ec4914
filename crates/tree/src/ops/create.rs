//! `create`, `create2`, `createContainer`, `createTTL`.
//!
//! //= java: PrepRequestProcessor.pRequest2TxnCreate, DataTree.createNode

use super::decider::{Decider, creatable, valid};
use super::outcome::Outcome;
use crate::outstanding::{Record, Use};
use crate::owner::{self, CONTAINER, Owner, TTL_MAX_MS, ttl_owner};
use crate::quota::{self, quota_path};
use crate::tree::Tree;
use crate::watches::Effects;
use proto::acl::{Acl, perms};
use proto::request::{CreateMode, CreateRequest, CreateTtlRequest};
use proto::stat::StatPersisted;
use proto::txn::{CreateContainerTxn, CreateTtlTxn, CreateTxn, Txn, TxnHeader};
use proto::{ErrorCode, OpCode};

/// Decides a `createTTL`.
pub(super) fn prepare_ttl(on: &mut Decider<'_>, request: &CreateTtlRequest<'_>) -> Result<Txn, ErrorCode> {
    let create = CreateRequest {
        path: request.path.as_ref().into(),
        data: request.data,
        acl: request.acl.clone(),
        flags: request.flags,
    };
    prepare(on, OpCode::CreateTtl, &create, Some(request.ttl))
}

/// Decides any create.
pub(super) fn prepare(
    on: &mut Decider<'_>,
    op: OpCode,
    request: &CreateRequest<'_>,
    ttl_ms: Option<i64>,
) -> Result<Txn, ErrorCode> {
    let mode = check_mode(on, request.flags, ttl_ms)?;
    if mode.is_ephemeral() {
        on.require_replicated_session()?;
    } else {
        on.require_session()?;
    }
    let parent_path = creatable(&request.path)?;
    let acl = on.fixup_acl(request.acl.as_deref())?;
    let parent = on.existing(parent_path)?;
    on.require(&parent, perms::CREATE)?;
    let path = final_path(&request.path, mode, parent.stat.cversion);
    valid(&path)?;
    if is_poison(&path) {
        return Err(ErrorCode::BadArguments);
    }
    if on.lookup(&path).is_some() {
        return Err(ErrorCode::NodeExists);
    }
    if matches!(owner::classify(on.settings(), parent.stat.ephemeral_owner), Owner::Session(_)) {
        return Err(ErrorCode::NoChildrenForEphemerals);
    }
    let usage = Use { count: 1, bytes: request.data.map_or(0, <[u8]>::len) as i64 };
    on.check_quota(&path, usage)?;

    let parent_cversion = parent.stat.cversion.wrapping_add(1);
    let data = request.data.map(<[u8]>::to_vec);
    let owner = match (op, ttl_ms) {
        (OpCode::CreateContainer, _) => CONTAINER,
        (_, Some(ttl_ms)) => ttl_owner(ttl_ms),
        _ if mode.is_ephemeral() => on.ctx.session.0,
        _ => 0,
    };
    note(on, &path, (parent_path, parent, parent_cversion), request.data, &acl, owner);
    on.charge(&path, usage);
    Ok(match (op, ttl_ms) {
        (OpCode::CreateContainer, _) => {
            Txn::CreateContainer(CreateContainerTxn { path, data, acl, parent_cversion })
        }
        (_, Some(ttl)) => Txn::CreateTtl(CreateTtlTxn { path, data, acl, parent_cversion, ttl }),
        _ => {
            let ephemeral = mode.is_ephemeral();
            Txn::Create(op, CreateTxn { path, data, acl, ephemeral, parent_cversion })
        }
    })
}

/// Flags that mean something, and a time to live exactly where there has to be one (HC-76). The
/// reference lets a `createTTL` with plain flags and a negative time pass, and dies of it.
fn check_mode(on: &Decider<'_>, flags: i32, ttl_ms: Option<i64>) -> Result<CreateMode, ErrorCode> {
    let mode = CreateMode::from_flags(flags).ok_or(ErrorCode::BadArguments)?;
    if mode.is_ttl() && !on.settings().extended_types {
        return Err(ErrorCode::Unimplemented);
    }
    match ttl_ms {
        Some(ttl_ms) if mode.is_ttl() && (1..=TTL_MAX_MS).contains(&ttl_ms) => Ok(mode),
        None if !mode.is_ttl() => Ok(mode),
        _ => Err(ErrorCode::BadArguments),
    }
}

/// Limits on the root: the reference dies of them, again at every start on the same log, so a log must
/// not hold them.
fn is_poison(path: &str) -> bool {
    path.strip_prefix(quota::QUOTA_NODE).and_then(|rest| rest.strip_prefix('/')) == Some(quota::LIMITS)
}

/// The name a node gets: sequential ones end in the number of creations their parent has seen, ten
/// digits in ASCII whatever the locale (HC-107, HC-108).
fn final_path(path: &str, mode: CreateMode, parent_cversion: i32) -> String {
    if mode.is_sequential() { format!("{path}{parent_cversion:010}") } else { path.to_owned() }
}

/// Notes the new node and its parent as outstanding.
fn note(
    on: &mut Decider<'_>,
    path: &str,
    (parent_path, parent, cversion): (&str, Record, i32),
    data: Option<&[u8]>,
    acl: &[Acl],
    owner: i64,
) {
    let zxid = on.ctx.zxid;
    let mut after = parent.clone();
    after.children += 1;
    after.stat.cversion = cversion;
    after.stat.pzxid = zxid.0;
    on.put(parent_path, Some(&parent), Some(after));
    let record = Record {
        stat: fresh_stat(zxid.0, on.ctx.time_ms, owner),
        children: 0,
        acl: acl.into(),
        data_len: data.map_or(0, <[u8]>::len),
        prefix: on.prefix(path, data),
    };
    on.put(path, None, Some(record));
    if matches!(owner::classify(on.settings(), owner), Owner::Session(_)) {
        on.pending.created_by(zxid, on.ctx.session, path);
    }
}

fn fresh_stat(zxid: i64, time: i64, ephemeral_owner: i64) -> StatPersisted {
    StatPersisted {
        czxid: zxid,
        mzxid: zxid,
        pzxid: zxid,
        ctime: time,
        mtime: time,
        ephemeral_owner,
        ..StatPersisted::default()
    }
}

/// What the kinds of creates have in common when they are applied.
struct NewNode<'a> {
    path: &'a str,
    data: Option<&'a [u8]>,
    acl: &'a [Acl],
    owner: i64,
    parent_cversion: i32,
}

/// Performs a `create` or `create2`.
pub(super) fn apply(
    tree: &mut Tree,
    header: &TxnHeader,
    _op: OpCode,
    txn: &CreateTxn,
    effects: &mut Effects<'_>,
) -> Outcome {
    let new = NewNode {
        path: &txn.path,
        data: txn.data.as_deref(),
        acl: &txn.acl,
        owner: if txn.ephemeral { header.client_id.0 } else { 0 },
        parent_cversion: txn.parent_cversion,
    };
    insert(tree, header, &new, effects)
}

/// Performs a `createContainer`.
pub(super) fn apply_container(
    tree: &mut Tree,
    header: &TxnHeader,
    txn: &CreateContainerTxn,
    effects: &mut Effects<'_>,
) -> Outcome {
    let new = NewNode {
        path: &txn.path,
        data: txn.data.as_deref(),
        acl: &txn.acl,
        owner: CONTAINER,
        parent_cversion: txn.parent_cversion,
    };
    insert(tree, header, &new, effects)
}

/// Performs a `createTTL`. A time out of range, which older servers let into their logs, makes a plain
/// node.
pub(super) fn apply_ttl(
    tree: &mut Tree,
    header: &TxnHeader,
    txn: &CreateTtlTxn,
    effects: &mut Effects<'_>,
) -> Outcome {
    let new = NewNode {
        path: &txn.path,
        data: txn.data.as_deref(),
        acl: &txn.acl,
        owner: if (1..=TTL_MAX_MS).contains(&txn.ttl) { ttl_owner(txn.ttl) } else { 0 },
        parent_cversion: txn.parent_cversion,
    };
    insert(tree, header, &new, effects)
}

fn insert(tree: &mut Tree, header: &TxnHeader, new: &NewNode<'_>, effects: &mut Effects<'_>) -> Outcome {
    let path = new.path;
    let Some((parent, parent_path)) = tree.parent_meant(path, header.zxid) else {
        return Outcome::Error(ErrorCode::NoNode);
    };
    tree.raise_cversion(parent, parent_path, new.parent_cversion, header.zxid);
    let acl = tree.acls.acquire(new.acl);
    if tree.nodes.find(path).is_some() {
        // Only over a fuzzy snapshot, which may not know the list.
        let unused = match tree.meant(path, header.zxid) {
            Some(id) => std::mem::replace(&mut tree.nodes.get_mut(id).acl, acl),
            None => acl,
        };
        tree.acls.release(unused);
        return Outcome::Error(ErrorCode::NodeExists);
    }
    let stat = fresh_stat(header.zxid.0, header.time, new.owner);
    let id = tree.attach(parent, path, new.data, &stat, acl);
    // Taken before quotas touch the node: a stats node answers with what its client wrote.
    let stat = tree.stat_of(id);
    if let Some(covered) = quota_path(path, quota::LIMITS) {
        tree.quotas.insert(covered);
    }
    if let Some(covered) = quota_path(path, quota::STATS) {
        tree.recount(covered);
    }
    tree.charge(path, 1, new.data.map_or(0, <[u8]>::len) as i64);
    if effects.anyone_listens() {
        effects.created(path, tree.acl_of(id), parent_path, tree.acl_of(parent));
    }
    Outcome::Created { path: path.to_owned(), stat }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::WriteOp;
    use crate::testkit::*;

    #[test]
    fn a_create_sets_node_and_parent_as_documented() {
        let mut w = World::new();
        let Outcome::Created { path, stat } = w.ok(&create("/a")) else { panic!() };
        assert_eq!((path.as_str(), stat.czxid, stat.mzxid, stat.pzxid), ("/a", 2, 2, 2));
        assert_eq!((stat.ctime, stat.mtime, stat.data_length), (w.time_ms, w.time_ms, 4));
        let root = w.stat("/").unwrap();
        assert_eq!((root.cversion, root.num_children, root.pzxid), (0, 2, 2));
    }

    #[test]
    fn hc_73_a_session_without_a_transaction_owns_no_node() {
        let mut w = World::new();
        let local = proto::SessionId(0x300);
        for code in [ErrorCode::EphemeralOnLocalSession, ErrorCode::SessionExpired] {
            w.unreplicated = Some(code);
            assert!(matches!(w.run_as(local, &create("/p")), Outcome::Created { .. }));
            assert_eq!(w.run_as(local, &create_with("/e", 1)), Outcome::Error(code));
            assert_eq!(w.run_as(local, &create_with("/e", 3)), Outcome::Error(code));
            assert_eq!(w.run_as(local, &delete("/p")), Outcome::None);
        }
        // From the proposal of its session on it does, and from that of its close on it does nothing.
        w.submit(local, &WriteOp::CreateSession { timeout_ms: 1 });
        assert!(matches!(w.submit(local, &create_with("/e", 1)).txn, Txn::Create(..)));
        w.submit(local, &WriteOp::CloseSession);
        let late = w.submit(local, &create_with("/late", 1));
        assert_eq!(late.txn, Txn::Error(ErrorCode::SessionExpired.code()));
        let late = w.submit(local, &create("/late"));
        assert_eq!(late.txn, Txn::Error(ErrorCode::SessionExpired.code()));
        while !w.queue.is_empty() {
            w.apply_next();
        }
        assert_eq!(w.tree.ephemerals_count(), 0);
    }

    #[test]
    fn refusals_come_in_the_references_order() {
        let mut w = World::new();
        w.ok(&create("/a"));
        w.ok(&create_with("/e", 1));
        w.ok(&set_acl("/a", vec![Acl { perms: perms::READ, id: proto::acl::Id::anyone() }]));
        let acl = |path: &'static str, acl| {
            WriteOp::Create(OpCode::Create, CreateRequest { path: path.into(), data: None, acl, flags: 0 })
        };
        for (op, code) in [
            (create_with("nonsense", 7), ErrorCode::BadArguments),
            (create_with("/x", 5), ErrorCode::BadArguments),
            (create_with("", 0), ErrorCode::BadArguments),
            (create_with("noslash", 0), ErrorCode::BadArguments),
            (acl("/none/x", None), ErrorCode::InvalidAcl),
            (acl("/none/x", Some(vec![])), ErrorCode::InvalidAcl),
            (create("/none/x"), ErrorCode::NoNode),
            (create("a/b"), ErrorCode::NoNode),
            (create("/a/x"), ErrorCode::NoAuth),
            (create("/a//"), ErrorCode::NoNode),
            (create("/e/"), ErrorCode::BadArguments),
            (create("/."), ErrorCode::BadArguments),
            (create("/e"), ErrorCode::NodeExists),
            (create("/"), ErrorCode::NodeExists),
            (create("/e/x"), ErrorCode::NoChildrenForEphemerals),
            (create("/zookeeper/quota/zookeeper_limits"), ErrorCode::BadArguments),
        ] {
            assert_eq!(w.err(&op), code, "{op:?}");
        }
        assert_eq!(
            w.run_as(proto::SessionId(77), &create_with("bad", 1)),
            Outcome::Error(ErrorCode::SessionExpired)
        );
        check_derived(&w.tree);
    }

    #[test]
    fn hc_108_sequence_numbers_count_all_creations_and_see_outstanding_ones() {
        let mut w = World::new();
        w.ok(&create("/p"));
        w.ok(&create("/p/plain"));
        w.ok(&delete("/p/plain"));
        let names: Vec<_> = (0..3).map(|_| w.submit(SESSION, &create_with("/p/s-", 2)).txn).collect();
        for (n, txn) in names.into_iter().enumerate() {
            let Txn::Create(_, txn) = txn else { panic!() };
            assert_eq!(txn.path, format!("/p/s-{:010}", n + 1));
        }
        let Outcome::Created { path, .. } = w.ok(&create_with("/p/", 2)) else { panic!() };
        assert_eq!(path, "/p/0000000004");
    }

    #[test]
    fn hc_107_the_sequence_turns_negative_and_goes_on() {
        let mut w = World::new();
        w.ok(&create("/p"));
        let p = w.tree.nodes.find("/p").unwrap();
        w.tree.restat(p, "/p", |stat| stat.cversion = i32::MAX);
        let mut names = Vec::new();
        for _ in 0..3 {
            let Outcome::Created { path, .. } = w.ok(&create_with("/p/", 2)) else { panic!() };
            names.push(path);
        }
        assert_eq!(names, ["/p/2147483647", "/p/-2147483648", "/p/-2147483647"]);
    }

    #[test]
    fn hc_76_times_to_live_are_checked_before_they_are_proposed() {
        let mut w = World::new();
        for (flags, ttl, code) in [
            (5, 0, ErrorCode::BadArguments),
            (5, -1, ErrorCode::BadArguments),
            (6, TTL_MAX_MS + 1, ErrorCode::BadArguments),
            (0, 5, ErrorCode::BadArguments),
            (0, -1, ErrorCode::BadArguments),
            (7, 5, ErrorCode::BadArguments),
        ] {
            assert_eq!(w.err(&create_ttl("/t", flags, ttl)), code, "{flags} {ttl}");
        }
        let Outcome::Created { stat, .. } = w.ok(&create_ttl("/t", 5, TTL_MAX_MS)) else { panic!() };
        assert_eq!(stat.ephemeral_owner, 0);
        let mut plain = World::with(crate::Settings::default());
        assert_eq!(plain.err(&create_ttl("/t", 5, 9)), ErrorCode::Unimplemented);
        assert_eq!(plain.err(&create_with("/t", 6)), ErrorCode::Unimplemented);
    }

    #[test]
    fn only_the_operation_makes_a_container() {
        let mut w = World::new();
        w.ok(&create_container("/c"));
        w.ok(&create_with("/plain", 4));
        assert_eq!(w.tree.nodes.owner(w.tree.nodes.find("/c").unwrap()), CONTAINER);
        assert_eq!(w.tree.nodes.owner(w.tree.nodes.find("/plain").unwrap()), 0);
        assert_eq!(w.stat("/c").unwrap().ephemeral_owner, 0);
    }

    #[test]
    fn hc_82_containers_expire_when_they_were_used_and_are_empty_again() {
        let mut w = World::new();
        for op in [create_container("/new"), create_container("/used"), create_container("/busy")] {
            w.ok(&op);
        }
        w.ok(&create_ttl("/ttl", 5, 100));
        for path in ["/used/x", "/busy/x"] {
            w.ok(&create(path));
        }
        w.ok(&delete("/used/x"));
        let now = w.time_ms;
        assert_eq!(w.tree.expired_containers(now, 0), ["/used"]);
        assert_eq!(w.tree.expired_containers(now + 1000, 0), ["/used", "/ttl"]);
        assert_eq!(w.tree.expired_containers(now + 1000, 500), ["/new", "/used", "/ttl"]);
    }

    #[test]
    fn a_hard_quota_refuses_and_a_soft_one_warns() {
        let enforced = crate::Settings { enforce_quota: true, ..crate::Settings::default() };
        let mut w = World::with(enforced);
        for path in ["/q", "/zookeeper/quota/q"] {
            w.ok(&create(path));
        }
        let limits = b"count=2,bytes=9=;byteHardLimit=20;countHardLimit=3";
        for (path, data) in [("zookeeper_limits", &limits[..]), ("zookeeper_stats", b"")] {
            w.ok(&create(&format!("/zookeeper/quota/q/{path}")));
            w.ok(&set_data(&format!("/zookeeper/quota/q/{path}"), data, -1));
        }
        // What a client writes into the stats node stays there until the next change.
        w.ok(&set_data("/zookeeper/quota/q/zookeeper_stats", b"count=1,bytes=4", -1));
        w.ok(&create("/q/a"));
        let over = w.submit(SESSION, &create("/q/b"));
        assert_eq!(over.warnings, []);
        w.apply_next();
        assert_eq!(w.err(&create("/q/c")), ErrorCode::QuotaExceeded);
        assert_eq!(w.err(&set_data("/q/a", &[0; 20], -1)), ErrorCode::QuotaExceeded);
        w.ok(&create("/other"));
        let stats = w.tree.nodes.find("/zookeeper/quota/q/zookeeper_stats").unwrap();
        assert_eq!(w.tree.nodes.get(stats).data(), Some(&b"count=3,bytes=12"[..]));
    }

    #[test]
    fn hc_101_quotas_see_what_is_outstanding() {
        let mut w = World::with(crate::Settings { enforce_quota: true, ..crate::Settings::default() });
        for path in ["/q", "/zookeeper/quota/q", "/zookeeper/quota/q/zookeeper_limits"] {
            w.ok(&create(path));
        }
        w.ok(&set_data("/zookeeper/quota/q/zookeeper_limits", b"count=-1,bytes=-1=;countHardLimit=2", -1));
        w.ok(&create("/zookeeper/quota/q/zookeeper_stats"));
        assert!(matches!(w.submit(SESSION, &create("/q/a")).txn, Txn::Create(..)));
        let refused = w.submit(SESSION, &create("/q/b"));
        assert_eq!(refused.txn, Txn::Error(ErrorCode::QuotaExceeded.code()));
        assert_eq!((refused.warnings[0].used, refused.warnings[0].limit), (3, 2));
        w.submit(SESSION, &delete("/q/a"));
        assert!(matches!(w.submit(SESSION, &create("/q/b")).txn, Txn::Create(..)));
    }

    #[test]
    fn hc_98_a_replayed_create_only_raises_the_parents_count() {
        let mut w = World::new();
        w.ok(&create("/p"));
        for n in 0..3 {
            w.ok(&create(&format!("/p/{n}")));
        }
        let ahead = dump(&w.tree);
        for entry in w.log.clone() {
            w.tree.replay(&entry.header, &entry.txn);
        }
        assert_eq!(dump(&w.tree), ahead);
        // The parent was written before the child came, the child after: the child is there already.
        let p = w.tree.nodes.find("/p").unwrap();
        w.tree.restat(p, "/p", |stat| (stat.cversion, stat.pzxid) = (1, 3));
        let last = w.log.last().unwrap().clone();
        assert_eq!(w.tree.replay(&last.header, &last.txn), Outcome::Error(ErrorCode::NodeExists));
        assert_eq!(dump(&w.tree), ahead);
        check_derived(&w.tree);
    }

    #[test]
    fn a_create_from_an_old_log_counts_by_itself() {
        let mut w = World::new();
        w.ok(&create("/p"));
        let header = proto::txn::TxnHeader {
            client_id: SESSION,
            cxid: 1,
            zxid: proto::Zxid(9),
            time: 1,
            kind: OpCode::Create.code(),
        };
        let txn =
            CreateTxn { path: "/p/x".into(), data: None, acl: vec![], ephemeral: false, parent_cversion: -1 };
        w.tree.replay(&header, &Txn::Create(OpCode::Create, txn));
        assert_eq!(w.stat("/p").unwrap().cversion, 1);
    }
}
