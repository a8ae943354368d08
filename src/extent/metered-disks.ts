import { bytesBelow } from "./digest-tree.ts";
import type { DataDisk, ExtentDisks } from "./extent-files.ts";
import { MeteredDisk } from "./metered-disk.ts";
import type { ExtentMember, Members, ReadableMember } from "./extent-member.ts";

/** Bytes that were read from disks with this meter, and written to them. */
export class TransferMeter {
  bytesRead = 0;
  bytesWritten = 0;

  get bytes(): number {
    return this.bytesRead + this.bytesWritten;
  }
}

/** The same disks; what is read from their members and other files, and written, is counted. */
export class MeteredDisks implements ExtentDisks {
  readonly #disks: ExtentDisks;
  readonly #meter: TransferMeter;
  readonly #metered = new WeakMap<DataDisk, DataDisk>();
  #of: readonly DataDisk[] | undefined;
  #now: readonly DataDisk[] = [];

  constructor(disks: ExtentDisks, meter: TransferMeter) {
    this.#disks = disks;
    this.#meter = meter;
  }

  get store(): ExtentDisks["store"] {
    return this.#disks.store;
  }

  get rows(): ExtentDisks["rows"] {
    return this.#disks.rows;
  }

  /** The same array, and in it the same disks, for as long as those below are the same. */
  get disks(): readonly DataDisk[] {
    const { disks } = this.#disks;
    if (disks !== this.#of) {
      this.#of = disks;
      this.#now = disks.map((disk) => this.#meteredOf(disk));
    }
    return this.#now;
  }

  #meteredOf(disk: DataDisk): DataDisk {
    const known = this.#metered.get(disk);
    if (known !== undefined) return known;
    const metered = {
      ...disk,
      disk: new MeteredDisk(disk.disk, this.#meter),
      members: new MeteredMembers(disk.members, this.#meter),
    };
    this.#metered.set(disk, metered);
    return metered;
  }
}

class MeteredMembers implements Members {
  readonly #members: Members;
  readonly #meter: TransferMeter;

  constructor(members: Members, meter: TransferMeter) {
    this.#members = members;
    this.#meter = meter;
  }

  get name(): string {
    return this.#members.name;
  }

  async create(header: Parameters<Members["create"]>[0]): Promise<ExtentMember> {
    return meteredMember(await this.#members.create(header), this.#meter);
  }

  async open(expected: Parameters<Members["open"]>[0]): ReturnType<Members["open"]> {
    const found = await this.#members.open(expected);
    return found === "absent" || "doubt" in found ? found : meteredMember(found, this.#meter);
  }

  async openForReading(name: Parameters<Members["openForReading"]>[0]): Promise<ReadableMember> {
    return meteredReads(await this.#members.openForReading(name), this.#meter);
  }

  async digests(...[name, question]: Parameters<Members["digests"]>): Promise<readonly number[]> {
    const digests = await this.#members.digests(name, question);
    const { start, end } = bytesBelow(question);
    this.#meter.bytesRead += end - start;
    return digests;
  }

  drop(drop: Parameters<Members["drop"]>[0]): ReturnType<Members["drop"]> {
    return this.#members.drop(drop);
  }

  folders(): Promise<string[]> {
    return this.#members.folders();
  }

  pathsIn(folder: string): Promise<string[]> {
    return this.#members.pathsIn(folder);
  }

  assertPresent(): Promise<void> {
    return this.#members.assertPresent();
  }
}

function meteredReads(member: ReadableMember, meter: TransferMeter): ReadableMember {
  return {
    async read(buffer, offset) {
      const bytes = await member.read(buffer, offset);
      meter.bytesRead += bytes;
      return bytes;
    },
    size: () => member.size(),
    close: () => member.close(),
  };
}

function meteredMember(member: ExtentMember, meter: TransferMeter): ExtentMember {
  return {
    ...meteredReads(member, meter),
    async append(epoch, offset, vectors) {
      await member.append(epoch, offset, vectors);
      for (const { length } of vectors) meter.bytesWritten += length;
    },
    isInPlace: () => member.isInPlace(),
    seal: (epoch) => member.seal(epoch),
  };
}
