//! `check`: a version that has to match for a multi to go through.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn

use super::decider::{Decider, next_version, valid};
use proto::ErrorCode;
use proto::acl::perms;
use proto::request::CheckVersionRequest;
use proto::txn::{CheckVersionTxn, Txn};

/// Decides it. The reference stores the version after the expected one.
pub(super) fn prepare(on: &mut Decider<'_>, request: &CheckVersionRequest<'_>) -> Result<Txn, ErrorCode> {
    on.require_session()?;
    let path = &*request.path;
    valid(path)?;
    let node = on.existing(path)?;
    on.require(&node, perms::READ)?;
    let version = next_version(node.stat.version, request.version)?;
    Ok(Txn::Check(CheckVersionTxn { path: path.to_owned(), version }))
}
