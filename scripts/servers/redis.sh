# shellcheck shell=bash disable=SC2154
# Redis: alone, with sentinels, and as a cluster.

# redis PORT OPTION…: one more Redis.
redis() {
    mkdir "$dir/redis-$1"
    launch "$dir/${FUNCNAME[1]#start_}.log" redis-server --bind 127.0.0.1 --port "$1" --dir "$dir/redis-$1" --save '' \
        --repl-diskless-sync yes --repl-diskless-sync-delay 0 "${@:2}"
}

# redis_says PORT PATTERN COMMAND…: whether the answer has it.
redis_says() {
    timeout 5 redis-cli -p "$1" "${@:3}" 2>&1 | tr -d '\r' | grep -q "$2"
}

start_redis() {
    redis "$1" --requirepass pw
    until_true redis_says "$1" '^PONG' --no-auth-warning -a pw ping
}

# Sentinels ask a master for its replicas each ten seconds: they start when there is one.
start_sentinel() {
    local master=$4 replica=$5 port
    redis "$master"
    redis "$replica" --replicaof 127.0.0.1 "$master"
    until_true redis_says "$master" 'slave0:.*state=online' info replication
    for port in "${@:1:3}"; do
        mkdir "$dir/redis-$port"
        cat >"$dir/redis-$port/sentinel.conf" <<EOF
port $port
bind 127.0.0.1
dir $dir/redis-$port
sentinel monitor jim 127.0.0.1 $master 2
sentinel down-after-milliseconds jim 1000
sentinel failover-timeout jim 5000
EOF
        launch "$dir/sentinel.log" redis-server "$dir/redis-$port/sentinel.conf" --sentinel
    done
    for port in "${@:1:3}"; do
        until_true sentinel_knows_all "$port"
    done
}

sentinel_knows_all() {
    [[ $(timeout 5 redis-cli -p "$1" sentinel master jim | paste -sd ' ') =~ num-slaves\ 1\ num-other-sentinels\ 2\  ]]
}

start_cluster() {
    local port nodes=("${@:1:3}")
    for port in "${nodes[@]}"; do
        redis "$port" --cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 2000
    done
    for port in "${nodes[@]}"; do
        until_true redis_says "$port" '^PONG' ping
    done
    timeout "$DEADLINE" redis-cli --cluster create "${nodes[@]/#/127.0.0.1:}" --cluster-replicas 0 --cluster-yes
    for port in "${nodes[@]}"; do
        until_true redis_says "$port" '^cluster_state:ok' cluster info
    done
}
