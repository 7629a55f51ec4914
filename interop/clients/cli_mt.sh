#!/usr/bin/env bash
# ZooKeeper's C client (Debian's cli_mt) against $ZK_ADDR: each command's effect is checked in its own output or
# with the next command.
set -euo pipefail
cli=/usr/lib/zookeeper/bin/cli_mt
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# The shell answers asynchronously and never says when it is done with a command: each is given a moment.
{
    sleep 1
    for command in 'create /c' 'create +s /c/seq' 'create +s /c/seq' 'create +e /c/eph' 'set /c hello' 'get /c' 'exists /c' \
        'ls /c' 'ls2 /c' 'wexists /c' 'set /c again' 'addauth digest alice:pw' 'getacl /c' 'get /none' 'delete /c' \
        'delete /c/eph' 'sync /c' 'myid' 'get /c'; do
        echo "$command"
        sleep 0.25
    done
    echo quit
} | timeout 60 "$cli" "$ZK_ADDR" >"$work/out" 2>"$work/log" || true

passed=0
failed=0
expect() {
    if grep -qE -- "$2" "$work/out" "$work/log"; then
        passed=$((passed + 1))
        echo "ok      cli_mt: $1"
    else
        failed=$((failed + 1))
        echo "FAILED  cli_mt: $1 (no line matches $2)"
    fi
}
expect 'connects and gets a session' 'session establishment complete|CONNECTED_STATE'
expect 'creates a node' 'name = /c$'
expect 'creates sequential nodes' 'seq0000000001'
expect 'creates an ephemeral node' '/c/eph'
expect 'reads what it wrote' 'value_len = 5|hello'
expect 'sees the second value' 'again'
expect 'gets its watch event' 'Watcher CHANGED_EVENT|CHANGED_EVENT state'
expect 'lists children' 'seq0000000000'
expect 'gets an error for a missing node' 'no node|rc = -101|-101'
expect 'is refused to delete a parent' 'rc = -111|not empty|-111'
expect 'finishes in an orderly way' 'Quitting'
if ((failed)); then
    cat "$work/out"
    tail -20 "$work/log"
fi
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0))
