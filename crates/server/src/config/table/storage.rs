//! Transaction log, snapshots and the database in memory.

use super::State::{EnsembleOnly, Supported};
use super::{Key, Kind, Place, Unit, count, kb, ms};

pub(super) const KEYS: &[Key] = rows! { Place::Property;
    "preAllocSize", kb(0), "65536", "", Supported, "step in which a log file is extended ahead of writing; 0 is off";
    "snapCount", Kind::Floor { unit: Unit::Count, floor: 2 }, "100000", "", Supported,
        "transactions between snapshots";
    "snapSizeLimitInKb", kb(-1), "4194304", "3.6", Supported, "log size between snapshots; 0 or less is off";
    "txnLogSizeLimitInKb", kb(-1), "-1", "3.6", Supported,
        "size at which the log starts a new file; 0 or less is off";
    "commitLogCount", Kind::Floor { unit: Unit::Count, floor: 500 }, "500", "3.6", Supported,
        "committed transactions kept in memory";
    "snapshotSizeFactor", Kind::Factor, "0.33", "3.5", EnsembleOnly,
        "log against snapshot size up to which followers are synced from the log";
    "snapshot.compression.method", Kind::OneOf(&["", "gz", "snappy"]), "", "3.6", Supported,
        "compression of snapshot files";
    "snapshot.trust.empty", Kind::Bool, "false", "3.5.6", Supported, "accept transaction logs without any snapshot";
    "forceSync", Kind::YesNo, "yes", "", Supported,
        "transactions reach stable storage before they are acknowledged; no risks acknowledged data";
    "fsync.warningthresholdms", ms(0), "1000", "", Supported, "a sync slower than this is logged";
    "datadir.autocreate", Kind::Bool, "true", "3.5", Supported, "create missing data directories";
    "db.autocreate", Kind::Bool, "true", "3.6", Supported, "start with an empty database where there is none";
    "digest.enabled", Kind::Bool, "true", "3.6", Supported, "keep a digest of the whole tree";
    "closeSessionTxn.enabled", Kind::Bool, "true", "3.6", Supported,
        "the close of a session lists the ephemerals it deletes";
    "serializeLastProcessedZxid.enabled", Kind::Bool, "true", "3.9", Supported,
        "snapshots end with the last zxid they contain";
    "flushDelay", ms(0), "0", "3.6", Supported, "how long a transaction may wait for company before the sync";
    "maxWriteQueuePollTime", ms(0), "", "3.6", Supported,
        "wait for the next request before a flush; a third of flushDelay unless set";
    "maxBatchSize", count(0), "1000", "3.6", Supported, "queued transactions that force a flush; 0 is no bound";
    "extendedTypesEnabled", Kind::Bool, "false", "3.5.4", Supported, "allow TTL nodes";
    "emulate353TTLNodes", Kind::Bool, "false", "3.5.4", Supported, "read TTL nodes as 3.5.3 wrote them";
};
