/**
 * Ids of deliveries as GitHub issues them since 2026: above 2^53, growing. Neighbours are closer than two
 * doubles are there (512). So ids that pass through a JavaScript number become equal, and tests notice.
 */
export class SnowflakeIds {
  #last = 3_804_004_623_172_239_366n;

  /** The next id, greater than all before it. */
  next(): bigint {
    this.#last += 101n;
    return this.#last;
  }
}
