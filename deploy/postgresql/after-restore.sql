-- Ends what must not come back to life with an old copy of the database, as `axme restore` does for SQLite. Run it with psql on a
-- restored database before the first server starts on it.
BEGIN;
UPDATE login_sessions SET revoked_at = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
  WHERE revoked_at IS NULL;
DELETE FROM refresh_tokens;
DELETE FROM signing_keys;
DELETE FROM cli_grants WHERE delivered_at IS NULL;
DELETE FROM exchange_tokens WHERE used_at IS NULL;
DELETE FROM login_intents WHERE used_at IS NULL;
DELETE FROM oidc_logins;
DELETE FROM oauth_consents;
DELETE FROM oauth_codes WHERE session_id IS NULL;
UPDATE task_links SET expires_at = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
  WHERE used_at IS NULL;
UPDATE invites SET expires_at = CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)
  WHERE accepted_at IS NULL;
DELETE FROM media_links;
COMMIT;
-- These API keys are valid again. Revoke those that were revoked since the backup.
SELECT o.slug || '/' || w.slug AS workspace, COALESCE(a.address, a.name) AS account, k.key_id, k.hint,
  to_timestamp(k.created_at / 1000000) AS created_at, to_timestamp(k.last_used_at / 1000000) AS last_used_at
FROM api_keys k JOIN workspaces w ON w.workspace_id = k.workspace_id JOIN organizations o ON o.org_id = w.org_id
JOIN service_accounts a ON a.workspace_id = k.workspace_id AND a.service_account_id = k.service_account_id
WHERE k.revoked_at IS NULL ORDER BY 1, 2, k.created_at;
