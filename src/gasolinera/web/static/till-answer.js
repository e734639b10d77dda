// An answer is shown once: whoever comes back to it, or loads it again, begins anew at the till instead of sending the
// code a second time.
history.replaceState(history.state, "", "/till");
