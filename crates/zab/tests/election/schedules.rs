//! Ensembles over a network that delays, loses and breaks, from seeds: every election ends, and nobody
//! leads without a quorum that voted for it (checked by the network at every decision).

use crate::network::{Network, Random, Role};
use zab::{Config, ElectionSettings};

const SIZES: [i64; 3] = [3, 5, 7];

fn settings() -> ElectionSettings {
    ElectionSettings { max_notification_interval_ms: 4000, ..ElectionSettings::default() }
}

fn ensemble(voters: i64, observers: i64, random: Random) -> Network {
    let line = |id: i64| {
        let role = if id <= voters { "participant" } else { "observer" };
        format!("server.{id}=host{id}:2888:3888:{role}\n")
    };
    let text: String = (1..=voters + observers).map(line).collect();
    let config = Config::parse(&(text + "version=0")).expect("a membership");
    Network::new(config, random, &settings())
}

/// An ensemble whose members have histories of their own, none of them started.
fn with_histories(seed: u64) -> Network {
    let mut random = Random::new(seed);
    let (voters, observers) = (random.pick(&SIZES), random.below(3) as i64);
    let mut network = ensemble(voters, observers, random);
    for id in network.ids() {
        let (epoch, counter) = (network.random.below(3), network.random.below(3));
        network.set_history(id, epoch as u32, ((epoch << 32) + counter) as i64);
    }
    network
}

fn start_all(network: &mut Network) {
    for id in network.ids().into_iter().filter(|id| network.role(*id) == Role::Down).collect::<Vec<_>>() {
        network.start(id, &settings());
    }
}

/// Lets time pass until all follow one leader, and then some; the leader stays.
fn assert_ends(network: &mut Network, within_ms: u64, what: &str) {
    let until = network.now_ms + within_ms;
    while network.leader_of_all().is_none() && network.now_ms < until {
        network.run_until(network.now_ms + 10);
    }
    let leader = network.leader_of_all();
    let roles: Vec<_> = network.ids().into_iter().map(|id| (id, network.role(id))).collect();
    assert!(leader.is_some(), "{what}: no leader: {roles:?}");
    network.run_until(network.now_ms + 10_000);
    assert_eq!(network.leader_of_all(), leader, "{what}: it stays");
}

#[test]
fn without_failures_a_leader_is_decided_in_a_few_message_delays() {
    for seed in 0..300 {
        let mut network = with_histories(seed);
        let started_ms = network.now_ms;
        start_all(&mut network);
        network.run_until(started_ms + 199);
        let decided = network.decisions.len();
        assert_eq!(decided, network.ids().len(), "seed {seed}: nobody waits for silence");
        assert_eq!(network.leads.len(), 1, "seed {seed}: one leader");
        assert_ends(&mut network, 1000, &format!("seed {seed}"));
    }
}

#[test]
fn the_best_history_leads_when_all_are_there() {
    for seed in 0..100 {
        let mut network = with_histories(seed);
        let best = network.random.below(3) as i64 + 1;
        network.set_history(best, 9, 9 << 32);
        start_all(&mut network);
        assert_ends(&mut network, 1000, &format!("seed {seed}"));
        assert_eq!(network.leader_of_all(), Some(best), "seed {seed}");
    }
}

#[test]
fn a_leader_that_dies_is_replaced_without_waiting_for_silence() {
    for seed in 0..100 {
        let mut network = with_histories(seed);
        start_all(&mut network);
        assert_ends(&mut network, 1000, &format!("seed {seed}"));
        let leader = network.leader_of_all().expect("just seen");
        network.crash(leader);
        let (crashed_ms, before) = (network.now_ms, network.leads.len());
        // Until the next poll nobody looks; then a few delays.
        network.run_until(crashed_ms + 199);
        assert_eq!(network.leads.len(), before + 1, "seed {seed}");
        assert_ends(&mut network, 1000, &format!("seed {seed}"));
    }
}

#[test]
fn hc_02_hc_06_joiners_find_the_leader_of_an_established_ensemble() {
    for seed in 0..200 {
        let mut network = with_histories(seed);
        let mut late = network.ids();
        let first = network.random.below(late.len() as u64) as usize;
        late.rotate_left(first);
        let count = late.iter().filter(|id| **id > 0).count() / 2 - 1;
        for id in network.ids().into_iter().filter(|id| !late[..count].contains(id)).collect::<Vec<_>>() {
            network.start(id, &settings());
            let pause_ms = network.random.below(300);
            network.run_until(network.now_ms + pause_ms);
        }
        // Not all of these seeds leave a quorum of voters for the first part.
        network.run_until(network.now_ms + 3000);
        let leader = network.leader_of_all();
        for id in late.into_iter().take(count) {
            network.start(id, &settings());
            network.run_until(network.now_ms + 100);
        }
        assert_ends(&mut network, 3000, &format!("seed {seed}"));
        assert!(leader.is_none() || network.leader_of_all() == leader, "seed {seed}: joined, not replaced");
    }
}

