-- level: 1
-- What administrators did; 0 is the command line. Rows are added and never changed.
CREATE TABLE jim_audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    by_user INTEGER NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    ip TEXT,
    before_json TEXT,
    after_json TEXT
);

CREATE INDEX jim_audit_by ON jim_audit (by_user, id);

CREATE INDEX jim_audit_action ON jim_audit (action, id);

CREATE INDEX jim_audit_target ON jim_audit (target, id);

-- What is still to be done for accounts that are gone: no room stands for all but what they wrote.
CREATE TABLE jim_departures (
    user_id INTEGER NOT NULL,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (user_id, room)
) WITHOUT ROWID;
