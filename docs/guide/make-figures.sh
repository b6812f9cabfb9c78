#!/usr/bin/env bash
# Draws the figures of the guide from real handshakes, in English and in Korean. Run it in the project's folder after
# `npm install`; it uses ports 18443 and 18444 and a home of its own. Needs half a minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=docs/guide/figures
HANDFAST_HOME=$(mktemp -d)
export HANDFAST_HOME
handfast() { node bin/handfast.js "$@"; }
node bin/handfast.js serve --port 18443 --metrics off --quiet &
tickets=$!
sleep 2
node bin/handfast.js serve --port 18444 --metrics off --quiet --session-ids &
ids=$!
trap 'kill $tickets $ids; rm -rf "$HANDFAST_HOME"' EXIT
# A server that has just started refuses early data until every recorded request would be too old.
sleep 23

draw() { # file url options...
  local file=$1 url=$2
  shift 2
  for lang in en ko; do
    local sessions=$HANDFAST_HOME/$file-$lang
    case $file in
      *-full) ;;
      *) handfast get "$url" --output /dev/null --resume "$sessions" --http 1.1 ${tls[@]+"${tls[@]}"} ;;
    esac
    handfast get "$url" --output /dev/null --resume "$sessions" --http 1.1 --figure "$out/$file-$lang.svg" --lang $lang ${tls[@]+"${tls[@]}"} "$@"
  done
}

tls=(--tls 1.3)
draw tls13-full https://localhost:18443/
draw tls13-psk https://localhost:18443/
draw tls13-0rtt https://localhost:18443/ --early-data
tls=(--tls 1.2)
draw tls12-full https://localhost:18443/
draw tls12-ticket https://localhost:18443/
draw tls12-session-id https://localhost:18444/
handfast compare --svg $out/compare.svg
