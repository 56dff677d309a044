#!/usr/bin/env bash
# Writes upper-constraints.txt anew: one resolve of everything that the
# server, the client, their tests and their documentation need, for all
# supported versions of Python at once, with every transitive version pinned.
# Run it to take newer releases; then run the tests, and commit the result.
#
# With --check it changes nothing, and asks pip itself, for each supported
# Python that is found here, whether the file can still be installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

OLDEST=3.11
PYTHONS="python3.11 python3.12 python3.13"
# tox is what developers call; setuptools is what both packages build with;
# uWSGI and python-memcached are extras of the server.
EXTRA="setuptools tox uWSGI python-memcached
    ./python-prataiclient[cloud,openstack,test]"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

inputs=(requirements.txt test-requirements.txt doc/requirements.txt)

check() {
    local python checked=0
    for python in $PYTHONS; do
        "$python" -m venv "$work/$python" >/dev/null 2>&1 || continue
        "$work/$python/bin/pip" install --quiet --upgrade \
            -c upper-constraints.txt pip
        # shellcheck disable=SC2086
        "$work/$python/bin/pip" install --quiet --dry-run \
            -c upper-constraints.txt "${inputs[@]/#/-r}" $EXTRA
        echo "$python can install it."
        checked=$((checked + 1))
    done
    [[ $checked -gt 0 ]] || { echo "There is none of $PYTHONS."; exit 1; }
}

update() {
    python3 -m venv "$work/uv"
    "$work/uv/bin/pip" install --quiet uv
    {
        echo "# Every version that Pratai is tested with, for installs that"
        echo "# can be repeated: pip install -c upper-constraints.txt ..."
        echo "# Made by tools/update-constraints.sh; do not edit."
        "$work/uv/bin/uv" pip compile --quiet --universal --upgrade \
            --python-version "$OLDEST" --no-header --no-annotate \
            --no-emit-package python-prataiclient \
            "${inputs[@]}" <(printf '%s\n' $EXTRA)
    } > "$work/new.txt"
    cat "$work/new.txt" > upper-constraints.txt
}

if [[ "${1:-}" != --check ]]; then
    update
fi
check
