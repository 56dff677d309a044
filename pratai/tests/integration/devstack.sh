#!/usr/bin/env bash
# What devstack/plugin.sh uses of DevStack, in small: functions of the same
# names that take the same arguments. Those that write files do; of others it
# is recorded what they were called with. test_devstack.py says more.
#
#   devstack.sh PLUGIN stack|unstack|clean
#
# PLUGIN has settings and plugin.sh. DEST is a directory of its own, where
# "calls" has the calls, and "bin", first on PATH, the programs of Pratai, a
# sudo, and "answers URL". LOCALRC and POST_CONFIG are what local.conf would have. With KEEPER,
# the command of keeper.py, processes are started: they end with standard
# input at the latest. DATABASE, TRANSPORT, KEYSTONE, SERVICE_PASSWORD and
# MEMCACHE_SERVERS are what they then work with.

TOP=$1
MODE=$2
STACK_USER=$(id -un)
DATA_DIR=$DEST/data
HOST_IP=127.0.0.1
SERVICE_HOST=127.0.0.1
SERVICE_TIMEOUT=120
REGION_NAME=RegionOne
API_WORKERS=1
WORKER_TIMEOUT=80
ENABLE_DEBUG_LOG_LEVEL=True
SYSLOG=False
USE_VENV=False
TEMPEST_CONFIG=$DEST/tempest.conf
ENABLED_SERVICES=key,mysql,rabbit,tempest
DISABLED_SERVICES=
exec 3<&0

function record {
    printf '%q ' "$@" >>"$DEST/calls"
    echo >>"$DEST/calls"
}

# -- functions-common

function die {
    shift
    echo "ERROR: $*" >&2
    exit 1
}

function echo_summary {
    echo "$@"
}

function enable_service {
    local service
    for service in "$@"; do
        if [[ ! ,$DISABLED_SERVICES, =~ ,$service, ]]; then
            ENABLED_SERVICES+=,$service
        fi
    done
}

