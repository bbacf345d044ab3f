# shellcheck shell=bash disable=SC2154
# MongoDB, or what stands in for it.

# Prints the folder of the built MongoDB stand-in. Builds it if its sources changed.
mongo_wire() {
    local cache=${XDG_CACHE_HOME:-$HOME/.cache}/jim-services sum built new
    sum=$(cat "$here"/mongo-wire/{pom.xml,MongoWire.java} | sha256sum)
    built=$cache/mongo-wire-${sum:0:16}
    if [[ ! -d $built ]]; then
        mkdir -p "$cache"
        new=$(mktemp -d "$built.XXXXXX")
        mvn -q -B -f "$here/mongo-wire/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$new/lib" >&2
        javac -cp "$new/lib/*" -d "$new" "$here/mongo-wire/MongoWire.java" >&2
        # Two may build at once: the first one's stands.
        mv -T "$new" "$built" 2>/dev/null || rm -rf "$new"
    fi
    echo "$built"
}

mongo_answers() {
    # shellcheck disable=SC2016
    local ping='\x33\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0\0\0\0\0\0\x1e\0\0\0\x10ping\0\1\0\0\0\2$db\0\6\0\0\0admin\0\0'
    # "ok": 1.0
    [[ $(exchange "$1" "$ping") == *016f6b00000000000000f03f* ]]
}

start_mongo() {
    if have mongod mongosh; then
        mkdir "$dir/mongo"
        launch "$dir/mongo.log" mongod --replSet jim --bind_ip 127.0.0.1 --port "$1" --dbpath "$dir/mongo"
        until_true mongo_answers "$1"
        mongosh --quiet --port "$1" \
            --eval "rs.initiate({_id: 'jim', members: [{_id: 0, host: '127.0.0.1:$1'}]})" >>"$dir/mongo.log"
        until_true mongosh --quiet --port "$1" --eval 'quit(db.hello().isWritablePrimary ? 0 : 1)'
        return
    fi
    ! have mongod || echo "mongod without mongosh: scripts/mongo-wire stands in" >&4
    local built
    built=$(mongo_wire)
    launch "$dir/mongo.log" java -XX:+UseSerialGC -Xmx1g -cp "$built/lib/*:$built" MongoWire "$1"
    until_true mongo_answers "$1"
}
