-- When a sealed secret was last opened to be used, to the hour; 0: not yet.
ALTER TABLE sealed ADD COLUMN used BIGINT NOT NULL DEFAULT 0;
