-- results/cache/harness.duckdb: an index of the spool. Deleting it loses nothing.
-- Only appended to, apart from a run's end and what a video that was made again replaces. No foreign keys: rows may arrive in any
-- order, and a referenced row could not be deleted; every query joins instead.

CREATE TABLE meta (
  key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

CREATE TABLE suites (
  suite_key VARCHAR PRIMARY KEY,                             -- digest of the manifest
  name VARCHAR NOT NULL, version INTEGER NOT NULL,
  protocol_key VARCHAR NOT NULL, reference_key VARCHAR, manifest JSON NOT NULL,
  UNIQUE (name, version));                                   -- the same version with other content is an error

CREATE TABLE items (
  item_key VARCHAR PRIMARY KEY,                              -- digest of prompt, image and motion bucket
  slug VARCHAR NOT NULL, prompt VARCHAR NOT NULL, image_sha256 VARCHAR NOT NULL, tags VARCHAR[] NOT NULL);

CREATE TABLE suite_items (
  suite_key VARCHAR NOT NULL, item_key VARCHAR NOT NULL,
  ordinal INTEGER NOT NULL,                                  -- fixed and stratified: --limit N is a nested prefix
  PRIMARY KEY (suite_key, item_key), UNIQUE (suite_key, ordinal));

CREATE TABLE variants (
  variant_key VARCHAR PRIMARY KEY,                           -- digest of name, revision, parameters, weight digests
  name VARCHAR NOT NULL, revision INTEGER NOT NULL,
  spec JSON NOT NULL, source_sha256 VARCHAR NOT NULL);       -- of the plugin's file: provenance, not identity

CREATE TABLE metrics (
  metric_key VARCHAR PRIMARY KEY,                            -- digest of name, version, parameters, extractor
  name VARCHAR NOT NULL, version INTEGER NOT NULL,
  scope VARCHAR NOT NULL CHECK (scope IN ('video', 'set')),
  better VARCHAR NOT NULL CHECK (better IN ('higher', 'lower', 'none')),
  unit VARCHAR NOT NULL, spec JSON NOT NULL, source_sha256 VARCHAR NOT NULL);

CREATE TABLE environments (
  env_key VARCHAR PRIMARY KEY, spec JSON NOT NULL);

CREATE TABLE runs (
  run_id VARCHAR PRIMARY KEY,                                -- UUID version 7: sorts by start time
  started_at TIMESTAMPTZ NOT NULL, finished_at TIMESTAMPTZ,
  status VARCHAR NOT NULL CHECK (status IN ('running', 'complete', 'partial', 'interrupted', 'crashed')),
  argv VARCHAR[] NOT NULL, harness_version VARCHAR NOT NULL,
  git_commit VARCHAR, git_dirty BOOLEAN, host VARCHAR);

CREATE TABLE generations (
  gen_key VARCHAR PRIMARY KEY,                               -- digest of variant, item, seed, protocol
  variant_key VARCHAR NOT NULL, item_key VARCHAR NOT NULL, seed BIGINT NOT NULL, protocol_key VARCHAR NOT NULL,
  video_sha256 VARCHAR NOT NULL, frames_sha256 VARCHAR NOT NULL, noise_sha256 VARCHAR, relpath VARCHAR NOT NULL,
  frames INTEGER NOT NULL CHECK (frames > 0), width INTEGER NOT NULL, height INTEGER NOT NULL,
  fps DOUBLE NOT NULL CHECK (fps > 0), video_bytes BIGINT NOT NULL,
  seconds DOUBLE,                                            -- to generate it; null where that is not known
  load_seconds DOUBLE, peak_vram_bytes BIGINT, attempts INTEGER NOT NULL,
  env_key VARCHAR NOT NULL, run_id VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL,
  UNIQUE (variant_key, item_key, seed, protocol_key));

CREATE TABLE scores (
  gen_key VARCHAR NOT NULL, video_sha256 VARCHAR NOT NULL,   -- what was measured: counts while it is the indexed video
  metric_key VARCHAR NOT NULL, metric VARCHAR NOT NULL,
  value DOUBLE CHECK (isfinite(value)),                      -- NaN never becomes a score
  status VARCHAR NOT NULL CHECK (status IN ('ok', 'undefined', 'excluded')),
  reason VARCHAR NOT NULL, coverage DOUBLE, detail JSON NOT NULL, profile DOUBLE[] NOT NULL, seconds DOUBLE,
  env_key VARCHAR NOT NULL, run_id VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (gen_key, video_sha256, metric_key),
  CHECK ((value IS NULL) = (status <> 'ok')));

CREATE TABLE features (
  gen_key VARCHAR NOT NULL, video_sha256 VARCHAR NOT NULL, extractor_key VARCHAR NOT NULL,
  sha256 VARCHAR NOT NULL, relpath VARCHAR NOT NULL, rows INTEGER NOT NULL CHECK (rows > 0), dim INTEGER NOT NULL,
  seconds DOUBLE, env_key VARCHAR NOT NULL, run_id VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (gen_key, video_sha256, extractor_key));

CREATE TABLE set_scores (                                    -- the newest, if a set was computed twice
  set_key VARCHAR NOT NULL,                                  -- digest of the sorted gen_keys and the reference set
  metric_key VARCHAR NOT NULL, metric VARCHAR NOT NULL, variant_key VARCHAR NOT NULL, suite_key VARCHAR NOT NULL,
  reference_key VARCHAR, n INTEGER NOT NULL CHECK (n >= 2),
  value DOUBLE CHECK (isfinite(value)), stderr DOUBLE, ci_low DOUBLE, ci_high DOUBLE,
  status VARCHAR NOT NULL CHECK (status IN ('ok', 'undefined', 'excluded')), reason VARCHAR NOT NULL,
  detail JSON NOT NULL, seconds DOUBLE,
  env_key VARCHAR NOT NULL, run_id VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (set_key, metric_key),
  CHECK ((value IS NULL) = (status <> 'ok')));

CREATE TABLE failures (                                      -- every failed attempt, kept for ever
  run_id VARCHAR NOT NULL, task_key VARCHAR NOT NULL,        -- gen_key or set_key, and what of it: key:metric
  stage VARCHAR NOT NULL CHECK (stage IN ('plan', 'load', 'generate', 'encode', 'score', 'aggregate')),
  attempt INTEGER NOT NULL, code VARCHAR NOT NULL, message VARCHAR NOT NULL, traceback VARCHAR,
  retryable BOOLEAN NOT NULL, occurred_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (run_id, task_key, stage, attempt));

CREATE TABLE replications (                                  -- the same gen_key made again by another run
  gen_key VARCHAR NOT NULL, run_id VARCHAR NOT NULL, env_key VARCHAR NOT NULL,
  bitwise BOOLEAN NOT NULL, created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (gen_key, run_id));

-- For people: docs/sql.md has queries. Names instead of keys, every video under the suite whose protocol it was made by.
CREATE VIEW named_scores AS
  SELECT s.name || '@' || s.version AS suite, v.name AS variant, v.revision, i.slug AS item, i.prompt, i.tags, g.seed,
         x.metric, x.value, x.status, x.reason, x.coverage, x.detail, x.profile, g.seconds, g.relpath,
         g.run_id, si.suite_key, g.variant_key, g.item_key, x.metric_key
  FROM scores x
  JOIN generations g USING (gen_key, video_sha256)           -- what was measured counts while its video is indexed
  JOIN suite_items si USING (item_key)
  JOIN suites s ON s.suite_key = si.suite_key AND s.protocol_key = g.protocol_key
  JOIN items i USING (item_key)
  JOIN variants v USING (variant_key);

-- The unit of analysis is the item: seeds are averaged first.
CREATE VIEW item_scores AS
  SELECT suite, variant, revision, item, metric, avg(value) AS value, count(value) AS n_seeds,
         stddev_samp(value) AS seed_sd, suite_key, variant_key, item_key, metric_key
  FROM named_scores GROUP BY ALL;

CREATE VIEW leaderboard AS
  SELECT suite, variant, revision, metric, avg(value) AS mean, stddev_samp(value) / sqrt(count(value)) AS stderr,
         count(value) AS n_items, count(*) AS n_measured, suite_key, variant_key, metric_key
  FROM item_scores GROUP BY ALL;
