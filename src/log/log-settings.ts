/** How the log trades memory, latency and file counts. */

export interface LogSettings {
  /** A segment that would grow beyond this is finished first; one larger entry still fits alone. */
  readonly segmentBytes: number;
  /**
   * A segment older than this is finished before the next append or at the next `rollIfOld`, so
   * that a checkpoint can drop it and backups can take it.
   */
  readonly segmentAgeMs: number;
  /** The most that one write and fdatasync carries, larger single entries aside. */
  readonly groupBytes: number;
  /** The most that may wait for the disk; then appends are refused with KRB_LOG_FULL_QUEUE. */
  readonly maxPendingBytes: number;
  /** The largest body of one entry, at most 1 GiB. */
  readonly maxBodyBytes: number;
}

export const DEFAULT_LOG_SETTINGS: LogSettings = {
  segmentBytes: 67_108_864,
  segmentAgeMs: 3_600_000,
  groupBytes: 33_554_432,
  maxPendingBytes: 536_870_912,
  maxBodyBytes: 268_435_456,
};
