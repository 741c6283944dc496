-- The key that a session of a dashboard was begun with: it ends with the key.
ALTER TABLE exchange_tokens ADD COLUMN key_workspace_id UUID;
ALTER TABLE exchange_tokens ADD COLUMN key_id TEXT COLLATE "C";
ALTER TABLE login_sessions ADD COLUMN key_workspace_id UUID;
ALTER TABLE login_sessions ADD COLUMN key_id TEXT COLLATE "C";

-- What has expired is looked for by the sweep.
CREATE INDEX login_intents_ends ON login_intents (expires_at);
CREATE INDEX cli_grants_ends ON cli_grants (expires_at);
CREATE INDEX oidc_logins_ends ON oidc_logins (expires_at);
