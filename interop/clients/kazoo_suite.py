"""kazoo against the server at $ZK_ADDR: sessions, watches, recipes, transactions, reconnection.

Run through with_server, which also provides $ZK_CONTROL. Prints one line per case and the totals.
"""

import logging
import os
import socket
import sys
import threading
import time
import traceback

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    InvalidACLError,
    LockTimeout,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
    NoChildrenForEphemeralsError,
)
from kazoo.protocol.states import EventType
from kazoo.recipe.barrier import Barrier, DoubleBarrier
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.partitioner import SetPartitioner, PartitionState
from kazoo.recipe.queue import LockingQueue
from kazoo.security import make_acl, make_digest_acl

logging.basicConfig(level=logging.CRITICAL)
HOSTS = os.environ["ZK_ADDR"]
WAIT = 15
CASES = []


def case(function):
    CASES.append(function)
    return function


class clients:
    """Opens the given number of clients and closes them again."""

    def __init__(self, count, **options):
        self.clients = [KazooClient(hosts=HOSTS, timeout=options.pop("timeout", 10.0), **options) for _ in range(count)]

    def __enter__(self):
        for client in self.clients:
            client.start(timeout=WAIT)
        return self.clients[0] if len(self.clients) == 1 else self.clients

    def __exit__(self, *_):
        for client in self.clients:
            client.stop()
            client.close()


