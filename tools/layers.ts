const belowServer = [
  "base",
  "platform",
  "format",
  "erasure",
  "placement",
  "auth",
  "engine",
  "extent",
  "keymap",
  "rows",
  "control",
  "object",
  "s3",
  "admin",
];

/**
 * Who may import whom: the folders of src/, lowest first, each with the folders it may import.
 * Every one of them stands earlier in the list, so the direction cannot be reversed.
 * tools/tidy.test.ts holds the code against it.
 */
export const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  platform: ["base"],
  format: ["base", "platform"],
  erasure: ["base", "platform"],
  placement: ["base", "format"],
  model: ["base", "platform", "format", "placement"],
  auth: ["base", "platform"],
  engine: ["base", "platform", "format"],
  extent: ["base", "platform", "format", "erasure", "placement"],
  keymap: ["base", "platform", "format", "engine", "extent"],
  rows: ["base", "platform", "format", "engine", "keymap"],
  control: [
    "base",
    "platform",
    "format",
    "erasure",
    "placement",
    "engine",
    "extent",
    "keymap",
    "rows",
  ],
  object: ["base", "platform", "format", "extent", "engine", "keymap", "rows"],
  s3: ["base", "platform", "format", "auth", "object"],
  admin: ["base", "platform", "auth"],
  server: belowServer,
  node: [...belowServer, "server"],
  sim: [...belowServer, "server"],
  cli: [
    "base",
    "platform",
    "format",
    "erasure",
    "placement",
    "model",
    "auth",
    "control",
    "engine",
    "extent",
    "keymap",
    "admin",
    "server",
    "node",
  ],
};

/** Folders that may see the machine: import `node:` modules and native packages. */
export const machineFolders: readonly string[] = ["node", "cli"];

/**
 * Folders that are divided: their subfolders, lowest first, each with the sibling subfolders that
 * it may import. What lies in the folder itself is open to all its subfolders. The files of a
 * subfolder are faces as those of a folder are: others may import them.
 */
export const subfolders: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  control: {
    extents: [],
    redundancy: ["extents"],
    check: ["extents"],
    shipping: [],
  },
  object: {
    version: [],
    read: ["version"],
    write: ["version", "read"],
    list: ["version"],
    upload: ["version", "read", "write", "list"],
    bucket: ["upload"],
  },
  s3: {
    xml: [],
    request: ["xml"],
    response: ["xml", "request"],
    form: ["xml", "request", "response"],
    operations: ["xml", "request", "response", "form"],
  },
  node: {
    platform: [],
    disk: [],
    lmdb: ["disk"],
    http: [],
    client: ["platform", "disk"],
    store: ["platform", "disk", "lmdb"],
    process: ["platform", "disk", "http", "client", "store"],
  },
};
