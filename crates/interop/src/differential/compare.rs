//! Holds two servers beside each other, and reduces what they disagree about to few steps.

use std::io;
use std::path::Path;

use crate::request::Request;
use crate::server::{Kind, Server};
use crate::wire::op;

use super::run::{NO_ANSWER, Runner, SystemAcls, system_acls};
use super::{Action, Profile, Step};

/// A step the two servers answered differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The step's place in the sequence; its length when the trees differ at the end.
    pub step: usize,
    /// What the first server sent.
    pub left: Vec<String>,
    /// What the second server sent.
    pub right: Vec<String>,
}

/// How a sequence went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Both answered everything alike.
    Same,
    /// They answered differently.
    Different(Mismatch),
    /// Both left the same request unanswered; they cannot be used further.
    BothSilent,
}

fn is_silent(lines: &[String]) -> bool {
    lines.iter().any(|line| line.ends_with(NO_ANSWER))
}

/// Two servers of one profile.
#[derive(Debug)]
pub struct Pair {
    left: Side,
    right: Side,
    profile: Profile,
}

#[derive(Debug)]
struct Side {
    server: Server,
    acls: SystemAcls,
}

impl Side {
    fn start(kind: Kind, dir: &Path, profile: Profile) -> io::Result<Self> {
        let dir = dir.join(format!("{kind}-{}", std::process::id()));
        if dir.exists() {
            std::fs::remove_dir_all(&dir)?;
        }
        std::fs::create_dir_all(&dir)?;
        let server = Server::start(kind, &dir, &profile.settings())?;
        let acls = system_acls(server.addr())?;
        Ok(Self { server, acls })
    }

    fn begin(&self, profile: Profile) -> io::Result<Runner> {
        Runner::begin(self.server.addr(), profile.with_38).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: io::Error) -> io::Error {
        io::Error::new(
            error.kind(),
            format!("{} (log in {}): {error}", self.server.kind(), self.server.log_path().display()),
        )
    }
}

impl Pair {
    /// Starts both servers on empty directories below `dir`.
    ///
    /// # Errors
    /// One of them did not start.
    pub fn start(left: Kind, right: Kind, dir: &Path, profile: Profile) -> io::Result<Self> {
        Ok(Self {
            left: Side::start(left, &dir.join("left"), profile)?,
            right: Side::start(right, &dir.join("right"), profile)?,
            profile,
        })
    }

    /// Starts both servers again on empty directories below `dir`.
    ///
    /// # Errors
    /// One of them did not start.
    pub fn restart(&mut self, dir: &Path) -> io::Result<()> {
        let (left, right) = (self.left.server.kind(), self.right.server.kind());
        self.left.server.kill();
        self.right.server.kill();
        *self = Self::start(left, right, dir, self.profile)?;
        Ok(())
    }

    /// Runs `steps` on both in lockstep and stops at the first difference.
    ///
    /// # Errors
    /// A server stopped answering, or refused to have its tree emptied.
    pub fn run(&self, steps: &[Step]) -> io::Result<Outcome> {
        let mut left = self.left.begin(self.profile)?;
        let mut right = self.right.begin(self.profile)?;
        let mut mismatch = None;
        for (index, step) in steps.iter().enumerate() {
            if std::env::var_os("ZABRA_TRACE").is_some() {
                println!("{index}: {step:?}");
            }
            let mut ours = left.step(step).map_err(|error| self.left.explain(error))?;
            let mut theirs = right.step(step).map_err(|error| self.right.explain(error))?;
            if closes_session(step) {
                sort_events(&mut ours);
                sort_events(&mut theirs);
            }
            let silent = is_silent(&ours) || is_silent(&theirs);
            if ours != theirs {
                mismatch = Some(Mismatch { step: index, left: ours, right: theirs });
            }
            if silent {
                return Ok(mismatch.map_or(Outcome::BothSilent, Outcome::Different));
            }
            if mismatch.is_some() {
                break;
            }
        }
        if mismatch.is_none() {
            let (ours, theirs) = (left.tree()?, right.tree()?);
            if ours != theirs {
                let only = |these: &[String], those: &[String]| {
                    these.iter().filter(|line| !those.contains(line)).cloned().collect()
                };
                mismatch = Some(Mismatch {
                    step: steps.len(),
                    left: only(&ours, &theirs),
                    right: only(&theirs, &ours),
                });
            }
        }
        left.finish(&self.left.acls).map_err(|error| self.left.explain(error))?;
        right.finish(&self.right.acls).map_err(|error| self.right.explain(error))?;
        Ok(mismatch.map_or(Outcome::Same, Outcome::Different))
    }

