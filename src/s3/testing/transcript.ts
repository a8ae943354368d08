import { encodeUtf8, toBase64 } from "../../base/bytes.ts";
import type { Hash } from "../../platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import type { TestRequest, TestResponse, TestS3 } from "./test-s3.ts";

// Conversations with the server as text, reviewed as diffs: `> ` what is sent, `< ` what is
// answered, `# ` what it shows. Requests are signed on the way; headers that differ from run to run
// are left out. `{md5}` in a request stands for the digest of its body, `{upload}` for the last
// upload id answered.

const leftOut = ["x-amz-request-id", "x-amz-id-2", "date", "server", "retry-after"];

/**
 * Sends every request of a transcript and returns the transcript with the answers as they are now.
 */
export async function replay(s3: TestS3, transcript: string): Promise<string> {
  const lines: string[] = [];
  const request: string[] = [];
  let upload = "";
  for (const line of [...transcript.trimEnd().split("\n"), ""]) {
    if (line.startsWith(">")) {
      request.push(line.slice(2));
      lines.push(line);
      continue;
    }
    if (request.length > 0) {
      const text = request.splice(0).join("\n").replaceAll("{upload}", upload);
      const response = await s3.send(parseRequest(text.split("\n"), s3.store.platform.hash));
      upload = /<UploadId>([^<]*)</.exec(response.text)?.[1] ?? upload;
      lines.push(...formatResponse(response));
    }
    if (!line.startsWith("<")) lines.push(line);
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function parseRequest(lines: readonly string[], hash: Hash): TestRequest {
  const [method = "", target = "", signature] = (lines[0] ?? "").split(" ");
  const blank = lines.indexOf("");
  const body = blank < 0 ? "" : lines.slice(blank + 1).join("\n");
  const md5 = toBase64(hash.digest("md5", encodeUtf8(body)));
  const headers = lines
    .slice(1, blank < 0 ? undefined : blank)
    .map((line) => parseHeader(line.replace("{md5}", md5)));
  const request = { method, target, headers, body };
  return signature === "unsigned" ? { ...request, signature: "none" } : request;
}

function parseHeader(line: string): HeaderList[number] {
  const colon = line.indexOf(": ");
  return [line.slice(0, colon), line.slice(colon + 2)];
}

function formatResponse({ status, headers, text }: TestResponse): string[] {
  const shown = [...headers].filter(([name]) => !leftOut.includes(name));
  const body = text
    .replace(/<(RequestId|HostId)>[^<]*<\/\1>/g, "")
    .replaceAll("><", ">\n<")
    .split("\n");
  return [
    `< ${status}`,
    ...shown.map(([name, value]) => `< ${name}: ${value}`),
    ...(text === "" ? [] : ["<", ...body.map((line) => `< ${line}`)]),
  ];
}
