/** Names the variable with the bug that a program under test is to have (test/planted/preload.ts). */
export const plantedVariable = "PLANTED_MODULE";

/**
 * The variables of a program under test: nothing that whoever runs the tests has set up for it, but
 * the bug that it is to have.
 */
export function programEnvironment(
  more: Readonly<Record<string, string | undefined>> = {},
): Record<string, string | undefined> {
  const { PATH, NODE_OPTIONS, [plantedVariable]: planted } = process.env;
  const bug = planted === undefined ? {} : { NODE_OPTIONS, [plantedVariable]: planted };
  return { PATH, ...bug, ...more };
}
