//! What a request must come to, by the state it meets in the order of all transactions.

use super::model::{Model, parent};
use crate::client::Ask;
use proto::ErrorCode;
use proto::txn::Txn;
use std::collections::BTreeMap;

/// The part of the state a multi has changed so far: path to version, creations and owner; `None` for
/// nodes it deleted.
#[derive(Default)]
struct Overlay(BTreeMap<String, Option<(i32, i32, i64, i32)>>);

struct Look<'a> {
    model: &'a Model,
    over: Overlay,
}

impl Look<'_> {
    /// Version, creations, owner and number of children of a node.
    fn node(&self, path: &str) -> Option<(i32, i32, i64, i32)> {
        match self.over.0.get(path) {
            Some(node) => *node,
            None => self
                .model
                .get(path)
                .map(|n| (n.stat.version, n.creations, n.stat.ephemeral_owner, n.stat.num_children)),
        }
    }

    fn put(&mut self, path: &str, node: Option<(i32, i32, i64, i32)>) {
        self.over.0.insert(path.to_owned(), node);
    }

    fn expect(&mut self, ask: &Ask, session: i64) -> Result<String, ErrorCode> {
        let check = |found: i32, wanted: i32| match wanted == -1 || wanted == found {
            true => Ok(()),
            false => Err(ErrorCode::BadVersion),
        };
        match ask {
            Ask::Create { path, ephemeral, sequential, .. } => {
                let above = parent(path);
                let (version, creations, owner, children) = self.node(above).ok_or(ErrorCode::NoNode)?;
                let path = if *sequential { format!("{path}{creations:010}") } else { path.clone() };
                if self.node(&path).is_some() {
                    return Err(ErrorCode::NodeExists);
                }
                if owner != 0 {
                    return Err(ErrorCode::NoChildrenForEphemerals);
                }
                self.put(above, Some((version, creations + 1, owner, children + 1)));
                self.put(&path, Some((0, 0, if *ephemeral { session } else { 0 }, 0)));
                Ok(path)
            }
            Ask::Delete { path, version } => {
                let (found, _, _, children) = self.node(path).ok_or(ErrorCode::NoNode)?;
                check(found, *version)?;
                if children > 0 {
                    return Err(ErrorCode::NotEmpty);
                }
                let above = parent(path);
                if let Some((v, c, o, children)) = self.node(above) {
                    self.put(above, Some((v, c, o, children - 1)));
                }
                self.put(path, None);
                Ok(path.clone())
            }
            Ask::Set { path, version, .. } => {
                let (found, creations, owner, children) = self.node(path).ok_or(ErrorCode::NoNode)?;
                check(found, *version)?;
                self.put(path, Some((found + 1, creations, owner, children)));
                Ok(path.clone())
            }
            Ask::Check { path, version } => {
                let (found, ..) = self.node(path).ok_or(ErrorCode::NoNode)?;
                check(found, *version).map(|()| path.clone())
            }
            _ => Ok(String::new()),
        }
    }
}

/// Whether the request was not looked at, because its session had ended or come another way.
pub(crate) fn is_turned_away(txn: &Txn) -> bool {
    let first = match txn {
        Txn::Multi(parts) => parts.first().unwrap_or(txn),
        txn => txn,
    };
    let codes = [ErrorCode::SessionExpired.code(), ErrorCode::SessionMoved.code()];
    matches!(first, Txn::Error(code) if codes.contains(code))
}

/// Compares a decided transaction with what the request had to come to.
///
/// # Errors
/// The difference, in words.
pub(crate) fn check(ask: &Ask, session: i64, txn: &Txn, model: &Model) -> Result<(), String> {
    if is_turned_away(txn) {
        return Ok(());
    }
    let mut look = Look { model, over: Overlay::default() };
    let (asks, parts) = match (ask, txn) {
        (Ask::Multi(asks), Txn::Multi(parts)) => (&asks[..], &parts[..]),
        (Ask::Multi(_), _) => return Err(format!("a multi became {txn:?}")),
        _ => (std::slice::from_ref(ask), std::slice::from_ref(txn)),
    };
    if asks.len() != parts.len() {
        return Err(format!("{} operations became {} transactions", asks.len(), parts.len()));
    }
    let expected: Vec<_> = asks.iter().map(|ask| look.expect(ask, session)).collect();
    let failed = expected.iter().position(Result::is_err);
    for (at, part) in parts.iter().enumerate() {
        let matches = match (failed, part) {
            (None, part) => fits(&asks[at], expected[at].as_deref().unwrap_or_default(), part),
            (Some(failed), Txn::Error(code)) => {
                let wanted = match at.cmp(&failed) {
                    std::cmp::Ordering::Less => ErrorCode::Ok,
                    std::cmp::Ordering::Equal => *expected[at].as_ref().err().unwrap_or(&ErrorCode::Ok),
                    std::cmp::Ordering::Greater => ErrorCode::RuntimeInconsistency,
                };
                *code == wanted.code()
            }
            // Operations before the one that failed stand in the log and take no effect.
            (Some(failed), part) => {
                at < failed && fits(&asks[at], expected[at].as_deref().unwrap_or_default(), part)
            }
        };
        if !matches {
            return Err(format!("{asks:?} had to come to {expected:?} and became {parts:?}"));
        }
    }
    Ok(())
}

/// Whether a transaction does what was asked, under the name it had to get.
fn fits(ask: &Ask, name: &str, txn: &Txn) -> bool {
    match (ask, txn) {
        (Ask::Create { data, ephemeral, .. }, Txn::Create(_, t)) => {
            t.path == name && t.data.as_deref().unwrap_or_default() == data && t.ephemeral == *ephemeral
        }
        (Ask::Delete { .. }, Txn::Delete(_, path)) => path == name,
        (Ask::Set { data, .. }, Txn::SetData(_, t)) => {
            t.path == name && t.data.as_deref().unwrap_or_default() == data
        }
        (Ask::Check { .. }, Txn::Check(t)) => t.path == name,
        (Ask::Close, Txn::CloseSession(_)) => true,
        _ => false,
    }
}
