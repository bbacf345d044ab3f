-- level: 1
ALTER TABLE jim_users ADD COLUMN role INTEGER NOT NULL DEFAULT 0;

CREATE TABLE jim_worlds (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    is_open INTEGER NOT NULL,
    slow_mode_seconds INTEGER NOT NULL
);

INSERT INTO jim_worlds (id, name, is_open, slow_mode_seconds) VALUES (1, 'World', 1, 0);

CREATE TABLE jim_world_mutes (
    world_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (world_id, user_id)
) WITHOUT ROWID;

-- When somebody wrote last and what, forgotten when a world is slow no more.
CREATE TABLE jim_world_turns (
    world_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    client_ref TEXT NOT NULL,
    PRIMARY KEY (world_id, user_id)
) WITHOUT ROWID;
