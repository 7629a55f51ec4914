//! A disk that is full.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use interop::ensemble::{Ensemble, Id, Role, Wiring};
use interop::server::Kind;

use crate::trial::{Cx, Scenario, THREE, Trial};

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![Scenario::new("full-disk", &[Kind::Zabra], full_disk)]
}

/// Enough for the snapshots of this test.
const SIZE: &str = "size=24m";

/// A server whose disk is full stops; the others go on; when there is room again it comes back, and nothing is lost.
fn full_disk(cx: &mut Cx) -> io::Result<()> {
    let members: Vec<_> = cx.cast(&THREE).into_iter().map(|kind| (kind, Role::Participant)).collect();
    let ensemble =
        Ensemble::new(&members, Wiring::Direct, &[("preAllocSize", "64"), ("snapCount", "100000")])?;
    let disks: Vec<Disk> =
        ensemble.ids().iter().map(|id| Disk::below(&ensemble, *id)).collect::<io::Result<_>>()?;
    let mut trial = Trial::of(ensemble, 3)?;
    let rounds = cx.rounds(2);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for round in 0..rounds {
            watch.await_progress(100)?;
            let ids = ensemble.ids();
            let leader = ensemble.await_leader_among(&ids)?;
            let follower = ensemble.await_follower()?;
            let id = if round % 2 == 0 { follower } else { leader };
            let disk = &disks[usize::from(id) - 1];
            disk.fill(ensemble.server(id).pid())?;
            ensemble.until("a server that cannot write does not serve", |ensemble| {
                Ok(ensemble.server_mut(id).check_running().is_err() || ensemble.server(id).mode().is_none())
            })?;
            watch.await_progress(200)?;
            disk.make_room()?;
            ensemble.kill(id);
            ensemble.launch(id)?;
        }
        Ok(())
    })?;
    let verdict = trial.judge();
    drop(disks);
    verdict
}

/// A member's data directory on a file system of its own, or where that is not allowed, a limit to the size of files.
struct Disk {
    data: PathBuf,
    is_mounted: bool,
}

impl Disk {
    fn below(ensemble: &Ensemble, id: Id) -> io::Result<Self> {
        let data = ensemble.member_dir(id).join("data");
        let mount = ["-t", "tmpfs", "-o", SIZE, "tmpfs"];
        let is_mounted = Command::new("mount").args(mount).arg(&data).output()?.status.success();
        ensemble.write_id(id)?;
        Ok(Self { data, is_mounted })
    }

    fn filler(&self) -> PathBuf {
        self.data.join("filler")
    }

    fn fill(&self, pid: Option<u32>) -> io::Result<()> {
        if !self.is_mounted {
            return limit_files(pid);
        }
        let mut filler = File::create(self.filler())?;
        while filler.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    fn make_room(&self) -> io::Result<()> {
        if Path::new(&self.filler()).exists() { fs::remove_file(self.filler()) } else { Ok(()) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // Lazily: a server that is still there keeps it until it has ended.
            let _ = Command::new("umount").arg("--lazy").arg(&self.data).status();
        }
    }
}

fn limit_files(pid: Option<u32>) -> io::Result<()> {
    let pid = pid.ok_or_else(|| io::Error::other("the server does not run"))?;
    let status = Command::new("prlimit").args(["--pid", &pid.to_string(), "--fsize=1:1"]).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("no limit could be set")) }
}
