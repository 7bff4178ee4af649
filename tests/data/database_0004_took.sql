BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004_took');
CREATE TABLE data_version (
	id TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	rows_added INTEGER NOT NULL, 
	rows_refused INTEGER NOT NULL, 
	restated INTEGER NOT NULL, 
	first_session VARCHAR(10), 
	last_session VARCHAR(10), 
	source TEXT NOT NULL, 
	parent TEXT, 
	report TEXT NOT NULL, 
	CONSTRAINT pk_data_version PRIMARY KEY (id)
);
CREATE TABLE decision (
	seq INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	model TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	subject TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	prev_hash TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_decision PRIMARY KEY (seq)
);
INSERT INTO "decision" VALUES(1,'2008-09-12 21:00:00.000000','evergreen','first','2008-09-12','1','first of 1','{}','0000000000000000000000000000000000000000000000000000000000000000','32300b349e064945bff9c1f3fd1905a41b21b43e552758195e3a68d2fa53740e');
INSERT INTO "decision" VALUES(2,'2008-09-12 21:00:00.000000','evergreen','canary_start','2008-09-15','2','Version 2 goes into shadow beside 1. To see a loss 2% worse takes about 18 sessions (found in 99% of the runs within 60); an equal model is promoted in 92% of the runs and rolled back in 3%. Promotion shows a loss less than 1.61% worse, no gain.','{"limits":{"dispersion":null,"dispersion_slack":2.0,"far_share":0.01,"far_sigmas":4.0,"range_slack":0.2,"rank_correlation":null,"residual_sigma":1.0,"target_high":1.0,"target_low":-1.0},"looked":"2008-09-15","power":{"margin":0.016124606136746742,"refusal":"","scale":0.06449842454698697,"sentence":"To see a loss 2% worse takes about 18 sessions (found in 99% of the runs within 60); an equal model is promoted in 92% of the runs and rolled back in 3%. Promotion shows a loss less than 1.61% worse, no gain.","t_max":60,"table":[{"excess":0.0,"inconclusive":0.05,"promoted":0.92,"rolled_back":0.03,"sessions":21.0},{"excess":0.02,"inconclusive":0.0,"promoted":0.01,"rolled_back":0.99,"sessions":18.0},{"excess":0.05,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":8.0},{"excess":0.1,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.2,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.5,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":1.0,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0}]},"slow_us":10000,"started":"2008-09-15","started_at":"2008-09-12T21:00:00+00:00","steps":[[2,0]],"test":"{\"format\": 1, \"rules\": {\"scale\": 0.06449842454698697, \"margin\": 0.016124606136746742, \"alpha_promote\": 0.05, \"alpha_rollback\": 0.1, \"t_min\": 8, \"t_max\": 60, \"autocorrelation\": 0.0}, \"sessions\": [], \"explained\": {}, \"decision\": \"continue\"}"}','32300b349e064945bff9c1f3fd1905a41b21b43e552758195e3a68d2fa53740e','42c75328d44d968eac30074c8df9de90d0aa99fec238cd87c7697c18fde13461');
INSERT INTO "decision" VALUES(3,'2008-09-12 21:00:00.000000','evergreen','canary','2008-09-16','2','1 clean session in shadow.','{"limits":{"dispersion":null,"dispersion_slack":2.0,"far_share":0.01,"far_sigmas":4.0,"range_slack":0.2,"rank_correlation":null,"residual_sigma":1.0,"target_high":1.0,"target_low":-1.0},"looked":"2008-09-16","moved":true,"power":{"margin":0.016124606136746742,"refusal":"","scale":0.06449842454698697,"sentence":"To see a loss 2% worse takes about 18 sessions (found in 99% of the runs within 60); an equal model is promoted in 92% of the runs and rolled back in 3%. Promotion shows a loss less than 1.61% worse, no gain.","t_max":60,"table":[{"excess":0.0,"inconclusive":0.05,"promoted":0.92,"rolled_back":0.03,"sessions":21.0},{"excess":0.02,"inconclusive":0.0,"promoted":0.01,"rolled_back":0.99,"sessions":18.0},{"excess":0.05,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":8.0},{"excess":0.1,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.2,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.5,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":1.0,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0}]},"slow_us":10000,"stage":"canary_5","started":"2008-09-15","started_at":"2008-09-12T21:00:00+00:00","steps":[[2,0],[3,500]],"test":{"decision":"promote","explained":{},"format":1,"rules":{"alpha_promote":0.05,"alpha_rollback":0.1,"autocorrelation":0.0,"margin":0.016124606136746742,"scale":0.06449842454698697,"t_max":60,"t_min":8},"sessions":[["2008-09-15",0.0009730743484024704],["2008-09-16",0.031030246338741532],["2008-09-17",0.004867903304075482],["2008-09-18",-0.012862454528068076],["2008-09-19",0.02908245763122907],["2008-09-22",0.014525589490618182],["2008-09-23",-0.012738894907267009],["2008-09-24",0.011149606996876395],["2008-09-25",0.009495571817648275],["2008-09-26",-0.0036486422937345828],["2008-09-29",0.009110887481949177],["2008-09-30",0.006252315781975057],["2008-10-01",0.009055598758753466],["2008-10-02",-0.016173215528104724],["2008-10-03",-0.00046474140702945416],["2008-10-06",-0.00195142822907901],["2008-10-07",0.0031936334068696642]]}}','42c75328d44d968eac30074c8df9de90d0aa99fec238cd87c7697c18fde13461','de432c5aaeb96bbb848480f4a8bc2bea0e8a47d9cc00ad53d1ae47737605e7a3');
INSERT INTO "decision" VALUES(4,'2008-09-12 21:00:00.000000','evergreen','canary_queued','2008-09-16','3','Version 3 waits for the canary of 2 to end.','{"champion":"1","frozen":{"limits":{"dispersion":null,"dispersion_slack":2.0,"far_share":0.01,"far_sigmas":4.0,"range_slack":0.2,"rank_correlation":null,"residual_sigma":1.0,"target_high":1.0,"target_low":-1.0},"power":{"margin":0.016124606136746742,"refusal":"","scale":0.06449842454698697,"sentence":"To see a loss 2% worse takes about 18 sessions (found in 99% of the runs within 60); an equal model is promoted in 92% of the runs and rolled back in 3%. Promotion shows a loss less than 1.61% worse, no gain.","t_max":60,"table":[{"excess":0.0,"inconclusive":0.05,"promoted":0.92,"rolled_back":0.03,"sessions":21.0},{"excess":0.02,"inconclusive":0.0,"promoted":0.01,"rolled_back":0.99,"sessions":18.0},{"excess":0.05,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":8.0},{"excess":0.1,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.2,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.5,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":1.0,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0}]},"test":"{\"format\": 1, \"rules\": {\"scale\": 0.06449842454698697, \"margin\": 0.016124606136746742, \"alpha_promote\": 0.05, \"alpha_rollback\": 0.1, \"t_min\": 8, \"t_max\": 60, \"autocorrelation\": 0.0}, \"sessions\": [], \"explained\": {}, \"decision\": \"continue\"}"}}','de432c5aaeb96bbb848480f4a8bc2bea0e8a47d9cc00ad53d1ae47737605e7a3','961528781910c52a2f265959976ec02f3b7107be679ab533cf09d556d02a28f0');
CREATE TABLE decision_head (
	id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_decision_head PRIMARY KEY (id), 
	CONSTRAINT ck_decision_head_ck_decision_head_single CHECK (id = 1)
);
INSERT INTO "decision_head" VALUES(1,4,'961528781910c52a2f265959976ec02f3b7107be679ab533cf09d556d02a28f0');
CREATE TABLE drift_check (
	model TEXT NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	version TEXT NOT NULL, 
	p_value FLOAT, 
	statistic FLOAT, 
	drifted BOOLEAN NOT NULL, 
	verdict TEXT NOT NULL, 
	culprits TEXT NOT NULL, 
	window_start VARCHAR(10), 
	window_end VARCHAR(10), 
	CONSTRAINT pk_drift_check PRIMARY KEY (model, as_of, version)
);
CREATE TABLE forecast (
	session VARCHAR(10) NOT NULL, 
	ticker TEXT NOT NULL, 
	version TEXT NOT NULL, 
	value FLOAT, 
	feature_hash TEXT NOT NULL, 
	made_at DATETIME NOT NULL, 
	CONSTRAINT pk_forecast PRIMARY KEY (version, session, ticker)
);
INSERT INTO "forecast" VALUES('2008-09-15','AAPL','1',1.01058680535822693197e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-15','GOOG','1',1.01792364768165805033e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-15','IBM','1',9.74790289915945448728e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-15','MSFT','1',9.98621300666595497486e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','AAPL','1',1.01018874950436089027e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','GOOG','1',1.01361324604349340577e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','IBM','1',1.0065593024587713225e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','MSFT','1',1.01508380798240836762e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','AAPL','1',1.0029037837499003502e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','GOOG','1',1.00552789404999738664e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','IBM','1',1.00178897518587196879e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','MSFT','1',9.89318865772958848381e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-15','AAPL','2',1.01666147008935541656e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-15','GOOG','2',9.94066614654485515567e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-15','IBM','2',1.00344842053217524202e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-15','MSFT','2',9.86074012723618838205e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','AAPL','2',1.00775270105730018616e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','GOOG','2',9.92251899052144781254e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','IBM','2',0.00986981000795262,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-16','MSFT','2',9.96077327635593728905e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','AAPL','2',9.95436565989850710711e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','GOOG','2',9.94163871269161322774e-03,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','IBM','2',1.00196455661787902496e-02,'-','2008-09-12 21:00:00.000000');
INSERT INTO "forecast" VALUES('2008-09-17','MSFT','2',9.9831155439625372111e-03,'-','2008-09-12 21:00:00.000000');
CREATE TABLE interval (
	model TEXT NOT NULL, 
	session VARCHAR(10) NOT NULL, 
	scales TEXT NOT NULL, 
	bands TEXT NOT NULL, 
	CONSTRAINT pk_interval PRIMARY KEY (model, session)
);
CREATE TABLE materialization (
	"view" TEXT NOT NULL, 
	watermark DATETIME NOT NULL, 
	session VARCHAR(10) NOT NULL, 
	rows INTEGER NOT NULL, 
	finished_at DATETIME NOT NULL, 
	CONSTRAINT pk_materialization PRIMARY KEY ("view")
);
INSERT INTO "materialization" VALUES('alpha158','2008-09-12 00:00:00.000000','2008-09-12',4,'2008-09-12 21:00:01.000000');
CREATE TABLE model_version (
	model TEXT NOT NULL, 
	version TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	data_version TEXT, 
	request_id TEXT, 
	created_at DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	CONSTRAINT pk_model_version PRIMARY KEY (model, version), 
	CONSTRAINT ck_model_version_ck_model_version_kind CHECK (kind IN ('random_walk', 'lightgbm'))
);
INSERT INTO "model_version" VALUES('evergreen','1','r1','0ec474ef94923eb6ab72988faaa2491fa5d4027fef09fc6b3b14697db4c19814','2008-06-30',NULL,NULL,'2008-09-12 21:00:00.000000','lightgbm');
INSERT INTO "model_version" VALUES('evergreen','2','r2','1e1bb7dc08f31227861fa3daf69c1dd06e21fc2eb7268e15ad156944b1403de8','2008-06-30',NULL,NULL,'2008-09-12 21:00:00.000000','lightgbm');
CREATE TABLE outcome (
	ticker TEXT NOT NULL, 
	session VARCHAR(10) NOT NULL, 
	horizon INTEGER NOT NULL, 
	value FLOAT NOT NULL, 
	known_at DATETIME NOT NULL, 
	data_version TEXT NOT NULL, 
	CONSTRAINT pk_outcome PRIMARY KEY (session, horizon, ticker)
);
INSERT INTO "outcome" VALUES('AAPL','2008-09-15',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('GOOG','2008-09-15',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('IBM','2008-09-15',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('MSFT','2008-09-15',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('AAPL','2008-09-16',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('GOOG','2008-09-16',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('IBM','2008-09-16',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('MSFT','2008-09-16',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('AAPL','2008-09-17',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('GOOG','2008-09-17',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('IBM','2008-09-17',1,0.0,'2008-09-12 21:00:00.000000','data');
INSERT INTO "outcome" VALUES('MSFT','2008-09-17',1,0.0,'2008-09-12 21:00:00.000000','data');
CREATE TABLE prediction (
	id TEXT NOT NULL, 
	at DATETIME NOT NULL, 
	client TEXT NOT NULL, 
	ticker TEXT NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	arm TEXT NOT NULL, 
	version TEXT NOT NULL, 
	price FLOAT NOT NULL, 
	lower FLOAT NOT NULL, 
	upper FLOAT NOT NULL, 
	last_close FLOAT NOT NULL, 
	forecast FLOAT NOT NULL, 
	feature_hash TEXT NOT NULL, 
	champion_version TEXT NOT NULL, 
	champion_raw FLOAT NOT NULL, 
	challenger_version TEXT, 
	challenger_raw FLOAT, 
	rollout_version INTEGER NOT NULL, took_us INTEGER, 
	CONSTRAINT pk_prediction PRIMARY KEY (id)
);
INSERT INTO "prediction" VALUES('0190','2008-09-12 21:00:00.000000','anna','AAPL','2008-09-15','champion','1',140.5,130.1,150.2,140.36,0.001,'ffffffffffffffff','1',0.001,NULL,NULL,3,417);
CREATE TABLE quarantine (
	id TEXT NOT NULL, 
	opened_at DATETIME NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	source TEXT NOT NULL, 
	ticker TEXT NOT NULL, 
	first_session VARCHAR(10) NOT NULL, 
	last_session VARCHAR(10) NOT NULL, 
	bars INTEGER NOT NULL, 
	findings TEXT NOT NULL, 
	state TEXT NOT NULL, 
	closed_at DATETIME, 
	reason TEXT, 
	CONSTRAINT pk_quarantine PRIMARY KEY (id), 
	CONSTRAINT ck_quarantine_ck_quarantine_state CHECK (state IN ('held', 'released', 'repaired', 'restated', 'discarded'))
);
CREATE TABLE retrain_request (
	id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	model TEXT NOT NULL, 
	cause TEXT NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	data_version TEXT NOT NULL, 
	evidence TEXT NOT NULL, 
	state TEXT NOT NULL, 
	claimed_by TEXT, 
	lease_until DATETIME, 
	fence INTEGER NOT NULL, 
	generation INTEGER NOT NULL, 
	run_id TEXT, 
	version TEXT, 
	verdict TEXT, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_retrain_request PRIMARY KEY (id), 
	CONSTRAINT ck_retrain_request_ck_retrain_request_state CHECK (state IN ('pending', 'running', 'done', 'failed')), 
	CONSTRAINT uq_retrain_request_key UNIQUE ("key")
);
INSERT INTO "retrain_request" VALUES('f9001c18afad4ce4','["evergreen","test","data of 2"]','evergreen','test','2008-09-15','data of 2','{}','pending',NULL,NULL,0,0,NULL,NULL,NULL,'2008-09-12 21:00:00.000000',NULL);
INSERT INTO "retrain_request" VALUES('873f03ab4c91e77b','["evergreen","test","data of 3"]','evergreen','test','2008-09-16','data of 3','{}','pending',NULL,NULL,0,0,NULL,NULL,NULL,'2008-09-12 21:00:00.000000',NULL);
CREATE TABLE rollout (
	model TEXT NOT NULL, 
	champion TEXT NOT NULL, 
	previous_champion TEXT, 
	challenger TEXT, 
	stage TEXT NOT NULL, 
	weight INTEGER NOT NULL, 
	salt TEXT NOT NULL, 
	evidence TEXT, 
	stage_session VARCHAR(10) NOT NULL, 
	version INTEGER NOT NULL, 
	updated_at DATETIME NOT NULL, 
	CONSTRAINT pk_rollout PRIMARY KEY (model), 
	CONSTRAINT ck_rollout_ck_rollout_challenger CHECK ((stage = 'steady') = (challenger IS NULL)), 
	CONSTRAINT ck_rollout_ck_rollout_stage CHECK (stage IN ('steady', 'shadow', 'canary_5', 'canary_25', 'canary_50')), 
	CONSTRAINT ck_rollout_ck_rollout_weight CHECK (weight BETWEEN 0 AND 10000)
);
INSERT INTO "rollout" VALUES('evergreen','1',NULL,'2','canary_5',500,'evergreen/2','{"limits":{"dispersion":null,"dispersion_slack":2.0,"far_share":0.01,"far_sigmas":4.0,"range_slack":0.2,"rank_correlation":null,"residual_sigma":1.0,"target_high":1.0,"target_low":-1.0},"looked":"2008-09-16","power":{"margin":0.016124606136746742,"refusal":"","scale":0.06449842454698697,"sentence":"To see a loss 2% worse takes about 18 sessions (found in 99% of the runs within 60); an equal model is promoted in 92% of the runs and rolled back in 3%. Promotion shows a loss less than 1.61% worse, no gain.","t_max":60,"table":[{"excess":0.0,"inconclusive":0.05,"promoted":0.92,"rolled_back":0.03,"sessions":21.0},{"excess":0.02,"inconclusive":0.0,"promoted":0.01,"rolled_back":0.99,"sessions":18.0},{"excess":0.05,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":8.0},{"excess":0.1,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.2,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":0.5,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0},{"excess":1.0,"inconclusive":0.0,"promoted":0.0,"rolled_back":1.0,"sessions":6.0}]},"slow_us":10000,"started":"2008-09-15","started_at":"2008-09-12T21:00:00+00:00","steps":[[2,0],[3,500]],"test":{"decision":"promote","explained":{},"format":1,"rules":{"alpha_promote":0.05,"alpha_rollback":0.1,"autocorrelation":0.0,"margin":0.016124606136746742,"scale":0.06449842454698697,"t_max":60,"t_min":8},"sessions":[["2008-09-15",0.0009730743484024704],["2008-09-16",0.031030246338741532],["2008-09-17",0.004867903304075482],["2008-09-18",-0.012862454528068076],["2008-09-19",0.02908245763122907],["2008-09-22",0.014525589490618182],["2008-09-23",-0.012738894907267009],["2008-09-24",0.011149606996876395],["2008-09-25",0.009495571817648275],["2008-09-26",-0.0036486422937345828],["2008-09-29",0.009110887481949177],["2008-09-30",0.006252315781975057],["2008-10-01",0.009055598758753466],["2008-10-02",-0.016173215528104724],["2008-10-03",-0.00046474140702945416],["2008-10-06",-0.00195142822907901],["2008-10-07",0.0031936334068696642]]}}','2008-09-16',3,'2008-09-12 21:00:00.000000');
CREATE TABLE session_log (
	model TEXT NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	data_version TEXT, 
	finished_at DATETIME NOT NULL, 
	report TEXT NOT NULL, 
	CONSTRAINT pk_session_log PRIMARY KEY (model, as_of)
);
INSERT INTO "session_log" VALUES('evergreen','2008-09-12',NULL,'2008-09-12 21:00:00.000000','{}');
CREATE TABLE trial (
	id INTEGER NOT NULL, 
	model TEXT NOT NULL, 
	champion TEXT NOT NULL, 
	challenger TEXT NOT NULL, 
	window_start VARCHAR(10) NOT NULL, 
	window_end VARCHAR(10) NOT NULL, 
	as_of VARCHAR(10) NOT NULL, 
	request_id TEXT, 
	CONSTRAINT pk_trial PRIMARY KEY (id), 
	CONSTRAINT uq_trial_model_champion_challenger UNIQUE (model, champion, challenger)
);
CREATE INDEX ix_decision_subject ON decision (subject);
CREATE INDEX ix_prediction_as_of ON prediction (as_of);
CREATE INDEX ix_prediction_at ON prediction (at);
CREATE INDEX ix_retrain_request_model_state ON retrain_request (model, state);
CREATE TRIGGER decision_no_update BEFORE UPDATE ON decision BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;
CREATE TRIGGER decision_no_delete BEFORE DELETE ON decision BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;
CREATE TRIGGER decision_no_replace BEFORE INSERT ON decision WHEN EXISTS (SELECT 1 FROM decision WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'decision is append-only'); END;
CREATE INDEX ix_quarantine_state_ticker ON quarantine (state, ticker);
COMMIT;