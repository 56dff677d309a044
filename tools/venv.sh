# Shell functions of quickstart.sh and run_tests.sh: what a bare machine lacks
# to run Pratai is installed here. To be sourced, with bash, set -euo pipefail
# and $top, the directory of the checkout.

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/pratai
install_log=$cache/install.log

say() {
    printf '\n== %s\n' "$*"
}

fail() {
    printf '\n%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# May this user install system packages without being asked for a password?
may_install() {
    command -v apt-get >/dev/null &&
        { [[ $(id -u) = 0 ]] || sudo -n true 2>/dev/null; }
}

as_root() {
    if [[ $(id -u) = 0 ]]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

# apt_install PACKAGE...: only to be called where may_install says yes.
apt_install() {
    local apt=(apt-get -o DPkg::Lock::Timeout=120)
    say "Installing Debian packages: $*"
    mkdir -p "$cache"
    # The package lists of a fresh machine may be missing or old.
    if ! as_root "${apt[@]}" install -y --no-install-recommends "$@" \
            >"$install_log" 2>&1; then
        as_root "${apt[@]}" update >>"$install_log" 2>&1 || true
        if ! as_root "${apt[@]}" install -y --no-install-recommends "$@" \
                >>"$install_log" 2>&1; then
            tail -n 20 "$install_log" >&2
            fail "apt-get could not install $* (see $install_log)"
        fi
    fi
}

# A system that was made without an installer may lack even this name.
need_localhost() {
    local line='127.0.0.1 localhost'
    getent hosts localhost >/dev/null && return
    may_install || fail "the name localhost is not known on this machine." \
        "Please type: echo $line | sudo tee -a /etc/hosts"
    say "Adding localhost to /etc/hosts"
    echo "$line" | as_root tee -a /etc/hosts >/dev/null
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Prints the Python to use: one that is new enough, and can make environments.
find_python() {
    local python
    for python in python3 python3.13 python3.12 python3.11; do
        if is_new_enough "$python" &&
                "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    return 1
}

# Prints the package with which the first Python that is new enough can make
# environments: Debian keeps a part of the standard library in one of its own.
venv_package() {
    local python
    for python in python3 python3.13 python3.12 python3.11; do
        if is_new_enough "$python"; then
            "$python" -c 'import sys
print("python%d.%d-venv" % sys.version_info[:2])'
            return
        fi
    done
    fail "Python 3.11 or newer is needed, and there is none on this machine."
}

# install_missing COMMAND:PACKAGE...: those that are not there, with what
# Python needs and bubblewrap, at once.
install_missing() {
    local item needed=() wanted=()
    for item in "$@"; do
        command -v "${item%%:*}" >/dev/null || needed+=("${item#*:}")
    done
    find_python >/dev/null || needed+=("$(venv_package)")
    command -v bwrap >/dev/null || wanted+=(bubblewrap)
    if [[ -z "${needed[*]}${wanted[*]}" ]]; then
        return
    elif may_install; then
        apt_install "${needed[@]}" "${wanted[@]}"
    elif [[ -n "${needed[*]}" ]]; then
        fail "these packages are missing. Please type:" \
            "sudo apt-get install ${needed[*]} ${wanted[*]}"
    else
        say "bubblewrap is missing: functions will run without a sandbox"
        echo "To change that, type: sudo apt-get install bubblewrap"
    fi
}

# What the integration tests start: FILE:PACKAGE, where FILE may be a pattern.
servers=(
    /usr/lib/rabbitmq/bin/rabbitmq-server:rabbitmq-server
    /usr/sbin/mariadbd:mariadb-server
    '/usr/lib/postgresql/*/bin/postgres:postgresql'
    /usr/bin/memcached:memcached
    /usr/bin/docker-registry:docker-registry
    /usr/sbin/haproxy:haproxy
    /usr/sbin/dockerd:docker.io
    /usr/sbin/debootstrap:debootstrap
    /usr/sbin/iptables:iptables
    /usr/sbin/logrotate:logrotate
    /usr/bin/systemd-analyze:systemd
)

# Installs the servers of the integration tests where that is possible. None
# of them is started: the tests start their own, and the packages would start
# some that other machines can reach.
install_servers() {
    local item needed=() policy=/usr/sbin/policy-rc.d
    for item in "${servers[@]}"; do
        compgen -G "${item%%:*}" >/dev/null || needed+=("${item#*:}")
    done
    [[ -n "${needed[*]}" ]] || return 0
    if ! may_install; then
        say "Some integration tests will be skipped"
        echo "To change that, type: sudo apt-get install ${needed[*]}"
        return 0
    fi
    if [[ -e $policy ]]; then
        apt_install "${needed[@]}"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    apt_install "${needed[@]}"
    as_root rm -f "$policy"
    trap - EXIT
}

# Says when functions will run unprotected although bubblewrap is there.
try_sandbox() {
    local file=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
    # Root needs no user namespaces, which are what is often refused.
    if [[ $(id -u) = 0 ]] || ! command -v bwrap >/dev/null; then
        return 0
    fi
    bwrap --unshare-all --ro-bind / / true 2>/dev/null && return
    say "bubblewrap does not work here: functions will run unprotected"
    if [[ "$(cat $file 2>/dev/null)" = 1 ]]; then
        echo "AppArmor keeps it from making user namespaces."
    fi
    echo "doc/source/admin/sandboxing.rst says what to do."
}

# Shows what pip is doing without its hundreds of lines.
show_progress() {
    local line count=0 begin='' end='\n'
    if [[ -t 1 ]]; then
        begin='\r\033[K'
        end=''
    fi
    while IFS= read -r line; do
        case $line in
            "Collecting "*)
                count=$((count + 1))
                if [[ -t 1 || $((count % 25)) = 0 ]]; then
                    printf "$begin   %s packages: %s$end" "$count" \
                        "${line#Collecting }"
                fi
                ;;
            "Installing collected"*)
                printf "$begin   installing $end"
                ;;
        esac
    done
    if [[ -t 1 ]]; then
        printf '\r\033[K'
    fi
}

# pip_install ARGUMENT...: into the environment $venv.
pip_install() {
    local pip=("$venv/bin/python" -m pip install --disable-pip-version-check
        --progress-bar off -c "$top/upper-constraints.txt")
    echo "+ pip install $*" >>"$install_log"
    "${pip[@]}" "$@" 2>&1 | tee -a "$install_log" | show_progress && return
    tail -n 20 "$install_log" >&2
    fail "pip could not install what is needed (see $install_log)"
}

# setup_venv DIRECTORY EXTRAS REQUIREMENTS_FILE...: leaves in $venv an
# environment with the server and the client of this checkout, and with these
# further requirements. EXTRAS ("" or "[test]") are those of the client. The
# environment is kept until one of them changes.
setup_venv() {
    local python files stamp extras
    venv=$1
    extras=$2
    shift 2
    set -- "$top/requirements.txt" "$@"
    files=("$top/upper-constraints.txt" "$top/setup.cfg" "$top/pyproject.toml"
        "$top/python-prataiclient/setup.cfg" "$@")
    # An environment cannot be moved, so the place is a part of it.
    stamp=$( (echo "$top$extras"; cat "${files[@]}") | sha256sum |
        cut -d ' ' -f 1)
    # A system upgrade may have taken the Python away that it is made of.
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1 &&
            [[ "$(cat "$venv/pratai-stamp" 2>/dev/null)" = "$stamp" ]]; then
        return
    fi
    if [[ -e $venv && ! -e $venv/pratai-stamp ]]; then
        fail "$venv is there and is not ours. Please move it away."
    fi
    python=$(find_python)
    say "Installing into $venv ($("$python" --version))"
    echo "This takes a minute or two; $install_log has the details."
    mkdir -p "$cache"
    : >"$install_log"
    rm -rf "$venv"
    mkdir "$venv"
    echo unfinished >"$venv/pratai-stamp"
    "$python" -m venv "$venv"
    if ! git -C "$top" rev-parse HEAD >/dev/null 2>&1; then
        # pbr takes the version from git, where there is no git to ask.
        export PBR_VERSION=${PBR_VERSION:-0.0.1}
    fi
    # What builds the two packages comes first, from the constraints too.
    pip_install --upgrade pip setuptools pbr
    pip_install "${@/#/-r}"
    pip_install --no-build-isolation \
        -e "$top" -e "$top/python-prataiclient$extras"
    echo "$stamp" >"$venv/pratai-stamp"
}

# What is set for another cloud must not reach the commands of this one, nor
# a proxy stand between them and the loopback interface.
clean_environment() {
    local name
    for name in "${!OS_@}"; do
        unset "$name"
    done
    export no_proxy=localhost,127.0.0.1${no_proxy:+,$no_proxy}
    export NO_PROXY=$no_proxy
}
