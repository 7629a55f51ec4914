//! Ensembles of several kinds: who leads is decided by the numbers, and then by a kill.

use std::io;

use interop::ensemble::{Ensemble, Id, Role, Wiring};
use interop::server::Kind;

use crate::basic;
use crate::trial::{Cx, Scenario, Trial, expect};

pub(crate) fn scenarios() -> Vec<Scenario> {
    use Kind::{Java38, Java39, Zabra};
    vec![
        Scenario::new("java39-leads", &[Zabra, Java39], |cx| mixed(cx, &[Zabra, Zabra, Java39], None)),
        Scenario::new("java38-leads", &[Zabra, Java38], |cx| mixed(cx, &[Zabra, Zabra, Java38], None)),
        Scenario::new("zabra-leads", &[Zabra, Java38, Java39], |cx| {
            mixed(cx, &[Java38, Java39, Zabra], None)
        }),
        Scenario::new("java-observes-zabra", &[Zabra, Java39], |cx| {
            mixed(cx, &[Zabra, Zabra, Zabra], Some(Java39))
        }),
        Scenario::new("zabra-observes-java", &[Zabra, Java38, Java39], |cx| {
            mixed(cx, &[Java38, Java39, Java39], Some(Zabra))
        }),
    ]
}

/// The last of `voters` leads; then it is killed, and one of the others leads; then it is back.
fn mixed(cx: &mut Cx, voters: &[Kind], observer: Option<Kind>) -> io::Result<()> {
    let voters = cx.cast(voters).into_iter().map(|kind| (kind, Role::Participant));
    let observer = cx.cast(observer.as_slice()).into_iter().map(|kind| (kind, Role::Observer));
    let leader = voters.len() as Id;
    let members: Vec<_> = voters.chain(observer).collect();
    let mut trial = Trial::of(Ensemble::new(&members, Wiring::Direct, &[])?, leader)?;
    basic::across_servers(&mut trial.ensemble)?;
    let rounds = cx.rounds(1);
    trial.under_load(&mut cx.rng, |ensemble, watch| {
        for round in 0..rounds {
            watch.await_progress(300)?;
            let voters = ensemble.voters();
            let leader = ensemble.await_leader_among(&voters)?;
            ensemble.kill(leader);
            let others: Vec<Id> = voters.iter().copied().filter(|id| *id != leader).collect();
            let next = ensemble.await_leader_among(&others)?;
            watch.await_progress(200)?;
            ensemble.launch(leader)?;
            watch.await_progress(100)?;
            expect(ensemble.leader() == Some(next), "a server that comes back does not depose anybody")?;
            let observers: Vec<Id> = ensemble.ids().into_iter().filter(|id| !voters.contains(id)).collect();
            for id in observers {
                ensemble.await_serving(&[id])?;
                expect(ensemble.server(id).mode().as_deref() == Some("observer"), "the observer observes")?;
                if round == 0 {
                    ensemble.kill(id);
                    watch.await_progress(100)?;
                    ensemble.launch(id)?;
                }
            }
        }
        Ok(())
    })?;
    trial.judge()
}
