/**
 * Ids of deliveries as GitHub hands them out since 2026: above 2^53, growing. The steps are smaller than the
 * distance of two doubles there (512), so ids that go through a JavaScript number fall together and are noticed.
 */
export class SnowflakeIds {
  #last = 3_804_004_623_172_239_366n;

  /** The next id, greater than all before it. */
  next(): bigint {
    this.#last += 101n;
    return this.#last;
  }
}
