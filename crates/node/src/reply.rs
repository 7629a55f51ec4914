//! Whole reply frames.

use crate::delivery::ConnId;
use crate::store::View;
use proto::request::SyncRequest;
use proto::response::{ReplyHeader, encode_reply};
use proto::watch::{STATE_SYNC_CONNECTED, WatcherEvent};
use proto::{ErrorCode, OpCode, Reader, SessionId, Wire, Zxid};
use tree::{Fired, Outcome, ReadContext, ReadOp, Tree};

/// Appends a frame whose body and error code `body` produces; an error leaves no body behind.
pub(crate) fn append(
    out: &mut Vec<u8>,
    xid: i32,
    zxid: Zxid,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), ErrorCode>,
) {
    let start = out.len();
    encode_reply(ReplyHeader { xid, zxid, err: 0 }, out, |out| {
        let body_start = out.len();
        if let Err(code) = body(out) {
            out.truncate(body_start);
            out[body_start - 4..].copy_from_slice(&code.code().to_be_bytes());
        }
    });
    debug_assert!(out.len() > start);
}

/// Appends a reply that is only a header.
pub(crate) fn header_only(out: &mut Vec<u8>, xid: i32, zxid: Zxid, code: ErrorCode) {
    append(out, xid, zxid, |_| if code == ErrorCode::Ok { Ok(()) } else { Err(code) });
}

/// The reply to a write.
pub(crate) fn write(xid: i32, zxid: Zxid, op: OpCode, outcome: &Outcome) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    append(&mut out, xid, zxid, |out| match tree::encode_write_reply(op, outcome, out) {
        ErrorCode::Ok => Ok(()),
        code => Err(code),
    });
    out
}

/// A watch event.
pub(crate) fn event(fired: &Fired) -> Vec<u8> {
    let mut out = Vec::with_capacity(48 + fired.path.len());
    append(&mut out, proto::request::xid::NOTIFICATION, fired.zxid, |out| {
        WatcherEvent { kind: fired.kind as i32, state: STATE_SYNC_CONNECTED, path: fired.path.to_string() }
            .encode(out);
        Ok(())
    });
    out
}

/// Who reads.
pub(crate) struct Asker<'a> {
    pub(crate) conn: ConnId,
    pub(crate) session: SessionId,
    pub(crate) auth: &'a [proto::acl::Id],
}

/// Executes a read (or `sync`, which on the member that orders writes is one) and appends its
/// reply, behind any event the read itself sets off.
pub(crate) fn read(
    tree: &Tree,
    watches: &parking_lot::Mutex<tree::Watches>,
    asker: &Asker<'_>,
    xid: i32,
    op: OpCode,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    let zxid = tree.last_zxid();
    let mut from = Reader::new(body);
    if op == OpCode::Sync {
        return append(out, xid, zxid, |out| {
            let request = SyncRequest::decode(&mut from).map_err(|_| ErrorCode::MarshallingError)?;
            request.encode(out);
            Ok(())
        });
    }
    let request = match ReadOp::decode(op, &mut from) {
        Ok(request) => request,
        Err(_) => return header_only(out, xid, zxid, ErrorCode::MarshallingError),
    };
    let who = ReadContext { watcher: asker.conn.into(), session: asker.session, auth: asker.auth };
    let mut fired = Vec::new();
    if !request.touches_watches() {
        return append(out, xid, zxid, |out| tree::read(tree, None, &mut fired, &who, &request, out));
    }
    let mut reply = Vec::new();
    append(&mut reply, xid, zxid, |out| {
        tree::read(tree, Some(&mut watches.lock()), &mut fired, &who, &request, out)
    });
    for fired in &fired {
        out.extend_from_slice(&event(fired));
    }
    out.extend_from_slice(&reply);
}

impl View<'_> {
    /// As [`read`], through a view.
    pub(crate) fn read(&self, asker: &Asker<'_>, xid: i32, op: OpCode, body: &[u8], out: &mut Vec<u8>) {
        read(&self.tree, self.watches, asker, xid, op, body, out);
    }
}
