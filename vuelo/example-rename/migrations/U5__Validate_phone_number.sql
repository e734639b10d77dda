-- A constraint that has been validated can stay so; U4 drops it.
SELECT 1;
