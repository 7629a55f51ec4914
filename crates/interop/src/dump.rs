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

/// Reads the whole tree through `client`, which should be a super user.
///
/// # Errors
/// The connection is gone or a node could not be read.
pub fn dump(client: &mut Client) -> io::Result<Tree> {
    let mut tree = Tree::new();
    let mut waiting = vec!["/".to_owned()];
    while let Some(path) = waiting.pop() {
        let (data, stat) =
            client.get(&path)?.ok_or_else(|| io::Error::other(format!("{path} is listed and missing")))?;
        let body = client.must(&Request::get_acl(&path))?;
        let acl = Reader::new(&body).acls().ok_or_else(|| io::Error::other("undecodable access list"))?;
        waiting.extend(client.children(&path)?.iter().map(|name| child_path(&path, name)));
        tree.insert(path, Node { data, stat, acl });
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
