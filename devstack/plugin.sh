#!/usr/bin/env bash
# Install and start Pratai in DevStack. To use it, have in local.conf:
#
#   [[local|localrc]]
#   enable_plugin pratai https://opendev.org/openstack/pratai
#
# devstack/settings says what can be set.

# DevStack traces what it runs; definitions need none of that.
_XTRACE_PRATAI=$(set +o | grep xtrace)
set +o xtrace

if [[ ${USE_VENV} = True ]]; then
    PROJECT_VENV["pratai"]=${PRATAI_DIR}.venv
    PRATAI_BIN_DIR=${PROJECT_VENV["pratai"]}/bin
else
    PRATAI_BIN_DIR=$(get_python_exec_prefix)
fi

# Is any service of Pratai enabled? DevStack calls this for
# "is_service_enabled pratai".
function is_pratai_enabled {
    [[ ,${ENABLED_SERVICES} =~ ,"pratai-" ]] && return 0
    return 1
}

function _pratai_api_url {
    echo "$PRATAI_SERVICE_PROTOCOL://$PRATAI_SERVICE_HOST:$PRATAI_SERVICE_PORT"
}

function _pratai_webhook_url {
    echo "$PRATAI_SERVICE_PROTOCOL://$PRATAI_SERVICE_HOST:$PRATAI_WEBHOOK_PORT"
}

function _pratai_needs_database {
    is_service_enabled pratai-api pratai-webhook pratai-conductor
}

# install_pratai - The server, the client, and what functions run in
function install_pratai {
    setup_develop "$PRATAI_DIR"
    setup_develop "$PRATAI_DIR/python-prataiclient" cloud
    sudo install -d -o "$STACK_USER" -m 755 "$PRATAI_CONF_DIR"
    if is_service_enabled pratai-api pratai-webhook; then
        pip_install uwsgi
        # DevStack has tokens cached in memcached.
        pip_install python-memcached
    fi
    if is_service_enabled pratai-executor; then
        _pratai_install_driver
    fi
}

function _pratai_install_driver {
    case $PRATAI_DRIVER in
        docker)
            if is_ubuntu; then
                install_package docker.io debootstrap
            else
                install_package moby-engine
            fi
            start_service docker
            ;;
        process)
            install_package bubblewrap
            ;;
        *)
            die $LINENO "There is no PRATAI_DRIVER $PRATAI_DRIVER"
            ;;
    esac
}

# configure_pratai - Write the configuration files
function configure_pratai {
    rm -f "$PRATAI_CONF"
    iniset "$PRATAI_CONF" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    iniset "$PRATAI_CONF" DEFAULT use_syslog "$SYSLOG"
    setup_logging "$PRATAI_CONF"
    iniset "$PRATAI_CONF" DEFAULT state_path "$PRATAI_STATE_PATH"
    iniset_rpc_backend pratai "$PRATAI_CONF"

    # Functions have to tell callers where they are, and requests come from
    # this very host.
    iniset "$PRATAI_CONF" webhook public_url "$(_pratai_webhook_url)"
    iniset "$PRATAI_CONF" webhook trusted_networks \
        "127.0.0.0/8,::1/128,$HOST_IP/32"

    if _pratai_needs_database; then
        iniset "$PRATAI_CONF" database connection \
            "$(database_connection_url pratai)"
    fi
    if is_service_enabled pratai-api; then
        configure_keystone_authtoken_middleware "$PRATAI_CONF" pratai
        _pratai_write_uwsgi "$PRATAI_API_UWSGI_CONF" "$PRATAI_API_UWSGI" \
            "$PRATAI_SERVICE_PORT" pratai-api "$PRATAI_API_THREADS"
    fi
    if is_service_enabled pratai-webhook; then
        _pratai_write_uwsgi "$PRATAI_WEBHOOK_UWSGI_CONF" \
            "$PRATAI_WEBHOOK_UWSGI" "$PRATAI_WEBHOOK_PORT" pratai-webhook \
            "$PRATAI_WEBHOOK_THREADS"
    fi
    if is_service_enabled pratai-executor; then
        iniset "$PRATAI_CONF" executor runtime_driver "$PRATAI_DRIVER"
        iniset "$PRATAI_CONF" builder driver "$PRATAI_DRIVER"
        iniset "$PRATAI_CONF" executor data_host "$HOST_IP"
        iniset "$PRATAI_CONF" executor data_port "$PRATAI_DATA_PORT"
    fi
}

# _pratai_write_uwsgi FILE APPLICATION PORT NAME THREADS
function _pratai_write_uwsgi {
    write_uwsgi_config "$1" "$2" "" "$PRATAI_SERVICE_HOST:$3" "$4"
    iniset "$1" uwsgi threads "$5"
    # Without its app it would run, and answer 500.
    iniset "$1" uwsgi need-app true
    # The process that speaks HTTP gives up after a minute otherwise, and a
    # caller may wait for as long as a function may run.
    iniset "$1" uwsgi http-timeout 960
    # Bodies of unknown length, which Pratai takes apart itself.
    iniset "$1" uwsgi http-chunked-input true
    iniset "$1" uwsgi chunked-input-limit 6356992
    # die-on-term alone drops the requests that are under way.
    iniset "$1" uwsgi hook-master-start \
        "unix_signal:15 gracefully_kill_them_all"
}

function _pratai_create_accounts {
    create_service_user pratai admin
    get_or_create_service pratai function "Functions as a service"
    # All three: with one URL, DevStack makes a public endpoint only.
    get_or_create_endpoint function "$REGION_NAME" \
        "$(_pratai_api_url)" "$(_pratai_api_url)" "$(_pratai_api_url)"
}

