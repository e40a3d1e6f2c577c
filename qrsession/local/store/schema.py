"""The tables, as a numbered list of migrations. One that was released is never changed again.

Times are integers, milliseconds since the epoch in UTC. Large values stand in tables of their own,
so that a list of jobs reads none of them. `job_counts` and `single_job_counts` let a list say how
many jobs match without visiting them, `usage_days` what the instance used in a span of time.
"""

_FIRST = """
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY,
    backend TEXT,
    mode TEXT NOT NULL,
    state TEXT NOT NULL,
    is_cancelled INTEGER NOT NULL,
    accepting_jobs INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    usage_s REAL NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX sessions_unclosed ON sessions (backend) WHERE state <> 'closed';
CREATE INDEX sessions_created ON sessions (created_ms, session_id);

CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id TEXT NOT NULL UNIQUE,
    program_id TEXT NOT NULL,
    backend TEXT NOT NULL,
    session_id TEXT REFERENCES sessions (session_id),
    status TEXT NOT NULL
        CHECK (status IN ('Queued', 'Running', 'Completed', 'Cancelled', 'Failed')),
    reason TEXT,
    reason_code INTEGER,
    reason_solution TEXT,
    created_ms INTEGER NOT NULL,
    started_ms INTEGER,
    finished_ms INTEGER,
    cost_s INTEGER NOT NULL,
    tags TEXT NOT NULL,
    private INTEGER NOT NULL,
    caller TEXT,
    runtime TEXT,
    log_level TEXT,
    calibration_id TEXT,
    generation INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    qpu_s REAL NOT NULL DEFAULT 0,
    circuits_execution_time_ns INTEGER,
    qiskit_version TEXT
);
CREATE INDEX jobs_queued ON jobs (backend, seq) WHERE status = 'Queued';
CREATE INDEX jobs_queued_in_session ON jobs (session_id, seq) WHERE status = 'Queued';
CREATE INDEX jobs_running ON jobs (session_id, backend) WHERE status = 'Running';
CREATE INDEX jobs_of_session ON jobs (session_id, seq) WHERE session_id IS NOT NULL;
CREATE INDEX jobs_created ON jobs (created_ms, job_id);

CREATE TABLE job_params (
    seq INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
    params BLOB NOT NULL
);
CREATE TABLE job_results (
    seq INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
    result BLOB,
    logs TEXT NOT NULL
);
CREATE TABLE job_tags (
    tag TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    PRIMARY KEY (tag, seq)
) WITHOUT ROWID;
CREATE INDEX job_tags_of_job ON job_tags (seq);

CREATE TABLE job_counts (
    program_id TEXT NOT NULL,
    backend TEXT NOT NULL,
    status TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (program_id, backend, status)
) WITHOUT ROWID;
CREATE TRIGGER count_new_job AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts VALUES (new.program_id, new.backend, new.status, 1)
    ON CONFLICT (program_id, backend, status) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER count_changed_job AFTER UPDATE OF status ON jobs BEGIN
    UPDATE job_counts SET number = number - 1
    WHERE program_id = old.program_id AND backend = old.backend AND status = old.status;
    INSERT INTO job_counts VALUES (new.program_id, new.backend, new.status, 1)
    ON CONFLICT (program_id, backend, status) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER count_deleted_job AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET number = number - 1
    WHERE program_id = old.program_id AND backend = old.backend AND status = old.status;
END;

CREATE TABLE usage_days (day INTEGER PRIMARY KEY, used_s REAL NOT NULL);
"""

_SECOND = """
ALTER TABLE jobs ADD COLUMN estimated_running_time_s REAL;
CREATE TABLE instance (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), limit_s INTEGER);
INSERT INTO instance VALUES (1, NULL);
"""

# A page of a list visits as many rows as it shows, however many jobs have finished.
_THIRD = """
CREATE INDEX jobs_of_backend ON jobs (backend, seq);
CREATE INDEX jobs_of_program ON jobs (program_id, seq);
CREATE INDEX jobs_single ON jobs (created_ms, job_id) WHERE session_id IS NULL;

CREATE TABLE single_job_counts (
    backend TEXT NOT NULL,
    status TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (backend, status)
) WITHOUT ROWID;
INSERT INTO single_job_counts
    SELECT backend, status, count(*) FROM jobs WHERE session_id IS NULL GROUP BY backend, status;
CREATE TRIGGER count_new_single_job AFTER INSERT ON jobs WHEN new.session_id IS NULL BEGIN
    INSERT INTO single_job_counts VALUES (new.backend, new.status, 1)
    ON CONFLICT (backend, status) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER count_changed_single_job AFTER UPDATE OF status ON jobs
WHEN new.session_id IS NULL BEGIN
    UPDATE single_job_counts SET number = number - 1
    WHERE backend = old.backend AND status = old.status;
    INSERT INTO single_job_counts VALUES (new.backend, new.status, 1)
    ON CONFLICT (backend, status) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER count_deleted_single_job AFTER DELETE ON jobs WHEN old.session_id IS NULL BEGIN
    UPDATE single_job_counts SET number = number - 1
    WHERE backend = old.backend AND status = old.status;
END;
"""

MIGRATIONS = (_FIRST, _SECOND, _THIRD)
