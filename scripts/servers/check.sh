# shellcheck shell=bash disable=SC2154
# That each server answers, and that nothing of them is left.

# proves NAME COMMAND…: says whether it succeeds.
proves() {
    if "${@:2}" >/dev/null 2>&1; then
        echo "ok      $1"
    else
        echo "FAILED  $1"
        bad=1
    fi
}

# What a cluster publishes to a shard reaches who listens at the shard's node.
shard_publishes() {
    local heard=$dir/heard
    timeout 5 redis-cli -c -p "$1" ssubscribe news >"$heard" &
    until_heard "$heard" ssubscribe && redis-cli -c -p "$2" spublish news hello && until_heard "$heard" hello
}

until_heard() {
    for _ in {1..60}; do
        grep -q "$2" "$1" && return
        sleep 0.05
    done
    return 1
}

# The processes that have the folder's name among their arguments, their environment or open files.
mentions() {
    local process
    for process in /proc/[0-9]*; do
        [[ $process != "/proc/$$" ]] || continue
        if { cat "$process/cmdline" "$process/environ"; readlink "$process/cwd" "$process"/fd/*; } 2>/dev/null |
            grep -qaF "$1"; then
            tr '\0' ' ' <"$process/cmdline" 2>/dev/null && echo
        fi
    done
}

check() {
    unset "${VARIABLE[@]}"
    bad=
    dir=$(temporary)
    local began=$EPOCHREALTIME a b c shm
    start_all "${ALL[@]}"
    trap 'stop_all "$dir"' EXIT
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "started in %.1f s\n", b - a }'
    # shellcheck disable=SC1091
    . "$dir/env"

    proves "mariadb: SELECT 1" mariadb_answers "${JIM_TEST_MYSQL##*:}"
    a=${JIM_TEST_MONGO%/*}
    proves "mongo: ping" mongo_answers "${a##*:}"
    a=${JIM_TEST_REDIS##*:}
    proves "redis: PING" redis_says "$a" '^PONG' --no-auth-warning -a pw ping
    proves "redis: SET" redis_says "$a" '^OK' --no-auth-warning -a pw set key value
    proves "redis: GET" redis_says "$a" '^value' --no-auth-warning -a pw get key
    proves "redis: no answer without the password" redis_says "$a" '^NOAUTH' get key
    IFS=:,/ read -r _ _ _ _ a _ b _ c _ <<<"$JIM_TEST_REDIS_SENTINEL"
    for port in "$a" "$b" "$c"; do
        proves "sentinel $port: get-master-addr-by-name" \
            redis_says "$port" '^127.0.0.1' sentinel get-master-addr-by-name jim
    done
    IFS=:,/ read -r _ _ _ _ a _ b _ c <<<"$JIM_TEST_REDIS_CLUSTER"
    proves "cluster: SET" redis_says "$a" '^OK' -c set key value
    proves "cluster: GET" redis_says "$b" '^value' -c get key
    proves "cluster: SSUBSCRIBE and SPUBLISH" shard_publishes "$c" "$a"
    a=${JIM_TEST_RABBITMQ%/*}
    proves "rabbitmq: greeting" rabbitmq_answers "${a##*:}"

    shm=$(cat "$dir/shm" 2>/dev/null || true)
    began=$EPOCHREALTIME
    stop_all "$dir"
    awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "stopped in %.1f s\n", b - a }'
    proves "stop again" stop_all "$dir"
    proves "no folder is left" test ! -e "$dir" -a ! -e "${shm:-$dir}"
    mentions "$dir"
    proves "no process is left" test -z "$(mentions "$dir")"
    [[ -z $bad ]]
}
