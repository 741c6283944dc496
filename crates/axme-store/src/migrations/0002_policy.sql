-- What was counted (reminders, failed pushes) and what was set (controls, grants, envelope), as JSON; null for nothing.
ALTER TABLE intents ADD COLUMN tally TEXT;
ALTER TABLE intents ADD COLUMN policy TEXT;
