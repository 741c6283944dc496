-- The maker of a key, under whose role it was made; null for keys from before this column.
ALTER TABLE api_keys ADD COLUMN created_by TEXT;
CREATE INDEX api_keys_maker ON api_keys (created_by) WHERE revoked_at IS NULL;
-- A sign-out everywhere ends the keys of a person's sign-ins in all workspaces.
CREATE INDEX service_accounts_persons ON service_accounts (created_by) WHERE role = 'login';
-- Who published an event: a caller or this server; null for events from before this column.
ALTER TABLE webhook_events ADD COLUMN origin TEXT;
-- The next token of a used one is derived from the used token and this number, so that a repeat gets the same one.
ALTER TABLE refresh_tokens ADD COLUMN next_nonce BYTEA;
-- The session that a poll has fetched, sealed under the id of the grant: a repeat within seconds gets it again.
ALTER TABLE cli_grants ADD COLUMN sealed BYTEA;
