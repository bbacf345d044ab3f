-- level: 1
-- Numbered by its primary key: what is new is inserted at head + 1, and there is no row of a room's head to lock.
CREATE TABLE IF NOT EXISTS jim_entries (
    room VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    ord BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    at BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    client_ref VARCHAR(255) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    digest VARCHAR(64),
    body MEDIUMTEXT,
    PRIMARY KEY (room, seq),
    UNIQUE KEY jim_entries_ref (room, by_user, client_ref)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_conversations (
    user_id BIGINT NOT NULL,
    room VARCHAR(40) NOT NULL,
    from_seq BIGINT,
    clear_seq BIGINT NOT NULL DEFAULT 0,
    read_seq BIGINT NOT NULL,
    mark BIGINT NOT NULL DEFAULT 0,
    mark_ord BIGINT NOT NULL DEFAULT 0,
    hidden_seq BIGINT,
    pinned_at BIGINT,
    muted BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, room),
    KEY jim_conversations_room (room, user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_outbox (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    room VARCHAR(40) NOT NULL,
    task MEDIUMTEXT NOT NULL,
    at BIGINT NOT NULL,
    KEY jim_outbox_room (room, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
