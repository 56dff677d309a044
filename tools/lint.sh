#!/usr/bin/env bash
# All checks that only read the sources. The tools are those of the Python
# environment on PATH; tox -e pep8 and run_tests.sh call this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Of the files that git does not ignore, those that match.
sources() {
    git ls-files --cached --others --exclude-standard -- "$@"
}

status=0
check() {
    echo "+ $1"
    "$@" || status=1
}

# E006 is the length of lines, which paths and URLs may exceed.
mapfile -t scripts < <(sources '*.sh' '.ci/run')
check bashate -i E006 "${scripts[@]}"
# DevStack sources it; it has no first line that names a shell (E005).
check bashate -i E005,E006 devstack/settings
check ruff check --no-cache --output-format concise .
check flake8 pratai python-prataiclient tools setup.py doc releasenotes \
    api-ref
check doc8 --quiet README.rst CONTRIBUTING.rst python-prataiclient/README.rst \
    doc/source releasenotes/notes api-ref/source
exit "$status"
