const belowServer = [
  "base",
  "platform",
  "format",
  "auth",
  "engine",
  "extent",
  "keymap",
  "control",
  "object",
  "s3",
  "admin",
];

/**
 * Who may import whom: the folders of src/, lowest first, each with the folders it may import. Every one of them stands
 * earlier in the list, so the direction cannot be reversed. scripts/tidy.test.ts holds the code against it.
 */
export const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  platform: ["base"],
  format: ["base", "platform"],
  auth: ["base", "platform"],
  engine: ["base", "platform", "format"],
  extent: ["base", "platform", "format"],
  keymap: ["base", "platform", "format", "engine", "extent"],
  control: ["base", "platform", "format", "engine", "extent", "keymap"],
  object: ["base", "platform", "format", "extent", "engine", "keymap"],
  s3: ["base", "platform", "format", "auth", "object"],
  admin: ["base", "platform", "auth"],
  server: belowServer,
  node: [...belowServer, "server"],
  sim: [...belowServer, "server"],
  cli: [
    "base",
    "platform",
    "format",
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

/** npm packages that run on any host, allowed elsewhere too. */
export const purePackages: readonly string[] = ["fast-xml-parser"];
