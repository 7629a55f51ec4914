"""kazoo against the ensemble at $ZK_HOSTS: servers come and go, sessions, locks, watches and elections stay.

Run through with_server with several servers. Prints one line per case and the totals.
"""

import logging
import os
import random
import socket
import sys
import threading
import time
import traceback

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import BadVersionError, ConnectionLoss, NodeExistsError, SessionExpiredError
from kazoo.retry import KazooRetry

logging.basicConfig(level=logging.CRITICAL)
HOSTS = os.environ["ZK_HOSTS"]
MEMBERS = HOSTS.split(",")
WAIT = 30
CASES = []


def case(function):
    CASES.append(function)
    return function


def control(command):
    host, port = os.environ["ZK_CONTROL"].rsplit(":", 1)
    with socket.create_connection((host, int(port))) as stream:
        stream.sendall(command.encode() + b"\n")
        answer = stream.makefile().readline().strip()
    assert answer == "ok", answer


def until(condition, what):
    """The peer is another process: polls, with a bound, for what it does in its own time."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def opened(hosts=HOSTS, timeout=10.0):
    patience = KazooRetry(max_tries=-1, delay=0.02, max_delay=0.2, max_jitter=0.1)
    client = KazooClient(hosts=hosts, timeout=timeout, connection_retry=patience, command_retry=patience.copy())
    client.start(timeout=WAIT)
    return client


class clients:
    """Opens a client of each given connect string and closes them again."""

    def __init__(self, *hosts, **options):
        self.clients = [opened(each, **options) for each in hosts]

    def __enter__(self):
        return self.clients

    def __exit__(self, *_):
        for client in self.clients:
            client.stop()
            client.close()


def everywhere(count=1):
    return [HOSTS] * count


def address(client):
    host, port = client._connection._socket.getpeername()[:2]
    return f"{host}:{port}"


def fresh(zk, name):
    path = f"/kazoo-ensemble/{name}-{random.randrange(1 << 30)}"
    zk.ensure_path(path)
    return path


@case
def one_connect_string_reaches_every_member():
    seen = set()
    for _ in range(40):
        with clients(HOSTS) as (zk,):
            seen.add(address(zk))
            zk.ensure_path("/kazoo-ensemble")
        if len(seen) == len(MEMBERS):
            break
    assert seen == set(MEMBERS), seen


@case
def what_one_member_acknowledged_all_show_after_sync():
    with clients(*MEMBERS) as all_clients:
        root = fresh(all_clients[0], "sync")
        for i in range(50):
            writer, readers = all_clients[i % len(all_clients)], all_clients
            writer.create(f"{root}/n{i}", str(i).encode())
            for reader in readers:
                reader.sync(root)
                assert reader.get(f"{root}/n{i}")[0] == str(i).encode()


@case
def watches_at_one_member_see_writes_at_another():
    with clients(*MEMBERS) as all_clients:
        root = fresh(all_clients[0], "watches")
        logs = [[] for _ in all_clients]
        for client, log in zip(all_clients, logs):
            # kazoo hands an event to a function that takes three arguments.
            client.DataWatch(root, (lambda log: lambda data, stat: log.append(data))(log))
        for i in range(30):
            all_clients[i % len(all_clients)].set(root, str(i).encode())
        for log in logs:
            until(lambda: log and log[-1] == b"29", "the last value")
            numbers = [int(each) for each in log if each]
            assert numbers == sorted(numbers), numbers


@case
def a_client_whose_server_dies_goes_on_at_another():
    for how in ("kill", "stop"):
        with clients(HOSTS) as (zk,):
            root = fresh(zk, how)
            zk.create(root + "/e", b"still here", ephemeral=True)
            states, seen = [], []
            zk.add_listener(states.append)
            zk.DataWatch(root, lambda data, stat: seen.append(data))
            session, server = zk.client_id[0], address(zk)
            control(f"{how} {server}")
            until(lambda: states and states[-1] == KazooState.CONNECTED, f"reconnection after {how}")
            assert KazooState.LOST not in states and zk.client_id[0] == session, states
            assert address(zk) != server
            assert zk.retry(zk.get, root + "/e")[1].ephemeralOwner == session
            with clients(HOSTS) as (other,):
                other.retry(other.set, root, b"after")
            until(lambda: seen[-1] == b"after", "the watch was set again")
        control("start")


@case
def writers_lose_nothing_when_leaders_die():
    with clients(*everywhere(3)) as all_clients:
        root = fresh(all_clients[0], "writers")
        over, acknowledged, guard, problems = threading.Event(), [], threading.Lock(), []

        def write(client, name):
            i = 0
            while not over.is_set():
                i += 1
                path = f"{root}/{name}-{i}"
                try:
                    client.create(path, path.encode())
                except (ConnectionLoss, SessionExpiredError, NodeExistsError):
                    continue
                except Exception as error:
                    problems.append(error)
                    return
                with guard:
                    acknowledged.append(path)

        threads = [threading.Thread(target=write, args=(c, f"w{i}")) for i, c in enumerate(all_clients)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            before = len(acknowledged)
            until(lambda: len(acknowledged) > before + 50, "progress before the kill")
            control("kill leader")
            before = len(acknowledged)
            until(lambda: len(acknowledged) > before + 50, "progress after the kill")
            control("start")
        over.set()
        for thread in threads:
            thread.join(WAIT)
        assert not problems, problems
    for member in MEMBERS:
        with clients(member) as (zk,):
            zk.sync(root)
            names = {f"{root}/{name}" for name in zk.get_children(root)}
            missing = [path for path in acknowledged if path not in names]
            assert not missing, (member, len(missing), missing[:5])


@case
def a_lock_has_one_owner_while_leaders_die():
    with clients(*everywhere(3)) as all_clients:
        root = fresh(all_clients[0], "lock")
        inside, turns, mistakes, over = [], [], [], threading.Event()

        def work(client, name):
            lost = []
            client.add_listener(lambda state: lost.append(state) if state == KazooState.LOST else None)
            while not over.is_set():
                try:
                    with client.Lock(root, name):
                        inside.append(name)
                        if len(inside) != 1 and not lost:
                            mistakes.append(list(inside))
                        turns.append(name)
                        inside.remove(name)
                except (ConnectionLoss, SessionExpiredError):
                    continue

        threads = [threading.Thread(target=work, args=(c, f"w{i}"), daemon=True) for i, c in enumerate(all_clients)]
        for thread in threads:
            thread.start()
        until(lambda: len(turns) > 10, "turns before the kill")
        control("kill leader")
        before = len(turns)
        until(lambda: len(turns) > before + 10, "turns after the kill")
        control("start")
        over.set()
        for thread in threads:
            thread.join(WAIT)
        assert not mistakes, mistakes


@case
def an_election_goes_to_the_next_when_its_winner_goes():
    with clients(*everywhere(3)) as all_clients:
        root = fresh(all_clients[0], "election")
        led, gone = [], [threading.Event() for _ in all_clients]

        def candidate(client, i):
            def lead():
                led.append(i)
                gone[i].wait(WAIT)

            client.Election(root, f"c{i}").run(lead)

        threads = [threading.Thread(target=candidate, args=(c, i), daemon=True) for i, c in enumerate(all_clients)]
        for thread in threads:
            thread.start()
        for turn in range(3):
            until(lambda: len(led) == turn + 1, f"winner number {turn + 1}")
            if turn == 1:
                # A change among the servers is none among the candidates.
                control("kill leader")
                control("start")
                assert len(led) == 2, led
            gone[led[-1]].set()
        for thread in threads:
            thread.join(WAIT)
        assert sorted(led) == [0, 1, 2], led


@case
def conditional_writes_at_all_members_win_once():
    with clients(*MEMBERS) as all_clients:
        root = fresh(all_clients[0], "conditional")
        for client in all_clients:
            client.sync(root)
        for version in range(30):
            pending = [client.set_async(root, b"x", version=version) for client in all_clients]
            won = 0
            for each in pending:
                try:
                    each.get(timeout=WAIT)
                    won += 1
                except BadVersionError:
                    pass
            assert won == 1, (version, won)


@case
def dead_sessions_take_their_ephemerals_along_after_a_failover_too():
    with clients(HOSTS) as (watcher,):
        root = fresh(watcher, "expiry")
        owner = opened(timeout=4.0)
        owner.create(root + "/e", ephemeral=True)
        gone = threading.Event()
        # The socket is taken away and the client kept from coming back: only expiry can remove the node.
        owner._connection._socket.shutdown(socket.SHUT_RDWR)
        owner._stopped.set()
        control("kill leader")
        until(lambda: watcher.retry(watcher.exists, root + "/e", watch=lambda event: gone.set()) is None, "expiry")
        control("start")
        owner.stop()
        owner.close()


def main():
    failed = 0
    for function in CASES:
        started = time.monotonic()
        try:
            function()
            print(f"ok      kazoo ensemble: {function.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
        except BaseException:
            failed += 1
            print(f"FAILED  kazoo ensemble: {function.__name__}\n{traceback.format_exc()}", flush=True)
            try:
                control("start")
            except BaseException as error:
                print(f"        and could not be put right: {error}", flush=True)
    print(f"{len(CASES) - failed} passed, {failed} failed, 0 skipped", flush=True)
    # kazoo's own threads may be in the middle of a retry; what counts has been printed.
    sys.stdout.flush()
    os._exit(1 if failed else 0)


if __name__ == "__main__":
    main()
