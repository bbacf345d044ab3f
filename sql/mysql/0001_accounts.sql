-- level: 1
-- Every step may be run again. `{nopad}` is the binary collation in which a space at the end counts: utf8mb4_nopad_bin on
-- MariaDB, utf8mb4_0900_bin on MySQL.
CREATE TABLE IF NOT EXISTS jim_settings (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- Folded names may be longer than names.
CREATE TABLE IF NOT EXISTS jim_users (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    username VARCHAR(255) NOT NULL,
    username_key VARCHAR(700) NOT NULL,
    nickname VARCHAR(255) NOT NULL,
    nickname_key VARCHAR(700) NOT NULL,
    birth_date VARCHAR(64),
    status_text TEXT,
    password_hash VARCHAR(255) NOT NULL,
    state BIGINT NOT NULL,
    role BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    UNIQUE KEY jim_users_username (username_key),
    KEY jim_users_nickname (nickname_key)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_user_heads (
    user_id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_user_log (
    user_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR(64) NOT NULL,
    body MEDIUMTEXT NOT NULL,
    PRIMARY KEY (user_id, seq)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_sessions (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    device TEXT,
    ip VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    access_hash VARCHAR(64) NOT NULL,
    access_until BIGINT NOT NULL,
    refresh_hash VARCHAR(64) NOT NULL,
    refresh_until BIGINT NOT NULL,
    prev_access_hash VARCHAR(64),
    prev_access_until BIGINT,
    old_refresh_hash VARCHAR(64),
    used BIGINT NOT NULL,
    ended_at BIGINT,
    UNIQUE KEY jim_sessions_access (access_hash),
    UNIQUE KEY jim_sessions_refresh (refresh_hash),
    KEY jim_sessions_user (user_id),
    KEY jim_sessions_ended (ended_at),
    KEY jim_sessions_prev_access (prev_access_hash),
    KEY jim_sessions_old_refresh (old_refresh_hash)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_tickets (
    hash VARCHAR(64) NOT NULL PRIMARY KEY,
    session_id BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    KEY jim_tickets_until (until_at)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
