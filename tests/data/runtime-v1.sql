PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE job_counts (
    program_id TEXT NOT NULL,
    backend TEXT NOT NULL,
    status TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (program_id, backend, status)
) WITHOUT ROWID;
INSERT INTO "job_counts" VALUES('sampler','aer_simulator','Completed',1);
INSERT INTO "job_counts" VALUES('sampler','aer_simulator','Queued',1);
INSERT INTO "job_counts" VALUES('sampler','aer_simulator','Running',0);
CREATE TABLE job_params (
    seq INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
    params BLOB NOT NULL
);
INSERT INTO "job_params" VALUES(1,X'7B2270756273223A5B22636F756E74225D7D');
INSERT INTO "job_params" VALUES(2,X'7B2270756273223A5B22636F756E74225D7D');
CREATE TABLE job_results (
    seq INTEGER PRIMARY KEY REFERENCES jobs (seq) ON DELETE CASCADE,
    result BLOB,
    logs TEXT NOT NULL
);
INSERT INTO "job_results" VALUES(2,X'7B22726573756C7473223A5B5D7D','');
CREATE TABLE job_tags (
    tag TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    PRIMARY KEY (tag, seq)
) WITHOUT ROWID;
INSERT INTO "job_tags" VALUES('run-1',1);
INSERT INTO "job_tags" VALUES('run-1',2);
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
INSERT INTO "jobs" VALUES(1,'d6147q3traac73bef6f0','sampler','aer_simulator','5d0c4b7e-0a52-4a0e-9c55-2d1f0a6b7c11','Queued',NULL,NULL,NULL,1795363200000,NULL,NULL,10800,'["run-1"]',0,'qrsession/0.1.0',NULL,NULL,NULL,0,0,0.0,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'d6147q3traac73bef6g0','sampler','aer_simulator',NULL,'Completed',NULL,NULL,NULL,1795363200000,1795363200000,1795363200000,10800,'["run-1"]',0,'qrsession/0.1.0',NULL,NULL,NULL,1,1,1.5,NULL,'2.6.2');
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
INSERT INTO "sessions" VALUES('5d0c4b7e-0a52-4a0e-9c55-2d1f0a6b7c11','aer_simulator','batch','open',0,1,1795363200000,NULL,0.0,'{"session_id":"5d0c4b7e-0a52-4a0e-9c55-2d1f0a6b7c11","backend":"aer_simulator","mode":"batch","max_ttl_s":28800,"created_at":1795363200000,"updated_at":1795363200000,"idle_since":null,"timestamps":[["open",1795363200000]],"state":"open","state_reason":null,"accepting_jobs":true,"is_cancelled":false,"started_at":null,"activated_at":null,"closed_at":null,"last_job_started":null,"last_job_completed":null,"counting_since":null,"usage_s":0.0}');
CREATE TABLE usage_days (day INTEGER PRIMARY KEY, used_s REAL NOT NULL);
INSERT INTO "usage_days" VALUES(20779,1.5);
CREATE INDEX sessions_unclosed ON sessions (backend) WHERE state <> 'closed';
CREATE INDEX sessions_created ON sessions (created_ms, session_id);
CREATE INDEX jobs_queued ON jobs (backend, seq) WHERE status = 'Queued';
CREATE INDEX jobs_queued_in_session ON jobs (session_id, seq) WHERE status = 'Queued';
CREATE INDEX jobs_running ON jobs (session_id, backend) WHERE status = 'Running';
CREATE INDEX jobs_of_session ON jobs (session_id, seq) WHERE session_id IS NOT NULL;
CREATE INDEX jobs_created ON jobs (created_ms, job_id);
CREATE INDEX job_tags_of_job ON job_tags (seq);
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
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',2);
COMMIT;