function disable_service {
    local service
    for service in "$@"; do
        DISABLED_SERVICES+=,$service
        ENABLED_SERVICES=,$ENABLED_SERVICES,
        ENABLED_SERVICES=${ENABLED_SERVICES//,$service,/,}
    done
}

function disable_all_services {
    ENABLED_SERVICES=""
}

function is_service_enabled {
    local enabled=1
    local service
    for service in "$@"; do
        [[ ,$ENABLED_SERVICES, =~ ,$service, ]] && enabled=0
        if type "is_${service}_enabled" >/dev/null 2>&1; then
            "is_${service}_enabled" && enabled=0
        fi
    done
    return $enabled
}

function is_ubuntu {
    true
}

function get_python_exec_prefix {
    echo "$DEST/bin"
}

function install_package {
    record install_package "$@"
}

function pip_install {
    record pip_install "$@"
}

# setup_develop DIRECTORY [EXTRAS]
function setup_develop {
    record setup_develop "$@"
}

function stack_install_service {
    "install_$1"
}

function start_service {
    record start_service "$@"
}

# run_process SERVICE COMMAND [GROUP] [USER] [ENVIRONMENT]
function run_process {
    local command=$2
    local log=$DEST/$1.log
    if ! is_service_enabled "$1"; then
        return
    fi
    record run_process "$@"
    if [[ -n $KEEPER ]]; then
        if [[ $command =~ uwsgi ]]; then
            # As where there is one environment for all of OpenStack.
            command+=" --venv $DEVSTACK_VENV"
        fi
        # systemd splits words as well, and is no shell either.
        # shellcheck disable=SC2086
        env $5 $KEEPER "$log" "" $command <&3 >"$DEST/$1.pid" 2>>"$log" &
    fi
}

# stop_process SERVICE
function stop_process {
    local pid
    if ! is_service_enabled "$1"; then
        return
    fi
    record stop_process "$@"
    if [[ -n $KEEPER ]]; then
        pid=$(<"$DEST/$1.pid")
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do
            sleep 0.1
        done
    fi
}

# wait_for_service SECONDS URL
function wait_for_service {
    record wait_for_service "$@"
    if [[ -n $KEEPER ]]; then
        # shellcheck disable=SC2016
        timeout "$1" bash -c 'until answers "$1"; do sleep 0.1; done' - "$2"
    fi
}

# create_service_user NAME [ROLE]
function create_service_user {
    record create_service_user "$@"
}

# get_or_create_service NAME TYPE DESCRIPTION
function get_or_create_service {
    record get_or_create_service "$@"
}

# get_or_create_endpoint SERVICE REGION PUBLIC [ADMIN] [INTERNAL]
function get_or_create_endpoint {
    record endpoint "$1" "$2" public "$3"
    if [[ -n $4 ]]; then
        record endpoint "$1" "$2" admin "$4"
    fi
    if [[ -n $5 ]]; then
        record endpoint "$1" "$2" internal "$5"
    fi
}

# -- inc/ini-config

# iniset FILE SECTION OPTION VALUE
function iniset {
    local file=$1 section=$2 option=$3 value=$4
    touch "$file"
    grep -q "^\[$section\]" "$file" || printf '\n[%s]\n' "$section" >>"$file"
    sed -i "/^\[$section\]/,/^\[/ { /^$option *=/ d }" "$file"
    sed -i "/^\[$section\]/ a\\
$option = $value
" "$file"
}

# -- lib: apache, databases, keystone, oslo, rpc_backend

# write_uwsgi_config FILE APPLICATION URL [HTTP] [NAME]
function write_uwsgi_config {
    rm -rf "$1"
    iniset "$1" uwsgi module "$2"
    iniset "$1" uwsgi processes "$API_WORKERS"
    iniset "$1" uwsgi master true
    iniset "$1" uwsgi die-on-term true
    iniset "$1" uwsgi exit-on-reload false
    iniset "$1" uwsgi worker-reload-mercy "$WORKER_TIMEOUT"
    iniset "$1" uwsgi enable-threads true
    iniset "$1" uwsgi plugins http,python3
    iniset "$1" uwsgi thunder-lock true
    iniset "$1" uwsgi buffer-size 65535
    iniset "$1" uwsgi add-header "Connection: close"
    iniset "$1" uwsgi lazy-apps true
    [[ -n $4 ]] || die $LINENO "It would be behind Apache"
    iniset "$1" uwsgi http "$4"
}

# remove_uwsgi_config FILE APPLICATION
function remove_uwsgi_config {
    rm -rf "$1"
}

function database_connection_url {
    echo "${DATABASE:-sqlite:///$DEST/$1.sqlite}"
}

function recreate_database {
    record recreate_database "$@"
    rm -f "$DEST/$1.sqlite"
}

# configure_keystone_authtoken_middleware FILE USER [SECTION] [TYPE]
function configure_keystone_authtoken_middleware {
    local section=${3:-keystone_authtoken}
    iniset "$1" "$section" auth_type password
    iniset "$1" "$section" interface public
    iniset "$1" "$section" auth_url "${KEYSTONE:-http://127.0.0.1:1}"
    iniset "$1" "$section" username "$2"
    iniset "$1" "$section" password "$SERVICE_PASSWORD"
    iniset "$1" "$section" user_domain_name Default
    iniset "$1" "$section" project_name service
    iniset "$1" "$section" project_domain_name Default
    iniset "$1" "$section" memcached_servers "$MEMCACHE_SERVERS"
}

# setup_logging FILE
function setup_logging {
    iniset "$1" DEFAULT logging_debug_format_suffix "{{%(pathname)s}}"
}

# iniset_rpc_backend PACKAGE FILE [SECTION]
function iniset_rpc_backend {
    iniset "$2" "${3:-DEFAULT}" transport_url \
        "${TRANSPORT:-rabbit://127.0.0.1:1/}"
}

# -- stack.sh, unstack.sh, clean.sh

# Enter what [[post-config|$PRATAI_CONF]] has: FILE, and lines of a group, an
# option and its value
function merge_config_group {
    local group option value
    while read -r group option value; do
        iniset "$1" "$group" "$option" "$value"
    done <<<"$2"
}

# run_phase MODE [PHASE]
function run_phase {
    # shellcheck disable=SC1091
    source "$TOP/plugin.sh" "$@"
}

eval "$LOCALRC"
# shellcheck disable=SC1091
source "$TOP/settings"
if [[ $MODE = stack ]]; then
    set -o errexit
    for phase in pre-install install post-config; do
        run_phase stack $phase
    done
    if [[ -n $POST_CONFIG ]]; then
        merge_config_group "$PRATAI_CONF" "$POST_CONFIG"
    fi
    for phase in extra test-config; do
        run_phase stack $phase
    done
else
    run_phase "$MODE"
fi
