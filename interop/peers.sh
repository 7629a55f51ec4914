#!/usr/bin/env bash
# Installs the real peers the interop suites run against: Debian's ZooKeeper 3.8 (server, zkCli.sh, cli_mt),
# the ZooKeeper 3.9 server and Curator jars that ship inside PySpark's source archive, and kazoo.
# Idempotent, and quick when everything is there. Needs root only when a Debian package is missing.
#
# Everything that is not a Debian package goes to $ZABRA_PEERS (default ~/.cache/zabra-peers).
# A missing 3.9 is not fatal: it is reported, and the suites that need it count as skipped.
set -euo pipefail

peers="${ZABRA_PEERS:-$HOME/.cache/zabra-peers}"
pyspark_version=4.1.1 # carries ZooKeeper 3.9.4 and Curator 5.9.0
kazoo_version=2.10.0
mkdir -p "$peers"

packages=(zookeeper zookeeper-bin libzookeeper-java libcurator-recipes-java libcurator-framework-java
    libsnappy-java openjdk-17-jdk-headless python3 python3-venv python3-pip procps)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
    echo "peers: installing ${missing[*]}"
    sudo=()
    if ((EUID != 0)); then sudo=(sudo); fi
    "${sudo[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [[ ! -f "$peers/venv/kazoo-$kazoo_version" ]]; then
    echo "peers: installing kazoo $kazoo_version"
    rm -rf "$peers/venv"
    python3 -m venv "$peers/venv"
    "$peers/venv/bin/pip" install --quiet "kazoo==$kazoo_version"
    touch "$peers/venv/kazoo-$kazoo_version"
fi

wanted='zookeeper(-jute)?-3\.9|netty-(buffer|common|handler|resolver|codec|codec-base|transport|transport-classes-epoll|transport-native-unix-common)-[0-9]|netty-transport-native-epoll-.*linux-x86_64|slf4j-api|log4j-(api|core|slf4j2-impl)|snappy-java|metrics-core|commons-(io|cli)-|audience-annotations|curator-|guava-|failureaccess|jackson-(core|databind|annotations)-2'
if [[ ! -f "$peers/zookeeper-3.9/complete-$pyspark_version" ]]; then
    echo "peers: taking the ZooKeeper 3.9 jars out of pyspark $pyspark_version (about 430 MB to download)"
    scratch="$(mktemp -d)"
    trap 'rm -rf "$scratch"' EXIT
    if timeout 600 pip3 download --quiet --no-cache-dir --no-deps --no-binary pyspark -d "$scratch" "pyspark==$pyspark_version"; then
        tar -tzf "$scratch/pyspark-$pyspark_version.tar.gz" | grep '/deps/jars/' | grep -E "/($wanted)" >"$scratch/members"
        rm -rf "$peers/zookeeper-3.9"
        mkdir -p "$peers/zookeeper-3.9"
        tar -xzf "$scratch/pyspark-$pyspark_version.tar.gz" -C "$peers/zookeeper-3.9" --strip-components=3 -T "$scratch/members"
        touch "$peers/zookeeper-3.9/complete-$pyspark_version"
    else
        echo "peers: SKIPPED: ZooKeeper 3.9 could not be downloaded; suites against it will count as skipped" >&2
    fi
fi
ls "$peers"/zookeeper-3.9/zookeeper-3.9*.jar 2>/dev/null | sed 's|.*/|peers: have |' || true
