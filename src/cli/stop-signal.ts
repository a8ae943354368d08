/** Aborts when the operator ends the command, by Ctrl-C or as a service; it then ends in good order. */
export function untilInterrupted(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(name, () => stop.abort());
  return stop.signal;
}
