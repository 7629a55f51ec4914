//! `reconfig`: a standalone server only refuses it; a log may hold it all the same.
//!
//! //= java: PrepRequestProcessor.pRequest2Txn

use super::decider::Decider;
use super::outcome::Outcome;
use super::set_data;
use crate::tree::Tree;
use crate::watches::Effects;
use proto::ErrorCode;
use proto::request::ReconfigRequest;
use proto::txn::{SetDataTxn, Txn, TxnHeader};

/// Decides it.
pub(super) fn prepare(on: &mut Decider<'_>, _request: &ReconfigRequest<'_>) -> Result<Txn, ErrorCode> {
    if !on.settings().reconfig_enabled {
        return Err(ErrorCode::ReconfigDisabled);
    }
    on.require_session()?;
    Err(ErrorCode::Unimplemented)
}

/// Performs it.
pub(super) fn apply(
    tree: &mut Tree,
    header: &TxnHeader,
    txn: &SetDataTxn,
    effects: &mut Effects<'_>,
) -> Outcome {
    match set_data::apply(tree, header, txn, effects) {
        Outcome::Changed(stat) => Outcome::Reconfigured { data: txn.data.clone().unwrap_or_default(), stat },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::*;

    use crate::ops::WriteOp;

    #[test]
    fn a_standalone_server_refuses() {
        let request =
            WriteOp::Reconfig(ReconfigRequest { joining: None, leaving: None, members: None, config_id: -1 });
        assert_eq!(World::new().err(&request), ErrorCode::ReconfigDisabled);
        let enabled = crate::Settings { reconfig_enabled: true, ..crate::Settings::default() };
        assert_eq!(World::with(enabled).err(&request), ErrorCode::Unimplemented);
    }
}
