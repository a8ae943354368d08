import { registerHooks } from "node:module";

/** The source of one module that has a bug. */
export interface PlantedModule {
  readonly url: string;
  readonly text: string;
}

/** Modules that are loaded in this thread from now on have the bug. */
export function plant({ url, text }: PlantedModule): void {
  registerHooks({
    load: (asked, context, next) =>
      asked === url
        ? { format: "module-typescript", source: text, shortCircuit: true }
        : next(asked, context),
  });
}
