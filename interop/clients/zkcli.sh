#!/usr/bin/env bash
# Feeds zkcli.commands to Debian's zkCli.sh connected to $ZK_ADDR (a server that started empty, extendedTypesEnabled=true)
# and compares every line with zkcli.expected, which was recorded against ZooKeeper 3.9. --record writes it anew.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

timeout 120 /usr/share/zookeeper/bin/zkCli.sh -server "$ZK_ADDR" <"$here/zkcli.commands" >"$work/out" 2>"$work/err" || true

# Watch events come from another thread of the shell, so they are compared apart from what the commands printed;
# times are dropped, names in brackets and identities sorted, because the reference lists them in hash order.
normalise() {
    sed -E -e '/^WATCHER::$/d' -e '/^$/d' -e '/^Connecting to /d' -e 's/^([cm]time) = .*/\1 = TIME/' "$1" |
        python3 -c '
import sys
lines = [line.rstrip("\n") for line in sys.stdin]
if "Auth scheme: User" in lines:
    first = lines.index("Auth scheme: User") + 1
    lines[first:first + 2] = sorted(lines[first:first + 2])
for text in lines:
    if text.startswith("[") and text.endswith("]"):
        text = "[" + ", ".join(sorted(text[1:-1].split(", "))) + "]"
    print(text)
'
}
{
    echo "== output"
    normalise "$work/out" | grep -v '^WatchedEvent' || true
    echo "== events"
    normalise "$work/out" | grep '^WatchedEvent' || true
    echo "== errors"
    grep -v -e '^SLF4J' -e '^log4j' "$work/err" || true
} >"$work/all"

if [[ "${1:-}" == --record ]]; then
    cp "$work/all" "$here/zkcli.expected"
    exit 0
fi
lines=$(wc -l <"$here/zkcli.expected")
if diff -u "$here/zkcli.expected" "$work/all"; then
    echo "ok      zkCli.sh: $(wc -l <"$here/zkcli.commands") commands, $lines lines alike"
    echo "1 passed, 0 failed, 0 skipped"
else
    echo "FAILED  zkCli.sh: the output differs (above)"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
