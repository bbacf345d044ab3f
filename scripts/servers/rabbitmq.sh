# shellcheck shell=bash disable=SC2154
# RabbitMQ.

# A node is known by its name to an epmd, and starts one if there is none: with our own none is left behind.
start_rabbitmq() {
    local port=$1 epmd=$2 dist=$3 home=$dir/rabbitmq
    own rabbitmq "$home"
    as rabbitmq
    launch "$dir/rabbitmq.log" "${as[@]}" epmd -address 127.0.0.1 -port "$epmd"
    echo '[].' >"$home/plugins"
    cat >"$home/rabbitmq.conf" <<EOF
listeners.tcp.1 = 127.0.0.1:$port
default_vhost = jim
default_user = jim
default_pass = pw
disk_free_limit.absolute = 1MB
EOF
    launch "$dir/rabbitmq.log" "${as[@]}" env HOME="$home" \
        ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT="$epmd" \
        RABBITMQ_NODENAME="jim$port@localhost" RABBITMQ_DIST_PORT="$dist" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
        RABBITMQ_CONF_ENV_FILE=/dev/null RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$home/plugins" RABBITMQ_MNESIA_BASE="$home/mnesia" \
        RABBITMQ_LOG_BASE="$home/log" RABBITMQ_PID_FILE="$home/pid" \
        /usr/lib/rabbitmq/bin/rabbitmq-server
    until_true rabbitmq_answers "$port"
}

# It greets with connection.start, on channel 0.
rabbitmq_answers() {
    [[ $(exchange "$1" 'AMQP\0\0\11\1') == 010000????????000a000a* ]]
}
