//! The judge of a history.
//!
//! Every change has a zxid, so that no search for an order is needed: the order is known and only has to agree with
//! what everybody saw and when. That is, for writes of registers: a write that began after another had returned has
//! the greater zxid; one zxid is one value and version for all observers; versions count the writes. For reads: none
//! shows what was not yet asked for; one after a sync shows everything acknowledged or seen before the sync began;
//! and none, in the life of a session, shows less than the session has been told of, at whatever server.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use super::{Action, History, NUMBERED, Op, Outcome, State, States};
use crate::dump::Tree;
use crate::ensemble::Id;

/// What a history holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Acknowledged changes.
    pub acknowledged: usize,
    /// Changes nobody knows the fate of.
    pub unknown: usize,
    /// Reads without a sync.
    pub reads: usize,
    /// Reads after a sync.
    pub synced: usize,
    /// Longest time between two acknowledgements.
    pub gap: Duration,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { acknowledged, unknown, reads, synced, gap } = self;
        write!(
            f,
            "{acknowledged} writes acknowledged, {unknown} unknown, {reads} reads, {synced} after sync, \
             longest gap {} ms",
            gap.as_millis()
        )
    }
}

/// Judges a history. Reads after sync at one of `lenient` are judged as reads without: a server that does not know yet
/// that it leads no more answers a sync by itself.
///
/// # Errors
/// What cannot have happened, one line each.
pub fn check(history: &History, lenient: &[Id]) -> Result<Summary, Vec<String>> {
    let mut wrong = Vec::new();
    let registers = registers(history, &mut wrong);
    write_order(history, &mut wrong);
    for (key, states) in &registers {
        versions(key, states, history, &mut wrong);
        freshness(key, history, lenient, &mut wrong);
    }
    no_foresight(history, &mut wrong);
    sessions(history, &registers, &mut wrong);
    if wrong.is_empty() { Ok(summary(history)) } else { Err(wrong) }
}

fn summary(history: &History) -> Summary {
    let mut summary = Summary::default();
    let mut acknowledged = Vec::new();
    for op in history {
        match (&op.action, &op.outcome) {
            (Action::Read { .. }, Outcome::Unknown) => {}
            (Action::Read { synced: false, .. }, _) => summary.reads += 1,
            (Action::Read { synced: true, .. }, _) => summary.synced += 1,
            (_, Outcome::Unknown) => summary.unknown += 1,
            (_, Outcome::Refused(_)) => {}
            _ => acknowledged.push(op.returned),
        }
    }
    acknowledged.sort();
    summary.acknowledged = acknowledged.len();
    summary.gap = acknowledged.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    summary
}

fn key_of(op: &Op) -> Option<&str> {
    match &op.action {
        Action::Write { key, .. } | Action::Read { key, .. } => Some(key),
        Action::Number { .. } => None,
    }
}

/// Every state of every register that was seen; two views of one transaction have to agree.
fn registers<'a>(history: &'a History, wrong: &mut Vec<String>) -> BTreeMap<&'a str, States<'a>> {
    let mut registers: BTreeMap<&str, States> = BTreeMap::new();
    for op in history {
        let (Some(key), Outcome::State { value, version, mzxid }) = (key_of(op), &op.outcome) else {
            continue;
        };
        let state = State { value, version: *version };
        let known = registers.entry(key).or_default().entry(*mzxid).or_insert_with(|| state.clone());
        if *known != state {
            wrong.push(format!("{key} at 0x{mzxid:x} is {known:?} for some and {state:?} for others"));
        }
        if let Action::Write { value: written, expected, .. } = &op.action
            && (written != value || op.zxid != *mzxid || (*expected >= 0 && *version != expected + 1))
        {
            wrong.push(format!("a write was answered wrongly: {op:?}"));
        }
    }
    registers
}

/// No two changes share a zxid, and whatever was acknowledged before another was asked for comes before it.
fn write_order(history: &History, wrong: &mut Vec<String>) {
    let changed = |op: &&Op| {
        !matches!(op.action, Action::Read { .. })
            && matches!(op.outcome, Outcome::State { .. } | Outcome::Numbered { .. })
    };
    let mut writes: Vec<&Op> = history.iter().filter(changed).collect();
    writes.sort_by_key(|op| op.zxid);
    for pair in writes.windows(2) {
        if pair[0].zxid == pair[1].zxid {
            wrong.push(format!("two changes of one zxid: {:?} and {:?}", pair[0], pair[1]));
        }
    }
    let mut latest: Option<&Op> = None;
    for op in writes {
        if let Some(latest) = latest.filter(|latest| op.returned < latest.called) {
            wrong.push(format!("in the wrong order: {op:?} was done before {latest:?} began"));
        }
        if latest.is_none_or(|latest| op.called > latest.called) {
            latest = Some(op);
        }
    }
}

/// Versions ascend with zxids, and there are no more of them than writes.
fn versions(key: &str, states: &States, history: &History, wrong: &mut Vec<String>) {
    let list: Vec<_> = states.iter().collect();
    let mut missing = 0;
    for pair in list.windows(2) {
        let (before, after) = (pair[0].1.version, pair[1].1.version);
        if after <= before {
            wrong.push(format!("{key} went from {:?} to {:?}", pair[0], pair[1]));
        }
        missing += (after - before - 1).max(0) as usize;
    }
    let seen: BTreeSet<&str> = states.values().map(|state| state.value).collect();
    let unknown = history.iter().filter(|op| match &op.action {
        Action::Write { key: other, value, .. } => {
            other == key && op.outcome == Outcome::Unknown && !seen.contains(value.as_str())
        }
        _ => false,
    });
    let unknown = unknown.count();
    if missing > unknown {
        wrong.push(format!("{key}: {missing} versions nobody wrote, {unknown} writes of unknown fate"));
    }
}

