//! Limits on requests, connections and watches.

use super::State::{Meaningless, Supported};
use super::{Key, Kind, Place, Unit, count, int, ms};

const COPY: &str = "replies are written straight from the tree; there is nothing to cache";
const WATCHES: &str = "there is one watch table, and it has no dead entries to clean";

pub(super) const KEYS: &[Key] = rows! { Place::Property;
    "globalOutstandingLimit", count(1), "1000", "", Supported, "requests in flight before the server stops reading";
    "maxCnxns", count(-1), "0", "3.6", Supported, "client connections in total; 0 is unlimited";
    "largeRequestMaxBytes", int(Unit::Bytes, 1), "104857600", "3.6", Supported, "bytes of large requests in flight";
    "largeRequestThreshold", int(Unit::Bytes, -1), "-1", "3.6", Supported,
        "size from which a request counts as large; -1 is off";
    "request_throttle_max_requests", count(0), "0", "3.6", Supported,
        "requests in progress before the rest waits; 0 is off";
    "request_throttle_stall_time", ms(1), "100", "3.6", Supported,
        "how long a throttled request waits before it looks again";
    "request_throttle_drop_stale", Kind::Bool, "true", "3.6", Supported, "drop stale requests rather than serve them";
    "request_stale_connection_check", Kind::Bool, "true", "3.6", Supported,
        "requests of a closed connection are stale";
    "request_stale_latency_check", Kind::Bool, "false", "3.6", Supported,
        "requests older than the session timeout are stale";
    "request_throttler.shutdownTimeout", ms(0), "10000", "3.6", Supported, "time to finish requests at shutdown";
    "throttled_op_wait_time", ms(0), "0", "3.7", Supported,
        "a request queued longer is answered THROTTLEDOP; 0 is off";
    "connection_throttle_tokens", count(0), "0", "3.6", Supported,
        "size of the token bucket for new connections; 0 is off";
    "connection_throttle_fill_time", ms(1), "1", "3.6", Supported, "time between refills of the bucket";
    "connection_throttle_fill_count", count(1), "1", "3.6", Supported, "tokens per refill";
    "connection_throttle_freeze_time", ms(-1), "-1", "3.6", Supported,
        "period in which the drop probability is adjusted; -1 is off";
    "connection_throttle_drop_increase", Kind::Ratio, "0.02", "3.6", Supported, "step up of the drop probability";
    "connection_throttle_drop_decrease", Kind::Ratio, "0.002", "3.6", Supported, "step down of the drop probability";
    "connection_throttle_decrease_ratio", Kind::Ratio, "0", "3.6", Supported,
        "share of free tokens from which the probability falls";
    "connection_throttle_weight_enabled", Kind::Bool, "false", "3.6", Supported,
        "connections cost the tokens below rather than one each";
    "connection_throttle_global_session_weight", count(1), "3", "3.6", Supported, "tokens of a new session";
    "connection_throttle_local_session_weight", count(1), "1", "3.6", Supported, "tokens of a new local session";
    "connection_throttle_renew_session_weight", count(1), "2", "3.6", Supported, "tokens of a reconnecting session";
    "maxResponseCacheSize", count(0), "400", "3.6", Meaningless(COPY), "getData replies kept in serialised form";
    "maxGetChildrenResponseCacheSize", count(0), "400", "3.6", Meaningless(COPY),
        "getChildren2 replies kept in serialised form";
    "intBufferStartingSizeBytes", int(Unit::Bytes, 0), "1024", "3.6", Meaningless(COPY),
        "first size of a reply buffer";
    "jute.maxbuffer.extrasize", Kind::Floor { unit: Unit::Bytes, floor: 1024 }, "", "3.5.7", Supported,
        "slack on top of jute.maxbuffer for derived records; jute.maxbuffer unless set";
    "enforceQuota", Kind::Bool, "false", "3.7", Supported, "hard quotas reject writes";
    "watchManagerName", Kind::Text, "org.apache.zookeeper.server.watch.WatchManager", "3.6", Meaningless(WATCHES),
        "implementation of the watch table";
    "watcherCleanThreadsNum", count(0), "2", "3.6", Meaningless(WATCHES), "threads that remove dead watchers";
    "watcherCleanThreshold", count(0), "1000", "3.6", Meaningless(WATCHES), "dead watchers removed at a time";
    "watcherCleanIntervalInSeconds", int(Unit::Seconds, 0), "600", "3.6", Meaningless(WATCHES),
        "longest wait of a dead watcher";
    "maxInProcessingDeadWatchers", count(-1), "-1", "3.6", Meaningless(WATCHES), "dead watchers before new ones wait";
    "bitHashCacheSize", count(0), "10", "3.6", Meaningless(WATCHES), "cache of the optimised watch table";
};
