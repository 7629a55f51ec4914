//! `multi`: several writes, all or nothing, one transaction.
//!
//! //= java: PrepRequestProcessor.pRequestHelper, DataTree.processTxn

use super::decider::Decider;
use super::outcome::Outcome;
use super::write::perform;
use super::{check, create, delete, set_data};
use crate::tree::Tree;
use crate::watches::Effects;
use proto::multi::{MultiOp, MultiResult};
use proto::request::{CreateMode, CreateRequest};
use proto::txn::{Txn, TxnHeader};
use proto::{ErrorCode, OpCode};

/// Decides it, part after part, each seeing those before it. When one is refused, nothing of the multi
/// stays outstanding (HC-100), and every part after the refused one is an error too.
pub(super) fn prepare(on: &mut Decider<'_>, ops: &[MultiOp<'_>]) -> Result<Txn, ErrorCode> {
    let mut parts = Vec::with_capacity(ops.len());
    let mut failed = false;
    on.pending.begin();
    for op in ops {
        if failed {
            parts.push(Txn::Error(ErrorCode::RuntimeInconsistency.code()));
            continue;
        }
        match prepare_part(on, op) {
            Ok(part) => parts.push(part),
            Err(code) => {
                failed = true;
                parts.push(Txn::Error(code.code()));
            }
        }
    }
    if failed {
        on.pending.rollback()
    } else {
        on.pending.commit()
    }
    Ok(Txn::Multi(parts))
}

fn prepare_part(on: &mut Decider<'_>, op: &MultiOp<'_>) -> Result<Txn, ErrorCode> {
    match op {
        MultiOp::Create(op, request) => create::prepare(on, *op, request, None),
        // In a multi it is the flags that decide what a create is.
        MultiOp::CreateTtl(request)
            if !CreateMode::from_flags(request.flags).is_some_and(CreateMode::is_ttl) =>
        {
            let plain = CreateRequest {
                path: request.path.as_ref().into(),
                data: request.data,
                acl: request.acl.clone(),
                flags: request.flags,
            };
            let is_container = request.flags == CreateMode::Container as i32;
            let op = if is_container { OpCode::CreateContainer } else { OpCode::Create };
            create::prepare(on, op, &plain, None)
        }
        MultiOp::CreateTtl(request) => create::prepare_ttl(on, request),
        MultiOp::Delete(request) => delete::prepare(on, request),
        MultiOp::SetData(request) => set_data::prepare(on, request),
        MultiOp::Check(request) => check::prepare(on, request),
        MultiOp::GetChildren(_) | MultiOp::GetData(_) => Err(ErrorCode::MarshallingError),
    }
}

/// Performs it. With an error among its parts it changes nothing and fires nothing (HC-91); the parts
/// before the error then answer 0, those after it -2.
pub(super) fn apply(
    tree: &mut Tree,
    header: &TxnHeader,
    parts: &[Txn],
    effects: &mut Effects<'_>,
) -> Outcome {
    if let Some(failed) = parts.iter().position(|part| matches!(part, Txn::Error(_))) {
        let result = |(at, part): (usize, &Txn)| match part {
            Txn::Error(code) => MultiResult::Error(*code),
            _ if at < failed => MultiResult::Error(ErrorCode::Ok.code()),
            _ => MultiResult::Error(ErrorCode::RuntimeInconsistency.code()),
        };
        return Outcome::Multi(parts.iter().enumerate().map(result).collect());
    }
    let result = |part| result_of(part, perform(tree, header, part, effects));
    Outcome::Multi(parts.iter().map(result).collect())
}

