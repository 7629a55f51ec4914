#!/usr/bin/env bash
# Compiles the Curator program and runs it against $ZK_ADDR; $1 picks the libraries:
# debian (Curator 5.4 with the 3.8 client) or 3.9 (Curator 5.9 with the 3.9 client).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
peers="${ZABRA_PEERS:-$HOME/.cache/zabra-peers}"
case "${1:-debian}" in
debian)
    jars=/usr/share/java
    classpath="$jars/zookeeper.jar:$jars/zookeeper-jute.jar:$jars/curator-client.jar:$jars/curator-framework.jar:$jars/curator-recipes.jar:$jars/guava.jar:$jars/failureaccess.jar:$jars/slf4j-nop.jar"
    ;;
3.9)
    classpath="$peers/zookeeper-3.9/*"
    if ! compgen -G "$peers/zookeeper-3.9/curator-recipes-*.jar" >/dev/null; then
        echo "SKIPPED curator with the 3.9 client: not installed"
        echo "0 passed, 0 failed, 1 skipped"
        exit 0
    fi
    ;;
*)
    echo "usage: curator.sh debian|3.9" >&2
    exit 2
    ;;
esac
classes="$(mktemp -d)"
trap 'rm -rf "$classes"' EXIT
javac -nowarn -Xlint:none -cp "$classpath" -d "$classes" "$here/curator/CuratorSuite.java" 2>&1 | { grep -v -e '^Note:' -e 'warning' || true; }
java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.apache.logging.log4j.level=OFF \
    -cp "$classpath:$classes" CuratorSuite
