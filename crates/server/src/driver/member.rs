//! What a member of an ensemble finds on its disk.

use crate::config::Ensemble;
use node::Membership;
use proto::Zxid;
use storage::{DataDirs, Recovered, SharedDisk, StorageError};

/// Reads the epochs, and puts together what the node is told at its start.
///
/// # Errors
/// As [`storage::load_epochs`].
pub(crate) fn membership(
    ensemble: &Ensemble,
    disk: &SharedDisk,
    dirs: &DataDirs,
    recovered: &Recovered,
) -> Result<Membership, StorageError> {
    let last_logged: Zxid = recovered.last_zxid;
    let epochs = storage::load_epochs(disk, dirs, last_logged)?;
    for warning in &epochs.warnings {
        tracing::warn!("{warning}");
    }
    Ok(Membership {
        me: ensemble.me,
        config: ensemble.members.clone(),
        last_seen: ensemble.last_seen.clone(),
        accepted_epoch: epochs.accepted,
        current_epoch: epochs.current,
        last_logged,
        floor: dirs.snapshots(disk)?.first().map_or(Zxid::ZERO, |oldest| oldest.zxid),
        settings: ensemble.settings.clone(),
    })
}