#[test]
fn hc_03_a_leader_that_dies_as_it_wins_does_not_stop_the_others() {
    for seed in 0..100 {
        let mut network = with_histories(seed);
        start_all(&mut network);
        while network.leads.is_empty() {
            network.run_until(network.now_ms + 1);
        }
        let (_, _, winner) = network.leads[0];
        network.crash(winner);
        assert_ends(&mut network, 5000, &format!("seed {seed}"));
    }
}

#[test]
fn hc_04_members_restarting_one_by_one_never_lead_on_old_votes() {
    for seed in 0..50 {
        let mut network = with_histories(seed);
        start_all(&mut network);
        assert_ends(&mut network, 1000, &format!("seed {seed}"));
        for _ in 0..5 {
            let ids = network.ids();
            let id = network.random.pick(&ids);
            network.crash(id);
            let pause_ms = network.random.below(120);
            network.run_until(network.now_ms + pause_ms);
            network.start(id, &settings());
            assert_ends(&mut network, 5000, &format!("seed {seed}"));
        }
    }
}

#[test]
fn hc_05_lost_messages_delay_and_do_not_stop_an_election() {
    for seed in 0..300 {
        let mut network = with_histories(seed);
        network.loss = 100 + network.random.below(300);
        start_all(&mut network);
        assert_ends(&mut network, 20_000, &format!("seed {seed}"));
    }
}

#[test]
fn hc_16_a_leader_exists_when_only_the_middle_reaches_both_ends() {
    for (middle, is_silent, seed) in (1..=3)
        .flat_map(|m| [(m, false), (m, true)])
        .flat_map(|(m, silent)| (0..20).map(move |seed| (m, silent, seed)))
    {
        let mut network = ensemble(3, 0, Random::new(seed));
        let ends: Vec<i64> = (1..=3).filter(|id| *id != middle).collect();
        match is_silent {
            true => {
                network.set_mute(ends[0], ends[1], true);
                network.set_mute(ends[1], ends[0], true);
            }
            false => network.set_link(ends[0], ends[1], false),
        }
        let what = format!("middle {middle}, silent {is_silent}, seed {seed}");
        start_all(&mut network);
        network.run_until(network.now_ms + 10_000);
        assert_steady(&mut network, &what);
    }
}

#[test]
fn hc_16_a_server_that_is_not_heard_or_does_not_hear_disturbs_nobody_for_long() {
    for seed in 0..100 {
        let mut network = with_histories(seed);
        let odd = network.random.below(3) as i64 + 1;
        let is_deaf = network.random.below(2) == 0;
        for peer in network.ids() {
            match is_deaf {
                true => network.set_mute(peer, odd, true),
                false => network.set_mute(odd, peer, true),
            }
        }
        start_all(&mut network);
        network.run_until(network.now_ms + 20_000);
        assert_steady(&mut network, &format!("seed {seed}, {odd} deaf {is_deaf}"));
    }
}

/// One leads, and goes on to lead.
fn assert_steady(network: &mut Network, what: &str) {
    let leaders = |network: &Network| {
        let ids = network.ids().into_iter();
        ids.filter(|id| network.role(*id) == Role::Leading { is_established: true }).collect::<Vec<_>>()
    };
    let before = leaders(network);
    let roles: Vec<_> = network.ids().into_iter().map(|id| (id, network.role(id))).collect();
    assert_eq!(before.len(), 1, "{what}: {roles:?}");
    let decided = network.leads.len();
    network.run_until(network.now_ms + 30_000);
    assert_eq!((leaders(network), network.leads.len()), (before, decided), "{what}: no flapping");
}

#[test]
fn hc_16_every_election_ends_once_the_network_is_mended() {
    for seed in 0..200 {
        let mut network = with_histories(seed);
        network.delay_max_ms = network.random.pick(&[5, 50, 300]);
        start_all(&mut network);
        for _ in 0..30 {
            disturb(&mut network);
            let pause_ms = network.random.below(500);
            network.run_until(network.now_ms + pause_ms);
        }
        network.heal();
        start_all(&mut network);
        assert_ends(&mut network, 30_000, &format!("seed {seed}"));
    }
}

/// Breaks or mends something.
fn disturb(network: &mut Network) {
    let ids = network.ids();
    let (a, b) = (network.random.pick(&ids), network.random.pick(&ids));
    let coin = network.random.below(2) == 0;
    match network.random.below(6) {
        0 if a != b => network.set_link(a, b, coin),
        1 if a != b => network.set_mute(a, b, coin),
        2 if network.role(a) != Role::Down => network.crash(a),
        3 if network.role(a) == Role::Down => network.start(a, &settings()),
        4 => network.loss = network.random.below(300),
        // A bridge: only `a` and `b` talk to both halves.
        5 => {
            let half = ids.len() / 2;
            for (x, y) in ids[..half].iter().flat_map(|x| ids[half..].iter().map(move |y| (*x, *y))) {
                network.set_link(x, y, coin || [x, y].iter().any(|end| [a, b].contains(end)));
            }
        }
        _ => network.heal(),
    }
}
