#!/usr/bin/env bash
# Starts Pratai on this machine and goes through its tutorial.
#
#   ./quickstart.sh          then serves until Ctrl-C
#   ./quickstart.sh --once   stops after the tutorial; its exit status says
#                            whether all of it worked
#
# All that it installs into the checkout is .venv. What Pratai keeps is in
# /var/lib/pratai-quickstart for root, otherwise in ~/.local/share/pratai;
# PRATAI_STATE_PATH names another place. To be rid of it, remove both.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/venv.sh
source "$top/tools/venv.sh"

API=http://localhost:9998
PORTS="9998 9898 9897"

once=no
case "${1:-}" in
    "") ;;
    --once) once=yes ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
esac

if [[ -n ${PRATAI_STATE_PATH:-} ]]; then
    state=$PRATAI_STATE_PATH
elif [[ $(id -u) = 0 ]]; then
    # NOTE: not below /root: sandboxes have user ids of their own, which must
    # be able to reach their files.
    umask 022
    state=/var/lib/pratai-quickstart
else
    state=${XDG_DATA_HOME:-$HOME/.local/share}/pratai
fi
log=$state/standalone.log
tutorial=$state/tutorial
server=''

# Stops what start_server started, and waits until it is gone.
stop_server() {
    local n
    [[ -n $server ]] || return 0
    kill "$server" 2>/dev/null || true
    for n in {1..400}; do
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    if kill -9 "$server" 2>/dev/null; then
        echo "It did not stop in 40 seconds and was killed."
    fi
    wait "$server" 2>/dev/null || true
    rm -f "$state/standalone.pid"
    server=''
}

at_exit() {
    local status=$?
    trap '' INT TERM
    if [[ -n $server ]]; then
        if [[ $status != 0 && $status != 130 && $status != 143 ]]; then
            printf '\nThe step above failed. The end of %s:\n' "$log" >&2
            tail -n 20 "$log" >&2
        fi
        say "Stopping pratai-standalone"
        stop_server
    fi
    exit "$status"
}
trap at_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

check_ports() {
    local old taken
    old=$(cat "$state/standalone.pid" 2>/dev/null || true)
    # shellcheck disable=SC2086
    taken=$("$venv/bin/python" - $PORTS <<'PYTHON'
import socket
import sys

for port in sys.argv[1:]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', int(port)))
        except OSError:
            print(port, end=' ')
PYTHON
    )
    [[ -n $taken ]] || return 0
    if [[ -n $old ]] && grep -q pratai-standalone "/proc/$old/cmdline" \
            2>/dev/null; then
        fail "Pratai is running already, as process $old (kill $old stops it)."
    fi
    fail "Another program uses port ${taken% }; Pratai needs ports $PORTS." \
        "Please stop it first ('ss -ltnp' shows which it is)."
}

start_server() {
    local n
    check_ports
    mkdir -p "$state" "$tutorial"
    say "Starting pratai-standalone (its log is $log)"
    "$venv/bin/pratai-standalone" --state-path "$state" >"$log" 2>&1 &
    server=$!
    echo "$server" >"$state/standalone.pid"
    for n in {1..300}; do
        kill -0 "$server" 2>/dev/null || return 1
        if curl -fs -o /dev/null "$API/healthcheck" &&
                curl -s -o /dev/null http://localhost:9898/; then
            echo "It serves on $API and http://localhost:9898."
            return
        fi
        sleep 0.2
    done
    echo "It does not answer." >&2
    return 1
}

# run COMMAND...: as if it had been typed.
run() {
    printf '\n>>> %s\n' "$*"
    "$@"
}

# field COMMAND NAME: one field of what a "show" command of pratai prints.
field() {
    "$venv/bin/pratai" "$1" "$2" -f value -c "$3"
}

walk_through() {
    local name function_id endpoint answer request_id status n
    name=tutorial-$(date +%Y%m%d-%H%M%S)
    cd "$tutorial"
    # The tutorial's curl has no options for this.
    printf 'silent\nshow-error\nfail-with-body\n' >.curlrc
    export CURL_HOME=$tutorial
    export OS_PRATAI_URL=$API
    PATH=$venv/bin:$PATH

    say "What the pratai command can do"
    printf '\n>>> export OS_PRATAI_URL=%s\n' "$OS_PRATAI_URL"
    run pratai help
    run pratai runtime-list

    say "A function"
    cat >new_module.py <<'PYTHON'
import numpy
# yes you can install dependencies, just send a requirements.txt

def local_function(payload):
    # you can create local functions
    return payload

def main(payload=None):
    # a main function should always be declared
    # and using a payload as a parameter
    return local_function(payload)
PYTHON
    echo numpy >requirements.txt
    rm -f package.zip
    run cat new_module.py
    run cat requirements.txt
    run python3 -m zipfile -c package.zip new_module.py requirements.txt
    run python3 -m zipfile -l package.zip

    say "Deploy it (its dependencies are installed now)"
    # Progress comes on standard error, the id alone on standard output.
    printf '\n>>> pratai function-create %s --zip package.zip\n' "$name"
    function_id=$(pratai function-create "$name" --zip package.zip)
    echo "$function_id"
    run pratai help function-create
    run pratai function-list
    run pratai function-list --only-id -f value
    [[ $(pratai function-list --only-id -f value) = *"$function_id"* ]]
    run pratai function-show "$function_id"
    endpoint=$(field function-show "$function_id" endpoint)

    say "Execute it"
    cat <<TEXT

>>> curl \\
    -H "Content-Type: application/json" \\
    -X POST -d \\
    '{"payload":{"key": "value"}}' \\
    $endpoint
TEXT
    answer=$(curl \
        -H "Content-Type: application/json" \
        -X POST -d \
        '{"payload":{"key": "value"}}' \
        "$endpoint")
    echo "$answer"
    request_id=$(python3 -c '
import json, sys
print(json.loads(sys.argv[1])["request_id"])' "$answer")

    for n in {1..120}; do
        status=$(field request-show "$request_id" status)
        [[ $status = queued || $status = running ]] || break
        sleep 0.5
    done
    run pratai request-list --filter "$request_id"
    run pratai request-logs "$request_id"
    run pratai request-show "$request_id"
    python3 - "$status" "$(field request-show "$request_id" response)" \
            <<'PYTHON'
import json
import sys

status, response = sys.argv[1:]
if status != 'succeeded' or json.loads(response) != {'key': 'value'}:
    sys.exit('The request should have succeeded and answered its payload.')
PYTHON
    say "The tutorial worked: the function returned what was posted to it"
}

clean_environment
need_localhost
install_missing curl:curl
try_sandbox
setup_venv "$top/.venv" ""
start_server
walk_through

if [[ $once = no ]]; then
    say "Serving until Ctrl-C. What to type in another terminal:"
    cat <<TEXT

    . $venv/bin/activate
    export OS_PRATAI_URL=$API
    pratai help function-create
    cd $tutorial
    pratai function-create hello --source . --wait-for-response
    pratai function-execute hello --payload '{"key": "value"}' --wait
    pratai cluster-status

The documentation is in $top/doc/source/user.
TEXT
    trap 'echo; exit 0' INT TERM HUP
    wait "$server" || true
    echo "pratai-standalone has stopped by itself." >&2
    exit 1
fi
