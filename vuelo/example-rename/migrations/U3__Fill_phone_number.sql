-- Nothing to take back: what the trigger keeps equal stays equal.
SELECT 1;