fn result_of(part: &Txn, outcome: Outcome) -> MultiResult {
    match (part, outcome) {
        (_, Outcome::Error(code)) => MultiResult::Error(code.code()),
        (Txn::Create(OpCode::Create, _), Outcome::Created { path, .. }) => MultiResult::Create(path),
        (_, Outcome::Created { path, stat }) => MultiResult::Create2(path, stat),
        (_, Outcome::Changed(stat)) => MultiResult::SetData(stat),
        (Txn::Check(_), _) => MultiResult::Check,
        _ => MultiResult::Delete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;
    use proto::Zxid;

    use crate::ops::WriteOp;
    use proto::request::{CheckVersionRequest, DeleteRequest, SetDataRequest};

    fn part(path: &str, flags: i32) -> MultiOp<'_> {
        MultiOp::Create(OpCode::Create, create_request(path, flags))
    }

    fn remove(path: &str) -> MultiOp<'_> {
        MultiOp::Delete(DeleteRequest { path: path.into(), version: -1 })
    }

    fn expect(path: &str, version: i32) -> MultiOp<'_> {
        MultiOp::Check(CheckVersionRequest { path: path.into(), version })
    }

    fn set(path: &str) -> MultiOp<'_> {
        MultiOp::SetData(SetDataRequest { path: path.into(), data: Some(b"new"), version: -1 })
    }

    fn run(w: &mut World, ops: Vec<MultiOp<'_>>) -> Vec<MultiResult> {
        let Outcome::Multi(results) = w.run(&WriteOp::Multi(ops)) else { panic!() };
        results
    }

    #[test]
    fn parts_see_those_before_them_and_share_one_transaction() {
        let mut w = World::new();
        let ops = vec![part("/a", 0), part("/a/b", 0), expect("/a", 0), set("/a/b"), remove("/a/b")];
        let results = run(&mut w, ops);
        let [
            MultiResult::Create(a),
            MultiResult::Create(b),
            MultiResult::Check,
            MultiResult::SetData(stat),
            MultiResult::Delete,
        ] = results.as_slice()
        else {
            panic!("{results:?}")
        };
        assert_eq!((a.as_str(), b.as_str(), stat.version), ("/a", "/a/b", 1));
        let a = w.stat("/a").unwrap();
        assert_eq!((a.czxid, a.pzxid, a.cversion, a.num_children), (2, 2, 2, 0));
        check_derived(&w.tree);
    }

    #[test]
    fn hc_91_a_failed_multi_changes_nothing_and_names_the_culprit() {
        let mut w = World::new();
        w.ok(&create("/w"));
        w.read(&crate::ReadOp::GetData(watch("/w"))).unwrap();
        let before = dump(&w.tree);
        let results = run(&mut w, vec![set("/w"), part("/w", 0), remove("/w"), set("/w")]);
        let errors = [0, -110, -2, -2].map(MultiResult::Error);
        assert_eq!(results, errors);
        assert_eq!(dump(&w.tree), before);
        assert_eq!(w.events(), [""; 0]);
        assert_eq!(w.log.last().unwrap().header.kind, OpCode::Multi.code());
        assert!(w.log.last().unwrap().digest.is_some());
    }

    #[test]
    fn hc_100_a_failed_multi_takes_its_parents_changes_back() {
        let mut w = World::new();
        w.ok(&create("/p"));
        w.submit(SESSION, &create_with("/p/s", 2));
        let failing = vec![part("/p/s", 2), part("/p/e", 1), set("/p"), part("/none/x", 0)];
        w.submit(SESSION, &WriteOp::Multi(failing));
        let Txn::Create(_, next) = w.submit(SESSION, &create_with("/p/s", 2)).txn else { panic!() };
        assert_eq!(next.path, "/p/s0000000001");
        let Txn::CloseSession(Some(paths)) = w.submit(SESSION, &WriteOp::CloseSession).txn else { panic!() };
        assert_eq!(paths, [""; 0]);
        while !w.queue.is_empty() {
            w.apply_next();
        }
        w.pending.applied(Zxid(w.zxid));
        assert!(w.pending.is_empty());
    }

    #[test]
    fn hc_102_results_mirror_the_operations_and_none_is_legal() {
        let mut w = World::new();
        assert_eq!(run(&mut w, vec![]), []);
        let create2 = |path, op| MultiOp::Create(op, create_request(path, 0));
        let results =
            run(&mut w, vec![create2("/2", OpCode::Create2), create2("/c", OpCode::CreateContainer)]);
        assert!(
            matches!(&results[..], [MultiResult::Create2(_, s), MultiResult::Create2(..)] if s.czxid == 3)
        );
    }

    #[test]
    fn hc_97_the_zxid_advances_once_after_the_whole_multi() {
        let mut w = World::new();
        run(&mut w, vec![part("/a", 0), part("/b", 0)]);
        assert_eq!(w.tree.last_zxid(), Zxid(2));
    }

    #[test]
    fn hc_91_events_come_in_the_order_of_the_parts() {
        let mut w = World::new();
        w.ok(&create("/w"));
        w.read(&crate::ReadOp::GetData(watch("/w"))).unwrap();
        assert_eq!(w.read(&crate::ReadOp::Exists(watch("/n"))), Err(ErrorCode::NoNode));
        run(&mut w, vec![set("/w"), set("/w"), part("/n", 0), remove("/w")]);
        assert_eq!(w.events(), ["NodeDataChanged /w 1", "NodeCreated /n 1"]);
    }
}
