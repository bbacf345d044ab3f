-- level: 1
CREATE TABLE jim_rooms (
    room TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL,
    ord INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

-- A rowid table: entries are wide, and a clustered key of text costs half of the rate.
CREATE TABLE jim_entries (
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    ord INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by_user INTEGER NOT NULL,
    client_ref TEXT NOT NULL,
    kind TEXT NOT NULL,
    digest TEXT,
    body TEXT,
    UNIQUE (room, seq),
    UNIQUE (room, by_user, client_ref)
);

CREATE TABLE jim_conversations (
    user_id INTEGER NOT NULL,
    room TEXT NOT NULL,
    from_seq INTEGER,
    read_seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, room)
) WITHOUT ROWID;

CREATE TABLE jim_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room TEXT NOT NULL,
    task TEXT NOT NULL,
    at INTEGER NOT NULL
);

CREATE INDEX jim_outbox_room ON jim_outbox (room, id);
