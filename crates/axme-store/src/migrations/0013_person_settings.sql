-- The settings of people for pages and mail. Times of day are texts, HH:MM; a person without a row has set nothing.
CREATE TABLE person_settings (
  account_id UUID NOT NULL PRIMARY KEY, language TEXT, time_zone TEXT, quiet_from TEXT, quiet_until TEXT
);
