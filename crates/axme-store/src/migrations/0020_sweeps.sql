-- A file that no upload names is swept.
CREATE INDEX media_uploads_file ON media_uploads (stored_file) WHERE stored_file IS NOT NULL;
-- What was used long ago is forgotten.
CREATE INDEX usage_slots_age ON usage_slots (hour);
