//! What goes into a decision, and what comes out.

use proto::acl::Id;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use proto::{ErrorCode, SessionId, Zxid};

/// Under which circumstances a write is prepared.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The transaction id it gets, also when it is refused.
    pub zxid: Zxid,
    /// Wall clock, milliseconds since 1970.
    pub time_ms: i64,
    /// The session that asks, or that is created or closed.
    pub session: SessionId,
    /// The session's number for the request.
    pub cxid: i32,
    /// Who the connection is.
    pub auth: &'a [Id],
    /// For a session that another server, or this one, knows without a transaction: it may write, and this
    /// is what its ephemeral creates get. `None`: the session must have a transaction.
    pub unreplicated: Option<ErrorCode>,
}

impl Context<'_> {
    /// The header of the transaction a request becomes.
    pub(crate) fn header(&self, txn: &Txn) -> TxnHeader {
        TxnHeader {
            client_id: self.session,
            cxid: self.cxid,
            zxid: self.zxid,
            time: self.time_ms,
            kind: txn.kind(),
        }
    }
}

/// A write that passes a soft quota, or meets a hard one: for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaWarning {
    /// The node the quota is set on.
    pub path: String,
    /// What is exceeded: `count` or `bytes`.
    pub what: &'static str,
    /// How much there would be.
    pub used: i64,
    /// How much there may be.
    pub limit: i64,
    /// Whether the limit is hard.
    pub hard: bool,
}

/// A decided write: what goes into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Its header.
    pub header: TxnHeader,
    /// What it does; a refusal is [`Txn::Error`], or a multi made of errors.
    pub txn: Txn,
    /// The tree's digest after it; `None` when the feature is off or the write was refused.
    pub digest: Option<TxnDigest>,
    /// Quotas it exceeds.
    pub warnings: Vec<QuotaWarning>,
}

/// The transaction of a request that was refused without being looked at, such as one that cannot be
/// decoded.
pub fn prepare_error(ctx: &Context<'_>, code: ErrorCode) -> Prepared {
    let txn = Txn::Error(code.code());
    Prepared { header: ctx.header(&txn), txn, digest: None, warnings: Vec::new() }
}