    /// Leaves out whatever is not needed for the servers to disagree.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn shrink(
        &mut self,
        mut steps: Vec<Step>,
        mut mismatch: Mismatch,
        dir: &Path,
    ) -> io::Result<(Vec<Step>, Mismatch)> {
        steps.truncate(mismatch.step + 1);
        if is_silent(&mismatch.left) || is_silent(&mismatch.right) {
            return Ok((steps, mismatch));
        }
        let mut chunk = steps.len() / 2;
        let mut budget = 150_i32;
        while chunk >= 1 {
            let mut start = 0;
            while start < steps.len() && budget > 0 {
                budget -= 1;
                let mut fewer = steps.clone();
                fewer.drain(start..(start + chunk).min(fewer.len()));
                match self.run(&fewer) {
                    Ok(Outcome::Different(found)) if !is_silent(&found.left) && !is_silent(&found.right) => {
                        fewer.truncate(found.step + 1);
                        (steps, mismatch) = (fewer, found);
                    }
                    Ok(Outcome::Same) => start += chunk,
                    Ok(_) | Err(_) => {
                        self.restart(dir)?;
                        start += chunk;
                        budget = (budget - 20).max(0);
                    }
                }
            }
            chunk /= 2;
        }
        self.shrink_inside(steps, mismatch, dir)
    }

    /// Takes single requests out of batches and multis.
    fn shrink_inside(
        &mut self,
        mut steps: Vec<Step>,
        mut mismatch: Mismatch,
        dir: &Path,
    ) -> io::Result<(Vec<Step>, Mismatch)> {
        for index in 0..steps.len() {
            let mut item = 0;
            while let Some(smaller) = steps.get(index).and_then(|step| without(step, item)) {
                let mut fewer = steps.clone();
                fewer[index] = smaller;
                match self.run(&fewer) {
                    Ok(Outcome::Different(found)) if !is_silent(&found.left) && !is_silent(&found.right) => {
                        fewer.truncate(found.step + 1);
                        (steps, mismatch) = (fewer, found);
                    }
                    Ok(Outcome::Same) => item += 1,
                    Ok(_) | Err(_) => {
                        self.restart(dir)?;
                        item += 1;
                    }
                }
            }
        }
        Ok((steps, mismatch))
    }
}

/// The step without the `item`th request of its batch or multi; `None` when there is no such request.
fn without(step: &Step, item: usize) -> Option<Step> {
    let drop_from = |requests: &[Request]| {
        let mut fewer = requests.to_vec();
        (item < fewer.len()).then(|| fewer.remove(item)).map(|_| fewer)
    };
    let action = match &step.action {
        Action::Batch(requests) => Action::Batch(drop_from(requests)?),
        Action::One(Request::Multi { op, parts }) => {
            Action::One(Request::Multi { op: *op, parts: drop_from(parts)? })
        }
        _ => return None,
    };
    Some(Step { session: step.session, action })
}

fn closes_session(step: &Step) -> bool {
    matches!(&step.action, Action::One(Request::Empty { op: op::CLOSE_SESSION }))
}

/// Events of one transaction that removes several nodes come in the order of a hash set.
fn sort_events(lines: &mut [String]) {
    lines.chunk_by_mut(|a, b| is_event(a) && is_event(b)).for_each(<[String]>::sort);
}

fn is_event(line: &str) -> bool {
    line.split_once(' ').is_some_and(|(_, rest)| rest.starts_with("event "))
}
