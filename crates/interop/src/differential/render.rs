//! Replies as text in which two correct servers agree.
//!
//! Taken out: session ids (named after the sequence's sessions), wall-clock times (only zero or not), zxid offsets
//! (counted from the sequence's start), hash order of children.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::client::Reply;
use crate::request::Request;
use crate::wire::{Acl, Reader, Stat, op};

/// What has to be known about a server to make its answers comparable.
#[derive(Debug, Default)]
pub struct Context {
    /// The server's last zxid when the sequence began.
    pub base_zxid: i64,
    /// Ids of the sequence's sessions with the name to print.
    pub sessions: BTreeMap<i64, String>,
    /// Stats of the nodes that outlive a sequence, as they were at its start.
    pub system: BTreeMap<String, Stat>,
    /// Leaves the zxid of watch events out, for servers that do not send it.
    pub hide_event_zxid: bool,
}

impl Context {
    /// A zxid counted from the start of the sequence.
    pub fn zxid(&self, zxid: i64) -> String {
        if zxid <= 0 { zxid.to_string() } else { format!("{:+}", zxid - self.base_zxid) }
    }

    /// A node's zxid; only system nodes have one from before the sequence, and then it says nothing.
    fn node_zxid(&self, zxid: i64) -> String {
        if zxid > 0 && zxid <= self.base_zxid { "old".to_owned() } else { self.zxid(zxid) }
    }

    fn owner(&self, owner: i64) -> String {
        match self.sessions.get(&owner) {
            Some(name) => name.clone(),
            None => format!("{owner:x}"),
        }
    }

    /// A stat of the node at `path`.
    pub fn stat(&self, path: &str, stat: &Stat) -> String {
        let since = self.system.get(path).copied().unwrap_or_default();
        let time = |ms: i64| if ms == 0 { "0" } else { "t" };
        format!(
            "c{} m{} p{} {}{} v{} cv{} av{} owner={} len={} children={}",
            self.node_zxid(stat.czxid),
            self.node_zxid(stat.mzxid),
            self.node_zxid(stat.pzxid),
            time(stat.ctime),
            time(stat.mtime),
            stat.version.wrapping_sub(since.version),
            stat.cversion.wrapping_sub(since.cversion),
            stat.aversion.wrapping_sub(since.aversion),
            self.owner(stat.ephemeral_owner),
            stat.data_length,
            stat.num_children,
        )
    }

    /// A reply to `request`, or a watch event.
    pub fn reply(&self, request: &Request, reply: &Reply) -> String {
        if let Some(event) = reply.event() {
            let zxid = if self.hide_event_zxid { "_".to_owned() } else { self.zxid(event.zxid) };
            return format!(
                "event kind={} state={} {:?} zxid={zxid} err={}",
                event.kind, event.state, event.path, reply.error
            );
        }
        let mut text = format!("xid={} zxid={} err={}", reply.xid, self.zxid(reply.zxid), reply.error);
        if reply.error != 0 {
            // Java sends what it had of a failed multiRead; no client reads a body behind an error.
            return text;
        }
        let mut reader = Reader::new(&reply.body);
        if !reply.body.is_empty() {
            text.push(' ');
            let body = self.body(request, &mut reader).unwrap_or_else(|| "undecodable".to_owned());
            text.push_str(&body);
        }
        if !reader.rest().is_empty() {
            let _ = write!(text, " rest={:02x?}", reader.rest());
        }
        text
    }

    fn body(&self, request: &Request, reader: &mut Reader<'_>) -> Option<String> {
        let path = path_of(request);
        Some(match request.operation() {
            op::CREATE | op::SYNC => nullable_string(reader)?,
            op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL => {
                format!("{} {}", nullable_string(reader)?, self.stat("", &reader.stat()?))
            }
            op::EXISTS | op::SET_DATA | op::SET_ACL => self.stat(&path, &reader.stat()?),
            op::GET_DATA | op::RECONFIG => format!("{} {}", data(reader)?, self.stat(&path, &reader.stat()?)),
            op::GET_ACL => format!("{} {}", acls(&reader.acls()?), self.stat(&path, &reader.stat()?)),
            op::GET_CHILDREN | op::GET_EPHEMERALS => sorted(reader)?,
            op::GET_CHILDREN2 => format!("{} {}", sorted(reader)?, self.stat(&path, &reader.stat()?)),
            op::GET_ALL_CHILDREN_NUMBER | op::ADD_WATCH => reader.int()?.to_string(),
            op::WHO_AM_I => {
                let count = reader.int()?;
                let ids: Option<Vec<_>> =
                    (0..count).map(|_| Some((reader.string()?, reader.string()?))).collect();
                let mut ids = ids?;
                ids.sort();
                format!("{ids:?}")
            }
            op::MULTI | op::MULTI_READ => self.multi(request, reader)?,
            _ => return None,
        })
    }

    fn multi(&self, request: &Request, reader: &mut Reader<'_>) -> Option<String> {
        let parts: &[Request] = match request {
            Request::Multi { parts, .. } => parts,
            Request::Long { request, .. } => match &**request {
                Request::Multi { parts, .. } => parts,
                _ => &[],
            },
            _ => &[],
        };
        let mut text = String::new();
        for index in 0.. {
            let (kind, done, error) = (reader.int()?, reader.byte()?, reader.int()?);
            let _ = write!(text, "[{kind} {done} {error}");
            if done != 0 {
                break;
            }
            let path = parts.get(index).map(path_of).unwrap_or_default();
            let part = match kind {
                op::CREATE => nullable_string(reader)?,
                op::CREATE2 | op::CREATE_CONTAINER | op::CREATE_TTL => {
                    format!("{} {}", nullable_string(reader)?, self.stat("", &reader.stat()?))
                }
                op::SET_DATA => self.stat(&path, &reader.stat()?),
                op::GET_DATA => format!("{} {}", data(reader)?, self.stat(&path, &reader.stat()?)),
                op::GET_CHILDREN => sorted(reader)?,
                -1 => reader.int()?.to_string(),
                _ => String::new(),
            };
            let _ = write!(text, " {part}] ");
        }
        text.push(']');
        Some(text)
    }
}

fn path_of(request: &Request) -> String {
    let text = match request {
        Request::Read { path, .. }
        | Request::Path { path, .. }
        | Request::SetData { path, .. }
        | Request::SetAcl { path, .. } => path,
        Request::Long { request, .. } => return path_of(request),
        _ => return String::new(),
    };
    String::from_utf8_lossy(text.0.as_deref().unwrap_or_default()).into_owned()
}

/// An access list; the identities that `auth` stands for come in hash order.
pub fn acls(entries: &[Acl]) -> String {
    let mut entries = entries.to_vec();
    entries
        .chunk_by_mut(|a, b| a.scheme == b.scheme && a.perms == b.perms)
        .for_each(|run| run.sort_by(|a, b| a.id.cmp(&b.id)));
    format!("{entries:?}")
}

fn nullable_string(reader: &mut Reader<'_>) -> Option<String> {
    data(reader)
}

fn data(reader: &mut Reader<'_>) -> Option<String> {
    Some(match reader.buffer()? {
        None => "null".to_owned(),
        Some(bytes) => format!("\"{}\"", bytes.escape_ascii()),
    })
}

fn sorted(reader: &mut Reader<'_>) -> Option<String> {
    let mut names = reader.strings()?;
    names.sort();
    Some(format!("{names:?}"))
}
