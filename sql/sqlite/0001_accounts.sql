-- level: 1
CREATE TABLE jim_settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE jim_users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    nickname TEXT NOT NULL,
    nickname_key TEXT NOT NULL,
    birth_date TEXT,
    status_text TEXT,
    password_hash TEXT NOT NULL,
    state INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE INDEX jim_users_nickname ON jim_users (nickname_key);

CREATE TABLE jim_user_heads (
    user_id INTEGER NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL
);

CREATE TABLE jim_user_log (
    user_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (user_id, seq)
) WITHOUT ROWID;

CREATE TABLE jim_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL,
    device TEXT,
    ip TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    access_hash TEXT NOT NULL UNIQUE,
    access_until INTEGER NOT NULL,
    refresh_hash TEXT NOT NULL UNIQUE,
    refresh_until INTEGER NOT NULL,
    prev_access_hash TEXT,
    prev_access_until INTEGER,
    old_refresh_hash TEXT,
    used INTEGER NOT NULL,
    ended_at INTEGER
);

CREATE INDEX jim_sessions_user ON jim_sessions (user_id);

CREATE INDEX jim_sessions_ended ON jim_sessions (ended_at);

CREATE INDEX jim_sessions_prev_access ON jim_sessions (prev_access_hash);

CREATE INDEX jim_sessions_old_refresh ON jim_sessions (old_refresh_hash);

CREATE TABLE jim_tickets (
    hash TEXT NOT NULL PRIMARY KEY,
    session_id INTEGER NOT NULL,
    until_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX jim_tickets_until ON jim_tickets (until_at);
