-- level: 1
CREATE TABLE jim_friendships (
    user_id INTEGER NOT NULL,
    friend_id INTEGER NOT NULL,
    remark TEXT,
    since INTEGER NOT NULL,
    PRIMARY KEY (user_id, friend_id)
) WITHOUT ROWID;

-- `pending` is 1 or NULL: the unique key lets many decided requests stand, and one pending.
CREATE TABLE jim_friend_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    from_id INTEGER NOT NULL,
    to_id INTEGER NOT NULL,
    note TEXT,
    status INTEGER NOT NULL,
    pending INTEGER,
    reason TEXT,
    muffled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (from_id, to_id, pending)
);

CREATE INDEX jim_friend_requests_to ON jim_friend_requests (to_id);

CREATE TABLE jim_blocks (
    user_id INTEGER NOT NULL,
    blocked_id INTEGER NOT NULL,
    cut_seq INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
) WITHOUT ROWID;
