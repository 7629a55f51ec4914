//! Keys that matter between servers only.

use super::State::{EnsembleOnly, Meaningless};
use super::{Key, Kind, Place, Unit, count, int, ms};

pub(super) const KEYS: &[Key] = rows! { Place::Property;
    "leaderServes", Kind::YesNo, "yes", "", EnsembleOnly, "the leader accepts clients";
    "cnxTimeout", ms(0), "5000", "", EnsembleOnly, "time to connect for an election";
    "quorumCnxnTimeoutMs", ms(-1), "-1", "3.6", EnsembleOnly, "read timeout of an election connection";
    "electionPortBindRetry", count(0), "3", "3.5.6", EnsembleOnly,
        "attempts to bind the election port; 0 is for ever";
    "fastleader.minNotificationInterval", ms(1), "200", "3.6", EnsembleOnly, "first wait for notifications";
    "fastleader.maxNotificationInterval", ms(1), "60000", "3.6", EnsembleOnly, "longest wait for notifications";
    "leader.maxConcurrentSnapSyncs", count(0), "10", "3.6", EnsembleOnly, "snapshots sent at the same time";
    "leader.maxConcurrentDiffSyncs", count(0), "100", "3.6", EnsembleOnly, "differences sent at the same time";
    "leader.maxTimeToWaitForEpoch", ms(-1), "-1", "3.6", EnsembleOnly,
        "leave leadership when a voter looks again; -1 is off";
    "leader.ackLoggingFrequency", count(0), "1000", "3.6", EnsembleOnly,
        "transactions between samples of the ack latency";
    "leader.closeSocketAsync", Kind::Bool, "false", "3.7.1", EnsembleOnly,
        "close sockets of learners in the background";
    "learner.closeSocketAsync", Kind::Bool, "false", "3.7.1", EnsembleOnly,
        "close the socket to the leader in the background";
    "learner.asyncSending", Kind::Bool, "false", "3.6.3", EnsembleOnly, "a learner sends from its own thread";
    "leaderConnectDelayDuringRetryMs", ms(0), "100", "3.6", EnsembleOnly,
        "wait between attempts to reach the leader";
    "follower.skipLearnerRequestToNextProcessor", Kind::Bool, "false", "3.7", EnsembleOnly,
        "forwarded requests skip the local path";
    "forward_learner_requests_to_commit_processor_disabled", Kind::Bool, "false", "3.7", EnsembleOnly,
        "requests of learners skip the commit stage";
    "forceSnapshotSync", Kind::Bool, "false", "3.5", EnsembleOnly, "for tests: always sync by snapshot";
    "observer.reconnectDelayMs", ms(0), "0", "3.6", EnsembleOnly, "wait before an observer reconnects";
    "observer.election.DelayMs", ms(0), "200", "3.6", EnsembleOnly, "wait before an observer elects";
    "observer.syncEnabled", Kind::Bool, "", "3.4.6", EnsembleOnly, "overrides syncEnabled";
    "observerMaster.sizeLimit", int(Unit::Bytes, 0), "33554432", "3.6", EnsembleOnly,
        "committed packets a follower keeps for observers";
    "messageTracker.BufferSize", count(0), "10", "3.6", EnsembleOnly, "packets a peer connection remembers";
    "messageTracker.Enabled", Kind::Bool, "false", "3.6", EnsembleOnly, "log the last packets of a lost peer";
    "kerberos.canonicalizeHostNames", Kind::Bool, "false", "3.7", EnsembleOnly,
        "canonical names of peers in principals";
    "commitProcessor.numWorkerThreads", count(0), "", "3.5", Meaningless("there is no separate commit stage"),
        "threads of the commit stage";
    "commitProcessor.shutdownTimeout", ms(0), "5000", "3.5", Meaningless("there is no separate commit stage"),
        "wait for the commit stage at shutdown";
    "commitProcessor.maxReadBatchSize", count(-1), "-1", "3.6", Meaningless("there is no separate commit stage"),
        "reads between two commits";
    "commitProcessor.maxCommitBatchSize", count(1), "1", "3.6", Meaningless("there is no separate commit stage"),
        "commits between two reads";
    "testingonly.initialZxid", Kind::Text, "", "3.4.6", Meaningless("for ZooKeeper's own tests"), "first zxid";
    "test.allowDiscontinuousProposals", Kind::Bool, "false", "3.9.4", Meaningless("for ZooKeeper's own tests"),
        "accept gaps between proposals";
};
