#!/bin/sh
# conformance-client URL: what the conformance suite starts as the client under test. It
# puts a program of its own between the suite's server and the SDK's client.
#   CONFORMANCE_PROGRAM  mcpproxy-tray
#   CONFORMANCE_CLIENT   the SDK's client
#   CONFORMANCE_HOMES    a directory for the homes of the programs
set -eu
# The suite starts all scenarios at once. A program that gets no time to answer is not what is measured.
exec 9>"$CONFORMANCE_HOMES/turn"
flock 9
MCPPROXY_TRAY_HOME=$(mktemp -d "$CONFORMANCE_HOMES/XXXXXX")
export MCPPROXY_TRAY_HOME
cat >"$MCPPROXY_TRAY_HOME/config.json" <<END
{"listen": "127.0.0.1:0", "quarantine": false, "mcp_auth": "none", "mcpServers": {"suite": {"url": "$1"}}}
END
"$CONFORMANCE_PROGRAM" serve >"$MCPPROXY_TRAY_HOME/output" 2>&1 9>&- &
program=$!
trap 'kill $program; wait $program' EXIT

# The server's state decides: the client meets what a user's client would meet.
tries=0
until "$CONFORMANCE_PROGRAM" servers list -o json 2>/dev/null | grep -Eq '"state": *"(connected|auth_required|failed|backoff)"'; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || break
	sleep 0.05
done
url=$(sed -n 's/.*"url": *"\([^"]*\)".*/\1/p' "$MCPPROXY_TRAY_HOME/instance.json")
"$CONFORMANCE_CLIENT" "$url/mcp/server/suite"
