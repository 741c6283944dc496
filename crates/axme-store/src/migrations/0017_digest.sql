-- The time of day, HH:MM, at which a person gets one mail a day about tasks; null for a mail about each.
ALTER TABLE person_settings ADD COLUMN digest_time TEXT;
