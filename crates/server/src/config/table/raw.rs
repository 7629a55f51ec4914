//! Properties that Java reads under their bare name; here they may stand in the file too.

use super::State::{EnsembleOnly, Meaningless, NotYet, Supported};
use super::{JVM, Key, Kind, Place, Unit, count, int, ms};

pub(super) const KEYS: &[Key] = rows! { Place::Raw;
    "jute.maxbuffer", int(Unit::Bytes, 1), "1048575", "", Supported, "greatest frame and record";
    "readonlymode.enabled", Kind::Bool, "false", "", Supported,
        "read-only service without a quorum; a standalone server only answers isro then";
    "leader.nodelay", Kind::Bool, "true", "", EnsembleOnly, "TCP_NODELAY of the leader's sockets";
    "follower.nodelay", Kind::Bool, "true", "", EnsembleOnly, "TCP_NODELAY of the follower's socket";
    "znode.container.checkIntervalMs", ms(1), "60000", "3.5.1", Supported,
        "time between sweeps for empty containers and outdated TTL nodes";
    "znode.container.maxPerMinute", count(1), "10000", "3.5.1", Supported, "deletions of the sweep per minute";
    "znode.container.maxNeverUsedIntervalMs", ms(0), "0", "3.6", Supported,
        "age at which a container that never had a child goes; 0 keeps it";
    "java.security.auth.login.config", Kind::Path, "", "", NotYet("SASL comes in a later release; clients that ask for it are told it is not available"),
        "JAAS file";
    "sun.security.jgss.native", Kind::Text, "", "", Meaningless(JVM), "native Kerberos";
    "jdk.tls.rejectClientInitiatedRenegotiation", Kind::Text, "", "", Meaningless(JVM),
        "TLS renegotiation in the JVM";
    "controllerPort", Kind::Text, "", "3.7", Meaningless("for ZooKeeper's own tests"), "port of the test controller";
};
