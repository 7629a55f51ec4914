#!/usr/bin/env bash
# Runs every client program against one kind of server, or against an ensemble of several:
# run.sh [zabra|java38|java39|zabra,java39,zabra] [client...]
# Needs interop/peers.sh to have run, and the release build of the interop crate (built here if it is missing).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/../.."
server="${1:-zabra}"
shift || true
clients=("$@")
# zkCli.sh prints zxids, and those of an ensemble are others.
if ((${#clients[@]} == 0)) && [[ "$server" == *,* ]]; then
    clients=(kazoo kazoo-ensemble cli_mt curator-debian curator-3.9)
elif ((${#clients[@]} == 0)); then
    clients=(kazoo zkcli cli_mt curator-debian curator-3.9)
fi
peers="${ZABRA_PEERS:-$HOME/.cache/zabra-peers}"
with_server=(cargo run --quiet --release -p interop --bin with_server -- --server "$server")

# Of an ensemble these get the addresses of all members.
with_hosts=(bash -c 'ZK_ADDR="$ZK_HOSTS" exec "$0" "$@"')

status=0
for client in "${clients[@]}"; do
    case "$client" in
    kazoo) "${with_server[@]}" -- "$peers/venv/bin/python" "$here/kazoo_suite.py" || status=1 ;;
    kazoo-ensemble) "${with_server[@]}" -- "$peers/venv/bin/python" "$here/kazoo_ensemble.py" || status=1 ;;
    zkcli) "${with_server[@]}" --set extendedTypesEnabled=true -- "$here/zkcli.sh" || status=1 ;;
    cli_mt) "${with_server[@]}" -- "${with_hosts[@]}" "$here/cli_mt.sh" || status=1 ;;
    curator-*) "${with_server[@]}" --set extendedTypesEnabled=true -- "${with_hosts[@]}" "$here/curator.sh" "${client#curator-}" || status=1 ;;
    *)
        echo "unknown client $client" >&2
        exit 2
        ;;
    esac
done
exit "$status"