# init_pratai - Database, accounts and runtimes
function init_pratai {
    sudo install -d -m 755 "$PRATAI_STATE_PATH"
    sudo install -d -o "$STACK_USER" -m 750 "$PRATAI_STATE_PATH/packages"
    if is_service_enabled pratai-api; then
        _pratai_create_accounts
        recreate_database pratai
        "$PRATAI_BIN_DIR/pratai-manage" --config-file "$PRATAI_CONF" db sync
    fi
    if is_service_enabled pratai-executor && [[ $PRATAI_DRIVER = docker ]]; then
        # shellcheck disable=SC2086
        sudo "$PRATAI_BIN_DIR/pratai-manage" --config-file "$PRATAI_CONF" \
            runtime build $PRATAI_RUNTIME_BUILD_OPTIONS $PRATAI_RUNTIMES
    fi
}

# start_pratai - Start what is enabled, and wait for the two apps
function start_pratai {
    run_process pratai-conductor "$PRATAI_BIN_DIR/pratai-conductor \
--config-file $PRATAI_CONF"
    # As root: it speaks to Docker, or gives each sandbox a user of its own.
    run_process pratai-executor "$PRATAI_BIN_DIR/pratai-executor \
--config-file $PRATAI_CONF" "" root
    # The command line of the apps is that of uWSGI.
    run_process pratai-api "$PRATAI_BIN_DIR/uwsgi \
--procname-prefix pratai-api --ini $PRATAI_API_UWSGI_CONF" "" "" \
        "OS_PRATAI_CONFIG_FILES=$PRATAI_CONF"
    run_process pratai-webhook "$PRATAI_BIN_DIR/uwsgi \
--procname-prefix pratai-webhook --ini $PRATAI_WEBHOOK_UWSGI_CONF" "" "" \
        "OS_PRATAI_CONFIG_FILES=$PRATAI_CONF"

    if is_service_enabled pratai-api; then
        echo "Waiting for pratai-api to start..."
        wait_for_service "$SERVICE_TIMEOUT" "$(_pratai_api_url)/healthcheck" ||
            die $LINENO "pratai-api did not start"
    fi
    if is_service_enabled pratai-webhook; then
        echo "Waiting for pratai-webhook to start..."
        wait_for_service "$SERVICE_TIMEOUT" \
            "$(_pratai_webhook_url)/healthcheck" ||
            die $LINENO "pratai-webhook did not start"
    fi
}

# configure_tempest_for_pratai - Tell Tempest that there is Pratai
function configure_tempest_for_pratai {
    if is_service_enabled tempest; then
        iniset "$TEMPEST_CONFIG" service_available pratai True
    fi
}

function stop_pratai {
    local service
    for service in webhook api executor conductor; do
        stop_process "pratai-$service"
    done
}

# cleanup_pratai - Remove what a new run must not find
function cleanup_pratai {
    remove_uwsgi_config "$PRATAI_API_UWSGI_CONF" pratai-api
    remove_uwsgi_config "$PRATAI_WEBHOOK_UWSGI_CONF" pratai-webhook
    if [[ $PRATAI_DRIVER = docker ]]; then
        _pratai_remove_docker
        _pratai_remove_rules iptables
        _pratai_remove_rules ip6tables
    fi
    sudo rm -rf "$PRATAI_CONF" "$PRATAI_STATE_PATH"
    if [[ -d $PRATAI_CONF_DIR ]]; then
        # Others may have put something there.
        sudo rmdir --ignore-fail-on-non-empty "$PRATAI_CONF_DIR"
    fi
}

# Containers, images and networks that Pratai made, and nobody else's.
function _pratai_remove_docker {
    local label=org.openstack.pratai
    local kind
    if ! command -v docker >/dev/null; then
        return
    fi
    sudo docker ps -aq --filter "label=$label.node" |
        xargs -r sudo docker rm -fv
    # Those of functions and layers, then runtimes, then what these are made
    # from: the engine keeps an image that others need. It lists the newest
    # first, and an image once for each of its names.
    for kind in node kind base; do
        sudo docker images -q --no-trunc --filter "label=$label.$kind" |
            awk '!seen[$0]++' | xargs -r sudo docker rmi -f
    done
    sudo docker network ls -q --filter "label=$label.node" |
        xargs -r sudo docker network rm
}

# _pratai_remove_rules PROGRAM - The chains that guard those networks, and
# the rules that lead there
function _pratai_remove_rules {
    local rules
    rules=$(sudo "$1-save" -t filter) || return 0
    {
        echo "*filter"
        sed -n 's/^-A \(.* -j PRATAI-.*\)/-D \1/p' <<<"$rules"
        sed -n 's/^:\(PRATAI-[^ ]*\) .*/-F \1\n-X \1/p' <<<"$rules"
        echo "COMMIT"
    } | sudo "$1-restore" --noflush
}

if is_service_enabled pratai; then
    if [[ "$1" == "stack" && "$2" == "install" ]]; then
        echo_summary "Installing Pratai"
        stack_install_service pratai
    elif [[ "$1" == "stack" && "$2" == "post-config" ]]; then
        echo_summary "Configuring Pratai"
        configure_pratai
    elif [[ "$1" == "stack" && "$2" == "extra" ]]; then
        echo_summary "Initializing and starting Pratai"
        init_pratai
        start_pratai
    elif [[ "$1" == "stack" && "$2" == "test-config" ]]; then
        echo_summary "Configuring Tempest for Pratai"
        configure_tempest_for_pratai
    fi

    if [[ "$1" == "unstack" ]]; then
        echo_summary "Stopping Pratai"
        stop_pratai
    fi

    if [[ "$1" == "clean" ]]; then
        echo_summary "Removing Pratai"
        cleanup_pratai
    fi
fi

$_XTRACE_PRATAI
