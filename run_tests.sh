#!/usr/bin/env bash
# Installs what the tests need and runs all of them: the checks of the
# sources, the unit, functional and integration tests of the server, and the
# tests of the client. The last line says how many tests passed and failed.
#
# All that it installs into the checkout is .venv-test; with root or sudo it
# also installs Debian packages that are missing. The integration tests start
# what those packages have (RabbitMQ, MariaDB, ...) by themselves, and skip
# what is not there, unless PRATAI_REQUIRE_INTEGRATION is set.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/venv.sh
source "$top/tools/venv.sh"

passed=0
failed=0
skipped=0
wrong=''
broken=''

# run_stestr DIRECTORY TESTS ARGUMENT...: runs them and adds to the counts.
run_stestr() {
    local totals status=0
    totals=$(mktemp)
    # Who starts this in the background has it ignore Ctrl-C, which some of
    # the tests send.
    (cd "$top/$1" &&
        env --default-signal=INT stestr --test-path "$2" run \
            --concurrency 2 "${@:3}") 2>&1 |
        tee "$totals" || status=$?
    # stestr sums up in lines like " - Passed: 12". Without them it did not
    # get as far as running tests.
    # shellcheck disable=SC2046
    add $(awk '/^ - Passed: /{p=$3} /^ - Failed: /{f=$3} /^ - Skipped: /{s=$3}
        /^ - Unexpected Success: /{u=$4}
        END {print p+0, f+u, s+0}' "$totals") "$status"
    # Of each test that failed its name and the end of its traceback.
    broken+=$(awk '
        function tell(   i) {
            for (i = n > 30 ? n - 30 : 0; i < n; i++)
                print substr(lines[i], 1, 300)
            n = 0
        }
        / \.\.\. FAILED$/ {tell(); print "\nfailed: " $2; next}
        /^Captured / {on = /traceback/; next}
        /^[{][0-9]+[}] / {on = 0}
        on && NF && !/^~+$/ {lines[n++] = $0}
        END {tell()}' "$totals")
    rm -f "$totals"
}

add() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    skipped=$((skipped + $3))
    if [[ $4 != 0 || $1 = 0 ]]; then
        wrong="$wrong tests"
        # A test run that broke off counts too.
        [[ $2 != 0 ]] || failed=$((failed + 1))
    fi
}

clean_environment
need_localhost
install_missing git:git zip:zip curl:curl openssl:openssl
install_servers
try_sandbox
setup_venv "$top/.venv-test" "[cloud,openstack,test]" "$top/test-requirements.txt"
PATH=$venv/bin:$PATH
# What a test prints and logs is shown when it fails.
export OS_STDOUT_CAPTURE=1 OS_STDERR_CAPTURE=1 OS_LOG_CAPTURE=1
# A library of oslo.messaging looks whether eventlet is there, which complains.
export PYTHONWARNINGS=ignore::Warning:futurist._utils

say "Checking the sources"
"$top/tools/lint.sh" || wrong="$wrong sources"

say "Unit tests of the server"
run_stestr . ./pratai/tests/unit --concurrency 3

say "Functional tests of the server"
# Four, because these wait for others most of the time.
run_stestr . ./pratai/tests/functional --concurrency 4

say "Integration tests"
run_stestr . ./pratai/tests/integration \
    --worker-file pratai/tests/integration/workers.yaml

say "Tests of the client"
run_stestr python-prataiclient ./prataiclient/tests

if [[ -n $wrong ]]; then
    say "Not all is well:$wrong"
    # Again, at the end, where they are seen.
    printf '%s\n' "$broken"
fi
printf '\n%s passed, %s failed' "$passed" "$failed"
[[ $skipped = 0 ]] || printf ', %s skipped' "$skipped"
printf '\n'
[[ -z $wrong ]]
