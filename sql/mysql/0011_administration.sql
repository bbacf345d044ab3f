-- level: 1
-- What administrators did; 0 is the command line. Rows are added and never changed.
CREATE TABLE IF NOT EXISTS jim_audit (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at BIGINT NOT NULL,
    by_user BIGINT NOT NULL,
    action VARCHAR(64) NOT NULL,
    target VARCHAR(255) NOT NULL,
    ip VARCHAR(64),
    before_json TEXT,
    after_json TEXT,
    KEY jim_audit_by (by_user, id),
    KEY jim_audit_action (action, id),
    KEY jim_audit_target (target, id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};

-- What is still to be done for accounts that are gone: no room stands for all but what they wrote.
CREATE TABLE IF NOT EXISTS jim_departures (
    user_id BIGINT NOT NULL,
    room VARCHAR(40) NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (user_id, room)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE {nopad};
