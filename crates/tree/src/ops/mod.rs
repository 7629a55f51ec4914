//! The operations: what each request decides, changes and answers.

use crate::outstanding::Outstanding;
use crate::tree::Tree;
use crate::watches::{Fired, WatcherId, Watches};
use proto::acl::Id;
use proto::multi::{MultiOp, MultiResult};
use proto::request::{
    AddWatchRequest, CreateRequest, CreateTtlRequest, DeleteRequest, GetEphemeralsRequest, PathRequest,
    ReadRequest, ReconfigRequest, SetAclRequest, SetDataRequest, SetWatches, SetWatches2, WatchesRequest,
};
use proto::stat::Stat;
use proto::txn::{Txn, TxnDigest, TxnHeader};
use proto::{DecodeError, ErrorCode, OpCode, Reader, SessionId, Zxid};
use std::borrow::Cow;

/// A request that becomes a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOp<'a> {
    /// `create`, `create2` or `createContainer`, by the opcode.
    Create(OpCode, CreateRequest<'a>),
    /// `createTTL`.
    CreateTtl(CreateTtlRequest<'a>),
    /// `delete`.
    Delete(DeleteRequest<'a>),
    /// `deleteContainer`: which node.
    DeleteContainer(Cow<'a, str>),
    /// `setData`.
    SetData(SetDataRequest<'a>),
    /// `setACL`.
    SetAcl(SetAclRequest<'a>),
    /// `multi`.
    Multi(Vec<MultiOp<'a>>),
    /// `createSession`, with the negotiated timeout.
    CreateSession {
        /// Milliseconds.
        timeout_ms: i32,
    },
    /// `closeSession`.
    CloseSession,
    /// `reconfig`.
    Reconfig(ReconfigRequest<'a>),
}

impl<'a> WriteOp<'a> {
    /// Reads the body of a write. `createSession` is made by servers, never read from a client.
    ///
    /// # Errors
    /// [`DecodeError`]; also for operations that are no writes.
    pub fn decode(op: OpCode, from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let _ = from;
        Err(DecodeError::UnknownTag { what: "write operation", tag: op.code() })
    }

    /// Which operation.
    pub fn op(&self) -> OpCode {
        match self {
            Self::Create(op, _) => *op,
            Self::CreateTtl(_) => OpCode::CreateTtl,
            Self::Delete(_) => OpCode::Delete,
            Self::DeleteContainer(_) => OpCode::DeleteContainer,
            Self::SetData(_) => OpCode::SetData,
            Self::SetAcl(_) => OpCode::SetAcl,
            Self::Multi(_) => OpCode::Multi,
            Self::CreateSession { .. } => OpCode::CreateSession,
            Self::CloseSession => OpCode::CloseSession,
            Self::Reconfig(_) => OpCode::Reconfig,
        }
    }
}

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
}

/// A write that passed a soft quota, or was refused by a hard one: for the log.
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

/// Decides what a write becomes and remembers it as outstanding. A refusal is a transaction too: it
/// takes its place in the order and changes nothing.
pub fn prepare(tree: &Tree, outstanding: &mut Outstanding, ctx: &Context<'_>, op: &WriteOp<'_>) -> Prepared {
    let _ = (tree, outstanding, op);
    prepare_error(ctx, ErrorCode::Unimplemented)
}

/// The transaction of a request that was refused without being looked at, such as one that cannot be
/// decoded.
pub fn prepare_error(ctx: &Context<'_>, code: ErrorCode) -> Prepared {
    let txn = Txn::Error(code.code());
    let header = TxnHeader {
        client_id: ctx.session,
        cxid: ctx.cxid,
        zxid: ctx.zxid,
        time: ctx.time_ms,
        kind: txn.kind(),
    };
    Prepared { header, txn, digest: None, warnings: Vec::new() }
}

/// What a transaction came to, as far as its reply needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and there is nothing to tell.
    None,
    /// A node was created.
    Created {
        /// Its final name.
        path: String,
        /// Its metadata.
        stat: Stat,
    },
    /// A node was changed: its new metadata.
    Changed(Stat),
    /// The configuration was changed: new text and metadata of its node.
    Reconfigured {
        /// The new configuration.
        data: Vec<u8>,
        /// The node's metadata.
        stat: Stat,
    },
    /// One result for each operation of a multi.
    Multi(Vec<MultiResult>),
    /// The write was refused, or could not be applied.
    Error(ErrorCode),
}

/// Appends the body of the reply to a write and returns the code for its header. With a code other
/// than [`ErrorCode::Ok`] nothing is appended.
pub fn encode_write_reply(op: OpCode, outcome: &Outcome, out: &mut Vec<u8>) -> ErrorCode {
    let _ = (op, outcome, out);
    ErrorCode::Ok
}

/// A request that is answered from the tree and the watches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the operations'")]
pub enum ReadOp<'a> {
    Exists(ReadRequest<'a>),
    GetData(ReadRequest<'a>),
    GetChildren(ReadRequest<'a>),
    GetChildren2(ReadRequest<'a>),
    GetAcl(PathRequest<'a>),
    GetEphemerals(GetEphemeralsRequest<'a>),
    GetAllChildrenNumber(PathRequest<'a>),
    MultiRead(Vec<MultiOp<'a>>),
    WhoAmI,
    SetWatches(SetWatches<'a>),
    SetWatches2(SetWatches2<'a>),
    AddWatch(AddWatchRequest<'a>),
    CheckWatches(WatchesRequest<'a>),
    RemoveWatches(WatchesRequest<'a>),
}

impl<'a> ReadOp<'a> {
    /// Reads the body of a read.
    ///
    /// # Errors
    /// [`DecodeError`]; also for operations that are no reads.
    pub fn decode(op: OpCode, from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let _ = from;
        Err(DecodeError::UnknownTag { what: "read operation", tag: op.code() })
    }

    /// Whether [`read`] needs the watches.
    pub fn touches_watches(&self) -> bool {
        match self {
            Self::Exists(r) | Self::GetData(r) | Self::GetChildren(r) | Self::GetChildren2(r) => r.watch,
            Self::SetWatches(_) | Self::SetWatches2(_) | Self::AddWatch(_) => true,
            Self::CheckWatches(_) | Self::RemoveWatches(_) => true,
            _ => false,
        }
    }
}

/// Who reads.
#[derive(Debug, Clone, Copy)]
pub struct ReadContext<'a> {
    /// The connection, for its watches.
    pub watcher: WatcherId,
    /// Its session.
    pub session: SessionId,
    /// Its identities.
    pub auth: &'a [Id],
}

/// Answers a read: appends the body of the reply, and in the same step leaves the watch it asks for.
/// Re-registered watches may fire at once, into `fired`.
///
/// # Errors
/// The code for the reply's header; nothing was appended.
///
/// # Panics
/// When [`ReadOp::touches_watches`] and `watches` is `None`.
pub fn read(
    tree: &Tree,
    watches: Option<&mut Watches>,
    fired: &mut Vec<Fired>,
    who: &ReadContext<'_>,
    op: &ReadOp<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let _ = (tree, watches, fired, who, op, out);
    Err(ErrorCode::Unimplemented)
}
