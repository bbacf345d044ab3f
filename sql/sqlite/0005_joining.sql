-- level: 1
CREATE TABLE jim_group_invitations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    by_user INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (group_id, user_id)
);

CREATE INDEX jim_group_invitations_user ON jim_group_invitations (user_id, id);

-- `pending` is 1 or NULL: the unique key lets many decided requests stand, and one pending.
CREATE TABLE jim_join_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    note TEXT,
    status INTEGER NOT NULL,
    pending INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (group_id, user_id, pending)
);
