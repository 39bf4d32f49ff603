import { describe, expect, it } from "vitest";
import { LogRoom } from "./log-room.ts";

/** A disk with so many bytes left; `write` takes some of them, or fails like a quota. */
class Disk {
  freeBytes: number;
  hasQuotaLeft = true;
  writes = 0;
  readonly room: LogRoom;

  constructor(freeBytes: number) {
    this.freeBytes = freeBytes;
    this.room = new LogRoom({
      freeBytes: () => Promise.resolve(this.freeBytes),
      write: () => {
        this.writes += 1;
        return this.hasQuotaLeft ? Promise.resolve() : Promise.reject(new Error("EDQUOT"));
      },
    });
  }
}

describe("the room of a log", () => {
  it("is there until an entry is refused", async () => {
    const disk = new Disk(0);
    disk.room.written(10);
    await disk.room.tryAgain();
    expect(disk.room.isFull).toBe(false);
    expect(disk.writes).toBe(0);
    disk.room.refused(0);
    expect(disk.room.isFull).toBe(true);
  });

  it("is not there because something smaller fits", async () => {
    const disk = new Disk(8192);
    disk.room.refused(100_000);
    disk.room.refused(0);
    disk.room.written(99_999);
    await disk.room.tryAgain();
    expect(disk.room.isFull).toBe(true);
    expect(disk.writes).toBe(0);
  });

  it("is there again when something as large fits", () => {
    const { room } = new Disk(0);
    room.refused(100_000);
    room.written(100_000);
    expect(room.isFull).toBe(false);
  });

  it("is found without being asked, by writing", async () => {
    const disk = new Disk(0);
    disk.room.refused(100_000);
    disk.freeBytes = 200_000;
    disk.hasQuotaLeft = false;
    await disk.room.tryAgain();
    expect(disk.room.isFull).toBe(true);
    disk.hasQuotaLeft = true;
    await Promise.all([disk.room.tryAgain(), disk.room.tryAgain()]);
    expect(disk.room.isFull).toBe(false);
    expect(disk.writes).toBe(2);
  });
});
