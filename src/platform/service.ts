/** Something that runs until told to stop: `run` returns once everything it started has ended. */
export interface Service {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}
