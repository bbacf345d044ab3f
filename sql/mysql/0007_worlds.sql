-- level: 1
CREATE TABLE IF NOT EXISTS jim_worlds (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    is_open BIGINT NOT NULL,
    slow_mode_seconds BIGINT NOT NULL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

INSERT IGNORE INTO jim_worlds (id, name, is_open, slow_mode_seconds) VALUES (1, 'World', 1, 0);

CREATE TABLE IF NOT EXISTS jim_world_mutes (
    world_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (world_id, user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- When somebody wrote last and what, forgotten when a world is slow no more.
CREATE TABLE IF NOT EXISTS jim_world_turns (
    world_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    client_ref VARCHAR(255) NOT NULL,
    PRIMARY KEY (world_id, user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
