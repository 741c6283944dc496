-- A file that no upload names is swept.
CREATE INDEX media_uploads_file ON media_uploads (stored_file) WHERE stored_file IS NOT NULL;
