-- When a key was last used, to the minute.
ALTER TABLE api_keys ADD COLUMN last_used_at BIGINT;
-- The keys of an account.
CREATE INDEX api_keys_account ON api_keys (workspace_id, service_account_id, key_id);
