-- level: 1
ALTER TABLE jim_conversations ADD COLUMN clear_seq INTEGER NOT NULL DEFAULT 0;

-- The highest of what was read, cleared and before the beginning, and the counted entries up to it.
ALTER TABLE jim_conversations ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;

ALTER TABLE jim_conversations ADD COLUMN mark_ord INTEGER NOT NULL DEFAULT 0;

ALTER TABLE jim_conversations ADD COLUMN hidden_seq INTEGER;

ALTER TABLE jim_conversations ADD COLUMN pinned_at INTEGER;

ALTER TABLE jim_conversations ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;

-- Readers in the order of their pages. What was read is no part of it: marks move with every send.
CREATE INDEX jim_conversations_room ON jim_conversations (room, user_id);

-- Who was in a group before this release has read nothing that was counted for him.
UPDATE jim_conversations SET mark = from_seq - 1,
    mark_ord = COALESCE((SELECT e.ord FROM jim_entries e WHERE e.room = jim_conversations.room AND e.seq = from_seq - 1), 0)
    WHERE from_seq > 1;

CREATE TABLE jim_mentions (
    user_id INTEGER NOT NULL,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, room, seq)
) WITHOUT ROWID;

-- Numbers of messages whose body is gone.
CREATE TABLE jim_retractions (
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;

CREATE TABLE jim_hidden (
    user_id INTEGER NOT NULL,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (user_id, room, seq)
) WITHOUT ROWID;

CREATE TABLE jim_pins (
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    by_user INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) WITHOUT ROWID;
