//! The whole tree as one server shows it to a client that may read everything.

use std::collections::BTreeMap;
use std::io;

use crate::client::Client;
use crate::request::Request;
use crate::wire::{Acl, Reader, Stat};

/// The nodes every server has; they cannot be deleted.
pub const SYSTEM_NODES: [&str; 4] = ["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"];

/// Everything a client can learn about one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The data; null and empty differ.
    pub data: Option<Vec<u8>>,
    /// The statistics.
    pub stat: Stat,
    /// The access list.
    pub acl: Vec<Acl>,
}

/// Every node by path.
pub type Tree = BTreeMap<String, Node>;

/// The path of a child.
pub fn child_path(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}

/// Nodes asked for at a time.
const BATCH: usize = 64;

/// Reads the whole tree through `client`, which should be a super user.
///
/// # Errors
/// The connection is gone or a node could not be read.
pub fn dump(client: &mut Client) -> io::Result<Tree> {
    let mut tree = Tree::new();
    let mut waiting = vec!["/".to_owned()];
    while !waiting.is_empty() {
        let batch = waiting.split_off(waiting.len().saturating_sub(BATCH));
        let mut xids = Vec::new();
        for path in &batch {
            xids.push([
                client.send(&Request::get_data(path, false))?,
                client.send(&Request::get_acl(path))?,
                client.send(&Request::get_children(path, false))?,
            ]);
        }
        for (path, [data, acl, children]) in batch.into_iter().zip(xids) {
            let mut body = |xid| {
                let reply = client.reply(xid)?;
                match reply.error {
                    0 => Ok(reply.body),
                    code => Err(io::Error::other(format!("{path} is listed and cannot be read: {code}"))),
                }
            };
            let (data, acl, children) = (body(data)?, body(acl)?, body(children)?);
            let mut reader = Reader::new(&data);
            let parts =
                (reader.buffer(), reader.stat(), Reader::new(&acl).acls(), Reader::new(&children).strings());
            let (Some(data), Some(stat), Some(acl), Some(children)) = parts else {
                return Err(io::Error::other(format!("undecodable replies about {path}")));
            };
            waiting.extend(children.iter().map(|name| child_path(&path, name)));
            tree.insert(path, Node { data: data.map(<[u8]>::to_vec), stat, acl });
        }
    }
    Ok(tree)
}

/// The first differences between two trees, one line each, empty when they are equal.
pub fn differences(left: &Tree, right: &Tree, same: impl Fn(&str, &Node, &Node) -> bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (path, node) in left {
        match right.get(path) {
            None => lines.push(format!("{path:?} only left: {node:?}")),
            Some(other) if !same(path, node, other) => {
                lines.push(format!("{path:?} differs:\n  left  {node:?}\n  right {other:?}"));
            }
            Some(_) => {}
        }
    }
    lines.extend(
        right
            .iter()
            .filter(|(path, _)| !left.contains_key(*path))
            .map(|(path, node)| format!("{path:?} only right: {node:?}")),
    );
    lines.truncate(10);
    lines
}
