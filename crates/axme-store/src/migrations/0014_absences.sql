-- Absences of people, each with the deputy who answers tasks in their place. `person` and `deputy` are keys of people.
CREATE TABLE absences (
  person TEXT COLLATE "C" NOT NULL PRIMARY KEY, deputy TEXT COLLATE "C" NOT NULL,
  starts_at BIGINT NOT NULL, ends_at BIGINT NOT NULL, created_at BIGINT NOT NULL
) /* clustered */;
CREATE INDEX absences_deputy ON absences (deputy, ends_at);
