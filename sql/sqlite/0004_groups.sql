-- level: 1
CREATE TABLE jim_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    announcement TEXT,
    owner_id INTEGER NOT NULL,
    join_policy TEXT NOT NULL,
    invite_policy TEXT NOT NULL,
    history_policy TEXT NOT NULL,
    max_members INTEGER NOT NULL,
    member_count INTEGER NOT NULL,
    muted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    dissolved_at INTEGER
);

CREATE TABLE jim_members (
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    role INTEGER NOT NULL,
    nickname TEXT,
    muted_until INTEGER,
    joined_at INTEGER NOT NULL,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;

CREATE INDEX jim_members_user ON jim_members (user_id, group_id);

CREATE TABLE jim_blacklist (
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    by_user INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (group_id, user_id)
) WITHOUT ROWID;
