-- A database as release 0.1.0 left it after a kill: one request created, one rejected, one half approved
-- with a click stored and not decided, one edited, and a direct message not delivered.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE attempts (
	id VARCHAR(64) NOT NULL, 
	request_id VARCHAR(16) NOT NULL, 
	revision INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	started_at BIGINT NOT NULL, 
	deadline_at BIGINT NOT NULL, 
	outcome VARCHAR(16), 
	status INTEGER, 
	trace TEXT, 
	spec_id TEXT, 
	lookups INTEGER DEFAULT '0' NOT NULL, 
	ended_at BIGINT, 
	CONSTRAINT pk_attempts PRIMARY KEY (id), 
	CONSTRAINT fk_attempts_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
);
INSERT INTO "attempts" VALUES('peftsize-25a3dbe106826b79c34b61cd','RHGMFAHQM',1,'b7dec3799d13c5c5bf5e3f8570f98dcef99e949a4d39a97c930bc574f58bed73',1795512508072,1795512509072,'created',201,'peftsize-25a3dbe106826b79c34b61cd','65157cd3-7c47-4ee3-8eea-b9b73935a35f',0,1795512508086);
CREATE TABLE audit (
	seq INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	event VARCHAR(64) NOT NULL, 
	request_id VARCHAR(16), 
	revision INTEGER, 
	actor TEXT NOT NULL, 
	origin VARCHAR(16) NOT NULL, 
	from_state VARCHAR(16), 
	to_state VARCHAR(16), 
	reason TEXT, 
	digest VARCHAR(64), 
	slack TEXT NOT NULL, 
	rest TEXT NOT NULL, 
	prev_hash VARCHAR(64) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (seq)
);
INSERT INTO "audit" VALUES(1,1795512507615,'requested','RHGMFAHQM',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ROSA001", "name": "rosa"}','slack-http','pending','pending','10b 2x128MB qlora4','b7dec3799d13c5c5bf5e3f8570f98dcef99e949a4d39a97c930bc574f58bed73','{"channel_id": "C0MLSERVE", "message_ts": null, "trigger_hash": "9f899befef345f2a"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','0000000000000000000000000000000000000000000000000000000000000000','565e8ac0a418f696004f7e32e85ec5fa9ac8577b767ec51fa808625e41c26c44');
INSERT INTO "audit" VALUES(2,1795512507979,'voted','RHGMFAHQM',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ADA0001", "name": "ada"}','slack-http','pending','pending','1 of 2','b7dec3799d13c5c5bf5e3f8570f98dcef99e949a4d39a97c930bc574f58bed73','{"channel_id": "C0MLSERVE", "message_ts": "1795512507.937904", "trigger_hash": "6dc88b4bd247df14"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','565e8ac0a418f696004f7e32e85ec5fa9ac8577b767ec51fa808625e41c26c44','8096c0e18976b7021eab85942ebcf93b931cdb768664286f8c3f5870f3beadcf');
INSERT INTO "audit" VALUES(3,1795512508045,'approved','RHGMFAHQM',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0BEN0001", "name": "ben"}','slack-http','pending','approved','2 of 2','b7dec3799d13c5c5bf5e3f8570f98dcef99e949a4d39a97c930bc574f58bed73','{"channel_id": "C0MLSERVE", "message_ts": "1795512507.937904", "trigger_hash": "3eea6b9be713fa54"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','8096c0e18976b7021eab85942ebcf93b931cdb768664286f8c3f5870f3beadcf','f10895d91353589dcdc1547eba9072f5eb6b2ddcc0fb45dafacbb4f0d62c6b51');
INSERT INTO "audit" VALUES(4,1795512508072,'started','RHGMFAHQM',1,'{"enterprise_id": null, "team_id": null, "user_id": null, "name": null}','system','approved','creating',NULL,'b7dec3799d13c5c5bf5e3f8570f98dcef99e949a4d39a97c930bc574f58bed73','{"channel_id": "C0MLSERVE", "message_ts": "1795512507.937904", "trigger_hash": null}','{"status": null, "trace": null, "spec_id": null, "attempt": "peftsize-25a3dbe106826b79c34b61cd"}','f10895d91353589dcdc1547eba9072f5eb6b2ddcc0fb45dafacbb4f0d62c6b51','6232c9ae7382e60be949315b5e5120d7c90a6793f4a3ef6840d1866af341da2d');
INSERT INTO "audit" VALUES(5,1795512508086,'created','RHGMFAHQM',1,'{"enterprise_id": null, "team_id": null, "user_id": null, "name": null}','system','creating','created',NULL,'b7dec3799d13c5c5bf5e3f8570f98dcef99e949a4d39a97c930bc574f58bed73','{"channel_id": "C0MLSERVE", "message_ts": "1795512507.937904", "trigger_hash": null}','{"status": 201, "trace": "peftsize-25a3dbe106826b79c34b61cd", "spec_id": "65157cd3-7c47-4ee3-8eea-b9b73935a35f", "attempt": "peftsize-25a3dbe106826b79c34b61cd"}','6232c9ae7382e60be949315b5e5120d7c90a6793f4a3ef6840d1866af341da2d','ae1cb17340a4a5a3da7663a7377a38b62b90cd957dacbab9cae1659ceee85cfe');
INSERT INTO "audit" VALUES(6,1795512508113,'requested','R9E4FT8EV',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ROSA001", "name": "rosa"}','slack-http','pending','pending','13b 1x64MB qlora8','04587a4bd502e350a210963f9257b0b29a59f89d02a730c4b8b15a5bc128198c','{"channel_id": "C0MLSERVE", "message_ts": null, "trigger_hash": "cc357f46b986f157"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','ae1cb17340a4a5a3da7663a7377a38b62b90cd957dacbab9cae1659ceee85cfe','b4689ab359a217b11d418fbad9950811bc06b77f5c7ce820f910092d2823df6e');
INSERT INTO "audit" VALUES(7,1795512508157,'rejected','R9E4FT8EV',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ADA0001", "name": "ada"}','slack-http','pending','rejected','too large for a test, Zoë 🦙','04587a4bd502e350a210963f9257b0b29a59f89d02a730c4b8b15a5bc128198c','{"channel_id": "C0MLSERVE", "message_ts": "1795512508.125908", "trigger_hash": "bb710720bf1c50b3"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','b4689ab359a217b11d418fbad9950811bc06b77f5c7ce820f910092d2823df6e','14f0712e2d871f1a394f33f2dfb26b6dd1905f5f2c8eea8db0b30ad82be499c8');
INSERT INTO "audit" VALUES(8,1795512508239,'requested','R32579Y7D',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ROSA001", "name": "rosa"}','slack-http','pending','pending','7b 4x64MB qlora4','54553c064f69db691d81d421c80bf9ab0466daa918135d2d0b6b880481eefeae','{"channel_id": "C0MLSERVE", "message_ts": null, "trigger_hash": "1f7be4acbd708570"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','14f0712e2d871f1a394f33f2dfb26b6dd1905f5f2c8eea8db0b30ad82be499c8','80c729578dfee776af827368c0fd13f51da1ea8f00f10bf58a42ee51fd6f064e');
INSERT INTO "audit" VALUES(9,1795512508294,'voted','R32579Y7D',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ADA0001", "name": "ada"}','slack-http','pending','pending','1 of 2','54553c064f69db691d81d421c80bf9ab0466daa918135d2d0b6b880481eefeae','{"channel_id": "C0MLSERVE", "message_ts": "1795512508.269481", "trigger_hash": "89ddc83acd2c66ff"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','80c729578dfee776af827368c0fd13f51da1ea8f00f10bf58a42ee51fd6f064e','af021936255c240ab73d08b33254fbc561d8e28cb505cc9204564f22f40d001d');
INSERT INTO "audit" VALUES(10,1795512508376,'requested','RMS9WKCY9',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ROSA001", "name": "rosa"}','slack-http','pending','pending','8b none qlora4','be83bc6688c3ac0be4d9f36c655e82c067ffc1a64364f295be9d180327704771','{"channel_id": "C0MLSERVE", "message_ts": null, "trigger_hash": "a63067b93679eda6"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','af021936255c240ab73d08b33254fbc561d8e28cb505cc9204564f22f40d001d','7ae05d7564d45f5d3724d687acc86f038d3e516c7164adafb806e77e5c756347');
INSERT INTO "audit" VALUES(11,1795512508426,'edited','RMS9WKCY9',2,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ROSA001", "name": "rosa"}','slack-http','pending','pending','8b none qlora4 → 8b none qlora8','daddca341a929f21dc42c7d7d4514d1e635028f7866d4ddcf1e33e41bc9646c6','{"channel_id": "C0MLSERVE", "message_ts": "1795512508.402763", "trigger_hash": "aa461f4b81f13b9c"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','7ae05d7564d45f5d3724d687acc86f038d3e516c7164adafb806e77e5c756347','e5723c95f8879b9e60cd61be609f731132ca93f06442ddee45ac143044a2b20f');
INSERT INTO "audit" VALUES(12,1795512508504,'approve.refused','R32579Y7D',1,'{"enterprise_id": null, "team_id": "T0HOME001", "user_id": "U0ROSA001", "name": "rosa"}','slack-http','pending','pending','self_approval','54553c064f69db691d81d421c80bf9ab0466daa918135d2d0b6b880481eefeae','{"channel_id": "C0MLSERVE", "message_ts": "1795512508.269481", "trigger_hash": "0ce13be89d13535f"}','{"status": null, "trace": null, "spec_id": null, "attempt": null}','e5723c95f8879b9e60cd61be609f731132ca93f06442ddee45ac143044a2b20f','7d47bcd95abe28c7d61f9f8bae0c25a6a6f3ffbca1a8ca2e0954d8b93d53f85b');
CREATE TABLE cards (
	channel_id VARCHAR(32) NOT NULL, 
	message_ts VARCHAR(32) NOT NULL, 
	request_id VARCHAR(16) NOT NULL, 
	user_id VARCHAR(32), 
	CONSTRAINT pk_cards PRIMARY KEY (channel_id, message_ts), 
	CONSTRAINT fk_cards_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
);
INSERT INTO "cards" VALUES('C0MLSERVE','1795512507.937904','RHGMFAHQM',NULL);
INSERT INTO "cards" VALUES('C0MLSERVE','1795512508.125908','R9E4FT8EV',NULL);
INSERT INTO "cards" VALUES('C0MLSERVE','1795512508.269481','R32579Y7D',NULL);
INSERT INTO "cards" VALUES('C0MLSERVE','1795512508.402763','RMS9WKCY9',NULL);
CREATE TABLE inbox (
	"key" VARCHAR(80) NOT NULL, 
	received_at BIGINT NOT NULL, 
	body TEXT, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	due_at BIGINT, 
	claimed_by VARCHAR(32), 
	CONSTRAINT pk_inbox PRIMARY KEY ("key")
);
INSERT INTO "inbox" VALUES('22a2a8cea66a94175895c467ec2d91ec0da388a19bdf383dff33895c93e507da',1795512507615,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('e00209185d57ff8376d87cc25b356a761940b4974d8f25a86e1b30f12241b611',1795512507980,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('96173183e2f28f9422aceaa600bf4dfbda78a3b75de572b83849390b5ed37f78',1795512508045,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('ad654d24f70151bcb7c8054f2a79147d169e87707b6ec3cb047034fce03cc76a',1795512508113,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('ec22b573125a20acc2f3624238c4fdc37d26117a62ce3196bc64bbe0d41734e4',1795512508157,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('4f7781369e317e947922b45eb905e63dff78f45e1ff52ea4db2513f97d3d0c4b',1795512508239,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('85fa397ac547baac9c9fa0a7b7d8bfa8ae166417e1d72c0cc0c046da49f0640c',1795512508295,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('e1789246c32511c599a46b8f6cfa2a5292c481dfd50219b16596fb53dc089336',1795512508376,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('1752178b7e5f9687eb753276dca9b9f9b469eb982ec5d6e1b05bc252230dc21a',1795512508427,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('70afa5fa16b8a85dfd5b263d71e71d44825b3d7efd4dc88731ca8a93137b1493',1795512508504,NULL,0,NULL,NULL);
INSERT INTO "inbox" VALUES('old:click',1795512508505,'{"key": "old:click", "action": "approve", "request_id": "R32579Y7D", "revision": 1, "team_id": "T0HOME001", "user_id": "U0BEN0001", "name": "ben", "at": 1795512508505, "origin": "slack-http", "enterprise_id": null, "channel_id": "C0MLSERVE", "message_ts": "1795512508.269481", "trigger_hash": null, "reason": null, "text": null, "operator": null}',0,1795512508505,NULL);
CREATE TABLE notes (
	"key" VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	CONSTRAINT pk_notes PRIMARY KEY ("key")
);
INSERT INTO "notes" VALUES('identity','{"team_ids": ["T0HOME001"], "app_id": "A0PEFT001", "bot_id": "B0PEFT001", "bot_user_id": "U0PEFT001", "url": "https://model-serving.slack.com/", "enterprise_id": null}',1795512507479);
INSERT INTO "notes" VALUES('periodic:forget','0',1795512508564);
INSERT INTO "notes" VALUES('periodic:scrub','0',1795512508934);
INSERT INTO "notes" VALUES('periodic:drift','0',1795512508962);
INSERT INTO "notes" VALUES('drift','[]',1795512508993);
INSERT INTO "notes" VALUES('periodic:anchor','0',1795512508999);
CREATE TABLE outbox (
	"key" VARCHAR(200) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	request_id VARCHAR(16), 
	channel_id VARCHAR(32), 
	body TEXT NOT NULL, 
	generation INTEGER NOT NULL, 
	tries INTEGER NOT NULL, 
	error TEXT, 
	created_at BIGINT NOT NULL, 
	due_at BIGINT NOT NULL, 
	claimed_by VARCHAR(32), 
	CONSTRAINT pk_outbox PRIMARY KEY ("key")
);
INSERT INTO "outbox" VALUES('dm:RHGMFAHQM:9','dm','RHGMFAHQM',NULL,'{"user_id": "U0ROSA001"}',0,0,NULL,1795512508505,1795512508505,NULL);
CREATE TABLE requests (
	id VARCHAR(16) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	version INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	space_id TEXT NOT NULL, 
	reserved BOOLEAN NOT NULL, 
	canonical TEXT NOT NULL, 
	team_id VARCHAR(32) NOT NULL, 
	enterprise_id VARCHAR(32), 
	requester_id VARCHAR(32) NOT NULL, 
	requester_name TEXT NOT NULL, 
	channel_id VARCHAR(32) NOT NULL, 
	message_ts VARCHAR(32), 
	quorum INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	spec_id TEXT, 
	error TEXT, 
	tries INTEGER DEFAULT '0' NOT NULL, 
	origin VARCHAR(16) NOT NULL, 
	retired_by VARCHAR(16), 
	reminded INTEGER DEFAULT '0' NOT NULL, 
	existing_id TEXT, 
	existing_name TEXT, 
	execution_id TEXT, 
	ended_by TEXT, 
	ended_at BIGINT, 
	due_at BIGINT, 
	claimed_by VARCHAR(32), 
	CONSTRAINT pk_requests PRIMARY KEY (id)
);
INSERT INTO "requests" VALUES('RHGMFAHQM','create','created',5,1,'peft-10b-qlora4-2x128mb','5f0c1d2e-0000-4000-8000-00000000a001',1,'10b 2x128MB qlora4','T0HOME001',NULL,'U0ROSA001','rosa','C0MLSERVE','1795512507.937904',2,1795512507615,1795512508086,1795598907615,'65157cd3-7c47-4ee3-8eea-b9b73935a35f',NULL,0,'slack-http',NULL,0,NULL,NULL,NULL,'U0BEN0001',1795512508086,NULL,NULL);
INSERT INTO "requests" VALUES('R9E4FT8EV','create','rejected',2,1,'peft-13b-qlora8-1x64mb','5f0c1d2e-0000-4000-8000-00000000a001',0,'13b 1x64MB qlora8','T0HOME001',NULL,'U0ROSA001','rosa','C0MLSERVE','1795512508.125908',2,1795512508113,1795512508198,1795598908113,NULL,'too large for a test, Zoë 🦙',0,'slack-http',NULL,0,NULL,NULL,NULL,'U0ADA0001',1795512508157,NULL,NULL);
INSERT INTO "requests" VALUES('R32579Y7D','create','pending',2,1,'peft-7b-qlora4-4x64mb','5f0c1d2e-0000-4000-8000-00000000a001',1,'7b 4x64MB qlora4','T0HOME001',NULL,'U0ROSA001','rosa','C0MLSERVE','1795512508.269481',2,1795512508239,1795512508314,1795598908239,NULL,NULL,0,'slack-http',NULL,0,NULL,NULL,NULL,NULL,NULL,1795526908239,NULL);
INSERT INTO "requests" VALUES('RMS9WKCY9','create','pending',2,2,'peft-8b-qlora8-none','5f0c1d2e-0000-4000-8000-00000000a001',1,'8b none qlora8','T0HOME001',NULL,'U0ROSA001','rosa','C0MLSERVE','1795512508.402763',2,1795512508376,1795512508446,1795598908446,NULL,NULL,0,'slack-http',NULL,0,NULL,NULL,NULL,NULL,NULL,1795526908446,NULL);
CREATE TABLE revisions (
	request_id VARCHAR(16) NOT NULL, 
	revision INTEGER NOT NULL, 
	text TEXT NOT NULL, 
	canonical TEXT NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	use_gpus INTEGER, 
	payload TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	target TEXT NOT NULL, 
	space_id TEXT NOT NULL, 
	author_id VARCHAR(32) NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_revisions PRIMARY KEY (request_id, revision), 
	CONSTRAINT fk_revisions_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
);
INSERT INTO "revisions" VALUES('RHGMFAHQM',1,'10b 2x128MB qlora4','10b 2x128MB qlora4','peft-10b-qlora4-2x128mb',NULL,'{"description":"Custom hardware specification for foundation models","name":"peft-10b-qlora4-2x128mb","nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"8Gi"}}}','b7dec3799d13c5c5bf5e3f8570f98dcef99e949a4d39a97c930bc574f58bed73','http://127.0.0.1:34869','5f0c1d2e-0000-4000-8000-00000000a001','U0ROSA001',1795512507615);
INSERT INTO "revisions" VALUES('R9E4FT8EV',1,'13b 1x64MB qlora8','13b 1x64MB qlora8','peft-13b-qlora8-1x64mb',NULL,'{"description":"Custom hardware specification for foundation models","name":"peft-13b-qlora8-1x64mb","nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"20Gi"}}}','04587a4bd502e350a210963f9257b0b29a59f89d02a730c4b8b15a5bc128198c','http://127.0.0.1:34869','5f0c1d2e-0000-4000-8000-00000000a001','U0ROSA001',1795512508113);
INSERT INTO "revisions" VALUES('R32579Y7D',1,'7b 4x64MB qlora4','7b 4x64MB qlora4','peft-7b-qlora4-4x64mb',NULL,'{"description":"Custom hardware specification for foundation models","name":"peft-7b-qlora4-4x64mb","nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"6Gi"}}}','54553c064f69db691d81d421c80bf9ab0466daa918135d2d0b6b880481eefeae','http://127.0.0.1:34869','5f0c1d2e-0000-4000-8000-00000000a001','U0ROSA001',1795512508239);
INSERT INTO "revisions" VALUES('RMS9WKCY9',1,'8b none qlora4','8b none qlora4','peft-8b-qlora4-none',NULL,'{"description":"Custom hardware specification for foundation models","name":"peft-8b-qlora4-none","nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"6Gi"}}}','be83bc6688c3ac0be4d9f36c655e82c067ffc1a64364f295be9d180327704771','http://127.0.0.1:34869','5f0c1d2e-0000-4000-8000-00000000a001','U0ROSA001',1795512508376);
INSERT INTO "revisions" VALUES('RMS9WKCY9',2,'8b none qlora8','8b none qlora8','peft-8b-qlora8-none',NULL,'{"description":"Custom hardware specification for foundation models","name":"peft-8b-qlora8-none","nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"12Gi"}}}','daddca341a929f21dc42c7d7d4514d1e635028f7866d4ddcf1e33e41bc9646c6','http://127.0.0.1:34869','5f0c1d2e-0000-4000-8000-00000000a001','U0ROSA001',1795512508446);
CREATE TABLE votes (
	request_id VARCHAR(16) NOT NULL, 
	revision INTEGER NOT NULL, 
	team_id VARCHAR(32) NOT NULL, 
	user_id VARCHAR(32) NOT NULL, 
	name TEXT NOT NULL, 
	at BIGINT NOT NULL, 
	via TEXT NOT NULL, 
	CONSTRAINT pk_votes PRIMARY KEY (request_id, revision, team_id, user_id), 
	CONSTRAINT fk_votes_request_id FOREIGN KEY(request_id) REFERENCES requests (id)
);
INSERT INTO "votes" VALUES('RHGMFAHQM',1,'T0HOME001','U0ADA0001','ada',1795512507979,'["S0APPROVE"]');
INSERT INTO "votes" VALUES('RHGMFAHQM',1,'T0HOME001','U0BEN0001','ben',1795512508045,'["S0APPROVE"]');
INSERT INTO "votes" VALUES('R32579Y7D',1,'T0HOME001','U0ADA0001','ada',1795512508294,'["S0APPROVE"]');
CREATE INDEX ix_audit_request_id ON audit (request_id);
CREATE INDEX ix_inbox_due ON inbox (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_inbox_received_at ON inbox (received_at);
CREATE INDEX ix_outbox_due_at ON outbox (due_at);
CREATE INDEX ix_requests_created_at ON requests (created_at);
CREATE INDEX ix_requests_due ON requests (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ix_requests_requester ON requests (team_id, requester_id, created_at);
CREATE INDEX ix_requests_state ON requests (state, created_at);
CREATE UNIQUE INDEX uq_requests_reserved_name ON requests (space_id, kind, name) WHERE reserved;
CREATE INDEX ix_attempts_request_id ON attempts (request_id);
CREATE UNIQUE INDEX uq_attempts_may_have_landed ON attempts (request_id) WHERE outcome IS NULL OR outcome IN ('unknown', 'created');
CREATE INDEX ix_cards_request_id ON cards (request_id);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
COMMIT;
