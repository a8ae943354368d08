// TypeScript describes WebAssembly as part of the browser's library alone; this is as much as we
// use.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports: Record<string, Record<string, unknown>>);
  }
  class Memory {
    readonly buffer: ArrayBufferLike;
    /** Counted in pages of 64 KiB. */
    constructor(size: {
      readonly initial: number;
      readonly maximum: number;
      readonly shared?: boolean;
    });
  }
}
