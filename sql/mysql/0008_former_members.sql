-- level: 1
-- What outlives a membership, so that it is found when the person comes again.
CREATE TABLE IF NOT EXISTS jim_former_members (
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    joined_at BIGINT NOT NULL,
    muted_until BIGINT,
    PRIMARY KEY (group_id, user_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
