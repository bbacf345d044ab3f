# shellcheck shell=bash disable=SC2154
# RabbitMQ.

# rabbitmq_prepare DIR PORT EPMD DIST: its configuration. `epmd` and `rabbitmq` are the commands, the first for the
# user in `as`. It must run before the second: a node is known by its name to an epmd, and starts one if there is none,
# which would be left behind.
rabbitmq_prepare() {
    local home=$1 port=$2
    own rabbitmq "$home"
    as rabbitmq
    epmd=(epmd -address 127.0.0.1 -port "$3")
    echo '[].' >"$home/plugins"
    cat >"$home/rabbitmq.conf" <<EOF
listeners.tcp.1 = 127.0.0.1:$port
default_vhost = jim
default_user = jim
default_pass = pw
disk_free_limit.absolute = 1MB
EOF
    rabbitmq=("${as[@]}" env HOME="$home"
        ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$3"
        RABBITMQ_NODENAME="jim$port@localhost" RABBITMQ_DIST_PORT="$4"
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}'
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf"
        RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins" RABBITMQ_MNESIA_BASE="$home/mnesia"
        RABBITMQ_LOG_BASE="$home/logs" RABBITMQ_PID_FILE="$home/pid")
}

start_rabbitmq() {
    local epmd rabbitmq
    rabbitmq_prepare "$dir/rabbitmq" "$@"
    launch "$dir/rabbitmq.log" "${as[@]}" "${epmd[@]}"
    launch "$dir/rabbitmq.log" "${rabbitmq[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server
    until_true rabbitmq_answers "$1"
}

# It greets with connection.start, on channel 0.
rabbitmq_answers() {
    [[ $(exchange "$1" 'AMQP\0\0\11\1') == 010000????????000a000a* ]]
}
