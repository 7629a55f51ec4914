//! Keys that matter between servers only.

use super::State::{EnsembleOnly, Meaningless, NotYet};
use super::{Key, Kind, Place, Unit, count, int, ms};

const NO_STAGE: &str = "there is no separate commit stage";
const NO_WAIT: &str = "nothing here waits for a socket";

pub(super) const KEYS: &[Key] = rows! { Place::Property;
    "leaderServes", Kind::YesNo, "yes", "", EnsembleOnly, "the leader accepts clients";
    "cnxTimeout", ms(0), "5000", "", EnsembleOnly, "time to connect for an election";
    "quorumCnxnTimeoutMs", ms(-1), "-1", "3.6", EnsembleOnly, "read timeout of an election connection";
    "electionPortBindRetry", count(0), "3", "3.5.6", EnsembleOnly,
        "attempts to bind the election port; 0 is for ever";
    "fastleader.minNotificationInterval", ms(1), "200", "3.6", EnsembleOnly, "first wait for notifications";
    "fastleader.maxNotificationInterval", ms(1), "60000", "3.6", EnsembleOnly, "longest wait for notifications";
    "leader.maxConcurrentSnapSyncs", count(1), "10", "3.6", EnsembleOnly,
        "snapshots sent at the same time from which on observers have to come again";
    "leader.maxConcurrentDiffSyncs", count(1), "100", "3.6", EnsembleOnly,
        "differences sent at the same time from which on observers have to come again";
    "leader.maxTimeToWaitForEpoch", ms(-1), "-1", "3.6", EnsembleOnly,
        "leave leadership when a voter looks again; -1 is off";
    "leader.ackLoggingFrequency", count(0), "1000", "3.6", NotYet("the latency of acknowledgements is not logged"),
        "transactions between samples of the ack latency";
    "leader.closeSocketAsync", Kind::Bool, "false", "3.7.1", Meaningless(NO_WAIT),
        "close sockets of learners in the background";
    "learner.closeSocketAsync", Kind::Bool, "false", "3.7.1", Meaningless(NO_WAIT),
        "close the socket to the leader in the background";
    "learner.asyncSending", Kind::Bool, "false", "3.6.3", Meaningless(NO_WAIT), "a learner sends from its own thread";
    "leaderConnectDelayDuringRetryMs", ms(0), "100", "3.6", EnsembleOnly,
        "wait between attempts to reach the leader";
    "follower.skipLearnerRequestToNextProcessor", Kind::Bool, "false", "3.7", Meaningless(NO_STAGE),
        "forwarded requests skip the local path";
    "forward_learner_requests_to_commit_processor_disabled", Kind::Bool, "false", "3.7", Meaningless(NO_STAGE),
        "requests of learners skip the commit stage";
    "quorumSync", Kind::Bool, "false", "Zabra", EnsembleOnly,
        "sync is confirmed by a quorum, so that a leader that is cut off cannot answer it";
    "forceSnapshotSync", Kind::Bool, "false", "3.5", EnsembleOnly, "for tests: always sync by snapshot";
    "observer.reconnectDelayMs", ms(0), "0", "3.6", EnsembleOnly,
        "longest wait before an observer reconnects, added to the next";
    "observer.election.DelayMs", ms(0), "200", "3.6", EnsembleOnly,
        "longest wait before an observer looks for a leader again; each waits a part of its own";
    "observer.syncEnabled", Kind::Bool, "", "3.4.6", EnsembleOnly, "overrides syncEnabled";
    "observerMaster.sizeLimit", int(Unit::Bytes, 0), "33554432", "3.6", NotYet("observers are served by the leader"),
        "committed packets a follower keeps for observers";
    "messageTracker.BufferSize", count(0), "10", "3.6", NotYet("packets of lost peers are not logged"), "packets a peer connection remembers";
    "messageTracker.Enabled", Kind::Bool, "false", "3.6", NotYet("packets of lost peers are not logged"), "log the last packets of a lost peer";
    "kerberos.canonicalizeHostNames", Kind::Bool, "false", "3.7", NotYet("SASL between servers comes in a later release"),
        "canonical names of peers in principals";
    "commitProcessor.numWorkerThreads", count(0), "", "3.5", Meaningless(NO_STAGE),
        "threads of the commit stage";
    "commitProcessor.shutdownTimeout", ms(0), "5000", "3.5", Meaningless(NO_STAGE),
        "wait for the commit stage at shutdown";
    "commitProcessor.maxReadBatchSize", count(-1), "-1", "3.6", Meaningless(NO_STAGE),
        "reads between two commits";
    "commitProcessor.maxCommitBatchSize", count(1), "1", "3.6", Meaningless(NO_STAGE),
        "commits between two reads";
    "testingonly.initialZxid", Kind::Text, "", "3.4.6", Meaningless("for ZooKeeper's own tests"), "first zxid";
    "test.allowDiscontinuousProposals", Kind::Bool, "false", "3.9.4", Meaningless("for ZooKeeper's own tests"),
        "accept gaps between proposals";
};
