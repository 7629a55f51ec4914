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
