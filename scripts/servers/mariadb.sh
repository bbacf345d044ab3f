# shellcheck shell=bash disable=SC2154
# MariaDB.

SHM_MB=4096 # room that the databases of a whole run may take in memory

# mariadb_prepare DIR: DIR/db with the tables of the system.
mariadb_prepare() {
    own mysql "$1"
    if [[ ! -d $1/db ]]; then
        rm -rf "$1/db.new"
        "${as[@]}" mariadb-install-db --no-defaults --datadir="$1/db.new" --skip-test-db \
            --auth-root-authentication-method=normal >"$1/install.log" 2>&1 || { cat "$1/install.log" >&2 && return 1; }
        mv "$1/db.new" "$1/db"
    fi
    mariadbd=("${as[@]}" mariadbd --no-defaults --datadir="$1/db" --socket="$1/socket" --pid-file="$1/pid"
        --bind-address=127.0.0.1 --port="$2" --skip-name-resolve --skip-log-bin
        --character-set-server=utf8mb4 --max-connections=1000 --max-prepared-stmt-count=1000000)
}

mariadb_answers() {
    MYSQL_PWD=pw mariadb --no-defaults --connect-timeout=5 -uroot -h127.0.0.1 "-P$1" -Ne 'SELECT 1' | grep -qx 1
}

start_mariadb() {
    local data=$dir/mariadb
    if [[ $(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1) -ge $SHM_MB ]]; then
        data=$(mktemp -u /dev/shm/jim-services.XXXXXX)
        echo "$data" >"$dir/shm"
        mkdir -m 700 "$data"
    fi
    mariadb_prepare "$data" "$1"
    # The rows of persistent statistics are a third of the time that a new table takes.
    # init.sql is read before the first connection is accepted.
    echo "SET PASSWORD FOR root@'127.0.0.1' = PASSWORD('pw');" >"$data/init.sql"
    launch "$dir/mariadb.log" "${mariadbd[@]}" --init-file="$data/init.sql" \
        --innodb-flush-log-at-trx-commit=0 --innodb-stats-persistent=0 --innodb-buffer-pool-size=256M \
        --table-open-cache=8000
    until_true mariadb_answers "$1"
}
