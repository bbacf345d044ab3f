-- level: 1
CREATE TABLE IF NOT EXISTS jim_groups (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    announcement TEXT,
    owner_id BIGINT NOT NULL,
    join_policy VARCHAR(64) NOT NULL,
    invite_policy VARCHAR(64) NOT NULL,
    history_policy VARCHAR(64) NOT NULL,
    max_members BIGINT NOT NULL,
    member_count BIGINT NOT NULL,
    muted BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    dissolved_at BIGINT
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_members (
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    role BIGINT NOT NULL,
    nickname VARCHAR(255),
    muted_until BIGINT,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (group_id, user_id),
    KEY jim_members_user (user_id, group_id),
    KEY jim_members_role (group_id, role)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

CREATE TABLE IF NOT EXISTS jim_blacklist (
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (group_id, user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
