//! What operators do to a running ensemble: restart it server by server, replace servers by others, move files.

use std::fs;
use std::io;

use interop::ensemble::Wiring;
use interop::server::Kind;

use crate::trial::{Cx, Scenario, THREE, Trial};

pub(crate) fn scenarios() -> Vec<Scenario> {
    const ALL: &[Kind] = &[Kind::Zabra, Kind::Java38, Kind::Java39];
    vec![
        Scenario::new("rolling-restart", &[Kind::Zabra], rolling_restart),
        Scenario::new("rolling-replacement", ALL, rolling_replacement),
        Scenario::new("directories-exchanged", ALL, directories_exchanged),
    ]
}

fn rolling_restart(cx: &mut Cx) -> io::Result<()> {
    let mut trial = Trial::start(&cx.cast(&THREE), Wiring::Direct)?;
    let rounds = cx.rounds(1);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for id in (0..rounds).flat_map(|_| 1..=3) {
            watch.await_progress(100)?;
            ensemble.stop(id)?;
            watch.await_progress(50)?;
            ensemble.launch(id)?;
        }
        Ok(())
    })?;
    trial.judge()
}

/// From Java to Zabra and back, followers first and the leader last, then in the other order.
fn rolling_replacement(cx: &mut Cx) -> io::Result<()> {
    let java = [Kind::Java38, Kind::Java39, Kind::Java39];
    let zabra = cx.cast(&THREE);
    let mut trial = Trial::start(&java, Wiring::Direct)?;
    let rounds = cx.rounds(1);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for _ in 0..rounds {
            for (id, kind) in
                [(1, zabra[0]), (2, zabra[1]), (3, zabra[2]), (3, java[2]), (2, java[1]), (1, java[0])]
            {
                watch.await_progress(100)?;
                ensemble.replace(id, kind)?;
            }
        }
        watch.await_progress(50)
    })?;
    trial.judge()
}

/// Every member goes on with the files that another kind wrote, and then with the files of another member.
fn directories_exchanged(cx: &mut Cx) -> io::Result<()> {
    let kinds = cx.cast(&[Kind::Java38, Kind::Zabra, Kind::Java39]);
    let mut trial = Trial::start(&kinds, Wiring::Direct)?;
    for turn in 1..=cx.rounds(1) * 2 {
        trial.under_load(&mut cx.rng, |_, watch| watch.await_progress(300))?;
        let ensemble = &mut trial.ensemble;
        // Not level on purpose: those that are behind have to catch up afterwards.
        ensemble.stop_all()?;
        for id in ensemble.ids() {
            ensemble.server_mut(id).become_kind(kinds[(usize::from(id) + turn) % 3]);
        }
        if turn % 2 == 0 {
            let away = ensemble.dir().join("away");
            let data = |id| ensemble.member_dir(id).join("data");
            fs::rename(data(1), &away)?;
            fs::rename(data(2), data(1))?;
            fs::rename(&away, data(2))?;
            ensemble.write_id(1)?;
            ensemble.write_id(2)?;
        }
        ensemble.start()?;
    }
    trial.under_load(&mut cx.rng, |_, watch| watch.await_progress(100))?;
    trial.judge()
}