def until(condition, what):
    """The peer is another process: polls, with a bound, for what it does in its own time."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def raises(error, function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except error:
        return
    raise AssertionError(f"{function.__name__}{args} did not raise {error}")


def control(command):
    host, port = os.environ["ZK_CONTROL"].rsplit(":", 1)
    with socket.create_connection((host, int(port))) as stream:
        stream.sendall(command.encode() + b"\n")
        answer = stream.makefile().readline().strip()
    assert answer == "ok", answer


def fresh(zk, name):
    path = "/kazoo/" + name
    if zk.exists(path):
        zk.delete(path, recursive=True)
    zk.ensure_path(path)
    return path


@case
def create_get_set_delete():
    with clients(1) as zk:
        root = fresh(zk, "basic")
        assert zk.create(root + "/a", b"one") == root + "/a"
        data, stat = zk.get(root + "/a")
        assert data == b"one" and stat.version == 0 and stat.dataLength == 3 and stat.ephemeralOwner == 0
        stat = zk.set(root + "/a", b"two", version=0)
        assert stat.version == 1 and stat.mzxid > stat.czxid
        raises(BadVersionError, zk.set, root + "/a", b"x", version=0)
        raises(BadVersionError, zk.delete, root + "/a", version=0)
        raises(NodeExistsError, zk.create, root + "/a")
        raises(NoNodeError, zk.create, root + "/none/a")
        zk.create(root + "/a/b")
        raises(NotEmptyError, zk.delete, root + "/a")
        assert zk.get_children(root, include_data=True)[1].numChildren == 1
        zk.delete(root + "/a", recursive=True)
        assert zk.exists(root + "/a") is None
        raises(NoNodeError, zk.get, root + "/a")


@case
def create_include_data_returns_the_stat():
    with clients(1) as zk:
        root = fresh(zk, "create2")
        path, stat = zk.create(root + "/a", b"xyz", include_data=True)
        assert path == root + "/a" and stat.dataLength == 3 and stat.czxid == stat.mzxid


@case
def sequences_count_up_per_parent():
    with clients(1) as zk:
        root = fresh(zk, "sequence")
        names = [zk.create(root + "/n-", sequence=True) for _ in range(5)]
        assert names == [f"{root}/n-{i:010d}" for i in range(5)], names
        zk.delete(names[4])
        assert zk.create(root + "/m-", sequence=True) == f"{root}/m-{5:010d}"


@case
def large_values_and_unicode_names():
    with clients(1) as zk:
        root = fresh(zk, "values")
        big = bytes(range(256)) * 3500
        zk.create(root + "/größe", big)
        assert zk.get(root + "/größe")[0] == big
        assert zk.get_children(root) == ["größe"]
        zk.create(root + "/empty", b"")
        assert zk.get(root + "/empty")[0] == b""


@case
def ephemerals_live_as_long_as_their_session():
    with clients(1) as watcher:
        root = fresh(watcher, "ephemeral")
        with clients(1) as owner:
            owner.create(root + "/e", b"", ephemeral=True)
            assert watcher.exists(root + "/e").ephemeralOwner == owner.client_id[0]
            raises(NoChildrenForEphemeralsError, owner.create, root + "/e/child")
            gone = threading.Event()
            watcher.exists(root + "/e", watch=lambda event: event.type == EventType.DELETED and gone.set())
        assert gone.wait(WAIT), "no deletion event at session close"
        assert watcher.exists(root + "/e") is None


@case
def ephemerals_vanish_when_a_session_expires():
    with clients(1) as watcher:
        root = fresh(watcher, "expiry")
        owner = KazooClient(hosts=HOSTS, timeout=4.0)
        owner.start(timeout=WAIT)
        owner.create(root + "/e", ephemeral=True)
        gone = threading.Event()
        watcher.exists(root + "/e", watch=lambda event: gone.set())
        # The socket is taken away and the client kept from coming back: only expiry can remove the node.
        started = time.monotonic()
        owner._connection._socket.shutdown(socket.SHUT_RDWR)
        owner._stopped.set()
        assert gone.wait(30), "the session never expired"
        assert time.monotonic() - started > 3.0, "expired early"
        owner.stop()
        owner.close()


@case
def one_shot_watches_fire_once():
    with clients(2) as (zk, other):
        root = fresh(zk, "watches")
        events = []
        zk.exists(root + "/a", watch=events.append)
        other.create(root + "/a", b"1")
        until(lambda: len(events) == 1, "created event")
        assert (events[0].type, events[0].path) == (EventType.CREATED, root + "/a")
        zk.get(root + "/a", watch=events.append)
        zk.get_children(root, watch=events.append)
        other.set(root + "/a", b"2")
        until(lambda: len(events) == 2, "changed event")
        other.set(root + "/a", b"3")
        other.create(root + "/b")
        until(lambda: len(events) == 3, "child event")
        zk.get(root + "/a", watch=events.append)
        other.delete(root + "/a")
        until(lambda: len(events) == 4, "deleted event")
        assert [event.type for event in events[1:]] == [EventType.CHANGED, EventType.CHILD, EventType.DELETED], events


@case
def data_and_children_watches_follow_a_node():
    with clients(2) as (zk, other):
        root = fresh(zk, "follow")
        values, children = [], []
        zk.DataWatch(root + "/d", lambda data, stat: values.append(data))
        zk.ChildrenWatch(root, lambda names: children.append(sorted(names)))
        other.create(root + "/d", b"0")
        for i in range(1, 20):
            other.set(root + "/d", str(i).encode())
        until(lambda: values[-1] == b"19", "last value")
        other.delete(root + "/d")
        until(lambda: values[-1] is None, "deletion")
        until(lambda: children[-1] == [], "children")
        numbers = [int(value) for value in values if value is not None]
        assert values[0] is None and numbers == sorted(numbers), values


@case
def transactions_are_all_or_nothing():
    with clients(1) as zk:
        root = fresh(zk, "multi")
        transaction = zk.transaction()
        transaction.create(root + "/a", b"1")
        transaction.create(root + "/s-", b"", sequence=True)
        transaction.set_data(root + "/a", b"2", version=0)
        transaction.check(root + "/a", 1)
        results = transaction.commit()
        assert results[0] == root + "/a" and results[1] == f"{root}/s-{1:010d}"
        assert results[2].version == 1 and results[3] is True, results
        transaction = zk.transaction()
        transaction.create(root + "/b")
        transaction.check(root + "/a", 0)
        transaction.delete(root + "/a")
        kinds = [type(result) for result in transaction.commit()]
        assert kinds == [RolledBackError, BadVersionError, RuntimeInconsistency], kinds
        assert zk.exists(root + "/b") is None and zk.exists(root + "/a")


@case
def access_lists_protect_nodes():
    with clients(1, auth_data=[("digest", "alice:pw")]) as alice, clients(1) as nobody:
        root = fresh(alice, "acl")
        acl = make_digest_acl("alice", "pw", all=True)
        alice.create(root + "/mine", b"secret", acl=[acl])
        raises(NoAuthError, nobody.get, root + "/mine")
        raises(NoAuthError, nobody.set, root + "/mine", b"")
        raises(NoAuthError, nobody.get_acls, root + "/mine")
        assert alice.get_acls(root + "/mine")[0] == [acl]
        raises(InvalidACLError, nobody.set_acls, root, [make_acl("nosuchscheme", "x", all=True)])
        stat = alice.set_acls(root + "/mine", [make_acl("world", "anyone", read=True), acl])
        assert stat.aversion == 1
        assert nobody.get(root + "/mine")[0] == b"secret"
        nobody.add_auth("digest", "alice:pw")
        nobody.set(root + "/mine", b"changed")


@case
def an_unknown_scheme_fails_authentication():
    with clients(1) as zk:
        raises(AuthFailedError, zk.add_auth, "nosuchscheme", "x")


@case
def chroot_clients_see_their_part_only():
    with clients(1) as zk:
        root = fresh(zk, "chroot")
        inner = KazooClient(hosts=HOSTS + root)
        inner.start(timeout=WAIT)
        events = []
        inner.exists("/x", watch=events.append)
        assert inner.create("/x", b"") == "/x"
        assert zk.exists(root + "/x")
        until(lambda: events and events[0].path == "/x", "event with the prefix cut")
        inner.stop()
        inner.close()


@case
def locks_exclude_and_queue():
    with clients(3) as all_clients:
        zk = all_clients[0]
        root = fresh(zk, "lock")
        inside, order, mistakes = [], [], []

        def work(client, name):
            for _ in range(5):
                with client.Lock(root + "/l", name):
                    inside.append(name)
                    if len(inside) != 1:
                        mistakes.append(list(inside))
                    order.append(name)
                    inside.pop()

        threads = [threading.Thread(target=work, args=(c, f"w{i}")) for i, c in enumerate(all_clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert not mistakes and len(order) == 15, (mistakes, order)
        first, second = zk.Lock(root + "/l", "a"), all_clients[1].Lock(root + "/l", "b")
        assert first.acquire(timeout=WAIT)
        assert not second.acquire(blocking=False)
        raises(LockTimeout, second.acquire, timeout=0.2)
        first.release()
        assert second.acquire(timeout=WAIT)
        second.release()


@case
def a_lock_is_freed_when_its_owner_goes():
    with clients(1) as zk:
        root = fresh(zk, "freed")
        with clients(1) as owner:
            owner.Lock(root, "x").acquire()
        assert zk.Lock(root, "y").acquire(timeout=WAIT)


@case
def read_write_locks_share_readers():
    with clients(3) as (a, b, c):
        root = fresh(a, "rw")
        read_a, read_b, write = a.ReadLock(root, "a"), b.ReadLock(root, "b"), c.WriteLock(root, "c")
        assert read_a.acquire(timeout=WAIT) and read_b.acquire(timeout=WAIT)
        assert not write.acquire(blocking=False)
        read_a.release()
        read_b.release()
        assert write.acquire(timeout=WAIT)
        assert not read_a.acquire(blocking=False)
        write.release()
        assert read_a.acquire(timeout=WAIT)
        read_a.release()


@case
def semaphores_lend_a_number_of_leases():
    with clients(3) as (a, b, c):
        root = fresh(a, "semaphore")
        first, second, third = (x.Semaphore(root, max_leases=2) for x in (a, b, c))
        assert first.acquire(timeout=WAIT) and second.acquire(timeout=WAIT)
        assert not third.acquire(blocking=False)
        first.release()
        assert third.acquire(timeout=WAIT)
        second.release()
        third.release()


@case
def elections_have_one_leader_at_a_time():
    with clients(3) as all_clients:
        root = fresh(all_clients[0], "election")
        leading, led, mistakes = [], [], []

        def lead(name):
            leading.append(name)
            if len(leading) != 1:
                mistakes.append(list(leading))
            led.append(name)
            leading.remove(name)

        threads = []
        for i, client in enumerate(all_clients):
            election = client.Election(root, f"c{i}")
            threads.append(threading.Thread(target=election.run, args=(lead, f"c{i}")))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert sorted(led) == ["c0", "c1", "c2"] and not mistakes, (led, mistakes)


@case
def queues_give_entries_in_order():
    with clients(2) as (zk, other):
        root = fresh(zk, "queue")
        queue = zk.Queue(root + "/q")
        for i in range(20):
            queue.put(str(i).encode())
        queue.put(b"first", priority=10)
        taker = other.Queue(root + "/q")
        assert taker.get() == b"first"
        assert [taker.get() for _ in range(20)] == [str(i).encode() for i in range(20)]
        assert taker.get() is None


@case
def locking_queues_hand_each_entry_to_one_taker():
    with clients(3) as (zk, a, b):
        root = fresh(zk, "lockingqueue")
        LockingQueue(zk, root + "/q").put_all([str(i).encode() for i in range(20)])
        taken, guard = [], threading.Lock()

        def take(client):
            queue = LockingQueue(client, root + "/q")
            while True:
                entry = queue.get(timeout=1)
                if entry is None:
                    return
                assert queue.consume()
                with guard:
                    taken.append(entry)

        threads = [threading.Thread(target=take, args=(c,)) for c in (a, b)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert sorted(taken, key=int) == [str(i).encode() for i in range(20)], taken


@case
def barriers_hold_until_removed():
    with clients(2) as (zk, other):
        root = fresh(zk, "barrier")
        barrier = Barrier(zk, root + "/b")
        barrier.create()
        passed = threading.Event()
        thread = threading.Thread(target=lambda: Barrier(other, root + "/b").wait(WAIT) and passed.set())
        thread.start()
        assert not passed.wait(0.2)
        assert barrier.remove()
        thread.join(WAIT)
        assert passed.is_set()


@case
def double_barriers_start_and_end_together():
    with clients(3) as all_clients:
        root = fresh(all_clients[0], "double")
        entered, left = [], []

        def work(client, i):
            barrier = DoubleBarrier(client, root + "/b", 3)
            barrier.enter()
            entered.append(i)
            until(lambda: len(entered) == 3, "all inside")
            barrier.leave()
            left.append(i)

        threads = [threading.Thread(target=work, args=(c, i)) for i, c in enumerate(all_clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert sorted(left) == [0, 1, 2], (entered, left)


@case
def parties_list_who_is_there():
    with clients(2) as (a, b):
        root = fresh(a, "party")
        first, second = a.Party(root, "a"), b.Party(root, "b")
        first.join()
        second.join()
        assert sorted(first) == ["a", "b"] and len(second) == 2
        second.leave()
        assert list(first) == ["a"]
        shallow = b.ShallowParty(root + "/s", "b")
        shallow.join()
        assert len(shallow) == 1


@case
def counters_add_up_under_contention():
    with clients(3) as all_clients:
        root = fresh(all_clients[0], "counter")

        def count(client):
            counter = client.Counter(root + "/c")
            for _ in range(20):
                counter += 1

        threads = [threading.Thread(target=count, args=(c,)) for c in all_clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert all_clients[0].Counter(root + "/c").value == 60


@case
def partitioners_share_a_set():
    with clients(2) as (a, b):
        root = fresh(a, "partition")
        parts = [SetPartitioner(c, root, set(range(6)), identifier=f"p{i}", time_boundary=0.3) for i, c in enumerate((a, b))]
        deadline = time.monotonic() + 30
        while not all(part.acquired and len(list(part)) == 3 for part in parts):
            assert time.monotonic() < deadline, [part.state for part in parts]
            for part in parts:
                if part.release:
                    part.release_set()
                elif part.allocating:
                    part.wait_for_acquire(0.2)
                assert not part.failed
            time.sleep(0.02)
        assert sorted([*parts[0], *parts[1]]) == list(range(6))
        for part in parts:
            part.finish()


@case
def tree_caches_mirror_a_subtree():
    with clients(2) as (zk, other):
        root = fresh(zk, "treecache")
        cache = TreeCache(zk, root)
        cache.start()
        other.create(root + "/a/b/c", b"deep", makepath=True)
        until(lambda: cache.get_data(root + "/a/b/c") and cache.get_data(root + "/a/b/c").data == b"deep", "cached")
        other.set(root + "/a/b/c", b"new")
        until(lambda: cache.get_data(root + "/a/b/c").data == b"new", "updated")
        other.delete(root + "/a", recursive=True)
        until(lambda: cache.get_data(root + "/a") is None, "removed")
        cache.close()


@case
def pipelined_requests_are_answered_in_order():
    with clients(1) as zk:
        root = fresh(zk, "pipeline")
        pending = [zk.create_async(f"{root}/n{i}", str(i).encode()) for i in range(500)]
        pending += [zk.get_async(f"{root}/n{i}") for i in range(500)]
        results = [each.get(timeout=WAIT) for each in pending]
        assert results[:500] == [f"{root}/n{i}" for i in range(500)]
        assert [data for data, _ in results[500:]] == [str(i).encode() for i in range(500)]


@case
def four_letter_words_answer():
    with clients(1) as zk:
        assert zk.command(b"ruok") == "imok"
        mode = "follower" if "," in os.environ["ZK_KIND"] else "standalone"
        assert f"Mode: {mode}" in zk.command(b"srvr")
        assert zk.server_version() >= (3, 8)


@case
def sync_answers():
    with clients(1) as zk:
        root = fresh(zk, "sync")
        assert zk.sync(root) == root


@case
def sessions_survive_a_restarted_server():
    for how in ("restart", "kill"):
        with clients(1, timeout=20.0) as zk:
            root = fresh(zk, "reconnect-" + how)
            zk.create(root + "/e", b"still here", ephemeral=True)
            zk.create(root + "/p", b"persistent")
            states, seen = [], []
            zk.add_listener(lambda state: states.append(state))
            zk.DataWatch(root + "/p", lambda data, stat: seen.append(data))
            session = zk.client_id[0]
            if how == "restart":
                control("restart")
            else:
                control("kill")
                control("start")
            until(lambda: states and states[-1] == KazooState.CONNECTED, f"reconnection after {how}")
            assert KazooState.SUSPENDED in states and KazooState.LOST not in states, states
            assert zk.client_id[0] == session
            assert zk.retry(zk.get, root + "/e")[0] == b"still here"
            with clients(1) as other:
                other.set(root + "/p", b"after")
            until(lambda: seen[-1] == b"after", "the watch was set again")


def main():
    failed = 0
    for function in CASES:
        started = time.monotonic()
        try:
            function()
            print(f"ok      kazoo: {function.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
        except BaseException:
            failed += 1
            print(f"FAILED  kazoo: {function.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(CASES) - failed} passed, {failed} failed, 0 skipped", flush=True)
    # kazoo's own threads may be in the middle of a retry; what counts has been printed.
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main()
