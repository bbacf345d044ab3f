-- level: 1
CREATE TABLE IF NOT EXISTS jim_mentions (
    user_id BIGINT NOT NULL,
    room VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (user_id, room, seq)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- Numbers of messages whose body is gone.
CREATE TABLE IF NOT EXISTS jim_retractions (
    room VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (room, seq)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_hidden (
    user_id BIGINT NOT NULL,
    room VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (user_id, room, seq)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_pins (
    room VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (room, seq)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