/// A read after sync shows at least what anybody knew when it was called.
fn freshness(key: &str, history: &History, lenient: &[Id], wrong: &mut Vec<String>) {
    let mut known: Vec<(Duration, i64)> = Vec::new();
    let mut reads = Vec::new();
    for op in history.iter().filter(|op| key_of(op) == Some(key)) {
        let Outcome::State { mzxid, .. } = op.outcome else { continue };
        known.push((op.returned, mzxid));
        if matches!(op.action, Action::Read { synced: true, .. }) && !lenient.contains(&op.server) {
            reads.push((op.called, mzxid, op));
        }
    }
    known.sort();
    reads.sort_by_key(|(called, ..)| *called);
    let (mut next, mut newest) = (0, 0);
    for (called, mzxid, op) in reads {
        while next < known.len() && known[next].0 < called {
            newest = newest.max(known[next].1);
            next += 1;
        }
        if mzxid < newest {
            wrong.push(format!("stale after sync, 0x{newest:x} was known: {op:?}"));
        }
    }
}

/// Nobody sees a value before somebody asked for it.
fn no_foresight(history: &History, wrong: &mut Vec<String>) {
    let mut asked = HashMap::new();
    for op in history {
        if let Action::Write { key, value, .. } = &op.action {
            asked.insert((key.as_str(), value.as_str()), op.called);
        }
    }
    for op in history {
        let (Some(key), Outcome::State { value, .. }) = (key_of(op), &op.outcome) else { continue };
        match asked.get(&(key, value.as_str())) {
            Some(called) if *called <= op.returned => {}
            _ => wrong.push(format!("a value nobody had written: {op:?}")),
        }
    }
}

/// A session that was told of a zxid sees everything up to it.
fn sessions(history: &History, registers: &BTreeMap<&str, States>, wrong: &mut Vec<String>) {
    let mut told: HashMap<i64, i64> = HashMap::new();
    for op in history {
        let told = told.entry(op.session).or_default();
        if let (Some(key), Outcome::State { mzxid, .. }) = (key_of(op), &op.outcome) {
            let newer = registers[key].range(mzxid + 1..).next();
            if let Some((newer, _)) = newer.filter(|(newer, _)| **newer <= *told) {
                wrong.push(format!("session was told of 0x{told:x} and sees nothing of 0x{newer:x}: {op:?}"));
            }
            *told = (*told).max(*mzxid);
        }
        *told = (*told).max(op.zxid);
    }
}

/// Judges what is left in the end: nothing acknowledged is missing, and nothing is there that nobody asked for.
///
/// # Errors
/// What cannot be, one line each.
pub fn check_tree(history: &History, tree: &Tree) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    let registers = registers(history, &mut wrong);
    for (key, states) in &registers {
        let Some(node) = tree.get(*key) else {
            wrong.push(format!("{key} is gone"));
            continue;
        };
        let value = String::from_utf8_lossy(node.data.as_deref().unwrap_or_default()).into_owned();
        let (last, state) = states.last_key_value().expect("a register that was seen has a state");
        let same = node.stat.mzxid == *last && value == state.value && node.stat.version == state.version;
        let later = node.stat.mzxid > *last && node.stat.version > state.version;
        if !same && !later {
            wrong.push(format!("{key} ends as {value:?} {:?} and was {state:?} at 0x{last:x}", node.stat));
        }
        let writes = history.iter().filter(|op| {
            matches!(&op.action, Action::Write { key: other, .. } if other == key)
                && !matches!(op.outcome, Outcome::Refused(_))
        });
        // The first write counted is the one that created it, with version 0.
        let most = writes.count() as i32 - 1;
        if node.stat.version > most {
            wrong.push(format!("{key} has version {} and was written {most} times", node.stat.version));
        }
    }
    numbered(history, tree, &mut wrong);
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn numbered(history: &History, tree: &Tree, wrong: &mut Vec<String>) {
    let mut asked: HashMap<&str, &Op> = HashMap::new();
    for op in history {
        if let Action::Number { value } = &op.action {
            asked.insert(value, op);
        }
    }
    for op in history {
        let (Outcome::Numbered { path }, Action::Number { value }) = (&op.outcome, &op.action) else {
            continue;
        };
        match tree.get(path) {
            Some(node) if node.data.as_deref() == Some(value.as_bytes()) && node.stat.czxid == op.zxid => {}
            other => wrong.push(format!("acknowledged and not there: {op:?} (there is {other:?})")),
        }
    }
    let prefix = format!("{NUMBERED}/");
    let mut found = BTreeSet::new();
    for (path, node) in tree.iter().filter(|(path, _)| path.starts_with(&prefix)) {
        let value = String::from_utf8_lossy(node.data.as_deref().unwrap_or_default()).into_owned();
        let refused = |op: &&Op| matches!(op.outcome, Outcome::Refused(_));
        if asked.get(value.as_str()).is_none_or(refused) {
            wrong.push(format!("{path} holds {value:?}, which nobody asked for"));
        }
        if !found.insert(value) {
            wrong.push(format!("{path} was created twice"));
        }
    }
}

#[cfg(test)]
mod tests;
